//! Where choices come from: a seed (simulation), or an odometer that tries them all (enumeration).

/// What can go wrong, each a switch of its own. A request that is lost was not applied, an answer that is lost was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Hazard {
    // The wire.
    NotSent,
    RequestLost,
    AnswerLost,
    /// The client gives up, and the request arrives all the same.
    RequestLate,
    /// It arrives twice; the second answer is the one that comes back.
    Twice,
    Cut,
    Garbage,
    TooLong,
    // The target's answers.
    Throttled,
    /// A 5xx, and nothing was done.
    FailedBefore,
    /// A 5xx, and it was done.
    FailedAfter,
    /// A 5xx that the target remembers for this key; nothing was done.
    FailedForGood,
    InProgress,
    Unauthorized,
    /// A redirection, after it was done.
    Redirected,
    /// A 4xx that no profile reads.
    Puzzling,
    /// One result too few, one too many, one twice, or of somebody else.
    Misfitting,
    /// Rows are given back by a 5xx-like word for each.
    Shrinks,
    Rival,
    JobFails,
    JobGone,
    JobStalls,
    /// A run that is told to take up rows in doubt.
    TakesUp,
    // The disk.
    CommitFails,
    /// The commit fails, and is durable all the same.
    CommitFailsDurable,
    // The process and its machine.
    Crash,
    PowerLoss,
    Signal,
    CutShort,
    ClockForward,
    ClockBack,
    /// The next run is told other limits.
    OtherLimits,
    /// A pipe is silent for so long that the batch at hand is closed.
    Aged,
}

impl Hazard {
    pub(crate) const ALL: [Self; 33] = [
        Self::NotSent,
        Self::RequestLost,
        Self::AnswerLost,
        Self::RequestLate,
        Self::Twice,
        Self::Cut,
        Self::Garbage,
        Self::TooLong,
        Self::Throttled,
        Self::FailedBefore,
        Self::FailedAfter,
        Self::FailedForGood,
        Self::InProgress,
        Self::Unauthorized,
        Self::Redirected,
        Self::Puzzling,
        Self::Misfitting,
        Self::Shrinks,
        Self::Rival,
        Self::JobFails,
        Self::JobGone,
        Self::JobStalls,
        Self::TakesUp,
        Self::CommitFails,
        Self::CommitFailsDurable,
        Self::Crash,
        Self::PowerLoss,
        Self::Signal,
        Self::CutShort,
        Self::ClockForward,
        Self::ClockBack,
        Self::OtherLimits,
        Self::Aged,
    ];
}

pub(crate) trait Chance {
    /// Whether this strikes now.
    fn strikes(&mut self, hazard: Hazard) -> bool;
    /// One of `0..n`, for what is no fault: orders, shapes, latencies.
    fn pick(&mut self, n: u64) -> u64;
    /// No fault strikes from now on.
    fn heal(&mut self);
}

/// Chance from a seed. Which hazards there are at all, and how often they strike, differs from seed to seed, so that
/// rare company is met too.
#[derive(Debug)]
pub(crate) struct Seeded {
    rng: fastrand::Rng,
    /// Of a thousand.
    rates: [u16; Hazard::ALL.len()],
    healed: bool,
}

impl Seeded {
    pub(crate) fn new(seed: u64, suits: impl Fn(Hazard) -> bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut rates = [0; Hazard::ALL.len()];
        let calm = rng.u8(..8) == 0;
        for hazard in Hazard::ALL {
            let (odds, most) = match hazard {
                Hazard::Crash => (2, 40),
                Hazard::PowerLoss => (2, 500),
                Hazard::CommitFails | Hazard::CommitFailsDurable => (4, 100),
                Hazard::Signal => (2, 600),
                Hazard::CutShort => (2, 800),
                Hazard::ClockForward
                | Hazard::ClockBack
                | Hazard::Unauthorized
                | Hazard::Redirected
                | Hazard::Puzzling => (6, 60),
                Hazard::FailedForGood | Hazard::JobStalls | Hazard::JobGone => (5, 60),
                Hazard::TakesUp | Hazard::OtherLimits | Hazard::Aged => (2, 900),
                Hazard::Rival => (3, 300),
                _ => (3, 150),
            };
            if suits(hazard) && !calm && rng.u8(..odds) == 0 {
                rates[hazard as usize] = rng.u16(5..=most);
            }
        }
        Self { rng, rates, healed: false }
    }
}

impl Chance for Seeded {
    fn strikes(&mut self, hazard: Hazard) -> bool {
        let rate = self.rates[hazard as usize];
        rate > 0 && !self.healed && self.rng.u16(..1000) < rate
    }

    fn pick(&mut self, n: u64) -> u64 {
        self.rng.u64(..n.max(1))
    }

    fn heal(&mut self) {
        self.healed = true;
    }
}

/// Nothing strikes but what is written down: a hazard, and which time it is asked for.
#[derive(Debug)]
pub(crate) struct Scripted {
    script: Vec<(Hazard, u32)>,
    asked: [u32; Hazard::ALL.len()],
    picks: u64,
    healed: bool,
}

impl Scripted {
    /// `picks` is what every other choice comes to.
    pub(crate) fn new(script: &[(Hazard, u32)], picks: u64) -> Self {
        Self { script: script.to_vec(), asked: [0; Hazard::ALL.len()], picks, healed: false }
    }
}

impl Chance for Scripted {
    fn strikes(&mut self, hazard: Hazard) -> bool {
        let asked = &mut self.asked[hazard as usize];
        *asked += 1;
        !self.healed && self.script.contains(&(hazard, *asked))
    }

    fn pick(&mut self, n: u64) -> u64 {
        self.picks.min(n.saturating_sub(1))
    }

    fn heal(&mut self) {
        self.healed = true;
    }
}

/// Tries every choice: the last wheel turns first, and a wheel that is through turns the one before it.
#[derive(Debug, Default)]
pub(crate) struct Odometer {
    wheels: Vec<bool>,
    at: usize,
    allowed: u64,
    /// Crashes, and all else, that may still strike in this execution.
    budgets: [u32; 2],
    full: [u32; 2],
}

impl Odometer {
    pub(crate) fn new(crashes: u32, faults: u32, allowed: &[Hazard]) -> Self {
        let full = [crashes, faults];
        let allowed = allowed.iter().fold(0, |mask, hazard| mask | 1 << (*hazard as u8));
        Self { allowed, budgets: full, full, ..Self::default() }
    }

    /// The next schedule; `false` after the last.
    pub(crate) fn turn(&mut self) -> bool {
        self.at = 0;
        self.budgets = self.full;
        while let Some(wheel) = self.wheels.pop() {
            if !wheel {
                self.wheels.push(true);
                return true;
            }
        }
        false
    }
}

impl Chance for Odometer {
    fn strikes(&mut self, hazard: Hazard) -> bool {
        let budget = usize::from(hazard != Hazard::Crash);
        // The power fails with a crash that is counted already.
        let counted = hazard != Hazard::PowerLoss;
        if self.allowed & 1 << (hazard as u8) == 0 || counted && self.budgets[budget] == 0 {
            return false;
        }
        if self.at == self.wheels.len() {
            self.wheels.push(false);
        }
        let strikes = self.wheels[self.at];
        self.at += 1;
        self.budgets[budget] -= u32::from(strikes && counted);
        strikes
    }

    fn pick(&mut self, _: u64) -> u64 {
        0
    }

    fn heal(&mut self) {
        self.budgets = [0, 0];
    }
}

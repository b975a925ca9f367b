//! A play: a target, and commands on one state, each with the trouble that it meets; all of it from one seed.

use std::collections::BTreeMap;
use std::fmt;

/// What the target can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// It applies no request twice that has the key of another.
    pub(super) knows_keys: bool,
    /// It can be asked what it holds (`[verify]`).
    pub(super) tells: bool,
    /// It takes all rows of a request or none, and does not name the one at fault.
    pub(super) is_atomic: bool,
    /// It deletes (`[delete]`), and feeds ask for that.
    pub(super) deletes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Term,
    Kill,
}

/// A signal, when this request of the command is there: before it is applied (and then it never is) or behind that.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) signal: Signal,
    pub(super) request: u64,
    pub(super) is_applied: bool,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Send { feed: usize, policy: &'static str, more: String },
    Replay { mended: bool, in_doubt: bool, policy: &'static str },
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) what: What,
    /// Rows of a request, and requests at once.
    pub(super) shape: String,
    /// Of a hundred requests so many meet trouble.
    pub(super) trouble: u32,
    pub(super) end: Option<End>,
}

/// For each key its rows in the order of the file; the last one counts.
pub(super) type Rows = Vec<(String, String)>;

#[derive(Clone, Debug)]
pub(super) struct Play {
    pub(super) seed: u64,
    pub(super) target: Target,
    /// What a request may come to that is in doubt.
    pub(super) policies: &'static [&'static str],
    pub(super) feeds: Vec<Rows>,
    pub(super) steps: Vec<Step>,
}

/// A row with such a value is refused by the target, always.
pub(super) fn is_refused(value: &str) -> bool {
    value.starts_with('x')
}

pub(super) fn newest(rows: &Rows) -> BTreeMap<String, String> {
    rows.iter().cloned().collect()
}

pub(super) fn csv(rows: &Rows) -> String {
    let lines: String = rows.iter().map(|(id, value)| format!("{id},{value}\n")).collect();
    format!("id,value\n{lines}")
}

impl Play {
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let target = Target {
            knows_keys: chance.u8(0..3) == 0,
            tells: chance.bool(),
            is_atomic: chance.bool(),
            deletes: chance.bool(),
        };
        let policies: &[&str] = match (chance.u8(0..4), target.tells) {
            (0, true) => &["verify"],
            (1 | 2, true) => &["hold", "verify"],
            (3, true) => &["hold", "verify", "resend"],
            (0 | 1, false) => &["hold"],
            _ => &["hold", "resend"],
        };
        let mut play = Self { seed, target, policies, feeds: Vec::new(), steps: Vec::new() };
        let mut values: Vec<Option<String>> = vec![None; chance.usize(5..=12)];
        play.next_feed(&mut values, &mut chance);
        for _ in 0..chance.usize(4..=10) {
            let step = play.step(&mut values, &mut chance);
            play.steps.push(step);
        }
        play
    }

    /// Nothing of it may be applied twice.
    pub(super) fn is_strict(&self) -> bool {
        !self.policies.contains(&"resend")
    }

    fn step(&mut self, values: &mut [Option<String>], chance: &mut fastrand::Rng) -> Step {
        let policy = *chance.choice(self.policies).unwrap();
        let what = if chance.u8(0..100) < 22 && !self.steps.is_empty() {
            let in_doubt = !self.is_strict() && chance.u8(0..3) == 0;
            What::Replay { mended: chance.bool(), in_doubt, policy }
        } else {
            What::Send { feed: self.feed(values, chance), policy, more: self.more(chance) }
        };
        let rows = if self.target.tells { 1 } else { chance.u8(1..=3) };
        let end = (chance.u8(0..100) < 45).then(|| End {
            signal: if chance.bool() { Signal::Kill } else { Signal::Term },
            request: chance.u64(1..=6),
            is_applied: chance.bool(),
        });
        let shape = format!("--batch-rows {rows} -j {}", chance.u8(1..=4));
        Step { what, shape, trouble: [0, 0, 15, 40][chance.usize(0..4)], end }
    }

    /// The next one, the last one again, or any.
    fn feed(&mut self, values: &mut [Option<String>], chance: &mut fastrand::Rng) -> usize {
        match chance.u8(0..100) {
            0..60 if !self.steps.is_empty() => self.next_feed(values, chance),
            90..100 => return chance.usize(0..self.feeds.len()),
            _ => {}
        }
        self.feeds.len() - 1
    }

    fn more(&self, chance: &mut fastrand::Rng) -> String {
        let mut more = String::new();
        if chance.u8(0..100) < 12 {
            more += " --max-shrink 0";
        }
        if self.target.deletes && chance.u8(0..100) < 75 {
            let allowed = if chance.u8(0..4) == 0 { 0 } else { 100 };
            more += &format!(" --deletes --max-deletes {allowed}");
        } else if chance.u8(0..100) < 8 {
            more += &format!(" --limit {}", chance.u8(1..=5));
        }
        more
    }

    /// Rows change, come, go, and come back as they once were; some stand there twice, some are refused.
    fn next_feed(&mut self, values: &mut [Option<String>], chance: &mut fastrand::Rng) {
        let is_first = self.feeds.is_empty();
        let mut rows = Rows::new();
        for (number, value) in values.iter_mut().enumerate() {
            if chance.u8(0..100) < if is_first { 80 } else { 35 } {
                *value = match chance.u8(0..100) {
                    0..8 => Some(format!("x{}", chance.u8(0..2))),
                    8..30 if !is_first => None,
                    _ => Some(format!("{}", chance.choice(['a', 'b', 'c', 'd']).unwrap())),
                };
            }
            let Some(value) = value else { continue };
            if chance.u8(0..100) < 6 {
                rows.push((format!("r{number}"), chance.choice(["a", "b", "e", "x0"]).unwrap().to_owned()));
            }
            rows.push((format!("r{number}"), value.clone()));
        }
        if rows.is_empty() {
            rows.push(("r0".into(), "a".into()));
        }
        self.feeds.push(rows);
    }
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "play {}: {:?}, {:?}", self.seed, self.target, self.policies)?;
        for (number, rows) in self.feeds.iter().enumerate() {
            let rows: Vec<String> = rows.iter().map(|(id, value)| format!("{id}={value}")).collect();
            writeln!(f, "  f{number}.csv: {}", rows.join(" "))?;
        }
        Ok(())
    }
}

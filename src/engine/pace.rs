//! How fast a target lets us be: told by its answers, or learned from what it took and what it refused.
//!
//! Until something is told or refused, nothing is paced. A target that tells its limit gets requests evenly over its
//! window, so that the window is used up when it ends and not before. One that only refuses has a ceiling somewhere:
//! we stay just under the rate at which it refused, and try for more after a while; the while doubles each time the
//! ceiling is found where it was, and a ceiling that has moved is found again ever faster. A refusal may cost a second in
//! which a small bucket is filled many times over: so few of them have to teach enough.

use crate::model::Moment;
use std::time::Duration;

/// What is looked back on: so many stretches of a tenth of a second.
const STRETCHES: usize = 100;
const STRETCH_MICROS: u64 = 100_000;
/// Of a limit, how much is made use of: requests that left evenly do not arrive quite so.
const SAFE: f64 = 0.985;
/// After a refusal, of the rate at which it came; more is cut off if the one before was just over.
const CUTS: [f64; 5] = [0.97, 0.94, 0.88, 0.78, 0.7];
/// A refusal so soon after the gate opened again: the cut before was too small.
const SOON: Duration = Duration::from_secs(4);
/// What was taken in a moment may be far from what could be: a rate is never cut further than this because of it.
const LEAST: f64 = 0.25;
/// What a refusal costs that names no wait, about.
const UNNAMED_WAIT: Duration = Duration::from_millis(200);
/// Targets name whole seconds, and mostly mean less.
const ROUNDED: Duration = Duration::from_secs(1);
/// A ceiling is taken for the one that was known, if it is found within this of it.
const ALIKE: std::ops::Range<f64> = 0.9..1.25;
/// No second cut before the first has shown.
const CUT_APART: Duration = Duration::from_secs(1);
/// How long a ceiling is believed at first, and at most: the longer, the more it cost to find.
const BELIEVED: Duration = Duration::from_secs(5);
const BELIEVED_MAX: Duration = Duration::from_secs(60);
const BELIEVED_FOR_COST: u32 = 60;
/// Growth a second when more is tried for: at first, more of it each second, and more of that.
const GROWTH: [f64; 3] = [0.005, 0.01, 0.002];
/// Of what is missing to the ceiling, how much is regained a second.
const REGAIN: f64 = 0.1;
/// Growth a second while nothing is known but one refusal.
const GROWTH_ROUGH: f64 = 1.0;
/// How far behind its pace a request may be and still catch up: wake-ups come late.
const CATCH_UP_MICROS: u64 = 10_000;
/// A rate so many times above what is used holds nobody back, and is forgotten.
const FORGOTTEN: f64 = 10.0;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// While so much of what the target told is taken, its refusals are accidents; below it, others use the limit, too.
const ALONE: f64 = 0.7;

/// What refusals taught.
#[derive(Clone, Copy, Debug)]
struct Learned {
    /// Requests a second.
    rate: f64,
    /// Where the last refusal came.
    ceiling: f64,
    /// How long after it more is tried for.
    believed: Duration,
    /// From a first refusal, out of an unpaced crowd: little more than a guess.
    rough: bool,
    /// Refusals in a row, each of them soon after the one before.
    soon: usize,
}

impl Learned {
    /// Refused `calm` after the last time, `open` after that time's wait, while so many a second were taken.
    fn corrected(self, taken: f64, calm: Duration, open: Duration, wait: Duration) -> Self {
        // Far above what was taken, the rate is no measure.
        let measured = (taken * 1.05).max(self.rate * LEAST);
        let at = if self.rate > taken * 1.3 { measured } else { self.rate };
        let alike = !self.rough && ALIKE.contains(&(at / self.ceiling));
        // Where more was tried for, we have gone too far by some of it: the ceiling is between the two.
        let tried = calm > self.believed;
        let ceiling = if alike && tried { at.min((at * self.ceiling).sqrt()) } else { at };
        let most = wait.saturating_mul(BELIEVED_FOR_COST).clamp(BELIEVED, BELIEVED_MAX);
        let believed = if alike { (self.believed * 2).min(most) } else { BELIEVED };
        let soon = if !self.rough && open < SOON { (self.soon + 1).min(CUTS.len() - 1) } else { 0 };
        Self { rate: ceiling * CUTS[soon], ceiling, believed, rough: false, soon }
    }

    /// The rate so long after the last refusal, and so many seconds after it grew last.
    fn grown(self, calm: Duration, passed: f64) -> f64 {
        if self.rough && calm > CUT_APART {
            return self.rate * (1.0 + GROWTH_ROUGH * passed);
        }
        if calm <= self.believed {
            let most = self.ceiling * SAFE;
            let regained = (most - self.rate).max(0.0) * REGAIN + self.rate * GROWTH[0];
            return (self.rate + regained * passed).min(most).max(self.rate);
        }
        let trying = calm.saturating_sub(self.believed).as_secs_f64();
        let growth = GROWTH[0] + GROWTH[1] * trying + GROWTH[2] * trying * trying;
        self.rate * (1.0 + growth * passed)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Requests a second, as the target's own words say.
    told: Option<f64>,
    /// The limit that was told last, with the longest time to its reset, in seconds.
    window: (u64, f64),
    learned: Option<Learned>,
    /// Not before this moment.
    next: Moment,
    /// Requests that were taken or let pass, stretch by stretch.
    taken: [u32; STRETCHES],
    stretch: u64,
    started: Option<Moment>,
    refused_at: Moment,
    /// When the wait after it is over.
    opens_at: Moment,
    grown_at: Moment,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self {
            told: None,
            window: (0, 0.0),
            learned: None,
            next: Moment::ZERO,
            taken: [0; STRETCHES],
            stretch: 0,
            started: None,
            refused_at: Moment::ZERO,
            opens_at: Moment::ZERO,
            grown_at: Moment::ZERO,
        }
    }

    /// When the next request may leave, if not now.
    pub(super) fn wait(&self, now: Moment) -> Option<Moment> {
        (self.rate().is_some() && self.next > now).then_some(self.next)
    }

    /// A request leaves.
    pub(super) fn left(&mut self, now: Moment) {
        self.started.get_or_insert(now);
        if let Some(apart) = self.apart() {
            let earliest = Moment::from_micros(now.micros().saturating_sub(CATCH_UP_MICROS));
            self.next = self.next.max(earliest) + apart;
        }
    }

    /// The time between two requests.
    fn apart(&self) -> Option<Duration> {
        self.rate().map(|rate| Duration::from_secs_f64((1.0 / rate).min(3600.0)))
    }

    fn rate(&self) -> Option<f64> {
        let learned = self.learned.map(|learned| learned.rate);
        match (self.told, learned) {
            (Some(told), Some(learned)) => Some(told.min(learned)),
            (told, learned) => told.or(learned),
        }
    }

    /// A request was let pass, and failed: that was not for coming too fast, and is no part of what is learned of that.
    pub(super) fn let_pass(&mut self, now: Moment) {
        self.turn_to(now);
        self.taken[self.stretch as usize % STRETCHES] += 1;
    }

    /// A request was taken.
    pub(super) fn taken(&mut self, now: Moment) {
        self.let_pass(now);
        let Some(mut learned) = self.learned else { return };
        let calm = now.since(self.refused_at);
        let passed = now.since(self.grown_at).as_secs_f64();
        self.grown_at = now;
        learned.rate = learned.grown(calm, passed);
        let idle = calm > FORGOTTEN_AFTER && learned.rate > self.lately(now, STRETCHES) * FORGOTTEN;
        self.learned = (!idle).then_some(learned);
    }

    /// A request was refused for coming too fast; the wait is the one that the target named.
    pub(super) fn refused(&mut self, now: Moment, named: Option<Duration>) {
        self.turn_to(now);
        if self.learned.is_some() && now.since(self.refused_at) < CUT_APART {
            return;
        }
        if self.told.is_some_and(|told| self.lately(now, STRETCHES) > told * ALONE) {
            return;
        }
        let named = named.filter(|wait| !wait.is_zero());
        let wait = named.unwrap_or(UNNAMED_WAIT);
        let taken = self.lately(now, STRETCHES).max(self.lately(now, STRETCHES / 10));
        // A target that takes nothing at all is between two of its windows: that says nothing about its rate.
        if taken > 0.0 {
            let (calm, open) = (now.since(self.refused_at), now.since(self.opens_at));
            let first =
                Learned { rate: taken * CUTS[0], ceiling: taken, believed: BELIEVED, rough: true, soon: 0 };
            self.learned = Some(self.learned.map_or(first, |known| known.corrected(taken, calm, open, wait)));
        }
        (self.refused_at, self.grown_at, self.opens_at) = (now, now, now + wait);
        if named.is_some_and(|wait| wait <= ROUNDED) {
            // More could be taken in this time than we may send: it is no part of any measure.
            (self.taken, self.started) = ([0; STRETCHES], Some(self.opens_at));
        }
    }

    /// The target told its limit, for a window that ends after this time at the latest.
    pub(super) fn told(&mut self, limit: u64, window: Option<Duration>, reset: Duration) {
        let (known, longest) = self.window;
        let seconds = match window {
            Some(window) => window.as_secs_f64(),
            None if known == limit => reset.as_secs_f64().max(longest),
            None => reset.as_secs_f64(),
        };
        self.window = (limit, seconds);
        self.told = (limit > 0 && seconds > 0.0).then(|| limit as f64 / seconds * SAFE);
    }

    /// Whether to wait for a reset so near: whole seconds are mostly too many of them, and at an even pace the window is
    /// over when its last request has left.
    pub(super) fn outlasts(&self, reset: Duration) -> bool {
        self.told.is_some() && reset <= Duration::from_secs(1)
    }

    /// Requests a second that were taken in the last of so many stretches.
    fn lately(&self, now: Moment, stretches: usize) -> f64 {
        let since_start = self.started.map_or(0.0, |started| now.since(started).as_secs_f64());
        let seconds = since_start.clamp(0.1, stretches as f64 / 10.0);
        let first = (self.stretch + 1).saturating_sub(stretches as u64);
        let taken: u32 = (first..=self.stretch).map(|at| self.taken[at as usize % STRETCHES]).sum();
        f64::from(taken) / seconds
    }

    fn turn_to(&mut self, now: Moment) {
        let stretch = now.micros() / STRETCH_MICROS;
        for passed in (self.stretch + 1..=stretch).take(STRETCHES) {
            self.taken[passed as usize % STRETCHES] = 0;
        }
        self.stretch = self.stretch.max(stretch);
    }
}

//! How many requests may be in flight: a fixed number, or as many as the target keeps up with.
//!
//! Additive increase, multiplicative decrease, as TCP does it and Netflix's concurrency-limits after it: one more
//! for each round of good answers while all slots are in use; half on time-outs and lost answers; a tenth less on 429
//! and when the answers take twice as long as the best seen. It never falls below one.

use crate::model::Moment;
use std::time::Duration;

/// `-j`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    Fixed(u32),
    Auto { max: u32 },
}

const START: f64 = 4.0;

/// The present limit.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    mode: Concurrency,
    limit: f64,
    /// Latency of late, smoothed over ten answers or so, and the best that it ever was; seconds.
    recent: Option<f64>,
    best: f64,
    /// No second cut before what was in flight at the first has landed.
    next_cut: Moment,
}

impl Slots {
    pub(super) fn new(mode: Concurrency) -> Self {
        let limit = match mode {
            Concurrency::Fixed(slots) => f64::from(slots.max(1)),
            Concurrency::Auto { max } => START.min(f64::from(max.max(1))),
        };
        Self { mode, limit, recent: None, best: f64::INFINITY, next_cut: Moment::ZERO }
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit as usize
    }

    /// A good answer that took this long, while `in_flight` requests were out (itself among them).
    pub(super) fn went_well(&mut self, now: Moment, took: Duration, in_flight: usize) {
        let Concurrency::Auto { max } = self.mode else { return };
        let took = took.as_secs_f64();
        let recent = self.recent.map_or(took, |recent| recent + (took - recent) * 0.1);
        self.recent = Some(recent);
        // With hardly anything out, a long wait is the target's own: it has become slower, and that is the measure now.
        let alone = self.limit <= 2.0;
        self.best = if alone { recent } else { self.best.min(recent) };
        if recent > self.best * 2.0 + 0.005 {
            self.cut(now, Duration::from_secs_f64(took), 0.9);
        } else if in_flight >= self.limit() {
            self.limit = (self.limit + 1.0 / self.limit).min(f64::from(max.max(1)));
        }
    }

    /// A refusal for being too fast: how fast we are is the pace's to say, and how many at once is seldom meant.
    pub(super) fn went_too_fast(&mut self, now: Moment, took: Duration) {
        if matches!(self.mode, Concurrency::Auto { .. }) {
            self.cut(now, took, 0.9);
        }
    }

    /// A time-out, a lost answer.
    pub(super) fn went_badly(&mut self, now: Moment, took: Duration) {
        if matches!(self.mode, Concurrency::Auto { .. }) {
            self.cut(now, took, 0.5);
        }
    }

    fn cut(&mut self, now: Moment, took: Duration, factor: f64) {
        if now >= self.next_cut {
            self.limit = (self.limit * factor).max(1.0);
            self.next_cut = now + took.max(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_the_cap(steps in prop::collection::vec((any::<bool>(), 0_u64..500), 0..400)) {
            let mut slots = Slots::new(Concurrency::Auto { max: 16 });
            let mut now = Moment::ZERO;
            for (good, millis) in steps {
                let took = Duration::from_millis(millis);
                now = now + took;
                if good { slots.went_well(now, took, slots.limit()) } else { slots.went_badly(now, took) }
                prop_assert!((1..=16).contains(&slots.limit()));
            }
        }
    }

    #[test]
    fn it_grows_while_the_target_keeps_up_and_recovers_after_a_cut() {
        let mut slots = Slots::new(Concurrency::Auto { max: 64 });
        let took = Duration::from_millis(10);
        let mut now = Moment::ZERO;
        for _ in 0..3000 {
            now = now + took;
            slots.went_well(now, took, slots.limit());
        }
        assert_eq!(slots.limit(), 64);
        slots.went_badly(now, took);
        assert_eq!(slots.limit(), 32);
    }
}

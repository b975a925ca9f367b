//! The one gate that every attempt passes, first or tenth: the target's pause, the slots, the rates.
//!
//! The gate belongs to the target, not to the request: a Retry-After closes it for everyone. Its limiters run on a
//! clock that is wound by hand, so it never reads the time.

use super::concurrency::{Concurrency, Slots};
use super::pace::Pace;
use crate::model::{Moment, Outcome};
use crate::target::RateHint;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// So many in so long, e.g. `10/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub amount: NonZeroU32,
    pub per: Duration,
}

/// A clock that shows what it was last set to.
#[derive(Clone, Debug, Default)]
struct WoundClock(Arc<AtomicU64>);

impl WoundClock {
    fn set(&self, now: Moment) {
        self.0.store(now.micros().saturating_mul(1000), Ordering::Relaxed);
    }
}

impl Clock for WoundClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(Duration::from_nanos(self.0.load(Ordering::Relaxed)))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, WoundClock, NoOpMiddleware<Nanos>>;

struct Lane {
    limiter: Limiter,
    burst: u32,
    per_second: f64,
    counts: Counts,
}

/// What a rate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Requests,
    Rows,
    Bytes,
}

/// The rates that a gate keeps, and the largest request that each must let pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates<'a> {
    pub(super) requests: &'a [Rate],
    pub(super) rows: &'a [Rate],
    pub(super) bytes: &'a [Rate],
    pub(super) batch_rows: u64,
    pub(super) batch_bytes: u64,
}

/// What a request puts on the scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// See the module.
pub struct Gate {
    clock: WoundClock,
    lanes: Vec<Lane>,
    /// Lanes that the next request to leave has already passed: a token is never taken twice for it.
    passed: usize,
    slots: Slots,
    in_flight: usize,
    closed_until: Moment,
    /// When the next token is there, if one was missing.
    token_at: Moment,
    /// It is the target that gives it out; else a rate that a person or the profile set.
    token_of_target: bool,
    /// What the target said that it still allows: so many requests until this moment.
    allowance: Option<(u64, Moment)>,
    pace: Pace,
    /// A person said how fast; that is not improved upon.
    paced_by_hand: bool,
    /// Nothing was taken since a refusal for being too fast: one request at a time asks whether that is over.
    probing: bool,
    /// Refusals for being too fast since the last request was taken, one for each time that the gate was open.
    refusals: u32,
    /// Failures since the target last answered well; above some, one request at a time feels its way.
    trouble: u32,
    successes: u64,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("slots", &self.slots)
            .field("in_flight", &self.in_flight)
            .field("closed_until", &self.closed_until)
            .finish_non_exhaustive()
    }
}

/// What the gate says to a request that wants to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Go,
    /// Not before this moment.
    At(Moment),
    /// When a slot is free.
    Full,
}

/// Failures in a row after which only one request at a time is tried.
const TROUBLED: u32 = 3;

impl Gate {
    pub(super) fn new(mode: Concurrency, rates: Rates<'_>) -> Self {
        let clock = WoundClock::default();
        let lane = |rate: &Rate, counts: Counts| {
            // Bursts of one hundredth of a second's worth: tokens that a late wake-up would lose are kept, and no
            // window of a second holds more than a hundredth above the rate.
            let per_second = f64::from(rate.amount.get()) / rate.per.as_secs_f64();
            let mut burst = (per_second / 100.0).clamp(1.0, f64::from(u32::MAX)) as u32;
            let largest = match counts {
                Counts::Requests => 1,
                Counts::Rows => rates.batch_rows,
                Counts::Bytes => rates.batch_bytes,
            };
            burst = burst.max(u32::try_from(largest).unwrap_or(u32::MAX));
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            // A little less than allowed: what left evenly does not arrive quite so.
            let quota = Quota::with_period(rate.per.mul_f64(1.015) / rate.amount.get())
                .unwrap_or(Quota::per_second(NonZeroU32::MAX))
                .allow_burst(burst);
            Lane {
                limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
                burst: burst.get(),
                per_second,
                counts,
            }
        };
        let all =
            [(rates.requests, Counts::Requests), (rates.rows, Counts::Rows), (rates.bytes, Counts::Bytes)];
        let lanes = all.iter().flat_map(|(list, counts)| list.iter().map(|rate| lane(rate, *counts)));
        Self {
            lanes: lanes.collect(),
            clock,
            passed: 0,
            slots: Slots::new(mode),
            in_flight: 0,
            closed_until: Moment::ZERO,
            token_at: Moment::ZERO,
            token_of_target: false,
            allowance: None,
            pace: Pace::new(),
            paced_by_hand: !rates.requests.is_empty(),
            probing: false,
            refusals: 0,
            trouble: 0,
            successes: 0,
        }
    }

    /// Asks for passage for a request of such a weight. `Go` takes the tokens and a slot.
    pub(super) fn pass(&mut self, now: Moment, weight: Weight) -> Passage {
        if now < self.closed_until {
            return Passage::At(self.closed_until);
        }
        if self.free_slots() == 0 {
            return Passage::Full;
        }
        if let Some((0, reset)) = self.allowance(now) {
            (self.token_at, self.token_of_target) = (reset, true);
            return Passage::At(reset);
        }
        if let Some(at) = self.pace.wait(now) {
            (self.token_at, self.token_of_target) = (at, true);
            return Passage::At(at);
        }
        if let Some(at) = self.take_tokens(now, weight) {
            return Passage::At(at);
        }
        self.pace.left(now);
        if let Some((left, _)) = &mut self.allowance {
            *left -= 1;
        }
        self.in_flight += 1;
        Passage::Go
    }

    /// What is left of the target's allowance, if its window is not over.
    fn allowance(&mut self, now: Moment) -> Option<(u64, Moment)> {
        self.allowance = self.allowance.filter(|(_, reset)| *reset > now);
        self.allowance
    }

    /// An answer told how much the target still allows. Requests that are out may not be counted there yet.
    pub(super) fn hinted(&mut self, now: Moment, hint: &RateHint) {
        if let Some(reset) = hint.reset.filter(|reset| !reset.is_zero()) {
            if let Some(limit) = hint.limit {
                self.pace.told(limit, hint.window, reset);
            }
            let left = hint.remaining.saturating_sub(self.in_flight as u64);
            self.allowance = (!self.pace.outlasts(reset)).then_some((left, now + reset));
        }
    }

    /// Passage for a poll: it counts against the rates, but takes no slot.
    pub(super) fn pass_poll(&mut self, now: Moment) -> Passage {
        if now < self.closed_until {
            return Passage::At(self.closed_until);
        }
        self.take_tokens(now, Weight::default()).map_or(Passage::Go, Passage::At)
    }

    fn take_tokens(&mut self, now: Moment, weight: Weight) -> Option<Moment> {
        self.clock.set(now);
        while let Some(lane) = self.lanes.get(self.passed) {
            let tokens = match lane.counts {
                Counts::Requests => 1,
                Counts::Rows => weight.rows,
                Counts::Bytes => weight.bytes,
            };
            let tokens = u32::try_from(tokens).unwrap_or(u32::MAX).min(lane.burst);
            if let Some(tokens) = NonZeroU32::new(tokens)
                && let Ok(Err(not_until)) = lane.limiter.check_n(tokens)
            {
                let wait = not_until.wait_time_from(Nanos::from(Duration::from_micros(now.micros())));
                self.token_at = now + wait.max(Duration::from_micros(1));
                self.token_of_target = false;
                return Some(self.token_at);
            }
            self.passed += 1;
        }
        self.passed = 0;
        None
    }

    /// A request that passed did not leave: its slot is free again.
    pub(super) const fn turned_back(&mut self) {
        self.in_flight -= 1;
    }

    /// An attempt has landed.
    pub(super) fn landed(&mut self, now: Moment, took: Duration, outcome: &Outcome) {
        match outcome {
            Outcome::Throttled { wait, .. } => {
                self.probing = true;
                if now >= self.closed_until {
                    self.refusals += 1;
                }
                if !self.paced_by_hand {
                    self.pace.refused(now, *wait);
                }
                self.slots.went_too_fast(now, took);
            }
            Outcome::Unknown { .. } | Outcome::NotApplied { .. } => {
                // A target that is down says nothing about how much it takes.
                if self.trouble < TROUBLED {
                    self.pace.let_pass(now);
                }
                self.trouble = self.trouble.saturating_add(1);
                self.slots.went_badly(now, took);
            }
            _ => {
                self.trouble = 0;
                (self.probing, self.refusals) = (false, 0);
                self.successes += 1;
                self.pace.taken(now);
                self.slots.went_well(now, took, self.in_flight);
            }
        }
        self.in_flight -= 1;
    }

    #[expect(clippy::unused_self, reason = "polls take no slot; the gate is told all the same")]
    pub(super) const fn landed_poll(&mut self) {}

    /// The target asked for patience, and the time is not over.
    pub(super) fn is_closed(&self, now: Moment) -> bool {
        now < self.closed_until
    }

    /// Nothing leaves before this moment.
    pub(super) fn close(&mut self, until: Moment) {
        self.closed_until = self.closed_until.max(until);
    }

    /// Requests that may leave at once, as far as slots go.
    pub(super) fn free_slots(&self) -> usize {
        let limit = if self.trouble >= TROUBLED || self.probing { 1 } else { self.slots.limit() };
        limit.saturating_sub(self.in_flight)
    }

    /// Requests that are likely to leave within a moment: as many as there are slots, or as the rates let pass in a
    /// quarter of a second.
    pub(super) fn paces(&self) -> usize {
        let paces = self.lanes.iter().map(|lane| (lane.per_second / 4.0) as usize);
        paces.min().unwrap_or(usize::MAX).min(self.limit())
    }

    /// Times in a row that the target refused all requests for being too fast.
    pub(super) const fn refusals(&self) -> u32 {
        self.refusals
    }

    /// Good answers so far.
    pub(super) const fn successes(&self) -> u64 {
        self.successes
    }

    /// Requests that may be in flight now.
    pub const fn limit(&self) -> usize {
        self.slots.limit()
    }

    /// The first moment at which a request might pass, as far as the last refusal of passage told.
    pub(super) fn next_opening(&self) -> Moment {
        self.closed_until.max(self.token_at)
    }

    /// What the next request waits for is the target's own pace, not a rate that was set.
    pub(super) const fn opens_by_target(&self) -> bool {
        self.token_of_target
    }

    /// The target asked not to be called before this moment.
    pub const fn closed_until(&self) -> Moment {
        self.closed_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Verdicts;

    fn rate(amount: u32, per: Duration) -> Rate {
        Rate { amount: NonZeroU32::new(amount).unwrap(), per }
    }

    /// Runs the gate for `seconds` of virtual time with instant answers; the moments at which requests left.
    fn departures(gate: &mut Gate, seconds: u64, rows: u64) -> Vec<u64> {
        let mut now = Moment::ZERO;
        let mut left = Vec::new();
        while now < Moment::from_micros(seconds * 1_000_000) {
            match gate.pass(now, Weight { rows, bytes: 10 * rows }) {
                Passage::Go => {
                    left.push(now.micros());
                    gate.landed(now, Duration::ZERO, &Outcome::Settled(Verdicts::delivered()));
                }
                Passage::At(at) => now = at,
                Passage::Full => unreachable!("answers are instant"),
            }
        }
        left
    }

    #[test]
    fn no_second_holds_more_than_the_rate_and_nearly_all_of_it_is_used() {
        for amount in [1, 4, 10, 97, 1000] {
            let mut gate = Gate::new(
                Concurrency::Fixed(4),
                Rates { requests: &[rate(amount, Duration::from_secs(1))], ..Rates::default() },
            );
            let left = departures(&mut gate, 20, 1);
            assert!(left.len() as f64 >= f64::from(amount) * 20.0 * 0.97, "{amount}: {}", left.len());
            for (index, at) in left.iter().enumerate() {
                let in_window = left[index..].iter().take_while(|other| **other < at + 1_000_000).count();
                assert!(in_window as f64 <= f64::from(amount) * 1.01 + 1.0, "{amount}: {in_window}");
            }
        }
    }

    #[test]
    fn rows_are_counted_where_rows_are_limited() {
        let mut gate = Gate::new(
            Concurrency::Fixed(4),
            Rates { rows: &[rate(500, Duration::from_secs(1))], batch_rows: 100, ..Rates::default() },
        );
        let left = departures(&mut gate, 10, 100);
        assert!((49..=52).contains(&left.len()), "{}", left.len());
    }

    #[test]
    fn a_byte_rate_counts_bytes() {
        let rates =
            Rates { bytes: &[rate(5000, Duration::from_secs(1))], batch_bytes: 1000, ..Rates::default() };
        let mut gate = Gate::new(Concurrency::Fixed(4), rates);
        let left = departures(&mut gate, 10, 100);
        assert!((49..=52).contains(&left.len()), "{}", left.len());
    }

    #[test]
    fn what_the_target_says_it_allows_is_used_up_and_not_passed() {
        let mut gate = Gate::new(Concurrency::Fixed(64), Rates::default());
        let hint = |remaining, reset| RateHint {
            remaining,
            reset: Some(Duration::from_secs(reset)),
            limit: None,
            window: None,
        };
        gate.hinted(Moment::ZERO, &hint(2, 10));
        assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::Go);
        assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::Go);
        let reset = Moment::ZERO + Duration::from_secs(10);
        assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::At(reset));
        assert_eq!(gate.pass(reset, Weight::default()), Passage::Go);
        // Two of the three that are left may be on their way already.
        gate.hinted(reset, &hint(4, 10));
        assert_eq!(gate.pass(reset, Weight::default()), Passage::Go);
        assert_ne!(gate.pass(reset, Weight::default()), Passage::Go);
    }

    #[test]
    fn a_pause_closes_the_gate_for_everyone() {
        let mut gate = Gate::new(Concurrency::Fixed(4), Rates::default());
        gate.close(Moment::from_micros(5));
        assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::At(Moment::from_micros(5)));
        assert_eq!(gate.pass(Moment::from_micros(5), Weight::default()), Passage::Go);
    }

    #[test]
    fn a_target_in_trouble_gets_one_request_at_a_time() {
        let mut gate = Gate::new(Concurrency::Fixed(8), Rates::default());
        for _ in 0..8 {
            assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::Go);
        }
        let lost = Outcome::Unknown { wait: None, why: String::new() };
        for _ in 0..8 {
            gate.landed(Moment::ZERO, Duration::ZERO, &lost);
        }
        assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::Go);
        assert_eq!(gate.pass(Moment::ZERO, Weight::default()), Passage::Full);
    }
}

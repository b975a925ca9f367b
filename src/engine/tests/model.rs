//! A target that takes so much and no more, and a crowd of requests that want through the gate.

use crate::engine::gate::{Gate, Passage, Rates, Weight};
use crate::engine::{Backoff, Concurrency, Rate};
use crate::model::{Moment, Outcome, Verdicts};
use crate::target::RateHint;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// How a target limits its callers. Times are in microseconds.
pub(super) enum Limit {
    /// So many in each window, counted from the full hour, so to say.
    Fixed { window: u64 },
    /// So many in any stretch of this length.
    Sliding { window: u64 },
    /// So many a second, and so many at once after a rest.
    Bucket { burst: f64 },
    /// None: it serves so many a second, and lets the others wait.
    Queue,
}

/// What a refusal and an answer say beside yes and no.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Silent,
    /// A refusal names the wait, in whole seconds.
    RetryAfter,
    /// Each answer tells what is left and when the window ends, in whole seconds.
    Hints,
}

pub(super) struct Model {
    pub(super) limit: Limit,
    /// Requests a second that it allows at this moment.
    pub(super) rate: fn(u64) -> f64,
    pub(super) latency: u64,
    pub(super) words: Words,
    /// Of a hundred requests that it takes, those whose answer is lost.
    pub(super) lost: u64,
}

struct State {
    took: VecDeque<u64>,
    tokens: f64,
    at: u64,
    /// When the request that is served last leaves.
    free_at: u64,
}

/// What came of a stretch of time.
#[derive(Debug)]
pub(super) struct Score {
    /// Of what the target allowed.
    pub(super) used: f64,
    /// Of all requests.
    pub(super) refused: f64,
    /// The most requests that were out at once.
    pub(super) crowd: usize,
}

/// What came of one request, when it lands.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Landing {
    at: u64,
    left: u64,
    attempts: u32,
    taken: bool,
    remaining: u64,
    reset: u64,
    limit: u64,
}

impl Model {
    /// A request arrives: whether it is taken, when its answer leaves, how many more may come in how long.
    fn ask(&self, state: &mut State, now: u64) -> (bool, u64, u64, u64, u64) {
        let rate = (self.rate)(now);
        let window = match self.limit {
            Limit::Fixed { window } | Limit::Sliding { window } => window,
            Limit::Bucket { .. } | Limit::Queue => 1_000_000,
        };
        let limit = (rate * window as f64 / 1e6).round() as u64;
        let start = match self.limit {
            Limit::Fixed { .. } => now / window * window,
            _ => (now + 1).saturating_sub(window),
        };
        while state.took.front().is_some_and(|at| *at < start) {
            state.took.pop_front();
        }
        state.tokens += (now - state.at) as f64 / 1e6 * rate;
        state.at = now;
        let full = match self.limit {
            Limit::Fixed { .. } | Limit::Sliding { .. } => state.took.len() as u64 >= limit,
            Limit::Bucket { burst } => {
                state.tokens = state.tokens.min(burst);
                state.tokens < 1.0
            }
            Limit::Queue => {
                state.free_at = state.free_at.max(now) + (1e6 / rate) as u64;
                return (true, state.free_at, 0, 0, 0);
            }
        };
        if !full {
            state.took.push_back(now);
            state.tokens -= 1.0;
        }
        let reset = match self.limit {
            Limit::Fixed { .. } => start + window - now,
            Limit::Sliding { .. } => state.took.front().map_or(window, |at| at + window - now),
            _ => ((1.0 - state.tokens).max(0.0) / rate * 1e6) as u64,
        };
        let left = match self.limit {
            Limit::Bucket { .. } => state.tokens.max(0.0) as u64,
            _ => limit.saturating_sub(state.took.len() as u64),
        };
        (!full, now, left, reset, limit)
    }

    /// Lets as many requests through the gate as it allows, for so many seconds.
    pub(super) fn run(&self, rates: &[Rate], seconds: u64, seed: u64) -> Score {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut gate =
            Gate::new(Concurrency::Auto { max: 64 }, Rates { requests: rates, ..Rates::default() });
        let mut state = State { took: VecDeque::new(), tokens: 0.0, at: 0, free_at: 0 };
        let mut out: BinaryHeap<Reverse<Landing>> = BinaryHeap::new();
        // Requests that came back: when they may go again, and how often they went.
        let mut back: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        let (mut now, mut taken, mut refused, mut crowd) = (0, 0_u64, 0_u64, 0);
        while now < seconds * 1_000_000 {
            let passage = gate.pass(Moment::from_micros(now), Weight { rows: 1, bytes: 1 });
            if passage == Passage::Go {
                let due = back.peek().is_some_and(|Reverse((at, _))| *at <= now);
                let attempts = if due { back.pop().map_or(0, |Reverse((_, attempts))| attempts) } else { 0 };
                let way = self.latency / 2 + rng.u64(0..=self.latency / 5);
                let arrives = (now + way).max(state.at);
                let (taken, answered, remaining, reset, limit) = self.ask(&mut state, arrives);
                let at = answered + way;
                out.push(Reverse(Landing {
                    at,
                    left: now,
                    attempts: attempts + 1,
                    taken,
                    remaining,
                    reset,
                    limit,
                }));
                crowd = crowd.max(out.len());
                continue;
            }
            let opens = match passage {
                Passage::At(at) => at.micros(),
                _ => u64::MAX,
            };
            let lands = out.peek().map_or(u64::MAX, |Reverse(landing)| landing.at);
            now = now.max(opens.min(lands));
            while let Some(Reverse(landing)) = out.peek()
                && landing.at <= now
            {
                let Reverse(landing) = out.pop().expect("it was there");
                let is_taken = landing.taken;
                self.land(&mut gate, &landing, &mut back, &mut rng);
                (taken, refused) = (taken + u64::from(is_taken), refused + u64::from(!is_taken));
            }
        }
        let allowed: f64 = (0..seconds).map(|second| (self.rate)(second * 1_000_000)).sum();
        Score { used: taken as f64 / allowed, refused: refused as f64 / (taken + refused) as f64, crowd }
    }

    /// As the engine does it when an answer comes.
    fn land(
        &self,
        gate: &mut Gate,
        landing: &Landing,
        back: &mut BinaryHeap<Reverse<(u64, u32)>>,
        rng: &mut fastrand::Rng,
    ) {
        let now = Moment::from_micros(landing.at);
        let took = Duration::from_micros(landing.at - landing.left);
        let whole_seconds = Duration::from_secs(landing.reset.div_ceil(1_000_000).max(1));
        if landing.taken && rng.u64(0..100) < self.lost {
            gate.landed(now, took, &Outcome::Unknown { wait: None, why: String::new() });
        } else if landing.taken {
            gate.landed(now, took, &Outcome::Settled(Verdicts::delivered()));
        } else {
            let wait = (self.words == Words::RetryAfter).then_some(whole_seconds);
            gate.landed(now, took, &Outcome::Throttled { wait, why: String::new() });
            let wait = wait.unwrap_or_else(|| Backoff::default().after_refusal(gate.refusals(), rng));
            gate.close(now + wait);
            back.push(Reverse(((now + wait).micros(), landing.attempts)));
        }
        if self.words == Words::Hints {
            let (remaining, limit) = (landing.remaining, Some(landing.limit));
            gate.hinted(now, &RateHint { remaining, reset: Some(whole_seconds), limit, window: None });
        }
    }
}

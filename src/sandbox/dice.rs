//! When a fault strikes: one throw of the seeded dice for each request.
//!
//! A throw always uses up the same number of chances, so that the same seed and the same order of arrival
//! give the same faults. It must never look at what a request says; refused rows are chosen elsewhere, by
//! content.

use std::time::{Duration, SystemTime};

use super::faults::Faults;

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// Handled and answered.
    Fair,
    /// 429 with this `Retry-After`.
    Throttle(String),
    /// This status, and nothing was handled.
    ErrorBefore(u16),
    /// Handled, then 500.
    ErrorAfter,
    /// Closed before handling, after the body was read or while it is still being sent.
    DropBefore {
        /// Whether the whole body is taken first.
        after_body: bool,
    },
    /// Handled, then closed.
    DropAfter,
    /// Handled, then this part of the answer's body, 0 to 1, is all that is sent.
    Truncate(f64),
    /// Handled, then HTML.
    Garbage,
}

impl Fate {
    /// What it is counted as, if it is a fault.
    pub(super) fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Fair => return None,
            Self::Throttle(_) => "throttle",
            Self::ErrorBefore(_) => "error-before",
            Self::ErrorAfter => "error-after",
            Self::DropBefore { .. } => "drop-before",
            Self::DropAfter => "drop-after",
            Self::Truncate(_) => "truncate",
            Self::Garbage => "garbage",
        })
    }
}

/// One throw.
#[derive(Debug, Clone)]
pub(super) struct Throw {
    pub(super) fate: Fate,
    pub(super) delay: Duration,
    pub(super) rival: bool,
}

/// The seeded dice.
#[derive(Debug)]
pub(super) struct Dice {
    faults: Faults,
    chance: fastrand::Rng,
    throttled: u32,
}

impl Dice {
    pub(super) fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, chance: fastrand::Rng::with_seed(seed), throttled: 0 }
    }

    /// What becomes of the next request.
    pub(super) fn throw(&mut self) -> Throw {
        let faults = self.faults;
        let mut strikes = |percent: f64| self.chance.f64() * 100.0 < percent;
        let throttle = strikes(faults.throttle);
        let error = strikes(faults.error);
        let drop_before = strikes(faults.drop_before);
        let drop_after = strikes(faults.drop_after);
        let truncate = strikes(faults.truncate);
        let garbage = strikes(faults.garbage);
        let rival = strikes(faults.rival);
        let half = strikes(50.0);
        let part = self.chance.f64();
        let delay = faults.slow.mul_f64(self.chance.f64());

        let fate = if throttle {
            Fate::Throttle(self.retry_after())
        } else if error && half {
            Fate::ErrorBefore(if part < 0.5 { 500 } else { 503 })
        } else if error {
            Fate::ErrorAfter
        } else if drop_before {
            Fate::DropBefore { after_body: half }
        } else if drop_after {
            Fate::DropAfter
        } else if truncate {
            Fate::Truncate(part)
        } else if garbage {
            Fate::Garbage
        } else {
            Fate::Fair
        };
        Throw { fate, delay, rival }
    }

    /// All three notations in turn, and mostly short waits; a date has whole seconds only.
    fn retry_after(&mut self) -> String {
        self.throttled = self.throttled.wrapping_add(1);
        match self.throttled % 16 {
            1 | 9 => "0".to_owned(),
            3 | 7 | 11 => httpdate::fmt_http_date(SystemTime::now()),
            15 => httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1)),
            12 => "1".to_owned(),
            5 | 13 => "0.05".to_owned(),
            2 | 10 => "0.2".to_owned(),
            _ => "0.1".to_owned(),
        }
    }
}

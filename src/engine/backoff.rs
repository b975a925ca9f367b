//! How long to wait after the n-th failure: full jitter, so that a thousand clients do not come back at once.
//!
//! Source: AWS Architecture Blog, "Exponential Backoff and Jitter"; base and cap as design figures of this program.

use std::time::Duration;

/// A back-off that cannot be built wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
}

impl Backoff {
    /// `None` unless `0 < base <= max`.
    pub fn try_new(base: Duration, max: Duration) -> Option<Self> {
        (!base.is_zero() && base <= max).then_some(Self { base, max })
    }

    /// The wait after failure number `failures` (from 1): anything from nothing to `min(max, base · 2^(n-1))`.
    pub fn wait(&self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        let doubled =
            1_u32.checked_shl(failures.saturating_sub(1)).and_then(|factor| self.base.checked_mul(factor));
        let ceiling = doubled.unwrap_or(self.max).min(self.max);
        ceiling.mul_f64(rng.f64())
    }

    /// The wait after a refusal for being too fast that names none, the so-manieth in a row.
    pub fn after_refusal(&self, refusals: u32, rng: &mut fastrand::Rng) -> Duration {
        Duration::from_millis(50) + self.wait(refusals.min(6) + 1, rng)
    }

    pub const fn max(&self) -> Duration {
        self.max
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(100), max: Duration::from_secs(30) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_its_ceiling(failures in 0_u32..200, seed: u64) {
            let backoff = Backoff::default();
            let wait = backoff.wait(failures, &mut fastrand::Rng::with_seed(seed));
            let ceiling = 100_u128 << failures.saturating_sub(1).min(20);
            prop_assert!(wait <= backoff.max());
            prop_assert!(wait.as_millis() <= ceiling);
        }
    }

    #[test]
    fn an_impossible_backoff_is_refused() {
        assert!(Backoff::try_new(Duration::ZERO, Duration::from_secs(1)).is_none());
        assert!(Backoff::try_new(Duration::from_secs(2), Duration::from_secs(1)).is_none());
    }
}

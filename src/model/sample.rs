//! What a stretch of a run was like: figures for people. No decision rests on them.

use super::WallTime;
use serde::{Deserialize, Serialize};

/// One line of a run's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// When the stretch ended: milliseconds since 1970.
    pub at: i64,
    /// How long it was, milliseconds.
    pub span: u64,
    pub delivered: u64,
    pub rejected: u64,
    pub in_doubt: u64,
    /// Requests that left, and those among them that were not their batch's first.
    pub sent: u64,
    pub retried: u64,
    /// Answers that asked for patience.
    pub throttled: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Attempts that came to their end, and those of them that nobody knows the outcome of.
    pub answers: u64,
    pub lost: u64,
    /// Latency of the attempts that ended, microseconds: the median, the 95th of a hundred, the longest.
    pub p50: u64,
    pub p95: u64,
    pub max: u64,
    /// Milliseconds in which the target had asked not to be called.
    pub waited: u64,
    /// Requests that were allowed in flight at its end.
    pub slots: u64,
}

impl Sample {
    pub const fn ended(&self) -> WallTime {
        WallTime::from_millis(self.at)
    }

    /// This stretch and the one after it as one. The middle of two medians is taken for the median of both, weighed by
    /// their answers.
    #[must_use]
    pub fn joined(self, later: Self) -> Self {
        let weighed = |a: u64, b: u64| {
            let answers = u128::from(self.answers + later.answers).max(1);
            let sum = u128::from(a) * u128::from(self.answers) + u128::from(b) * u128::from(later.answers);
            u64::try_from(sum / answers).unwrap_or(u64::MAX)
        };
        Self {
            at: later.at,
            span: self.span + later.span,
            delivered: self.delivered + later.delivered,
            rejected: self.rejected + later.rejected,
            in_doubt: self.in_doubt + later.in_doubt,
            sent: self.sent + later.sent,
            retried: self.retried + later.retried,
            throttled: self.throttled + later.throttled,
            bytes: self.bytes + later.bytes,
            answers: self.answers + later.answers,
            lost: self.lost + later.lost,
            p50: weighed(self.p50, later.p50),
            p95: self.p95.max(later.p95),
            max: self.max.max(later.max),
            waited: self.waited + later.waited,
            slots: later.slots,
        }
    }

    /// Neighbours joined until at most `most` are left.
    pub fn thinned(mut samples: Vec<Self>, most: usize) -> Vec<Self> {
        while samples.len() > most.max(1) {
            let join = |pair: &[Self]| pair.iter().copied().reduce(Self::joined).unwrap_or_default();
            samples = samples.chunks(2).map(join).collect();
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_loses_no_row_and_no_time() {
        let one = |at| Sample {
            at,
            span: 10,
            delivered: 3,
            answers: 1,
            p50: 7,
            p95: 9,
            max: 9,
            ..Sample::default()
        };
        let thin = Sample::thinned((1..=37).map(one).collect(), 10);
        assert!(thin.len() <= 10);
        assert_eq!(thin.iter().map(|sample| sample.delivered).sum::<u64>(), 37 * 3);
        assert_eq!(thin.iter().map(|sample| sample.span).sum::<u64>(), 370);
        assert_eq!(thin.last().unwrap().at, 37);
        assert!(thin.iter().all(|sample| sample.p50 == 7));
    }
}

//! Counts what a run is like, stretch by stretch: what the history of the ledger and the picture of a running import
//! are made of. It reads no clock and decides nothing.

use crate::engine::{Books, Engine};
use crate::model::{Moment, Now, Outcome, Sample};
use std::time::Duration;

/// Stretches are no shorter than this, and no shorter than a two-hundredth of the run: a day has two thousand.
const SPAN_MIN: Duration = Duration::from_millis(200);
const SPAN_SHARE: u32 = 200;
/// Stretches of this run that are kept in memory; neighbours are joined when there are more.
const KEPT_MAX: usize = 120;

/// See the module.
#[derive(Debug)]
pub(super) struct Recorder {
    since: Moment,
    before: Totals,
    /// This stretch, as far as answers fill it.
    open: Sample,
    took: Latencies,
    /// Until here it is counted how long the target made us wait.
    waits_counted: Moment,
    kept: Vec<Sample>,
}

/// What the engine counts from the beginning of the import or of the run.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    delivered: u64,
    rejected: u64,
    in_doubt: u64,
    sent: u64,
    retried: u64,
    throttled: u64,
    bytes: u64,
}

impl Totals {
    const fn of(books: &Books) -> Self {
        let (tally, requests) = (books.tally(), books.requests());
        Self {
            delivered: tally.delivered,
            rejected: tally.rejected,
            in_doubt: tally.in_doubt,
            sent: requests.sent,
            retried: requests.retried,
            throttled: requests.throttled,
            bytes: books.bytes_sent(),
        }
    }
}

impl Recorder {
    /// Earlier runs are in the books already.
    pub(super) fn new(books: &Books) -> Self {
        Self {
            since: Moment::ZERO,
            before: Totals::of(books),
            open: Sample::default(),
            took: Latencies::default(),
            waits_counted: Moment::ZERO,
            kept: Vec::new(),
        }
    }

    pub(super) fn answered(&mut self, took: Duration, outcome: &Outcome) {
        self.open.answers += 1;
        self.open.lost += u64::from(matches!(outcome, Outcome::Unknown { .. }));
        self.took.add(took);
    }

    /// The stretch that ends now, if it is long enough.
    pub(super) fn tick(&mut self, now: Now, engine: &Engine) -> Option<Sample> {
        self.count_wait(now.tick, engine.gate().closed_until());
        let elapsed = now.tick.since(Moment::ZERO);
        let due = now.tick.since(self.since) >= SPAN_MIN.max(elapsed / SPAN_SHARE);
        due.then(|| self.cut(now, engine))
    }

    /// The stretch that ends with the run.
    pub(super) fn end(&mut self, now: Now, engine: &Engine) -> Sample {
        self.count_wait(now.tick, engine.gate().closed_until());
        self.cut(now, engine)
    }

    /// This run so far, in at most 120 stretches.
    pub(super) fn kept(&self) -> &[Sample] {
        &self.kept
    }

    fn count_wait(&mut self, now: Moment, closed_until: Moment) {
        let waited = closed_until.min(now).since(self.waits_counted);
        self.open.waited += waited.as_millis() as u64;
        self.waits_counted = now;
    }

    fn cut(&mut self, now: Now, engine: &Engine) -> Sample {
        let (before, totals) = (self.before, Totals::of(engine.books()));
        let (p50, p95, max) = self.took.drain();
        let sample = Sample {
            at: now.wall.millis(),
            span: now.tick.since(self.since).as_millis() as u64,
            delivered: totals.delivered - before.delivered,
            rejected: totals.rejected - before.rejected,
            // Rows in doubt may be taken up again.
            in_doubt: totals.in_doubt.saturating_sub(before.in_doubt),
            sent: totals.sent - before.sent,
            retried: totals.retried - before.retried,
            throttled: totals.throttled - before.throttled,
            bytes: totals.bytes - before.bytes,
            p50,
            p95,
            max,
            slots: engine.gate().limit() as u64,
            ..std::mem::take(&mut self.open)
        };
        (self.since, self.before) = (now.tick, totals);
        self.kept.push(sample);
        if self.kept.len() > KEPT_MAX {
            self.kept = Sample::thinned(std::mem::take(&mut self.kept), KEPT_MAX);
        }
        sample
    }
}

/// Latencies by their order of magnitude, four steps to a doubling.
#[derive(Debug)]
struct Latencies {
    counts: [u32; 160],
    max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: [0; 160], max: 0 }
    }
}

impl Latencies {
    fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let step = ((micros as f64).log2() * 4.0) as usize;
        let count = &mut self.counts[step.min(159)];
        *count = count.saturating_add(1);
        self.max = self.max.max(micros);
    }

    /// The median, the 95th of a hundred and the longest, microseconds; then it is empty.
    fn drain(&mut self) -> (u64, u64, u64) {
        let Self { counts, max } = std::mem::take(self);
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let at = |share: f64| {
            let wanted = (total as f64 * share).ceil().max(1.0) as u64;
            let mut seen = 0;
            let step = counts.iter().position(|count| {
                seen += u64::from(*count);
                seen >= wanted
            });
            step.map_or(0, |step| (((step as f64 + 0.5) / 4.0).exp2() as u64).min(max))
        };
        (at(0.5), at(0.95), max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_step_of_the_truth() {
        let mut took = Latencies::default();
        (1..=1000).for_each(|millis| took.add(Duration::from_millis(millis)));
        let (p50, p95, max) = took.drain();
        assert!((420_000..=595_000).contains(&p50), "{p50}");
        assert!((800_000..=1_000_000).contains(&p95), "{p95}");
        assert_eq!(max, 1_000_000);
        assert_eq!(took.drain(), (0, 0, 0));
        took.add(Duration::ZERO);
        took.add(Duration::from_secs(1 << 40));
        assert_eq!(took.drain().2, (1 << 40) * 1_000_000);
    }
}

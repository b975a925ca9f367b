//! What an import was like over time, as pictures.

use super::chart::{Chart, Series, Step, Stroke};
use crate::model::Sample;

/// Stretches that are drawn.
const DRAWN_MAX: usize = 240;
/// What an axis of counts shows at least: one is no half.
const COUNTS: f64 = 2.0;

/// Runs behind each other on one axis: the time in which nobody ran is left out.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) stretches: Vec<(f64, f64, Sample)>,
    /// Where runs begin, but the first.
    pub(super) marks: Vec<f64>,
    pub(super) end: f64,
}

impl Timeline {
    pub(super) fn of(history: &[(u64, Sample)]) -> Self {
        let mut timeline = Self::default();
        let runs: Vec<&[(u64, Sample)]> = history.chunk_by(|a, b| a.0 == b.0).collect();
        let most = (DRAWN_MAX / runs.len().max(1)).max(4);
        for (index, run) in runs.iter().enumerate() {
            if index > 0 {
                timeline.marks.push(timeline.end);
            }
            for sample in Sample::thinned(run.iter().map(|(_, sample)| *sample).collect(), most) {
                let from = timeline.end;
                timeline.end += sample.span as f64 / 1000.0;
                timeline.stretches.push((from, timeline.end, sample));
            }
        }
        timeline
    }

    fn steps(&self, value: impl Fn(&Sample) -> f64) -> Vec<Step> {
        self.stretches
            .iter()
            .map(|(from, to, sample)| Step { from: *from, to: *to, value: value(sample) })
            .collect()
    }

    /// Only the stretches in which an answer came.
    fn answered(&self, value: impl Fn(&Sample) -> f64) -> Vec<Step> {
        let answered = self.stretches.iter().filter(|(_, _, sample)| sample.answers > 0);
        answered.map(|(from, to, sample)| Step { from: *from, to: *to, value: value(sample) }).collect()
    }

    pub(super) fn sum(&self, value: impl Fn(&Sample) -> u64) -> u64 {
        self.stretches.iter().map(|(_, _, sample)| value(sample)).sum()
    }

    /// All pictures, and what is to be said of them.
    pub(super) fn html(&self, is_running: bool) -> String {
        if self.stretches.is_empty() {
            return "<h2>Over time</h2>\n<p class=\"faint\">Nothing is known of it: no run has kept its figures here.</p>\n"
                .to_owned();
        }
        if self.sum(|sample| sample.sent + sample.answers) == 0 {
            return "<h2>Over time</h2>\n<p class=\"faint\">No request was sent.</p>\n".to_owned();
        }
        let charts = [self.rows(), self.latency(), self.trouble(), self.slots()];
        let mut notes = vec!["The axis is the time in which the import ran."];
        if !self.marks.is_empty() {
            notes.push("A dotted line is where a run ended and another went on.");
        }
        if is_running {
            notes.push("What earlier runs were like is told when this one has ended.");
        }
        format!("<h2>Over time</h2>\n{}<p class=\"faint\">{}</p>\n", charts.concat(), notes.join(" "))
    }

    fn chart(
        &self,
        title: &str,
        series: Vec<Series>,
        (height, least): (u32, f64),
        label: fn(f64) -> String,
    ) -> String {
        let waits = self.steps(|sample| sample.waited as f64 / sample.span.max(1) as f64);
        let key =
            |class: &str, name: &str| format!("<span class=\"key\"><i class=\"{class}\"></i>{name}</span>");
        let mut keys: Vec<String> = series.iter().map(|series| key(series.class, series.name)).collect();
        if waits.iter().any(|wait| wait.value > 0.0) {
            keys.push(key("w", "the target asked to wait"));
        }
        let chart =
            Chart { title, series, end: self.end, marks: &self.marks, waits: &waits, least, height, label };
        let html = chart.html();
        format!(
            "<figure><figcaption><strong>{title}</strong> {}</figcaption>\n{html}</figure>\n",
            keys.concat()
        )
    }

    fn rows(&self) -> String {
        let per_second = |number: u64, sample: &Sample| number as f64 * 1000.0 / sample.span.max(1) as f64;
        let delivered = self.steps(|sample| per_second(sample.delivered, sample));
        let refused = self.steps(|sample| per_second(sample.rejected, sample));
        let mut series =
            vec![Series { name: "delivered", class: "a", stroke: Stroke::Area, steps: delivered }];
        if refused.iter().any(|step| step.value > 0.0) {
            series.push(Series { name: "refused", class: "c", stroke: Stroke::Line, steps: refused });
        }
        self.chart("Rows a second", series, (190, 0.0), short)
    }

    fn latency(&self) -> String {
        let line = |name, class, steps| Series { name, class, stroke: Stroke::Line, steps };
        let slow = line("slowest 5 of 100", "b", self.answered(|sample| sample.p95 as f64 / 1000.0));
        let median = line("half of them", "a", self.answered(|sample| sample.p50 as f64 / 1000.0));
        self.chart("Time to an answer", vec![slow, median], (160, 0.0), millis)
    }

    fn trouble(&self) -> String {
        let again = self.steps(|sample| sample.retried as f64);
        let lost = self.steps(|sample| sample.lost as f64);
        if !again.iter().chain(&lost).any(|step| step.value > 0.0) {
            return "<p class=\"faint\">No request had to be sent again.</p>\n".to_owned();
        }
        let columns = |name, class, steps| Series { name, class, stroke: Stroke::Columns, steps };
        let series = vec![columns("again", "a", again), columns("no usable answer", "c", lost)];
        self.chart("Requests sent again, and answers that told nothing", series, (110, COUNTS), short)
    }

    fn slots(&self) -> String {
        let steps = self.steps(|sample| sample.slots as f64);
        let series = vec![Series { name: "slots", class: "a", stroke: Stroke::Line, steps }];
        self.chart("Requests allowed in flight", series, (80, COUNTS), short)
    }
}

/// `0`, `1.25 ms`, `40 ms`, `2.5 s`.
pub(super) fn millis(value: f64) -> String {
    match value {
        _ if value == 0.0 => "0".to_owned(),
        _ if value < 10.0 => format!("{} ms", trimmed(value, 2)),
        _ if value < 1000.0 => format!("{value:.0} ms"),
        _ => format!("{} s", trimmed(value / 1000.0, 1)),
    }
}

/// `800`, `1.5 k`, `20 k`, `3 M`.
fn short(value: f64) -> String {
    match value {
        _ if value < 10.0 => trimmed(value, 1),
        _ if value < 1000.0 => format!("{value:.0}"),
        _ if value < 1e6 => format!("{} k", trimmed(value / 1e3, 1)),
        _ => format!("{} M", trimmed(value / 1e6, 1)),
    }
}

fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

//! Pictures of a run for the report, as SVG written by hand. Colours are the page's (CSS classes), so that they fit
//! light and dark.

use super::page::escape;

/// The picture's own measure, in both directions; the page stretches it. What is written stands beside it, so that it
/// has the same size on every screen.
const SIDE: f64 = 1000.0;

/// A stretch of time and what is shown of it, on the time axis of the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Seconds of running time.
    pub from: f64,
    pub to: f64,
    pub value: f64,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    /// A stepped line over a filled ground.
    Area,
    Line,
    /// A column for each stretch that has something.
    Columns,
}

#[derive(Debug)]
pub(super) struct Series {
    pub name: &'static str,
    /// Its class in the page.
    pub class: &'static str,
    pub stroke: Stroke,
    pub steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) struct Chart<'a> {
    pub title: &'a str,
    pub series: Vec<Series>,
    /// Seconds of running time.
    pub end: f64,
    /// Where runs begin, but the first.
    pub marks: &'a [f64],
    /// Stretches in which the target had asked to wait, and which part of them.
    pub waits: &'a [Step],
    /// The least that the axis shows: counts of one are no half.
    pub least: f64,
    /// Pixels.
    pub height: u32,
    /// A value of the axis as people read it.
    pub label: fn(f64) -> String,
}

impl Chart<'_> {
    pub(super) fn html(&self) -> String {
        let values = self.series.iter().flat_map(|series| &series.steps);
        let top = nice(values.fold(self.least, |most, step| step.value.max(most)));
        let end = self.end.max(1e-3);
        let x = |seconds: f64| SIDE * (seconds / end).clamp(0.0, 1.0);
        let y = |value: f64| SIDE * (1.0 - (value / top).clamp(0.0, 1.0));
        let mut svg = format!(
            "<svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\n",
            escape(self.title)
        );
        for wait in self.waits.iter().filter(|wait| wait.value > 0.0) {
            svg.push_str(&format!(
                "<rect class=\"wait\" x=\"{:.1}\" y=\"0\" width=\"{:.1}\" height=\"{SIDE}\" opacity=\"{:.2}\"/>\n",
                x(wait.from),
                x(wait.to) - x(wait.from),
                wait.value.clamp(0.15, 1.0),
            ));
        }
        let mut labels = String::new();
        for part in [0.0, 0.5, 1.0] {
            let (at, words) = (SIDE * (1.0 - part), escape(&(self.label)(top * part)));
            svg.push_str(&format!("<path class=\"grid\" d=\"M0 {at}H{SIDE}\"/>\n"));
            labels.push_str(&format!("<span style=\"top:{}%\">{words}</span>", at / SIDE * 100.0));
        }
        for mark in self.marks {
            svg.push_str(&format!("<path class=\"mark\" d=\"M{:.1} 0V{SIDE}\"/>\n", x(*mark)));
        }
        let columns = self.series.iter().filter(|series| series.stroke == Stroke::Columns).count();
        let mut column = 0;
        for series in &self.series {
            svg.push_str(&draw(series, (column, columns), &x, &y));
            column += usize::from(series.stroke == Stroke::Columns);
        }
        let times = [0.0, 0.5, 1.0].map(|part| format!("<span>{}</span>", clock(end * part)));
        format!(
            "<div class=\"plot\" style=\"height:{}px\">{labels}\n{svg}</svg></div>\n<div class=\"times\">{}</div>\n",
            self.height,
            times.concat()
        )
    }
}

/// `place` is which of how many columns stand beside each other.
fn draw(series: &Series, place: (usize, usize), x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let class = series.class;
    if series.stroke == Stroke::Columns {
        let columns = series.steps.iter().filter(|step| step.value > 0.0).map(|step| {
            let part = (x(step.to) - x(step.from)) / place.1.max(1) as f64;
            let (left, top) = (x(step.from) + part * place.0 as f64, y(step.value));
            format!(
                "<rect class=\"{class} fill\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{part:.1}\" height=\"{:.1}\"/>\n",
                y(0.0) - top
            )
        });
        return columns.collect();
    }
    let mut path = String::new();
    for (index, step) in series.steps.iter().enumerate() {
        let to = if index == 0 { 'M' } else { 'L' };
        path.push_str(&format!(
            "{to}{:.1} {:.1}L{:.1} {:.1}",
            x(step.from),
            y(step.value),
            x(step.to),
            y(step.value)
        ));
    }
    let (Some(first), Some(last)) = (series.steps.first(), series.steps.last()) else { return String::new() };
    let line = format!("<path class=\"{class} line\" d=\"{path}\"/>\n");
    if series.stroke == Stroke::Line {
        return line;
    }
    format!(
        "<path class=\"{class} ground\" d=\"{path}L{:.1} {2:.1}L{:.1} {2:.1}Z\"/>\n{line}",
        x(last.to),
        x(first.from),
        y(0.0)
    )
}

/// The next number upwards that is easy to halve.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let unit = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * unit).find(|top| *top >= value * 0.999).unwrap_or(unit * 10.0)
}

/// Running time: `0:42`, `1:05:00`, `2 d 3:00`; tenths where it is short.
pub(super) fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds == 0.0 => "0".to_owned(),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{}:{:02} min", whole / 60, whole % 60),
        3600..86_400 => format!("{}:{:02} h", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_number_that_is_easy_to_halve() {
        for (value, top) in
            [(0.0, 1.0), (1.0, 1.0), (7.0, 8.0), (48_210.0, 60_000.0), (0.0021, 0.004), (1000.0, 1000.0)]
        {
            assert!((nice(value) - top).abs() < top * 1e-9, "{value}: {}", nice(value));
        }
    }

    #[test]
    fn nothing_of_a_picture_lies_outside_of_it() {
        let step = |from, to, value| Step { from, to, value };
        let steps = vec![step(0.0, 1.0, 5.0), step(1.0, 4.0, 1e9), step(4.0, 9.0, 0.0)];
        let series = [Stroke::Area, Stroke::Line, Stroke::Columns].map(|stroke| Series {
            name: "n",
            class: "a",
            stroke,
            steps: steps.clone(),
        });
        let chart = Chart {
            title: "<rows>",
            series: series.into(),
            end: 4.0,
            marks: &[2.0],
            waits: &[step(0.0, 99.0, 1.0)],
            least: 0.0,
            height: 180,
            label: |value| value.to_string(),
        };
        let svg = chart.html();
        assert!(svg.contains("&lt;rows&gt;") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let numbers = regex::Regex::new(r#"(?: x="|[ML])([0-9.-]+)"#).unwrap();
        for found in numbers.captures_iter(&svg) {
            let x: f64 = found[1].parse().unwrap();
            assert!((0.0..=SIDE).contains(&x), "{x}");
        }
    }
}

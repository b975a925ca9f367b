//! Whoever watches a run: the bar or the lines on stderr, `status.json`, and the summary at its end.

use super::closing::{Closing, span};
use super::speech::{grouped, say};
use super::summary::Summary;
use crate::args::{ProgressArg, SendArgs};
use crate::drive::{Running, Watch};
use crate::edge::status_file;
use crate::engine::{Ending, Engine};
use crate::model::Now;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

/// How often a line is written where there is no bar.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
const STATUS_EVERY: Duration = Duration::from_secs(1);

enum Display {
    Bar(ProgressBar),
    Plain { next: Duration },
    None,
}

/// See the module.
pub struct Onlooker<'a> {
    closing: &'a Closing<'a>,
    state: &'a Path,
    total: Option<u64>,
    resumed: bool,
    verbose: bool,
    display: Display,
    next_status: Duration,
}

impl std::fmt::Debug for Onlooker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onlooker").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<'a> Onlooker<'a> {
    pub fn new(
        args: &SendArgs,
        closing: &'a Closing<'a>,
        state: &'a Path,
        total: Option<u64>,
        resumed: bool,
    ) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let display = match args.progress {
            _ if args.quiet => Display::None,
            ProgressArg::None => Display::None,
            ProgressArg::Auto if terminal => Display::Bar(bar(total)),
            ProgressArg::Bar => Display::Bar(bar(total)),
            ProgressArg::Auto | ProgressArg::Plain => Display::Plain { next: PLAIN_EVERY },
        };
        Self { closing, state, total, resumed, verbose: args.verbose, display, next_status: Duration::ZERO }
    }

    /// The run is over: the last word, and the exit code.
    pub fn close(self, ending: &Ending, engine: &Engine, bytes_read: u64, now: Now) -> u8 {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
        let complete = ending.cause.is_none();
        let elapsed = Duration::from_micros(now.tick.micros());
        let mut summary =
            self.summary(if complete { "complete" } else { "stopped" }, engine, bytes_read, elapsed);
        self.closing.ended(&mut summary, ending);
        // Advice for other processes; the run is over and its books are in the ledger, whatever comes of this.
        let _ = status_file::write(self.state, &summary.to_json());
        ending.exit
    }

    fn summary(&self, state: &'static str, engine: &Engine, bytes_read: u64, elapsed: Duration) -> Summary {
        let books = engine.books();
        let mut summary = self.closing.blank(state);
        summary.import_id = Some(engine.import().id.hex());
        summary.import = Some(engine.import().number);
        summary.rows = *books.tally();
        summary.batches = *books.batches();
        summary.requests = *books.requests();
        summary.bytes.read = bytes_read;
        summary.bytes.sent = books.bytes_sent();
        summary.elapsed_s = (elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
        let settled = books.tally().delivered + books.tally().rejected;
        summary.rows_per_s = (settled as f64 / elapsed.as_secs_f64().max(0.001)).round();
        summary.resumed = self.resumed;
        summary
    }
}

impl Watch for Onlooker<'_> {
    fn tick(&mut self, running: &Running<'_>) {
        if running.elapsed >= self.next_status {
            self.next_status = running.elapsed + STATUS_EVERY;
            let summary = self.summary("running", running.engine, running.bytes_read, running.elapsed);
            let _ = status_file::write(self.state, &summary.to_json());
        }
        let total = self.total;
        match &mut self.display {
            Display::Bar(bar) => {
                bar.set_position(running.bytes_read);
                bar.set_message(line(running));
            }
            Display::Plain { next } if running.elapsed >= *next => {
                *next = running.elapsed + PLAIN_EVERY;
                let share = total.filter(|total| *total > 0).map_or(String::new(), |total| {
                    format!("{} %, ", running.bytes_read.min(total) * 100 / total)
                });
                say(&format!("{share}{}", line(running)));
            }
            Display::Plain { .. } | Display::None => {}
        }
    }

    fn note(&mut self, line: &str) {
        if !self.verbose {
            return;
        }
        let line = super::speech::tame(line);
        match &self.display {
            Display::Bar(bar) => bar.suspend(|| say(&line)),
            _ => say(&line),
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = if total.is_some() {
        "{bar:20} {percent:>3} %  {msg}  ETA {eta}"
    } else {
        "{spinner} {bytes}  {msg}"
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Rows, rate, what was refused and sent again, and what is waited for.
fn line(running: &Running<'_>) -> String {
    let books = running.engine.books();
    let tally = books.tally();
    let rate = (tally.delivered + tally.rejected) as f64 / running.elapsed.as_secs_f64().max(0.001);
    let mut line = format!("{} rows, {}/s", grouped(tally.delivered), grouped(rate as u64));
    let others =
        [(tally.rejected, "refused"), (books.requests().retried, "retried"), (tally.in_doubt, "in doubt")];
    for (number, word) in others.iter().filter(|(number, _)| *number > 0) {
        line.push_str(&format!(", {} {word}", grouped(*number)));
    }
    let closed = running.engine.gate().closed_until().since(running.now);
    if closed > Duration::from_millis(900) {
        line.push_str(&format!("; the target asked to wait, {}", span(closed)));
    }
    line
}

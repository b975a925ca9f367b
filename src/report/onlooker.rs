//! Whoever watches a run: the bar or the lines on stderr, `status.json`, and the summary at its end.

use super::closing::{Closing, rows_line, span};
use super::speech::{count, grouped, say};
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
    /// The bar was not moved yet.
    first: bool,
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
        let (verbose, next_status) = (args.verbose, Duration::ZERO);
        Self { closing, state, total, resumed, verbose, display, first: true, next_status }
    }

    /// Before the first request: what earlier runs did.
    pub fn open(&self, engine: &Engine) {
        let tally = engine.books().tally();
        if !self.resumed || matches!(self.display, Display::None) {
            return;
        }
        say(&format!("going on: {}", rows_line(tally, false)));
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
        self.closing.ended(&mut summary, ending, &engine.books().reasons());
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
        summary.rows_per_s = (books.settled_here() as f64 / elapsed.as_secs_f64().max(0.001)).round();
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
                let position = settled_bytes(running);
                if std::mem::take(&mut self.first) && position > 0 {
                    // What earlier runs did says nothing of how fast this one is.
                    bar.set_position(position);
                    bar.reset_eta();
                }
                bar.set_position(position);
                bar.set_message(line(running));
            }
            Display::Plain { next } if running.elapsed >= *next => {
                *next = running.elapsed + PLAIN_EVERY;
                let share = total.filter(|total| *total > 0).map_or(String::new(), |total| {
                    format!("{} %, ", settled_bytes(running).min(total) * 100 / total)
                });
                say(&format!("{share}{}", line(running)));
            }
            Display::Plain { .. } | Display::None => {}
        }
    }

    fn stopping(&mut self, in_flight: usize) {
        let line = match in_flight {
            0 => "stopping".to_owned(),
            _ => format!(
                "stopping: waiting for {} in flight; once more ends at once",
                count(in_flight as u64, "request")
            ),
        };
        match &self.display {
            Display::Bar(bar) => bar.suspend(|| say(&line)),
            Display::Plain { .. } => say(&line),
            Display::None => {}
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

/// Bytes of the input whose rows are settled: what was read ahead is not done.
fn settled_bytes(running: &Running<'_>) -> u64 {
    let tally = running.engine.books().tally();
    let share = tally.settled() as f64 / tally.read.max(1) as f64;
    (running.bytes_read as f64 * share) as u64
}

/// Rows, rate, what was refused and sent again, and what is waited for.
fn line(running: &Running<'_>) -> String {
    let books = running.engine.books();
    let tally = books.tally();
    let rate = books.settled_here() as f64 / running.elapsed.as_secs_f64().max(0.001);
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

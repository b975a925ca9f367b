//! Whoever watches a run: the bar or the lines on stderr, `status.json`, and the summary at its end.

use super::closing::Closing;
use super::part::Part;
use super::phrases::rows_line;
use super::progress::{Figures, Look, Speedometer};
use super::screen::{self, Line};
use super::speech::{self, count, say};
use super::summary::{Summary, in_seconds};
use crate::args::{ProgressArg, SendArgs};
use crate::drive::{Ended, Running, Watch};
use crate::edge::ledger::{Refusals, View};
use crate::edge::status_file;
use crate::engine::Engine;
use crate::model::{Now, Sample};
use std::path::Path;
use std::time::Duration;

/// How often a line is written where there is no bar: a long run writes fewer, so that no log drowns in them.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
const PLAIN_SELDOM: Duration = Duration::from_secs(300);
const STATUS_EVERY: Duration = Duration::from_secs(1);

enum Display {
    Bar(Line),
    Plain { next: Duration },
    None,
}

/// See the module.
pub struct Onlooker<'a> {
    closing: &'a Closing<'a>,
    state: &'a Path,
    total: Option<u64>,
    resumed: bool,
    display: Display,
    speed: Speedometer,
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
        let display = match args.progress {
            _ if args.quiet => Display::None,
            ProgressArg::None => Display::None,
            ProgressArg::Auto if screen::can_draw() && !speech::is_json() => Display::Bar(Line::start()),
            ProgressArg::Bar => Display::Bar(Line::start()),
            ProgressArg::Auto | ProgressArg::Plain => Display::Plain { next: PLAIN_EVERY },
        };
        let (speed, next_status) = (Speedometer::default(), Duration::ZERO);
        Self { closing, state, total, resumed, display, speed, next_status }
    }

    /// Before the first request: what earlier runs did.
    pub fn open(&self, engine: &Engine) {
        let tally = engine.books().tally();
        let args = self.closing.args;
        if let Some(limit) =
            args.limit.filter(|limit| *limit < tally.read && tally.pending > 0 && !args.quiet)
        {
            let rows = count(tally.pending, "row");
            say(&format!(
                "note: {rows} that an earlier run has planned {} first, also behind --limit {limit}",
                if tally.pending == 1 { "goes" } else { "go" }
            ));
        }
        if !self.resumed || matches!(self.display, Display::None) {
            return;
        }
        say(&format!("going on: {}", rows_line(tally, false)));
    }

    /// The run is over: the last word, and the exit code.
    pub fn close(mut self, ended: &Ended, part: Part, now: Now) -> u8 {
        // The bar goes before the last word comes.
        self.display = Display::None;
        let Ended { ending, engine, history } = ended;
        let complete = ending.cause.is_none();
        let elapsed = Duration::from_micros(now.tick.micros());
        let mut summary = self.summary(if complete { "complete" } else { "stopped" }, engine, elapsed);
        let refusals = self.refusals(&summary);
        let exit = self.closing.ended(&mut summary, ending, part, &refusals, engine.trouble());
        // Advice for other processes; the run is over and its books are in the ledger, whatever comes of this.
        let _ = status_file::write(self.state, &with_history(&summary, history));
        exit
    }

    /// As the ledger has them, of all runs; none if it cannot be read, which its error has told.
    fn refusals(&self, summary: &Summary) -> Refusals {
        if summary.rows.rejected + summary.rows.in_doubt == 0 {
            return Refusals::default();
        }
        let read = |number| View::open(&self.state.join("ledger.db"))?.refusals(number);
        summary.import.and_then(|number| read(number).ok()).unwrap_or_default()
    }

    fn summary(&self, state: &'static str, engine: &Engine, elapsed: Duration) -> Summary {
        let books = engine.books();
        let mut summary = self.closing.blank(state);
        summary.import_id = Some(engine.import().id.hex());
        summary.import = Some(engine.import().number);
        summary.rows = *books.tally();
        summary.batches = *books.batches();
        summary.requests = *books.requests();
        summary.bytes.read = books.bytes_read();
        summary.bytes.sent = books.bytes_sent();
        let elapsed = self.closing.ahead.get() + elapsed;
        summary.elapsed_s = in_seconds(elapsed);
        summary.rows_per_s = (books.settled_here() as f64 / elapsed.as_secs_f64().max(0.001)).round();
        summary.resumed = self.resumed;
        summary
    }
}

impl Watch for Onlooker<'_> {
    fn tick(&mut self, running: &Running<'_>) {
        if running.elapsed >= self.next_status {
            self.next_status = running.elapsed + STATUS_EVERY;
            let summary = self.summary("running", running.engine, running.elapsed);
            let _ = status_file::write(self.state, &with_history(&summary, running.history));
        }
        let figures = figures(running, self.total);
        self.speed.note(running.now.tick, figures.tally.settled(), figures.done);
        let speed = self.speed.speed();
        match &mut self.display {
            Display::Bar(line) => {
                line.show(figures.drawn(speed, screen::width(), Look::of_stderr()));
            }
            Display::Plain { next } if running.elapsed >= *next => {
                *next = running.elapsed + (running.elapsed / 20).clamp(PLAIN_EVERY, PLAIN_SELDOM);
                say(&figures.plain(speed));
            }
            Display::Plain { .. } | Display::None => {}
        }
    }

    fn stopping(&mut self, in_flight: usize) {
        if matches!(self.display, Display::None) {
            return;
        }
        match in_flight {
            0 => say("stopping"),
            _ => say(&format!(
                "stopping: waiting for {} in flight; once more ends at once",
                count(in_flight as u64, "request")
            )),
        }
    }
}

fn figures<'a>(running: &Running<'a>, total: Option<u64>) -> Figures<'a> {
    let engine = running.engine;
    let tally = *engine.books().tally();
    // Bytes of the input whose rows are settled: what was read ahead is not done.
    let share = tally.settled() as f64 / tally.read.max(1) as f64;
    Figures {
        tally,
        retried: engine.books().requests().retried,
        in_flight: engine.in_flight(),
        total,
        done: (running.bytes_consumed as f64 * share) as u64,
        wait: engine.wait(running.now.tick),
        now: running.now,
    }
}

/// What `status.json` says: the summary, and what the run was like.
fn with_history(summary: &Summary, history: &[Sample]) -> String {
    let mut json = summary.to_json();
    if let Ok(history) = serde_json::to_string(history) {
        json.truncate(json.len() - 1);
        json.push_str(&format!(",\"history\":{history}}}"));
    }
    json
}

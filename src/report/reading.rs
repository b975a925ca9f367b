//! A line for reading: input that is read through without anything being sent.

use super::progress::Look;
use super::screen::{self, Line};
use super::speech::{self, span};
use crate::args::{ProgressArg, SendArgs};
use crate::edge::clock::Clock;
use crate::model::Moment;
use std::time::Duration;

const REDRAWN: Duration = Duration::from_millis(125);

/// On stderr, or nowhere.
#[derive(Debug)]
pub struct ReadingBar {
    line: Option<Line>,
    total: Option<u64>,
    clock: Clock,
    next: Moment,
}

impl ReadingBar {
    /// `total` in bytes, where it is known.
    pub fn new(args: &SendArgs, total: Option<u64>) -> Self {
        let wanted = match args.progress {
            _ if args.quiet => false,
            ProgressArg::Auto => screen::can_draw() && !speech::is_json(),
            ProgressArg::Bar => true,
            ProgressArg::Plain | ProgressArg::None => false,
        };
        let clock = Clock::start();
        Self { line: wanted.then(Line::start), total, clock, next: Moment::ZERO + REDRAWN }
    }

    /// So many bytes are read.
    pub fn at(&mut self, bytes: u64) {
        let Some(line) = &self.line else { return };
        let now = self.clock.tick();
        if now >= self.next {
            self.next = now + REDRAWN;
            line.show(words(bytes, self.total, now, Look::of_stderr()));
        }
    }

    pub fn end(self) {}
}

fn words(bytes: u64, total: Option<u64>, now: Moment, look: Look) -> String {
    let rate = bytes as f64 / now.since(Moment::ZERO).as_secs_f64().max(0.001);
    let speed = format!("{:.0} MB/s", rate / 1e6);
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let share = (bytes.min(total) * 100 / total).min(99);
            let left = total.saturating_sub(bytes) as f64 / rate.max(1.0);
            let left = span(Duration::from_secs_f64(left.ceil().min(1e9)));
            format!("reading  {}  {share:>2} %  {speed}  {left} left", look.bar(share, 20))
        }
        None => format!("reading  {}  {:.0} MB  {speed}", look.turning(now), bytes as f64 / 1e6),
    }
}

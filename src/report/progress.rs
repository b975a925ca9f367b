//! The words of a run that is on: one line, as wide as the screen, that says what is true at this moment.

use super::speech::{count, grouped, span, tame};
use crate::engine::Wait;
use crate::model::{Moment, Now, Tally};
use std::collections::VecDeque;
use std::time::Duration;

/// Speed is that of the last seconds: what was an hour ago says nothing of what is left.
const WINDOW: Duration = Duration::from_secs(20);
/// What is left is reckoned from a longer while, or a few requests that fail would make it jump.
const WINDOW_LEFT: Duration = Duration::from_secs(60);
/// Waits that are shorter are not worth a word.
const WORTH_SAYING: Duration = Duration::from_millis(900);
/// At a pace that was set or told, waiting is what a run mostly does.
const PACED: Duration = Duration::from_secs(3);
/// From here on it is said until when.
const LONG: Duration = Duration::from_secs(60);
const BAR_MIN: usize = 8;
const BAR_MAX: usize = 20;

/// How the run stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures<'a> {
    pub tally: Tally,
    pub retried: u64,
    pub in_flight: usize,
    /// Bytes of the input, where they are known, and those whose rows are settled.
    pub total: Option<u64>,
    pub done: u64,
    pub wait: Option<Wait<'a>>,
    pub now: Now,
}

/// How fast it goes: rows now, bytes over a longer while.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Speed {
    pub rows: f64,
    pub bytes: f64,
}

/// Remembers the last seconds.
#[derive(Debug, Default)]
pub(super) struct Speedometer(VecDeque<(Moment, u64, u64)>);

impl Speedometer {
    /// Rows and bytes that are settled at this moment.
    pub(super) fn note(&mut self, now: Moment, rows: u64, bytes: u64) {
        self.0.push_back((now, rows, bytes));
        // The last one beyond the window stays: the window is full.
        while self.0.len() > 2 && now.since(self.0[1].0) > WINDOW_LEFT {
            self.0.pop_front();
        }
    }

    pub(super) fn speed(&self) -> Speed {
        let (Some(oldest), Some(last)) = (self.0.front(), self.0.back()) else { return Speed::default() };
        let recent = self.0.iter().rev().find(|(at, ..)| last.0.since(*at) >= WINDOW).unwrap_or(oldest);
        let rate = |from: Moment, before: u64, now: u64| {
            let seconds = last.0.since(from).as_secs_f64();
            if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 }
        };
        Speed { rows: rate(recent.0, recent.1, last.1), bytes: rate(oldest.0, oldest.2, last.2) }
    }
}

/// A part of the line; what matters least goes first when the screen is narrow.
struct Part {
    weight: u8,
    words: String,
}

impl Figures<'_> {
    fn share(&self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        // Not done before the last row is.
        let most = if self.tally.pending > 0 { 99 } else { 100 };
        Some((u128::from(self.done.min(total)) * 100 / u128::from(total)).min(most) as u64)
    }

    fn left(&self, speed: Speed) -> Option<Duration> {
        let left = self.total?.checked_sub(self.done)?;
        let is_waiting = matches!(self.wait, Some(Wait::Asked(_) | Wait::Trouble { .. }));
        (speed.bytes > 0.0 && left > 0 && !is_waiting)
            .then(|| Duration::try_from_secs_f64(left as f64 / speed.bytes).ok())?
    }

    fn parts(&self, speed: Speed) -> Vec<Part> {
        let tally = &self.tally;
        let mut parts = Vec::new();
        let mut part = |weight, words: String| parts.push(Part { weight, words });
        if let Some(share) = self.share() {
            part(90, format!("{share:>2} %"));
        }
        part(80, count(tally.delivered, "row"));
        let wait = self.wait.and_then(|wait| wait_words(wait, self.now));
        if wait.is_none() {
            part(50, format!("{}/s", grouped(speed.rows.round() as u64)));
        }
        if let Some(left) = self.left(speed) {
            part(60, format!("{} left", rough(left)));
        }
        let counts = [
            (75, tally.rejected, "refused"),
            (72, tally.in_doubt, "in doubt"),
            (30, tally.unchanged, "unchanged"),
            (20, self.retried, "retried"),
            (10, self.in_flight as u64, "in flight"),
        ];
        for (weight, number, word) in counts.into_iter().filter(|(_, number, _)| *number > 0) {
            part(weight, format!("{} {word}", grouped(number)));
        }
        if let Some(words) = wait {
            part(95, words);
        }
        parts
    }

    /// As a line of a log.
    pub(super) fn plain(&self, speed: Speed) -> String {
        let words: Vec<String> =
            self.parts(speed).into_iter().map(|part| part.words.trim().to_owned()).collect();
        words.join(", ")
    }

    /// As a line of at most `width` columns, with a bar where the end is known.
    pub(super) fn drawn(&self, speed: Speed, width: usize, look: Look) -> String {
        let mut parts = self.parts(speed);
        let bar = self.share();
        let wide = |parts: &[Part]| parts.iter().map(|part| part.words.chars().count() + 2).sum::<usize>();
        let room = width.saturating_sub(if bar.is_some() { BAR_MIN } else { 2 });
        while wide(&parts) > room && parts.len() > 1 {
            let least = parts.iter().enumerate().min_by_key(|(_, part)| part.weight).map(|(index, _)| index);
            parts.remove(least.unwrap_or_default());
        }
        let left = width.saturating_sub(wide(&parts));
        let head = match bar {
            Some(share) if left >= BAR_MIN => look.bar(share, left.min(BAR_MAX)),
            Some(_) => String::new(),
            None => look.turning(self.now.tick).to_owned(),
        };
        let words: Vec<String> = parts.into_iter().map(|part| part.words).collect();
        let words = words.join("  ");
        let taken = if head.is_empty() { 0 } else { 2 + bar.map_or(1, |_| left.min(BAR_MAX)) };
        let words: String = words.chars().take(width.saturating_sub(taken)).collect();
        let line = if head.is_empty() { words } else { format!("{head}  {words}") };
        line.trim_end().to_owned()
    }
}

/// What the bar is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub colour: bool,
    /// The screen shows more than ASCII.
    pub wide: bool,
}

impl Look {
    /// As stderr shows it and the locale allows.
    pub(super) fn of_stderr() -> Self {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let wide = name.is_some_and(|name| name.to_ascii_lowercase().replace('-', "").contains("utf8"));
        Self { colour: super::speech::is_in_colour(), wide }
    }

    pub(super) fn bar(self, share: u64, width: usize) -> String {
        let full = (share as usize * width / 100).min(width);
        let rest = width - full;
        match (self.wide, self.colour) {
            (true, true) => format!("\x1b[36m{}\x1b[0;2m{}\x1b[0m", "━".repeat(full), "━".repeat(rest)),
            (true, false) => format!("{}{}", "█".repeat(full), "░".repeat(rest)),
            (false, _) => format!(
                "[{}{}]",
                "#".repeat(full.min(width - 2)),
                ".".repeat(width - 2 - full.min(width - 2))
            ),
        }
    }

    /// Where the end is not known something moves all the same.
    pub(super) fn turning(self, now: Moment) -> &'static str {
        let step = (now.micros() / 200_000) as usize;
        if self.wide {
            ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"][step % 6]
        } else {
            ["|", "/", "-", "\\"][step % 4]
        }
    }
}

fn wait_words(wait: Wait<'_>, now: Now) -> Option<String> {
    match wait {
        // To its very end: in the last second of a long wait nothing else is true either.
        Wait::Asked(until) => {
            let left = until.since(now.tick);
            Some(format!("target asked to wait, {}{}", whole(left), until_when(left, now)))
        }
        Wait::Trouble { why, until, failures, allowed } => {
            let left = Some(until.since(now.tick)).filter(|left| *left > WORTH_SAYING);
            let again = left.map(|left| format!(", again in {}", whole(left)));
            (failures > 1 || again.is_some()).then(|| {
                let again = again.unwrap_or_default();
                format!("{failures} of {allowed} tries failed ({}){again}", short(why))
            })
        }
        Wait::Allowance(until) | Wait::Rate(until) => {
            let left = Some(until.since(now.tick)).filter(|left| *left > PACED)?;
            let whose = if matches!(wait, Wait::Rate(_)) { "rate" } else { "target" };
            Some(format!("{whose} allows the next request in {}{}", whole(left), until_when(left, now)))
        }
        Wait::Jobs(jobs) => Some(format!("{} at the target", count(jobs as u64, "job"))),
    }
}

/// `, until 14:05`, in the time of this place.
fn until_when(left: Duration, now: Now) -> String {
    if left < LONG {
        return String::new();
    }
    let at = jiff::Timestamp::from_millisecond((now.wall + left).millis()).ok();
    let at = at.map(|at| at.to_zoned_datetime(jiff::tz::TimeZone::system()));
    at.map_or_else(String::new, |at| format!(", until {}", at.strftime("%H:%M")))
}

/// Whole seconds, so that it counts down.
fn whole(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_millis() > 0);
    if seconds < 60 { format!("{seconds} s") } else { span(Duration::from_secs(seconds)) }
}

/// A time nobody knows exactly: two figures at most.
fn rough(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_millis() >= 500);
    match seconds {
        0 => "1 s".to_owned(),
        1..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        5400..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86400),
    }
}

fn short(why: &str) -> String {
    let why = tame(why);
    let why =
        why.strip_prefix("cannot connect").and_then(|why| why.split_once(": ")).map_or(&*why, |(_, why)| why);
    if why.chars().count() <= 24 { why.to_owned() } else { why.chars().take(23).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WallTime;
    use proptest::prelude::*;

    const PLAIN: Look = Look { colour: false, wide: true };

    fn figures(wait: Option<Wait<'_>>) -> Figures<'_> {
        let tally =
            Tally { read: 620_000, delivered: 612_000, rejected: 12, pending: 7988, ..Tally::default() };
        let now = Now { tick: Moment::from_micros(1_000_000), wall: WallTime::from_millis(0) };
        Figures { tally, retried: 3, in_flight: 12, total: Some(100_000_000), done: 61_000_000, wait, now }
    }

    const SPEED: Speed = Speed { rows: 48_210.4, bytes: 5_000_000.0 };

    #[test]
    fn it_says_all_there_is_to_say_in_eighty_columns() {
        let line = figures(None).drawn(SPEED, 79, PLAIN);
        assert_eq!(line, "█████████░░░░░░░  61 %  612,000 rows  48,210/s  8 s left  12 refused  3 retried");
        assert_eq!(
            figures(None).plain(SPEED),
            "61 %, 612,000 rows, 48,210/s, 8 s left, 12 refused, 3 retried, 12 in flight"
        );
    }

    #[test]
    fn a_line_without_a_length_fits_a_narrow_screen() {
        let tally = Tally::default();
        let figures = Figures { tally, done: 0, total: None, ..figures(Some(Wait::Jobs(3))) };
        assert!(figures.drawn(SPEED, 10, Look { colour: false, wide: false }).chars().count() <= 10);
    }

    #[test]
    fn a_wait_is_told_with_its_end_instead_of_a_speed() {
        let asked = Some(Wait::Asked(Moment::from_micros(12_400_000)));
        let line = figures(asked).drawn(SPEED, 79, PLAIN);
        assert_eq!(line, "████░░░░  61 %  612,000 rows  12 refused  3 retried  target asked to wait, 12 s");
        let long = Some(Wait::Asked(Moment::from_micros(301_000_000)));
        assert!(figures(long).plain(SPEED).contains("target asked to wait, 5 min 0 s, until "));
        let nearly = Some(Wait::Asked(Moment::from_micros(1_400_000)));
        assert!(figures(nearly).plain(SPEED).ends_with("target asked to wait, 1 s"));
        let paced = Moment::from_micros(12_400_000);
        let allowed = figures(Some(Wait::Allowance(paced))).plain(SPEED);
        assert!(allowed.ends_with("target allows the next request in 12 s"), "{allowed}");
        let set = figures(Some(Wait::Rate(paced))).plain(SPEED);
        assert!(set.ends_with("rate allows the next request in 12 s"), "{set}");
        let trouble = Wait::Trouble {
            why: "connection refused\u{1b}[2J",
            until: Moment::from_micros(4_500_000),
            failures: 3,
            allowed: 8,
        };
        let line = figures(Some(trouble)).plain(SPEED);
        assert!(line.ends_with("3 of 8 tries failed (connection refused\\u{1b…), again in 4 s"), "{line}");
        // The first waits are short, and what they are for is told all the same.
        let soon = Moment::from_micros(1_200_000);
        let why = "cannot connect to 127.0.0.1:9: Connection refused";
        let trouble = |failures| Wait::Trouble { why, until: soon, failures, allowed: 8 };
        let line = figures(Some(trouble(2))).plain(SPEED);
        assert!(line.ends_with("2 of 8 tries failed (Connection refused)") && !line.contains("/s"), "{line}");
        assert!(figures(Some(trouble(1))).plain(SPEED).contains("48,210/s"));
    }

    #[test]
    fn speed_is_that_of_the_last_seconds() {
        let mut meter = Speedometer::default();
        for second in 0..100_u64 {
            let rows = if second < 50 { second * 1000 } else { 50_000 + (second - 50) * 10 };
            meter.note(Moment::from_micros(second * 1_000_000), rows, rows);
        }
        assert!((meter.speed().rows - 10.0).abs() < 1.0, "{:?}", meter.speed());
        // What is left does not jump with it: of the last minute ten seconds were fast.
        assert!((meter.speed().bytes - 175.0).abs() < 50.0, "{:?}", meter.speed());
    }

    proptest! {
        #[test]
        fn it_is_never_wider_than_the_screen(
            width in 10_usize..200, delivered in any::<u32>(), rejected in any::<u32>(), done in 0_u64..=100_000_000,
            colour in any::<bool>(), wide in any::<bool>(), known in any::<bool>(),
        ) {
            let mut figures = figures(Some(Wait::Jobs(3)));
            figures.tally.delivered = delivered.into();
            figures.tally.rejected = rejected.into();
            figures.done = done;
            figures.total = figures.total.filter(|_| known);
            let line = figures.drawn(SPEED, width, Look { colour: false, wide });
            prop_assert!(line.chars().count() <= width, "{line}");
            // Colours take no room.
            let coloured = figures.drawn(SPEED, width, Look { colour, wide });
            let bare = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(&coloured, "").into_owned();
            prop_assert!(bare.chars().count() <= width, "{bare}");
        }
    }
}

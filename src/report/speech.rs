//! Where words leave the program. A closed pipe is no error, so nothing here fails.

use super::screen;
use super::wrapping::wrapped;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static IN_COLOUR: AtomicBool = AtomicBool::new(false);
static AS_JSON: AtomicBool = AtomicBool::new(false);
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// Words at the beginning of a line that have a colour, with its ANSI number.
const COLOURED: [(&str, &str); 5] =
    [("done:", "1;32"), ("error:", "1;31"), ("stopped:", "1;33"), ("warning:", "1;33"), ("hint:", "36")];

/// Whether words on stderr have colours: as said, else on a terminal that has them, unless `NO_COLOR` is set
/// (<https://no-color.org>). Gives back which.
pub fn in_colour(said: Option<bool>) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = said.unwrap_or_else(|| screen::can_draw() && !unwanted);
    IN_COLOUR.store(colour, Ordering::Relaxed);
    colour
}

pub(super) fn is_in_colour() -> bool {
    IN_COLOUR.load(Ordering::Relaxed)
}

/// Whether words on stderr are lines of the log.
pub fn as_json(said: bool) {
    AS_JSON.store(said, Ordering::Relaxed);
}

pub(super) fn is_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// To people: a line (or several) on stderr; one line of the log where that is for programs.
pub fn say(text: &str) {
    if !is_json() {
        return screen::aside(|| write(text));
    }
    if text.starts_with("error:") {
        tracing::error!("{text}");
    } else if text.starts_with("stopped:") || text.starts_with("warning:") {
        tracing::warn!("{text}");
    } else {
        tracing::info!("{text}");
    }
}

/// What a command is for, and the command on a line of its own: to be pasted, or as the event's `command`.
pub(super) fn say_command(text: &str, command: &str) {
    if is_json() {
        tracing::info!(command, "{text}");
    } else {
        say(&format!("{text}\n{command}"));
    }
}

fn write(text: &str) {
    let text = &*wrapped(text, screen::width_of(&io::stderr()));
    let mut out = io::stderr().lock();
    if !IN_COLOUR.load(Ordering::Relaxed) {
        let _ = writeln!(out, "{text}");
        return;
    }
    for line in text.split('\n') {
        let known = COLOURED.iter().find_map(|(word, colour)| Some((word, colour, line.strip_prefix(word)?)));
        let _ = match known {
            Some((word, colour, rest)) => writeln!(out, "\x1b[{colour}m{word}\x1b[0m{rest}"),
            None => writeln!(out, "{line}"),
        };
    }
}

/// Whether something that was told did not reach stdout, though it was wanted.
pub fn output_is_lost() -> bool {
    OUTPUT_LOST.swap(false, Ordering::Relaxed)
}

/// To programs: a line on stdout. Whoever closed it did not want it; a full disk is another matter, and said.
pub fn tell(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        OUTPUT_LOST.store(true, Ordering::Relaxed);
        say(&crate::error::plain(&format!("warning: standard output could not be written: {error}")));
    }
}

/// To people, on stdout: what they asked to see.
pub fn show(text: &str) {
    tell(&wrapped(text, screen::width_of(&io::stdout())));
}

/// Text from a server or a row, made safe for a terminal: controls and direction marks become visible, and it is
/// cut at 500 characters.
pub fn tame(text: &str) -> String {
    safe(text, 500, false)
}

/// As [`tame`], cut at `most` characters, and line ends stay what they are.
pub fn visible(text: &str, most: usize) -> String {
    safe(text, most, true)
}

fn safe(text: &str, most: usize, keeps_lines: bool) -> String {
    let is_unsafe = |c: char| {
        (c.is_control() && !(keeps_lines && c == '\n'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}')
    };
    let mut tamed = String::new();
    for c in text.chars().take(most) {
        if is_unsafe(c) {
            tamed.extend(c.escape_unicode());
        } else {
            tamed.push(c);
        }
    }
    if text.chars().nth(most).is_some() {
        tamed.push('…');
    }
    tamed
}

/// `1 row`, `2 rows`, `12,345 rows`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = match (number, noun) {
        (1, _) => noun.to_owned(),
        (_, "batch") => "batches".to_owned(),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(number))
}

/// `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `40 ms`, `1.4 s`, `12 s`, `3 min 5 s`, `2 h 7 min`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_reaches_the_terminal() {
        assert_eq!(tame("a\u{1b}[31mb\u{202e}"), "a\\u{1b}[31mb\\u{202e}");
        assert_eq!(tame(&"x".repeat(600)).chars().count(), 501);
    }

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(1_234_567, "row"), "1,234,567 rows");
        assert_eq!(count(0, "batch"), "0 batches");
    }
}

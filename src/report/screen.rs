//! The line at the bottom of the terminal that is drawn over and over. Whoever says something else meanwhile takes it
//! away first and puts it back afterwards.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// For a screen that does not tell how wide it is.
const WIDTH: u16 = 80;
/// Drawings in a second at most.
const DRAWS: u8 = 8;

/// The bar that is drawn now.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// How much of the terminal of stderr is drawn on, in columns. The last few stay free for the `^C` that a terminal
/// writes: on the next line it would leave the old one behind.
pub(super) fn width() -> usize {
    usize::from(columns())
}

/// How wide the terminal is that people read this stream on; `None` where it is none, or does not tell.
pub(super) fn width_of(stream: &(impl std::os::fd::AsFd + io::IsTerminal)) -> Option<usize> {
    let (terminal_size::Width(all), _) =
        terminal_size::terminal_size_of(stream).filter(|_| stream.is_terminal())?;
    Some(usize::from(all).max(20))
}

fn columns() -> u16 {
    let whole =
        terminal_size::terminal_size_of(io::stderr()).map_or(WIDTH, |(terminal_size::Width(all), _)| all);
    whole.saturating_sub(3).max(10)
}

/// Whether a line can be drawn over: a terminal that knows how.
pub(super) fn can_draw() -> bool {
    use io::IsTerminal;
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Runs `say` while nothing is drawn.
pub(super) fn aside<T>(say: impl FnOnce() -> T) -> T {
    let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match drawn {
        Some(bar) => bar.suspend(say),
        None => say(),
    }
}

/// A line that is drawn as long as this lives.
#[derive(Debug)]
pub(super) struct Line(ProgressBar);

impl Line {
    pub(super) fn start() -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Stderr), DRAWS);
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Self(bar)
    }

    pub(super) fn show(&self, words: String) {
        self.0.set_message(words);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.finish_and_clear();
    }
}

/// Stderr as a terminal, whether it is one or was only said to be.
#[derive(Debug)]
struct Stderr;

impl Stderr {
    fn put(text: &str) -> io::Result<()> {
        io::stderr().lock().write_all(text.as_bytes())
    }
}

impl TermLike for Stderr {
    fn width(&self) -> u16 {
        columns()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { Self::put(&format!("\x1b[{n}A")) }
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { Self::put(&format!("\x1b[{n}B")) }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { Self::put(&format!("\x1b[{n}C")) }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { Self::put(&format!("\x1b[{n}D")) }
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        Self::put(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        Self::put(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        Self::put("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

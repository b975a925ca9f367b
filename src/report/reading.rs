//! A bar for reading: input that is read through without anything being sent.

use crate::args::{ProgressArg, SendArgs};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// On stderr, or nowhere.
#[derive(Debug)]
pub struct ReadingBar(Option<ProgressBar>);

impl ReadingBar {
    /// `total` in bytes, where it is known.
    pub fn new(args: &SendArgs, total: Option<u64>) -> Self {
        let wanted = match args.progress {
            _ if args.quiet => false,
            ProgressArg::Auto => std::io::stderr().is_terminal(),
            ProgressArg::Bar => true,
            ProgressArg::Plain | ProgressArg::None => false,
        };
        Self(wanted.then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let template = if total.is_some() {
                "reading {bar:20} {percent:>3} %  {binary_bytes_per_sec}  ETA {eta}"
            } else {
                "reading {spinner} {binary_bytes}  {binary_bytes_per_sec}"
            };
            bar.with_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            )
        }))
    }

    pub fn at(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    pub fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

//! The log: `-v` for people, `--log-format json` for programs. It goes to stderr, and the progress line makes room for
//! it. Only this program's own lines are in it; those of libraries may say what is nobody's business.

use super::screen;
use crate::args::LogArg;
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Begins the log of this thread; it ends with what is given back. `None` if nobody wants one.
pub fn begin(verbose: bool, format: LogArg, colour: bool) -> Option<DefaultGuard> {
    let level = match (verbose, format) {
        (true, _) => LevelFilter::DEBUG,
        (false, LogArg::Json) => LevelFilter::INFO,
        (false, LogArg::Text) => return None,
    };
    let ours = Targets::new().with_target(env!("CARGO_PKG_NAME"), level);
    let layer = tracing_subscriber::fmt::layer().with_writer(Aside).with_target(false);
    let registry = tracing_subscriber::registry();
    Some(match format {
        LogArg::Json => {
            let layer = layer.json().flatten_event(true).with_current_span(false).with_span_list(false);
            tracing::subscriber::set_default(registry.with(ours).with(layer))
        }
        LogArg::Text => tracing::subscriber::set_default(registry.with(ours).with(layer.with_ansi(colour))),
    })
}

/// Stderr beside the progress line.
struct Aside;

impl<'a> MakeWriter<'a> for Aside {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Aside {
    /// A whole line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A closed pipe is no error.
        let _ = screen::aside(|| io::stderr().lock().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

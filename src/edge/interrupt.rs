//! Ctrl-C and SIGTERM. The first asks for an orderly end, the second ends the process at once: that is as safe as
//! a power cut, for which everything is made anyway.

use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a process that was interrupted twice.
const INTERRUPTED: i32 = 130;
/// Signals this close behind the first are that one: `timeout` and shells send it to the process and to its group, and
/// nobody presses Ctrl-C as fast.
const ECHO: Duration = Duration::from_millis(100);

/// Signals, from the moment this is made.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// Not heard where it was told to be ignored: `nohup` means that the run goes on.
    hangup: Option<Signal>,
    /// When the first came.
    seen: Option<Instant>,
}

impl Interrupts {
    /// Whether one has come and was taken.
    pub const fn seen(&self) -> bool {
        self.seen.is_some()
    }

    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
            seen: None,
        })
    }

    /// Resolves at the first signal; does not return from the second.
    pub async fn next(&mut self) {
        loop {
            self.hear().await;
            match self.seen {
                None => break self.seen = Some(Instant::now()),
                Some(first) if first.elapsed() < ECHO => {}
                Some(_) => std::process::exit(INTERRUPTED),
            }
        }
    }

    async fn hear(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// What the process was started with, as Linux tells it; elsewhere nothing is known.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

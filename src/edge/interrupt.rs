//! Ctrl-C and SIGTERM. The first asks for an orderly end, the second ends the process at once: that is as safe as
//! a power cut, for which everything is made anyway.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a process that was interrupted twice.
const INTERRUPTED: i32 = 130;

/// Signals, from the moment this is made.
#[derive(Debug)]
pub struct Interrupts {
    kinds: [Signal; 3],
    seen: bool,
}

impl Interrupts {
    pub fn listen() -> std::io::Result<Self> {
        let kinds = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Self { kinds, seen: false })
    }

    /// Resolves at the first signal; does not return from the second.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.kinds;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        if self.seen {
            std::process::exit(INTERRUPTED);
        }
        self.seen = true;
    }
}

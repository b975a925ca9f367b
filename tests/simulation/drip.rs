//! An input that comes line by line, and may fall silent between any two.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines that come before the silence; without one, no end of them.
#[derive(Clone, Debug)]
pub(crate) struct Silence(Arc<AtomicU64>);

impl Silence {
    pub(crate) fn never() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    pub(crate) fn after(&self, lines: u64) {
        self.0.store(lines, Ordering::Relaxed);
    }

    /// Whether a line comes now.
    fn lets_pass(&self) -> bool {
        match self.0.load(Ordering::Relaxed) {
            0 => {
                self.after(u64::MAX);
                return false;
            }
            u64::MAX => {}
            lines => self.after(lines - 1),
        }
        true
    }
}

#[derive(Debug)]
pub(crate) struct Drip {
    text: Arc<[u8]>,
    at: usize,
    silence: Silence,
}

impl Drip {
    pub(crate) fn new(text: Arc<[u8]>, silence: Silence) -> Self {
        Self { text, at: 0, silence }
    }
}

impl Read for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.text[self.at..];
        if !rest.is_empty() && !self.silence.lets_pass() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let len = line.min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

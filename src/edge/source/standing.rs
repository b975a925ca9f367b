//! Standard input: read as it comes, and waited for no longer than is wanted. Waiting ends at a moment, or when
//! somebody rings the bell; then a read says [`io::ErrorKind::WouldBlock`], and nothing of the stream is lost by it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Ends all waiting for standard input, for good.
#[derive(Clone, Debug)]
pub struct Bell(Arc<(AtomicBool, PipeWriter)>);

impl Bell {
    pub fn ring(&self) {
        if !self.0.0.swap(true, Ordering::Relaxed) {
            let _ = (&self.0.1).write(b".");
        }
    }

    pub fn has_rung(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }
}

/// Until when a read may wait; endless at first.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience(Arc<Mutex<Option<Instant>>>);

impl Patience {
    /// From now on; `None` is endless.
    pub(super) fn set(&self, time: Option<Duration>) {
        let until = time.and_then(|time| Instant::now().checked_add(time));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn left(&self) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}

/// See the module.
#[derive(Debug)]
pub struct StandardInput {
    stdin: File,
    heard: PipeReader,
    pub(super) bell: Bell,
    pub(super) patience: Patience,
}

impl StandardInput {
    pub fn open() -> io::Result<Self> {
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let (heard, rung) = io::pipe()?;
        let bell = Bell(Arc::new((AtomicBool::new(false), rung)));
        Ok(Self { stdin, heard, bell, patience: Patience::default() })
    }

    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Waits until there is something to read, or the end of it.
    fn wait(&self) -> io::Result<()> {
        loop {
            let left = self.patience.left();
            let timeout = left.map(|left| Timespec::try_from(left).unwrap_or(LONG));
            let mut ends = [PollFd::new(&self.heard, PollFlags::IN), PollFd::new(&self.stdin, PollFlags::IN)];
            match poll(&mut ends, timeout.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            // A moment that has passed is not put off by a stream that never pauses.
            if !ends[0].revents().is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !ends[1].revents().is_empty() {
                return Ok(());
            }
        }
    }
}

/// As long as no run lasts.
const LONG: Timespec = Timespec { tv_sec: 1 << 30, tv_nsec: 0 };

impl Read for StandardInput {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.stdin.read(into) {
                // Another process has set the same pipe to answer at once, and was quicker.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}

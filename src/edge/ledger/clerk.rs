//! The ledger's thread. It takes the first entry, then all that have come meanwhile, and commits them as one: a
//! sync costs the same for one batch as for sixty-four.

use super::{Ledger, LedgerError};
use crate::model::{Entry, Noted};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Entries committed together at most.
const GROUP_MAX: usize = 256;

/// What the thread tells.
#[derive(Debug)]
pub enum Done {
    Committed(Vec<(u64, Noted)>),
    /// What was in hand may or may not be durable; nothing more will be.
    Failed(String),
}

/// The way to the ledger's thread.
#[derive(Debug)]
pub struct Clerk {
    entries: Option<SyncSender<(u64, Box<Entry>)>>,
    thread: Option<JoinHandle<Result<(), LedgerError>>>,
}

impl Clerk {
    /// `tell` is called on the ledger's thread.
    pub fn start(ledger: Ledger, tell: impl Fn(Done) + Send + 'static) -> std::io::Result<Self> {
        let (entries, inbox) = sync_channel(4096);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || keep(ledger, &inbox, &tell))?;
        Ok(Self { entries: Some(entries), thread: Some(thread) })
    }

    pub fn write(&self, ticket: u64, entry: Box<Entry>) {
        if let Some(entries) = &self.entries {
            // The thread is gone only after it told of its failure.
            let _ = entries.send((ticket, entry));
        }
    }

    /// Waits for what was given, and closes the ledger.
    pub fn close(mut self) -> Result<(), LedgerError> {
        self.entries = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Err(LedgerError::Refused("its thread ended unexpectedly".to_owned())),
        }
    }
}

fn keep(
    mut ledger: Ledger,
    inbox: &Receiver<(u64, Box<Entry>)>,
    tell: &impl Fn(Done),
) -> Result<(), LedgerError> {
    let mut group = Vec::new();
    while let Ok(first) = inbox.recv() {
        group.push(first);
        group.extend(inbox.try_iter().take(GROUP_MAX - 1));
        match ledger.apply(group.iter().map(|(_, entry)| &**entry)) {
            Ok(noted) => {
                let tickets = group.drain(..).map(|(ticket, _)| ticket);
                tell(Done::Committed(tickets.zip(noted).collect()));
            }
            Err(error) => {
                tell(Done::Failed(error.to_string()));
                // Not even a clean close: it would write. What is on the disk decides.
                std::mem::forget(ledger);
                return Err(error);
            }
        }
    }
    ledger.close()
}

//! The ledger's thread. It takes the first entry, then all that have come meanwhile, and commits them as one: a
//! sync costs the same for one batch as for sixty-four.

use super::{Ledger, LedgerError};
use crate::model::{BatchSeq, Begun, Entry, GroupId, KeptRows, Noted, Sample};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Entries committed together at most.
const GROUP_MAX: usize = 256;

/// What the thread is asked for.
#[derive(Debug)]
enum Task {
    Write(u64, Box<Entry>),
    Recall(BatchSeq),
    LookUp(BatchSeq, GroupId),
    /// A line of history, which goes with the next entry.
    Note(Sample),
}

/// What the thread tells.
#[derive(Debug)]
pub enum Done {
    Committed(Vec<(u64, Noted)>),
    Recalled(BatchSeq, KeptRows),
    LookedUp(BatchSeq, Begun),
    /// What was in hand may or may not be durable; nothing more will be.
    Failed(String),
}

/// The way to the ledger's thread.
#[derive(Debug)]
pub struct Clerk {
    tasks: Option<SyncSender<Task>>,
    thread: Option<JoinHandle<Result<(), LedgerError>>>,
}

impl Clerk {
    /// `tell` is called on the ledger's thread.
    pub fn start(ledger: Ledger, tell: impl Fn(Done) + Send + 'static) -> std::io::Result<Self> {
        let (tasks, inbox) = sync_channel(4096);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || keep(ledger, &inbox, &tell))?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread) })
    }

    pub fn write(&self, ticket: u64, entry: Box<Entry>) {
        self.give(Task::Write(ticket, entry));
    }

    /// Asks for rows that the ledger keeps.
    pub fn recall(&self, seq: BatchSeq) {
        self.give(Task::Recall(seq));
    }

    /// Asks whether a batch's group is begun.
    pub fn look_up(&self, seq: BatchSeq, group: GroupId) {
        self.give(Task::LookUp(seq, group));
    }

    /// A line of the run's history.
    pub fn note(&self, sample: Sample) {
        self.give(Task::Note(sample));
    }

    fn give(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // The thread is gone only after it told of its failure.
            let _ = tasks.send(task);
        }
    }

    /// Waits for what was given, and closes the ledger.
    pub fn close(mut self) -> Result<(), LedgerError> {
        self.tasks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Err(LedgerError::Refused("its thread ended unexpectedly".to_owned())),
        }
    }
}

fn keep(mut ledger: Ledger, inbox: &Receiver<Task>, tell: &impl Fn(Done)) -> Result<(), LedgerError> {
    let mut group = Vec::new();
    let mut questions = Vec::new();
    while let Ok(first) = inbox.recv() {
        for task in std::iter::once(first).chain(inbox.try_iter().take(GROUP_MAX - 1)) {
            match task {
                Task::Write(ticket, entry) => group.push((ticket, entry)),
                Task::Note(sample) => ledger.note(sample),
                question @ (Task::Recall(_) | Task::LookUp(..)) => questions.push(question),
            }
        }
        if let Err(error) = serve(&mut ledger, &mut group, &mut questions, tell) {
            tell(Done::Failed(error.to_string()));
            // Not even a clean close: it would write. What is on the disk decides.
            std::mem::forget(ledger);
            return Err(error);
        }
    }
    ledger.close()
}

/// Entries first, so that what is asked is answered behind all that was given before.
fn serve(
    ledger: &mut Ledger,
    group: &mut Vec<(u64, Box<Entry>)>,
    questions: &mut Vec<Task>,
    tell: &impl Fn(Done),
) -> Result<(), LedgerError> {
    if !group.is_empty() {
        let noted = ledger.apply(group.iter().map(|(_, entry)| &**entry))?;
        let tickets = group.drain(..).map(|(ticket, _)| ticket);
        tell(Done::Committed(tickets.zip(noted).collect()));
    }
    for question in questions.drain(..) {
        match question {
            Task::Recall(seq) => tell(Done::Recalled(seq, ledger.recall(seq)?)),
            Task::LookUp(seq, group) => tell(Done::LookedUp(seq, ledger.begun(group)?)),
            Task::Write(..) | Task::Note(_) => unreachable!("these are no questions"),
        }
    }
    Ok(())
}

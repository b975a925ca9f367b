//! The ledger's thread. It takes the first entry, then all that have come meanwhile, and commits them as one: a
//! sync costs the same for one batch as for sixty-four. The end of a batch, for which nobody waits, waits a moment for
//! company.

use super::{Ledger, LedgerError};
use crate::model::{BatchSeq, Begun, Entry, GroupId, KeptRows, Noted, Sample};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Entries committed together at most.
const GROUP_MAX: usize = 256;
/// How long the end of a batch waits for an entry that is urgent: less than what a sync takes on most disks.
const PATIENCE: Duration = Duration::from_millis(2);

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
    /// `tell` is called on the ledger's thread. `eager`: others wait for the ends of batches, too.
    pub fn start(ledger: Ledger, eager: bool, tell: impl Fn(Done) + Send + 'static) -> std::io::Result<Self> {
        Self::with_patience(ledger, if eager { Duration::ZERO } else { PATIENCE }, tell)
    }

    fn with_patience(
        ledger: Ledger,
        patience: Duration,
        tell: impl Fn(Done) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (tasks, inbox) = sync_channel(4096);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || keep(ledger, &inbox, patience, &tell))?;
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

fn keep(
    mut ledger: Ledger,
    inbox: &Receiver<Task>,
    patience: Duration,
    tell: &impl Fn(Done),
) -> Result<(), LedgerError> {
    let mut group = Vec::new();
    let mut questions = Vec::new();
    while let Ok(first) = inbox.recv() {
        let until = Instant::now() + patience;
        let (mut next, mut urgent) = (Some(first), false);
        while let Some(task) = next {
            urgent |= !is_patient(&task);
            match task {
                Task::Write(ticket, entry) => group.push((ticket, entry)),
                Task::Note(sample) => ledger.note(sample),
                question @ (Task::Recall(_) | Task::LookUp(..)) => questions.push(question),
            }
            next = match group.len() < GROUP_MAX {
                false => None,
                true if urgent => inbox.try_recv().ok(),
                true => inbox.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
            };
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

/// Nothing is sent and nobody is told because of it, only counted.
fn is_patient(task: &Task) -> bool {
    match task {
        Task::Write(_, entry) => matches!(&**entry, Entry::Finish { children, .. } if children.is_empty()),
        Task::Note(_) => true,
        Task::Recall(_) | Task::LookUp(..) => false,
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::model::{
        BatchEnd, Cursor, Digest, ImportId, ImportRecord, ImportState, Ordinal, Passed, Place, Planned,
    };
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(3600);

    fn plan(seq: u64) -> Box<Entry> {
        let cursor = Cursor { place: Place::START, ordinal: Ordinal(seq + 1), chain: [0; 32] };
        let (natural, refused, kept) = (vec![], vec![], vec![]);
        let batches = vec![Planned::of_one_row(seq)];
        Box::new(Entry::Plan {
            batches,
            natural,
            refused,
            cursor,
            kept,
            passed: Passed::default(),
            starts: Vec::new(),
        })
    }

    fn end(seq: u64) -> Box<Entry> {
        Box::new(Entry::Finish {
            seq: BatchSeq(seq),
            end: BatchEnd { delivered: 1, ..BatchEnd::default() },
            refused: vec![],
            shown: None,
            children: vec![],
            kept: vec![],
            learned: None,
            report: None,
            blocked: vec![],
            begun: None,
        })
    }

    #[test]
    fn the_end_of_a_batch_waits_for_a_plan_and_a_plan_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger =
            Ledger::open(&folder.path().join("ledger.db"), &folder.path().join("letters")).unwrap();
        let (id, identity) = (ImportId::fixed("clerk", 1), Digest::of(b"clerk"));
        ledger.begin(&ImportRecord { number: 1, id, identity, state: ImportState::Open }, "[]").unwrap();
        ledger.recover(1).unwrap();
        let (told, heard) = channel();
        let clerk = Clerk::with_patience(ledger, LONG, move |done| {
            let Done::Committed(tickets) = done else { panic!("{done:?}") };
            told.send(tickets.into_iter().map(|(ticket, _)| ticket).collect::<Vec<_>>()).unwrap();
        })
        .unwrap();
        clerk.write(1, plan(1));
        assert_eq!(heard.recv().unwrap(), [1]);
        clerk.write(2, end(1));
        clerk.write(3, plan(2));
        assert_eq!(heard.recv().unwrap(), [2, 3]);
        clerk.write(4, end(2));
        clerk.close().unwrap();
        assert_eq!(heard.recv().unwrap(), [4]);
    }
}

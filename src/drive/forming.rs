//! The forming thread: it makes batches of the input, and those of an earlier run again, one task at a time. A second
//! thread makes their keys, while the first goes on.

use super::cut::Cut;
use super::former::Former;
use crate::edge::clock::Clock;
use crate::edge::source::{Bell, Rereader};
use crate::engine::{Assembler, Event};
use crate::model::{BatchSeq, Place, RowSet};
use crate::target::GroupState;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::JoinHandle;

/// Makes a batch of an earlier run again.
pub fn rebuild(
    rereader: &mut Rereader,
    assembler: &Assembler,
    seq: BatchSeq,
    start: Place,
    rows: &RowSet,
    state: Option<&GroupState>,
) -> Event {
    let mut builder = assembler.open(state);
    let mut refused = None;
    let read = rereader.rows(start, rows, &mut |mark, text| {
        if let Err(refusal) = assembler.add(&mut builder, mark, text) {
            refused = Some(refusal.message);
        }
    });
    match (read, refused, assembler.close(builder, state)) {
        (Ok(()), None, Some(load)) if load.len() as u64 == rows.len() => Event::Rebuilt { seq, load },
        (Err(error), ..) => {
            Event::RebuildFailed { why: error.to_string(), hint: error.hint(), changed: error.is_changed() }
        }
        (Ok(()), why, _) => Event::RebuildFailed {
            why: why.unwrap_or_else(|| format!("row {} is not where it was", rows.first().0 + 1)),
            hint: None,
            changed: true,
        },
    }
}

enum Task {
    Form { batches: usize },
    Rebuild { seq: BatchSeq, start: Place, rows: RowSet, state: Option<GroupState> },
}

/// Cuts that wait for their keys.
const CUTS_MAX: usize = 2;

/// The way to the forming thread.
#[derive(Debug)]
pub struct Forming {
    tasks: Option<Sender<Task>>,
    bell: Option<Bell>,
    threads: Vec<JoinHandle<()>>,
}

impl Forming {
    /// `tell` is called on a thread of its own, with each event and the bytes consumed so far.
    pub fn start(
        mut former: Former,
        mut rereader: Rereader,
        tell: impl Fn(Event, u64) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (tasks, inbox) = channel();
        let (cuts, cut) = sync_channel::<(Cut, u64)>(CUTS_MAX);
        let bell = former.bell();
        let assembler = Arc::clone(former.assembler());
        let keys = Arc::clone(&assembler);
        let hashing = std::thread::Builder::new().name("hashing".to_owned()).spawn(move || {
            for (cut, bytes) in cut {
                tell(cut.into_event(&keys), bytes);
            }
        })?;
        let forming = std::thread::Builder::new().name("forming".to_owned()).spawn(move || {
            for task in inbox {
                let cut = match task {
                    Task::Form { batches } => former.cut(batches, Clock::wall()),
                    Task::Rebuild { seq, start, rows, state } => {
                        let state = state.as_ref();
                        Cut::Other(rebuild(&mut rereader, &assembler, seq, start, &rows, state))
                    }
                };
                // The other thread ends after this one.
                let _ = cuts.send((cut, former.bytes_consumed()));
            }
        })?;
        Ok(Self { tasks: Some(tasks), bell, threads: vec![forming, hashing] })
    }

    pub fn form(&self, batches: usize) {
        self.give(Task::Form { batches });
    }

    pub fn rebuild(&self, seq: BatchSeq, start: Place, rows: RowSet, state: Option<GroupState>) {
        self.give(Task::Rebuild { seq, start, rows, state });
    }

    /// Nothing more is waited for: what was read comes back at once.
    pub fn stop_waiting(&self) {
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }

    fn give(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // The thread outlives every task; if it panicked, the run ends by the missing answer.
            let _ = tasks.send(task);
        }
    }
}

impl Drop for Forming {
    fn drop(&mut self) {
        self.tasks = None;
        self.stop_waiting();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

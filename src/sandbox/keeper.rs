//! The thread that owns the store.
//!
//! Requests hand it work and wait for the outcome; the thread that accepts connections never waits for the
//! disk. It must never do anything of its own accord.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::store::Store;

type Work = Box<dyn FnOnce(&mut Store) + Send>;

enum Errand {
    Do(Work),
    Leave,
}

/// The way to the store's thread.
pub(super) struct Keeper {
    errands: mpsc::Sender<Errand>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    /// Gives the store a thread.
    pub(super) fn start(mut store: Store) -> io::Result<Self> {
        let (errands, received) = mpsc::channel();
        let keep = move || {
            while let Ok(Errand::Do(work)) = received.recv() {
                work(&mut store);
            }
        };
        let thread = std::thread::Builder::new().name("sandbox-store".to_owned()).spawn(keep)?;
        Ok(Self { errands, thread: Mutex::new(Some(thread)) })
    }

    /// Does the work on the store's thread; `None` if the store is closed.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, outcome) = oneshot::channel();
        let work = Box::new(move |store: &mut Store| drop(reply.send(work(store))));
        self.errands.send(Errand::Do(work)).ok()?;
        outcome.await.ok()
    }

    /// Finishes what was handed over before, closes the store and ends the thread.
    pub(super) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(self.errands.send(Errand::Leave));
            drop(thread.join());
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close();
    }
}

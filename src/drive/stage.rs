//! Where runs take place: one runtime, and the signals from the first moment on.

use crate::edge::interrupt::Interrupts;
use crate::edge::source::Bell;
use tokio::runtime::Runtime;

/// See the module.
#[derive(Debug)]
pub struct Stage {
    runtime: Option<Runtime>,
    pub(super) interrupts: Interrupts,
}

impl Stage {
    pub fn open() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let interrupts = runtime.block_on(async { Interrupts::listen() })?;
        Ok(Self { runtime: Some(runtime), interrupts })
    }

    /// Work that waits for standard input, on a thread of its own; a signal rings its bell, and so ends it.
    pub fn attend<T: Send + 'static>(&mut self, bell: &Bell, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (runtime, interrupts) = self.parts();
        runtime.block_on(async {
            let mut work = tokio::task::spawn_blocking(work);
            loop {
                tokio::select! {
                    done = &mut work => return done.expect("the work does not panic"),
                    () = interrupts.next() => bell.ring(),
                }
            }
        })
    }

    /// Whether a signal has come: for work that looks up from time to time.
    pub fn is_interrupted(&mut self) -> bool {
        if self.interrupts.seen() {
            return true;
        }
        let (runtime, interrupts) = self.parts();
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = interrupts.next() => true,
                // The runtime looks what has come meanwhile.
                () = tokio::task::yield_now() => false,
            }
        })
    }

    pub(super) fn parts(&mut self) -> (&Runtime, &mut Interrupts) {
        (self.runtime.as_ref().expect("it is there until the drop"), &mut self.interrupts)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nobody waits for a name that is still being looked up.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

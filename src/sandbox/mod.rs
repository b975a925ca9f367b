//! The practice server: a real HTTP server on loopback that behaves as the systems behave that imports are
//! sent to, and misbehaves on demand.
//!
//! It keeps every row and every idempotency key in `SQLite`, and `GET /_sandbox/truth` tells what was really
//! applied. It is an island: it uses nothing of the rest of the program, and must never begin to, for then
//! it would prove only that the program agrees with itself.
//!
//! A request comes in by `http`, `response` throws the `dice` for it, the `desk` looks up its key (`keys`),
//! one of the shapes (`shape`) judges and applies its rows (`rules`, `books`) on the thread of the store
//! (`keeper`, `store`), and `response` sends what the fault leaves of the answer.

mod answer;
mod books;
mod call;
mod desk;
mod dice;
mod faults;
mod http;
mod jobs;
mod keeper;
mod keys;
mod payload;
mod reading;
mod response;
mod rules;
mod shape;
mod store;
mod truth;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use faults::{Faults, FaultsError};
pub use http::{Running, serve};

/// How the server is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// What goes wrong, and how often.
    pub faults: Faults,
    /// The same seed and the same requests in the same order give the same faults.
    pub seed: u64,
    /// The file that remembers rows, keys and jobs; `None` remembers them as long as the server runs.
    pub store: Option<PathBuf>,
    /// The bearer token that requests need; `None` takes any, or none.
    pub token: Option<String>,
    /// For how long keys are remembered; `None` for ever.
    pub key_ttl: Option<Duration>,
    /// Most operations in one orders request.
    pub max_items: usize,
    /// Most bytes in one orders request.
    pub max_bytes: usize,
    /// Whether a refusal of all orders says which item was at fault.
    pub atomic_names_item: bool,
    /// A line on standard error for each request.
    pub verbose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            faults: Faults::default(),
            seed: 0,
            store: None,
            token: None,
            key_ttl: None,
            max_items: 100,
            max_bytes: 1 << 20,
            atomic_names_item: true,
            verbose: false,
        }
    }
}

/// A server on a thread of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts one. It listens when this returns.
    pub fn start(options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tell, told) = mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                match serve(options).await {
                    Ok(running) => {
                        drop(tell.send(Ok(running.addr())));
                        drop(ended.await);
                        running.shutdown().await;
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
        };
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(run)?;
        let addr = told.recv().unwrap_or_else(|_| Err(io::Error::other("the sandbox's thread ended")))?;
        Ok(Self { addr, end: Some(end), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Finishes what has begun, closes the store, and ends the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

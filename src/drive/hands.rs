//! What carries the engine's commands out: requests on their way, each in a task of its own, and what they bring back.

use super::{Forming, calls};
use crate::edge::clock::Clock;
use crate::edge::ledger::Clerk;
use crate::edge::packing;
use crate::edge::results::Results;
use crate::edge::wire::{Wire, answer_max};
use crate::engine::{Assembler, Ending, Event, NoCredential, Sent, StopCause};
use crate::model::{BatchSeq, Fault, Job, Load, Reply, Request, Sample, Settled};
use crate::target::{Compression, GroupState, Target, Token};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Everything that commands are carried out with.
pub(super) struct Hands {
    pub(super) forming: Forming,
    pub(super) clerk: Option<Clerk>,
    pub(super) events: UnboundedSender<Event>,
    pub(super) assembler: Arc<Assembler>,
    pub(super) wire: Caller,
    pub(super) results: Option<Results>,
    pub(super) clock: Clock,
}

/// The way to the target, with the credential that was got for it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) wire: Wire,
    pub(super) target: Arc<Target>,
    pub(super) timeout: Duration,
    pub(super) token: Arc<Mutex<Option<Token>>>,
}

impl Caller {
    fn token(&self) -> Option<Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn call(&self, mut request: Request, rows: usize) -> Result<Reply, Fault> {
        let token = self.token();
        if let Some(token) = &token {
            self.target.authorize(&mut request, token);
        }
        self.target.sign(&mut request, Clock::wall());
        let reply = self.wire.send(request, answer_max(rows)).await?;
        Ok(match token {
            Some(token) => token.hidden(reply),
            None => reply,
        })
    }

    async fn renew(&self) -> Result<(), NoCredential> {
        let Some(request) = self.target.token_request(self.timeout) else { return Ok(()) };
        let came = self.wire.send(request, answer_max(0)).await;
        let token = calls::renewed(&self.target, came, Clock::wall())?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(())
    }
}

impl Hands {
    pub(super) fn send(&self, seq: BatchSeq, load: Load, sent: &Sent) {
        let (events, caller, clock) = (self.events.clone(), self.wire.clone(), self.clock);
        let request = calls::request(&self.assembler, &load, sent, caller.timeout);
        let attempt = sent.attempt();
        tokio::spawn(async move {
            let started = clock.tick();
            let mut answer = match request {
                Err(answer) => *answer,
                Ok(request) => match packed(&caller.target, request).await {
                    Err(why) => calls::not_applied(why),
                    Ok(request) if calls::is_too_large(&caller.target, &request) => {
                        calls::too_large(&caller.target, &request)
                    }
                    Ok(request) => {
                        let came = caller.call(request, load.len()).await;
                        calls::answer(&caller.target, &load, attempt, came, Clock::wall())
                    }
                },
            };
            answer.took = clock.tick().since(started);
            let _ = events.send(Event::Answered { seq, answer });
        });
    }

    pub(super) fn poll(&self, seq: BatchSeq, job: Job, load: Load) {
        let (events, caller) = (self.events.clone(), self.wire.clone());
        let request = caller.target.poll(&job, caller.timeout);
        tokio::spawn(async move {
            let came = match request {
                Err(why) => Err(why),
                Ok(request) => caller.call(request, load.len()).await.map_err(|fault| fault.why().to_owned()),
            };
            let _ = events.send(calls::polled(&caller.target, seq, &job, &load, came, Clock::wall()));
        });
    }

    pub(super) fn read_state(&self, seq: BatchSeq, load: Load, known: GroupState) {
        let (events, caller) = (self.events.clone(), self.wire.clone());
        let request = calls::state_request(&self.assembler, seq, &load, &known, caller.timeout);
        tokio::spawn(async move {
            let event = match request {
                Err(event) => *event,
                Ok(request) => {
                    let came = caller.call(request, load.len()).await;
                    calls::state_read(&caller.target, seq, &load, &known, came, Clock::wall())
                }
            };
            let _ = events.send(event);
        });
    }

    pub(super) fn verify(&self, seq: BatchSeq, load: Load, about: &Sent) {
        let (events, caller) = (self.events.clone(), self.wire.clone());
        let request = calls::verify_request(&self.assembler, seq, &load, about, caller.timeout);
        tokio::spawn(async move {
            let event = match request {
                Err(event) => *event,
                Ok(request) => {
                    let came = caller.call(request, load.len()).await;
                    calls::verified(&caller.target, seq, &load, came, Clock::wall())
                }
            };
            let _ = events.send(event);
        });
    }

    pub(super) fn renew(&self) {
        let (events, caller) = (self.events.clone(), self.wire.clone());
        tokio::spawn(async move {
            let _ = events.send(Event::Renewed(caller.renew().await));
        });
    }

    pub(super) fn tell(&mut self, settled: &[Settled]) {
        let Some(results) = &mut self.results else { return };
        let failed = results.append(settled).and_then(|()| results.sync()).err();
        let why = failed.map(|error| format!("the results file cannot be written: {error}"));
        let _ = self.events.send(Event::Told(why));
    }

    /// Closes the ledger, with the last line of history. A failure here outweighs any other ending.
    pub(super) fn end(mut self, ending: Ending, sample: Sample) -> Ending {
        if let Some(clerk) = &self.clerk {
            clerk.note(sample);
        }
        let failed = matches!(ending.cause, Some(StopCause::Ledger(_)));
        match self.clerk.take().map(Clerk::close) {
            Some(Err(error)) if !failed => {
                Ending { exit: 74, cause: Some(StopCause::Ledger(error.to_string())) }
            }
            _ => ending,
        }
    }
}

/// The body as the target takes it, packed on a thread of its own.
async fn packed(target: &Target, mut request: Request) -> Result<Request, String> {
    let pack: fn(&[u8]) -> std::io::Result<Vec<u8>> = match target.compression() {
        Compression::None => return Ok(request),
        Compression::Gzip => packing::gzip,
        Compression::Zstd => packing::zstd,
    };
    let name = if target.compression() == Compression::Gzip { "gzip" } else { "zstd" };
    let body = request.body.clone();
    let packed = tokio::task::spawn_blocking(move || pack(&body)).await;
    let packed = packed.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    request.body = packed.into();
    request.headers.retain(|(known, _)| known != "content-encoding");
    request.headers.push(("content-encoding".to_owned(), name.to_owned()));
    Ok(request)
}

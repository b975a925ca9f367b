//! Between a command and its request, and between an answer and its event: what is decided there, without the wire.
//! The tasks of a run and the simulation both go through here, so that the one cannot know better than the other.

use crate::engine::{Answer, Assembler, Event, NoCredential, Sent};
use crate::model::{
    BatchSeq, Fault, Job, Load, Outcome, PollOutcome, Rejection, Reply, Request, RowVerdict, StopKind,
    Verdicts, WallTime,
};
use crate::target::{Attempt, GroupState, Target, Token};
use std::time::Duration;

/// The request of a batch; `Err` is what it means that there can be none.
pub fn request(
    assembler: &Assembler,
    load: &Load,
    sent: &Sent,
    timeout: Duration,
) -> Result<Request, Box<Answer>> {
    let row = assembler.row(load, 0);
    let about = assembler.about(&row, load, sent, timeout);
    let request = assembler.target().request_about(load.body().clone(), &about);
    request.map_err(|refusal| Box::new(unmade(refusal)))
}

/// What came back of a batch's request; how long it took is the caller's to say.
pub fn answer(
    target: &Target,
    load: &Load,
    attempt: Attempt,
    came: Result<Reply, Fault>,
    wall: WallTime,
) -> Answer {
    match came {
        Ok(reply) => Answer {
            outcome: target.read_attempt(load, &reply, wall, attempt),
            status: Some(reply.status),
            took: Duration::ZERO,
            replayed: target.replayed(&reply),
            carried: target.carried(&reply),
            hint: target.hint(&reply, wall).map(Box::new),
        },
        Err(fault) => plain(target.read_fault_attempt(&fault, load.len() as u64, attempt)),
    }
}

/// Nothing left, and that is nobody's verdict.
pub fn not_applied(why: String) -> Answer {
    plain(Outcome::NotApplied { wait: None, why })
}

/// A limit that counts packed bytes is only known to be kept once a body is packed.
pub fn is_too_large(target: &Target, packed: &Request) -> bool {
    target.limits().packed_max().is_some_and(|most| packed.body.len() as u64 > most)
}

/// It never left: its halves go, as where the target says so.
pub fn too_large(target: &Target, packed: &Request) -> Answer {
    let most = target.limits().packed_max().unwrap_or_default();
    let message = format!("packed it has {} bytes, and the target takes {most}", packed.body.len());
    plain(Outcome::Split { learned: None, refusal: Rejection::local("too_large", message) })
}

/// The token that came back, or what it means that there is none.
pub fn renewed(target: &Target, came: Result<Reply, Fault>, wall: WallTime) -> Result<Token, NoCredential> {
    let passing = |why: String| NoCredential { why, hint: None, passing: true };
    let reply = came.map_err(|fault| match (&fault, target.read_fault(&fault)) {
        (Fault::Untrusted(_), Outcome::Stop { why, hint, .. }) => NoCredential { why, hint, passing: false },
        _ => passing(format!("no token was given: {}", fault.why())),
    })?;
    target.read_token(&reply, wall).map_err(|outcome| match *outcome {
        Outcome::Stop { why, hint, .. } => NoCredential { why, hint, passing: false },
        Outcome::Throttled { why, .. } | Outcome::NotApplied { why, .. } => passing(why),
        _ => passing("no token was given".to_owned()),
    })
}

/// What came back of a poll. `Err` says why nothing did.
pub fn polled(
    target: &Target,
    seq: BatchSeq,
    job: &Job,
    load: &Load,
    came: Result<Reply, String>,
    wall: WallTime,
) -> Event {
    let (outcome, status) = match came {
        Ok(reply) => (target.read_poll(load, job, &reply, wall), Some(reply.status)),
        Err(why) => (PollOutcome::Again { wait: None, why: Some(why) }, None),
    };
    Event::Polled { seq, outcome, status }
}

/// The request that reads the state of a batch's group; `Err` is the event instead.
pub fn state_request(
    assembler: &Assembler,
    seq: BatchSeq,
    load: &Load,
    known: &GroupState,
    timeout: Duration,
) -> Result<Request, Box<Event>> {
    let outcome = match assembler.target().state_request(&assembler.row(load, 0), known, timeout) {
        Ok(Some(request)) => return Ok(request),
        Ok(None) => not_applied("the profile does not say how its state is read".to_owned()).outcome,
        Err(refusal) => unmade(refusal).outcome,
    };
    Err(Box::new(Event::StateRead { seq, state: Err(Box::new(outcome)) }))
}

/// What came back of the question for a group's state.
pub fn state_read(
    target: &Target,
    seq: BatchSeq,
    load: &Load,
    known: &GroupState,
    came: Result<Reply, Fault>,
    wall: WallTime,
) -> Event {
    let state = match came {
        Ok(reply) => target.read_state(load, known, &reply, wall),
        Err(fault @ Fault::Untrusted(_)) => Err(Box::new(target.read_fault(&fault))),
        Err(fault) => Err(Box::new(Outcome::NotApplied { wait: None, why: fault.why().to_owned() })),
    };
    Event::StateRead { seq, state }
}

/// The request that asks if a batch was applied; `Err` is the event instead.
pub fn verify_request(
    assembler: &Assembler,
    seq: BatchSeq,
    load: &Load,
    sent: &Sent,
    timeout: Duration,
) -> Result<Request, Box<Event>> {
    let row = assembler.row(load, 0);
    match assembler.target().verify_request(&assembler.about(&row, load, sent, timeout)) {
        Ok(Some(request)) => Ok(request),
        _ => Err(Box::new(Event::Verified { seq, applied: Ok(None) })),
    }
}

/// What came back of the question if a batch was applied.
pub fn verified(
    target: &Target,
    seq: BatchSeq,
    load: &Load,
    came: Result<Reply, Fault>,
    wall: WallTime,
) -> Event {
    let applied = came.map_or(Ok(None), |reply| target.read_verify(load, &reply, wall));
    Event::Verified { seq, applied }
}

fn plain(outcome: Outcome) -> Answer {
    Answer::plain(outcome, None, Duration::ZERO)
}

/// The request can't be made; nothing left. That is a row's fault only if it is about a row.
fn unmade(refusal: Rejection) -> Answer {
    if refusal.field.is_some() || refusal.code == "bad_key" {
        return plain(Outcome::Settled(Verdicts::all(RowVerdict::Rejected(refusal))));
    }
    let hint = Some("nothing was sent; mend the header or the parameter that it comes from".to_owned());
    plain(Outcome::Stop { kind: StopKind::Refused, why: refusal.message, hint })
}

//! Between client and target: what is lost, late, doubled, cut or turned into something else on the way, each before or
//! after the target did its work.

use crate::chance::{Chance, Hazard};
use crate::coverage::Stage;
use crate::server::{Answer, Shape};
use crate::world::{Due, Life, TIMEOUT, World};
use bulkhaul::drive::calls;
use bulkhaul::engine::Event;
use bulkhaul::model::{BatchSeq, BodyState, Fault, Job, Load, Reply, Request};
use bulkhaul::target::{Attempt, GroupState};

#[derive(Debug)]
pub(crate) enum Call {
    Send { attempt: Attempt },
    Poll { job: Job },
    ReadState { known: GroupState },
    Verify,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) seq: BatchSeq,
    pub(crate) call: Call,
    pub(crate) request: Request,
    pub(crate) load: Load,
}

impl Flight {
    pub(crate) const fn stage(&self) -> Stage {
        match self.call {
            Call::Send { attempt } if attempt.after_ambiguous => Stage::SendingAgain,
            Call::Send { .. } => Stage::Sending,
            Call::Poll { .. } => Stage::Polling,
            Call::ReadState { .. } => Stage::ReadingState,
            Call::Verify => Stage::Verifying,
        }
    }
}

/// Waits that an answer may name.
const WAITS: [&str; 10] = [
    "0",
    "1",
    "7",
    "1.5",
    "-1",
    "soon",
    "600",
    "99999999999999999999",
    "Sun, 06 Nov 2094 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT",
];

impl<C: Chance> World<'_, C> {
    /// The request is at the target's door, or not.
    pub(crate) fn arrive(&mut self, life: &mut Life, flight: Flight) {
        let stage = flight.stage();
        let (came, after) = match self.before(&flight, stage) {
            Some(came) => came,
            None => self.work(&flight, stage),
        };
        self.put(life, after, Due::Land(Box::new(flight), came));
    }

    /// What keeps the request from being looked at.
    fn before(&mut self, flight: &Flight, stage: Stage) -> Option<(Result<Reply, Fault>, u64)> {
        let soon = self.while_(50, 30_000);
        let timeout = TIMEOUT.as_micros() as u64;
        if self.strikes(Hazard::NotSent, stage) {
            return Some((Err(Fault::NotSent("connection refused".to_owned())), soon));
        }
        if self.strikes(Hazard::RequestLost, stage) {
            return Some((Err(Fault::TimedOut("no answer in 60 s".to_owned())), timeout));
        }
        if matches!(stage, Stage::Sending | Stage::SendingAgain) && self.strikes(Hazard::RequestLate, stage) {
            self.stray(flight, timeout, timeout + 40_000_000);
            return Some((Err(Fault::TimedOut("no answer in 60 s".to_owned())), timeout));
        }
        let said = |answer: Answer| Some((Ok(Self::reply(answer)), soon));
        if self.strikes(Hazard::Throttled, stage) {
            let mut answer = Answer::new(429, "{}");
            let wait = self.chance.pick(WAITS.len() as u64 + 1) as usize;
            answer.headers.extend(WAITS.get(wait).map(|wait| ("retry-after", (*wait).to_owned())));
            return said(answer);
        }
        if self.strikes(Hazard::FailedBefore, stage) {
            return said(Answer::new(503, "{}"));
        }
        let sends = matches!(flight.call, Call::Send { .. });
        if sends && self.strikes(Hazard::FailedForGood, stage) {
            let now = self.now;
            return said(self.server.record_failure(&flight.request, now));
        }
        if sends && self.strikes(Hazard::InProgress, stage) {
            return said(Answer::new(409, "{}"));
        }
        if self.strikes(Hazard::Unauthorized, stage) {
            return said(Answer::new(401, "{}"));
        }
        if self.strikes(Hazard::Puzzling, stage) {
            return said(Answer::new(418, "{}"));
        }
        if matches!(flight.call, Call::Poll { .. }) && self.strikes(Hazard::JobGone, stage) {
            return said(Answer::new(404, "{}"));
        }
        None
    }

    /// What came of asking for a token.
    pub(crate) fn token(&mut self) -> Result<Reply, Fault> {
        let stage = Stage::Renewing;
        if self.strikes(Hazard::NotSent, stage) {
            return Err(Fault::NotSent("connection refused".to_owned()));
        }
        let failures = [(Hazard::Throttled, 429), (Hazard::FailedBefore, 503)];
        for (hazard, status) in failures {
            if self.strikes(hazard, stage) {
                return Ok(Self::reply(Answer::new(status, "{}")));
            }
        }
        // It is given, and the one before is gone, whether or not anybody hears of it.
        let answer = self.server.give_token(self.now);
        if self.strikes(Hazard::AnswerLost, stage) {
            return Err(Fault::Broken("the connection was closed".to_owned()));
        }
        if self.strikes(Hazard::Garbage, stage) {
            return Ok(Self::reply(Answer::new(200, "<html>oops")));
        }
        Ok(Self::reply(answer))
    }

    /// The target does its work, and its answer sets out.
    fn work(&mut self, flight: &Flight, stage: Stage) -> (Result<Reply, Fault>, u64) {
        let sends = matches!(flight.call, Call::Send { .. });
        if sends && self.strikes(Hazard::Shrinks, stage) {
            let max = 1 + self.chance.pick(3) as usize;
            self.server.max_rows = self.server.max_rows.min(max);
        }
        if matches!(stage, Stage::Sending | Stage::ReadingState) && self.strikes(Hazard::Rival, stage) {
            self.server.rival(&flight.request.url);
        }
        if matches!(flight.call, Call::Poll { .. }) {
            let stalls = self.strikes(Hazard::JobStalls, stage);
            self.server.stall(stalls);
        }
        let fails = sends && self.strikes(Hazard::JobFails, stage);
        let mut answer = self.server.handle(&flight.request, self.now, fails);
        if sends && self.strikes(Hazard::Twice, stage) {
            answer = self.server.handle(&flight.request, self.now, false);
        }
        self.sum_up(stage);
        self.after(answer, sends, stage)
    }

    fn sum_up(&mut self, stage: Stage) {
        let _ = stage;
        let mut broken = std::mem::take(&mut self.server.broken);
        self.broken.append(&mut broken);
    }

    /// What becomes of the answer.
    fn after(&mut self, answer: Answer, sends: bool, stage: Stage) -> (Result<Reply, Fault>, u64) {
        let soon = self.while_(50, 200_000);
        if self.strikes(Hazard::AnswerLost, stage) {
            let timed_out = self.chance.pick(2) == 0;
            return if timed_out {
                (Err(Fault::TimedOut("no answer in 60 s".to_owned())), TIMEOUT.as_micros() as u64)
            } else {
                (Err(Fault::Broken("the connection was closed".to_owned())), soon)
            };
        }
        if self.strikes(Hazard::FailedAfter, stage) {
            return (Ok(Self::reply(Answer::new(502, "{}"))), soon);
        }
        if sends && self.strikes(Hazard::Redirected, stage) {
            let mut answer = Answer::new(303, "");
            answer.headers.push(("location", "/elsewhere".to_owned()));
            return (Ok(Self::reply(answer)), soon);
        }
        if self.strikes(Hazard::Garbage, stage) && answer.status < 300 {
            return (Ok(Self::reply(Answer { body: "<html>oops".to_owned(), ..answer })), soon);
        }
        if sends && answer.status == 200 && self.strikes(Hazard::Misfitting, stage) {
            let body = self.misfit(&answer.body);
            return (Ok(Self::reply(Answer { body, ..answer })), soon);
        }
        let cut = self.strikes(Hazard::Cut, stage);
        let long = !cut && self.strikes(Hazard::TooLong, stage);
        let mut reply = Self::reply(answer);
        if cut || long {
            reply.body = reply.body.slice(..reply.body.len() / 2);
            reply.body_state = if cut { BodyState::Cut } else { BodyState::TooLarge };
        }
        (Ok(reply), soon)
    }

    /// One result too few, one twice, one of somebody else; or a count that does not agree.
    fn misfit(&mut self, body: &str) -> String {
        if self.case.kind.manners.shape == Shape::Streams {
            return body.replace("\"count\":", "\"count\":9");
        }
        let Some((head, tail)) = body.split_once('[') else { return body.to_owned() };
        let entry = tail.split_inclusive('}').next().unwrap_or_default();
        match self.chance.pick(3) {
            0 => format!("{head}[{}", tail[entry.len()..].trim_start_matches(',')),
            1 => format!("{head}[{entry},{tail}"),
            _ => format!("{head}[{{\"id\":\"stranger\",\"status\":\"ok\"}},{tail}"),
        }
    }

    /// The answer, or what there is instead, as an event.
    pub(crate) fn land(&mut self, flight: Flight, came: Result<Reply, Fault>) -> Event {
        let Flight { seq, call, load, .. } = flight;
        let target = &self.case.kind.target;
        let wall = self.wall();
        match call {
            Call::Send { attempt } => {
                let answer = calls::answer(target, &load, attempt, came, wall);
                Event::Answered { seq, answer }
            }
            Call::Poll { job } => {
                let came = came.map_err(|fault| fault.why().to_owned());
                calls::polled(target, seq, &job, &load, came, wall)
            }
            Call::ReadState { known } => calls::state_read(target, seq, &load, &known, came, wall),
            Call::Verify => calls::verified(target, seq, &load, came, wall),
        }
    }
}

//! What the answer to a poll, or to a step behind a request, means for its batch: asked again, and when; ended; or given up.

use super::batch::State;
use super::event::{Command, StopCause};
use super::{DEFAULT_POLLING, Engine};
use crate::model::{BatchSeq, Now, PollOutcome};
use std::time::Duration;

/// Answers that a job has not ended which are heard out behind a time in which nobody asked, however old the job is: the
/// first may be as old as the last question.
const ASKED_FIRST: u32 = 2;

impl Engine {
    pub(super) fn polled(
        &mut self,
        now: Now,
        seq: BatchSeq,
        outcome: PollOutcome,
        status: Option<u16>,
        commands: &mut Vec<Command>,
    ) {
        self.gate.landed_poll();
        let polling = self.policy.polling.unwrap_or(DEFAULT_POLLING);
        if status.is_some_and(|status| (200..300).contains(&status)) {
            self.credential.taken(self.hand.get(seq).credential);
        }
        let max_wait = self.policy.max_wait;
        let batch = self.batch(seq);
        let age = now.wall.age_of(batch.accepted_at).unwrap_or_default();
        let job = batch.job.as_ref().map(|job| job.id.clone()).unwrap_or_default();
        // A job that its target may have forgotten is asked about once more, and then no longer.
        let forgotten = polling.retention.is_some_and(|retention| age >= retention);
        let says_so = matches!(outcome, PollOutcome::Again { why: None, .. });
        // The time that it had in earlier runs counts as well, else each would begin the deadline anew.
        let known = says_so && batch.unended >= ASKED_FIRST;
        let time = if forgotten || known { age.max(batch.job_time) } else { batch.job_time };
        let late = forgotten || polling.deadline.is_some_and(|deadline| time >= deadline);
        let wait = match outcome {
            PollOutcome::Ended(outcome) => return self.judge(now, seq, *outcome, status, commands),
            PollOutcome::More(job) if batch.job.as_ref().is_some_and(|before| before.known != job.known) => {
                return self.step_behind(seq, *job, commands);
            }
            PollOutcome::More(job) => {
                batch.job = Some(*job);
                return self.hand.set(seq, State::Polling(now.tick));
            }
            // A person wants its rows sent again, and nobody can be asked about them any more. Once: what comes of that is new.
            PollOutcome::Gone { .. } if age >= polling.grace && batch.decided && !batch.planned.doubtful => {
                return self.resend(now, seq, commands);
            }
            PollOutcome::Gone { why } if age >= polling.grace => return self.park(seq, why, commands),
            PollOutcome::Again { .. } | PollOutcome::Gone { .. } if late => {
                let why = format!("job {job} has not ended in {} s", time.as_secs());
                return self.park(seq, why, commands);
            }
            PollOutcome::Again { wait, .. } if is_throttle(status, wait) => {
                batch.polls += 1;
                return self.poll_throttled(now, seq, wait, commands);
            }
            PollOutcome::Again { wait, why: _ } => wait,
            PollOutcome::Gone { .. } => None,
        };
        batch.polls += 1;
        batch.unended += u32::from(says_so);
        let grown = polling.every.mul_f64(polling.backoff.powi(batch.polls.min(64) as i32).min(1e6));
        // A wait that is none, or next to none, is no leave to ask without end.
        let wait = wait.unwrap_or_default();
        let pause = wait.max(grown.min(polling.every_max)).min(max_wait);
        batch.poll_due = now.wall + pause;
        self.hand.set(seq, State::Polling(now.tick + pause));
        if wait > max_wait {
            self.stop_for(StopCause::MaxWait { wait });
        }
    }
}

/// Whether the answer to a poll asks for patience with the target as a whole, not with the job alone.
fn is_throttle(status: Option<u16>, wait: Option<Duration>) -> bool {
    status == Some(429) || status == Some(503) && wait.is_some()
}

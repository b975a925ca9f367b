//! A batch's end: its dead letters, its children and its numbers, made into one transaction.

use super::batch::{Batch, State};
use super::event::Command;
use super::policy::OnAmbiguous;
use super::{Awaited, Engine};
use crate::model::{
    BatchEnd, BatchSeq, Canary, ChildReason, Circumstances, DeadLetter, Entry, GroupId, Limit, Load, Now,
    Ordinal, Park, Planned, Rejection, RowVerdict, Settled, Verdicts,
};
use crate::target::Scope;
use std::collections::HashSet;
use std::time::Duration;

/// What follows when the transaction is durable.
#[derive(Debug)]
pub(super) struct Finished {
    seq: BatchSeq,
    end: BatchEnd,
    children: Vec<(Planned, Load, Duration)>,
    told: Vec<Settled>,
}

/// What a batch's end says beside its children.
#[derive(Default)]
struct End {
    counts: BatchEnd,
    refused: Vec<DeadLetter>,
    learned: Option<Limit>,
    told: Vec<Settled>,
    report: Option<DeadLetter>,
    blocked: Vec<(GroupId, Ordinal)>,
}

/// The largest request that the target took in this run.
#[derive(Debug, Default)]
pub(super) struct Taken {
    rows: u64,
    bytes: u64,
}

impl Taken {
    fn learn(&mut self, load: &Load) {
        self.rows = self.rows.max(load.len() as u64);
        self.bytes = self.bytes.max(load.body().len() as u64);
    }

    /// What the limit may be that this request is beyond, if its halves are within: never less than what was taken, or
    /// one odd refusal after another would make the requests smaller and smaller, for good.
    fn guess(&self, refused: &Load, rows: u64, bytes: u64) -> Option<Limit> {
        if refused.body().len() as u64 > self.bytes {
            Some(Limit::Bytes(bytes.max(self.bytes)))
        } else if refused.len() as u64 > self.rows {
            Some(Limit::Rows(rows.max(self.rows)))
        } else {
            None
        }
    }
}

/// Rows of a batch, sorted by what becomes of them.
#[derive(Default)]
struct Sorted {
    delivered: u64,
    refused: Vec<DeadLetter>,
    retry: Vec<usize>,
    retry_why: String,
    resend: Vec<usize>,
    doubt: Vec<usize>,
    doubt_why: String,
    wait: Duration,
    told: Vec<Settled>,
}

impl Engine {
    /// Every row of the batch has its verdict.
    pub(super) fn settle(
        &mut self,
        now: Now,
        seq: BatchSeq,
        verdicts: &Verdicts,
        commands: &mut Vec<Command>,
    ) {
        let mut sorted = self.sort(now, seq, verdicts);
        let load = self.hand.get(seq).load().clone();
        let is_undecided = self.is_undecided(seq);
        let is_doubt = sorted.doubt.len() as u64 == self.hand.get(seq).planned.rows.len();
        if is_doubt && is_undecided && verdicts.unread && self.is_blind() {
            self.taint(seq);
            return self.put_back(seq, now.tick);
        }
        if is_doubt && verdicts.unread {
            self.told_nothing(sorted.doubt_why.clone());
        }
        if is_doubt && is_undecided {
            return self.park(seq, sorted.doubt_why, commands);
        }
        let mut children = Vec::new();
        let mut add = |engine: &mut Self, rows: &[usize], reason, wait, row_attempts, park: Option<Park>| {
            if !rows.is_empty() {
                children.push(engine.child(now, seq, &load, rows, reason, wait, row_attempts, park));
            }
        };
        if Canary::RetryOfAllRows.is_loose() && !sorted.retry.is_empty() {
            sorted.retry = self.hand.get(seq).own();
        }
        if sorted.delivered > 0 {
            self.taken.learn(&load);
        }
        let may_be_doubled = self.may_be_doubled(seq, &sorted);
        let row_attempts = self.hand.get(seq).planned.row_attempts;
        let pause = self.policy.backoff.wait(row_attempts + 1, &mut self.rng).max(sorted.wait);
        let resend_reason = if sorted.refused.is_empty() { ChildReason::Retry } else { ChildReason::Fix };
        add(self, &sorted.retry, ChildReason::Retry, pause, row_attempts + 1, None);
        // An answer that settles nothing would come again at once, for ever.
        let stands_still = sorted.delivered == 0 && sorted.refused.is_empty() && sorted.doubt.is_empty();
        let (wait, attempts) =
            if stands_still { (pause, row_attempts + 1) } else { (Duration::ZERO, row_attempts) };
        add(self, &sorted.resend, resend_reason, wait, attempts, None);
        let park = Park { why: sorted.doubt_why };
        // Keys of rows protect each row for itself: asked for as a whole, those that were refused might be taken now.
        let answers_whole = self.assembler.target().idempotency().scope == Scope::Batch;
        if is_undecided && answers_whole && !sorted.doubt.is_empty() {
            children.push(self.same(seq, &load, &sorted.doubt, park));
        } else {
            add(self, &sorted.doubt, ChildReason::Doubt, Duration::ZERO, row_attempts, Some(park));
        }
        let end = BatchEnd {
            delivered: sorted.delivered,
            rejected: sorted.refused.len() as u64,
            may_be_doubled,
            split: false,
        };
        if (!sorted.retry.is_empty() || stands_still) && row_attempts + 1 >= self.policy.row_attempts {
            let said =
                if sorted.retry_why.is_empty() { "no row of them was taken" } else { &sorted.retry_why };
            self.give_up_on_rows(format!("it gives rows back again and again: {said}"));
        }
        let blocked = self.newly_blocked(seq, &sorted.refused);
        let told = sorted.told;
        self.finish(
            seq,
            End { counts: end, refused: sorted.refused, told, blocked, ..End::default() },
            children,
            commands,
        );
    }

    /// Sent again on a person's word, what was there may be there twice now.
    fn may_be_doubled(&self, seq: BatchSeq, sorted: &Sorted) -> u64 {
        let batch = self.hand.get(seq);
        if self.policy.upserts {
            return 0;
        }
        // A run without that word sends what one before had taken up.
        let is_taken_up = batch.planned.doubtful && self.policy.on_ambiguous != OnAmbiguous::Verify;
        let resends = self.policy.on_ambiguous == OnAmbiguous::Resend;
        let is_risky = is_taken_up || resends && batch.tainted && !self.policy.repeatable;
        if is_risky || sorted.delivered == 0 || self.policy.doubted.is_none() {
            return if is_risky { sorted.delivered } else { 0 };
        }
        let load = batch.load();
        let others = sorted.retry.iter().chain(&sorted.resend).chain(&sorted.doubt);
        let others = others.map(|index| load.mark(*index).ordinal);
        let others: HashSet<Ordinal> =
            others.chain(sorted.refused.iter().map(|letter| letter.mark.ordinal)).collect();
        self.doubted(batch).filter(|ordinal| !others.contains(ordinal)).count() as u64
    }

    /// Rows of a batch that an earlier import may have brought.
    fn doubted<'a>(&'a self, batch: &'a Batch) -> impl Iterator<Item = Ordinal> + 'a {
        let own = batch.own().into_iter().map(|index| batch.load().mark(index).ordinal);
        let is_doubted =
            |ordinal: &Ordinal| self.policy.doubted.as_ref().is_some_and(|it| it.contains(*ordinal));
        own.filter(is_doubted)
    }

    /// Whether rows of which an answer told nothing stay in doubt under its key: the target says the same under it as long
    /// as it remembers it, and once the profile can read that, nothing is doubled by asking.
    fn is_undecided(&self, seq: BatchSeq) -> bool {
        let batch = self.hand.get(seq);
        self.policy.repeatable && !batch.planned.doubtful
    }

    /// A refusal that names no row: one line for all, and the rows are in doubt.
    pub(super) fn report(
        &mut self,
        now: Now,
        seq: BatchSeq,
        invalid: u64,
        refusal: &Rejection,
        commands: &mut Vec<Command>,
    ) {
        let batch = self.hand.get(seq);
        let load = batch.load().clone();
        let (key, import_id) = (self.shown_key(batch), self.import.id.hex());
        let rows = batch.own();
        let mark = load.mark(rows[0]);
        let about = Circumstances {
            input: &self.inputs[mark.place.input as usize],
            import_id: &import_id,
            batch: Some(&key),
            attempt: batch.attempts.max(1),
            at: now.wall,
        };
        let texts = rows.iter().map(|index| load.text(*index));
        let report = DeadLetter::of_batch(mark, texts, invalid, refusal, &about);
        let why = format!("{invalid} of {} rows were refused, and the target does not say which", load.len());
        let row_attempts = batch.planned.row_attempts;
        // Those that were not refused have been applied, and once before perhaps.
        let may_be_doubled = if batch.planned.doubtful || self.policy.upserts {
            0
        } else {
            self.doubted(batch).count() as u64
        };
        let counts = BatchEnd { may_be_doubled, ..BatchEnd::default() };
        let park = Some(Park { why });
        let child =
            self.child(now, seq, &load, &rows, ChildReason::Doubt, Duration::ZERO, row_attempts, park);
        self.finish(seq, End { counts, report: Some(report), ..End::default() }, vec![child], commands);
    }

    /// Groups of refused rows, where a refusal holds back what comes later, each with the first row that it lost.
    fn newly_blocked(&mut self, seq: BatchSeq, refused: &[DeadLetter]) -> Vec<(GroupId, Ordinal)> {
        if refused.is_empty() || !self.assembler.target().group().is_some_and(|group| group.blocks) {
            return Vec::new();
        }
        let load = self.hand.get(seq).load();
        let mut blocked = Vec::new();
        for index in 0..load.len() {
            let ordinal = load.mark(index).ordinal;
            let is_refused = refused.iter().any(|letter| letter.mark.ordinal == ordinal);
            let group = self.assembler.group(&self.assembler.row(load, index)).ok().flatten();
            let Some(group) = group.filter(|_| is_refused) else { continue };
            if self.blocked.get(&group).is_none_or(|first| ordinal < *first) {
                self.blocked.insert(group, ordinal);
                blocked.push((group, ordinal));
            }
        }
        blocked
    }

    /// Halves a batch of at least two rows, nothing of which was applied.
    pub(super) fn split(
        &mut self,
        now: Now,
        seq: BatchSeq,
        reason: ChildReason,
        learned: Option<Limit>,
        commands: &mut Vec<Command>,
    ) {
        let load = self.hand.get(seq).load().clone();
        let row_attempts = self.hand.get(seq).planned.row_attempts;
        let rows = self.hand.get(seq).own();
        let half = rows.len().div_ceil(2);
        // A target that names its limit gets pieces of that size, else halves.
        let piece = match learned {
            Some(Limit::Rows(rows)) => (rows.max(1) as usize).min(half),
            _ => half,
        };
        let children: Vec<_> = rows
            .chunks(piece)
            .map(|rows| self.child(now, seq, &load, rows, reason, Duration::ZERO, row_attempts, None))
            .collect();
        // What was cut from the input was too large, and no number was named: its halves are the new measure. What
        // a child teaches may be about one large row among small ones.
        let is_root = self.hand.get(seq).planned.generation == 0;
        let largest = children.iter().map(|(_, load, _)| load.body().len() as u64).max();
        let guessed = largest.filter(|_| is_root && reason == ChildReason::Split);
        let learned = learned.or_else(|| self.taken.guess(&load, piece as u64, guessed?));
        if let Some(limit) = learned {
            self.assembler.learn(limit);
        }
        let end = BatchEnd { split: true, ..BatchEnd::default() };
        self.finish(seq, End { counts: end, learned, ..End::default() }, children, commands);
    }

    /// What a batch goes under, as the target sees it and dead letters say it.
    fn shown_key(&self, batch: &Batch) -> String {
        self.assembler.shown_key(batch.load(), &batch.about())
    }

    fn finish(
        &mut self,
        seq: BatchSeq,
        what: End,
        children: Vec<(Planned, Load, Duration)>,
        commands: &mut Vec<Command>,
    ) {
        self.hand.set(seq, State::Settling);
        let End { counts: end, refused, learned, told, report, blocked } = what;
        let kept = children.iter().filter(|(planned, ..)| planned.kept);
        let kept = kept.map(|(planned, load, _)| (planned.seq, load.clone())).collect();
        let planned = children.iter().map(|(planned, ..)| planned.clone()).collect();
        let doubts = children.iter().any(|(planned, ..)| planned.parked.is_some());
        let begun = self.newly_begun(seq, end.delivered > 0, doubts);
        let speaks = !refused.is_empty() || report.is_some();
        let shown = speaks.then(|| self.shown_key(self.hand.get(seq)));
        let entry = Entry::Finish {
            seq,
            end,
            refused,
            shown,
            children: planned,
            kept,
            learned,
            report,
            blocked,
            begun,
        };
        let finished = Finished { seq, end, children, told };
        self.commit(entry, Awaited::Finish(Box::new(finished)), commands);
    }

    pub(super) fn finish_committed(&mut self, now: Now, finished: Finished, commands: &mut Vec<Command>) {
        let Finished { seq, end, children, told } = finished;
        let parent = self.hand.remove(seq).expect("a settled batch was in hand");
        self.books.settled(end.split);
        self.books.deliver(end.delivered, end.may_be_doubled);
        self.books.reject(end.rejected);
        self.contact |= end.delivered > 0;
        if end.delivered + end.rejected > 0 || end.split {
            self.blind = 0;
        }
        for (planned, load, wait) in children {
            self.books.planned();
            if planned.parked.is_some() {
                self.books.park(planned.rows.len());
                continue;
            }
            let mut batch = Batch::new(planned, None, State::Waiting(now.tick + wait));
            batch.groups = self.assembler.groups(&load);
            batch.expires = self.assembler.expires(&load);
            (batch.conflicts, batch.decided) = (parent.conflicts, parent.decided);
            batch.load = Some(load);
            self.hand.insert(batch.planned.seq, batch);
        }
        self.tell(told, commands);
        self.watch_rejects();
    }

    fn sort(&self, now: Now, seq: BatchSeq, verdicts: &Verdicts) -> Sorted {
        let batch = &self.hand.get(seq);
        let load = batch.load();
        if verdicts.others == RowVerdict::Delivered && verdicts.listed.is_empty() && !self.policy.tell {
            // By far the most batches: nothing is asked of each row.
            return Sorted { delivered: batch.planned.rows.len(), ..Sorted::default() };
        }
        let key = self.shown_key(batch);
        let import_id = self.import.id.hex();
        let mut sorted = Sorted::default();
        for index in batch.own() {
            let mark = load.mark(index);
            let verdict = match verdicts.of(index as u32) {
                RowVerdict::Delivered => {
                    sorted.delivered += 1;
                    Settled::DELIVERED
                }
                RowVerdict::Rejected(refusal) | RowVerdict::Exists(refusal) => {
                    let unsent = refusal.status.is_none() && batch.attempts == 0 && batch.job.is_none();
                    let about = Circumstances {
                        input: &self.inputs[mark.place.input as usize],
                        import_id: &import_id,
                        batch: (!unsent).then_some(key.as_str()),
                        attempt: if unsent { 0 } else { batch.attempts.max(1) },
                        at: now.wall,
                    };
                    sorted.refused.push(DeadLetter::of_row(mark, load.text(index), refusal, &about));
                    Settled::REJECTED
                }
                RowVerdict::Retry { wait, refusal } => {
                    sorted.retry_why.clone_from(&refusal.message);
                    sorted.wait = sorted.wait.max(wait.unwrap_or_default()).min(self.policy.max_wait);
                    sorted.retry.push(index);
                    continue;
                }
                RowVerdict::Resend => {
                    sorted.resend.push(index);
                    continue;
                }
                RowVerdict::InDoubt(why) => {
                    sorted.doubt_why.clone_from(why);
                    sorted.doubt.push(index);
                    continue;
                }
            };
            if self.policy.tell {
                let id = verdicts.ids.binary_search_by_key(&(index as u32), |(i, _)| *i).ok();
                let id = id.map(|at| verdicts.ids[at].1.clone());
                sorted.told.push(Settled::new(mark.place, verdict, id));
            }
        }
        sorted
    }

    /// The same rows under a new key: nothing was applied under the old one, or a person took that upon himself.
    pub(super) fn resend(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) {
        let load = self.hand.get(seq).load().clone();
        let rows = self.hand.get(seq).own();
        let child = self.child(now, seq, &load, &rows, ChildReason::Resend, Duration::ZERO, 0, None);
        self.finish(seq, End::default(), vec![child], commands);
    }
}

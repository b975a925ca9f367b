//! The books made again, from the input's rows, the ledger's batches and its dead letters: every row in exactly one
//! place, in rows and in bytes. Nothing that the ledger has counted is believed; it is compared at the end.

use super::known::Known;
use super::line_ends::LineEnds;
use crate::model::{
    BatchKey, BatchPage, BatchState, ChildReason, Course, Courses, Cursor, ImportId, Mark, Tally,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows that are held while none of the batches read so far has them. A target with groups arranges the rows of one
/// stretch of the input, which is far shorter; what is left behind by more than this stands nowhere.
const ROWS_HELD: usize = 1 << 20;
/// Problems that are kept in words; the others are counted.
const WORDS_MAX: usize = 50;

const REASONS: [ChildReason; 7] = [
    ChildReason::Split,
    ChildReason::Bisect,
    ChildReason::Retry,
    ChildReason::Fix,
    ChildReason::Refetch,
    ChildReason::Resend,
    ChildReason::Doubt,
];

/// What the ledger says of an import as a whole.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub tally: Tally,
    pub bytes_read: u64,
    pub planned: u64,
    pub settled: u64,
    pub split: u64,
    pub cursor: Option<Cursor>,
    /// Dead letters that are about one row.
    pub letters: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Recounted {
    pub rows: Tally,
    /// Bytes of the input that these rows stand in.
    pub bytes: Tally,
    pub planned: u64,
    pub settled: u64,
    pub split: u64,
    /// Keys that were made again and are what the ledger says.
    pub keys: u64,
    /// Keys that follow from what the target said meanwhile, and cannot be made again.
    pub other_keys: u64,
    /// What does not balance and where, in words; the first of them.
    pub problems: Vec<String>,
    /// How many there are in all.
    pub problem_count: u64,
}

/// Whether a row is a dead letter, and of which batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    No,
    /// Before it was part of a batch.
    Local,
    Within(u64),
}

/// One row of the input that is still to be found in a batch, or was lately.
#[derive(Clone, Copy, Debug)]
struct Held {
    mark: Mark,
    refusal: Refusal,
    /// The last descendant that has it.
    holder: Option<u64>,
    is_counted: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Recount {
    import: ImportId,
    inputs: Arc<[String]>,
    held: VecDeque<Held>,
    /// Number of the first row held.
    first: u64,
    letters: u64,
    nowhere: Vec<Mark>,
    line_ends: LineEnds,
    /// Of a feed: which of its rows stand nowhere for a reason.
    known: Option<Known>,
    found: Recounted,
}

impl Recounted {
    pub fn balances(&self) -> bool {
        self.problem_count == 0
    }

    pub fn note(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < WORDS_MAX {
            self.problems.push(problem);
        }
    }
}

impl Recount {
    /// `inputs` are the names of the inputs, for the words.
    pub fn new(import: ImportId, inputs: Arc<[String]>) -> Self {
        let found = Recounted::default();
        let (held, nowhere, line_ends) = (VecDeque::new(), Vec::new(), LineEnds::default());
        Self { import, inputs, held, first: 0, letters: 0, nowhere, line_ends, known: None, found }
    }

    /// Of a feed, whose rows have these courses by what was delivered before; if it `is_followed`, also since.
    #[must_use]
    pub fn of_feed(mut self, courses: Courses, is_followed: bool) -> Self {
        self.known = Some(Known::new(courses, is_followed));
        self
    }

    /// Rows read so far.
    pub fn read(&self) -> u64 {
        self.first + self.held.len() as u64
    }

    pub fn note(&mut self, problem: String) {
        self.found.note(problem);
    }

    /// A row as people find it.
    pub fn name(&self, mark: &Mark) -> String {
        let input = self.inputs.get(mark.place.input as usize).map_or("?", String::as_str);
        format!("row {} of {input} (line {})", mark.place.row, mark.place.line)
    }

    /// The next row of the input.
    pub fn row(&mut self, mark: Mark, refusal: Refusal) {
        self.found.rows.read += 1;
        self.found.bytes.read += mark.bytes();
        self.letters += u64::from(refusal != Refusal::No);
        let is_local = refusal == Refusal::Local;
        if is_local {
            self.found.rows.rejected += 1;
            self.found.bytes.rejected += mark.bytes();
        }
        self.held.push_back(Held { mark, refusal, holder: None, is_counted: is_local });
        while self.held.len() > ROWS_HELD || self.held.front().is_some_and(|held| held.is_counted) {
            self.let_go();
        }
    }

    /// A batch that was cut from the input and its descendants, parents first. All rows up to the last of them that
    /// the input has are read.
    pub fn family(&mut self, family: &[BatchPage]) {
        for batch in family {
            self.found.planned += 1;
            self.found.settled += u64::from(batch.state.is_ended() && batch.state != BatchState::Split);
            self.found.split += u64::from(batch.state == BatchState::Split);
            let parent = family.iter().find(|other| Some(other.seq) == batch.parent);
            if parent.is_none() && (batch.parent.is_some() || batch.rank != batch.seq) {
                self.note(format!("batch {}: the batch that it came from is not there", batch.seq));
            }
            self.check_key(batch, parent);
            self.hold(batch);
        }
        for batch in family {
            self.count(batch);
        }
        while self.held.front().is_some_and(|held| held.is_counted) {
            self.let_go();
        }
    }

    /// The row, or the batch that it ends, has so many bytes `here`, and so many as the ledger `said`.
    pub fn has_got_its_line_end(&mut self, row: u64, here: u64, said: u64) -> bool {
        self.line_ends.explain(row, here, said)
    }

    fn check_key(&mut self, batch: &BatchPage, parent: Option<&BatchPage>) {
        let (rows, body) = (&batch.rows, batch.body_hash);
        let is_right = match parent {
            None if batch.generation == 0 => {
                batch.key == BatchKey::root(self.import, rows.first(), rows.len(), body)
            }
            Some(parent) if batch.key == parent.key => body == parent.body_hash,
            Some(parent) if batch.generation.wrapping_sub(parent.generation) <= 1 => {
                let of = |reason| parent.key.child(reason, batch.generation, rows, body) == batch.key;
                let is_decided = batch.generation > parent.generation;
                REASONS.into_iter().any(|reason| (is_decided || reason == ChildReason::Resend) && of(reason))
            }
            _ if batch.has_group_state => {
                self.found.other_keys += 1;
                return;
            }
            _ => false,
        };
        self.found.keys += u64::from(is_right);
        if !is_right {
            self.note(format!("batch {}: its key does not follow from its rows and its body", batch.seq));
        }
    }

    fn at(&mut self, ordinal: u64) -> Option<&mut Held> {
        let index = ordinal.checked_sub(self.first)?;
        self.held.get_mut(usize::try_from(index).ok()?)
    }

    /// The batch takes its rows from its parent, or from the input.
    fn hold(&mut self, batch: &BatchPage) {
        let (seq, read) = (batch.seq, self.read());
        if batch.rows.last().0 >= read {
            return self.note(format!(
                "batch {seq} has row {} of the import, and only {read} were read",
                batch.rows.last().0.saturating_add(1)
            ));
        }
        let mut bytes = 0;
        let mut strange = None;
        for ordinal in batch.rows.iter() {
            let Some(held) = self.at(ordinal.0) else {
                strange = strange.or(Some((ordinal.0, None)));
                continue;
            };
            bytes += held.mark.bytes();
            if held.holder == batch.parent && held.refusal != Refusal::Local {
                held.holder = Some(seq);
            } else if strange.is_none() {
                strange = Some((ordinal.0, Some(*held)));
            }
        }
        match strange {
            Some((ordinal, None)) => {
                self.note(format!(
                    "batch {seq} has row {} of the import, which has its place already",
                    ordinal + 1
                ));
            }
            Some((_, Some(held))) => {
                let name = self.name(&held.mark);
                self.note(match (held.refusal, held.holder) {
                    (Refusal::Local, _) => {
                        format!("{name} was refused before it was sent, and stands in batch {seq} too")
                    }
                    (_, Some(other)) => format!("{name} stands twice: in batch {other} and in batch {seq}"),
                    (_, None) => {
                        format!("{name} stands in batch {seq}, and not in the one that this came from")
                    }
                });
            }
            None if bytes != batch.source_bytes
                && !self.has_got_its_line_end(batch.rows.last().0, bytes, batch.source_bytes) =>
            {
                let said = batch.source_bytes;
                self.note(format!(
                    "batch {seq}: its rows have {bytes} bytes in the input, and {said} by the ledger"
                ));
            }
            None => {}
        }
        self.check_start(batch);
    }

    fn check_start(&mut self, batch: &BatchPage) {
        let Some(held) = self.at(batch.rows.first().0) else { return };
        let (here, said) = (held.mark.place, batch.start);
        if here != said {
            self.note(format!(
                "batch {} begins at line {}, byte {} of input {} by the ledger, and at line {}, byte {} of input {}",
                batch.seq, said.line, said.byte, said.input + 1, here.line, here.byte, here.input + 1
            ));
        }
    }

    /// The rows that stand in the batch and in none of its children have their end here.
    fn count(&mut self, batch: &BatchPage) {
        let seq = batch.seq;
        if batch.rows.last().0 >= self.read() {
            return;
        }
        let (mut delivered, mut rejected) = (0, 0);
        let mut strange = None;
        for ordinal in batch.rows.iter() {
            let Some(held) = self.at(ordinal.0).filter(|held| held.holder == Some(seq)) else { continue };
            held.is_counted = true;
            let Held { mark, refusal, .. } = *held;
            let bytes = mark.bytes();
            let (rows, sums) = (&mut self.found.rows, &mut self.found.bytes);
            let (place, sum) = match (batch.state, refusal) {
                (BatchState::Split, _) => {
                    strange = strange.or(Some((mark, "none of the parts that it was halved into has it")));
                    continue;
                }
                (BatchState::Settled | BatchState::TakenUp, Refusal::Within(of)) if of == seq => {
                    rejected += 1;
                    (&mut rows.rejected, &mut sums.rejected)
                }
                (_, Refusal::Local | Refusal::Within(_)) => {
                    strange =
                        strange.or(Some((mark, "it is a dead letter, which this batch knows nothing of")));
                    continue;
                }
                (BatchState::Settled | BatchState::TakenUp, Refusal::No) => {
                    delivered += 1;
                    (&mut rows.delivered, &mut sums.delivered)
                }
                (BatchState::Doubt, Refusal::No) => (&mut rows.in_doubt, &mut sums.in_doubt),
                (BatchState::Prepared | BatchState::Accepted, Refusal::No) => {
                    (&mut rows.pending, &mut sums.pending)
                }
            };
            *place += 1;
            *sum += bytes;
        }
        if let Some((mark, why)) = strange {
            let name = self.name(&mark);
            self.note(format!("{name}, batch {seq}: {why}"));
        } else if (delivered, rejected) != (batch.delivered, batch.rejected) {
            self.note(format!(
                "batch {seq} has {delivered} rows delivered and {rejected} refused, and {} and {} by the ledger",
                batch.delivered, batch.rejected
            ));
        }
    }

    /// The front row leaves; if no batch has it, and it was not refused, it stands nowhere.
    fn let_go(&mut self) {
        let Some(held) = self.held.pop_front() else { return };
        self.first += 1;
        match (held.is_counted || held.holder.is_some(), held.refusal) {
            (true, _) => {}
            (false, Refusal::Within(seq)) => {
                let name = self.name(&held.mark);
                self.note(format!("{name} is a dead letter of batch {seq}, which does not have it"));
            }
            (false, _) => {
                match self.known.as_mut().map(|known| known.meet(&held.mark, WORDS_MAX)) {
                    Some(Course::Send) => return,
                    Some(Course::Held) => {
                        self.found.rows.in_doubt += 1;
                        self.found.bytes.in_doubt += held.mark.bytes();
                        return;
                    }
                    Some(Course::Superseded) => self.found.rows.superseded += 1,
                    Some(Course::Unchanged) | None => {}
                }
                self.found.rows.unchanged += 1;
                self.found.bytes.unchanged += held.mark.bytes();
                if self.nowhere.len() < WORDS_MAX {
                    self.nowhere.push(held.mark);
                }
            }
        }
    }

    /// All is read: what was found is compared with what the ledger has counted.
    pub fn end(mut self, recorded: &Recorded) -> Recounted {
        while !self.held.is_empty() {
            self.let_go();
        }
        let mut counted = recorded.tally;
        let is_feed = self.known.is_some();
        if let Some(known) = self.known.take()
            && let Err((others, marks)) =
                known.counted(&mut counted, &mut self.found.rows, &mut self.found.bytes)
        {
            self.found.problem_count += others - marks.len() as u64;
            for mark in marks {
                let name = self.name(&mark);
                self.note(format!(
                    "{name} counts as unchanged, and is not what was delivered of its key before"
                ));
            }
        }
        let found = self.found.rows;
        if counted.unchanged == 0 {
            // Rows that no batch has are the unchanged ones of a feed; without them, they are lost.
            self.found.rows.unchanged = 0;
            self.found.bytes.unchanged = 0;
            for mark in std::mem::take(&mut self.nowhere) {
                let name = self.name(&mark);
                self.note(format!("{name} stands nowhere: no batch has it, and it is no dead letter"));
            }
            self.found.problem_count += found.unchanged.saturating_sub(WORDS_MAX as u64);
        }
        if !is_feed {
            self.found.rows.superseded = counted.superseded;
        }
        let found = self.found.rows;
        let pairs = [
            ("rows read", counted.read, found.read),
            ("bytes read", recorded.bytes_read + self.line_ends.bytes(), self.found.bytes.read),
            ("rows delivered", counted.delivered, found.delivered),
            ("rows refused", counted.rejected, found.rejected),
            ("rows unchanged", counted.unchanged, found.unchanged),
            ("of them superseded", counted.superseded, found.superseded),
            ("rows in doubt", counted.in_doubt, found.in_doubt),
            ("rows pending", counted.pending, found.pending),
            ("batches planned", recorded.planned, self.found.planned),
            ("batches settled", recorded.settled, self.found.settled),
            ("batches halved", recorded.split, self.found.split),
            ("dead letters of rows that were read", recorded.letters, self.letters),
        ];
        for (what, said, found) in pairs {
            if said != found {
                self.note(format!("the ledger counts {said} {what}, and there are {found}"));
            }
        }
        if let Some(cursor) = recorded.cursor
            && cursor.ordinal.0 != counted.read
        {
            let (read, counted) = (cursor.ordinal.0, counted.read);
            self.note(format!(
                "the ledger stands behind row {read} of the import, and counts {counted} read"
            ));
        }
        self.found
    }
}

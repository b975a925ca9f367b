//! The disk: a ledger in memory that takes the same entries and gives the same answers as the one in `SQLite`
//! (`shadow.rs` holds the two together), and the dead-letter file behind it. What was committed stays; what was
//! written and not synced may be lost with the power.

use crate::shadow::Shadow;
use bulkhaul::model::{
    BatchSeq, Begun, Cursor, DeadLetter, Digest, Entry, Form, GroupId, ImportRecord, ImportState, Job,
    KeptRows, Limit, Load, Noted, Ordinal, Park, Passed, Planned, Recovered, Tally, Unsettled,
    UnsettledState, WallTime,
};
use std::collections::{BTreeMap, HashMap, HashSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageState {
    Prepared,
    Accepted,
    Doubt,
    Settled,
    Split,
    TakenUp,
}

impl PageState {
    pub(crate) const fn is_terminal(self) -> bool {
        matches!(self, Self::Settled | Self::Split | Self::TakenUp)
    }
}

/// One batch.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) planned: Planned,
    pub(crate) state: PageState,
    pub(crate) job: Option<(Job, WallTime)>,
    why: String,
    pub(crate) delivered: u64,
    pub(crate) rejected: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) ordinal: Option<u64>,
    pub(crate) batch: Option<BatchSeq>,
    pub(crate) line: String,
}

/// Everything that is durable.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The real ledger, where it is held against this one.
    pub(crate) shadow: Option<Shadow>,
    /// Where commits are not synced: what there was before the last one.
    before: Option<Box<Disk>>,
    syncs: bool,
    /// The file has lost what was written last.
    cut: bool,
    pub(crate) import: Option<ImportRecord>,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) drained: bool,
    pub(crate) tally: Tally,
    bytes_read: u64,
    pub(crate) batches: BTreeMap<BatchSeq, Page>,
    pub(crate) letters: Vec<Letter>,
    /// So many of them are of imports before this one, and of these is the last batch.
    older: usize,
    last: Option<BatchSeq>,
    keys: HashSet<Digest>,
    kept: HashMap<BatchSeq, Vec<u8>>,
    /// The batch that has each natural key, and its refusals.
    natural: HashMap<Digest, (BatchSeq, u32)>,
    blocked: BTreeMap<GroupId, Ordinal>,
    begun: BTreeMap<GroupId, Begun>,
    pub(crate) pause_until: Option<WallTime>,
    learned: (Option<u64>, Option<u64>),
    counts: (u64, u64, u64),
    pub(crate) file: LetterFile,
    /// What must never happen and did.
    pub(crate) broken: Vec<String>,
}

/// The dead-letter file.
#[derive(Clone, Debug, Default)]
pub(crate) struct LetterFile {
    pub(crate) bytes: Vec<u8>,
    /// So many of them outlive a power cut.
    synced: usize,
    /// Letters that are in it.
    written: usize,
    /// As the ledger has it: letters, bytes.
    recorded: (usize, usize),
}

impl Disk {
    /// `beside`: the real ledger gets all that this one gets.
    pub(crate) fn new(beside: bool) -> Self {
        let mut shadow = beside.then(Shadow::new);
        let syncs = shadow.as_mut().is_none_or(Shadow::commits_are_synced);
        Self { shadow, syncs, ..Self::default() }
    }

    pub(crate) fn begin(&mut self, import: ImportRecord) {
        if let Some(shadow) = &mut self.shadow {
            shadow.begin(&import);
        }
        self.import = Some(import);
    }

    /// The import is over, and another one begins in the same ledger.
    pub(crate) fn again(&mut self, import: ImportRecord) {
        self.older = self.letters.len();
        self.last = self.batches.keys().next_back().copied().or(self.last);
        (self.cursor, self.drained, self.tally, self.counts) = (None, false, Tally::default(), (0, 0, 0));
        self.bytes_read = 0;
        self.batches.clear();
        self.kept.clear();
        self.natural.clear();
        self.blocked.clear();
        self.begun.clear();
        self.begin(import);
    }

    /// Those of the import that is on.
    pub(crate) fn own_letters(&self) -> &[Letter] {
        &self.letters[self.older..]
    }

    /// As it is now, without the real one.
    fn copy(&self) -> Self {
        Self {
            shadow: None,
            before: None,
            syncs: false,
            cut: false,
            import: self.import.clone(),
            cursor: self.cursor,
            drained: self.drained,
            tally: self.tally,
            bytes_read: self.bytes_read,
            batches: self.batches.clone(),
            letters: self.letters.clone(),
            older: self.older,
            last: self.last,
            keys: self.keys.clone(),
            kept: self.kept.clone(),
            natural: self.natural.clone(),
            blocked: self.blocked.clone(),
            begun: self.begun.clone(),
            pause_until: self.pause_until,
            learned: self.learned,
            counts: self.counts,
            file: self.file.clone(),
            broken: Vec::new(),
        }
    }

    fn breaks(&mut self, what: String) {
        self.broken.push(what);
    }

    /// One transaction. The file follows by [`Self::append`].
    pub(crate) fn commit(&mut self, entries: &[&Entry]) -> Vec<Noted> {
        if !self.syncs {
            self.before = Some(Box::new(self.copy()));
        }
        self.file.recorded = (self.file.written, self.file.bytes.len());
        let noted = entries.iter().map(|entry| self.apply(entry)).collect();
        if let Some(shadow) = &mut self.shadow
            && self.broken.is_empty()
        {
            let real = shadow.commit(entries);
            if real != noted {
                self.broken.push(format!("the ledger notes {real:?} and its model {noted:?}"));
            }
        }
        noted
    }

    /// A commit that fails, and of which nothing is durable.
    pub(crate) fn fail(&mut self, entries: &[&Entry]) {
        if let Some(shadow) = &mut self.shadow {
            shadow.fail(entries);
        }
    }

    fn apply(&mut self, entry: &Entry) -> Noted {
        let mut noted = Noted::default();
        match entry {
            Entry::Plan { batches, natural, refused, cursor, kept, passed, starts: _ } => {
                let mut rows = self.pass(refused, *passed);
                for batch in batches {
                    rows += batch.rows.len();
                    self.bytes_read += batch.source_bytes;
                    match natural.iter().find(|natural| natural.seq == batch.seq) {
                        Some(natural) if self.natural.contains_key(&natural.key) => {
                            noted.taken.push(batch.seq);
                            self.refuse(None, std::slice::from_ref(&natural.otherwise));
                        }
                        Some(natural) => {
                            self.natural.insert(natural.key, (batch.seq, 0));
                            self.plan(batch);
                        }
                        None => self.plan(batch),
                    }
                }
                self.keep(kept.iter().filter(|(seq, _)| !noted.taken.contains(seq)));
                self.refuse(None, refused);
                self.advance(cursor, rows);
            }
            Entry::Refuse { refused, cursor, passed, starts: _ } => {
                self.refuse(None, refused);
                let rows = self.pass(refused, *passed);
                self.advance(cursor, rows);
            }
            Entry::Leave { seq, form } => {
                let page = self.page(*seq, "left", &[PageState::Prepared]);
                page.planned.may_have_left = true;
                if let Some(Form { generation, key, body_hash, group_state, at }) = form {
                    let planned = &mut page.planned;
                    let old = std::mem::replace(&mut planned.key, *key);
                    (planned.generation, planned.body_hash, planned.planned_at) =
                        (*generation, *body_hash, *at);
                    planned.group_state = Some(group_state.clone());
                    self.keys.remove(&old.0);
                    self.take_key(key.0);
                }
            }
            Entry::Step { seq, known } => {
                let page = self.page(*seq, "stepped", &[PageState::Prepared, PageState::Accepted]);
                page.planned.group_state = Some(known.clone());
            }
            Entry::Stay { seq } => {
                self.page(*seq, "stayed", &[PageState::Prepared]).planned.may_have_left = false;
            }
            Entry::Accept { seq, job, at } => {
                let page = self.page(*seq, "was accepted", &[PageState::Prepared]);
                page.state = PageState::Accepted;
                page.job = Some((job.clone(), *at));
            }
            Entry::Finish { .. } => self.finish(entry),
            Entry::Park { seq, park, begun } => {
                if let Some(group) = begun {
                    self.begin_group(*group, Begun::Perhaps);
                }
                let page = self.page(*seq, "was parked", &[PageState::Prepared, PageState::Accepted]);
                page.state = PageState::Doubt;
                page.why.clone_from(&park.why);
                self.tally.in_doubt += self.batches[seq].planned.rows.len();
            }
            Entry::TakeUp { seq } => {
                let page = self.page(*seq, "was taken up", &[PageState::Doubt]);
                page.state = if page.job.is_some() { PageState::Accepted } else { PageState::Prepared };
                page.why.clear();
                self.tally.in_doubt -= self.batches[seq].planned.rows.len();
            }
            Entry::Pause { until } => self.pause_until = Some(*until),
            Entry::Drained { cursor } => {
                self.advance(cursor, 0);
                self.drained = true;
            }
            Entry::Complete { exit } => {
                if let Some(import) = &mut self.import {
                    import.state = ImportState::Complete(*exit);
                }
            }
        }
        noted
    }

    /// I15: an ended batch stays ended, and states change only as they may.
    fn page(&mut self, seq: BatchSeq, how: &str, from: &[PageState]) -> &mut Page {
        let state =
            self.batches.get(&seq).unwrap_or_else(|| panic!("batch {} is not in the ledger", seq.0)).state;
        if !from.contains(&state) {
            self.breaks(format!("I15: batch {} {how} while it was {state:?}", seq.0));
        }
        self.batches.get_mut(&seq).expect("it was just there")
    }

    fn take_key(&mut self, key: Digest) {
        if !self.keys.insert(key) {
            self.breaks(format!("I6: the key {} names two batches", key.hex()));
        }
    }

    fn plan(&mut self, batch: &Planned) {
        match &batch.request {
            None => self.take_key(batch.key.0),
            // Asked for once more on behalf of some of its rows.
            Some(_) => {
                let above = &self.batches[&batch.parent.expect("it has one")].planned;
                if (above.key, above.body_hash) != (batch.key, batch.body_hash) {
                    self.breaks(format!("I6: batch {} asks for another request than its own", batch.seq.0));
                }
            }
        }
        self.counts.0 += 1;
        let state = if batch.parked.is_some() { PageState::Doubt } else { PageState::Prepared };
        let why = batch.parked.as_ref().map(|park| park.why.clone()).unwrap_or_default();
        if batch.parked.is_some() {
            self.tally.in_doubt += batch.rows.len();
        }
        let planned = Planned { parked: None, ..batch.clone() };
        self.batches.insert(batch.seq, Page { planned, state, job: None, why, delivered: 0, rejected: 0 });
    }

    /// Rows that can't be read again.
    fn keep<'a>(&mut self, kept: impl Iterator<Item = &'a (BatchSeq, Load)>) {
        self.kept.extend(kept.map(|(seq, load)| (*seq, KeptRows::write(load))));
    }

    fn begin_group(&mut self, group: GroupId, begun: Begun) {
        let known = self.begun.entry(group).or_insert(begun);
        *known = begun.max(*known);
    }

    pub(crate) fn begun(&self, group: GroupId) -> Begun {
        self.begun.get(&group).copied().unwrap_or(Begun::No)
    }

    pub(crate) fn recall(&self, seq: BatchSeq) -> KeptRows {
        let rows = self.kept.get(&seq).unwrap_or_else(|| panic!("the rows of batch {} are not kept", seq.0));
        KeptRows::read(rows.clone()).unwrap()
    }

    /// All rows that are kept belong to batches that have not ended, and all such batches have theirs.
    pub(crate) fn keeps_what_it_needs(&self) -> bool {
        let needed = |(seq, page): (&BatchSeq, &Page)| {
            (page.planned.kept && !page.state.is_terminal()) == self.kept.contains_key(seq)
        };
        self.batches.iter().all(needed)
    }

    fn refuse(&mut self, batch: Option<BatchSeq>, refused: &[DeadLetter]) {
        for letter in refused {
            self.write_letter(batch, letter, Some(letter.mark.ordinal.0));
        }
        self.tally.rejected += refused.len() as u64;
    }

    fn write_letter(&mut self, batch: Option<BatchSeq>, letter: &DeadLetter, ordinal: Option<u64>) {
        if ordinal.is_some() && self.own_letters().iter().any(|known| known.ordinal == ordinal) {
            self.breaks(format!("I11: row {ordinal:?} is refused twice"));
        }
        self.letters.push(Letter { ordinal, batch, line: letter.line.clone() });
    }

    /// Rows that no batch has; how many.
    fn pass(&mut self, refused: &[DeadLetter], passed: Passed) -> u64 {
        self.bytes_read += refused.iter().map(|letter| letter.mark.bytes()).sum::<u64>() + passed.bytes;
        self.tally.unchanged += passed.unchanged;
        self.tally.superseded += passed.superseded;
        self.tally.in_doubt += passed.held;
        refused.len() as u64 + passed.rows()
    }

    /// I10: the cursor stands behind just what is in the ledger.
    fn advance(&mut self, cursor: &Cursor, rows: u64) {
        self.tally.read += rows;
        if cursor.ordinal.0 != self.tally.read {
            self.breaks(format!(
                "I10: the cursor is at {} and {} rows are known",
                cursor.ordinal.0, self.tally.read
            ));
        }
        self.cursor = Some(*cursor);
    }

    fn finish(&mut self, entry: &Entry) {
        let Entry::Finish { seq, end, refused, shown: _, children, kept, learned, report, blocked, begun } =
            entry
        else {
            return;
        };
        let from = [PageState::Prepared, PageState::Accepted, PageState::Doubt];
        let page = self.page(*seq, "ended", &from);
        let was_doubt = page.state == PageState::Doubt;
        page.state = match (end.split, was_doubt) {
            (true, _) => PageState::Split,
            (false, true) => PageState::TakenUp,
            (false, false) => PageState::Settled,
        };
        (page.delivered, page.rejected) = (end.delivered, end.rejected);
        let refusals = page.planned.generation + page.planned.refusals + 1;
        let root = page.planned.rank;
        if was_doubt && !end.split {
            self.tally.in_doubt -= children.iter().map(|child| child.rows.len()).sum::<u64>();
        }
        self.tally.delivered += end.delivered;
        self.tally.may_be_doubled += end.may_be_doubled;
        self.counts.1 += u64::from(!end.split);
        self.counts.2 += u64::from(end.split);
        self.refuse(Some(*seq), refused);
        if !refused.is_empty()
            && let Some((_, known)) = self.natural.values_mut().find(|(owner, _)| *owner == root)
        {
            *known = refusals;
        }
        if let Some(letter) = report {
            self.write_letter(Some(*seq), letter, None);
        }
        for child in children {
            self.plan(child);
        }
        self.kept.remove(seq);
        self.keep(kept.iter());
        for (group, ordinal) in blocked {
            let first = self.blocked.entry(*group).or_insert(*ordinal);
            *first = (*first).min(*ordinal);
        }
        if let Some((group, begun)) = begun {
            self.begin_group(*group, *begun);
        }
        match learned {
            Some(Limit::Rows(rows)) => {
                self.learned.0 = Some(self.learned.0.map_or(*rows, |known| known.min(*rows)));
            }
            Some(Limit::Bytes(bytes)) => {
                self.learned.1 = Some(self.learned.1.map_or(*bytes, |known| known.min(*bytes)));
            }
            None => {}
        }
    }

    /// As the ledger's own recovery: the file is cut back to what is recorded and written on from there.
    pub(crate) fn recover(&mut self) -> Recovered {
        let (letters, len) = self.file.recorded;
        let expected: Vec<u8> = self.letters[letters..].iter().flat_map(Letter::bytes).collect();
        if !expected.starts_with(&self.file.bytes[len.min(self.file.bytes.len())..]) {
            self.breaks("I11: the file holds what the ledger does not know".to_owned());
        }
        self.file.bytes.truncate(len);
        self.file.written = letters;
        self.append_here();
        self.sync();
        let recovered = self.recovered();
        if let Some(shadow) = &mut self.shadow {
            self.broken.extend(shadow.recover(&recovered, &self.file.bytes));
        }
        recovered
    }

    pub(crate) fn recovered(&self) -> Recovered {
        let tally = Tally { pending: self.tally.read - self.tally.settled(), ..self.tally };
        let (batches_planned, batches_settled, batches_split) = self.counts;
        Recovered {
            import: self.import.clone().expect("an import has begun"),
            cursor: self.cursor,
            drained: self.drained,
            tally,
            bytes_read: self.bytes_read,
            unsettled: self.batches.values().filter_map(Page::unsettled).collect(),
            next_seq: BatchSeq(
                self.batches.keys().next_back().or(self.last.as_ref()).map_or(1, |seq| seq.0 + 1),
            ),
            blocked: self.blocked.iter().map(|(group, ordinal)| (*group, *ordinal)).collect(),
            pause_until: self.pause_until,
            learned_rows: self.learned.0,
            learned_bytes: self.learned.1,
            batches_planned,
            batches_settled,
            batches_split,
        }
    }

    pub(crate) fn lacks_letters(&self) -> bool {
        self.file.written < self.letters.len()
    }

    /// Appends what the file lacks.
    pub(crate) fn append(&mut self) {
        self.append_here();
        if let Some(shadow) = &mut self.shadow {
            shadow.append();
        }
    }

    fn append_here(&mut self) {
        let missing = self.letters[self.file.written..].iter().flat_map(Letter::bytes);
        self.file.bytes.extend(missing);
        self.file.written = self.letters.len();
    }

    /// As [`Self::append`], but the process dies in the middle of it.
    pub(crate) fn append_torn(&mut self, keep: usize) {
        let missing: Vec<u8> = self.letters[self.file.written..].iter().flat_map(Letter::bytes).collect();
        self.file.bytes.extend(&missing[..keep.min(missing.len())]);
        self.cut = true;
        if let Some(shadow) = &mut self.shadow {
            shadow.append();
        }
    }

    pub(crate) fn sync(&mut self) {
        self.file.synced = self.file.bytes.len();
    }

    /// What was not synced is gone, as far as `keep` bytes of it.
    pub(crate) fn lose_power(&mut self, keep: usize) {
        if let Some(before) = self.before.take() {
            // The real one is on a disk that loses nothing: it is no measure any more.
            *self = *before;
            return;
        }
        self.cut = true;
        let kept = (self.file.synced + keep).min(self.file.bytes.len());
        self.file.bytes.truncate(kept);
    }

    pub(crate) fn unsynced(&self) -> usize {
        self.file.bytes.len() - self.file.synced
    }

    /// Whether a power cut now would take anything.
    pub(crate) fn is_at_risk(&self) -> bool {
        self.unsynced() > 0 || self.before.is_some()
    }

    /// The process is gone.
    pub(crate) fn die(&mut self) {
        let cut = std::mem::take(&mut self.cut);
        if let Some(shadow) = &mut self.shadow {
            shadow.die(cut.then_some(self.file.bytes.len()));
        }
    }

    pub(crate) fn close(&mut self) {
        self.file.recorded = (self.file.written, self.file.bytes.len());
        if let Some(shadow) = &mut self.shadow {
            shadow.close();
        }
    }

    /// A person takes up the rows in doubt of a completed import.
    pub(crate) fn reopen(&mut self) {
        if let Some(shadow) = &mut self.shadow {
            shadow.reopen();
        }
        if let Some(import) = &mut self.import {
            import.state = ImportState::Open;
        }
    }
}

impl Page {
    fn unsettled(&self) -> Option<Unsettled> {
        let state = match self.state {
            PageState::Prepared => UnsettledState::Prepared,
            PageState::Accepted => {
                let (job, at) = self.job.clone().expect("an accepted batch has a job");
                UnsettledState::Accepted { job, at }
            }
            PageState::Doubt => {
                UnsettledState::Parked { park: Park { why: self.why.clone() }, job: self.job.clone() }
            }
            _ => return None,
        };
        Some(Unsettled { batch: self.planned.clone(), state })
    }
}

impl Letter {
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.line.bytes().chain(*b"\n")
    }
}

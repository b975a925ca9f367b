//! Rows into bodies: the one way in which a body is ever made, for a first send and for every later one, so that
//! the same rows always make the same bytes.

use super::event::Sent;
use crate::model::{
    BatchKey, Close, Cursor, DeadLetter, Digest, GroupId, ImportId, InputStart, Limit, Load, LoadBuilder,
    Mark, Passed, Rejection, Room, WallTime,
};
use crate::target::{About, Called, GroupState, RowContext, Target};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When a batch is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    pub rows: u64,
    /// Of the encoded body, envelope and all. A row that is larger alone still goes, alone.
    pub bytes: u64,
}

/// What one cut of the input gave: batches, or only rows that were refused here.
#[derive(Debug)]
pub struct Formed<L = (Load, BatchKey, Digest)> {
    /// In the order in which they are to be sent.
    pub loads: Vec<L>,
    pub refused: Vec<DeadLetter>,
    /// Rows that a feed had before, or has again later, or that are still in doubt.
    pub passed: Passed,
    /// Inputs that were begun on the way.
    pub starts: Vec<InputStart>,
    /// Behind all of it.
    pub cursor: Cursor,
    /// Why each of them was closed.
    pub closes: Vec<Close>,
}

impl Formed {
    pub fn rows_read(&self) -> u64 {
        let sent = self.loads.iter().map(|(load, ..)| load.len() as u64).sum::<u64>();
        sent + self.refused.len() as u64 + self.passed.rows()
    }

    /// Bytes of the input that these rows stand in.
    pub fn bytes_read(&self) -> u64 {
        let sent = self.loads.iter().map(|(load, ..)| load.source_bytes()).sum::<u64>();
        sent + self.refused.iter().map(|letter| letter.mark.bytes()).sum::<u64>() + self.passed.bytes
    }
}

impl Formed<Load> {
    /// The same with keys and hashes.
    pub fn identified(self, assembler: &Assembler) -> Formed {
        let Self { loads, refused, passed, starts, cursor, closes } = self;
        let loads = loads.into_iter().map(|load| assembler.identify(load)).collect();
        Formed { loads, refused, passed, starts, cursor, closes }
    }
}

/// Makes bodies.
#[derive(Debug)]
pub struct Assembler {
    target: Arc<Target>,
    import: ImportId,
    /// Which import of its state it is.
    number: u64,
    rows_max: AtomicU64,
    bytes_max: AtomicU64,
    /// What closing a body adds to it.
    closing_len: usize,
    /// A row is its own item, as it stands.
    passes: bool,
}

impl Assembler {
    pub fn new(target: Arc<Target>, import: ImportId, limits: BatchLimits) -> Self {
        let (rows_max, bytes_max) = (AtomicU64::new(limits.rows.max(1)), AtomicU64::new(limits.bytes));
        let (closing_len, passes) = (target.closing_len(), target.passes_rows());
        Self { target, import, number: 1, rows_max, bytes_max, closing_len, passes }
    }

    /// It is this import of its state, from 1.
    #[must_use]
    pub fn of_import(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    pub fn import(&self) -> ImportId {
        self.import
    }

    pub fn limits(&self) -> BatchLimits {
        BatchLimits {
            rows: self.rows_max.load(Ordering::Relaxed),
            bytes: self.bytes_max.load(Ordering::Relaxed),
        }
    }

    /// What a refusal taught holds for all later batches; limits only ever shrink.
    pub fn learn(&self, limit: Limit) {
        match limit {
            Limit::Rows(rows) => self.rows_max.fetch_min(rows.max(1), Ordering::Relaxed),
            Limit::Bytes(bytes) => self.bytes_max.fetch_min(bytes.max(1), Ordering::Relaxed),
        };
    }

    /// A batch of just these rows, which made items before.
    pub fn assemble<'a>(
        &self,
        state: Option<&GroupState>,
        rows: impl Iterator<Item = (Mark, &'a [u8])>,
    ) -> Load {
        self.try_assemble(state, rows).expect("a row that made an item once makes it again")
    }

    /// As [`Self::assemble`], of rows that made items in an earlier run, maybe of another version.
    pub(super) fn try_assemble<'a>(
        &self,
        state: Option<&GroupState>,
        rows: impl Iterator<Item = (Mark, &'a [u8])>,
    ) -> Result<Load, Rejection> {
        let mut body = self.open(state);
        for (mark, text) in rows {
            self.add(&mut body, mark, text)?;
        }
        Ok(self.close_fitted(&mut body, state).expect("a batch has a row"))
    }

    /// Whether rows may be written into the body as they are read: see [`Self::add_written`].
    pub fn passes(&self) -> bool {
        self.passes
    }

    /// `state` is what is known of the rows' group, where the body speaks of it.
    pub fn open(&self, state: Option<&GroupState>) -> LoadBuilder {
        self.open_with(state, Room::default())
    }

    /// As [`Self::open`], with memory for a batch of this size.
    pub fn open_with(&self, state: Option<&GroupState>, room: Room) -> LoadBuilder {
        let mut builder = LoadBuilder::with_room(room);
        match state {
            Some(state) => self.target.open_body_with(state, &mut builder.body),
            None => self.target.open_body(&mut builder.body),
        }
        builder
    }

    pub fn close(&self, mut builder: LoadBuilder, state: Option<&GroupState>) -> Option<Load> {
        self.close_body(&mut builder, state);
        builder.finish()
    }

    /// As [`Self::close`], for batches of which many may be in hand: see [`LoadBuilder::finish_fitted`].
    fn close_fitted(&self, builder: &mut LoadBuilder, state: Option<&GroupState>) -> Option<Load> {
        self.close_body(builder, state);
        builder.finish_fitted()
    }

    /// A batch of what is in the builder, which is open for the next one then.
    pub fn cut_off(&self, builder: &mut LoadBuilder) -> Option<Load> {
        let load = self.close_fitted(builder, None)?;
        self.target.open_body(&mut builder.body);
        Some(load)
    }

    fn close_body(&self, builder: &mut LoadBuilder, state: Option<&GroupState>) {
        match state {
            _ if builder.is_empty() => {}
            Some(state) => self.target.close_body_with(state, &mut builder.body),
            None => self.target.close_body(&mut builder.body),
        }
    }

    /// The row of a load as the target sees it.
    pub fn row<'a>(&self, load: &'a Load, index: usize) -> RowContext<'a> {
        let ordinal = load.mark(index).ordinal;
        RowContext { ordinal, text: load.text(index), index: index as u32, import: self.import }
    }

    /// What the request of a load goes under, as the target sees it.
    pub fn shown_key(&self, load: &Load, sent: &Sent) -> String {
        let row = self.row(load, 0);
        let shown = self.target.key_shown(&self.about(&row, load, sent, Duration::ZERO));
        // A row whose key cannot be made never left under one.
        shown.unwrap_or_else(|_| self.target.key_text(&sent.key))
    }

    /// What the target is told of a load's request; `row` is its first.
    pub fn about<'a>(
        &self,
        row: &'a RowContext<'a>,
        load: &Load,
        sent: &'a Sent,
        timeout: Duration,
    ) -> About<'a> {
        About {
            key: &sent.key,
            rows: load.len() as u64,
            first_sent: sent.first_sent,
            timeout,
            row: Some(row),
            state: sent.state.as_ref(),
            refusals: sent.refusals,
            import: self.number,
        }
    }

    /// The group of a row, where rows have groups.
    pub fn group(&self, row: &RowContext<'_>) -> Result<Option<GroupId>, Rejection> {
        Ok(self.target.group_key(row)?.map(|fields| GroupId::of(&fields)))
    }

    /// What a row's members are called, where all rows of a request must have the same.
    pub fn key_set(&self, mark: Mark, text: &[u8]) -> Option<Digest> {
        let row = RowContext { ordinal: mark.ordinal, text, index: 0, import: self.import };
        self.target.key_set(&row)
    }

    /// Takes a row that is to be the next of a batch among what the others are called; false if an answer could not tell
    /// it from one of them.
    pub fn tells_apart(&self, builder: &LoadBuilder, mark: Mark, text: &[u8], called: &mut Called) -> bool {
        let index = builder.len() as u32;
        let row = RowContext { ordinal: mark.ordinal, text, index, import: self.import };
        self.target.tells_apart(&row, called)
    }

    /// The groups of a load's rows, each once; none where their order is free.
    pub(super) fn groups(&self, load: &Load) -> Vec<GroupId> {
        if !self.is_ordered() {
            return Vec::new();
        }
        // A row without its group was refused when it was read.
        let group = |index| self.group(&self.row(load, index)).ok().flatten();
        let mut groups: Vec<GroupId> = (0..load.len()).filter_map(group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Rows of one group are applied in the order of the input.
    pub(super) fn is_ordered(&self) -> bool {
        self.target.group().is_some_and(|group| group.strict)
    }

    /// A request says what it knows of its group, or what steps before it told.
    pub(super) fn needs_state(&self) -> bool {
        self.target.needs_state()
    }

    /// A group has to be empty before the import's first rows of it.
    pub(super) fn begins_groups(&self) -> bool {
        let state = self.target.group().and_then(|group| group.state.as_ref());
        state.is_some_and(|state| state.begin().is_some())
    }

    /// When the first of a load's rows expires.
    pub(super) fn expires(&self, load: &Load) -> Option<WallTime> {
        self.target.expires()?;
        (0..load.len()).filter_map(|index| self.target.expiry(load.text(index)).ok().flatten()).min()
    }

    /// Adds the row's item to the body. On refusal the body is as before.
    pub fn add(&self, builder: &mut LoadBuilder, mark: Mark, text: &[u8]) -> Result<(), Rejection> {
        let before = builder.body.len();
        self.separate(builder);
        if self.passes {
            let start = builder.body.len();
            builder.body.extend_from_slice(text);
            self.add_written(builder, mark, start..start + text.len());
            return Ok(());
        }
        let context =
            RowContext { ordinal: mark.ordinal, text, index: builder.len() as u32, import: self.import };
        if let Err(refusal) = self.target.item(&context, &mut builder.body) {
            builder.body.truncate(before);
            return Err(refusal);
        }
        let start = builder.texts.len();
        builder.texts.extend_from_slice(text);
        builder.push(mark, start..start + text.len());
        Ok(())
    }

    /// What stands before the next item.
    pub fn separate(&self, builder: &mut LoadBuilder) {
        if !builder.is_empty() {
            self.target.separate(&mut builder.body);
        }
    }

    /// A row that stands in the body already, at its end and behind its separator: where rows pass as they are,
    /// nothing is copied for it.
    pub fn add_written(&self, builder: &mut LoadBuilder, mark: Mark, text: Range<usize>) {
        debug_assert!(self.passes && text.end == builder.body.len());
        builder.push(mark, text);
    }

    /// Length of the body if it were closed now.
    pub fn closed_len(&self, builder: &LoadBuilder) -> u64 {
        (builder.body.len() + self.closing_len) as u64
    }

    /// Key and body hash of a batch cut from the input.
    pub fn identify(&self, load: Load) -> (Load, BatchKey, Digest) {
        let hash = load.body_hash();
        let key = BatchKey::root(self.import, load.mark(0).ordinal, load.len() as u64, hash);
        (load, key, hash)
    }
}

//! Batches: which rows, and their bytes.

use super::{Digest, Mark, Ordinal};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// Number of a batch within its ledger, from 1, in the order in which they were planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchSeq(pub u64);

/// The ordinals of a batch's rows, ascending; never empty. Kept as runs, so that a batch cut from neighbouring
/// rows costs two numbers, however many rows it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    runs: Vec<(u64, u64)>, // (first, rows), ascending, never touching
}

impl RowSet {
    /// `rows` neighbours from `first` on; `rows` is at least 1.
    pub fn range(first: Ordinal, rows: u64) -> Self {
        assert!(rows > 0, "a row set is never empty");
        Self { runs: vec![(first.0, rows)] }
    }

    /// From ascending ordinals; `None` if there are none or they do not ascend.
    pub fn from_ordinals(ordinals: impl IntoIterator<Item = Ordinal>) -> Option<Self> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for Ordinal(ordinal) in ordinals {
            match runs.last_mut() {
                Some((first, rows)) if *first + *rows == ordinal => *rows += 1,
                Some((first, rows)) if *first + *rows > ordinal => return None,
                _ => runs.push((ordinal, 1)),
            }
        }
        if runs.is_empty() { None } else { Some(Self { runs }) }
    }

    /// One more row, behind all of these.
    pub fn push(&mut self, Ordinal(ordinal): Ordinal) {
        match self.runs.last_mut() {
            Some((first, rows)) if *first + *rows == ordinal => *rows += 1,
            _ => self.runs.push((ordinal, 1)),
        }
    }

    pub fn first(&self) -> Ordinal {
        Ordinal(self.runs[0].0)
    }

    pub fn last(&self) -> Ordinal {
        let (first, rows) = self.runs[self.runs.len() - 1];
        Ordinal(first + rows - 1)
    }

    #[expect(clippy::len_without_is_empty, reason = "a row set is never empty")]
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(_, rows)| rows).sum()
    }

    pub fn contains(&self, ordinal: Ordinal) -> bool {
        let after = self.runs.partition_point(|(first, _)| *first <= ordinal.0);
        after > 0 && {
            let (first, rows) = self.runs[after - 1];
            ordinal.0 < first + rows
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Ordinal> + '_ {
        self.runs.iter().flat_map(|(first, rows)| (*first..first + rows).map(Ordinal))
    }

    /// Canonical bytes: first and length of each run, little-endian, eight bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.runs.len() * 16);
        for (first, rows) in &self.runs {
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&rows.to_le_bytes());
        }
        bytes
    }

    /// Reads [`Self::to_bytes`] back; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(16) {
            return None;
        }
        let mut runs: Vec<(u64, u64)> = Vec::with_capacity(bytes.len() / 16);
        for pair in bytes.chunks_exact(16) {
            let first = u64::from_le_bytes(pair[..8].try_into().ok()?);
            let rows = u64::from_le_bytes(pair[8..].try_into().ok()?);
            let end = first.checked_add(rows)?;
            if rows == 0 || end == u64::MAX || runs.last().is_some_and(|(f, n)| f + n >= first) {
                return None;
            }
            runs.push((first, rows));
        }
        Some(Self { runs })
    }
}

/// What a batch carries in memory: the body to be sent, and each row as it was. Never empty; clones share it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    body: Bytes,
    texts: Bytes,
    rows: Arc<Vec<(Mark, Range<u32>)>>,
}

impl Load {
    /// The encoded request body, as it is hashed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn body_hash(&self) -> Digest {
        Digest::of(&self.body)
    }

    #[expect(clippy::len_without_is_empty, reason = "a load is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn mark(&self, index: usize) -> Mark {
        self.rows[index].0
    }

    pub fn marks(&self) -> impl ExactSizeIterator<Item = &Mark> {
        self.rows.iter().map(|(mark, _)| mark)
    }

    /// The row as a JSON object: what `${row}` renders.
    pub fn text(&self, index: usize) -> &[u8] {
        let range = &self.rows[index].1;
        &self.texts[range.start as usize..range.end as usize]
    }

    pub fn row_set(&self) -> RowSet {
        RowSet::from_ordinals(self.marks().map(|mark| mark.ordinal)).expect("rows ascend and are not empty")
    }

    /// Bytes that it holds in memory.
    pub fn memory(&self) -> usize {
        let Room { body, texts, rows } = self.room();
        body + texts + rows * size_of::<(Mark, Range<u32>)>()
    }

    /// What it takes.
    pub fn room(&self) -> Room {
        let texts = if self.texts.as_ptr() == self.body.as_ptr() { 0 } else { self.texts.len() };
        Room { body: self.body.len(), texts, rows: self.rows.len() }
    }

    /// Bytes of the input that these rows stood in.
    pub fn source_bytes(&self) -> u64 {
        self.marks().map(Mark::bytes).sum()
    }
}

/// What a batch takes: bytes of its body, bytes of texts beside it, rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    pub body: usize,
    pub texts: usize,
    pub rows: usize,
}

/// Collects rows while a batch is being formed. The row texts are either part of the body (the item is the row)
/// or kept beside it.
#[derive(Debug, Default)]
pub struct LoadBuilder {
    pub body: Vec<u8>,
    pub texts: Vec<u8>,
    rows: Vec<(Mark, Range<u32>)>,
}

impl LoadBuilder {
    /// With memory for a batch of this size, and an eighth more.
    pub fn with_room(room: Room) -> Self {
        let more = |size: usize| size + size / 8;
        Self {
            body: Vec::with_capacity(more(room.body)),
            texts: Vec::with_capacity(more(room.texts)),
            rows: Vec::with_capacity(room.rows),
        }
    }

    /// The text of the row that was pushed last.
    pub fn last_text(&self) -> &[u8] {
        let texts = if self.texts.is_empty() { &self.body } else { &self.texts };
        self.rows.last().map_or(&[], |(_, text)| &texts[text.start as usize..text.end as usize])
    }

    /// `text` is the row's place in `texts`, or in `body` if `texts` stays empty.
    pub fn push(&mut self, mark: Mark, text: Range<usize>) {
        let end = u32::try_from(text.end).expect("a batch is smaller than 4 GiB");
        self.rows.push((mark, text.start as u32..end));
    }

    /// Undoes the last `push`: `body` and `texts` go back to these lengths.
    pub fn take_back(&mut self, body: usize, texts: usize) {
        self.rows.pop();
        self.body.truncate(body);
        self.texts.truncate(texts);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn first(&self) -> Option<&Mark> {
        self.rows.first().map(|(mark, _)| mark)
    }

    /// Seals the batch; `None` if it has no row.
    pub fn finish(self) -> Option<Load> {
        if self.rows.is_empty() {
            return None;
        }
        let body = Bytes::from(self.body);
        let texts = if self.texts.is_empty() { body.clone() } else { Bytes::from(self.texts) };
        Some(Load { body, texts, rows: Arc::new(self.rows) })
    }

    /// As [`Self::finish`], in no more memory than it takes; what it was formed in is empty, and serves for the next.
    pub fn finish_fitted(&mut self) -> Option<Load> {
        if self.rows.is_empty() {
            return None;
        }
        let body = Bytes::from([&self.body[..], &self.texts].concat());
        let at = if self.texts.is_empty() { 0 } else { self.body.len() };
        let load = Load {
            texts: body.slice(at..),
            body: body.slice(..self.body.len()),
            rows: Arc::new(self.rows.clone()),
        };
        self.body.clear();
        self.texts.clear();
        self.rows.clear();
        Some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Place;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_set_is_read_back_and_holds_just_its_rows(mut ordinals in prop::collection::btree_set(0_u64..200, 1..60)) {
            let set = RowSet::from_ordinals(ordinals.iter().copied().map(Ordinal)).unwrap();
            prop_assert_eq!(set.len(), ordinals.len() as u64);
            prop_assert_eq!(RowSet::from_bytes(&set.to_bytes()), Some(set.clone()));
            prop_assert_eq!(set.iter().map(|o| o.0).collect::<Vec<_>>(), ordinals.iter().copied().collect::<Vec<_>>());
            for ordinal in 0..200 {
                prop_assert_eq!(set.contains(Ordinal(ordinal)), ordinals.contains(&ordinal));
            }
            prop_assert_eq!(set.first().0, ordinals.pop_first().unwrap());
        }

        #[test]
        fn foreign_bytes_are_refused_not_believed(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(set) = RowSet::from_bytes(&bytes) {
                prop_assert_eq!(set.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn a_fitted_batch_is_the_same_batch_and_leaves_room_for_another() {
        let mark = Mark { ordinal: Ordinal(7), place: Place::START, end: 9 };
        for texts in ["", "{\"a\":1}"] {
            let mut builder = LoadBuilder::with_room(Room { body: 100, texts: 100, rows: 10 });
            for _ in 0..2 {
                builder.body.extend_from_slice(b"[{\"b\":1}]");
                builder.texts.extend_from_slice(texts.as_bytes());
                builder.push(mark, if texts.is_empty() { 1..8 } else { 0..7 });
                let whole = LoadBuilder {
                    body: builder.body.clone(),
                    texts: builder.texts.clone(),
                    rows: builder.rows.clone(),
                };
                let (fitted, whole) = (builder.finish_fitted().unwrap(), whole.finish().unwrap());
                assert_eq!((&fitted, fitted.room()), (&whole, whole.room()));
                assert_eq!(fitted.text(0), whole.text(0));
                assert!(builder.finish_fitted().is_none());
            }
        }
    }

    #[test]
    fn descending_or_missing_ordinals_are_no_row_set() {
        assert_eq!(RowSet::from_ordinals([]), None);
        assert_eq!(RowSet::from_ordinals([Ordinal(3), Ordinal(3)]), None);
        assert_eq!(RowSet::from_ordinals([Ordinal(3), Ordinal(1)]), None);
    }
}

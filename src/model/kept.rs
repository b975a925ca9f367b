//! Rows of a batch as the ledger keeps them, where the input can't be read again: each with its place and its text,
//! so that the same body, the same children and the same dead letters can be made of them.

use super::{Load, Mark, Ordinal, Place, RowSet};
use std::ops::Range;

/// Rows read back; never empty, their ordinals ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRows {
    bytes: Vec<u8>,
    rows: Vec<(Mark, Range<usize>)>,
}

impl KeptRows {
    /// For each row its ordinal, its place (input, row, line, byte), its end and the length of its text, as LEB128
    /// numbers, then the text.
    pub fn write(load: &Load) -> Vec<u8> {
        let texts: usize = (0..load.len()).map(|index| load.text(index).len()).sum();
        let mut bytes = Vec::with_capacity(texts + 24 * load.len());
        for index in 0..load.len() {
            let (mark, text) = (load.mark(index), load.text(index));
            let Place { input, row, line, byte } = mark.place;
            for number in [mark.ordinal.0, u64::from(input), row, line, byte, mark.end, text.len() as u64] {
                write_number(&mut bytes, number);
            }
            bytes.extend_from_slice(text);
        }
        bytes
    }

    /// Reads [`Self::write`] back; `None` for anything else.
    pub fn read(bytes: Vec<u8>) -> Option<Self> {
        let mut rows: Vec<(Mark, Range<usize>)> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let mut next = || read_number(&bytes, &mut at);
            let ordinal = Ordinal(next()?);
            let input = u32::try_from(next()?).ok()?;
            let place = Place { input, row: next()?, line: next()?, byte: next()? };
            let mark = Mark { ordinal, place, end: next()? };
            let len = usize::try_from(next()?).ok()?;
            let text = at..at.checked_add(len).filter(|end| *end <= bytes.len())?;
            if mark.end < place.byte || rows.last().is_some_and(|(last, _)| last.ordinal >= ordinal) {
                return None;
            }
            at = text.end;
            rows.push((mark, text));
        }
        if rows.is_empty() { None } else { Some(Self { bytes, rows }) }
    }

    /// Those of them that are among these.
    #[must_use]
    pub fn only(mut self, rows: &RowSet) -> Self {
        self.rows.retain(|(mark, _)| rows.contains(mark.ordinal));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (Mark, &[u8])> {
        self.rows.iter().map(|(mark, text)| (*mark, &self.bytes[text.clone()]))
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LoadBuilder;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn kept_rows_are_read_back_with_their_places(
            rows in prop::collection::vec((1..u64::MAX / 200, any::<u32>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..300)), 1..40)
        ) {
            let mut builder = LoadBuilder::default();
            let mut ordinal = 0;
            let mut expected = Vec::new();
            for (step, input, byte, text) in rows {
                ordinal += step;
                let place = Place { input, row: ordinal / 3, line: byte >> 1, byte };
                let mark = Mark { ordinal: Ordinal(ordinal), place, end: byte.saturating_add(step) };
                let start = builder.body.len();
                builder.body.extend_from_slice(&text);
                builder.push(mark, start..builder.body.len());
                expected.push((mark, text));
            }
            let load = builder.finish().unwrap();
            let kept = KeptRows::read(KeptRows::write(&load)).unwrap();
            let found: Vec<_> = kept.iter().map(|(mark, text)| (mark, text.to_vec())).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn foreign_bytes_are_refused_or_read_within_their_bounds(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(kept) = KeptRows::read(bytes) {
                prop_assert!(kept.iter().count() > 0);
            }
        }
    }
}

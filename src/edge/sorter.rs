//! Entries of a feed in the order of their keys, in bounded memory: what does not fit goes sorted into temporary
//! files, and is merged from there.

use crate::model::{FeedEntry, Ordinal};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Entries sorted in memory.
const RUN: usize = 1 << 19;
const RECORD: usize = FeedEntry::BYTES + 8;

/// Key, ordinal, text: its order is that of keys, and within a key that of the feed.
type Record = [u8; RECORD];

/// Takes entries in any order.
#[derive(Debug)]
pub struct Sorter {
    folder: PathBuf,
    run: Vec<Record>,
    files: Vec<File>,
}

impl Sorter {
    /// Temporary files are made in `folder`, without a name.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), run: Vec::new(), files: Vec::new() }
    }

    pub fn push(&mut self, ordinal: Ordinal, entry: FeedEntry) -> io::Result<()> {
        self.run.push(record(ordinal, entry));
        if self.run.len() == RUN { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut out = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&self.folder)?);
        for record in &self.run {
            out.write_all(record)?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.files.push(file);
        self.run.clear();
        Ok(())
    }

    /// All of them in order.
    pub fn sorted(mut self) -> io::Result<Sorted> {
        if !self.files.is_empty() && !self.run.is_empty() {
            self.spill()?;
        }
        self.run.sort_unstable();
        let buffer = (8 << 20) / self.files.len().max(1);
        let files = self.files.into_iter();
        let files = files.map(|file| BufReader::with_capacity(buffer.clamp(4096, 1 << 18), file)).collect();
        let run = if self.run.is_empty() { Vec::new() } else { self.run };
        let mut sorted = Sorted { run: run.into_iter(), files, heads: BinaryHeap::new() };
        for index in 0..sorted.files.len() {
            sorted.refill(index)?;
        }
        Ok(sorted)
    }
}

/// Entries by key, those of one key in the order of the feed.
#[derive(Debug)]
pub struct Sorted {
    run: std::vec::IntoIter<Record>,
    files: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Record, usize)>>,
}

impl Sorted {
    fn refill(&mut self, index: usize) -> io::Result<()> {
        let mut record = [0; RECORD];
        match self.files[index].read_exact(&mut record) {
            Ok(()) => self.heads.push(Reverse((record, index))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The next entry, with where it stood.
    #[expect(clippy::should_implement_trait, reason = "reading may fail, and nobody may go on after that")]
    pub fn next(&mut self) -> io::Result<Option<(Ordinal, FeedEntry)>> {
        if self.files.is_empty() {
            return Ok(self.run.next().map(|record| read(&record)));
        }
        let Some(Reverse((record, index))) = self.heads.pop() else { return Ok(None) };
        self.refill(index)?;
        Ok(Some(read(&record)))
    }
}

fn record(ordinal: Ordinal, entry: FeedEntry) -> Record {
    let mut record = [0; RECORD];
    record[..16].copy_from_slice(&entry.key);
    record[16..24].copy_from_slice(&ordinal.0.to_be_bytes());
    record[24..].copy_from_slice(&entry.text);
    record
}

fn read(record: &Record) -> (Ordinal, FeedEntry) {
    let part = |from: usize| <[u8; 8]>::try_from(&record[from..from + 8]).expect("eight bytes");
    let key = record[..16].try_into().expect("sixteen bytes");
    (Ordinal(u64::from_be_bytes(part(16))), FeedEntry { key, text: part(24) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn more_than_fits_into_memory_comes_out_in_order_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 3, RUN as u64, RUN as u64 * 2 + 17] {
            let mut sorter = Sorter::new(folder.path());
            let mut sum = 0_u64;
            for ordinal in 0..count {
                let mixed = ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                sum = sum.wrapping_add(mixed);
                let mut key = [0; 16];
                key[..8].copy_from_slice(&(mixed % 1000).to_be_bytes());
                let text = mixed.to_be_bytes();
                sorter.push(Ordinal(ordinal), FeedEntry { key, text }).unwrap();
            }
            let mut sorted = sorter.sorted().unwrap();
            let (mut found, mut last) = (0, None);
            while let Some((ordinal, entry)) = sorted.next().unwrap() {
                sum = sum.wrapping_sub(u64::from_be_bytes(entry.text));
                assert!(last < Some((entry.key, ordinal)));
                last = Some((entry.key, ordinal));
                found += 1;
            }
            assert_eq!((found, sum), (count, 0));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

//! The real ledger beside the model of it: both get the same entries, and must give the same answers. Where the model's
//! process dies, the real file is left as the model's is.

use bulkhaul::edge::ledger::Ledger;
use bulkhaul::model::{BatchSeq, Digest, Entry, ImportRecord, Noted, Recovered};
use std::path::PathBuf;
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct Shadow {
    dir: TempDir,
    ledger: Option<Ledger>,
    /// Of the import that is on.
    number: u64,
}

impl Shadow {
    pub(crate) fn new() -> Self {
        let shared = PathBuf::from("/dev/shm");
        let dir = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        Self { dir: dir.unwrap(), ledger: None, number: 1 }
    }

    fn letters(&self) -> PathBuf {
        self.dir.path().join("dead-letters.ndjson")
    }

    fn ledger(&mut self) -> &mut Ledger {
        if self.ledger.is_none() {
            let path = self.dir.path().join("ledger.db");
            self.ledger = Some(Ledger::open(&path, &self.letters()).unwrap());
        }
        self.ledger.as_mut().unwrap()
    }

    pub(crate) fn begin(&mut self, import: &ImportRecord) {
        self.number = import.number;
        self.ledger().begin(import, "[]").unwrap();
    }

    pub(crate) fn reopen(&mut self) {
        let number = self.number;
        self.ledger().reopen(number).unwrap();
    }

    pub(crate) fn commits_are_synced(&mut self) -> bool {
        self.ledger().commits_are_synced().unwrap()
    }

    pub(crate) fn commit(&mut self, entries: &[&Entry]) -> Vec<Noted> {
        self.ledger().commit(entries.iter().copied()).unwrap()
    }

    /// The commit fails, and nothing of it is durable: the last entry is one that the ledger can't take.
    pub(crate) fn fail(&mut self, entries: &[&Entry]) {
        let nobodys = Entry::Finish {
            seq: BatchSeq(u64::MAX >> 1),
            end: bulkhaul::model::BatchEnd::default(),
            refused: Vec::new(),
            shown: None,
            children: Vec::new(),
            kept: Vec::new(),
            learned: None,
            report: None,
            blocked: Vec::new(),
            begun: None,
        };
        let entries = entries.iter().copied().chain([&nobodys]);
        assert!(self.ledger().commit(entries).is_err(), "nobody's batch was ended");
    }

    pub(crate) fn append(&mut self) {
        self.ledger().project().unwrap();
    }

    /// The process is gone; if the dead-letter file has lost something, this is what is left of it.
    pub(crate) fn die(&mut self, len: Option<usize>) {
        drop(self.ledger.take());
        if let Some(len) = len
            && let Ok(file) = std::fs::OpenOptions::new().write(true).open(self.letters())
            && file.metadata().unwrap().len() > len as u64
        {
            file.set_len(len as u64).unwrap();
        }
    }

    pub(crate) fn close(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.close().unwrap();
        }
    }

    /// What it finds, and what is different from what the model found.
    pub(crate) fn recover(&mut self, model: &Recovered, file: &[u8]) -> Vec<String> {
        let number = self.number;
        let mut found = self.ledger().recover(number).unwrap();
        let mut different = Vec::new();
        found.blocked.sort();
        if found != *model {
            different.push(format!("the ledger recovers {found:#?}\nand its model {model:#?}"));
        }
        for batch in found.unsettled.iter().filter(|unsettled| unsettled.batch.kept) {
            if let Err(error) = self.ledger().recall(batch.batch.seq) {
                different.push(format!("the rows of batch {} are not there: {error}", batch.batch.seq.0));
            }
        }
        let lines = std::fs::read(self.letters()).unwrap_or_default();
        if lines != file {
            let (real, model) = (Digest::of(&lines).hex(), Digest::of(file).hex());
            different.push(format!("I11: the dead-letter file is {real} and its model {model}"));
        }
        if self.letters().with_extension("ndjson.1").exists() {
            different.push("I11: a dead-letter file of our own was set aside".to_owned());
        }
        different
    }
}

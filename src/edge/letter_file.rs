//! A dead-letter file, read line by line: the projection of a ledger, or what a person made of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest line that is read: the largest record, its bytes written twice and escaped. A letter about a whole request
/// may be longer than memory is wide.
const LINE_MAX: u64 = 128 << 20;

/// How a letter about a whole request begins.
const OF_A_REQUEST: &[u8] = b"{\"rows\":[";

/// A line that is not blank, and its number, from 1.
#[derive(Debug)]
pub enum LetterLine<'a> {
    /// Without its end; and whether it has one.
    Read(u64, &'a str, bool),
    /// About a whole request, and longer than 128 MiB: it is passed over.
    TooLong,
}

/// An open dead-letter file.
#[derive(Debug)]
pub struct LetterLines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl LetterLines {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        Ok(Self { path: path.to_owned(), file: BufReader::new(file), line: Vec::new(), number: 0 })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn next_line(&mut self) -> io::Result<Option<LetterLine<'_>>> {
        loop {
            self.line.clear();
            let read = Read::by_ref(&mut self.file).take(LINE_MAX).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            let ended = self.line.last() == Some(&b'\n');
            if !ended && read as u64 == LINE_MAX {
                if !self.line.starts_with(OF_A_REQUEST) {
                    return Err(io::Error::other(format!("line {} has no end in sight", self.number)));
                }
                self.line = Vec::new();
                self.file.skip_until(b'\n')?;
                return Ok(Some(LetterLine::TooLong));
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                let text = std::str::from_utf8(&self.line)
                    .map_err(|_| io::Error::other(format!("line {} is not UTF-8", self.number)))?;
                let text = text.trim_end_matches(['\n', '\r']);
                return Ok(Some(LetterLine::Read(self.number, text, ended)));
            }
        }
    }
}

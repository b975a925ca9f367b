//! A dead-letter file, read line by line: the projection of a ledger, or what a person made of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest line: the largest record, its bytes written twice and escaped.
const LINE_MAX: u64 = 128 << 20;

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

    /// The next line that is not blank, without its end; its number, from 1; and whether it has an end.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, &str, bool)>> {
        loop {
            self.line.clear();
            let read = Read::by_ref(&mut self.file).take(LINE_MAX).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            let ended = self.line.last() == Some(&b'\n');
            if !ended && read as u64 == LINE_MAX {
                return Err(io::Error::other(format!("line {} has no end in sight", self.number)));
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                let text = std::str::from_utf8(&self.line)
                    .map_err(|_| io::Error::other(format!("line {} is not UTF-8", self.number)))?;
                return Ok(Some((self.number, text.trim_end_matches(['\n', '\r']), ended)));
            }
        }
    }
}

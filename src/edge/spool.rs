//! `--spool`: standard input as a file in the state. It is there as a whole, or under its own name not at all.

use super::source::{Coding, StandardInput};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const CHUNK: usize = 256 * 1024;
/// Under these names, so that what packed it is told by its ending.
const NAMES: [(&str, Coding); 3] =
    [("stdin", Coding::Plain), ("stdin.gz", Coding::Gzip), ("stdin.zst", Coding::Zstd)];

/// Standard input could not be read, or the copy not be written.
#[derive(Debug)]
pub enum SpoolError {
    Input(io::Error),
    Copy(io::Error),
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::Copy(error)
    }
}

/// The copy that a state holds.
pub fn copy_in(state: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|(name, _)| state.join(name)).find(|path| path.is_file())
}

/// Whether nobody can have put anything there: a person's terminal.
pub fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Copies all of standard input, and then puts it in the place of an older copy; where it is empty and there is an
/// older copy, that stays. Gives back where it is, and its bytes. `None`, and nothing has changed, if it does not begin
/// with all that `before` holds.
pub fn copy(
    mut input: StandardInput,
    state: &Path,
    before: Option<&Path>,
) -> Result<Option<(PathBuf, u64)>, SpoolError> {
    let part = state.join("stdin.part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    let mut before = before.map(Compared::open).transpose()?;
    let mut head = Vec::new();
    let mut bytes = 0;
    let mut piece = vec![0; CHUNK];
    loop {
        let read = read(&mut input, &mut piece).map_err(SpoolError::Input)?;
        if read == 0 {
            break;
        }
        if let Some(before) = &mut before
            && !before.goes_with(&piece[..read])?
        {
            std::fs::remove_file(part)?;
            return Ok(None);
        }
        head.extend(piece[..read].iter().take(4_usize.saturating_sub(head.len())));
        file.write_all(&piece[..read])?;
        bytes += read as u64;
    }
    if let (0, Some(older)) = (bytes, copy_in(state)) {
        std::fs::remove_file(part)?;
        let bytes = older.metadata()?.len();
        return Ok(Some((older, bytes)));
    }
    if let Some(before) = &mut before
        && !before.is_at_end()?
    {
        std::fs::remove_file(part)?;
        return Ok(None);
    }
    file.sync_all()?;
    let coding = Coding::of_head(&head).unwrap_or(Coding::Plain);
    let (name, _) = NAMES.iter().find(|(_, known)| *known == coding).unwrap_or(&NAMES[0]);
    let whole = state.join(name);
    std::fs::rename(part, &whole)?;
    for (other, _) in NAMES.iter().filter(|(other, _)| other != name) {
        match std::fs::remove_file(state.join(other)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    File::open(state)?.sync_all()?;
    Ok(Some((whole, bytes)))
}

/// Whether standard input is empty, or the same as the copy to its last byte.
pub fn is_same_or_empty(mut input: StandardInput, copy: &Path) -> io::Result<bool> {
    let mut copy = Compared::open(copy)?;
    let mut piece = vec![0; CHUNK];
    let mut is_empty = true;
    loop {
        let read = read(&mut input, &mut piece)?;
        if read == 0 {
            return Ok(is_empty || copy.is_at_end()?);
        }
        is_empty = false;
        if !copy.goes_with(&piece[..read])? || copy.has_ended {
            return Ok(false);
        }
    }
}

/// A copy, read beside what may be the same.
struct Compared {
    file: BufReader<File>,
    held: Vec<u8>,
    /// The other has gone on behind its end.
    has_ended: bool,
}

impl Compared {
    fn open(path: &Path) -> io::Result<Self> {
        let file = BufReader::with_capacity(CHUNK, File::open(path)?);
        Ok(Self { file, held: vec![0; CHUNK], has_ended: false })
    }

    /// Whether the next bytes are these, as far as there are any.
    fn goes_with(&mut self, piece: &[u8]) -> io::Result<bool> {
        let mut at = 0;
        while at < piece.len() && !self.has_ended {
            let read = self.file.read(&mut self.held[..piece.len() - at])?;
            if self.held[..read] != piece[at..at + read] {
                return Ok(false);
            }
            at += read;
            self.has_ended = read == 0;
        }
        Ok(true)
    }

    fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.has_ended || self.file.read(&mut self.held[..1])? == 0)
    }
}

fn read(input: &mut StandardInput, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

//! `--spool`: standard input as a file in the state. It is there as a whole, or under its own name not at all.

use super::source::{Coding, StandardInput};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, IsTerminal, Read, Seek, SeekFrom, Write};
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

/// What came of a copy.
#[derive(Debug)]
pub enum Copied {
    Whole(Whole),
    /// Standard input is empty.
    Nothing,
    /// It does not begin with all that the older copy holds.
    Another,
    /// It has ended before all had come that a run before, which was broken off, had read of it.
    Short {
        bytes: u64,
        before: u64,
    },
}

/// All of standard input, on the disk, and not yet in the place of an older copy.
#[derive(Debug)]
pub struct Whole {
    path: PathBuf,
    state: PathBuf,
    name: &'static str,
    pub bytes: u64,
}

impl Whole {
    /// Under a name whose ending tells what packed it, so that it can be looked at as the copy that it may become.
    pub fn set_apart(mut self) -> io::Result<Self> {
        let apart = self.state.join(self.name.replacen("stdin", "stdin.new", 1));
        std::fs::rename(&self.path, &apart)?;
        self.path = apart;
        Ok(self)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state's copy from now on.
    pub fn put_in_place(self) -> io::Result<PathBuf> {
        let place = self.state.join(self.name);
        std::fs::rename(&self.path, &place)?;
        for (other, _) in NAMES.iter().filter(|(other, _)| *other != self.name) {
            match std::fs::remove_file(self.state.join(other)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        File::open(&self.state)?.sync_all()?;
        Ok(place)
    }

    /// It is no copy of what this import reads.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(self.path)
    }
}

/// Copies all of standard input, beside an older copy if there is one.
pub fn copy(mut input: StandardInput, state: &Path, before: Option<&Path>) -> Result<Copied, SpoolError> {
    let path = state.join("stdin.part");
    let mut part = Part::open(&path)?;
    let mut before = before.map(Compared::open).transpose()?;
    let mut head = Vec::new();
    let mut piece = vec![0; CHUNK];
    loop {
        let read = read(&mut input, &mut piece).map_err(SpoolError::Input)?;
        if read == 0 {
            break;
        }
        if let Some(before) = &mut before
            && !before.goes_with(&piece[..read])?
        {
            std::fs::remove_file(path)?;
            return Ok(Copied::Another);
        }
        head.extend(piece[..read].iter().take(4_usize.saturating_sub(head.len())));
        part.write(&piece[..read])?;
    }
    if part.bytes < part.earlier {
        return Ok(Copied::Short { bytes: part.bytes, before: part.earlier });
    }
    if part.bytes == 0 && copy_in(state).is_some() {
        std::fs::remove_file(path)?;
        return Ok(Copied::Nothing);
    }
    if let Some(before) = &mut before
        && !before.is_at_end()?
    {
        std::fs::remove_file(path)?;
        return Ok(Copied::Another);
    }
    part.file.sync_all()?;
    let coding = Coding::of_head(&head).unwrap_or(Coding::Plain);
    let (name, _) = NAMES.iter().find(|(_, known)| *known == coding).unwrap_or(&NAMES[0]);
    Ok(Copied::Whole(Whole { path, state: state.to_owned(), name, bytes: part.bytes }))
}

/// A copy that is being made. What a run that was broken off has left of one is written over only with other bytes, so
/// that a stream that ends earlier this time, because its producer has died, is known by it.
struct Part {
    file: File,
    bytes: u64,
    earlier: u64,
    held: Vec<u8>,
}

impl Part {
    fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let earlier = file.metadata()?.len();
        Ok(Self { file, bytes: 0, earlier, held: vec![0; CHUNK] })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let left = self.earlier.saturating_sub(self.bytes);
        let known = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let held = &mut self.held[..known];
        self.file.read_exact(held)?;
        let same = held.iter().zip(piece).take_while(|(old, new)| old == new).count();
        if same < known {
            self.earlier = self.bytes + same as u64;
            self.file.set_len(self.earlier)?;
            self.file.seek(SeekFrom::Start(self.earlier))?;
        }
        self.file.write_all(&piece[same..])?;
        self.bytes += piece.len() as u64;
        Ok(())
    }
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

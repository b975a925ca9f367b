//! Opening inputs and undoing their compression. It never looks into the bytes: what they mean is framed elsewhere.

use super::members::Members;
use super::{SourceError, StandardInput, looks};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 256 * 1024;
const COMPRESSED_CHUNK: usize = 64 * 1024;
/// For readers in memory: small, so that records lie across the edges of reads.
const SMALL_CHUNK: usize = 4 * 1024;

/// The first bytes of packed data. Neither is the beginning of any UTF-8 text.
const MAGIC: [(&[u8], Coding); 2] = [(b"\x1f\x8b", Coding::Gzip), (b"\x28\xb5\x2f\xfd", Coding::Zstd)];

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Plain,
    Gzip,
    Zstd,
}

impl Coding {
    /// By the ending of the file's name: `.gz`, `.zst`, else plain.
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some(ending) if ending.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(ending) if ending.eq_ignore_ascii_case("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// By the first bytes of the data; `None` if more of them are needed.
    pub fn of_head(head: &[u8]) -> Option<Self> {
        let is = |(magic, _): &&(&[u8], Self)| head.starts_with(magic);
        match MAGIC.iter().find(is) {
            Some((_, coding)) => Some(*coding),
            None if MAGIC.iter().any(|(magic, _)| magic.starts_with(head)) => None,
            None => Some(Self::Plain),
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Bytes of one input after decompression.
pub(super) enum Stream {
    File(File),
    Other(Box<dyn Read + Send>),
}

impl Stream {
    /// Goes to a byte, where that is possible without reading.
    pub(super) fn seek(&mut self, byte: u64) -> io::Result<bool> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(byte)).map(|_| true),
            Self::Other(_) => Ok(false),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Other(reader) => reader.read(into),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Other(_) => "Other",
        })
    }
}

/// One opened input.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) coding: Coding,
    /// Compressed bytes read so far, where the input is compressed.
    pub(super) raw_bytes: Option<Arc<AtomicU64>>,
    /// Bytes that are read at once.
    pub(super) chunk: usize,
}

impl Opened {
    pub(super) fn other(reader: Box<dyn Read + Send>) -> Self {
        Self { stream: Stream::Other(reader), coding: Coding::Plain, raw_bytes: None, chunk: CHUNK }
    }
}

type Open = Box<dyn FnMut(u32) -> io::Result<Opened> + Send>;

/// All inputs of an import, in order.
pub(super) struct Inputs {
    names: Vec<String>,
    open: Open,
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inputs").field(&self.names).finish()
    }
}

impl Inputs {
    /// `-` is standard input.
    pub(super) fn files(paths: &[PathBuf]) -> Self {
        let paths = paths.to_vec();
        Self {
            names: paths.iter().map(|path| path.display().to_string()).collect(),
            open: Box::new(move |index| open(&paths[index as usize])),
        }
    }

    /// Standard input, which can be read only once.
    pub(super) fn standing(input: StandardInput) -> Self {
        let mut input = Some(input);
        let open = move |_| unpack(input.take().ok_or_else(|| io::Error::other("it can be read only once"))?);
        Self { names: vec!["-".to_owned()], open: Box::new(open) }
    }

    pub(super) fn reopened(
        names: Vec<String>,
        mut reopen: Box<dyn FnMut(u32) -> io::Result<Box<dyn Read + Send>> + Send>,
    ) -> Self {
        let opened = |reader| Opened { chunk: SMALL_CHUNK, ..Opened::other(reader) };
        Self { names, open: Box::new(move |index| reopen(index).map(opened)) }
    }

    /// Readers that can be read only once.
    pub(super) fn readers(readers: Vec<(String, Box<dyn Read + Send>)>) -> Self {
        let (names, readers): (Vec<_>, Vec<_>) = readers.into_iter().unzip();
        let mut readers: Vec<_> = readers.into_iter().map(Some).collect();
        let reopen = move |index: u32| {
            readers[index as usize].take().ok_or_else(|| io::Error::other("it can be read only once"))
        };
        Self::reopened(names, Box::new(reopen))
    }

    pub(super) fn count(&self) -> u32 {
        self.names.len() as u32
    }

    pub(super) fn name(&self, index: u32) -> &str {
        self.names.get(index as usize).map_or("-", String::as_str)
    }

    pub(super) fn open(&mut self, index: u32) -> Result<Opened, SourceError> {
        (self.open)(index).map_err(|error| SourceError::from_io(self.name(index), Coding::Plain, 0, &error))
    }
}

/// Checks that every path can be read as a file; returns the bytes of all on disk, where that is known.
pub(super) fn check(paths: &[PathBuf]) -> Result<Option<u64>, SourceError> {
    let mut total = Some(0);
    for path in paths {
        if path.as_os_str() == "-" {
            total = None;
            continue;
        }
        let input = path.display().to_string();
        let facts =
            fs::metadata(path).map_err(|error| SourceError::from_io(&input, Coding::Plain, 0, &error))?;
        if facts.is_dir() {
            return Err(SourceError::Directory { input });
        }
        if !facts.is_file() {
            return Err(SourceError::Special { input });
        }
        total = total.map(|sum| sum + facts.len());
    }
    Ok(total)
}

fn open(path: &Path) -> io::Result<Opened> {
    if path.as_os_str() == "-" {
        return unpack(StandardInput::open()?);
    }
    let mut file = File::open(path)?;
    let coding = Coding::of(path);
    looks::check(&file, coding)?;
    file.rewind()?;
    match coding {
        Coding::Plain => Ok(Opened { stream: Stream::File(file), coding, raw_bytes: None, chunk: CHUNK }),
        coding => packed(file, coding),
    }
}

/// Data of which only its first bytes tell whether it is packed.
fn unpack(mut input: impl Read + Send + 'static) -> io::Result<Opened> {
    let mut head = Vec::new();
    let coding = loop {
        if let Some(coding) = Coding::of_head(&head) {
            break coding;
        }
        let mut byte = [0];
        match input.read(&mut byte) {
            Ok(0) => break Coding::Plain,
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    let whole = io::Cursor::new(head).chain(input);
    if coding == Coding::Plain { Ok(Opened::other(Box::new(whole))) } else { packed(whole, coding) }
}

fn packed(reader: impl Read + Send + 'static, coding: Coding) -> io::Result<Opened> {
    let raw_bytes = Arc::new(AtomicU64::new(0));
    let counted = Counted { reader, bytes: Arc::clone(&raw_bytes) };
    let buffered = BufReader::with_capacity(COMPRESSED_CHUNK, counted);
    let reader: Box<dyn Read + Send> = if coding == Coding::Gzip {
        Box::new(Members::new(buffered))
    } else {
        Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?)
    };
    Ok(Opened { stream: Stream::Other(reader), coding, raw_bytes: Some(raw_bytes), chunk: CHUNK })
}

/// Counts what is read of packed data.
struct Counted<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

//! What an input looked like, cheaply: enough to see on the next run that it was exchanged behind what was read.

use crate::model::Digest;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The part that an import's identity is made from.
const HEAD: u64 = 1 << 20;
/// Inputs up to this size are hashed whole.
const WHOLE: u64 = 64 << 20;
/// Of larger ones, the end and blocks spread evenly over the rest.
const END: u64 = 1 << 20;
const BLOCKS: u64 = 1024;
const BLOCK: u64 = 4096;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub size: u64,
    /// SHA-256 of the first MiB.
    pub head: Digest,
    /// BLAKE3, hexadecimal, of all of it, or of samples if it is large.
    pub content: String,
    /// Of one that was sampled: when it was written last, so that its samples speak for all of it. A copy keeps that, and
    /// so does a file whose rights were changed, or its name. Empty otherwise.
    pub stamp: String,
}

impl Fingerprint {
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::up_to(path, WHOLE)
    }

    /// With every byte in it, however large the file is.
    pub fn whole(path: &Path) -> io::Result<Self> {
        Self::up_to(path, u64::MAX)
    }

    /// The content of what a file begins with, as [`Self::whole`] has it.
    pub fn of_beginning(path: &Path, size: u64) -> io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?.take(size))?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn up_to(path: &Path, whole: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let data = file.metadata()?;
        let size = data.len();
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(HEAD).read_to_end(&mut head)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head);
        let mut stamp = String::new();
        if size <= whole {
            hasher.update_reader(&mut file)?;
        } else {
            stamp = format!("{}.{:09}", data.mtime(), data.mtime_nsec());
            let step = (size - HEAD - END) / BLOCKS;
            let mut block = Vec::new();
            for at in (0..BLOCKS).map(|number| HEAD + number * step) {
                file.seek(SeekFrom::Start(at))?;
                block.clear();
                Read::by_ref(&mut file).take(BLOCK).read_to_end(&mut block)?;
                hasher.update(&block);
            }
            file.seek(SeekFrom::Start(size - END))?;
            hasher.update_reader(&mut file)?;
        }
        Ok(Self { size, head: Digest::of(&head), content: hasher.finalize().to_hex().to_string(), stamp })
    }
}

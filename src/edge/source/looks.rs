//! What a file looks like by its first bytes, where its name says something else.

use super::Coding;
use std::io::{self, Read};

/// Enough to know each of [`LOOKS`].
const HEAD: u64 = 16;

/// Beginnings of files that are often taken for others. No text in UTF-8 that is CSV or NDJSON begins so.
const LOOKS: [(&[u8], Look); 8] = [
    (b"\x1f\x8b", Look::Packed(Coding::Gzip)),
    (b"\x28\xb5\x2f\xfd", Look::Packed(Coding::Zstd)),
    (b"PK\x03\x04", Look::Zip),
    (b"\xfd7zXZ\0", Look::Xz),
    (b"\xff\xfe", Look::Utf16),
    (b"\xfe\xff", Look::Utf16),
    (b"\xd0\xcf\x11\xe0", Look::Excel),
    (b"SQLite format 3\0", Look::Sqlite),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Packed(Coding),
    Zip,
    Xz,
    Utf16,
    Excel,
    Sqlite,
    /// Text, as far as it was looked at.
    Text,
    Unknown,
}

impl Look {
    fn of(head: &[u8]) -> Self {
        // A frame to be skipped, as parallel packers put before the first (RFC 8878, section 3.1.2).
        if matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
            return Self::Packed(Coding::Zstd);
        }
        let known = LOOKS.iter().find(|(beginning, _)| head.starts_with(beginning));
        known.map_or_else(
            || {
                let is_control = |byte: &u8| *byte < 0x20 && !byte.is_ascii_whitespace();
                let is_text = std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true);
                if is_text && !head.iter().any(is_control) { Self::Text } else { Self::Unknown }
            },
            |(_, look)| *look,
        )
    }

    /// `gzip`, `a zip archive or an Excel workbook`; `None` where nothing can be said.
    pub(super) const fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::Packed(coding) => coding.word(),
            Self::Zip => "a zip archive or an Excel workbook",
            Self::Xz => "xz",
            Self::Utf16 => "text in UTF-16",
            Self::Excel => "an old Excel workbook",
            Self::Sqlite => "an SQLite database",
            Self::Text => "plain text",
            Self::Unknown => return None,
        })
    }

    /// What makes an input of it.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Packed(Coding::Gzip) => "give it a name that ends in .gz",
            Self::Packed(Coding::Zstd) => "give it a name that ends in .zst",
            Self::Packed(Coding::Plain) | Self::Text => "give it a name without .gz or .zst",
            Self::Zip => "unpack the archive, or save the sheet as CSV (UTF-8)",
            Self::Xz => "unpack it first: xz -d",
            Self::Utf16 => "convert it first, with iconv -f UTF-16 -t UTF-8",
            Self::Excel => "save the sheet as CSV (UTF-8)",
            Self::Sqlite => "export a table first: sqlite3 -csv -header FILE 'SELECT …'",
            Self::Unknown => "the file was probably copied or written only in part; get it again",
        }
    }
}

/// A file is not what its name says.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not what its name says")]
pub(super) struct Misnamed {
    pub(super) named: Coding,
    pub(super) look: Look,
}

/// Looks at the first bytes of a file: are they what its name says? An empty file is left to whoever reads it.
pub(super) fn check(file: impl Read, named: Coding) -> io::Result<()> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    let look = Look::of(&head);
    let fits = match look {
        _ if head.is_empty() => true,
        Look::Packed(coding) => coding == named,
        // Text may be anything, and so may what is not known: whoever reads it will say.
        Look::Text | Look::Unknown => named == Coding::Plain,
        _ => false,
    };
    if fits { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, Misnamed { named, look })) }
}

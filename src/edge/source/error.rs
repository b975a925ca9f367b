//! What can go wrong with an input as a whole. A single broken record is never among it: that is a [`BadRow`],
//! and the rows around it go on.
//!
//! [`BadRow`]: crate::model::BadRow

use super::looks::Misnamed;
use super::members::Trailing;
use super::{Coding, Look};
use std::io;

/// The input cannot be read on. The display says what and where; [`SourceError::hint`] says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read `{input}`: {reason}")]
    Unreadable { input: String, reason: String },
    #[error("interrupted while `{input}` was being read")]
    Interrupted { input: String },
    #[error("`{input}` is a directory, not a file")]
    Directory { input: String },
    #[error("`{input}` is not a regular file")]
    Special { input: String },
    #[error("`{input}`: the {} data is damaged at byte {byte} of its content", coding.word())]
    Damaged { input: String, coding: Coding, byte: u64 },
    #[error("`{input}`: the {} data ends too early, at byte {byte} of its content", coding.word())]
    Truncated { input: String, coding: Coding, byte: u64 },
    #[error("`{input}`: what comes after the gzip data is no part of it, at byte {byte} of the content")]
    Trailing { input: String, byte: u64 },
    #[error(
        "`{input}` is not {}{}",
        if *.named == Coding::Plain { "UTF-8 text" } else { named.word() },
        look.words().map(|words| format!(": it looks like {words}")).unwrap_or_default()
    )]
    Misnamed { input: String, named: Coding, look: Look },
    #[error("`{text}` cannot be a delimiter")]
    Delimiter { text: String },
    #[error("the columns of `{input}` have no names")]
    Nameless { input: String },
    #[error("input `{input}`: the header is not valid UTF-8")]
    HeaderText { input: String },
    #[error("input `{input}`: field {field} of the header has text after its closing quote")]
    HeaderQuote { input: String, field: usize },
    /// Read so, all rows would be broken, or one field each.
    #[error("input `{input}`: the header is one field, with {} in it", mark(*.found))]
    OtherDelimiter { input: String, said: char, found: char },
    #[error(
        "input `{input}`: {} {} (fields {first} and {second})",
        if column.is_empty() { "two columns have no name in".into() } else { format!("column `{column}` appears twice in") },
        if *.listed { "--columns" } else { "the header" }
    )]
    RepeatedColumn { input: String, column: String, first: usize, second: usize, listed: bool },
    #[error("input `{input}`: the header has {header} fields, but --columns names {listed}")]
    ColumnCount { input: String, header: usize, listed: usize },
    #[error("input `{input}` has no column `{column}`")]
    UnknownColumn { input: String, column: String, known: Vec<String> },
    #[error("input `{input}`: the quote opened on line {line} is never closed")]
    OpenQuote { input: String, line: u64, byte: u64 },
    #[error("input `{input}`: the header is larger than {limit} bytes")]
    LargeHeader { input: String, limit: usize },
    #[error(
        "{}`{input}` is not what it was when this import began{}",
        if *.several { "one of the inputs up to " } else { "input " },
        if *.shorter { ": it is shorter than what was read of it" } else { "" }
    )]
    Changed { input: String, several: bool, shorter: bool },
}

impl SourceError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { .. } | Self::Interrupted { .. } => return None,
            Self::Directory { .. } => "name the files in it; several files are one import".into(),
            Self::Special { .. } => "give a file, or `-` to read standard input".into(),
            Self::Damaged { .. } | Self::Truncated { .. } => {
                "the file was probably copied or written only in part; get it again".into()
            }
            Self::Trailing { .. } => "cut it off, or get the file again; the rows before it are whole".into(),
            Self::Misnamed { input, look: Look::Utf16, .. } => {
                format!("convert it first: iconv -f UTF-16 -t UTF-8 {input} > utf8.csv")
            }
            Self::Misnamed { look, .. } => look.remedy().into(),
            Self::Delimiter { .. } => "use one ASCII character that is neither a quote nor a line end".into(),
            Self::Nameless { .. } => "name them with --columns a,b,c".into(),
            Self::HeaderText { input } => {
                format!(
                    "if it is from Windows, convert it first: iconv -f CP1252 -t UTF-8 {input} > utf8.csv"
                )
            }
            Self::HeaderQuote { .. } => "double the quotes that are part of a name".into(),
            Self::OtherDelimiter { said, found, .. } => {
                format!("say --delimiter {}, or {} if there is only one column", typed(*found), typed(*said))
            }
            Self::RepeatedColumn { listed: true, .. } => "rename one of the two in --columns".into(),
            Self::RepeatedColumn { column, .. } if column.is_empty() => {
                "give each column a name: --columns a,b,c names all of them instead of the header".into()
            }
            Self::RepeatedColumn { .. } => {
                "rename one, or name all of them with --columns a,b,c instead of the header".into()
            }
            Self::ColumnCount { .. } => {
                "name every column, or leave --columns out to take the header's names".into()
            }
            Self::UnknownColumn { column, known, .. } => {
                let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                match nearest(column, known) {
                    Some(name) => format!("did you mean `{name}`? the columns are {list}"),
                    None => format!("the columns are {list}"),
                }
            }
            Self::OpenQuote { byte, .. } => {
                format!("close the quote at byte {byte}, or double it if it is part of the text")
            }
            Self::LargeHeader { .. } => "check the format and the line ends of the file".into(),
            Self::Changed { .. } => {
                "put the original file back, or begin a new import with another --state".into()
            }
        })
    }

    /// Whether the input is another one than the import began with.
    pub fn is_changed(&self) -> bool {
        matches!(self, Self::Changed { .. })
    }

    /// What is wrong with the beginning of an input whose beginning was good before: it is another one.
    pub(super) fn of_what_was_read_before(self) -> Self {
        match self {
            Self::HeaderText { input }
            | Self::HeaderQuote { input, .. }
            | Self::OtherDelimiter { input, .. }
            | Self::RepeatedColumn { input, .. }
            | Self::ColumnCount { input, .. }
            | Self::UnknownColumn { input, .. }
            | Self::OpenQuote { input, .. }
            | Self::LargeHeader { input, .. } => Self::Changed { input, several: false, shorter: false },
            other => other,
        }
    }

    /// Why opening or reading failed, in words.
    pub(super) fn from_io(input: &str, coding: Coding, byte: u64, error: &io::Error) -> Self {
        let input = input.to_owned();
        if error.kind() == io::ErrorKind::WouldBlock {
            return Self::Interrupted { input };
        }
        let cause = error.get_ref();
        if let Some(Misnamed { named, look }) = cause.and_then(|cause| cause.downcast_ref()) {
            return Self::Misnamed { input, named: *named, look: *look };
        }
        if let Some(Trailing) = cause.and_then(|cause| cause.downcast_ref()) {
            return Self::Trailing { input, byte };
        }
        if coding != Coding::Plain && error.raw_os_error().is_none() {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof => Self::Truncated { input, coding, byte },
                _ => Self::Damaged { input, coding, byte },
            };
        }
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            io::ErrorKind::IsADirectory => return Self::Directory { input },
            _ => error.to_string().to_lowercase(),
        };
        Self::Unreadable { input, reason }
    }
}

/// A delimiter in a sentence.
fn mark(delimiter: char) -> String {
    if delimiter == '\t' { "tabs".to_owned() } else { format!("`{delimiter}`") }
}

/// A delimiter as a shell takes it.
fn typed(delimiter: char) -> String {
    if delimiter == '\t' { "tab".to_owned() } else { format!("'{delimiter}'") }
}

/// The known name that was probably meant.
fn nearest<'a>(wanted: &str, known: &'a [String]) -> Option<&'a String> {
    let folded = wanted.to_lowercase();
    known
        .iter()
        .map(|name| (distance(&folded, &name.to_lowercase()), name))
        .filter(|(far, _)| *far <= 2.min(wanted.chars().count() / 2).max(usize::from(wanted.len() > 1)))
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

/// Letters to insert, drop or replace to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_column_is_answered_with_the_one_that_was_meant() {
        let error = SourceError::UnknownColumn {
            input: "x.csv".into(),
            column: "amuont".into(),
            known: vec!["id".into(), "amount".into()],
        };
        assert_eq!(error.to_string(), "input `x.csv` has no column `amuont`");
        assert_eq!(error.hint().unwrap(), "did you mean `amount`? the columns are `id`, `amount`");
        assert_eq!(nearest("zzz", &["id".into()]), None);
    }
}

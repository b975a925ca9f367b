//! How an input is laid out: its format, its columns, their types. Values only; nothing is opened or read here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// How bytes are framed into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// RFC 4180; TSV is CSV with tabs.
    Csv { delimiter: u8 },
    /// One JSON object a line.
    Ndjson,
    /// Rows that a replay took over from dead letters.
    Taken,
}

impl Format {
    /// By the file's name, without `.gz` or `.zst`; `None` if it does not tell.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv { delimiter: b',' }),
            "tsv" => Some(Self::Csv { delimiter: b'\t' }),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// What a CSV field becomes in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnType {
    /// A number as JSON writes it, passed through unchanged.
    Number,
    /// A number without fraction or exponent, passed through unchanged.
    Integer,
    /// `true`, `false`, `t`, `f`, in any letter case.
    Boolean,
    /// JSON text, passed through.
    Json,
    #[default]
    String,
}

impl ColumnType {
    /// With its article: `an integer`.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::Boolean => "a boolean",
            Self::Json => "valid JSON",
            Self::String => "a string",
        }
    }
}

/// The word is no column type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a column type: use number, integer, boolean, json or string")]
pub struct UnknownType(String);

impl FromStr for ColumnType {
    type Err = UnknownType;

    fn from_str(word: &str) -> Result<Self, UnknownType> {
        Ok(match word {
            "number" => Self::Number,
            "integer" => Self::Integer,
            "boolean" => Self::Boolean,
            "json" => Self::Json,
            "string" => Self::String,
            _ => return Err(UnknownType(word.to_owned())),
        })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Json => "json",
            Self::String => "string",
        })
    }
}

/// All that is said about the inputs of an import; it holds for each of them. For NDJSON only the format and the
/// largest record matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub format: Format,
    /// The delimiter was said, and is not only the usual one.
    #[serde(default)]
    pub delimiter_said: bool,
    /// The first record of each input names its columns.
    pub header: bool,
    /// With a header: other names for its columns. Without: their names.
    pub columns: Option<Vec<String>>,
    /// Columns that are no strings.
    pub types: Vec<(String, ColumnType)>,
    /// An unquoted field with this text is `null`.
    pub null: Option<String>,
    /// A larger record is a bad row.
    pub record_bytes_max: usize,
}

impl Layout {
    /// The largest record, unless said otherwise: 8 MiB.
    pub const RECORD_BYTES_MAX: usize = 8 << 20;

    /// Of the rows that a replay took over. A record's bytes stand in it as hexadecimal digits.
    pub fn taken() -> Self {
        Self { record_bytes_max: Self::RECORD_BYTES_MAX * 32, ..Self::new(Format::Taken) }
    }

    /// With a header, and nothing said about the columns.
    pub const fn new(format: Format) -> Self {
        Self {
            format,
            delimiter_said: false,
            header: true,
            columns: None,
            types: Vec::new(),
            null: None,
            record_bytes_max: Self::RECORD_BYTES_MAX,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_told_by_the_name_under_any_coding() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(of("a/b.csv"), Some(Format::Csv { delimiter: b',' }));
        assert_eq!(of("b.TSV.gz"), Some(Format::Csv { delimiter: b'\t' }));
        assert_eq!(of("b.jsonl.zst"), Some(Format::Ndjson));
        assert_eq!(of("b.gz"), None);
        assert_eq!(of("csv"), None);
    }

    #[test]
    fn an_unknown_type_is_answered_with_the_known_ones() {
        assert_eq!("number".parse(), Ok(ColumnType::Number));
        let error = "int".parse::<ColumnType>().unwrap_err().to_string();
        assert_eq!(error, "`int` is not a column type: use number, integer, boolean, json or string");
    }
}

//! The options of `audit`.

use super::{Delimiter, FormatArg};
use clap::Args;
use std::path::PathBuf;

/// `bulkhaul audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// State folder of the import
    #[arg(value_name = "STATE")]
    pub state: Option<PathBuf>,
    /// The files that were imported, in the same order; none for a replay (STATE/replays/N), which keeps its own
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Format of the input (default: from the name)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// Field delimiter of CSV (one character, or `tab`)
    #[arg(long, value_name = "C")]
    pub delimiter: Option<Delimiter>,
    /// The first record is a row; needs --columns
    #[arg(long, requires = "columns")]
    pub no_header: bool,
    /// Names of the columns, instead of the header's
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// The dead-letter file, if it was named (default: dead-letters.ndjson in the state)
    #[arg(long, value_name = "FILE")]
    pub dead_letter: Option<PathBuf>,
    /// What was found, as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

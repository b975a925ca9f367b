//! The options of the commands that look at a state: `status`, `rejects`, `report`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `bulkhaul status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// State folder of the import (default: the only *.bulkhaul folder here)
    #[arg(value_name = "STATE")]
    pub state: Option<PathBuf>,
    /// The summary as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// `bulkhaul report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// State folder of the import (default: the only *.bulkhaul folder here)
    #[arg(value_name = "STATE")]
    pub state: Option<PathBuf>,
    /// Where the page goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
}

/// `bulkhaul rejects`.
#[derive(Debug, Args)]
pub struct RejectsArgs {
    /// State folder of the import, or a dead-letter file (default: the only *.bulkhaul folder here)
    #[arg(value_name = "STATE|FILE")]
    pub from: Option<PathBuf>,
    /// Only the rows refused for this reason: its code, or its number in the list
    #[arg(long, value_name = "R")]
    pub reason: Option<String>,
    /// Write the rows to stdout: as they are, as CSV that `replay` reads, or as CSV that is safe for spreadsheets
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub export: Option<ExportArg>,
    /// The rows in doubt instead, to look for them at the target (where they stood, or with --export the rows themselves); they
    /// are no dead letters, and `replay` refuses them
    #[arg(long, conflicts_with_all = ["reason", "json"])]
    pub in_doubt: bool,
    /// The reasons as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportArg {
    /// The dead letters, line by line
    Ndjson,
    /// One record for each row, exact
    Csv,
    /// No cell is a formula; for people, not for `replay`
    CsvSafe,
}

//! The options of `send`.

use super::{Delimiter, Duration, Jobs, Percent, RateArg, Size};
use crate::sandbox::Faults;
use clap::builder::NonEmptyStringValueParser as NotEmpty;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const TARGET: &str = "Target";
const INPUT: &str = "Input";
const BATCHES: &str = "Batches";
const PACE: &str = "Pace";
const TROUBLE: &str = "When things go wrong";
const STATE: &str = "State";
const PRACTICE: &str = "Practice server";
const OUTPUT: &str = "Output";

/// `bulkhaul send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Files to import, in this order: .csv .tsv .ndjson .jsonl, each also with .gz or .zst; or `-`, standard input. Wildcards
    /// are filled in by name, where no shell has
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    /// Where to: a URL, a profile (a path, or a name ending in .toml), a built-in's name, or `sandbox`
    #[arg(long, value_name = "TARGET", help_heading = TARGET, value_parser = NotEmpty::new())]
    pub to: String,
    /// The profile's base URL (parameter `base`)
    #[arg(long, value_name = "BASE", help_heading = TARGET, value_parser = NotEmpty::new())]
    pub url: Option<String>,
    /// A parameter of the profile; `${env:VAR}` and `${file:PATH}` are filled in
    #[arg(long = "set", value_name = "NAME=VALUE", help_heading = TARGET)]
    pub set: Vec<String>,
    /// An extra header; `${env:VAR}` and `${file:PATH}` are filled in
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = TARGET)]
    pub headers: Vec<String>,
    /// For a URL: rows go as {"NAME":[…]} instead of […]
    #[arg(long, value_name = "NAME", help_heading = TARGET, value_parser = NotEmpty::new())]
    pub envelope: Option<String>,
    /// For a URL: the target honours idempotency keys sent in this header
    #[arg(long, value_name = "NAME", help_heading = TARGET, value_parser = NotEmpty::new())]
    pub idempotency_header: Option<String>,
    /// For a URL: how long the target remembers a key (default: 24h)
    #[arg(long, value_name = "DUR", requires = "idempotency_header", help_heading = TARGET, hide_short_help = true)]
    pub key_ttl: Option<Duration>,
    /// For a URL: the method (default: POST)
    #[arg(long, value_name = "M", help_heading = TARGET, hide_short_help = true, value_parser = NotEmpty::new())]
    pub method: Option<String>,

    /// Format of the input (default: from the name)
    #[arg(long, value_name = "FORMAT", help_heading = INPUT)]
    pub format: Option<FormatArg>,
    /// Field delimiter of CSV (one character, or `tab`)
    #[arg(long, value_name = "C", help_heading = INPUT, hide_short_help = true)]
    pub delimiter: Option<Delimiter>,
    /// The first record is a row; needs --columns
    #[arg(long, requires = "columns", help_heading = INPUT, hide_short_help = true)]
    pub no_header: bool,
    /// Names of the columns, instead of the header's
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', help_heading = INPUT, hide_short_help = true)]
    pub columns: Option<Vec<String>>,
    /// Type of a CSV column: number, integer, boolean, json, string (default: string)
    #[arg(long = "type", value_name = "COL=TYPE", help_heading = INPUT)]
    pub types: Vec<String>,
    /// An unquoted CSV field of this text is null
    #[arg(long, value_name = "TEXT", help_heading = INPUT, hide_short_help = true)]
    pub null: Option<String>,
    /// Stop after the first N rows of the input, with exit 0 also where some were refused (but see --max-rejects)
    #[arg(long, value_name = "N", help_heading = INPUT)]
    pub limit: Option<u64>,
    /// The import is complete only if the input has just so many rows
    #[arg(long, value_name = "N", help_heading = INPUT, hide_short_help = true)]
    pub expect_rows: Option<u64>,
    /// For `-`: copy it into the state first, so that a later run goes on without it
    #[arg(long, help_heading = INPUT, hide_short_help = true)]
    pub spool: bool,
    /// For `-`: what comes is the next stream (a queue), not the last one from its start; what the last run wrote down is settled first; a queue that delivers again needs a key that the row brings (`template` under [idempotency] of the profile)
    #[arg(long, conflicts_with_all = ["spool", "again"], help_heading = INPUT, hide_short_help = true)]
    pub new_stream: bool,

    /// Most rows in a request (default: the profile's, else 500)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = BATCHES)]
    pub batch_rows: Option<u64>,
    /// Most bytes in a request's body (default: the profile's, else 1MiB)
    #[arg(long, value_name = "SIZE", help_heading = BATCHES, hide_short_help = true)]
    pub batch_bytes: Option<Size>,
    /// For `-`: longest time that a row waits for others to share its request (default: the profile's, else 5s)
    #[arg(long, value_name = "DUR", help_heading = BATCHES, hide_short_help = true)]
    pub batch_age: Option<Duration>,

    /// Most requests in a time, e.g. 10/s; every attempt counts, each run anew; repeatable
    #[arg(long, value_name = "N/UNIT", help_heading = PACE)]
    pub rate: Vec<RateArg>,
    /// Most rows in a time, e.g. 5000/s; repeatable
    #[arg(long, value_name = "N/UNIT", help_heading = PACE, hide_short_help = true)]
    pub row_rate: Vec<RateArg>,
    /// Requests in flight
    #[arg(short = 'j', long, value_name = "N|auto", default_value = "auto", help_heading = PACE)]
    pub concurrency: Jobs,
    /// Time for one request (default: the profile's, else 60s)
    #[arg(long, value_name = "DUR", help_heading = PACE, hide_short_help = true)]
    pub timeout: Option<Duration>,
    /// Longest wait that is obeyed (default: the profile's, else 1h)
    #[arg(long, value_name = "DUR", help_heading = PACE, hide_short_help = true)]
    pub max_wait: Option<Duration>,
    /// Longest time for the whole run
    #[arg(long, value_name = "DUR", help_heading = PACE, hide_short_help = true)]
    pub max_elapsed: Option<Duration>,

    /// What to do with a request whose outcome is unknown, where the target honours no keys (default: hold)
    #[arg(long, value_name = "WHAT", help_heading = TROUBLE, hide_short_help = true)]
    pub on_ambiguous: Option<AmbiguousArg>,
    /// What you found at the target of the rows in doubt of a complete import; nothing is sent
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["on_ambiguous", "again", "accept_new_tail", "abandon", "new_stream", "dry_run"],
        help_heading = TROUBLE, hide_short_help = true)]
    pub verdict: Option<VerdictArg>,
    /// Stop, resumable, when more rows than this are refused; a share is of all rows once they are read, before that of
    /// those settled, at least of 100
    #[arg(long, value_name = "N|N%", help_heading = TROUBLE, hide_short_help = true)]
    pub max_rejects: Option<Percent>,
    /// Where refused rows go (default: dead-letters.ndjson in the state)
    #[arg(long, value_name = "FILE", help_heading = TROUBLE, hide_short_help = true)]
    pub dead_letter: Option<PathBuf>,

    /// Folder of the import (default: <first input>.bulkhaul)
    #[arg(long, value_name = "DIR", help_heading = STATE)]
    pub state: Option<PathBuf>,
    /// Send only rows that are new or changed since they were delivered last under this state; all of a row counts, also the order of its columns, and one that no request shows
    #[arg(long, value_name = "KEY[,KEY]", value_delimiter = ',', help_heading = STATE, value_parser = NotEmpty::new())]
    pub sync: Option<Vec<String>>,
    /// With --sync: stop before anything is sent if the feed has lost more rows than this since last time
    #[arg(long, value_name = "N|N%", requires = "sync", help_heading = STATE, hide_short_help = true)]
    pub max_shrink: Option<Percent>,
    /// With --sync: delete at the target what the feed no longer has, as the profile's [delete] says
    #[arg(long, requires = "sync", conflicts_with_all = ["limit", "results"], help_heading = STATE, hide_short_help = true)]
    pub deletes: bool,
    /// With --deletes: stop before anything is sent if more rows than this would be deleted (default: 10%)
    #[arg(long, value_name = "N|N%", requires = "deletes", help_heading = STATE, hide_short_help = true)]
    pub max_deletes: Option<Percent>,
    /// Fix the import's identity by hand
    #[arg(long, value_name = "ID", help_heading = STATE, hide_short_help = true, value_parser = NotEmpty::new())]
    pub import_id: Option<String>,
    /// Import a finished input once more, under new keys
    #[arg(long, help_heading = STATE, hide_short_help = true)]
    pub again: bool,
    /// Go on although the part of the input that was not read yet has changed, or a finished one has grown
    #[arg(long, conflicts_with = "sync", help_heading = STATE, hide_short_help = true)]
    pub accept_new_tail: bool,
    /// Give the import up: close it, and say what it leaves
    #[arg(long, conflicts_with_all = ["again", "accept_new_tail"], help_heading = STATE, hide_short_help = true)]
    pub abandon: bool,

    /// For `--to sandbox`: misbehave on purpose, e.g. throttle=2%,error=1%,drop-after=1%; `help` says what there is
    #[arg(long, value_name = "SPEC", help_heading = PRACTICE, hide_short_help = true)]
    pub faults: Option<Faults>,
    /// For `--to sandbox`: seed of its chance
    #[arg(long, value_name = "N", help_heading = PRACTICE, hide_short_help = true)]
    pub seed: Option<u64>,

    /// Send nothing, and say what would be sent, as `plan` does
    #[arg(short = 'n', long, conflicts_with_all = ["again", "accept_new_tail", "abandon"], help_heading = OUTPUT)]
    pub dry_run: bool,
    /// One JSON line for each settled row, once its end is durable; a run that goes on tells again what earlier ones settled; under --sync rows that are unchanged are not sent and not told; `-`: stdout
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, hide_short_help = true)]
    pub results: Option<PathBuf>,
    /// How progress is shown on stderr
    #[arg(long, value_name = "HOW", default_value = "auto", help_heading = OUTPUT, hide_short_help = true)]
    pub progress: ProgressArg,
    /// Say nothing unless something needs a person
    #[arg(short, long, help_heading = OUTPUT)]
    pub quiet: bool,
    /// Log what leaves and what comes back, each line with its request and key
    #[arg(short, long, help_heading = OUTPUT, hide_short_help = true)]
    pub verbose: bool,
    /// How the log is written; json also turns all other words on stderr into lines of it
    #[arg(long, value_name = "HOW", default_value = "text", help_heading = OUTPUT, hide_short_help = true)]
    pub log_format: LogArg,
    /// Colour on stderr
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = OUTPUT, hide_short_help = true)]
    pub color: ColorArg,
    /// The summary as one JSON object on stdout
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    Csv,
    Tsv,
    Ndjson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AmbiguousArg {
    /// Send it again: rows may be doubled
    Resend,
    /// Ask the target, as the profile says how
    Verify,
    /// Set it apart and go on: rows may be missing
    Hold,
    /// End the run, with the rows pending
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerdictArg {
    /// They are there: they count as delivered
    Applied,
    /// They are not: they become dead letters, for `replay`
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    Auto,
    Bar,
    Plain,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogArg {
    /// Lines for people, with -v
    Text,
    /// One JSON object a line
    Json,
}

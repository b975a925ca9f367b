//! The options of `targets`.

use super::Delimiter;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `bulkhaul targets`.
#[derive(Debug, Args)]
pub struct TargetsArgs {
    #[command(subcommand)]
    pub command: Option<TargetsCommand>,
}

#[derive(Debug, Subcommand)]
pub enum TargetsCommand {
    /// The built-in targets, with their parameters
    List {
        /// One JSON array on stdout
        #[arg(long)]
        json: bool,
    },
    /// The profile of a built-in target, to copy and change
    Show {
        /// One of `targets list`
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Every mistake in a profile; without one, what it will do
    Check {
        /// A profile, or the name of a built-in one
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What it will do where a parameter has this value
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// One JSON object on stdout
        #[arg(long)]
        json: bool,
    },
    /// Write a commented profile to begin with
    New {
        /// Where to; a file that is there is never overwritten
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Name the columns of this CSV or NDJSON file in it
        #[arg(long, value_name = "INPUT")]
        from: Option<PathBuf>,
        /// Field delimiter of that CSV file (one character, or `tab`)
        #[arg(long, value_name = "C", requires = "from")]
        delimiter: Option<Delimiter>,
        /// Names of the columns of that CSV file, instead of the header's
        #[arg(long, value_name = "A,B,C", value_delimiter = ',', requires = "from")]
        columns: Option<Vec<String>>,
    },
}

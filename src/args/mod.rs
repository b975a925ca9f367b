//! What was typed. Nothing here touches a file, the environment or the terminal; what it means is the business of
//! [`crate::settings`].

mod plan;
mod quantity;
mod send;
mod state;
mod targets;

pub use plan::PlanArgs;
pub use quantity::{Duration, Jobs, Percent, RateArg, Size};
pub use send::{AmbiguousArg, ColorArg, FormatArg, ProgressArg, SendArgs};
pub use state::{ExportArg, RejectsArgs, StatusArgs};
pub use targets::{TargetsArgs, TargetsCommand};

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Moves rows from CSV or NDJSON into any HTTP batch API, once each, however often it is interrupted.
#[derive(Debug, Parser)]
#[command(name = "bulkhaul", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: CommandArgs,
}

#[derive(Debug, Subcommand)]
pub enum CommandArgs {
    /// Import rows; run the same command again to resume
    Send(Box<SendArgs>),
    /// Dry run: read all the input, show the first request, count what would be sent; sends nothing
    Plan(Box<PlanArgs>),
    /// How an import stands, running or not
    Status(StatusArgs),
    /// Refused rows by reason, and their export
    Rejects(RejectsArgs),
    /// The targets that can be named, and profiles for others
    Targets(TargetsArgs),
    /// Run the practice server on loopback
    Sandbox(SandboxArgs),
}

/// `bulkhaul sandbox`.
#[derive(Debug, clap::Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "P")]
    pub port: u16,
    /// Misbehave on purpose, e.g. `throttle=2%,error=1%,drop-after=1%`
    #[arg(long, value_name = "SPEC")]
    pub faults: Option<crate::sandbox::Faults>,
    /// Seed of its chance
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Keep rows and keys in this file (default: in memory)
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// A line for each request
    #[arg(short, long)]
    pub verbose: bool,
}

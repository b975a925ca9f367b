//! What was typed. Nothing here touches a file, the environment or the terminal; what it means is the business of
//! [`crate::settings`].

mod audit;
mod examples;
mod plan;
mod quantity;
mod replay;
mod send;
mod state;
mod targets;

pub use audit::AuditArgs;
pub use plan::PlanArgs;
pub use quantity::{Delimiter, Duration, Jobs, Percent, RateArg, Size};
pub use replay::ReplayArgs;
pub use send::{AmbiguousArg, ColorArg, FormatArg, LogArg, ProgressArg, SendArgs, VerdictArg};
pub use state::{ExportArg, RejectsArgs, ReportArgs, StatusArgs};
pub use targets::{TargetsArgs, TargetsCommand};

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Moves rows from CSV or NDJSON into any HTTP batch API, once each, however often it is interrupted.
#[derive(Debug, Parser)]
#[command(name = "bulkhaul", version = version(), max_term_width = 100, after_help = examples::ROOT)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<CommandArgs>,
}

/// The version, with the commit that it was built from where the build was told (`BULKHAUL_COMMIT`).
fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("BULKHAUL_COMMIT") {
        Some(commit) if !commit.is_empty() => format!("{version} ({commit})"),
        _ => version.to_owned(),
    }
}

#[derive(Debug, Subcommand)]
pub enum CommandArgs {
    /// Import rows; run the same command again to resume
    #[command(after_help = examples::SEND)]
    Send(Box<SendArgs>),
    /// Show what would be sent: the first request, how many, how long; sends nothing
    #[command(after_help = examples::PLAN)]
    Plan(Box<PlanArgs>),
    /// How an import stands, running or not
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// Refused rows by reason, and their export
    #[command(after_help = examples::REJECTS)]
    Rejects(RejectsArgs),
    /// Make the books of an import again, from its ledger, input and dead letters
    #[command(after_help = examples::AUDIT)]
    Audit(AuditArgs),
    /// How an import went, as one page for a browser
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// Send dead letters again, after the profile, the target or the rows were mended
    #[command(after_help = examples::REPLAY)]
    Replay(Box<ReplayArgs>),
    /// The targets that can be named, and profiles for others
    #[command(after_help = examples::TARGETS)]
    Targets(TargetsArgs),
    /// Run the practice server on loopback
    #[command(after_help = examples::SANDBOX)]
    Sandbox(SandboxArgs),
    /// Print the completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

/// `bulkhaul completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `bulkhaul sandbox`.
#[derive(Debug, clap::Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "P")]
    pub port: u16,
    /// Misbehave on purpose, e.g. `throttle=2%,error=1%,drop-after=1%`; `help` says what there is
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

//! The subcommands that read and send nothing, over the real binary: words, exit codes, files left alone.

mod audit;
mod edges;
mod errors;
mod help;
mod in_doubt;
mod log;
pub(crate) mod plan;
mod rejects;
mod report;
mod status;
mod targets;

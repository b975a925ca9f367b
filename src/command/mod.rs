//! The subcommands, one file each. Here the rooms below are put together; each command ends in an exit code.

mod another_mapping;
mod audit;
mod audit_beside;
mod baseline;
mod broken;
mod changed_input;
mod completions;
mod deletes;
mod doubted_rows;
mod doubts;
mod earlier_stream;
mod export;
mod feed;
mod feed_checks;
mod inputs;
mod intake;
mod letters;
mod man;
mod meant_letters;
mod missing;
mod natural_keys;
mod opening;
mod origin;
mod overtaken;
mod pieces;
mod plan;
mod planned_deletion;
mod planned_feed;
mod planned_replay;
mod questions;
mod reading;
mod reasons;
mod rejects;
mod replay;
mod replay_copy;
mod replay_request;
mod replay_words;
mod replayed;
mod replays;
mod report;
mod results;
mod sandbox;
mod send;
mod spooling;
mod status;
mod survey;
mod targets;
mod unbegun;
mod unnamed;
mod verdict;
mod welcome;

use crate::args::{Args, ColorArg, CommandArgs, LogArg, SendArgs};
use crate::edge::globs;
use crate::error::{Error, exit};
use crate::report::{log, speech};
use std::ffi::OsString;

/// Runs the command that was typed.
pub fn run(mut args: Args, arguments: &[OsString]) -> u8 {
    fill_in(&mut args);
    let Some(command) = &args.command else { return welcome::run() };
    let _log = match command {
        CommandArgs::Send(send) => begin_log(send),
        CommandArgs::Plan(plan) => begin_log(&plan.0),
        CommandArgs::Replay(replay) => begin_log(&replay.send),
        _ => None,
    };
    let result = match command {
        CommandArgs::Send(send) if send.dry_run => plan::run(send, arguments),
        CommandArgs::Send(send) => send::run(send, arguments),
        CommandArgs::Plan(plan) => plan::run(&plan.0, arguments),
        CommandArgs::Status(status) => status::run(status),
        CommandArgs::Rejects(rejects) => rejects::run(rejects),
        CommandArgs::Audit(audit) => audit::run(audit),
        CommandArgs::Report(report) => report::run(report),
        CommandArgs::Replay(replay) if replay.send.dry_run => planned_replay::run(replay, arguments),
        CommandArgs::Replay(replay) => replay::run(replay, arguments),
        CommandArgs::Targets(targets) => targets::run(targets),
        CommandArgs::Sandbox(sandbox) => sandbox::run(sandbox),
        CommandArgs::Completions(completions) => Ok(completions::run(completions)),
        CommandArgs::Man => Ok(man::run()),
    };
    let code = result.unwrap_or_else(|error| fail(&error));
    // An import is done whoever reads of it; of the others the output is all there is.
    let is_import = match command {
        CommandArgs::Send(send) => !send.dry_run,
        CommandArgs::Replay(_) => true,
        _ => false,
    };
    if code == exit::COMPLETE && !is_import && speech::output_is_lost() { exit::FAILED } else { code }
}

/// Inputs may be named by wildcards.
fn fill_in(args: &mut Args) {
    let inputs = match &mut args.command {
        Some(CommandArgs::Send(send)) => &mut send.inputs,
        Some(CommandArgs::Plan(plan)) => &mut plan.0.inputs,
        Some(CommandArgs::Audit(audit)) => &mut audit.inputs,
        _ => return,
    };
    globs::fill_in(inputs);
}

/// Colours and log, as they were asked for; the log ends with what is given back.
fn begin_log(args: &SendArgs) -> Option<tracing::subscriber::DefaultGuard> {
    let colour = speech::in_colour(match args.color {
        ColorArg::Auto => None,
        ColorArg::Always => Some(true),
        ColorArg::Never => Some(false),
    });
    speech::as_json(args.log_format == LogArg::Json && !args.dry_run);
    log::begin(args.verbose && !args.dry_run, args.log_format, colour)
}

fn fail(error: &Error) -> u8 {
    speech::say(&error.to_string());
    error.exit
}

//! `bulkhaul completions`: what a shell needs to know of the commands and options.

use crate::args::{Args, CompletionsArgs};
use crate::error::exit;
use crate::report::speech;
use clap::{Command, CommandFactory};

pub(super) fn run(args: &CompletionsArgs) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut shown(&Args::command()), "bulkhaul", &mut text);
    speech::tell(String::from_utf8_lossy(&text).trim_end());
    exit::COMPLETE
}

/// The same commands without what is hidden in them, which a generator would offer, and with nothing kept for the
/// long help alone, which a generator would leave without words.
pub(super) fn shown(command: &Command) -> Command {
    let name = command.get_name().to_owned();
    let mut copy = Command::new(name);
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    if let Some(examples) = command.get_after_help() {
        copy = copy.after_help(examples.clone());
    }
    copy = copy
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(command.get_name() != "bulkhaul")
        .args(
            command
                .get_arguments()
                .filter(|arg| !arg.is_hide_set())
                .cloned()
                .map(|arg| arg.hide_short_help(false)),
        )
        .subcommands(command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(shown));
    if copy.has_subcommands() { copy.subcommand_required(command.is_subcommand_required_set()) } else { copy }
}

//! The options of `plan`: those of `send`, without what only matters once something is sent or kept.

use super::SendArgs;
use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// `bulkhaul plan`. Read it as the `send` that it is about.
#[derive(Debug)]
pub struct PlanArgs(pub SendArgs);

/// Options of `send` that a plan has no use for: a typed one is refused, not passed over.
const FOR_SENDING: [&str; 18] = [
    "batch_age",
    "expect_rows",
    "spool",
    "new_stream",
    "concurrency",
    "timeout",
    "max_wait",
    "max_elapsed",
    "max_rejects",
    "dead_letter",
    "results",
    "again",
    "accept_new_tail",
    "abandon",
    "faults",
    "seed",
    "log_format",
    "verdict",
];

impl Args for PlanArgs {
    fn augment_args(command: Command) -> Command {
        let hide = |command: Command, id: &&str| command.mut_arg(*id, |arg| arg.hide(true));
        let command = FOR_SENDING.iter().fold(SendArgs::augment_args(command), hide);
        hide(command, &"dry_run")
            .mut_arg("state", |arg| {
                arg.help(
                    "Folder that `send` would use; under --sync it knows what was delivered of the last feed",
                )
            })
            .mut_arg("deletes", |arg| arg.conflicts_with(Resettable::Reset).conflicts_with("limit"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PlanArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = |id: &&&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        if let Some(id) = FOR_SENDING.iter().find(typed) {
            let option = id.replace('_', "-");
            let words = format!("`--{option}` is for `send`: a plan sends nothing and keeps nothing\n");
            return Err(Error::raw(ErrorKind::UnknownArgument, words));
        }
        SendArgs::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

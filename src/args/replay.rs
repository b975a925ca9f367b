//! The options of `replay`: those of `send` that matter for rows that were refused before, and its own.

use super::SendArgs;
use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// `bulkhaul replay`.
#[derive(Debug)]
pub struct ReplayArgs {
    /// As of a `send` whose only input is the dead-letter file.
    pub send: SendArgs,
    /// Only the rows refused for this reason.
    pub reason: Option<String>,
    /// Rows in doubt, too.
    pub in_doubt: bool,
}

/// Options of `send` that a replay has no use for: a typed one is refused, not passed over.
const FOR_INPUTS: [&str; 10] = [
    "no_header",
    "accept_new_tail",
    "import_id",
    "sync",
    "max_shrink",
    "deletes",
    "max_deletes",
    "spool",
    "new_stream",
    "verdict",
];

/// Options that say other things here.
const WORDS: [(&str, &str); 10] = [
    ("format", "Format of records that could not be parsed (default: as their import read them)"),
    ("delimiter", "Field delimiter of such records, if they are CSV"),
    ("columns", "Names of the columns of such records"),
    (
        "types",
        "Type of a column, also of rows that were read as strings before: number, integer, boolean, json, string",
    ),
    ("null", "A field of this text is null, if its column has a type or its record could not be parsed"),
    ("dry_run", "Send nothing, and say what would be sent"),
    ("limit", "Stop after the first N rows"),
    ("state", "State of the import that the dead letters are of; the replay's is replays/N in it"),
    ("again", "Try the rows that are still open once more, although nothing has changed"),
    ("abandon", "Give an unfinished replay up: close it, and say what it leaves"),
];

impl Args for ReplayArgs {
    fn augment_args(command: Command) -> Command {
        let hide = |command: Command, id: &&str| command.mut_arg(*id, |arg| arg.hide(true));
        let say = |command: Command, (id, words): &(&'static str, &'static str)| {
            command.mut_arg(*id, |arg| arg.help(*words).long_help(None::<&str>))
        };
        let command = FOR_INPUTS.iter().fold(SendArgs::augment_args(command), hide);
        let command = WORDS.iter().fold(command, say);
        command
            // What is hidden can stand in nobody's way.
            .mut_arg("abandon", |arg| arg.conflicts_with(Resettable::Reset).conflicts_with("again"))
            .mut_arg("dry_run", |arg| {
                arg.conflicts_with(Resettable::Reset).conflicts_with_all(["again", "abandon"])
            })
            .mut_arg("inputs", |arg| {
                arg.value_name("DEAD-LETTERS")
                    .num_args(1)
                    .action(ArgAction::Append)
                    .help("Dead letters as they are, edited, or exported by `rejects`; a state folder; or `-`, standard input")
            })
            .arg(
                Arg::new("reason")
                    .long("reason")
                    .value_name("R")
                    .help("Only the rows refused for this reason: its code, or its number in `rejects`")
                    .help_heading("Dead letters"),
            )
            .arg(
                Arg::new("in_doubt")
                    .long("in-doubt")
                    .action(ArgAction::SetTrue)
                    .help("Rows in doubt, too, once you have looked at the target: they may be doubled")
                    .help_heading("Dead letters"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ReplayArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = |id: &&&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        if let Some(id) = FOR_INPUTS.iter().find(typed) {
            let option = id.replace('_', "-");
            let why = match option.as_str() {
                "verdict" => {
                    "what a replay left in doubt goes again by `replay … --in-doubt`, once you have looked"
                }
                _ => "a replay sends dead letters",
            };
            let words = format!("`--{option}` is for `send`: {why}\n");
            return Err(Error::raw(ErrorKind::UnknownArgument, words));
        }
        if matches.get_many::<std::path::PathBuf>("inputs").is_some_and(|inputs| inputs.len() > 1) {
            let words = "one dead-letter file at a time: each belongs to an import of its own\n";
            return Err(Error::raw(ErrorKind::TooManyValues, words));
        }
        let mut send = SendArgs::from_arg_matches(matches)?;
        // Letters are read more than once.
        send.spool = send.inputs.iter().any(|input| input.as_os_str() == "-");
        Ok(Self {
            send,
            reason: matches.get_one::<String>("reason").cloned(),
            in_doubt: matches.get_flag("in_doubt"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

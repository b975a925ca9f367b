//! Why a run stopped, in words, and the command that goes on from there.

use super::speech::{span, tame};
use super::summary::Words;
use crate::args::SendArgs;
use crate::engine::StopCause;
use crate::error::plain;
use crate::settings::{is_live, names_file, quoted, resume_command, resume_without};
use std::ffi::{OsStr, OsString};

/// The command that was typed, less what would stop it again at once. `goes_before`: what was stopped goes before what
/// `--again` is said of, and that has not begun.
pub(super) fn command_behind(
    cause: Option<&StopCause>,
    args: &SendArgs,
    arguments: &[OsString],
    goes_before: bool,
) -> String {
    let mut command = match cause {
        Some(StopCause::Limit) => resume_without("--limit", arguments),
        Some(StopCause::MaxRejects) => resume_without("--max-rejects", arguments),
        // The profile may say `stop` too.
        Some(StopCause::Ambiguous { .. }) => {
            resume_without("--on-ambiguous", arguments) + " --on-ambiguous hold"
        }
        _ => resume_command(arguments),
    };
    if args.again && goes_before {
        command.push_str(" --again");
    }
    // What a file lacks will be a new tail of it.
    let is_file = !is_live(args) && args.sync.is_none();
    if is_file && matches!(cause, Some(StopCause::Unexpected { read, expected }) if read < expected) {
        command.push_str(" --accept-new-tail");
    }
    command
}

/// What a person is to look at where a target cannot be reached, or cannot be understood. `has_answered`: some of its
/// answers could be read.
pub(super) fn question(why: &str, has_answered: bool) -> Option<&'static str> {
    const QUESTIONS: [(&str, &str); 7] = [
        ("Connection refused", "does it run there, and is the port right?"),
        ("failed to lookup address", "is the name in the address right?"),
        ("InvalidContentType", "it does not speak TLS there: is it http:// that is meant, and not https://?"),
        ("tls handshake eof", WHICH_SCHEME),
        ("Connection reset by peer", WHICH_SCHEME),
        ("connection closed before message completed", WHICH_SCHEME),
        ("invalid HTTP", WHICH_SCHEME),
    ];
    let known = QUESTIONS.iter().find(|(words, _)| why.contains(words)).map(|(_, question)| *question);
    known.filter(|question| *question != WHICH_SCHEME || !has_answered)
}

const WHICH_SCHEME: &str =
    "is it the right port, and does it speak https:// there or http://, as the address says?";

/// What helps where the profile of this name reads no answer.
pub(super) fn mend_profile(to: &str, is_deletion: bool) -> String {
    let rules = if is_deletion { "[[delete.response]]" } else { "[[response]] and [results]" };
    let which = if names_file(to) {
        format!(
            "mend {rules} in it (bulkhaul targets check {} says how it reads answers)",
            quoted(OsStr::new(to))
        )
    } else {
        format!(
            "see that the address is right, or mend {rules} in a copy: bulkhaul targets show {to} > mine.toml"
        )
    };
    format!("{which}; then the same command goes on with the rows that are pending")
}

/// `None` for what is no trouble, or has words of its own.
pub(super) fn words(cause: &StopCause, resume: &str) -> Option<Words> {
    let (message, hint) = match cause {
        StopCause::Limit
        | StopCause::Unexpected { .. }
        | StopCause::TargetDown { .. }
        | StopCause::Unread { .. } => return None,
        StopCause::Signal => ("interrupted; what was in flight has been settled".to_owned(), None),
        StopCause::CutShort => {
            let why = "interrupted; requests were still in flight, and the next run decides about them";
            (why.to_owned(), None)
        }
        StopCause::MaxRejects => (
            "more rows were refused than --max-rejects allows".to_owned(),
            Some("look at them first; with the same --max-rejects no run sends more".to_owned()),
        ),
        StopCause::MaxElapsed => ("the time of --max-elapsed is over".to_owned(), None),
        StopCause::MaxWait { wait } => {
            (format!("the target asks to wait {}, longer than --max-wait", span(*wait)), None)
        }
        StopCause::Ambiguous { why } => (
            format!("nobody can know whether a request was applied: {}", tame(why)),
            Some("look at the target, then go on: with --on-ambiguous hold its rows stay in doubt, with resend they are sent again \
                 and may be doubled".to_owned()),
        ),
        StopCause::Results { why } => {
            (why.clone(), Some("mend it, then run the same command again".to_owned()))
        }
        StopCause::Refused { why, hint } => (tame(why), hint.clone()),
        StopCause::Source { why, hint, changed } => {
            let bring_back = || format!("bring the old input back, then: {resume}");
            (why.clone(), if *changed { Some(bring_back()) } else { hint.clone() })
        }
        StopCause::Moving { why } => (
            why.clone(),
            Some("let its producer write another file, and rename it when it is whole".to_owned()),
        ),
        StopCause::Ledger(why) => (
            format!("the ledger could not be read or written: {why}"),
            Some("nothing more was sent; mend the disk, then run the same command again".to_owned()),
        ),
    };
    Some(Words { message: plain(&message), hint })
}

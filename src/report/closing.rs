//! The last word: what came of it, what to look at, what to do next.

use super::causes::{self, command_behind};
use super::part::Part;
use super::phrases::{given_up_line, rows_line};
use super::since;
use super::speech::{count, grouped, say, say_command, tame, tell};
use super::summary::{Bytes, Deleted, Replayed, Spent, Summary, Words, in_seconds};
use crate::args::SendArgs;
use crate::edge::ledger::{Found, Refusals};
use crate::engine::{Ending, StopCause};
use crate::error::{Error, exit};
use crate::model::{Counters, Requests, Tally};
use crate::settings::{input_names, is_live, is_piped, quoted, raising, resume_command, typed_command};
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

/// What stays the same from the first word of a run to its last.
#[derive(Clone, Debug)]
pub struct Closing<'a> {
    pub(super) args: &'a SendArgs,
    pub(super) arguments: Vec<OsString>,
    pub(super) inputs: Vec<String>,
    /// One run brings two imports to their end.
    pub(super) names_inputs: bool,
    target: String,
    pub(super) dead_letters: String,
    pub(super) settings: Option<serde_json::Value>,
    pub(super) replay: Option<Replayed>,
    pub(super) deletes: Option<Deleted>,
    pub(super) is_deletion: bool,
    /// Rows that the feed had last time.
    pub(super) had: Cell<u64>,
    /// What the imports before this one have sent.
    spent: Cell<Spent>,
    /// How long the feed was read through before this.
    pub(super) ahead: Cell<Duration>,
}

impl<'a> Closing<'a> {
    pub fn new(args: &'a SendArgs, arguments: &[OsString], target: &str, dead_letters: &Path) -> Self {
        Self {
            args,
            arguments: arguments.to_vec(),
            inputs: input_names(args),
            names_inputs: false,
            target: target.to_owned(),
            dead_letters: dead_letters.display().to_string(),
            settings: None,
            replay: None,
            deletes: None,
            is_deletion: false,
            had: Cell::default(),
            spent: Cell::default(),
            ahead: Cell::default(),
        }
    }

    /// Of the import that deletes what the feed no longer has; a good end of it is told with the feed's own.
    #[must_use]
    pub fn of_deletion(&self, target: &str, dead_letters: &Path) -> Self {
        let ahead = self.ahead.clone();
        Self { is_deletion: true, ahead, ..Self::new(self.args, &self.arguments, target, dead_letters) }
    }

    /// What is told next is of one of two imports, with these inputs.
    pub fn turn_to(&mut self, inputs: Vec<String>) {
        (self.inputs, self.names_inputs) = (inputs, true);
    }

    /// The feed had so many rows last time.
    pub fn had(&self, rows: u64) {
        self.had.set(rows);
    }

    /// With what was deleted before the feed was sent.
    pub fn set_deleted(&mut self, deleted: Deleted) {
        self.deletes = Some(deleted);
    }

    /// So long the feed was read through before anything of it is sent: it is time of the run.
    pub fn after(&self, reading: Duration) {
        self.ahead.set(self.ahead.get() + reading);
    }

    /// What the imports of this command that are over have sent.
    pub const fn spent(&self) -> Spent {
        self.spent.get()
    }

    /// So much more was sent, by an import of the same command.
    pub fn spend(&self, more: Spent) {
        let mut spent = self.spent.get();
        spent.add(more);
        self.spent.set(spent);
    }

    /// With what was decided before the run.
    #[must_use]
    pub fn with_settings(mut self, settings: serde_json::Value) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The run is a replay.
    #[must_use]
    pub fn of_replay(mut self, replay: Replayed) -> Self {
        self.replay = Some(replay);
        self
    }

    /// A replay has nothing to send, for these reasons. `in_doubt`: rows of the import of which no letter speaks.
    pub fn nothing_open(&self, exit: u8, in_doubt: u64) {
        let mut summary = self.blank("complete");
        summary.exit = Some(exit);
        let left_out = self.replay.as_ref().and_then(|replay| replay.left_out.words());
        if !self.args.quiet {
            say(&match left_out {
                Some(words) => format!("nothing to replay: {words}"),
                None => "nothing to replay: there are no dead letters".to_owned(),
            });
            if in_doubt > 0 {
                let are = if in_doubt == 1 { "is no dead letter" } else { "are no dead letters" };
                let rows = count(in_doubt, "row");
                let of = match &self.replay {
                    Some(replay) => OsStr::new(&replay.of),
                    None => self.args.inputs[0].as_os_str(),
                };
                say(&format!(
                    "hint: {rows} in doubt {are}; what ends the doubt: bulkhaul rejects {}",
                    quoted(of)
                ));
            }
        }
        self.to_program(&summary);
    }

    /// A summary with the numbers still to be filled in.
    pub(super) fn blank(&self, state: &'static str) -> Summary {
        Summary {
            bulkhaul: env!("CARGO_PKG_VERSION"),
            import_id: None,
            import: None,
            state,
            exit: None,
            target: self.target.clone(),
            inputs: self.inputs.clone(),
            rows: Tally::default(),
            batches: Counters::default(),
            requests: Requests::default(),
            bytes: Bytes::default(),
            elapsed_s: in_seconds(self.ahead.get()),
            rows_per_s: 0.0,
            resumed: false,
            stopped_by: None,
            dead_letters: self.dead_letters.clone(),
            resume: (state != "complete").then(|| resume_command(&self.arguments)),
            command: Some(resume_command(&self.arguments)),
            settings: self.settings.clone(),
            replay: self.replay.clone(),
            deletes: self.deletes.clone(),
            error: None,
        }
    }

    fn of_found(&self, found: &Found, state: &'static str, exit: u8) -> Summary {
        let mut summary = self.blank(state);
        summary.import_id = Some(found.import.id.hex());
        summary.import = Some(found.import.number);
        summary.exit = Some(exit);
        summary.rows = found.tally;
        summary.bytes.read = found.bytes_read;
        summary.batches = found.batches;
        summary.resumed = true;
        summary
    }

    /// The import was finished by an earlier run.
    pub fn finished_before(&self, found: &Found, exit: u8) {
        let mut summary = self.of_found(found, "complete", exit);
        summary.resume = self.out_of_doubt(&summary.rows);
        if !self.args.quiet {
            let what = if self.replay.is_some() { "replay" } else { "import" };
            say(&format!("nothing to do: this {what} is complete ({})", rows_line(&summary.rows, true)));
            if summary.rows.in_doubt > 0 {
                say(&format!("hint: what ends the doubt: bulkhaul rejects {}", self.state_quoted()));
            }
            if self.replay.is_some() && summary.rows.rejected > 0 {
                say("hint: --again tries the rows once more that are still open");
            }
        }
        self.to_program(&summary);
    }

    /// `left`: pending rows that may have been applied. `is_earlier`: a stream that another one has followed.
    pub fn abandoned(&self, found: &Found, left: u64, is_earlier: bool) {
        let mut summary = self.of_found(found, "stopped", 0);
        (summary.stopped_by, summary.resume) = (Some("abandon"), None);
        if !self.args.quiet {
            let what = match (&self.replay, is_earlier) {
                (Some(_), _) => "replay".to_owned(),
                (None, true) => format!("earlier stream (import {})", found.import.number),
                (None, false) => "import".to_owned(),
            };
            say(&format!("the {what} is abandoned: {}", given_up_line(&summary.rows, left, found.drained)));
            // Of a stream that is gone nothing is listed.
            if left > 0 && !is_earlier {
                say(&format!("hint: which may have been: bulkhaul rejects {}", self.state_quoted()));
            }
            if self.replay.is_none() && self.args.sync.is_none() && !is_live(self.args) {
                say(
                    "hint: --again imports all of the input once more, under new keys, to the same target and mapped the same \
                     way; other settings want a state of their own: --state DIR",
                );
            }
        }
        self.to_program(&summary);
    }

    /// What replays have delivered is in none of the import's own numbers.
    pub fn replayed_since(&self, replayed: since::Replayed) {
        if !self.args.quiet {
            say(&format!("replays of its dead letters: {}", replayed.words()));
        }
    }

    /// Of the rows that the feed no longer has, some are not deleted.
    pub fn deletion_abandoned(&self, deleted: &Deleted) {
        let mut summary = self.blank("stopped");
        (summary.exit, summary.stopped_by, summary.resume) = (Some(0), Some("abandon"), None);
        summary.deletes = Some(deleted.clone());
        if !self.args.quiet {
            say(&format!("the deletion is abandoned: {}", deleted.words()));
        }
        self.to_program(&summary);
    }

    /// An import whose stream is gone for good is brought to its end first.
    pub fn rest_first(&self, found: &Found) {
        if !self.args.quiet {
            say(&format!("first what the last run wrote down: {}", rows_line(&found.tally, false)));
        }
    }

    /// The target is asked about what a feed with these `inputs` has left in doubt.
    pub fn asks_first(&self, inputs: &[String]) {
        if !self.args.quiet {
            say(&format!("first what {} has left in doubt: the target is asked", inputs.join(", ")));
        }
    }

    /// A signal, or a limit, ended the run before it had begun: what was `sent`. What it has brought to its end before
    /// is told as it was `found` then, with what it was called.
    pub fn stopped_before(&self, error: &Error, sent: &str, before: Option<(&Found, Vec<String>)>) -> u8 {
        let mut summary = match before {
            Some((found, inputs)) => Summary { inputs, ..self.of_found(found, "stopped", exit::STOPPED) },
            None => self.blank("stopped"),
        };
        let words = Words { message: error.message.clone(), hint: error.hint.clone() };
        let by = error.stopped_by.unwrap_or(StopCause::Signal.word());
        (summary.exit, summary.stopped_by) = (Some(exit::STOPPED), Some(by));
        // What holds for one run only has not come to pass yet.
        let command = typed_command(&raising(&error.raised, &self.arguments));
        summary.resume = Some(command.clone());
        self.spent.get().add_to(&mut summary);
        say(&format!("stopped: {}; {sent} was sent", words.message));
        if let Some(hint) = &words.hint {
            say(&format!("hint: {hint}"));
        }
        let to_go_on = if is_piped(self.args) && !self.args.new_stream {
            "to go on, feed the same stream again from its start to:"
        } else if error.raised.is_empty() {
            "to go on:"
        } else {
            "to go on, once you have seen that it is whole:"
        };
        say_command(to_go_on, &command);
        summary.error = Some(words);
        self.to_program(&summary);
        exit::STOPPED
    }

    /// The end of a run, and the exit code of the program.
    pub(super) fn ended(
        &self,
        summary: &mut Summary,
        ending: &Ending,
        part: Part,
        refusals: &Refusals,
        trouble: Option<&str>,
    ) -> u8 {
        let exit = part.exit(ending.exit);
        let cause = ending.cause.as_ref();
        summary.exit = Some(exit);
        summary.stopped_by = cause.map(StopCause::word);
        let mut words = cause.and_then(|cause| self.words(cause, &summary.rows));
        if let (Some(StopCause::MaxElapsed), Some(words), Some(why)) = (cause, &mut words, trouble) {
            words.message.push_str(&format!("; the last try failed: {}", tame(why)));
        }
        let own = Spent::of(summary).without(self.ahead.get());
        if self.is_deletion {
            self.spend(own);
            if cause.is_none() {
                return exit;
            }
            say("this is about rows that the feed no longer has: they are deleted before it is sent");
        }
        // Whoever asked for quiet has to know of a canary that died, whose exit is that of a good end.
        let is_in_vain =
            matches!(cause, Some(StopCause::Limit)) && summary.rows.delivered + summary.rows.unchanged == 0;
        // So it has of a feed that came empty: its producer may have failed.
        let is_gone = summary.rows.read == 0 && self.had.get() > 0;
        if !self.args.quiet || exit != exit::COMPLETE || is_in_vain || is_gone {
            self.to_people(summary, exit, refusals);
        }
        if let Some(words) = &words {
            say(&format!("{}: {}", if exit == exit::STOPPED { "stopped" } else { "error" }, words.message));
            if let Some(hint) = &words.hint {
                say(&format!("hint: {hint}"));
            }
        }
        let goes_before = self.is_deletion || part.is_rest;
        let command = command_behind(cause, self.args, &self.arguments, goes_before);
        if exit == exit::STOPPED {
            self.to_go_on(&command);
        }
        summary.resume = cause.map_or_else(|| self.out_of_doubt(&summary.rows), |_| Some(command));
        if matches!(cause, Some(StopCause::Limit)) && (!self.args.quiet || is_in_vain) {
            self.at_the_limit(&summary.rows);
        }
        summary.error = words;
        self.spent.get().add_to(summary);
        if cause.is_none() && part.is_rest {
            self.spend(own);
        } else {
            self.to_program(summary);
        }
        exit
    }

    /// What goes on with an import that is complete: nothing, if it left no row in doubt. Else a person has to look first:
    /// a machine that sent these rows again might double them.
    fn out_of_doubt(&self, rows: &Tally) -> Option<String> {
        (rows.in_doubt > 0).then(|| format!("bulkhaul rejects {}", self.state_quoted()))
    }

    fn words(&self, cause: &StopCause, rows: &Tally) -> Option<Words> {
        let (message, hint) = match cause {
            StopCause::Source { why, hint: Some(hint), changed: false } if !is_live(self.args) => {
                (why.clone(), Some(format!("{hint}; when that is mended, --accept-new-tail goes on")))
            }
            StopCause::Source { why, changed: true, .. } if is_live(self.args) => (
                why.clone(),
                Some("the ledger keeps the rows; go on with the version that wrote them".to_owned()),
            ),
            StopCause::Refused { why, hint: Some(hint) } if self.is_deletion => {
                (tame(why), Some(hint.replace("[[response]]", "[[delete.response]]")))
            }
            StopCause::TargetDown { why } => {
                let ended = format!("the target does not answer well: {}", tame(why));
                (ended, causes::question(why, rows.settled() > 0).map(str::to_owned))
            }
            StopCause::Unread { why } => {
                let ended =
                    format!("the profile can read none of the target's answers, the last one: {}", tame(why));
                (ended, Some(causes::mend_profile(&self.args.to, self.is_deletion)))
            }
            StopCause::Unexpected { read, expected } => {
                let ended = format!(
                    "the input ended after {}, and {} were expected",
                    count(*read, "row"),
                    grouped(*expected)
                );
                (ended, None)
            }
            _ => return causes::words(cause, &resume_command(&self.arguments)),
        };
        Some(Words { message, hint })
    }

    fn to_program(&self, summary: &Summary) {
        if self.args.json {
            tell(&summary.to_json());
        }
    }
}

//! What came of a run, for people: its rows, why some were refused, and what is to be done about those in doubt.

use super::Closing;
use super::causes;
use super::phrases::{in_brackets, may_be_doubled, out_of_doubt, requests_line, rows_line};
use super::speech::{count, grouped, say, span, tame};
use super::summary::Summary;
use crate::edge::ledger::Refusals;
use crate::error::exit;
use crate::settings::{quoted, repeats_harmlessly, state_path};
use std::ffi::OsString;
use std::time::Duration;

impl Closing<'_> {
    /// Of a run that has ended.
    pub(super) fn to_people(&self, summary: &Summary, exit: u8, refusals: &Refusals) {
        let rows = &summary.rows;
        if let Some(deleted) = &self.deletes {
            say(&deleted.words());
        }
        if rows.read == 0 && summary.stopped_by.is_none() {
            let nothing = if self.deletes.is_some() { "nothing else" } else { "nothing" };
            say(&match self.had.get() {
                0 => "warning: the input has no rows; nothing was sent".to_owned(),
                had => format!(
                    "warning: the feed has no rows, and had {} last time; {nothing} was sent (--max-shrink 50% stops such a \
                     run)",
                    grouped(had)
                ),
            });
            return;
        }
        let complete = summary.state == "complete";
        let of = if self.names_inputs { format!(" with {}", self.inputs.join(", ")) } else { String::new() };
        say(&format!(
            "{}{of}: {} in {}{}",
            if complete { "done" } else { "so far" },
            rows_line(rows, complete),
            span(Duration::from_secs_f64(summary.elapsed_s)),
            requests_line(&summary.requests)
        ));
        if summary.requests.multi_status > 0 && self.args.to.contains("://") {
            say(
                "warning: the target answered 207, which speaks of single rows, and a plain URL takes it to deliver all of them: see \
                 what it says, and write a profile that reads it: bulkhaul targets new FILE.toml --from INPUT",
            );
        }
        if rows.rejected > 0 {
            say(&format!("refused rows are in {}{}", self.dead_letters, in_brackets(&refusals.reasons)));
        }
        if refusals.unnamed_rows > 0 {
            say(&format!(
                "{} in doubt: the target refused {} of them and does not say which; they are in {}, and \
                 `replay --in-doubt` sends all of them again",
                count(refusals.unnamed_rows, "row"),
                grouped(refusals.unnamed),
                self.dead_letters
            ));
        }
        if rows.rejected + refusals.unnamed_rows > 0 {
            say(&format!("to see why: bulkhaul rejects {}", self.state_quoted()));
        }
        if rows.may_be_doubled > 0 {
            say(&may_be_doubled(rows.may_be_doubled));
        }
        let unknown = rows.in_doubt.saturating_sub(refusals.unnamed_rows);
        if unknown > 0 && exit != exit::STOPPED {
            let they = if unknown == 1 { "it was" } else { "they were" };
            say(&format!(
                "{} in doubt: nobody can know whether {they} applied; which: bulkhaul rejects {}",
                count(unknown, "row"),
                self.state_quoted()
            ));
            if let Some((why, of)) = &refusals.doubt {
                let most = if *of < unknown { format!(" of {}", grouped(*of)) } else { String::new() };
                say(&format!("the reason{most}: {}", tame(why)));
                if let Some(question) = causes::question(why, rows.settled() > rows.in_doubt) {
                    say(&format!("hint: {question}"));
                }
            }
            let whose = match (&self.replay, &self.args.sync) {
                (Some(_), _) => "replay",
                (None, Some(_)) => "feed",
                (None, None) => "import",
            };
            let harmless = self.settings.as_ref().is_some_and(repeats_harmlessly);
            say(&format!("hint: {}", out_of_doubt(unknown, refusals.of_jobs, whose, harmless)));
        }
    }

    /// The folder of the import's state, as a shell takes it; of a replay whose dead letters go elsewhere that of the
    /// import that they are of.
    pub(super) fn state_quoted(&self) -> String {
        let own = || state_path(self.args).unwrap_or_default().into_os_string();
        let state = match (self.dead_letters.strip_suffix("/dead-letters.ndjson"), &self.replay) {
            (Some(state), _) if self.is_deletion || self.args.dead_letter.is_none() => OsString::from(state),
            (_, Some(replay)) => OsString::from(&replay.of),
            (_, None) => own(),
        };
        quoted(&state)
    }
}

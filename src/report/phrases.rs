//! What several of the last words have in common: rows, requests and reasons in half a line.

use super::speech::{count, grouped, tame};
use crate::model::{Requests, Tally};

/// What nobody knows, and a person took upon himself.
pub(super) fn may_be_doubled(rows: u64) -> String {
    format!(
        "{} may be applied twice: sent again after a request whose outcome is unknown",
        count(rows, "row")
    )
}

/// Whose rows are in doubt, where no command of its own goes on with it.
pub const GIVEN_UP: &str = "import that was given up";
pub const REPLAY_GIVEN_UP: &str = "replay that was given up";

/// What ends the doubt about so many rows, in the order in which a person should think of it. `whose`: the command that
/// does so is an import's, a feed's or a replay's; `of_jobs`: so many are of jobs whose end was not seen; `harmless`:
/// writing a row twice is writing it once.
pub(super) fn out_of_doubt(rows: u64, of_jobs: u64, whose: &str, harmless: bool) -> String {
    let them = if rows == 1 { "it" } else { "them" };
    let dead_letters = if rows == 1 { "a dead letter" } else { "dead letters" };
    let risk = match (harmless, rows) {
        (true, 1) => ": that writes the same once more, also over a later row of its key".to_owned(),
        (true, _) => ": that writes the same once more, also over later rows of their keys".to_owned(),
        (false, _) => format!(", and may double {them}"),
    };
    if whose == GIVEN_UP {
        return "look at the target first; the import was given up, so that nothing asks for them again: --again imports all \
                of the input once more, under new keys"
            .to_owned();
    }
    if whose == REPLAY_GIVEN_UP {
        return format!(
            "look at the target first; this replay was given up: the next one with --in-doubt sends {them} again{risk}"
        );
    }
    let resend = match of_jobs {
        0 => format!("--on-ambiguous resend sends {them} again{risk}"),
        all if all == rows => {
            format!(
                "--on-ambiguous resend asks once more how the job ended, and sends {them} again only where the target no longer \
                 knows it"
            )
        }
        _ => format!(
            "--on-ambiguous resend sends {them} again{risk}, but for those of a job: it asks once more how \
             that ended"
        ),
    };
    if whose == "import" {
        return format!(
            "look at the target first; then the import's command with --verdict applied counts {them} as delivered, with \
             --verdict missing makes {dead_letters} of {them}; with {resend}"
        );
    }
    format!(
        "look at the target first; then the {whose}'s command with {resend}; with --on-ambiguous verify it asks a target \
         that can be asked"
    )
}

/// ` (5 invalid, 2 too_large)`: the most frequent reasons.
pub(super) fn in_brackets(reasons: &[(String, u64)]) -> String {
    let words = reasons.iter().take(3).map(|(code, count)| format!("{} {}", grouped(*count), tame(code)));
    let more = if reasons.len() > 3 { ", …" } else { "" };
    let words: Vec<_> = words.collect();
    if words.is_empty() { String::new() } else { format!(" ({}{more})", words.join(", ")) }
}

/// How many of all rows, if all were read; else how many so far.
pub(super) fn rows_line(rows: &Tally, complete: bool) -> String {
    if complete && rows.read > 0 && rows.unchanged == rows.read {
        return format!("nothing new in {}", count(rows.read, "row"));
    }
    let delivered = match (complete, rows.delivered) {
        (true, 0) if rows.read > 0 => format!("none of {} delivered", count(rows.read, "row")),
        (true, delivered) => format!("{} of {} delivered", grouped(delivered), count(rows.read, "row")),
        (false, delivered) => format!("{} delivered", count(delivered, "row")),
    };
    let mut parts = vec![delivered];
    let others = [
        (rows.rejected, "refused"),
        (rows.unchanged, "unchanged"),
        (rows.in_doubt, "in doubt"),
        (rows.pending, "pending"),
    ];
    parts.extend(others.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", grouped(*n))));
    parts.join(", ")
}

/// How many so far, of what goes no further: `left` of those pending may have been applied.
pub(super) fn given_up_line(rows: &Tally, left: u64, drained: bool) -> String {
    let mut line = rows_line(rows, false);
    match left {
        0 => {}
        left if left == rows.pending => line.push_str(", and may have been applied"),
        left => line.push_str(&format!(", of which {} may have been applied", grouped(left))),
    }
    if !drained {
        line.push_str("; the rest of the input was not read");
    }
    line
}

/// How many requests it took.
pub(super) fn requests_line(requests: &Requests) -> String {
    let mut line = format!(" ({}", count(requests.sent, "request"));
    if requests.retried > 0 {
        line.push_str(&format!(", {} again", grouped(requests.retried)));
    }
    if requests.throttled > 0 {
        line.push_str(&format!(", {} throttled", grouped(requests.throttled)));
    }
    line + ")"
}

/// What becomes of rows that were sent, and of which nobody heard: where no request goes again as it is, by
/// `--on-ambiguous`. `kept`: for how long the target remembers keys, if it has any.
pub(super) fn without_answer(on_ambiguous: Option<&str>, kept: Option<&str>) -> String {
    let why = kept.map_or_else(
        || "the target has no keys".to_owned(),
        |kept| format!("its keys are remembered for {kept}, and not sent in their last 5 min"),
    );
    match on_ambiguous {
        None => "asks for them again under the same keys".to_owned(),
        Some("natural") => "sends them again: writing a row twice is writing it once".to_owned(),
        Some("resend") => format!("sends them again, and may double them: {why}"),
        Some("verify") => "asks the target whether they were applied".to_owned(),
        Some("stop") => format!("stops at them: {why}, and --on-ambiguous hold or resend decides"),
        Some(_) => {
            format!("puts them in doubt: {why} (--on-ambiguous resend sends them again, and may double them)")
        }
    }
}

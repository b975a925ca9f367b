//! The words of `rejects`, and the same as JSON.

use super::Deletion;
use super::groups::{self, Group, Since};
use super::phrases::out_of_doubt;
pub use super::phrases::{GIVEN_UP, REPLAY_GIVEN_UP};
use super::speech::{count, grouped, tame};
use crate::engine::WITHOUT_KEY_FIRST;
use crate::settings::{aim, quoted};
use crate::target::nearest;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The groups that `--reason` names.
#[derive(Clone, Debug)]
pub enum Wanted {
    Code(String),
    /// From 0.
    Number(usize),
}

/// Rows of one request that are in doubt: from this row on to that one, and not all between them where it was divided.
#[derive(Clone, Debug)]
pub struct Doubtful {
    pub input: String,
    pub row: u64,
    pub line: u64,
    /// `None` where it is in another input.
    pub last: Option<u64>,
    pub rows: u64,
    pub why: String,
    /// The target took them on as a job, and its end was not seen.
    pub is_job: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub from: String,
    /// The state folder, if the letters are of one.
    pub state: Option<PathBuf>,
    pub groups: Vec<Group>,
    /// Nothing else is asked about than rows in doubt.
    pub only_doubts: bool,
    pub wanted: Option<Wanted>,
    /// Rows in doubt of which no letter speaks.
    pub doubts: Vec<Doubtful>,
    /// Rows in doubt since an earlier feed or its replay.
    pub held: u64,
    /// Of these, the ones that stand in letters, too.
    pub told: u64,
    /// Whose command ends a doubt: the import's, the feed's, the replay's.
    pub whose: &'static str,
    /// Sending a row again writes the same once more.
    pub harmless: bool,
    /// That command, less what it says of doubts, where it is known.
    pub command: Option<String>,
    /// The file that `replay` takes, if it is known.
    pub letters: Option<PathBuf>,
    /// Refused rows of earlier imports that are still open, among all of them.
    pub earlier: u64,
    /// What the feed no longer has, and is not all deleted.
    pub deletion: Option<Deletion>,
    pub replaying: UnderWay,
    /// There was a replay.
    pub is_replayed: bool,
    /// Of the rows in doubt since a replay those that its own command ends.
    pub asked: Option<Asked>,
}

/// Rows that the newest replay left in doubt: its own command asks for them as they were sent, and where the target knows
/// their keys, none is doubled.
#[derive(Clone, Debug)]
pub struct Asked {
    pub replay: u64,
    pub rows: u64,
    /// Its state, and its command as far as it is known.
    pub state: PathBuf,
    pub command: Option<String>,
    /// Sending a row again writes the same once more.
    pub harmless: bool,
}

/// What replays have begun and not brought to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    None,
    /// One is on at this moment.
    Running,
    /// The one of this number was stopped.
    Stopped(u64),
    /// So many rows were sent, and nobody knows what came of it.
    InDoubt(u64),
}

impl UnderWay {
    /// `asked`: of the rows in doubt, those that the replay's own command ends.
    fn words(self, asked: Option<&Asked>) -> String {
        match self {
            Self::None => String::new(),
            Self::Running => {
                "; a replay is running, and what it delivers counts when it has ended".to_owned()
            }
            Self::Stopped(number) => format!(
                "; replay {number} was stopped: its own command goes on, and with --abandon gives it up"
            ),
            Self::InDoubt(rows) => match (asked, rows - asked.map_or(0, |asked| asked.rows)) {
                (Some(asked), 0) => format!("; {} in doubt since replay {}", grouped(rows), asked.replay),
                (_, rest) => format!(
                    "; {} in doubt since a replay: look at the target first, for `replay --in-doubt` sends that again, and may \
                     double it",
                    grouped(rest)
                ),
            },
        }
    }
}

impl Found {
    fn is_wanted(&self, index: usize) -> bool {
        match &self.wanted {
            None => true,
            Some(Wanted::Code(code)) => self.groups[index].code == *code,
            Some(Wanted::Number(number)) => index == *number,
        }
    }

    fn wanted(&self) -> Vec<(usize, &Group)> {
        self.groups.iter().enumerate().filter(|(index, _)| self.is_wanted(*index)).collect()
    }

    pub fn words(&self) -> String {
        let mut groups = self.wanted();
        if self.only_doubts {
            groups.retain(|(_, group)| group.doubt.is_some() && group.since.open > 0);
        }
        let doubts = (!self.doubts.is_empty()).then(|| doubtful(&self.doubts, self.whose, self.harmless));
        let held = (self.held > 0).then(|| held(self.held, self.told, self.harmless));
        let letters = match groups.is_empty() {
            false => self.letters(&groups),
            true if self.only_doubts && (doubts.is_some() || held.is_some() || self.asked.is_some()) => {
                format!("{}: rows are in doubt", self.from)
            }
            true if self.only_doubts => format!("{}: no row is in doubt", self.from),
            // What there is comes first.
            true if doubts.is_some() || held.is_some() => {
                format!("{}: no row was refused, but rows are in doubt", self.from)
            }
            true => format!("{}: no row was refused", self.from),
        };
        let deletion = self.deletion.as_ref().map(|deletion| format!("deleted: {}", deletion.words()));
        let rows = (doubts.is_some() || held.is_some()).then(|| self.ways_out());
        let could_count = !self.harmless && self.doubts.iter().any(|at| at.why.ends_with(WITHOUT_KEY_FIRST));
        let key_first = could_count.then(|| KEY_FIRST.to_owned());
        let asked = self.asked.as_ref().map(Asked::words);
        let parts = [Some(letters), asked, doubts, key_first, held, rows, deletion];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }

    /// Commands to copy, in the order in which a person should think of them.
    fn ways_out(&self) -> String {
        let see = format!("bulkhaul rejects {} --in-doubt --export ndjson", self.name());
        let mut ways = vec![("to see these rows:", see)];
        if let Some(command) =
            self.command.as_ref().filter(|_| ![GIVEN_UP, REPLAY_GIVEN_UP].contains(&self.whose))
        {
            if self.whose == "import" && !command.contains(" --sync") {
                ways.push(("if they are there:", format!("{command} --verdict applied")));
                ways.push(("if they are not:", format!("{command} --verdict missing")));
            }
            ways.push(("to send them all again:", format!("{command} --on-ambiguous resend")));
        }
        ways.iter().map(|(what, command)| way(what, command)).collect::<Vec<_>>().join("\n")
    }

    fn name(&self) -> String {
        shlex::try_quote(&self.from).map_or_else(|_| self.from.clone(), std::borrow::Cow::into_owned)
    }

    fn letters(&self, groups: &[(usize, &Group)]) -> String {
        let rows: u64 = groups.iter().map(|(_, group)| group.rows).sum();
        let reasons = count(groups.len() as u64, "reason");
        let name = self.name();
        let first = groups[0].0 + 1;
        let mut since = Since::default();
        for (_, group) in groups {
            since += group.since;
        }
        let mut replayed = since_then(rows, since);
        match self.earlier {
            0 => {}
            all if all == rows => replayed.push_str("; in earlier imports, and still open"),
            some => {
                replayed.push_str(&format!("; {} of them in earlier imports, and still open", grouped(some)));
            }
        }
        replayed.push_str(&self.replaying.words(self.asked.as_ref()));
        let words = format!(
            "{}: {}, for {reasons}{replayed}\n{}",
            self.from,
            what_happened(groups),
            groups::words(groups)
        );
        if since.open == 0 {
            // Nothing of them is exported.
            return words;
        }
        format!(
            "{words}\n\n\
             the rows of one reason:   bulkhaul rejects {name} --reason {first} --export ndjson\n\
             as a table to correct:    bulkhaul rejects {name} --export csv{}",
            self.to_replay(since)
        )
    }

    /// The command that sends what is open again, as a line of its own.
    fn to_replay(&self, since: Since) -> String {
        // What replays have begun is gone on with, and told of. Behind another replay none asks under the old keys any more.
        let is_taken =
            matches!(self.replaying, UnderWay::Running | UnderWay::Stopped(_)) || self.asked.is_some();
        let Some(letters) = self.letters.as_ref().filter(|_| since.open > 0 && !is_taken) else {
            return String::new();
        };
        let doubt = if since.sure == 0 { " --in-doubt" } else { "" };
        // Without it, the replay that was asked for last is found to be complete.
        let again = if self.is_replayed { " --again" } else { "" };
        let letters = quoted(letters.as_os_str());
        let aim = self.command.as_deref().and_then(aim).unwrap_or_else(|| "--to …".to_owned());
        format!("\nto send them again:       bulkhaul replay {letters} {aim}{doubt}{again}")
    }

    pub fn to_json(&self) -> String {
        let groups = self.wanted();
        let [refused, in_doubt] = sums(&groups);
        let state = self.state.as_ref().map(|state| state.display().to_string());
        let open: u64 = groups.iter().map(|(_, group)| group.since.open).sum();
        let list: Value = groups::to_json(&groups);
        let doubts = self.doubts.iter().map(|at| {
            json!({"input": at.input, "row": at.row, "line": at.line, "last_row": at.last, "rows": at.rows,
                "why": at.why})
        });
        let doubts: Value = doubts.collect();
        json!({"from": self.from, "state_dir": state, "rows": refused, "in_doubt": in_doubt + sum(&self.doubts) + self.held - self.told,
            "held": self.held, "earlier": self.earlier,
            "open": open, "replaying": self.replaying == UnderWay::Running,
            "unsure": if let UnderWay::InDoubt(rows) = self.replaying { rows } else { 0 },
            "deletes": self.deletion.as_ref().map(Deletion::to_json), "reasons": list, "doubts": doubts})
        .to_string()
    }
}

impl Asked {
    fn words(&self) -> String {
        let rows = count(self.rows, "row");
        let state = quoted(self.state.as_os_str());
        let mut words = format!(
            "{rows} in doubt since replay {}: {}\n\n{}",
            self.replay,
            out_of_doubt(self.rows, 0, "replay", self.harmless),
            way("to see these rows:", &format!("bulkhaul rejects {state} --in-doubt --export ndjson"))
        );
        if let Some(command) = &self.command {
            words.push('\n');
            words.push_str(&way("to send them all again:", &format!("{command} --on-ambiguous resend")));
        }
        words
    }
}

/// A command to copy.
fn way(what: &str, command: &str) -> String {
    format!("{what:25} {command}")
}

const KEY_FIRST: &str = "where the target looks keys up before it refuses, or refuses by what the rows say alone, key_first = \
                         true in [idempotency] of its profile lets such a refusal count, in imports to come; what ends the \
                         doubt about these rows stands here";

/// Places of rows in doubt that are shown.
const PLACES: usize = 5;

fn sum(doubts: &[Doubtful]) -> u64 {
    doubts.iter().map(|at| at.rows).sum()
}

/// Rows that nobody knows about are not in the dead-letter file: they are to be looked for in the input.
fn doubtful(doubts: &[Doubtful], whose: &str, harmless: bool) -> String {
    let rows = sum(doubts);
    let mut text = format!(
        "{} in doubt, as nobody can know whether {} applied:\n",
        count(rows, "row"),
        if rows == 1 { "it was" } else { "they were" }
    );
    for at in doubts.iter().take(PLACES) {
        let input = tame(&at.input);
        let place = match at.last {
            Some(last) if last == at.row => format!("{input} line {}, row {}", at.line, grouped(last)),
            Some(last) if last - at.row + 1 == at.rows => {
                format!("{input} from line {} on, rows {} to {}", at.line, grouped(at.row), grouped(last))
            }
            _ => format!(
                "{input} from line {} on, row {} and more, {} in all",
                at.line,
                grouped(at.row),
                grouped(at.rows)
            ),
        };
        text.push_str(&format!("     {place}: {}\n", tame(&at.why)));
    }
    if doubts.len() > PLACES {
        let more = count((doubts.len() - PLACES) as u64, "more place");
        text.push_str(&format!("     and {more}, which --json tells\n"));
    }
    let of_jobs = doubts.iter().filter(|at| at.is_job).map(|at| at.rows).sum();
    text + &out_of_doubt(rows, of_jobs, whose, harmless)
}

/// Nobody knows any more where in the earlier feed they were.
fn held(rows: u64, told: u64, harmless: bool) -> String {
    let (they, them) = if rows == 1 { ("it is", "it") } else { ("they are", "them") };
    format!(
        "{} in doubt since an earlier feed or its replay: this one has {them} as then, so {they} held and not sent again{}\n{}",
        count(rows, "row"),
        match told {
            0 => String::new(),
            all if all == rows => format!("; the dead letters above have {them}, too"),
            some => format!("; the dead letters above have {} of them, too", grouped(some)),
        },
        out_of_doubt(rows, 0, "feed", harmless)
    )
}

/// What has become of so many rows, where it is something.
fn since_then(rows: u64, since: Since) -> String {
    let Since { open, delivered, .. } = since;
    match rows - open {
        0 => String::new(),
        // The import itself has sent them again, or a person has said what became of them.
        _ if rows != open + delivered && open == 0 => "; none of them still open".to_owned(),
        _ if rows != open + delivered => format!("; {} of them still open", grouped(open)),
        all if open == 0 => format!("; {} delivered since", if all == 1 { "it was" } else { "all of them" }),
        some => format!("; {} delivered since, {} still open", grouped(some), grouped(open)),
    }
}

/// Rows that were refused, and rows in doubt.
fn sums(groups: &[(usize, &Group)]) -> [u64; 2] {
    [false, true].map(|doubt| {
        groups.iter().filter(|(_, group)| group.doubt.is_some() == doubt).map(|(_, group)| group.rows).sum()
    })
}

fn what_happened(groups: &[(usize, &Group)]) -> String {
    let is = |rows: u64, one: &'static str, many: &'static str| if rows == 1 { one } else { many };
    let [refused, doubt] = sums(groups);
    let parts = [
        (refused, is(refused, "was refused", "were refused")),
        (doubt, is(doubt, "is in doubt", "are in doubt")),
    ];
    let parts = parts.iter().filter(|(rows, _)| *rows > 0);
    parts.map(|(rows, what)| format!("{} {what}", count(*rows, "row"))).collect::<Vec<_>>().join(" and ")
}

/// What `--reason` may say.
pub fn reasons(typed: &str, groups: &[Group]) -> String {
    let mut codes: Vec<&str> = groups.iter().map(|group| group.code.as_str()).collect();
    codes.dedup();
    codes.truncate(20);
    match nearest(typed, &codes) {
        _ if groups.is_empty() => "no row was refused at all".to_owned(),
        Some(near) => format!("did you mean `{}`?", tame(near)),
        None => {
            format!("the reasons are {}, or a number from 1 to {}", tame(&codes.join(", ")), groups.len())
        }
    }
}

//! Every built-in by example: `fixtures/targets/FOLDER/`, one folder for each way to use a target; and profiles of
//! others, `fixtures/examples/FOLDER/` with a `profile.toml`.
//!
//! `rows.ndjson`: the rows, one a line. `request.http`: what they become, byte for byte. `answer-*.http`: answers to
//! it, and `poll-*.http` answers to polls of its job, with what they mean. A file is lines that begin with `# `, then
//! the request or status line, headers, an empty line and the body; the last line end of a file is not the body's.
//!
//! | `# …` | in | says |
//! | --- | --- | --- |
//! | `target: NAME` | request | the built-in |
//! | `source: ADDRESS, read DATE` | all | where the shape is documented |
//! | `set: NAME=VALUE` | request | a parameter; secrets are shown as `***` in headers and address |
//! | `state: NAME=JSON` | request | what is known of the rows' group |
//! | `group: begun` | answer | the group, where it had to be new, is ours since an earlier request |
//! | `behind: N` | poll | so many steps behind the request are done; else all |
//! | `packed: gzip` | request | the body goes compressed, and is shown as it is before |
//! | `expect: …` | answer, poll | the meaning: first that of the whole, then a line for each row |

use super::*;
use crate::model::{BatchKey, Digest, Job, Limit, PollOutcome, Rejection, RowVerdict, StopKind, Verdicts};
use crate::target::{About, Attempt, Compression, GroupState};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file of a folder, taken apart.
struct Page {
    path: PathBuf,
    notes: Vec<(String, String)>,
    /// Request line, or status line.
    head: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let mut notes = Vec::new();
        let mut first = "";
        for line in lines.by_ref() {
            let Some(note) = line.strip_prefix("# ") else {
                first = line;
                break;
            };
            let (name, value) = note.split_once(": ").unwrap_or_else(|| panic!("{}: {line}", path.display()));
            notes.push((name.to_owned(), value.to_owned()));
        }
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        };
        let page = Self {
            path: path.to_owned(),
            notes,
            head: first.to_owned(),
            headers: lines.map(pair).collect(),
            body: body.to_owned(),
        };
        let source = page.all("source").next().unwrap_or_default();
        assert!(source.contains(", read 20"), "{}: no source", path.display());
        page
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.notes.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn pairs<'a>(&'a self, name: &'a str) -> Vec<(&'a str, &'a str)> {
        self.all(name).map(|text| text.split_once('=').unwrap()).collect()
    }

    fn reply(&self) -> Reply {
        let status = self.head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        Reply { headers: headers.collect(), ..reply(status, &self.body) }
    }
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/targets");
    let mut found: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn pages(folder: &Path, begin: &str) -> Vec<Page> {
    let is_one = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(begin);
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_one).collect();
    found.sort();
    found.iter().map(|path| Page::read(path)).collect()
}

/// The request as its page shows it.
fn rendered(target: &Target, page: &Page, rows: &[&str]) -> String {
    let state: GroupState =
        page.pairs("state").into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut body = Vec::new();
    target.open_body_with(&state, &mut body);
    for (at, text) in rows.iter().enumerate() {
        if at > 0 {
            target.separate(&mut body);
        }
        target.item(&row(text, at as u32), &mut body).unwrap();
    }
    target.close_body_with(&state, &mut body);
    let context = row(rows[0], 0);
    let about = About {
        key: &BatchKey(Digest([0xab; 32])),
        rows: rows.len() as u64,
        first_sent: NOW,
        timeout: Duration::from_secs(10),
        row: Some(&context),
        state: Some(&state),
        refusals: 0,
        import: 1,
    };
    let request = target.request_about(Bytes::from(body.clone()), &about).unwrap();
    let mut shown = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        shown.push_str(&format!("{name}: {value}\n"));
    }
    shown.push('\n');
    for secret in target.secrets() {
        shown = shown.replace(secret.as_str(), "***");
    }
    shown + &String::from_utf8(body).unwrap()
}

fn shown(page: &Page) -> String {
    let headers: Vec<String> =
        page.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{}\n{}\n{}", page.head, headers.concat(), page.body)
}

fn refusal(said: &Rejection) -> String {
    let field = said.field.as_ref().map(|field| format!(" at {field}")).unwrap_or_default();
    format!("[{}] {}{field}", said.code, said.message)
}

fn verdict(verdict: &RowVerdict) -> String {
    match verdict {
        RowVerdict::Delivered => "delivered".to_owned(),
        RowVerdict::Rejected(said) => format!("rejected {}", refusal(said)),
        RowVerdict::Exists(said) => format!("exists {}", refusal(said)),
        RowVerdict::Retry { refusal: said, .. } => format!("retry {}", refusal(said)),
        RowVerdict::Resend => "resend".to_owned(),
        RowVerdict::InDoubt(why) => format!("in doubt: {why}"),
    }
}

/// What an answer means, in words.
fn told(outcome: &Outcome, rows: usize) -> Vec<String> {
    let wait = |wait: &Option<Duration>| wait.map(|wait| format!(" for {wait:?}")).unwrap_or_default();
    let whole = match outcome {
        Outcome::Settled(verdicts) => return settled(verdicts, rows),
        Outcome::Accepted(job) if job.path.is_empty() && job.id.is_empty() => "accepted".to_owned(),
        Outcome::Accepted(job) if job.path.is_empty() => format!("accepted as {}", job.id),
        Outcome::Accepted(job) => format!("accepted, to be asked at {}", job.path),
        Outcome::Throttled { wait: time, .. } => format!("throttled{}", wait(time)),
        Outcome::NotApplied { wait: time, .. } => format!("not applied{}", wait(time)),
        Outcome::Unknown { wait: time, .. } => format!("unknown{}", wait(time)),
        Outcome::Misfit { why, .. } => format!("misfit: {why}"),
        Outcome::Puzzling { why } => format!("puzzling: {why}"),
        Outcome::Split { learned: Some(Limit::Rows(most)), refusal: said } => {
            format!("split to {most} rows {}", refusal(said))
        }
        Outcome::Split { learned: Some(Limit::Bytes(most)), refusal: said } => {
            format!("split to {most} bytes {}", refusal(said))
        }
        Outcome::Split { learned: None, refusal: said } => format!("split {}", refusal(said)),
        Outcome::Bisect { refusal: said } => format!("bisect {}", refusal(said)),
        Outcome::Refetch { .. } => "refetch".to_owned(),
        Outcome::Reauth { .. } => "reauth".to_owned(),
        Outcome::Doubtful { why } => format!("doubtful: {why}"),
        Outcome::Stop { kind: StopKind::Refused, .. } => "stop".to_owned(),
        Outcome::Stop { kind: StopKind::Pause, .. } => "pause".to_owned(),
    };
    vec![whole]
}

fn settled(verdicts: &Verdicts, rows: usize) -> Vec<String> {
    let mut lines = vec![if verdicts.replayed { "settled before" } else { "settled" }.to_owned()];
    for at in 0..rows as u32 {
        let id = verdicts.ids.iter().find(|(index, _)| *index == at);
        let id = id.map(|(_, id)| format!(" as {id}")).unwrap_or_default();
        lines.push(format!("row {} {}{id}", at + 1, verdict(verdicts.of(at))));
    }
    if let Some((count, said)) = &verdicts.unnamed_refusals {
        lines.push(format!("{count} of them refused, nobody knows which: {}", refusal(said)));
    }
    lines
}

fn check(page: &Page, told: &[String]) {
    let expected: Vec<&str> = page.all("expect").collect();
    assert_eq!(told, expected, "{}", page.path.display());
}

#[test]
fn every_builtin_forms_its_documented_request_and_reads_its_documented_answers() {
    let mut kinds: BTreeSet<(String, &str)> = BTreeSet::new();
    for folder in folders() {
        let page = Page::read(&folder.join("request.http"));
        let name = page.all("target").next().unwrap().to_owned();
        let begin = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(begin == name || begin.starts_with(&format!("{name}.")), "{begin} is of {name}");
        let target = builtin(&name, &page.pairs("set"));
        holds(&target, &folder, &page, |kind| {
            kinds.insert((name.clone(), kind));
        });
    }
    for name in Profile::builtin_names() {
        for kind in ["success", "refused"] {
            assert!(kinds.contains(&((*name).to_owned(), kind)), "{name} has no example of {kind}");
        }
    }
}

/// The request of a folder is formed, and its answers are read, as it says.
fn holds(target: &Target, folder: &Path, page: &Page, mut saw: impl FnMut(&'static str)) {
    let begin = folder.display();
    let text = fs::read_to_string(folder.join("rows.ndjson")).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rendered(target, page, &rows), shown(page), "{}", page.path.display());
    let packed = target.compression() == Compression::Gzip;
    assert_eq!(page.all("packed").any(|kind| kind == "gzip"), packed, "{begin}");

    let load = load(target, &rows);
    let mut job = Job::new("1".to_owned(), "/job".to_owned());
    for page in pages(folder, "answer-") {
        let state = target.group().and_then(|group| group.state.as_ref()?.begin());
        let begins = state.is_some() && page.all("group").next().is_none();
        let attempt = Attempt { begins, ..Attempt::default() };
        let outcome = target.read_attempt(&load, &page.reply(), NOW, attempt);
        check(&page, &told(&outcome, rows.len()));
        saw(kind(&page));
        if let Outcome::Accepted(accepted) = outcome {
            job = accepted;
        }
    }
    let state = page.pairs("state").into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    job.known.extend(state);
    for page in pages(folder, "poll-") {
        let all = target.after.len().to_string();
        let done = page.all("behind").next().unwrap_or(&all).to_owned();
        job.known.insert("#after".to_owned(), done);
        let told = match target.read_poll(&load, &job, &page.reply(), NOW) {
            PollOutcome::Again { .. } => vec!["again".to_owned()],
            PollOutcome::Gone { .. } => vec!["gone".to_owned()],
            PollOutcome::More(_) => vec!["more".to_owned()],
            PollOutcome::Ended(outcome) => told(&outcome, rows.len()),
        };
        check(&page, &told);
        saw(kind(&page));
    }
}

#[test]
fn every_example_forms_its_documented_request_and_reads_its_documented_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/examples");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut tried = 0;
    for folder in folders.filter(|folder| folder.join("profile.toml").exists()) {
        let text = fs::read_to_string(folder.join("profile.toml")).unwrap();
        let profile =
            Profile::parse("profile.toml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        let page = Page::read(&folder.join("request.http"));
        holds(&compiled(&profile, &page.pairs("set")), &folder, &page, |_| {});
        tried += 1;
    }
    assert!(tried > 0);
}

/// `answer-success-….http` shows a success.
fn kind(page: &Page) -> &'static str {
    let name = page.path.file_stem().unwrap().to_string_lossy().into_owned();
    let word = name.split('-').nth(1).unwrap_or_default();
    ["success", "partial", "refused", "busy", "accepted", "lost"]
        .into_iter()
        .find(|kind| *kind == word)
        .unwrap_or_else(|| panic!("{name}: an unknown kind of answer"))
}

//! The real products over real HTTP: the program sends the documented request, and does with the documented answers
//! what it should. Requests and answers are those of `fixtures/targets/` (described in `src/target/tests/fixtures.rs`).

use crate::support::server::{Answer, Server};
use crate::support::{Bench, said};
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Parameters that are secrets: they are named on the command line, never typed.
const SECRETS: [&str; 3] = ["token", "password", "apikey"];

/// What comes before the products in the list of targets is tried against the sandbox elsewhere.
const FIRST: &str = "elasticsearch";

pub(crate) struct Page {
    notes: Vec<(String, String)>,
    head: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

pub(crate) fn page(path: &Path) -> Page {
    let text = fs::read_to_string(path).unwrap();
    let text = text.strip_suffix('\n').unwrap();
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let pair = |text: &str| {
        let (name, value) = text.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    let notes = head.lines().filter_map(|line| line.strip_prefix("# ")).map(pair).collect();
    let mut rest = head.lines().filter(|line| !line.starts_with("# "));
    let first = rest.next().unwrap().to_owned();
    Page { notes, head: first, headers: rest.map(pair).collect(), body: body.to_owned() }
}

impl Page {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.notes.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn answer(&self) -> Answer {
        let status = self.head.split_once(' ').unwrap().1.to_owned();
        Answer { status, headers: self.headers.clone(), body: self.body.clone() }
    }
}

fn folders() -> Vec<PathBuf> {
    let names = bulkhaul::target::Profile::builtin_names();
    let products = &names[names.iter().position(|name| *name == FIRST).unwrap()..];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/targets");
    let mut found: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| products.contains(&page(&path.join("request.http")).all("target").next().unwrap()));
    found.sort();
    assert!(found.len() >= products.len());
    found
}

/// Keys are made from the import; here only their place counts.
fn without_keys(text: &str) -> String {
    let key = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    key.replace_all(text, "KEY").into_owned()
}

/// Sends the folder's rows to a server that gives these answers; what it said, and what the server got.
fn send(folder: &Path, request: &Page, server: &Server) -> crate::support::Said {
    let bench = Bench::with("x.ndjson", fs::read(folder.join("rows.ndjson")).unwrap());
    let sets: BTreeMap<&str, &str> = request.all("set").map(|set| set.split_once('=').unwrap()).collect();
    let name = request.all("target").next().unwrap();
    // Where the base has a path, so has the server's.
    let below = |url: &str| {
        url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()))
    };
    let base = format!("{}{}", server.url(), sets.get("base").and_then(|url| below(url)).unwrap_or_default());
    let mut command =
        bench.command(&format!("send x.ndjson --to {name} --url {base} --progress none --json -j 1"));
    for (name, value) in sets.iter().filter(|(name, _)| **name != "base") {
        command.arg("--set");
        if SECRETS.contains(name) {
            let variable = format!("SECRET_{}", name.to_uppercase());
            command.arg(format!("{name}=${{env:{variable}}}")).env(variable, value);
        } else {
            command.arg(format!("{name}={value}"));
        }
    }
    said(command.output().unwrap())
}

/// The first of these answers that the folder has.
fn first(folder: &Path, names: &[&str]) -> Option<Page> {
    names
        .iter()
        .map(|name| folder.join(format!("{name}.http")))
        .find(|path| path.exists())
        .map(|path| page(&path))
}

#[test]
fn every_product_gets_its_documented_request_and_takes_its_rows() {
    for folder in folders() {
        let request = page(&folder.join("request.http"));
        let Some(answer) = first(&folder, &["answer-success", "answer-accepted"]) else { continue };
        let poll = first(&folder, &["poll-success"]);
        let server = Server::start(&answer.answer(), poll.as_ref().map(Page::answer));
        let rows = fs::read_to_string(folder.join("rows.ndjson")).unwrap().lines().count() as u64;
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let said = send(&folder, &request, &server);
        assert_eq!(said.exit, 0, "{name}: {said:#?}");
        said.books([rows, rows, 0, 0, 0]);

        let got = server.requests();
        let (method, url) = request.head.split_once(' ').unwrap();
        let path = url.split_once("://").unwrap().1;
        let path = &path[path.find('/').unwrap()..];
        assert_eq!(
            (got[0].method.as_str(), &*without_keys(&got[0].path)),
            (method, &*without_keys(path)),
            "{name}"
        );
        assert_eq!(without_keys(&got[0].body), without_keys(&request.body), "{name}");
        for (header, value) in &request.headers {
            let sent = got[0].header(header).unwrap_or_else(|| panic!("{name}: no {header}"));
            let plain = value.strip_suffix("***").unwrap_or(value);
            assert!(
                sent.starts_with(plain) && (sent == value) != value.ends_with("***"),
                "{name}: {header}: {sent}"
            );
        }
        assert_eq!(
            got.len(),
            1 + usize::from(poll.is_some()),
            "{name}: one request, and one question about its job"
        );
    }
}

#[test]
fn every_product_that_names_the_rows_it_refuses_has_just_those_refused() {
    let mut tried = 0;
    for folder in folders() {
        let request = page(&folder.join("request.http"));
        let (answer, poll) = match (first(&folder, &["answer-partial"]), first(&folder, &["poll-partial"])) {
            (Some(answer), _) => (answer, None),
            (None, Some(poll)) => (first(&folder, &["answer-accepted"]).unwrap(), Some(poll)),
            (None, None) => continue,
        };
        let meaning: Vec<String> =
            poll.as_ref().unwrap_or(&answer).all("expect").skip(1).map(str::to_owned).collect();
        let verdict = |line: &str| line.split(' ').nth(2).unwrap_or_default().to_owned();
        let is_final = |line: &String| ["delivered", "rejected"].contains(&&*verdict(line));
        if !meaning.iter().all(is_final) {
            continue;
        }
        let server = Server::start(&answer.answer(), poll.as_ref().map(Page::answer));
        let rejected = meaning.iter().filter(|line| verdict(line) == "rejected").count() as u64;
        let rows = meaning.len() as u64;
        let said = send(&folder, &request, &server);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(said.exit, 3, "{name}: {said:#?}");
        said.books([rows, rows - rejected, rejected, 0, 0]);
        tried += 1;
    }
    assert!(tried >= 6, "only {tried} products were tried");
}

//! The README is tested: every command in it is run, in its order, in one folder, as a reader would do it.
//!
//! A block that is marked `sh` is run by bash; `exit=N` behind it is how it ends, if not with 0. A `text` block behind
//! it is what it prints: each of its lines, times and speeds apart. `not-run: REASON` is for what needs a machine of
//! its own. The reader's own API (`https://api.example.com`) is played by a server that takes everything, and programs
//! that are not here by stand-ins (`stand_ins`).

use crate::support::server::{Answer, Server};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const API: &str = "https://api.example.com";

/// A fenced block: what stands behind the fence, and its lines.
struct Block {
    line: usize,
    info: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                blocks.push(Block { line: index + 1, info: info.trim().to_owned(), text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "the last block is never closed");
    blocks
}

/// A folder as a reader has it after `git clone`, with the program on the path.
struct Reader {
    dir: tempfile::TempDir,
    api: Server,
}

impl Reader {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let home = dir.path();
        let api = Server::saying(|_, _| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            Some(Answer::json(200, &serde_json::json!({})))
        });
        copy(&root.join("fixtures/customers.csv"), &home.join("fixtures/customers.csv"));
        std::fs::write(home.join("events.ndjson"), "{\"id\":1}\n{\"id\":2}\n").unwrap();
        std::fs::create_dir(home.join("queue")).unwrap();
        for id in 1..=23 {
            std::fs::write(home.join(format!("queue/m{id}")), format!("{{\n  \"id\": {id}\n}}\n")).unwrap();
        }
        for path in files(&root.join("fixtures/examples")) {
            let to = home.join(path.strip_prefix(root).unwrap());
            copy(&path, &to);
            let text = std::fs::read_to_string(&to).unwrap().replace(API, api.url());
            std::fs::write(&to, text).unwrap();
        }
        let reader = Self { dir, api };
        reader.stand_ins();
        reader
    }

    /// Programs that a reader has and a test has not.
    fn stand_ins(&self) {
        let bin = self.dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_bulkhaul"), bin.join("bulkhaul")).unwrap();
        // The interpreter itself: what starts it may put other programs before these.
        match Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output() {
            Ok(python) if python.status.success() => {
                let python = String::from_utf8(python.stdout).unwrap();
                std::os::unix::fs::symlink(python.trim(), bin.join("python3")).unwrap();
            }
            _ => {
                crate::support::figure("there is no python3 here: sqs.py is not tried");
                program(&bin, "python3", "exit 0\n");
            }
        }
        // The program is built already; all other words of cargo are only read.
        let cargo = "case \"$*\" in\n  'run --release -- '*) shift 3; exec bulkhaul \"$@\" ;;\n  \
                     'install --path . --locked' | test | 'test '*) exit 0 ;;\nesac\necho \"cargo $*?\" >&2\nexit 1\n";
        // It copies its one table out, as CSV with a header.
        let psql = "case \"$*\" in\n  *'select count('*) echo \"${PSQL_COUNT:-1000}\" ;;\n  *copy*csv*header*) cat \"${PSQL_ROWS:-fixtures/customers.csv}\" ;;\n  *) exit 1 ;;\nesac\n";
        // A log that nobody writes to any more, a topic that is at its end, and a queue of the messages in a folder.
        let tail = "exec cat \"$4\"\n";
        let kcat = "printf '{\"id\":%s}\\n' 1 2 3\n";
        let programs = [
            ("cargo", cargo),
            ("psql", psql),
            ("tail", tail),
            ("kcat", kcat),
            ("aws", include_str!("support/queue.sh")),
        ];
        for (name, text) in programs {
            program(&bin, name, text);
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    fn run(&self, script: &str) -> Output {
        self.command(script).output().unwrap()
    }

    fn command(&self, script: &str) -> Command {
        let script = script.replace(API, self.api.url());
        let path = format!("{}:{}", self.dir.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("timeout");
        command
            .args(["60", "bash", "-euo", "pipefail", "-c", &script])
            .current_dir(self.path())
            .env("PATH", path)
            .env("TOKEN", "a-token")
            .env("BULKHAUL_TOKEN", "a-token")
            .env("QUEUE_URL", "https://sqs.example.com/queue")
            .env("DATABASE_URL", "postgres://localhost/shop")
            .stdin(std::process::Stdio::null());
        command
    }
}

fn program(bin: &Path, name: &str, text: &str) {
    let path = bin.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    Command::new("chmod").arg("+x").arg(&path).status().unwrap();
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}

/// Times, speeds and the address of the stand-in differ from run to run.
fn settled(text: &str, api: &str) -> String {
    let text = text.replace(api, API);
    let times = Regex::new(r"\b\d[\d.,]* (ms|s|min \d+ s|rows a second)\b").unwrap();
    times.replace_all(&text, "TIME").into_owned()
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let reader = Reader::new();
    let mut said = String::new();
    let mut run = 0;
    for block in blocks(&readme) {
        let (kind, rest) = block.info.split_once(' ').unwrap_or((&block.info, ""));
        let at = format!("README.md:{}", block.line);
        match kind {
            "sh" if rest.starts_with("not-run: ") => {
                assert!(rest.len() > "not-run: ".len() + 10, "{at}: why is it not run?");
                let check = Command::new("bash").args(["-n", "-c", &block.text]).status().unwrap();
                assert!(check.success(), "{at}");
            }
            "sh" => {
                let exit = rest.strip_prefix("exit=").map_or(0, |code| code.parse().unwrap());
                let output = reader.run(&block.text);
                said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(exit), "{at}:\n{}\n{said}", block.text);
                run += 1;
            }
            "text" => {
                let said = settled(&said, reader.api.url());
                for line in settled(&block.text, reader.api.url()).lines().filter(|line| *line != "…") {
                    assert!(said.contains(line.trim_end_matches('…')), "{at}: `{line}` is not in:\n{said}");
                }
            }
            "toml" => {
                std::fs::write(reader.path().join("of-the-readme.toml"), &block.text).unwrap();
                let output = reader.run("bulkhaul targets check of-the-readme.toml");
                assert!(output.status.success(), "{at}: {}", String::from_utf8_lossy(&output.stderr));
            }
            "" | "json" | "crontab" => {}
            other => panic!("{at}: nobody knows what to do with a block of `{other}`"),
        }
    }
    assert!(run > 12, "{run} blocks were run");
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_manual() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let manual =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("completions/bulkhaul.1"))
            .unwrap();
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "74", "130"] {
        assert!(readme.contains(&format!("\n| {code} | ")), "exit code {code} is not in the README");
        assert!(manual.contains(&format!("\n.TP\n{code}\n")), "exit code {code} is not in the manual");
    }
}

#[test]
fn the_examples_do_what_they_say() {
    for example in ["postgres-migration.sh", "postgres-pipe.sh"] {
        let reader = Reader::new();
        // Twice: what was done is not done again.
        for _ in 0..2 {
            let output = reader.run(&format!("bash fixtures/examples/{example}"));
            assert!(output.status.success(), "{example}: {output:?}");
        }
        let got = reader.api.requests();
        let rows: usize = got.iter().map(|got| got.body.matches("\"id\":").count()).sum();
        assert_eq!(rows, 1000, "{example}");
        let keys: std::collections::HashSet<_> =
            got.iter().map(|got| got.header("idempotency-key").unwrap().to_owned()).collect();
        assert_eq!(keys.len(), got.len(), "{example}");
    }
    // A table whose end never came is no success.
    let reader = Reader::new();
    let cut = reader.run("PSQL_COUNT=1001 bash fixtures/examples/postgres-pipe.sh");
    assert_eq!(cut.status.code(), Some(4), "{cut:?}");
}

#[test]
fn an_example_says_which_setting_it_lacks_before_it_does_anything() {
    let reader = Reader::new();
    let mut examples =
        vec![("DATABASE_URL", "bash", "postgres-migration.sh"), ("TOKEN", "bash", "postgres-pipe.sh")];
    if std::fs::read_link(reader.path().join("bin/python3")).is_ok() {
        examples.push(("QUEUE_URL", "python3", "queue/sqs.py"));
    }
    for (lacks, by, example) in examples {
        let output = reader.run(&format!("env -u {lacks} {by} fixtures/examples/{example}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.lines().count() == 1, "{example}: {said}");
        assert!(said.contains(lacks) && said.contains("is not set"), "{example}: {said}");
    }
    assert!(reader.api.requests().is_empty());
}

/// The reader and the program die together, at any moment, as with the machine under them.
#[test]
fn a_queue_s_message_is_deleted_after_it_was_applied_and_applied_once_through_kills() {
    let reader = Reader::new();
    if std::fs::read_link(reader.path().join("bin/python3")).is_err() {
        return;
    }
    for id in 24..=90 {
        std::fs::write(reader.path().join(format!("queue/m{id}")), format!("{{\"id\":{id}}}")).unwrap();
    }
    let read = "exec python3 fixtures/examples/queue/sqs.py";
    let deleted = || {
        let text = std::fs::read_to_string(reader.path().join("queue.deleted")).unwrap_or_default();
        text.lines().map(|name| name[1..].to_owned()).collect::<Vec<_>>()
    };
    let applied = || {
        let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for got in reader.api.requests() {
            let key = got.header("idempotency-key").unwrap().trim_matches('"').to_owned();
            bodies.entry(key).or_default().insert(got.body);
        }
        bodies
    };
    let mut early = 0;
    for millis in [300, 500, 700, 900] {
        let mut run = reader.command(read);
        let mut run = run.process_group(0).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(millis));
        Command::new("kill").args(["-KILL", "--", &format!("-{}", run.id())]).status().unwrap();
        run.wait().unwrap();
        let applied = applied();
        early += deleted().iter().filter(|id| !applied.contains_key(&format!("order-{id}"))).count();
    }
    let halfway = deleted().len();
    let output = reader.run(read);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(early, 0, "messages were deleted before they were applied");
    assert_eq!(std::fs::read_dir(reader.path().join("queue")).unwrap().count(), 0, "some are left");
    let applied = applied();
    assert_eq!(applied.len(), 90);
    assert!(applied.values().all(|bodies| bodies.len() == 1), "one key, one body");
    crate::support::figure(&format!("queue: {halfway} of 90 deleted through four kills, none early"));
}

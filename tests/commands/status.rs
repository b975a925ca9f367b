//! `bulkhaul status`: running, stopped, killed, copied, on a disk that cannot be written.

use super::plan::snapshot;
use crate::support::{Bench, Said, csv, said};
use bulkhaul::sandbox::{Options, Sandbox};
use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

const SEND: &str = "send x.csv --to sandbox --batch-rows 5 --progress none";

pub(super) fn kill(child: Child, signal: &str) -> Said {
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    Said {
        exit: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts a slow run, and waits until it has delivered something.
pub(super) fn slow_run(bench: &Bench) -> Child {
    let mut child = bench.start(&format!("{SEND} --rate 4/s"));
    for _ in 0..400 {
        std::thread::sleep(Duration::from_millis(10));
        let said = bench.command("status --json").output().unwrap();
        let status: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
        if status["rows"]["delivered"].as_u64().is_some_and(|rows| rows > 0) {
            return child;
        }
    }
    child.kill().unwrap();
    panic!("nothing was delivered: {:?}", said(child.wait_with_output().unwrap()));
}

/// A file that is written cannot be run.
const BUSY: std::io::ErrorKind = std::io::ErrorKind::ExecutableFileBusy;

#[test]
fn a_finished_import_tells_its_books_and_nothing_is_touched() {
    let bench = Bench::with("x.csv", csv(20).replace("r7,\"Zürich, \"\"7\"\"\",7.50", "r7,x,-1"));
    bench.run(&format!("{SEND} --faults reject=10%")).exits(3);
    let before = snapshot(&bench.path("."));
    let said = bench.run("status").exits(0);
    assert_eq!(said.stderr, "");
    let mut lines = said.stdout.lines();
    assert_eq!(lines.next(), Some("x.csv to orders-batch: complete, with dead letters"));
    assert!(lines.next().unwrap().starts_with("  rows     "), "{said:?}");
    assert!(said.stdout.contains("bulkhaul rejects x.csv.bulkhaul says why"), "{said:?}");
    assert!(!said.stdout.contains("to go on"), "{said:?}");
    let json = bench.run("status x.csv --json").exits(0);
    assert_eq!(json.stderr, "");
    let told: Value = serde_json::from_str(&bench.read("x.csv.bulkhaul/status.json")).unwrap();
    let json = json.summary();
    for key in told.as_object().unwrap().keys() {
        assert_eq!(&json[key], &told[key], "{key}");
    }
    assert_eq!(json["exit"], 3);
    assert_eq!(snapshot(&bench.path(".")), before);
}

#[test]
fn a_run_that_was_stopped_says_why_and_how_to_go_on() {
    let bench = Bench::with("x.csv", csv(20));
    bench.run(&format!("{SEND} --limit 10")).exits(0);
    let said = bench.run("status").exits(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "x.csv to orders-batch: stopped (limit)");
    assert!(
        lines[1].starts_with("  rows     10 rows delivered; ")
            && lines[1].ends_with(" % of the input was read")
    );
    assert_eq!(lines[lines.len() - 2], "to go on:");
    assert_eq!(lines[lines.len() - 1], format!("bulkhaul {SEND}"));
    let json = bench.run("status --json").exits(0).summary();
    assert_eq!((&json["state"], &json["stopped_by"]), (&"stopped".into(), &"limit".into()));
    assert_eq!(json["rows"]["delivered"], 10);
    // Without what the run told, the ledger is enough.
    std::fs::remove_file(bench.path("x.csv.bulkhaul/status.json")).unwrap();
    let said = bench.run("status").exits(0);
    assert!(said.stdout.starts_with("x.csv: stopped\n  rows     10 rows delivered; "), "{said:?}");
    assert!(said.stdout.ends_with("to go on: run the same `bulkhaul send` command again\n"), "{said:?}");
    std::fs::write(bench.path("x.csv.bulkhaul/status.json"), "{\"import_id\":\"another\",\"target\":\"t\"}")
        .unwrap();
    assert!(bench.run("status").exits(0).stdout.starts_with("x.csv: stopped\n"));
}

#[test]
fn a_running_import_is_told_from_outside_and_is_not_disturbed() {
    let bench = Bench::with("x.csv", csv(60));
    let child = slow_run(&bench);
    let json = bench.run("status --json").exits(0).summary();
    assert_eq!(json["state"], "running");
    assert_eq!(json["exit"], Value::Null);
    let said = bench.run("status").exits(0);
    assert!(said.stdout.starts_with("x.csv to orders-batch: running\n  rows     "), "{said:?}");
    assert!(said.stdout.contains("\n  pace     "), "{said:?}");
    let stopped = kill(child, "-TERM");
    assert_eq!(stopped.exit, 4, "{stopped:?}");
    let json = bench.run("status --json").exits(0).summary();
    assert_eq!((&json["state"], &json["exit"]), (&"stopped".into(), &4.into()));
    assert_eq!(json["stopped_by"], "signal");
    assert_eq!(json["resume"], format!("bulkhaul {SEND} --rate 4/s"));
}

#[test]
fn a_killed_run_is_read_from_its_log_and_nothing_is_made_or_changed() {
    let bench = Bench::with("x.csv", csv(60));
    let child = slow_run(&bench);
    kill(child, "-KILL");
    let log = bench.path("x.csv.bulkhaul/ledger.db-wal");
    assert!(log.metadata().unwrap().len() > 0, "the log is what this test is about");
    // A copy, as from an archive; without the lock, too.
    let copy = bench.path("copy.bulkhaul");
    std::fs::create_dir(&copy).unwrap();
    for name in ["ledger.db", "ledger.db-wal", "status.json"] {
        std::fs::copy(bench.path("x.csv.bulkhaul").join(name), copy.join(name)).unwrap();
    }
    for state in ["x.csv.bulkhaul", "copy.bulkhaul"] {
        let before = snapshot(&bench.path(state));
        let said = bench.run(&format!("status {state}")).exits(0);
        assert!(
            said.stdout.starts_with(
                "x.csv to orders-batch: stopped: the last run was killed, or the machine went down\n"
            ),
            "{said:?}"
        );
        let json = bench.run(&format!("status {state} --json")).exits(0).summary();
        assert_eq!(json["stopped_by"], "crash");
        assert!(json["rows"]["delivered"].as_u64().unwrap() >= 5, "the log's rows count: {json}");
        bench.run(&format!("rejects {state}")).exits(0);
        assert_eq!(snapshot(&bench.path(state)), before, "{state}");
    }
    bench.run(&format!("{SEND} --json")).exits(0).books([60, 60, 0, 0, 0]);
}

#[test]
fn a_folder_that_cannot_be_written_is_read_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let bench = Bench::with("x.csv", csv(60));
    let child = slow_run(&bench);
    kill(child, "-KILL");
    let state = bench.path("x.csv.bulkhaul");
    for entry in std::fs::read_dir(&state).unwrap() {
        mode(&entry.unwrap().path(), 0o444);
    }
    mode(&state, 0o555);
    mode(&bench.path("."), 0o755);
    let mut command = bench.command("status --json");
    // A superuser may write everywhere; another user may not.
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let copy = bench.path("bulkhaul");
    if is_root {
        std::fs::copy(env!("CARGO_BIN_EXE_bulkhaul"), &copy).unwrap();
        mode(&copy, 0o755);
        command = Command::new(&copy);
        command.args(["status", "--json"]).current_dir(bench.path(".")).uid(65534).gid(65534);
    }
    // Another test's process may hold the copy open for writing until it is another program.
    let mut tries = (0..100).map(|_| command.output());
    let output = tries.find(|output| output.as_ref().err().is_none_or(|error| error.kind() != BUSY));
    let said = said(output.unwrap().unwrap()).exits(0);
    assert_eq!(said.summary()["stopped_by"], "crash", "{said:?}");
    mode(&state, 0o755);
}

#[test]
fn what_the_target_taught_and_why_rows_are_in_doubt_is_told() {
    let bench = Bench::with("x.csv", csv(10));
    let faults = "drop-after=100%".parse().unwrap();
    let server = Sandbox::start(Options { faults, ..Options::default() }).unwrap();
    let server_url = server.url().clone();
    bench.run(&format!("send x.csv --to {server_url}/rows --progress none")).exits(5);
    server.stop();
    let said = bench.run("status").exits(0);
    assert!(said.stdout.contains(": complete, but rows are in doubt\n"), "{said:?}");
    assert!(said.stdout.contains("\n  in doubt 10 rows: "), "{said:?}");
    assert!(
        said.stdout.ends_with("says what is known of the rows in doubt, and what ends the doubt\n"),
        "{said:?}"
    );
    let json = bench.run("status --json").exits(0).summary();
    assert_eq!(json["doubts"][0]["rows"], 10);
    assert_eq!(json["resume"], "bulkhaul rejects x.csv.bulkhaul", "whoever goes on is to look first");
}

#[test]
fn without_a_name_the_only_import_here_is_meant() {
    let bench = Bench::new();
    let said = bench.run("status").exits(2);
    assert_eq!(
        said.stderr,
        "error: there is no *.bulkhaul folder here\nhint: name the import's state folder, or go where it is\n"
    );
    for name in ["b.csv.bulkhaul", "a.bulkhaul"] {
        std::fs::create_dir(bench.path(name)).unwrap();
    }
    for command in ["status", "rejects"] {
        let said = bench.run(command).exits(2);
        assert_eq!(
            said.stderr,
            "error: there are several imports here:\n  a.bulkhaul\n  b.csv.bulkhaul\nhint: name one of them\n"
        );
    }
    let said = bench.run("status a.bulkhaul").exits(1);
    assert_eq!(
        said.stderr,
        "error: there is no import in `a.bulkhaul`\nhint: a state folder holds the file ledger.db\n"
    );
    assert_eq!(std::fs::read_dir(bench.path("a.bulkhaul")).unwrap().count(), 0);
    let said = bench.run("status nowhere").exits(1);
    assert!(said.stderr.starts_with("error: there is no import in `nowhere`\n"), "{said:?}");
    bench.write("a.bulkhaul/ledger.db", "");
    let said = bench.run("status a.bulkhaul").exits(0);
    assert_eq!(
        said.stdout,
        "a.bulkhaul: nothing was written down yet; the first run ended before it began\n"
    );
    bench.write("a.bulkhaul/ledger.db", "this is no database at all, but it is long enough to look at twice");
    let said = bench.run("status a.bulkhaul").exits(74);
    assert!(said.stderr.starts_with("error: the ledger could not be read"), "{said:?}");
}

#[test]
fn looking_never_gets_in_the_way_of_a_run() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let bench = Bench::with("x.csv", csv(5));
    bench.run(SEND).exits(0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                let json = bench.run("status x.csv --json").exits(0).summary();
                assert!(json["rows"]["read"].as_u64().is_some(), "{json}");
                looks += 1;
            }
            looks
        });
        for _ in 0..25 {
            let said = bench.run(&format!("{SEND} --again"));
            over.store(said.exit != 0, Ordering::Relaxed);
            said.exits(0);
        }
        over.store(true, Ordering::Relaxed);
        assert!(looks.join().unwrap() > 20);
    });
}

#[test]
fn what_replays_delivered_is_told_beside_what_was_refused() {
    let bench =
        Bench::with("x.csv", csv(3).replace("\"\"2\"\"\",2.50", "\"\"2\"\"\",-2").replace("3.50", "-3"));
    bench.run(SEND).exits(3);
    assert_eq!(bench.run("status --json").exits(0).summary()["replayed"], Value::Null);
    let letters = bench.read("x.csv.bulkhaul/dead-letters.ndjson");
    bench.write("mended.ndjson", letters.lines().next().unwrap().replace("-2", "2"));
    bench.run("replay mended.ndjson --to sandbox --progress none").exits(0);
    let said = bench.run("status").exits(0).stdout;
    assert!(said.starts_with("x.csv to orders-batch: complete, with dead letters\n"), "{said}");
    assert!(said.contains("\n  replays  1 row delivered since, 1 still open\n"), "{said}");
    bench.write("mended.ndjson", letters.lines().nth(1).unwrap().replace("-3", "3"));
    bench.run("replay mended.ndjson --to sandbox --progress none").exits(0);
    let said = bench.run("status").exits(0).stdout;
    assert!(
        said.starts_with("x.csv to orders-batch: complete, and what was refused was delivered since\n"),
        "{said}"
    );
    assert!(said.contains("\n  replays  2 rows delivered since, none still open\n"), "{said}");
    let json = bench.run("status --json").exits(0).summary();
    assert_eq!(json["replayed"], serde_json::json!({"delivered": 2, "open": 0, "running": false}));
}

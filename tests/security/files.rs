//! What others can put in the way of a state, and what they can put into a ledger.

use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv, said};
use rusqlite::Connection;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SEND: &str = "send x.csv --to sandbox --progress none";

#[test]
fn what_is_planted_under_the_names_of_a_state_is_neither_followed_nor_waited_for() {
    for name in ["ledger.db", "ledger.lock", "ledger.db-wal", "status.json"] {
        for plant in ["link", "hard link", "pipe"] {
            let bench = Bench::with("x.csv", csv(3));
            bench.write("victim", "precious");
            let mode = std::fs::Permissions::from_mode(0o640);
            std::fs::set_permissions(bench.path("victim"), mode).unwrap();
            std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
            let planted = bench.path("x.csv.bulkhaul").join(name);
            match plant {
                "link" => symlink(bench.path("victim"), &planted).unwrap(),
                "hard link" => std::fs::hard_link(bench.path("victim"), &planted).unwrap(),
                _ => assert!(std::process::Command::new("mkfifo").arg(&planted).status().unwrap().success()),
            }
            let said = bench.run(SEND);
            // Only status.json is replaced, and never written through.
            let exit = i32::from(name != "status.json");
            assert_eq!(said.exit, exit, "{plant} {name}: {said:?}");
            if exit == 1 {
                assert!(said.stderr.contains(&format!("`{name}` in it is")), "{plant} {name}: {said:?}");
                assert!(said.stderr.contains("hint: "), "{said:?}");
            }
            assert_eq!(bench.read("victim"), "precious", "{plant} {name}");
            let mode = bench.path("victim").metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o640, "{plant} {name}: the mode of a stranger's file was changed");
        }
    }
}

#[test]
fn a_state_folder_that_anyone_may_write_in_is_not_used() {
    let bench = Bench::with("x.csv", csv(3));
    let state = bench.path("x.csv.bulkhaul");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let said = bench.run(SEND).exits(1);
    assert_eq!(
        said.stderr,
        "error: cannot use the state folder `x.csv.bulkhaul`: anyone may write in it (its mode is 777)\nhint: --state DIR names another one\n"
    );
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    bench.run(SEND).exits(0);
}

#[test]
fn a_ledger_with_anything_else_in_it_is_refused() {
    let strange = [
        "CREATE TRIGGER t AFTER UPDATE ON batch BEGIN UPDATE import SET delivered = 99; END",
        "CREATE VIEW v AS SELECT * FROM batch",
        "CREATE TABLE more (a)",
        "CREATE INDEX i ON batch (rows)",
        "DROP INDEX batch_unsettled",
        "ALTER TABLE batch ADD COLUMN more INTEGER",
        "DROP TABLE letter; CREATE VIEW letter AS SELECT 1 AS number, 1 AS import, 0 AS ordinal, 1 AS bytes, NULL AS batch, '' AS code, '' AS line",
        "PRAGMA user_version = 77",
        "PRAGMA application_id = 7",
    ];
    for sql in strange {
        let bench = Bench::with("x.csv", csv(8));
        bench.run(&format!("{SEND} --limit 4")).exits(0);
        let db = Connection::open(bench.path("x.csv.bulkhaul/ledger.db")).unwrap();
        db.execute_batch(sql).unwrap();
        drop(db);
        let said = bench.run(SEND).exits(74);
        assert!(
            said.stderr.starts_with("error: the ledger could not be read or written: it "),
            "{sql}: {said:?}"
        );
        assert_eq!(bench.sandbox_rows("x.csv").len(), 4, "{sql}: nothing was sent");
        for look in ["status", "rejects", "audit x.csv x.csv"] {
            bench.run(look).exits(74);
        }
    }
}

/// What the ledger says of a request in flight must be what the input makes once more: else nothing goes.
#[test]
fn a_forged_ledger_sends_no_other_bytes_than_the_input_has() {
    let taken = Arc::new(AtomicBool::new(false));
    let takes = Arc::clone(&taken);
    let server = Server::saying(move |_, _| {
        Some(Answer::json(if takes.load(Ordering::SeqCst) { 200 } else { 503 }, &serde_json::json!({})))
    });
    let bench = Bench::with("x.csv", csv(3));
    let send = format!("send x.csv --to {} --idempotency-header Key --progress none --state", server.url());
    for forged in ["body_hash = zeroblob(32)", "byte = byte + 1", "rows = 2", "row_set = (SELECT x'00')"] {
        let state = forged.split(' ').next().unwrap();
        taken.store(false, Ordering::SeqCst);
        bench.run(&format!("{send} {state} --max-elapsed 200ms")).exits(4);
        let db = Connection::open(bench.path(state).join("ledger.db")).unwrap();
        assert_eq!(db.execute(&format!("UPDATE batch SET {forged}"), []).unwrap(), 1);
        drop(db);
        taken.store(true, Ordering::SeqCst);
        bench.run(&format!("{send} {state}"));
        let got = server.requests();
        assert!(got.windows(2).all(|two| two[0].body == two[1].body), "{forged}");
    }
}

/// A pipe's rows can be guessed, and whoever knows a key can keep its request from being carried out.
#[test]
fn nobody_can_guess_the_keys_of_a_pipe_from_its_rows() {
    let server = Server::start(&Answer::json(200, &serde_json::json!({})), None);
    let bench = Bench::with("x.csv", csv(3));
    for state in ["a", "b"] {
        let send = format!("--to {} --idempotency-header Key --progress none --state {state}", server.url());
        let rows = std::fs::File::open(bench.path("x.csv")).unwrap();
        let mut command = bench.command(&format!("send - --format csv {send}"));
        said(command.stdin(rows).output().unwrap()).exits(0);
    }
    let got = server.requests();
    assert!(got.len() == 2 && got[0].body == got[1].body, "{got:?}");
    assert_ne!(got[0].header("key"), got[1].header("key"));
}

/// Versions from 3.7.0 to 3.51.2 could lose commits while a log was begun anew.
#[test]
fn sqlite_is_new_enough() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

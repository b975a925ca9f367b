//! The state of an import: one runner, one target, one input; and what is said when one of them is another.

use crate::support::scripted::{Scripted, Step};
use crate::support::server::Server;
use crate::support::{Bench, csv};

const SEND: &str = "send x.csv --to sandbox --progress none --json";

#[test]
fn a_finished_import_sends_nothing_and_ends_as_it_ended() {
    let bench = Bench::with("x.csv", csv(3));
    bench.run(SEND).exits(0).books([3, 3, 0, 0, 0]);
    let again = bench.run(SEND).exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(again.stderr, "nothing to do: this import is complete (3 of 3 rows delivered)\n");
    assert_eq!(bench.sandbox_rows("x.csv").len(), 3);

    let bench = Bench::with("x.csv", "id,amount\n1,5\n2,-5\n");
    for _ in 0..2 {
        let said = bench.run(SEND).exits(3).books([2, 1, 1, 0, 0]);
        assert!(said.summary()["resume"].is_null(), "nothing goes on: {said:?}");
    }
    assert_eq!(bench.dead_letters("x.csv").len(), 1);
}

#[test]
fn again_imports_once_more_under_new_keys() {
    let bench = Bench::with("x.csv", csv(3));
    let first = bench.run(SEND).exits(0).summary();
    let second = bench.run(&format!("{SEND} --again")).exits(0).books([3, 3, 0, 0, 0]).summary();
    assert_eq!(second["import"], 2);
    assert_ne!(first["import_id"], second["import_id"]);
    let rows = bench.sandbox_rows("x.csv");
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.times == 2));
}

#[test]
fn changed_input_after_a_finished_import_exits_6_and_offers_again() {
    for changed in [csv(4), csv(2), csv(3).replace("r2", "r9")] {
        let bench = Bench::with("x.csv", csv(3));
        bench.run(SEND).exits(0);
        bench.write("x.csv", changed);
        let said = bench.run("send x.csv --to sandbox --progress none").exits(6);
        let tail = "--accept-new-tail sends only what was added behind the 3 rows that it read; ";
        assert_eq!(
            said.stderr.replace(tail, ""),
            "error: the import here is finished, and the input has changed since\nhint: --sync KEY --state x.csv.bulkhaul sends only new and changed rows (once, with --again, all of them, if what was read before is no longer there); --again imports all of it once more, under new keys; --state DIR begins a new import beside it\n"
        );
        assert_eq!(bench.sandbox_rows("x.csv").len(), 3);
    }
}

#[test]
fn another_target_or_mapping_exits_6_and_says_what_differs_and_what_goes_on() {
    let bench = Bench::with("x.csv", csv(3));
    let first = "--type id=string --null NA -H X-Tenant:7";
    bench.run(&format!("{SEND} {first} --limit 2")).exits(0);
    let cases = [
        ("--type id=string -H X-Tenant:7", "--null NA (missing now)"),
        ("--type id=string --null N -H X-Tenant:7", "--null N (it was NA)"),
        (
            "--type id=json --type amount=number --null NA -H X-Tenant:8",
            "--type id=json (it was string), --type amount=number (not said then), -H x-tenant",
        ),
        (
            "--columns id,b,amount --type id=string --null NA",
            "--columns id,b,amount (not said then), -H x-tenant",
        ),
    ];
    for (other, differs) in cases {
        let typed = format!("send x.csv --to sandbox --progress none {other} --limit 2");
        let said = bench.run(&typed).exits(6);
        assert_eq!(
            said.stderr,
            format!(
                "error: the import here goes to another target, or maps its rows another way; what differs: {differs}\n\
                 hint: use the settings it began with, or begin another import beside it, which sends all rows, also \
                 the 2 delivered so far: bulkhaul {typed} --state x.csv.2.bulkhaul\n"
            )
        );
    }
    let said = bench.run(&format!("send x.csv --to http://127.0.0.1:9/a --progress none {first}")).exits(6);
    assert!(said.stderr.contains("; what differs: the address, what a request is made of\n"), "{said:?}");
    // The command that is proposed does what it says.
    let typed = "send x.csv --to sandbox --progress none --json --null N";
    let said = bench.run(typed).exits(6);
    let (_, proposed) = said.stderr.trim_end().rsplit_once(": bulkhaul ").unwrap();
    bench.run(proposed).exits(0).books([3, 3, 0, 0, 0]);
    let said = bench.run(&format!("{typed} --state x.csv.2.bulkhaul --type amount=number")).exits(6);
    assert!(said.stderr.ends_with(" --type amount=number --state x.csv.2.2.bulkhaul\n"), "{said:?}");
}

/// Names and hashes are kept, so that it can be said; what a parameter says is nobody's business.
#[test]
fn a_parameter_of_the_profile_that_differs_is_named_and_its_value_is_not_kept() {
    let bench = Bench::with("x.csv", csv(3));
    let target = "--to json-envelope --url http://127.0.0.1:9/rows --max-elapsed 100ms --progress none";
    bench.run(&format!("send x.csv {target} --set envelope=first-name")).exits(4);
    let begun = "UPDATE batch SET may_have_left = 1";
    rusqlite::Connection::open(bench.path("x.csv.bulkhaul/ledger.db")).unwrap().execute(begun, []).unwrap();
    let said = bench.run(&format!("send x.csv {target} --set envelope=other")).exits(6);
    let differs = "; what differs: --set envelope, what a request is made of\n";
    assert!(said.stderr.lines().next().unwrap().ends_with(differs.trim_end()), "{said:?}");
    let ledger = std::fs::read(bench.path("x.csv.bulkhaul/ledger.db")).unwrap();
    assert!(!ledger.windows(10).any(|bytes| bytes == b"first-name"));
}

#[test]
fn other_settings_may_begin_anew_where_nothing_ever_left() {
    // All rows were refused here: a slip of the hand.
    let bench = Bench::with("x.csv", csv(3));
    bench.run(&format!("{SEND} --type amount=boolean")).exits(3).books([3, 0, 3, 0, 0]);
    let said = bench.run(&format!("{SEND} --type amount=number")).exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(
        said.stderr.lines().next(),
        Some("note: no target has taken anything of the import here; with these settings it begins anew")
    );
    assert_eq!(bench.run("rejects").exits(0).stdout, "x.csv.bulkhaul: no row was refused\n");
    bench.run("audit x.csv.bulkhaul x.csv").exits(0);
    // Nobody was there to be sent anything.
    let bench = Bench::with("x.csv", csv(3));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    bench
        .run(&format!("send x.csv --to http://127.0.0.1:{port}/ --progress none --max-elapsed 100ms"))
        .exits(4);
    bench.run(SEND).exits(0).books([3, 3, 0, 0, 0]);
    // It may have left.
    let server = Scripted::start(&[Step::Says("422 No", "", "")]);
    let bench = Bench::with("x.csv", csv(3));
    bench.run(&format!("send x.csv --to {} --progress none", server.url)).exits(3);
    let typed = format!("send x.csv --to {} --progress none --type amount=number", server.url);
    let said = bench.run(&typed).exits(6);
    let hint = "hint: nothing of it was delivered, so these settings can begin another import: bulkhaul";
    assert!(said.stderr.ends_with(&format!("{hint} {typed} --state x.csv.2.bulkhaul\n")), "{said:?}");
    bench.run(&format!("{typed} --state x.csv.2.bulkhaul")).exits(3);
    assert!(bench.run(&typed).exits(6).stderr.ends_with("--state x.csv.3.bulkhaul\n"));
    // What a replay delivered would be sent twice: nobody is told that it is nothing.
    let server = Scripted::start(&[Step::Says("422 No", "", ""), Step::Says("200 OK", "", "{}")]);
    let bench = Bench::with("x.csv", csv(1));
    bench.run(&format!("send x.csv --to {} --progress none", server.url)).exits(3);
    let typed = format!("--to {} --progress none --type amount=number", server.url);
    bench.run(&format!("replay x.csv.bulkhaul {typed}")).exits(0);
    let said = bench.run(&format!("send x.csv {typed}")).exits(6);
    assert!(
        said.stderr.contains("which sends all rows, also what replays have delivered: bulkhaul send"),
        "{said:?}"
    );
}

#[test]
fn a_limit_is_a_canary_and_the_next_run_goes_on() {
    let bench = Bench::with("x.csv", csv(10));
    let canary = bench.run(&format!("{SEND} --limit 4")).exits(0).books([4, 4, 0, 0, 0]).summary();
    assert_eq!(canary["state"], "stopped");
    assert_eq!(canary["stopped_by"], "limit");
    assert_eq!(canary["resume"], "bulkhaul send x.csv --to sandbox --progress none --json");
    let rest = bench.run(SEND).exits(0).books([10, 10, 0, 0, 0]).summary();
    assert_eq!(rest["state"], "complete");
    assert_eq!(rest["resumed"], true);
    let rows = bench.sandbox_rows("x.csv");
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row.times == 1));
}

#[test]
fn a_canary_that_failed_goes_on_as_a_canary() {
    let server = Scripted::start(&[
        Step::Says("401 No", "", ""),
        Step::Says("503 Later", "retry-after: 9999\r\n", ""),
        Step::Says("200 OK", "", ""),
    ]);
    let bench = Bench::with("x.csv", csv(10));
    let send = format!(
        "send x.csv --to {} --progress none --max-wait 1s --idempotency-header Idempotency-Key --limit 4",
        server.url
    );
    let said = bench.run(&format!("{send} --json")).exits(1).summary();
    assert_eq!(said["resume"], format!("bulkhaul {send} --json"));
    let said = bench.run(&send).exits(4);
    assert!(said.stderr.ends_with(&format!("to go on:\nbulkhaul {send}\n")), "{said:?}");
    let status = bench.run("status").exits(0);
    assert!(status.stdout.ends_with(&format!("to go on:\nbulkhaul {send}\n")), "{status:?}");
    let rest = send.replace(" --limit 4", "");
    let said = bench.run(&send).exits(0);
    assert!(said.stderr.ends_with(&format!("to go on behind it:\nbulkhaul {rest}\n")), "{said:?}");
}

#[test]
fn a_canary_that_was_refused_whole_says_so_even_where_it_is_to_be_quiet() {
    let bench = Bench::with("x.csv", csv(10));
    for quiet in ["", " -q --state quiet.bulkhaul"] {
        let said =
            bench.run(&format!("send x.csv --to sandbox --faults reject=100% --limit 4{quiet}")).exits(0);
        assert!(said.stderr.contains("so far: 0 rows delivered, 4 refused"), "{said:?}");
        assert!(
            said.stderr.contains("dead-letters.ndjson (4 rejected)\nto see why: bulkhaul rejects "),
            "{said:?}"
        );
        let last = format!("bulkhaul send x.csv --to sandbox --faults reject=100%{quiet}\n");
        assert!(
            said.stderr.ends_with(&format!(
                "--limit is reached, and 4 of 4 rows were refused: mend that first; to go on behind them all the same:\n{last}"
            )),
            "{said:?}"
        );
    }
}

#[test]
fn a_limit_of_the_whole_file_completes_it() {
    let bench = Bench::with("x.csv", csv(4));
    let said = bench.run(&format!("{SEND} --limit 4")).exits(0).books([4, 4, 0, 0, 0]).summary();
    assert_eq!(said["state"], "complete");
}

#[test]
fn a_consumed_prefix_that_changed_exits_6_before_the_end() {
    let bench = Bench::with("x.csv", csv(10));
    bench.run(&format!("{SEND} --limit 4")).exits(0);
    bench.write("x.csv", csv(10).replace("r2", "r9"));
    let said = bench.run("send x.csv --to sandbox --progress none").exits(6);
    assert!(said.stderr.contains("the rows that were read before are not the same"), "{said:?}");
    assert_eq!(bench.sandbox_rows("x.csv").len(), 4);
}

#[test]
fn a_tail_that_grew_is_taken_only_when_it_is_accepted() {
    let bench = Bench::with("x.csv", csv(10));
    let before = bench.run(&format!("{SEND} --limit 4")).exits(0).summary();
    bench.write("x.csv", csv(12));
    let said = bench.run("send x.csv --to sandbox --progress none").exits(6);
    assert!(said.stderr.contains("hint: --accept-new-tail goes on with the input as it is now"), "{said:?}");
    let after = bench.run(&format!("{SEND} --accept-new-tail")).exits(0).books([12, 12, 0, 0, 0]).summary();
    assert_eq!(before["import_id"], after["import_id"]);
    assert_eq!(bench.sandbox_rows("x.csv").len(), 12);
}

#[test]
fn a_last_row_without_line_end_that_grew_is_a_changed_row() {
    let text = csv(4);
    let bench = Bench::with("x.csv", text.trim_end());
    let server = bulkhaul::sandbox::Sandbox::start(bulkhaul::sandbox::Options {
        faults: "error=100%".parse().unwrap(),
        ..Default::default()
    })
    .unwrap();
    let send = format!("send x.csv --to orders-batch --url {} --progress none --json", server.url());
    bench.run(&format!("{send} --max-elapsed 1s")).exits(4);
    bench.write("x.csv", format!("{}9\nr5,x,1\n", text.trim_end()));
    bench.run(&format!("{send} --accept-new-tail --max-elapsed 1s")).exits(6);
}

#[test]
fn an_abandoned_import_is_closed_and_counts_what_it_leaves() {
    let bench = Bench::with("x.csv", csv(10));
    bench.run(&format!("{SEND} --limit 4")).exits(0);
    let said = bench.run(&format!("{SEND} --abandon")).exits(0).books([4, 4, 0, 0, 0]);
    let summary = said.summary();
    assert_eq!((&summary["stopped_by"], &summary["resume"]), (&"abandon".into(), &serde_json::Value::Null));
    let status: serde_json::Value =
        serde_json::from_str(&bench.run("status --json").exits(0).stdout).unwrap();
    assert_eq!((&status["resume"], &status["exit"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!(summary["batches"], serde_json::json!({"planned": 1, "settled": 1, "split": 0}));
    bench.run(SEND).exits(6);
    bench.run(&format!("{SEND} --again")).exits(0).books([10, 10, 0, 0, 0]);
}

#[test]
fn what_an_abandoned_import_had_under_way_is_told_as_such_and_nobody_is_said_to_ask_again() {
    let lost = Server::saying(|_, _| None);
    let bench = Bench::with("x.csv", csv(4));
    let send = format!("send x.csv --to {} --progress none --idempotency-header Idempotency-Key", lost.url());
    bench.run(&format!("{send} --max-elapsed 1s")).exits(4);
    let said = bench.run(&format!("{send} --abandon")).exits(0).stderr;
    assert!(
        said.starts_with("the import is abandoned: 0 rows delivered, 4 pending, and may have been applied"),
        "{said}"
    );
    let status = bench.run("status").exits(0).stdout;
    assert!(
        !status.contains("next run") && status.contains("4 rows sent or about to be when it was given up"),
        "{status}"
    );
    let said = bench.run("rejects").exits(0).stdout;
    assert!(
        said.contains("4 rows in doubt") && said.contains("the import was given up, so that nothing"),
        "{said}"
    );
    assert!(!said.contains("--verdict") && !said.contains("resend"), "{said}");
    assert_eq!(bench.run("rejects --in-doubt --export ndjson").exits(0).stdout.lines().count(), 4);
}

#[test]
fn what_again_began_and_was_killed_goes_on_with_the_same_command() {
    let bench = Bench::with("x.csv", csv(20));
    bench.run(SEND).exits(0);
    let again = format!("{SEND} --again --batch-rows 1 --rate 20/s -j 1");
    let mut run = bench.start(&again);
    std::thread::sleep(std::time::Duration::from_millis(600));
    run.kill().unwrap();
    run.wait().unwrap();
    let rest = bench.run(&again).exits(0).books([20, 20, 0, 0, 0]).summary();
    assert_eq!(rest["import"], 2);
    let times: Vec<u64> = bench.sandbox_rows("x.csv").iter().map(|row| row.times).collect();
    assert_eq!(times, [2; 40], "each row once an import");
    // What `--again` did not begin is not finished: whoever says it means another thing.
    let bench = Bench::with("x.csv", csv(20));
    bench.run(&format!("{SEND} --limit 4")).exits(0);
    bench.run(&format!("{SEND} --again")).exits(6);
    bench.run(SEND).exits(0).books([20, 20, 0, 0, 0]);
    assert_eq!(bench.sandbox_rows("x.csv").len(), 20);
}

#[test]
fn the_same_file_and_settings_give_the_same_keys_when_the_ledger_is_lost() {
    let bench = Bench::with("x.csv", csv(10));
    let first = bench.run(SEND).exits(0).summary();
    for file in ["ledger.db", "ledger.db-wal", "dead-letters.ndjson"] {
        let _ = std::fs::remove_file(bench.path(&format!("x.csv.bulkhaul/{file}")));
    }
    let second = bench.run(SEND).exits(0).books([10, 10, 0, 0, 0]).summary();
    assert_eq!(first["import_id"], second["import_id"]);
    assert_eq!(second["requests"]["replayed"], 1);
    assert_eq!(bench.sandbox_rows("x.csv").len(), 10, "the sandbox knew the key");
}

#[test]
fn a_run_killed_before_the_ledger_had_a_schema_is_followed_by_a_first_run() {
    let bench = Bench::with("x.csv", csv(3));
    std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
    bench.write("x.csv.bulkhaul/ledger.db", "");
    bench.run(SEND).exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let bench = Bench::with("x.csv", csv(3));
    std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
    bench.write("x.csv.bulkhaul/ledger.db", "my thesis, chapter one");
    let said = bench.run(SEND).exits(74);
    assert!(said.stderr.starts_with("error: the ledger could not be read or written: "), "{said:?}");
    assert_eq!(bench.read("x.csv.bulkhaul/ledger.db"), "my thesis, chapter one");
}

#[test]
fn a_second_process_on_the_same_state_exits_7_at_once() {
    let bench = Bench::with("x.csv", csv(50));
    let mut first = bench.start("send x.csv --to sandbox --progress none --rate 1/s --batch-rows 10");
    let lock = bench.path("x.csv.bulkhaul/status.json");
    while !lock.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let said = bench.run("send x.csv --to sandbox --progress none").exits(7);
    assert_eq!(
        said.stderr,
        "error: another process runs the import in `x.csv.bulkhaul`\nhint: wait for it to end; how it stands: bulkhaul status x.csv.bulkhaul\n"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    bench.run(SEND).exits(0).books([50, 50, 0, 0, 0]);
    assert_eq!(bench.sandbox_rows("x.csv").len(), 50);
}

#[test]
fn the_state_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with("x.csv", "id,amount\n1,5\n2,-5\n");
    bench.run(SEND).exits(3);
    let mode = |name: &str| std::fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("x.csv.bulkhaul"), 0o700);
    for file in ["ledger.db", "ledger.lock", "status.json", "dead-letters.ndjson"] {
        assert_eq!(mode(&format!("x.csv.bulkhaul/{file}")), 0o600, "{file}");
    }
}

#[test]
fn a_termination_drains_and_says_how_to_go_on() {
    let bench = Bench::with("x.csv", csv(50));
    let first = bench.start("send x.csv --to sandbox --progress none --rate 2/s --batch-rows 5");
    let status = bench.path("x.csv.bulkhaul/status.json");
    while !std::fs::read_to_string(&status).is_ok_and(|text| text.contains("\"state\":\"running\"")) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-TERM", &first.id().to_string()]).status().unwrap();
    let said = crate::support::said(first.wait_with_output().unwrap()).exits(4);
    assert!(
        said.stderr
            .ends_with("\nbulkhaul send x.csv --to sandbox --progress none --rate 2/s --batch-rows 5\n"),
        "{said:?}"
    );
    bench.run(SEND).exits(0).books([50, 50, 0, 0, 0]);
    assert!(bench.sandbox_rows("x.csv").iter().all(|row| row.times == 1));
}

#[test]
fn an_import_id_that_is_not_the_one_it_began_with_exits_6() {
    let bench = Bench::with("x.csv", csv(10));
    let limited = format!("{SEND} --limit 4");
    bench.run(&format!("{limited} --import-id one")).exits(0);
    for options in ["--import-id two", "--import-id two --again"] {
        let said = bench.run(&format!("send x.csv --to sandbox --progress none {options}")).exits(6);
        assert_eq!(
            said.stderr,
            "error: the import here began with another --import-id than `two`, or without one\nhint: say the one that it began with, or none; another import has a state of its own: --state DIR\n"
        );
    }
    assert_eq!(bench.sandbox_rows("x.csv").len(), 4);
    bench.run(&format!("{SEND} --import-id one")).exits(0).books([10, 10, 0, 0, 0]);
    bench.run(&format!("{SEND} --import-id one --again")).exits(0).books([10, 10, 0, 0, 0]);
    bench.run(&format!("{SEND} --import-id two")).exits(6);
    bench.run(&format!("{SEND} --import-id one")).exits(0);
    bench.run(SEND).exits(0);
}

#[test]
fn a_header_that_is_no_secret_is_the_targets_wherever_its_value_comes_from() {
    use crate::support::said;
    let bench = Bench::with("x.csv", csv(3));
    let server = Scripted::start(&[Step::Says("200 OK", "", "{}")]);
    let send = |header: &str, tenant: &str, token: &str| {
        let mut command = bench.command(&format!("send x.csv --to {}/rows --progress none -H", server.url));
        command.arg(header).env("TENANT", tenant).env("TOKEN", token);
        said(command.args(["-H", "X-Api-Key: ${env:TOKEN}"]).output().unwrap())
    };
    send("X-Tenant: ${env:TENANT}", "one", "old").exits(0);
    send("X-Tenant: one", "", "new").exits(0);
    let other = send("X-Tenant: ${env:TENANT}", "two", "new").exits(6);
    assert!(other.stderr.contains("what `-H x-tenant` names counts as the target's"), "{other:?}");
    assert!(!other.stderr.contains("two"), "{other:?}");
    assert_eq!(server.got().len(), 1);
}

#[test]
fn the_header_of_a_profiles_credential_is_no_part_of_what_an_import_is_known_by() {
    use crate::support::said;
    let (bench, server) = (Bench::with("x.csv", csv(3)), Scripted::start(&[Step::Says("200 OK", "", "{}")]));
    bench.write(
        "t.toml",
        format!(
            "[profile]\nversion = 1\nname = \"t\"\n[params.pass]\nsecret = true\nenv = \"PASS\"\n\
             [auth]\nscheme = \"header\"\nname = \"X-Session\"\nvalue = \"${{param.pass}}\"\n\
             [request]\nurl = \"{}/rows\"\n[[response]]\nwhen = {{ status = [200] }}\nthen = \"ok\"\n",
            server.url
        ),
    );
    for session in ["one", "two"] {
        let mut command = bench.command("send x.csv --to ./t.toml --progress none -H");
        command.arg("X-Session: ${env:SESSION}").env("SESSION", session).env("PASS", "p");
        said(command.output().unwrap()).exits(0);
    }
    assert_eq!(server.got().len(), 1);
}

#[test]
fn a_canary_behind_a_run_that_has_planned_more_says_so_before_it_sends() {
    let server = Scripted::start(&[Step::Says("401 No", "", ""), Step::Says("200 OK", "", "")]);
    let bench = Bench::with("x.csv", csv(10));
    let send = format!("send x.csv --to {} --progress none --batch-rows 5 -j 1", server.url);
    bench.run(&send).exits(1);
    let pending = bench.run("status --json").exits(0).summary()["rows"]["pending"].as_u64().unwrap();
    let note =
        format!("note: {pending} rows that an earlier run has planned go first, also behind --limit 4\n");
    let said = bench.run(&format!("{send} --limit 4")).exits(0);
    assert!(said.stderr.starts_with(&note), "{said:?}");
    let said = bench.run(&send).exits(0);
    assert!(!said.stderr.contains("note: "), "{said:?}");
}

#[test]
fn a_canary_whose_rows_are_in_doubt_says_why_and_does_not_bid_to_go_on() {
    let server = Scripted::start(&[Step::Loses]);
    let bench = Bench::with("x.csv", csv(10));
    for quiet in ["", " -q --state quiet.bulkhaul"] {
        let send = format!("send x.csv --to {}{quiet}", server.url);
        let said = bench.run(&format!("{send} --limit 4")).exits(0).stderr;
        assert!(
            said.contains(
                "\nthe reason: connection closed before message completed\nhint: is it the right port"
            ) && said.contains("\nhint: look at the target first"),
            "{said}"
        );
        let end = format!(
            "--limit is reached, and 4 of 4 rows are in doubt: find out first why; to go on behind them all the same:\n\
             bulkhaul {send}\n"
        );
        assert!(said.ends_with(&end), "{said}");
    }
}

#[test]
fn an_import_that_was_turned_away_at_the_door_and_given_up_counts_as_not_sent() {
    let server = Scripted::start(&[Step::Says("401 No", "", ""), Step::Says("422 No", "", "")]);
    let bench = Bench::with("x.csv", csv(1));
    let send = format!("send x.csv --to {} --progress none", server.url);
    bench.run(&send).exits(1);
    bench.run(&format!("{send} --abandon")).exits(0);
    bench.run(&format!("{send} --again")).exits(3);
    let said = bench.run(&format!("{send} --method PUT")).exits(6).stderr;
    assert!(
        said.contains("hint: nothing of it was delivered, so these settings can begin another import"),
        "{said}"
    );
}

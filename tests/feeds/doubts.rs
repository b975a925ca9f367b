//! A row of which nobody knows whether it was applied is not sent again by the next feed, and not forgotten either.

use super::rows;
use crate::support::scripted::{Scripted, Step};
use crate::support::{Bench, Said};

const OK: Step = Step::Says("200 OK", "", "{}");
const TWO: &str = "id,value\nr1,a\nr2,a\n";

fn sync(server: &Scripted, more: &str) -> String {
    format!("send x.csv --to {}/ --sync id --state s --progress none --json {more}", server.url)
}

/// Rows in doubt, and requests so far.
fn doubt(said: &Said, server: &Scripted) -> (u64, usize) {
    (said.summary()["rows"]["in_doubt"].as_u64().unwrap(), server.got().len())
}

#[test]
fn a_row_in_doubt_is_not_sent_again_by_the_next_feed_that_has_it_as_it_was() {
    let (bench, server) = (Bench::with("x.csv", TWO), Scripted::start(&[Step::Loses, OK]));
    let first = bench.run(&sync(&server, "")).exits(5);
    assert_eq!(doubt(&first, &server), (2, 1));
    assert_eq!(bench.run("rejects s --json").exits(0).summary()["held"], 0);
    for _ in 0..2 {
        let said = bench.run(&sync(&server, "")).exits(5);
        assert_eq!((rows(&said), doubt(&said, &server)), ([2, 0, 0, 0, 0], (2, 1)));
        bench.run("audit s x.csv").exits(0);
    }
    let said = bench.run("rejects s").exits(0);
    let words = "2 rows in doubt since an earlier feed or its replay: this one has them as then, so they are held and not sent again";
    assert!(said.stdout.contains(words), "{said:?}");
    assert_eq!(bench.run("rejects s --json").exits(0).summary()["held"], 2);
    let plan = bench.run(&sync(&server, "-n").replace("--json", "")).exits(0);
    assert!(plan.stdout.contains("0 new, 0 changed, 0 unchanged, 2 still in doubt and held\n"), "{plan:?}");
    bench.write("x.csv", "id,value\nr1,b\nr2,a\n");
    let said = bench.run(&sync(&server, "")).exits(5);
    assert_eq!((rows(&said), doubt(&said, &server)), ([2, 1, 0, 0, 0], (1, 2)));
    assert!(server.got()[1].body.contains(r#"[{"id":"r1","value":"b"}]"#), "{:?}", server.got()[1]);
    bench.run("audit s x.csv").exits(0);
    let said = bench.run(&sync(&server, "--on-ambiguous resend")).exits(0);
    assert_eq!((rows(&said), doubt(&said, &server)), ([2, 1, 0, 1, 0], (0, 3)));
    assert!(server.got()[2].body.contains(r#"[{"id":"r2","value":"a"}]"#), "{:?}", server.got()[2]);
    assert_eq!(rows(&bench.run(&sync(&server, "")).exits(0)), [2, 0, 0, 2, 0]);
    bench.run("audit s x.csv").exits(0);
}

#[test]
fn a_feed_in_doubt_goes_again_under_its_own_keys_once_a_person_says_so() {
    let foreign = Step::Says("200 OK", "", r#"{"results":[{"id":"else","status":"ok"}]}"#);
    let good = Step::Says("200 OK", "", r#"{"results":[{"id":"r1","status":"ok"}]}"#);
    let bench = Bench::with("x.csv", "id\nr1\n");
    let server = Scripted::start(&[foreign.clone(), foreign.clone(), foreign.clone(), foreign, good]);
    let sync = format!(
        "send x.csv --to orders-batch --url {} --sync id --state s --progress none --json",
        server.url
    );
    bench.run(&sync).exits(5);
    assert_eq!(doubt(&bench.run(&sync).exits(5), &server), (1, 2));
    // The newest import has no request to repeat: the row goes with the feed. Then it has one.
    bench.run(&format!("{sync} --on-ambiguous resend")).exits(5);
    bench.run(&format!("{sync} --on-ambiguous resend")).exits(0);
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert_eq!(keys.len(), 5);
    assert!(keys[0] == keys[1] && keys[1] != keys[2] && keys[2] == keys[3] && keys[3] == keys[4], "{keys:?}");
    assert_eq!(rows(&bench.run(&sync).exits(0)), [1, 0, 0, 1, 0]);
}

#[test]
fn rows_that_were_sent_again_and_are_still_in_doubt_are_not_sent_twice_by_one_command() {
    let duplicate = Step::Says("422 Unprocessable", "", r#"{"error":"duplicate"}"#);
    let (bench, server) = (Bench::with("x.csv", TWO), Scripted::start(&[Step::Loses, duplicate]));
    bench.run(&sync(&server, "--batch-rows 2")).exits(5);
    let said = bench.run(&sync(&server, "--on-ambiguous resend")).exits(5);
    assert_eq!(doubt(&said, &server).0, 2);
    let sent = server.got().iter().map(|got| got.body.matches("r1").count()).sum::<usize>();
    assert!(sent <= 3 && said.summary()["rows"]["rejected"] == 0, "{sent} {said:?}");
}

const ASKED: &str = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
    [request]\nurl = \"${param.base}/rows\"\n[flow]\nconcurrency = 1\n[[response]]\nwhen = { status = [200] }\n\
    then = \"ok\"\n[verify]\nurl = \"${param.base}/rows/${row:/id}\"\napplied = { status = [200] }\n\
    not_applied = { status = [404] }\n";

#[test]
fn a_target_that_can_be_asked_decides_about_the_doubts_of_the_last_feed() {
    let bench = Bench::with("x.csv", "id,value\nr1,a\n");
    bench.write("t.toml", ASKED);
    let server = Scripted::start(&[Step::Loses, OK]);
    let sync =
        format!("send x.csv --to ./t.toml --url {} --sync id --state s --progress none --json", server.url);
    bench.run(&sync).exits(5);
    bench.write("x.csv", "id,value\nr1,a\nr2,a\n");
    let said = bench.run(&format!("{sync} --on-ambiguous verify")).exits(0);
    assert_eq!(rows(&said), [2, 1, 0, 1, 0]);
    let bodies: Vec<usize> = server.got().iter().map(|got| got.body.matches("r1").count()).collect();
    assert_eq!(bodies, [1, 0, 0], "it was asked about, and is not sent again");
}

#[test]
fn what_never_left_is_sent_by_the_next_feed_though_its_import_was_given_up() {
    let (bench, server) = (Bench::with("x.csv", TWO), Scripted::start(&[Step::Says("405 No", "", ""), OK]));
    bench.run(&sync(&server, "")).exits(1);
    bench.run(&sync(&server, "--abandon")).exits(0);
    assert_eq!(rows(&bench.run(&sync(&server, "")).exits(0)), [2, 2, 0, 0, 0]);
}

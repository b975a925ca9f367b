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

/// One row a request; the first one's answer is lost, and two feeds later the target is asked.
fn asked_late(second: &str, answers: &[Step]) -> (Bench, Scripted, Said) {
    let bench = Bench::with("x.csv", "id,value\nr1,a\n");
    bench.write("t.toml", ASKED);
    let steps = [&[Step::Loses, OK], answers].concat();
    let server = Scripted::start(&steps);
    let sync =
        format!("send x.csv --to ./t.toml --url {} --sync id --state s --progress none --json", server.url);
    bench.run(&sync).exits(5);
    bench.write("x.csv", format!("id,value\n{second}\nr2,a\n"));
    let code = if second == "r1,a" { 5 } else { 0 };
    assert_eq!(rows(&bench.run(&sync).exits(code))[1], if code == 5 { 1 } else { 2 });
    bench.write("x.csv", format!("id,value\n{second}\nr2,a\nr3,a\n"));
    let said = bench.run(&format!("{sync} --on-ambiguous verify"));
    bench.run("audit s x.csv").exits(0);
    let again = bench.run(&sync);
    assert_eq!((rows(&again)[1], again.summary()["requests"]["sent"].as_u64()), (0, Some(0)), "{again:?}");
    (bench, server, said)
}

fn sent_of(server: &Scripted, id: &str) -> Vec<usize> {
    server.got().iter().map(|got| got.body.matches(id).count()).collect()
}

#[test]
fn a_target_that_can_be_asked_decides_about_the_doubts_of_earlier_feeds_too() {
    // Lost, the row of the second feed, the question, the row of the third.
    let (_, server, said) = asked_late("r1,a", &[OK, OK]);
    assert_eq!((rows(&said), said.exit), ([3, 1, 0, 2, 0], 0), "{said:?}");
    assert_eq!(sent_of(&server, "r1"), [1, 0, 0, 0]);
    assert!(said.stderr.starts_with("first what x.csv has left in doubt: the target is asked\n"), "{said:?}");
    // What was not applied goes again, once.
    let (_, server, said) = asked_late("r1,a", &[Step::Says("404 No", "", ""), OK]);
    assert_eq!((rows(&said), said.exit), ([3, 1, 0, 2, 0], 0), "{said:?}");
    assert_eq!(sent_of(&server, "r1"), [1, 0, 0, 1, 0]);
}

#[test]
fn nobody_asks_about_an_older_row_once_a_newer_one_was_delivered() {
    let (_, server, said) = asked_late("r1,b", &[OK, OK]);
    assert_eq!((rows(&said), said.exit), ([3, 1, 0, 2, 0], 0), "{said:?}");
    // The lost one, the newer one, and the other two.
    assert_eq!(server.got().len(), 4, "{:?}", server.got());
}

#[test]
fn what_cannot_be_found_out_about_an_earlier_feed_stays_held_and_what_is_refused_then_is_no_longer_in_doubt()
{
    let unknown = Step::Says("418 What", "", "");
    let bench = Bench::with("x.csv", "id,value\nr1,a\n");
    bench.write("t.toml", format!("{ASKED}[retry]\nattempts = 2\nbase = \"1ms\"\n"));
    let no = Step::Says("404 No", "", "");
    let refused = Step::Says("422 No", "", "{}");
    let steps = [Step::Loses, OK, unknown.clone(), unknown, OK, no, refused, OK];
    let server = Scripted::start(&steps);
    bench.write(
        "t.toml",
        bench.read("t.toml") + "[[response]]\nwhen = { status = [422] }\nthen = \"reject\"\n",
    );
    let sync =
        format!("send x.csv --to ./t.toml --url {} --sync id --state s --progress none --json", server.url);
    bench.run(&sync).exits(5);
    bench.write("x.csv", "id,value\nr1,a\nr2,a\n");
    bench.run(&sync).exits(5);
    bench.write("x.csv", "id,value\nr1,a\nr2,a\nr3,a\n");
    let said = bench.run(&format!("{sync} --on-ambiguous verify")).exits(5);
    assert_eq!((rows(&said), doubt(&said, &server)), ([3, 1, 0, 1, 0], (1, 5)));
    let said = bench.run(&format!("{sync} --on-ambiguous verify")).exits(3);
    // Asked, refused; then it is sent with the feed as any row that was refused.
    assert_eq!((rows(&said), doubt(&said, &server)), ([3, 1, 0, 2, 0], (0, 8)));
    assert_eq!(rows(&bench.run(&sync).exits(0)), [3, 0, 0, 3, 0]);
}

#[test]
fn a_run_that_goes_on_with_resend_takes_up_what_it_has_held() {
    let (bench, server) = (Bench::with("x.csv", TWO), Scripted::start(&[Step::Loses, OK]));
    bench.run(&sync(&server, "")).exits(5);
    bench.write("x.csv", format!("{TWO}r3,a\nr4,a\n"));
    bench.run(&sync(&server, "--limit 3")).exits(0);
    let said = bench.run(&sync(&server, "--on-ambiguous resend")).exits(0);
    assert_eq!((rows(&said), doubt(&said, &server).0), ([4, 3, 0, 1, 0], 0), "{said:?}");
    assert_eq!(sent_of(&server, "r1"), [1, 0, 1]);
    assert_eq!(rows(&bench.run(&sync(&server, "")).exits(0)), [4, 0, 0, 4, 0]);
}

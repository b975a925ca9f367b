//! A key is told as the target was shown it, so that a person can ask its people about the request.

use super::pipes::fed;
use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;
use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv};
use serde_json::{Value, json};

/// A profile whose keys are made so.
fn profile(keys: &str) -> String {
    format!(
        "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
         [request]\nurl = \"${{param.base}}/rows\"\n[idempotency]\nsend = {{ header = \"Idempotency-Key\" }}\n{keys}\n\
         [[response]]\nwhen = {{ status = [200] }}\nthen = \"ok\"\n[[response]]\nwhen = {{ status = [422] }}\nthen = \"reject\"\n"
    )
}

#[test]
fn dead_letters_and_the_log_say_the_key_as_the_target_was_shown_it() {
    let cases = [
        ("scope = \"batch\"\nkey = { format = \"hex\" }", "", 64),
        ("scope = \"batch\"\nkey = { format = \"uuid\" }", "-", 36),
        ("scope = \"batch\"\nkey = { format = \"base32\", max = 20 }", "", 20),
        ("scope = \"batch\"\nkey = { format = \"uuid\", quoted = true }", "\"", 38),
        ("scope = \"row\"\nkey = { template = \"${row.idem}\" }", "-", 36),
        ("scope = \"row\"\nkey = { template = \"order-${row:/id}\", format = \"raw\" }", "order-r", 8),
    ];
    for (keys, has, length) in cases {
        let (bench, server) = (Bench::with("x.csv", csv(2)), Scripted::start(&[Says("422 No", "", "{}")]));
        bench.write("t.toml", profile(keys));
        let to = format!("--to ./t.toml --url {} -j 1 --progress none", server.url);
        let said = bench.run(&format!("send x.csv {to} -v --log-format json")).exits(3);
        let shown: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
        assert!(shown.iter().all(|key| key.contains(has) && key.len() == length), "{keys}: {shown:?}");
        let told: Vec<Value> =
            bench.dead_letters("x.csv").iter().map(|letter| letter["batch"].clone()).collect();
        assert_eq!(told, shown, "{keys}");
        let log = said.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let left: Vec<Value> =
            log.filter(|line| line["message"] == "leaves").map(|line| line["key"].clone()).collect();
        assert_eq!(left, shown, "{keys}");
        bench.run("audit x.csv.bulkhaul x.csv").exits(0);
        bench.run(&format!("replay x.csv.bulkhaul {to}")).exits(3);
        bench.run("audit x.csv.bulkhaul/replays/1").exits(0);
    }
}

#[test]
fn a_key_that_a_message_brings_stands_in_its_item_and_a_queue_that_delivers_twice_doubles_nothing() {
    let profile = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
                   [request]\nurl = \"${param.base}/rows\"\nitem = '{\"k\":\"${row.idem}\",\"...\":\"${row}\"}'\n\
                   [idempotency]\nscope = \"row\"\nkey = { template = \"m-${row:/id}\", format = \"raw\" }\n\
                   [[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n[[response]]\nwhen = { status = [422] }\nthen = \"reject\"\n";
    let bench = Bench::with("x.ndjson", "{\"id\":7}\n{\"id\":8}\n{\"id\":7,\"v\":2}\n");
    bench.write("t.toml", profile);
    // It refuses the first that it is shown of 8.
    let server = Server::saying(|got, _| {
        Some(Answer::json(if got.body.contains("m-8\"") { 422 } else { 200 }, &json!({})))
    });
    let to = format!("--to ./t.toml --url {} -j 1 --progress none --json", server.url());
    let sent = || -> Vec<String> {
        let of =
            |body: &str| serde_json::from_str::<Value>(body).unwrap()[0]["k"].as_str().unwrap().to_owned();
        server.requests().iter().map(|got| of(&got.body)).collect()
    };
    bench.run(&format!("send x.ndjson {to}")).exits(3).books([3, 1, 2, 0, 0]);
    assert_eq!(sent(), ["m-7", "m-8"]);
    let letters = bench.dead_letters("x.ndjson");
    let codes: Vec<&Value> = letters.iter().map(|letter| &letter["error"]["code"]).collect();
    assert!(codes.contains(&&json!("duplicate_key")) && codes.contains(&&json!("rejected")), "{letters:?}");
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    // What was refused goes under another key.
    bench.run(&format!("replay x.ndjson.bulkhaul {to}"));
    assert!(sent().contains(&"m-8~2".to_owned()), "{:?}", sent());
    bench.run(&format!("send x.ndjson {to} --again")).exits(3);
    assert!(sent().contains(&"m-7~i2".to_owned()), "{:?}", sent());
    // The messages of all streams of a queue are known by what they bring along.
    let before = sent().len();
    for _ in 0..2 {
        let stream = format!("send - --format ndjson --state q {to} --new-stream");
        fed(&bench, &stream, "{\"id\":9}\n").exits(0);
    }
    assert_eq!(sent()[before..], ["m-9", "m-9"]);
}

//! A key is told as the target was shown it, so that a person can ask its people about the request.

use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;
use crate::support::{Bench, csv};
use serde_json::Value;

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

//! `bulkhaul plan`, and `send --dry-run`.

use crate::support::{Bench, csv, said};
use bulkhaul::sandbox::{Options, Sandbox};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

/// Everything in a folder, with its bytes and when it was changed.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let changed = path.metadata().unwrap().modified().unwrap();
        if path.is_dir() {
            found.insert(format!("{}/", path.display()), (Vec::new(), changed));
            found.extend(snapshot(&path));
        } else {
            found.insert(path.display().to_string(), (std::fs::read(&path).unwrap(), changed));
        }
    }
    found
}

#[test]
fn a_plan_says_what_would_be_sent_and_leaves_no_trace() {
    let bench = Bench::with("x.csv", csv(25));
    let before = snapshot(&bench.path("."));
    let said = bench.run("plan x.csv --to sandbox --batch-rows 10 --rate 2/s").exits(0);
    assert_eq!(said.stderr, "");
    let (head, rest) = said.stdout.split_once("\n\nthe first request:\n").unwrap();
    assert_eq!(
        head,
        "\
x.csv to orders-batch: 25 rows
  3 requests of at most 10 rows and 1,000,000 bytes: 1,396 bytes in all
  at 2 requests a second that takes 1.5 s, if the target keeps up"
    );
    let (curl, end) = rest.split_once("\n\n").unwrap();
    assert!(curl.starts_with("  curl -X POST http://127.0.0.1:PORT/api/orders/batch \\\n"), "{curl}");
    assert!(
        curl.contains("\n    --data-binary '{\"operations\":[{\"id\":\"r1\",\"city\":\"Zürich, "),
        "{curl}"
    );
    assert_eq!(
        end,
        "\
nothing was sent, and nothing was written
to send it:
  bulkhaul send x.csv --to sandbox --batch-rows 10 --rate 2/s
"
    );
    let dry = bench.run("send x.csv --to sandbox --batch-rows 10 --rate 2/s -n").exits(0);
    assert_eq!(dry.stdout, said.stdout);
    assert_eq!(snapshot(&bench.path(".")), before);
}

#[test]
fn the_first_request_is_the_one_that_is_sent() {
    let bench = Bench::with("x.csv", csv(25));
    let server = Sandbox::start(Options::default()).unwrap();
    let to = format!("--to orders-batch --url {} --batch-rows 10", server.url());
    let plan = bench.run(&format!("plan x.csv {to} --json")).exits(0);
    assert_eq!(plan.stderr, "");
    let plan = plan.summary();
    assert_eq!(plan["batches"], 3);
    assert_eq!(plan["rows"]["sendable"], 25);
    assert_eq!(plan["estimate_s"], serde_json::Value::Null);
    // Nothing arrived.
    assert!(crate::support::get(&format!("{}/_sandbox/truth", server.url())).contains("\"applied\":0"));
    // The planned request under its key is answered from memory once the import was sent: it is the same.
    bench.run(&format!("send x.csv {to} --progress none --json")).exits(0).books([25, 25, 0, 0, 0]);
    let answer = replay(&plan["first_request"]);
    assert_eq!(answer.0, 200);
    assert_eq!(answer.1.as_deref(), Some("true"), "the key is known, and so is the body");
    server.stop();
}

/// Sends the request of a plan; the status, and whether it was answered from memory.
fn replay(request: &serde_json::Value) -> (u16, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let url = request["url"].as_str().unwrap();
        let mut post = reqwest::Client::new().post(url).body(request["body"].as_str().unwrap().to_owned());
        for header in request["headers"].as_array().unwrap() {
            let (name, value) = header.as_str().unwrap().split_once(": ").unwrap();
            post = post.header(name, value);
        }
        let answer = post.send().await.unwrap();
        let replayed = answer.headers().get("idempotency-replayed");
        (answer.status().as_u16(), replayed.map(|value| value.to_str().unwrap().to_owned()))
    })
}

#[test]
fn no_secret_is_shown_however_it_was_given() {
    let bench = Bench::with("x.csv", csv(2));
    bench.write("key file", "canary-file-1\n");
    let run = |arguments: &[&str]| {
        let mut command = bench.command("plan x.csv");
        command.args(arguments).env("ORDERS_TOKEN", "canary-env-2").env("MINE", "canary-env-3");
        said(command.output().unwrap()).exits(0)
    };
    let of_profile = ["--to", "orders-batch", "--url", "http://x.example"];
    let of_url = [
        "--to",
        "http://x.example/a",
        "-H",
        "X-Api-Key: ${file:key file}",
        "-H",
        "X-Other: a \"b\" ${env:MINE}",
    ];
    let of_set = ["--to", "orders-batch", "--url", "http://x.example", "--set", "token=${env:MINE}"];
    let expected = [
        vec!["-H \"authorization: Bearer $ORDERS_TOKEN\""],
        vec!["-H \"x-api-key: $(cat 'key file')\"", "-H \"x-other: a \\\"b\\\" $MINE\""],
        vec!["-H \"authorization: Bearer $MINE\""],
    ];
    for (arguments, expected) in [&of_profile[..], &of_url[..], &of_set[..]].iter().zip(expected) {
        let words = run(arguments);
        let json = run(&[arguments, &["--json"][..]].concat());
        for said in [&words, &json] {
            assert!(!said.stdout.contains("canary") && !said.stderr.contains("canary"), "{said:?}");
        }
        let line = json.summary()["curl"].as_str().unwrap().to_owned();
        for expected in expected {
            assert!(words.stdout.contains(expected), "{expected}: {words:?}");
            assert!(line.contains(expected), "{expected}: {line}");
        }
    }
    bench.write(
        "basic.toml",
        "[profile]\nversion = 1\nname = \"b\"\n[params.password]\nenv = \"MINE\"\nsecret = true\n[auth]\nscheme = \"basic\"\n\
         username = \"me\"\npassword = \"${param.password}\"\n[request]\nmethod = \"POST\"\nurl = \"http://x.example/\"\n\
         query = { again = \"${param.password}\" }\nitem = '''{\"p\":\"${param.password}\"}'''\n\
         [[response]]\nwhen = { status = [\"2xx\"] }\nthen = \"ok\"\n",
    );
    let words = run(&["--to", "basic.toml"]);
    assert!(words.stdout.contains("authorization: Basic ***"), "{words:?}");
    assert!(words.stdout.contains("\"http://x.example/?again=$MINE\""), "{words:?}");
    assert!(words.stdout.contains("--data-binary \"[{\\\"p\\\":\\\"$MINE\\\"},"), "{words:?}");
    assert!(!words.stdout.contains("canary"), "{words:?}");
}

#[test]
fn rows_that_would_be_refused_are_grouped_and_the_exit_tells() {
    let mut text = csv(30);
    text.push_str("short\nr31,x,12.5\nr32,y,12 EUR\nr33,y,\"7,5\"\n");
    let bench = Bench::with("x.csv", &text);
    let said = bench.run("plan x.csv --to sandbox --type amount=number").exits(3);
    let (_, refused) =
        said.stdout.split_once("\n\n3 rows would be refused before anything is sent:\n").unwrap();
    let (refused, _) = refused.split_once("\n\n").unwrap();
    assert_eq!(
        refused,
        "  1  1 row  field_count
     e.g. x.csv line 32, row 31: 1 field, the header has 3
  2  1 row  type_mismatch
     e.g. x.csv line 34, row 33, field /amount: `12 EUR` is not a number
  3  1 row  type_mismatch
     e.g. x.csv line 35, row 34, field /amount: `7,5` is not a number: there is a comma in it; export it with a point, or leave --type out, and it goes as a string"
    );
    let json = bench.run("plan x.csv --to sandbox --type amount=number --json").exits(3).summary();
    assert_eq!(json["rows"], serde_json::json!({"read": 34, "sendable": 31, "refused": 3}));
    assert_eq!(json["refused"][1]["example"]["line"], 34);
    assert_eq!(json["refused"][1]["example"]["field"], "/amount");
    assert_eq!(json["exit"], 3);
    assert_eq!(std::fs::read_dir(bench.path(".")).unwrap().count(), 1);
}

#[test]
fn a_bare_url_is_planned_with_what_is_taken_for_granted() {
    let bench = Bench::with("x.ndjson", "{\"a\":1}\n{\"a\":\"it's\"}\n");
    let said = bench.run("plan x.ndjson --to http://127.0.0.1:9/in --envelope rows --row-rate 1/m").exits(0);
    assert!(said.stdout.starts_with("x.ndjson to http://127.0.0.1:9/in: 2 rows\n"), "{said:?}");
    for line in [
        "  at 1 row a minute that takes 2 min 0 s, if the target keeps up\n",
        "  any 2xx is taken to deliver all rows of a request\n",
        "  400 and 422 are taken to have applied nothing: the request is halved until the row at fault is alone\n",
        "  without idempotency keys, rows whose answer is lost are held as in doubt\n",
        "    --data-binary '{\"rows\":[{\"a\":1},{\"a\":\"it'\\''s\"}]}'\n",
    ] {
        assert!(said.stdout.contains(line), "{line}{said:?}");
    }
    let keyed = "plan x.ndjson --to http://127.0.0.1:9/in --idempotency-header Idempotency-Key";
    let said = bench.run(keyed).exits(0);
    let line =
        "  but behind a lost answer they leave the rows in doubt: the first try may have been applied\n";
    assert!(said.stdout.contains(line), "{said:?}");
}

#[test]
fn a_target_that_forgets_keys_too_soon_to_be_sent_one_again_is_told_so_beforehand() {
    let bench = Bench::with("x.ndjson", "{\"a\":1}\n");
    let plan = |ttl: &str| {
        let url = "http://127.0.0.1:9/in --idempotency-header Idempotency-Key --key-ttl";
        bench.run(&format!("plan x.ndjson --to {url} {ttl}")).exits(0).stdout
    };
    let told = "  with keys that are remembered for 4 min 0 s, and not sent in their last 5 min, rows whose answer is lost are held as in doubt\n";
    assert!(plan("4m").contains(told), "{}", plan("4m"));
    assert!(!plan("10m").contains("held as in doubt"), "{}", plan("10m"));
    for (ttl, keys, unknown) in [
        (
            "5m",
            "remembered 5m, and so never sent again: none is in its last 5 min",
            "in doubt, unless --on-ambiguous says otherwise",
        ),
        ("6m", "remembered 6m\n", "the same again, same key"),
    ] {
        let child = "version = 1\nname = \"x\"\nextends = \"orders-batch\"\n[idempotency]\nttl";
        bench.write("x.toml", format!("[profile]\n{child} = \"{ttl}\"\n"));
        let said = bench.run("targets check x.toml").exits(0).stdout;
        assert!(said.contains(keys) && said.contains(&format!("outcome unknown: {unknown}\n")), "{said}");
    }
}

#[test]
fn the_curl_line_is_one_that_a_shell_takes_apart_as_it_was_meant() {
    let bench = Bench::with("x.ndjson", "{\"a\":\"it's $HOME `id` \\\\ \\\"q\\\"\"}\n");
    let plan = bench.run("plan x.ndjson --to http://127.0.0.1:9/in?a=1&b=2 --json").exits(0).summary();
    let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}\n{}", plan["curl"].as_str().unwrap());
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        words.lines().collect::<Vec<_>>(),
        [
            "-X",
            "POST",
            "http://127.0.0.1:9/in?a=1&b=2",
            "-H",
            "content-type: application/json",
            "--data-binary",
            plan["first_request"]["body"].as_str().unwrap(),
        ]
    );
}

#[test]
fn groups_and_jobs_are_told() {
    let bench = Bench::with("x.csv", csv(5));
    let said = bench.run("plan x.csv --to imports-async --url http://127.0.0.1:9").exits(0);
    assert!(said.stdout.contains("polls come on top\n"), "{said:?}");
    assert!(!said.stdout.contains("note: $"), "{said:?}");
    let single = "plan x.csv --to single --set path=/x --url http://127.0.0.1:9";
    let said = bench.run(single).exits(0);
    assert!(said.stdout.contains("  note: $BULKHAUL_TOKEN is not set, so requests go without a token\n"));
    let event = "{\"aggregate_type\":\"user\",\"aggregate_id\":\"u1\",\"type\":\"was_x\",\"data\":{}}\n";
    bench.write("e.ndjson", event);
    let said = bench.run("plan e.ndjson --to j17 --set actor_id=me").exits(0);
    assert!(
        said.stdout.contains("  and 1 request that read the state of a group, one before each\n"),
        "{said:?}"
    );
    assert!(said.stdout.contains("curl -X POST https://myapp.j17.dev/user/u1 \\\n"), "{said:?}");
}

#[test]
fn steps_around_a_request_are_told_and_what_comes_from_them_is_called_by_its_name() {
    let bench = Bench::with("x.csv", "id\n1\n2\n");
    bench.write(
        "t.toml",
        "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
         [[before]]\nname = \"begin\"\nurl = \"${param.base}/tx\"\ncapture = { tx = \"/tx\" }\n\
         [[before]]\nname = \"lock\"\nurl = \"${param.base}/tx/${step.tx}/lock\"\ncapture = { lock = \"/lock\" }\n\
         [request]\nurl = \"${param.base}/tx/${step.tx}/rows\"\nbody = '{\"lock\":\"${step.lock}\",\"rows\":\"${rows}\"}'\ncommit = \"after\"\n\
         [[after]]\nname = \"commit\"\nurl = \"${param.base}/tx/${step.tx}/commit\"\n",
    );
    let plan = "plan x.csv --to ./t.toml --url http://127.0.0.1:9";
    let said = bench.run(plan).exits(0);
    for line in [
        "  and 2 requests before each: begin, lock\n  and 1 request behind each: commit\n",
        "curl -X POST http://127.0.0.1:9/tx/step.tx/rows \\\n",
        "--data-binary '{\"lock\":\"step.lock\",\"rows\":[{\"id\":\"1\"}]}'\n",
        "  (what the steps before it tell is not known yet: it stands as step.lock, step.tx)\n",
    ] {
        assert!(said.stdout.contains(line), "{line}{said:?}");
    }
    let json = bench.run(&format!("{plan} --json")).exits(0).summary();
    assert_eq!((&json["requests"], &json["steps"]["before"][1]), (&8.into(), &"lock".into()));
}

#[test]
fn what_has_no_meaning_for_a_plan_is_refused_and_so_is_bad_input() {
    let bench = Bench::with("x.csv", "a,b\n1,\"2\n");
    let said = bench.run("plan x.csv --to sandbox --again").exits(2);
    assert!(
        said.stderr.starts_with("error: `--again` is for `send`: a plan sends nothing and keeps nothing\n")
    );
    bench.run("send x.csv --to sandbox -n --abandon").exits(2);
    let said = bench.run("plan x.csv --to sandbox --json").exits(1);
    assert!(
        said.stderr.starts_with("error: input `x.csv`: the quote opened on line 2 is never closed\nhint: ")
    );
    assert_eq!(
        said.summary()["error"]["message"],
        "input `x.csv`: the quote opened on line 2 is never closed"
    );
    let said = bench.run("plan none.csv --to sandbox").exits(1);
    assert_eq!(said.stderr, "error: cannot read `none.csv`: no such file\n");
    bench.write("empty.csv", "a,b\n");
    let said = bench.run("plan empty.csv --to sandbox").exits(0);
    assert!(said.stdout.contains("the input has no rows: nothing would be sent"), "{said:?}");
}

#[test]
fn a_pipe_can_be_planned_and_a_limit_holds() {
    let bench = Bench::with("x.csv", csv(40));
    let input = std::fs::File::open(bench.path("x.csv")).unwrap();
    let mut command = bench.command("plan - --format csv --to sandbox --limit 30 --json");
    let plan = said(command.stdin(input).output().unwrap()).exits(0).summary();
    assert_eq!(plan["rows"]["sendable"], 30);
    assert_eq!(plan["inputs"], serde_json::json!(["-"]));
    assert_eq!(std::fs::read_dir(bench.path(".")).unwrap().count(), 1);
}

#[test]
fn a_plan_takes_the_state_of_the_command_that_it_is_about_and_leaves_it_alone() {
    let bench = Bench::with("x.csv", csv(3));
    for plan in ["plan", "send -n"] {
        let said = bench.run(&format!("{plan} x.csv --to sandbox --state s")).exits(0);
        assert!(
            said.stdout.ends_with("to send it:\n  bulkhaul send x.csv --to sandbox --state s\n"),
            "{said:?}"
        );
    }
    assert!(!bench.path("s").exists());
}

#[test]
fn a_plan_of_which_nothing_can_be_sent_does_not_bid_to_send_it() {
    let bench = Bench::with("x.csv", csv(3));
    let said = bench.run("plan x.csv --to sandbox --type city=number").exits(3);
    assert!(said.stdout.contains("  none of them can be sent\n"), "{said:?}");
    assert!(!said.stdout.contains("to send it"), "{said:?}");
}

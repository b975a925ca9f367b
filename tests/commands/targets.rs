//! `bulkhaul targets`: list, show, check, new.

use crate::support::{Bench, applied, csv, said};
use bulkhaul::sandbox::{Options, Sandbox};
use bulkhaul::target::Profile;
use serde_json::Value;

#[test]
fn the_list_names_every_built_in_target_with_its_parameters() {
    let bench = Bench::new();
    let said = bench.run("targets list").exits(0);
    assert_eq!(said.stdout, bench.run("targets").exits(0).stdout);
    assert_eq!(said.stderr, "");
    for name in Profile::builtin_names() {
        let line = said.stdout.lines().find(|line| line.split_whitespace().next() == Some(name));
        assert!(line.is_some_and(|line| line.len() > name.len() + 20), "{name}: {}", said.stdout);
    }
    assert!(said.stdout.contains("base (required), token ($ORDERS_TOKEN)\n"), "{}", said.stdout);
    assert!(said.stdout.starts_with("sandbox "), "{}", said.stdout);
    let list: Value = serde_json::from_str(&bench.run("targets list --json").exits(0).stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), Profile::builtin_names().len());
    assert_eq!(list[0]["parameters"][1]["env"], "ORDERS_TOKEN");
}

#[test]
fn what_is_shown_is_a_profile_that_checks() {
    let bench = Bench::new();
    for name in Profile::builtin_names() {
        let shown = bench.run(&format!("targets show {name}")).exits(0);
        bench.write("copy.toml", &shown.stdout);
        let said = bench.run("targets check copy.toml").exits(0);
        assert!(said.stdout.starts_with(&format!("ok: {name}")), "{said:?}");
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn a_mistyped_target_is_answered_with_the_one_that_was_meant() {
    let bench = Bench::with("x.csv", csv(1));
    let expected = "error: there is no target `orders-btach`\n\
                    hint: did you mean `orders-batch`? `bulkhaul targets` lists all of them\n";
    assert_eq!(bench.run("targets show orders-btach").exits(2).stderr, expected);
    assert_eq!(bench.run("send x.csv --to orders-btach").exits(2).stderr, expected);
    assert!(!bench.path("x.csv.bulkhaul").exists());
    let said = bench.run("send x.csv --to sandbx").exits(2);
    assert!(said.stderr.contains("did you mean `sandbox`?"), "{said:?}");
    let said = bench.run("send x.csv --to nothing-like-it").exits(2);
    assert!(said.stderr.contains("or one of: sandbox, orders-batch, "), "{said:?}");
    let said = bench.run("send x.csv --to json-envelope --url http://127.0.0.1:9 --set envelop=x").exits(2);
    assert!(said.stderr.contains("hint: did you mean `envelope`? its parameters: base, "), "{said:?}");
    let said = bench.run("send x.csv --to orders-batch.toml --url http://127.0.0.1:9").exits(1);
    assert_eq!(
        said.stderr,
        "error: cannot read the profile `orders-batch.toml`: no such file\n\
         hint: without its ending `orders-batch` is built in\n"
    );
}

#[test]
fn check_says_what_a_profile_will_do() {
    let bench = Bench::new();
    let said = bench.run("targets check orders-batch").exits(0);
    assert_eq!(
        said.stdout,
        "\
ok: orders-batch
  about    A batch API that answers with one result for each operation, named by the operation's id.
  request  POST ${param.base}/api/orders/batch
  body     {\"operations\":[…]}, each row: the row as it is
  batches  at most 100 rows, at most 1MB
  keys     one for each request, header Idempotency-Key; remembered 24h
  answers  /error = batch_too_large  too large: halved, and the limit is remembered
           413                       too large: halved, and the limit is remembered
           200, 207                  each row's own result is read ([results.items])
           429, Retry-After          wait, then the same again
           408, 5xx, no answer       outcome unknown: the same again, same key
           anything else             the run stops, its rows stay pending
  needs    base (required), token ($ORDERS_TOKEN)
"
    );
    let json = bench.run("targets check orders-batch --json").exits(0).summary();
    assert_eq!(json["ok"], true);
    assert_eq!(json["key"], "header Idempotency-Key");
}

#[test]
fn check_finds_every_mistake_with_its_line_and_a_remedy() {
    let profile = "\
[profile]
version = 1
name = \"x\"

[params.base]
required = true

[request]
method = \"post\"
url = \"${param.bas}/x\"
bodi = '''\"${rows}\"'''

[[response]]
when = { status = [\"2xx\"] }
then = \"okay\"
";
    let bench = Bench::with("x.toml", profile);
    let said = bench.run("targets check x.toml").exits(1);
    assert_eq!(said.stdout, "");
    assert_eq!(
        said.stderr,
        "\
error: 4 mistakes in the profile
x.toml:5: parameter `base` is never used; use it as ${param.base}, or take it out
x.toml:10: `${param.bas}` names no parameter; did you mean ${param.base}?
x.toml:11: unknown key `bodi` in [request]; did you mean `body`?
x.toml:15: `then = \"okay\"` in [[response]] is not known; it is one of ok, results, job, retry, throttle, split, \
bisect, reject, exists, duplicate, refetch, reauth, in_doubt, pause, abort
hint: `bulkhaul targets show NAME` prints a built-in one to look at
"
    );
    let json = bench.run("targets check x.toml --json").exits(1).summary();
    assert_eq!(json["ok"], false);
    assert_eq!(json["errors"][1]["line"], 10);
    assert_eq!(json["errors"][1]["remedy"], "did you mean ${param.base}?");
    // What shows only with values: the method.
    bench.write("x.toml", profile.replace("bas}", "base}").replace("bodi", "body").replace("okay", "ok"));
    let said = bench.run("targets check x.toml").exits(1);
    assert!(said.stderr.contains("x.toml:9: `post` is no method; as in POST, PUT or PATCH\n"), "{said:?}");
    bench.write("x.toml", profile.replace("[\"2xx\"]", "422"));
    let said = bench.run("targets check x.toml").exits(1);
    let line = "`status` in [response.when] must be a list, not a whole number; write status = [422]\n";
    assert!(said.stderr.contains(line), "{said:?}");
    bench.write("x.toml", "[profile\n");
    let said = bench.run("targets check x.toml").exits(1);
    assert!(said.stderr.starts_with("error: 1 mistake in the profile\nx.toml:1: not TOML: "), "{said:?}");
    bench.write("x.toml", "[profile]\nversion = 1\nname = \"x\"\n[limits]\nrows = ten\n");
    let said = bench.run("targets check x.toml").exits(1);
    assert!(said.stderr.contains("x.toml:5: not TOML: "), "{said:?}");
    assert!(said.stderr.contains("; text stands in quotes; a number, true and false do not\n"), "{said:?}");
    let said = bench.run("targets check none.toml").exits(1);
    assert_eq!(
        said.stderr,
        "error: cannot read the profile `none.toml`: no such file\n\
         hint: to write one for a file of yours: bulkhaul targets new none.toml --from INPUT\n"
    );
}

#[test]
fn a_new_profile_has_the_columns_of_a_file_and_sends_it() {
    let bench = Bench::with("x.csv", csv(12));
    let made = bench.run("targets new crm.toml --from x.csv").exits(0);
    assert_eq!(made.stdout, "");
    assert!(made.stderr.contains("\n  bulkhaul plan x.csv --to crm.toml --url https://…"), "{made:?}");
    bench.run("targets check crm.toml").exits(0);
    let text = bench.read("crm.toml");
    assert!(text.contains("  \"city\": \"${row:/city}\",\n"), "{text}");
    assert!(text.contains("name = \"crm\"\n"), "{text}");

    let server =
        Sandbox::start(Options { store: Some(bench.path("server.db")), ..Options::default() }).unwrap();
    bench.write("crm.toml", text.replace("${param.base}/items", "${param.base}/rows"));
    bench
        .run(&format!("send x.csv --to crm.toml --url {} --progress none --json", server.url()))
        .exits(0)
        .books([12, 12, 0, 0, 0]);
    server.stop();
    let rows = applied(&bench.path("server.db"));
    assert_eq!(rows.len(), 12);
    assert_eq!(rows[0].row, "{\"id\":\"r1\",\"city\":\"Zürich, \\\"1\\\"\",\"amount\":\"1.50\"}");
}

#[test]
fn a_new_profile_never_replaces_a_file() {
    let bench = Bench::with("crm.toml", "mine");
    let said = bench.run("targets new crm.toml").exits(1);
    assert_eq!(
        said.stderr,
        "error: `crm.toml` is there already; it was left as it is\nhint: choose another name, or remove it first\n"
    );
    assert_eq!(bench.read("crm.toml"), "mine");
    assert_eq!(
        bench.run("targets new crm").exits(2).stderr.lines().next(),
        Some("error: `crm` does not end in .toml")
    );
}

#[test]
fn columns_are_taken_from_lines_too_and_their_absence_is_told() {
    let bench = Bench::with("x.ndjson", "not json\n{\"a b\":1,\"c/d\":{},\"a b\":2}\n");
    bench.run("targets new x.toml --from x.ndjson").exits(0);
    let text = bench.read("x.toml");
    assert!(text.contains("  \"a b\": \"${row:/a b}\",\n  \"c/d\": \"${row:/c~1d}\"\n}"), "{text}");
    bench.run("targets check x.toml").exits(0);
    bench.write("empty.csv", "a,b\n");
    let said = bench.run("targets new y.toml --from empty.csv").exits(1);
    assert_eq!(said.stderr, "error: `empty.csv` has no row to take the columns from\n");
    assert!(!bench.path("y.toml").exists());
    let said = bench.run("targets new y.toml --from nowhere.csv").exits(1);
    assert_eq!(said.stderr, "error: cannot read `nowhere.csv`: no such file\n");
    let mut command = bench.command("targets new y.toml --from");
    command.arg("no ending");
    assert!(said_of(command).contains("cannot be told from its name"));
}

fn said_of(mut command: std::process::Command) -> String {
    said(command.output().unwrap()).exits(2).stderr
}

#[test]
fn a_value_that_a_parameter_does_not_know_is_refused_with_what_was_meant() {
    let bench = Bench::with("x.ndjson", "{\"id\":1}");
    for (to, set, hint) in [
        ("j17 --set actor_id=a", "occ=true", "did you mean `on`? it takes on, off"),
        ("clickhouse --set table=t", "dedup=yes", "did you mean `on`? it takes on, off"),
        ("victoriametrics", "dedup=ON", "did you mean `on`? it takes on, off"),
        ("datasette --set database=d --set table=t", "alter=1", "did you mean `true`? it takes true, false"),
        ("postgrest --set table=t", "resolution=merge", "it takes merge-duplicates, ignore-duplicates"),
        ("typesense --set collection=c", "key=ID", "did you mean `id`? it takes id"),
    ] {
        let url = "--url http://127.0.0.1:9";
        let said = bench.run(&format!("send x.ndjson --to {to} {url} --set {set}")).exits(2);
        assert!(said.stderr.starts_with(&format!("error: `--set {set}`: ")), "{said:?}");
        assert!(said.stderr.ends_with(&format!("hint: {hint}\n")), "{said:?}");
    }
    assert!(bench.run("targets list").stdout.contains("occ (on, off)"));
    let list: Value = serde_json::from_str(&bench.run("targets list --json").stdout).unwrap();
    let j17 = list.as_array().unwrap().iter().find(|target| target["name"] == "j17").unwrap();
    assert_eq!(j17["parameters"][4]["values"], serde_json::json!(["on", "off"]));
}

#[test]
fn check_says_what_a_profile_will_do_where_a_parameter_has_a_value() {
    let bench = Bench::new();
    let plain = bench.run("targets check postgrest").exits(0).stdout;
    assert!(plain.contains("keys     none: rows whose answer is lost are held as in doubt"), "{plain}");
    let said = bench.run("targets check postgrest --set key=id").exits(0).stdout;
    for words in [
        "no two rows of one id\n",
        "keys     none needed: writing a row twice is writing it once\n",
        "outcome unknown: sent again: writing a row twice is writing it once\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("same key"), "there is none: {said}");
    let wrong = bench.run("targets check postgrest --set kye=id").exits(2);
    assert!(wrong.stderr.contains("hint: did you mean `key`? its parameters: base, "), "{wrong:?}");
    let wrong = bench.run("targets check postgrest --set resolution=merge").exits(2);
    assert!(wrong.stderr.contains("`postgrest` knows no such value"), "{wrong:?}");
    let wrong = bench.run("targets check postgrest --set token=abc").exits(2);
    assert!(wrong.stderr.contains("is a secret, and was typed"), "{wrong:?}");
}

#[test]
fn keys_behind_which_a_refusal_decides_nothing_are_told_before_anything_is_sent() {
    let words =
        "a refusal behind a lost answer leaves the rows in doubt: the first try may have been applied";
    let bench = Bench::with("x.csv", "id\n1\n");
    let check = |name: &str| bench.run(&format!("targets check {name}")).exits(0).stdout;
    let plan = |to: &str| {
        let mut command = bench.command(&format!("plan x.csv --to {to} --url http://127.0.0.1:9"));
        crate::support::said(command.output().unwrap()).exits(0).stdout
    };
    assert!(check("json-array").contains(&format!("  {words} (its profile does not say key_first)\n")));
    assert!(!plan("json-array").contains(words), "it has no keys without a header");
    assert!(
        plan("json-array --set idempotency_header=Key")
            .contains(&format!("\n  {words} (its profile does not say key_first)\n"))
    );
    for name in ["orders-batch", "couchdb"] {
        assert!(!check(name).contains(words), "{name}");
    }
    assert!(!plan("orders-batch").contains(words));
}

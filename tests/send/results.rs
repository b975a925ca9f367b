//! `--results`: whoever deletes a row by what it says deletes no row that has not its end, and hears of each that has,
//! whatever crashed in between.

use crate::support::{Bench, csv, figure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Lines of a results file that are whole.
fn told(bench: &Bench, name: &str) -> Vec<Value> {
    bench.read(name).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Input, row and verdict of each, without repetitions.
fn rows(told: &[Value]) -> BTreeSet<(String, u64, String)> {
    let of = |line: &Value| {
        let input = line["input"].as_str().unwrap_or_default().to_owned();
        (input, line["row"].as_u64().unwrap(), line["verdict"].as_str().unwrap().to_owned())
    };
    told.iter().map(of).collect()
}

#[test]
fn what_was_settled_while_nobody_could_hear_is_told_by_the_next_run() {
    let bench = Bench::with("x.csv", csv(3000));
    let send = "send x.csv --to sandbox --progress none --batch-rows 50 --faults reject=2%";
    let stopped = bench.run(&format!("{send} --results /dev/full")).exits(1);
    assert!(stopped.stderr.contains("the results file cannot be written"), "{}", stopped.stderr);
    let delivered: u64 = bench.sandbox_rows("x.csv").len() as u64;
    assert!(delivered > 0);
    bench.run(&format!("{send} --results r.ndjson")).exits(3);
    let found = rows(&told(&bench, "r.ndjson"));
    assert_eq!(found.len(), 3000);
    let refused = found.iter().filter(|(.., verdict)| verdict == "rejected").count();
    assert_eq!(refused, bench.dead_letters("x.csv").len());
    let refused_here = bench.run(&format!("{send} --results /dev/full")).exits(1);
    assert!(
        refused_here.stderr.starts_with("error: the results cannot be written to `/dev/full`: "),
        "{}",
        refused_here.stderr
    );
}

#[test]
fn a_finished_import_tells_all_of_its_rows_again() {
    let bench = Bench::with("x.csv", csv(40));
    let send = "send x.csv --to sandbox --progress none --faults reject=20%";
    bench.run(send).exits(3);
    for _ in 0..2 {
        bench.run(&format!("{send} --results r.ndjson")).exits(3);
        let found = rows(&told(&bench, "r.ndjson"));
        assert_eq!(found.len(), 40);
        std::fs::remove_file(bench.path("r.ndjson")).unwrap();
    }
}

#[test]
fn killed_at_random_moments_every_settled_row_is_told_and_no_other() {
    let bench = Bench::with("x.csv", csv(3000));
    let send = "send x.csv --to sandbox --progress none --batch-rows 7 --json --results r.ndjson --seed 3 \
                --faults reject=3%,drop-after=2%,error=2%";
    let mut random = fastrand::Rng::with_seed(11);
    let mut kills = 0;
    for _ in 0..25 {
        let mut run = bench.start(send);
        std::thread::sleep(Duration::from_millis(random.u64(20..120)));
        kills += u32::from(run.try_wait().unwrap().is_none());
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let books = bench.run(send).exits(3).summary();
    let lines = told(&bench, "r.ndjson");
    let verdicts = rows(&lines);
    let untold = 3000 - verdicts.len();
    figure(&format!("results: {kills} kills, {untold} of 3,000 rows untold, {} lines", lines.len()));
    assert_eq!(untold, 0);
    let of = |word: &str| verdicts.iter().filter(|(.., verdict)| verdict == word).count() as u64;
    assert_eq!(
        (of("delivered"), of("rejected")),
        (books["rows"]["delivered"].as_u64().unwrap(), books["rows"]["rejected"].as_u64().unwrap())
    );
    assert!(kills > 0);
}

#[test]
fn rows_of_several_inputs_are_told_again_under_their_own_numbers() {
    let bench = Bench::new();
    let names = ["a.csv", "b.csv", "c.csv", "d.csv"];
    for (name, count) in names.iter().zip([3, 0, 2, 9]) {
        let mut text = "id,amount\n".to_owned();
        for row in 1..=count {
            // Some are refused by the target, and one is no row.
            let amount = if row % 3 == 0 { "-1" } else { "5" };
            let line = if row == 7 { "broken\n".to_owned() } else { format!("{name}{row},{amount}\n") };
            text.push_str(&line);
        }
        bench.write(name, text);
    }
    for batch_rows in [4, 100] {
        let send = format!(
            "send {} --to sandbox --progress none --state s{batch_rows} --batch-rows {batch_rows}",
            names.join(" ")
        );
        bench.run(&format!("{send} --results first.ndjson")).exits(3);
        bench.run(&format!("{send} --results again.ndjson")).exits(3);
        let (first, again) = (told(&bench, "first.ndjson"), told(&bench, "again.ndjson"));
        assert_eq!((first.len(), again.len()), (14, 14), "{first:?}");
        assert_eq!(rows(&first), rows(&again));
        assert_eq!(first[0]["import_id"], again[0]["import_id"]);
        for name in ["first.ndjson", "again.ndjson"] {
            std::fs::remove_file(bench.path(name)).unwrap();
        }
    }
}

#[test]
fn a_run_that_goes_on_in_the_middle_of_an_input_tells_the_right_rows() {
    let bench = Bench::with("a.csv", csv(5));
    bench.write("b.csv", csv(20));
    let send = "send a.csv b.csv --to sandbox --progress none --state s --batch-rows 3";
    bench.run(&format!("{send} --limit 9 --results first.ndjson")).exits(0);
    bench.run(&format!("{send} --results again.ndjson")).exits(0);
    let expected: BTreeSet<_> = [("a.csv", 5), ("b.csv", 20)]
        .iter()
        .flat_map(|(name, rows)| (1..=*rows).map(|row| ((*name).to_owned(), row, "delivered".to_owned())))
        .collect();
    assert_eq!(rows(&told(&bench, "again.ndjson")), expected);
    assert_eq!(told(&bench, "first.ndjson").len(), 9);
}

#[test]
fn lines_say_which_import_they_are_of() {
    let bench = Bench::with("x.csv", csv(2));
    let send = "send x.csv --to sandbox --progress none --results r.ndjson --json";
    let first = bench.run(send).exits(0).summary();
    let second = bench.run(&format!("{send} --again")).exits(0).summary();
    let mut ids: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for line in told(&bench, "r.ndjson") {
        let id = line["import_id"].as_str().unwrap().to_owned();
        ids.entry(line["import"].as_u64().unwrap()).or_default().insert(id);
    }
    let of = |summary: &Value| BTreeSet::from([summary["import_id"].as_str().unwrap().to_owned()]);
    assert_eq!(ids, BTreeMap::from([(1, of(&first)), (2, of(&second))]));
}

#[test]
fn results_go_to_standard_output_where_nothing_else_does() {
    let bench = Bench::with("x.csv", csv(2));
    let said = bench.run("send x.csv --to sandbox --progress none --results -").exits(0);
    let id = "[0-9a-f]{64}";
    let line =
        format!("\\{{\"row\":[12],\"verdict\":\"delivered\",\"import_id\":\"{id}\",\"import\":1\\}}\n");
    let whole = regex::Regex::new(&format!("^({line}){{2}}$")).unwrap();
    assert!(whole.is_match(&said.stdout), "{}", said.stdout);
    assert!(!bench.path("-").exists());
    let refused = bench.run("send x.csv --to sandbox --state s --results - --json").exits(2);
    assert_eq!(
        refused.stderr,
        "error: `--results -` and `--json` would both write to standard output\n\
         hint: let the results go to a file or a pipe: --results FILE\n"
    );
    for names in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        bench.run(&format!("send x.csv --to sandbox --state s --results {names} --json")).exits(2);
    }
    assert!(!bench.path("s").exists());
}

#[test]
fn results_that_cannot_be_written_stop_the_run_before_anything_is_sent() {
    let bench = Bench::with("x.csv", csv(2));
    bench.write("file", "");
    for path in ["no/r.ndjson", "file/r.ndjson", "/proc/r.ndjson"] {
        bench.run(&format!("send x.csv --to sandbox --progress none --results {path}")).exits(1);
    }
    let own = "x.csv.bulkhaul/dead-letters.ndjson";
    let refused = bench.run(&format!("send x.csv --to sandbox --progress none --results {own}")).exits(1);
    assert!(refused.stderr.contains("is the import's dead-letter file"), "{refused:?}");
    assert!(bench.sandbox_rows("x.csv").is_empty());
    bench.run("send x.csv --to sandbox --progress none").exits(0);
}

#[test]
fn a_line_that_was_cut_off_is_ended_and_joined_to_no_other() {
    let bench = Bench::with("x.csv", csv(2));
    let cut = "{\"row\":1,\"verdict\":\"deli";
    bench.write("r.ndjson", cut);
    bench.run("send x.csv --to sandbox --progress none --results r.ndjson").exits(0);
    let text = bench.read("r.ndjson");
    assert!(text.starts_with(&format!("{cut}\n{{\"row\":1,")), "{text}");
    assert_eq!(told(&bench, "r.ndjson").len(), 2);
}

#[test]
fn what_a_new_stream_finishes_first_is_told_as_the_import_it_is_of() {
    let bench = Bench::new();
    bench.write("one.ndjson", "{\"id\":\"1\"}\n{\"id\":\"2\"}\n");
    bench.write("two.ndjson", "{\"id\":\"3\"}\n");
    let send = |file: &str, more: &str| {
        let arguments = format!("send - --format ndjson --to sandbox --state s --progress none {more}");
        let stdin = std::fs::File::open(bench.path(file)).unwrap();
        crate::support::said(bench.command(&arguments).stdin(stdin).output().unwrap())
    };
    send("one.ndjson", "--limit 1").exits(0);
    send("two.ndjson", "--new-stream --results r.ndjson").exits(0);
    let lines = told(&bench, "r.ndjson");
    let found: Vec<(u64, u64)> =
        lines.iter().map(|line| (line["import"].as_u64().unwrap(), line["row"].as_u64().unwrap())).collect();
    assert_eq!(found, [(1, 1), (2, 1)]);
}

#[test]
fn what_the_server_calls_a_row_that_went_alone_is_told_where_it_says_so() {
    use crate::support::scripted::Scripted;
    use crate::support::scripted::Step::Says;
    let answers = ["{\"id\":\"srv-1\"}", "{\"id\":2}", "", "created", "{\"id\":null}", "{\"id\":{}}", "[]"];
    let steps: Vec<_> = answers.into_iter().map(|body| Says("201 Created", "", body)).collect();
    let (bench, server) = (Bench::with("x.csv", csv(7)), Scripted::start(&steps));
    let to = format!("--to single --url {} --set path=/rows -j 1", server.url);
    bench.run(&format!("send x.csv {to} --progress none --results r.ndjson")).exits(0);
    let mut told = told(&bench, "r.ndjson");
    told.sort_by_key(|line| line["row"].as_u64());
    let ids: Vec<&Value> = told.iter().map(|line| line.get("id").unwrap_or(&Value::Null)).collect();
    let mut expected = vec![Value::Null; 7];
    (expected[0], expected[1]) = ("srv-1".into(), "2".into());
    assert_eq!(ids, expected.iter().collect::<Vec<_>>());
    assert!(told.iter().all(|line| line["verdict"] == "delivered"));
}

//! What replayed rows go under.

use super::NATURAL;
use crate::support::Bench;
use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;

#[test]
fn the_same_row_refused_in_two_states_is_replayed_under_two_keys_and_under_its_own_after_a_lost_replay() {
    let bench = Bench::with("mon.ndjson", "{\"fee\":5}\n");
    bench.write("tue.ndjson", "{\"fee\":5}\n{\"sale\":1}\n");
    let no = Says("422 Unprocessable", "", "{\"error\":\"no\"}");
    let server = Scripted::start(&[no.clone(), no, Says("200 OK", "", "{}")]);
    let to = format!("--to single --url {} --set path=/one --progress none -j 1", server.url);
    for day in ["mon", "tue"] {
        bench.run(&format!("send {day}.ndjson {to}")).exits(3);
    }
    for day in ["mon", "tue"] {
        bench.run(&format!("replay {day}.ndjson.bulkhaul {to}")).exits(0);
    }
    bench.write("plain.ndjson", "{\"row\":{\"note\":1}}\n");
    // What does not say where it stood is of the state that it is replayed in.
    for day in ["mon", "tue"] {
        bench.run(&format!("replay plain.ndjson --state {day}.ndjson.bulkhaul {to}")).exits(0);
    }
    let keys = || server.got().into_iter().map(|got| got.key).collect::<Vec<_>>();
    let unlike: std::collections::HashSet<String> = keys().into_iter().collect();
    assert_eq!(unlike.len(), keys().len(), "{:?}", keys());
    let last = keys().pop();
    std::fs::remove_dir_all(bench.path("tue.ndjson.bulkhaul/replays/2")).unwrap();
    bench.run(&format!("replay plain.ndjson --state tue.ndjson.bulkhaul {to}")).exits(0);
    assert_eq!(keys().pop(), last);
}

#[test]
fn a_row_whose_natural_key_another_row_was_delivered_under_stays_a_dead_letter_until_it_gets_another_key() {
    let bench = Bench::with(
        "x.ndjson",
        "{\"id\":5,\"v\":1}\n{\"id\":5,\"v\":2}\n{\"id\":7,\"v\":3}\n{\"id\":7,\"v\":4}\n",
    );
    let (ok, no) = (Says("200 OK", "", "{}"), Says("422 Unprocessable", "", "{\"error\":\"no\"}"));
    let server = Scripted::start(&[ok.clone(), no, ok]);
    bench.write("t.toml", NATURAL);
    let to = format!("--to ./t.toml --url {} --set path=/one --progress none -j 1", server.url);
    bench.run(&format!("send x.ndjson {to}")).exits(3);
    // Of the second pair none was delivered, so that one of them may go.
    bench.run(&format!("replay x.ndjson.bulkhaul {to} --json")).exits(3).books([3, 1, 2, 0, 0]);
    bench.run(&format!("replay x.ndjson.bulkhaul {to} --json --again")).exits(3).books([2, 0, 2, 0, 0]);
    let own = bench.read("x.ndjson.bulkhaul/replays/2/dead-letters.ndjson");
    assert_eq!(own.matches("\"code\":\"duplicate_key\"").count(), 2, "{own}");
    let keys = || server.got().into_iter().map(|got| got.key).collect::<Vec<_>>();
    assert_eq!(keys(), ["order-5", "order-7", "order-7~2"]);
    bench.write("fixed.ndjson", own.replace("{\"id\":5", "{\"id\":6"));
    bench.run(&format!("replay fixed.ndjson {to} --json")).exits(3).books([2, 1, 1, 0, 0]);
    assert_eq!(keys()[3..], ["order-6"]);
    // Done once more, the import has keys of its own.
    bench.run(&format!("send x.ndjson {to} --again")).exits(3);
    assert_eq!(keys()[4..], ["order-5~i2", "order-7~i2~2"]);
}

#[test]
fn where_the_ledger_is_lost_the_letters_say_which_natural_keys_were_refused() {
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n");
    let no = Says("422 Unprocessable", "", "{\"error\":\"no\"}");
    let server = Scripted::start(&[no.clone(), no.clone(), no.clone(), no, Says("200 OK", "", "{}")]);
    bench.write("t.toml", NATURAL);
    let to = format!("--to ./t.toml --url {} --set path=/one --progress none -j 1", server.url);
    bench.run(&format!("send x.ndjson {to}")).exits(3);
    bench.run(&format!("replay x.ndjson.bulkhaul {to}")).exits(3);
    bench.write("first.ndjson", bench.read("x.ndjson.bulkhaul/replays/1/dead-letters.ndjson"));
    bench.run(&format!("send x.ndjson {to} --again")).exits(3);
    bench.write("again.ndjson", bench.read("x.ndjson.bulkhaul/dead-letters.ndjson").lines().last().unwrap());
    std::fs::remove_dir_all(bench.path("x.ndjson.bulkhaul")).unwrap();
    std::fs::create_dir(bench.path("books")).unwrap();
    for (letters, exit) in [("first", 3), ("again", 0)] {
        bench.run(&format!("replay {letters}.ndjson --state books {to}")).exits(exit);
    }
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert_eq!(keys, ["order-1", "order-1~2", "order-1~i2~2", "order-1~3", "order-1~4"]);
}

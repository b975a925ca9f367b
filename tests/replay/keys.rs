//! What replayed rows go under.

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

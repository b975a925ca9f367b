//! j17-new, where every stream must be empty, and j17-migrate, two events and a key of its own for each row.

use super::{STORM, Yard, scale};
use crate::support::server::{Answer, Server};
use serde_json::json;
use std::collections::BTreeSet;

const NEW: &str = "x.ndjson --to j17-new --url BASE --set actor_id=importer";
const MIGRATE: &str = "x.csv --to j17-migrate --url BASE --set actor_id=importer";

/// Three events for each of so many new users, in three rounds; the second of each 20th user is bad.
fn newcomers(users: u64) -> Vec<String> {
    let event = |n: u64| {
        let (user, round) = (n % users, n / users);
        let email = if user % 20 == 19 && round == 1 { "nobody" } else { "a@example.com" };
        json!({"aggregate_type": "user", "aggregate_id": format!("u{user}"), "type": "was_seen",
               "data": {"n": n, "email": email}})
        .to_string()
    };
    (0..3 * users).map(event).collect()
}

fn is_bad(n: u64, users: u64) -> bool {
    n % users % 20 == 19 && n / users == 1
}

#[test]
fn new_streams_come_clean() {
    let yard = Yard::quiet();
    let users = 19;
    yard.bench.write("x.ndjson", newcomers(users).join("\n"));
    yard.import(NEW).run().exits(0).books([3 * users, 3 * users, 0, 0, 0]);
    yard.holds_just("/event/data/n", (0..3 * users).map(|n| n.to_string()));
    assert_eq!(yard.requests(), users, "no length is asked for");
}

#[test]
fn a_bad_event_of_a_new_stream_is_refused_and_the_others_are_taken() {
    let yard = Yard::quiet();
    let users = 200 * scale();
    yard.bench.write("x.ndjson", newcomers(users).join("\n"));
    let bad = users / 20;
    yard.import(NEW).run().exits(3).books([3 * users, 3 * users - bad, bad, 0, 0]);
    yard.holds_just("/event/data/n", (0..3 * users).filter(|n| !is_bad(*n, users)).map(|n| n.to_string()));
    for error in yard.letters("x.ndjson", "/data/n").values() {
        assert_eq!((&error["field"], &error["status"]), (&json!("data.email"), &json!(400)));
    }
}

#[test]
fn a_stream_that_is_there_already_refuses_its_events_whatever_is_lost_on_the_way() {
    // Each fifth user is there already. A lost 409 and a kill must not make its events look like our own.
    let yard = Yard::with(STORM);
    let users = 120 * scale();
    let old: Vec<String> = (0..users).filter(|user| user % 5 == 0).map(|user| {
        json!({"aggregate_type": "user", "aggregate_id": format!("u{user}"), "type": "was_there", "data": {"n": -1 - user as i64}}).to_string()
    }).collect();
    yard.bench.write("old.ndjson", old.join("\n"));
    yard.import("old.ndjson --to j17 --set occ=off --url BASE --set actor_id=before").run().exits(0);
    yard.bench.write("x.ndjson", newcomers(users).join("\n"));
    let import = yard.import(&format!("{NEW} -j 8"));
    import.killed_after(users / 4);
    import.killed_after(users / 4);
    let said = import.run();
    let is_dead = |n: u64| (n % users).is_multiple_of(5) || is_bad(n, users);
    let dead: BTreeSet<String> = (0..3 * users).filter(|n| is_dead(*n)).map(|n| n.to_string()).collect();
    let bad = dead.len() as u64;
    said.exits(3).books([3 * users, 3 * users - bad, bad, 0, 0]);
    let valid = (0..3 * users).filter(|n| !is_dead(*n)).map(|n| n.to_string());
    let before = (0..users).filter(|user| user % 5 == 0).map(|user| (-1 - user as i64).to_string());
    yard.holds_just("/event/data/n", valid.chain(before));
    let letters = yard.letters("x.ndjson", "/data/n");
    assert_eq!(letters.keys().cloned().collect::<BTreeSet<_>>(), dead);
    for (n, error) in letters {
        let exists = (n.parse::<u64>().unwrap() % users).is_multiple_of(5);
        assert_eq!(error["code"] == "aggregate_exists", exists, "{n}: {error}");
    }
}

/// More events than are held at once, of aggregates that go on all through them, and more of each than a request
/// holds. Each tenth aggregate is there already, each 97th event is bad.
#[test]
fn events_that_stand_far_apart_come_behind_the_beginning_that_we_made_through_faults_and_kills() {
    let yard = Yard::with(STORM);
    let (rows, streams) = (9_000 * scale(), 60 * scale());
    let line = |stream: u64, n: i64, email: &str| {
        let data = json!({"n": n, "email": email});
        json!({"aggregate_type": "user", "aggregate_id": format!("u{stream}"), "type": "t", "data": data})
            .to_string()
    };
    // Neighbours are strangers, and no stream comes round regularly.
    let stream = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % streams;
    let (is_old, is_bad) = (|stream: u64| stream % 10 == 3, |n: u64| n % 97 == 96);
    let old: Vec<u64> = (0..streams).filter(|stream| is_old(*stream)).collect();
    let before: Vec<String> = old.iter().map(|stream| line(*stream, -1 - *stream as i64, "a@b")).collect();
    yard.bench.write("old.ndjson", before.join("\n"));
    yard.import("old.ndjson --to j17 --set occ=off --url BASE --set actor_id=before").run().exits(0);
    let email = |n: u64| if is_bad(n) { "nobody" } else { "a@example.com" };
    let events: Vec<String> = (0..rows).map(|n| line(stream(n), n as i64, email(n))).collect();
    yard.bench.write("x.ndjson", events.join("\n"));
    let import = yard.import(&format!("{NEW} -j 8"));
    // In the first stretch, and when the second has begun.
    import.killed_after(streams * 2);
    import.killed_after(streams * 3);
    let said = import.run();
    let is_dead = |n: u64| is_old(stream(n)) || is_bad(n);
    let dead = (0..rows).filter(|n| is_dead(*n)).count() as u64;
    said.exits(3).books([rows, rows - dead, dead, 0, 0]);
    let valid = (0..rows).filter(|n| !is_dead(*n)).map(|n| n.to_string());
    yard.holds_just("/event/data/n", valid.chain(old.iter().map(|stream| (-1 - *stream as i64).to_string())));
    super::j17::in_order(&yard);
    let letters = yard.letters("x.ndjson", "/data/n");
    assert_eq!(letters.len() as u64, dead);
    for (n, error) in letters {
        // A bad event is told before the stream is looked at.
        let exists = is_old(stream(n.parse().unwrap())) && !is_bad(n.parse().unwrap());
        assert_eq!(error["code"] == "aggregate_exists", exists, "{n}: {error}");
    }
}

/// Whether we began it is unknown for ever: what comes later is not called somebody else's for that.
#[test]
fn behind_a_beginning_in_doubt_a_stream_that_is_there_leaves_its_events_in_doubt() {
    let yard = Yard::quiet();
    let event = |n: u64| {
        json!({"aggregate_type": "user", "aggregate_id": "u1", "type": "t", "data": {"n": n}}).to_string()
    };
    yard.bench.write("x.ndjson", [event(1), event(2)].join("\n"));
    let server = Server::saying(|got, _| {
        let first = got.body.contains("\"n\":1");
        Some(if first {
            Answer::json(200, &json!({"ok": true, "stream_ids": ["1-0"], "count": 7}))
        } else {
            Answer::json(409, &json!({"ok": false, "error": "Stream has length 1"}))
        })
    });
    let send = format!("send {NEW} --batch-rows 1 --progress none --json").replace("BASE", server.url());
    yard.bench.run(&send).exits(5).books([2, 0, 0, 2, 0]);
    assert!(server.requests().iter().all(|got| got.body.contains(r#""previous_length":0"#)));
}

#[test]
fn without_occ_only_the_first_events_of_a_stream_say_that_it_is_empty() {
    let yard = Yard::quiet();
    yard.bench.write("x.ndjson", newcomers(1).join("\n"));
    let server = Server::saying(|_, _| {
        Some(Answer::json(200, &json!({"ok": true, "stream_ids": ["1-0"], "count": 1})))
    });
    let send = format!("send {NEW} --set occ=off --batch-rows 1 --progress none --json");
    yard.bench.run(&send.replace("BASE", server.url())).exits(0).books([3, 3, 0, 0, 0]);
    let lengths: Vec<bool> =
        server.requests().iter().map(|got| got.body.contains("previous_length")).collect();
    assert_eq!(lengths, [true, false, false]);
}

/// Users of an old database; each 25th has a bad address, and some columns may be missing.
fn users(rows: u64) -> String {
    let mut csv = "uuid,name,email,bio,avatar\n".to_owned();
    for n in 0..rows {
        let email = if n % 25 == 24 { "nobody".to_owned() } else { format!("{n}@example.com") };
        csv.push_str(&format!("id-{n},\"User, {n}\",{email},bio {n},\n"));
    }
    csv
}

/// Each user's two events are there, in their order, and nothing else.
#[track_caller]
fn migrated(yard: &Yard, rows: u64, is_good: impl Fn(u64) -> bool) {
    let mut events: Vec<String> = yard
        .rows()
        .iter()
        .map(|line| {
            assert_eq!(line["times"], 1, "{line}");
            format!("{} {} {}", line["stream"].as_str().unwrap(), line["index"], line["event"]["type"])
        })
        .collect();
    let mut expected: Vec<String> = (0..rows)
        .filter(|n| is_good(*n))
        .flat_map(|n| {
            [format!("user/id-{n} 0 \"was_created\""), format!("user/id-{n} 1 \"had_profile_updated\"")]
        })
        .collect();
    events.sort();
    expected.sort();
    assert_eq!(events, expected);
}

#[test]
fn migrated_users_get_two_events_each_under_a_key_of_their_own() {
    let yard = Yard::quiet();
    let rows = 24;
    yard.bench.write("x.csv", users(rows));
    yard.import(MIGRATE).run().exits(0).books([rows, rows, 0, 0, 0]);
    migrated(&yard, rows, |_| true);
    for line in yard.rows() {
        let user = line["stream"].as_str().unwrap().strip_prefix("user/").unwrap().to_owned();
        assert_eq!(line["key"], format!("migration-user-{user}"));
    }
}

#[test]
fn a_bad_user_is_refused_whole_and_a_second_one_of_the_same_key_is_a_duplicate() {
    let yard = Yard::quiet();
    let rows = 200 * scale();
    let mut csv = users(rows);
    csv.push_str("id-3,Somebody Else,else@example.com,,\nid-24,A Third,third@example.com,,\n");
    yard.bench.write("x.csv", csv);
    let bad = rows / 25 + 2;
    let said = yard.import(MIGRATE).run().exits(3).books([rows + 2, rows + 2 - bad, bad, 0, 0]);
    assert!(said.summary()["batches"]["planned"].as_u64().unwrap() >= rows);
    migrated(&yard, rows, |n| n % 25 != 24);
    let letters = yard.bench.dead_letters("x.csv");
    let of = |code: &str| letters.iter().filter(|letter| letter["error"]["code"] == code).count() as u64;
    assert_eq!((of("duplicate_key"), of("rejected")), (2, rows / 25));
    for letter in letters {
        let error = &letter["error"];
        if error["code"] == "duplicate_key" {
            assert!(error["message"].as_str().unwrap().contains("migration-user-id-"), "{letter}");
            assert_eq!((&error["status"], &letter["attempt"]), (&json!(null), &json!(0)));
        } else {
            assert_eq!((&error["field"], &error["status"]), (&json!("data.email"), &json!(400)));
        }
    }
}

#[test]
fn a_migration_weathers_faults_and_two_kills() {
    let yard = Yard::with(STORM);
    let rows = 200 * scale();
    let mut csv = users(rows);
    csv.push_str("id-3,Somebody Else,else@example.com,,\n");
    yard.bench.write("x.csv", csv);
    let import = yard.import(&format!("{MIGRATE} -j 4"));
    import.killed_after(rows / 4);
    import.killed_after(rows / 4);
    let bad = rows / 25 + 1;
    import.run().exits(3).books([rows + 1, rows + 1 - bad, bad, 0, 0]);
    migrated(&yard, rows, |n| n % 25 != 24);
    let letters = yard.bench.dead_letters("x.csv");
    assert_eq!(letters.len() as u64, bad);
}

#[test]
fn a_refused_user_goes_again_under_its_keys_second_name_after_the_fix() {
    let yard = Yard::quiet();
    yard.bench.write("x.csv", users(50));
    yard.import(MIGRATE).run().exits(3).books([50, 48, 2, 0, 0]);
    let letters = yard.bench.read("x.csv.bulkhaul/dead-letters.ndjson");
    yard.bench.write("fixed.ndjson", letters.replace("nobody", "somebody@example.com"));
    let replay = MIGRATE.replace("x.csv", "replay fixed.ndjson").replace("BASE", &yard.url);
    yard.bench.run(&format!("{replay} --progress none --json")).exits(0).books([2, 2, 0, 0, 0]);
    migrated(&yard, 50, |_| true);
    let second: BTreeSet<String> = yard
        .rows()
        .iter()
        .filter_map(|line| line["key"].as_str().filter(|key| key.ends_with("~2")).map(ToOwned::to_owned))
        .collect();
    let expected = ["migration-user-id-24~2", "migration-user-id-49~2"].map(ToOwned::to_owned);
    assert_eq!(second, BTreeSet::from(expected));
}

#[test]
fn a_migration_again_applies_every_user_once_more_under_keys_of_its_own() {
    let yard = Yard::quiet();
    let mut csv = users(24);
    csv.push_str("id-3,Somebody Else,else@example.com,,\n");
    yard.bench.write("x.csv", csv);
    yard.import(MIGRATE).run().exits(3).books([25, 24, 1, 0, 0]);
    // Broken off, and gone on with: the keys are the same.
    yard.import(&format!("{MIGRATE} --again --limit 9")).run().exits(0).books([9, 9, 0, 0, 0]);
    let said = yard.import(MIGRATE).run().exits(3).books([25, 24, 1, 0, 0]);
    assert_eq!(said.summary()["requests"]["replayed"], 0);
    let mut events = std::collections::BTreeMap::<String, u64>::new();
    for line in yard.rows() {
        assert_eq!(line["times"], 2, "{line}");
        *events.entry(line["key"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let names = (0..24).flat_map(|n| ["", "~i2"].map(|end| (format!("migration-user-id-{n}{end}"), 2)));
    assert_eq!(events, names.collect());
}

//! Recovery, transaction by transaction (design: T1 to T6). Each promise is checked twice: it holds, and it breaks
//! when the one transaction that it rests on is left out of the ledger.

mod world;

use bulkhaul::edge::ledger::Ledger;
use bulkhaul::engine::OnAmbiguous;
use bulkhaul::model::{Entry, UnsettledState};
use world::{Ended, LeftOut, World};

const ROWS: &str = "id,bad\na,\nb,yes\nc,\nd,\ne,\nf,\ng,\nh,\n";

fn unsettled(world: &World) -> Vec<UnsettledState> {
    let mut ledger: Ledger = world.ledger();
    ledger.recover(1).unwrap().unsettled.into_iter().map(|batch| batch.state).collect()
}

/// T1: a batch that was sent is sent again as it was, though batches would be cut otherwise now.
fn sent_batches_keep_their_rows(left_out: LeftOut) -> bool {
    let mut world = World::new("orders-batch", ROWS);
    world.left_out = left_out;
    // It dies with an answer in hand: the rows are applied, and nothing says so.
    assert!(matches!(world.run_until(|entry| matches!(entry, Entry::Finish { .. }), |_| false), Ended::Died));
    world.left_out = |_| false;
    world.batch_rows = 3;
    let exit = world.finish();
    exit == 3 && world.server.times().values().all(|times| *times == 1) && world.server.times().len() == 7
}

#[test]
fn t1_a_sent_batch_goes_again_with_the_same_rows() {
    assert!(sent_batches_keep_their_rows(|_| false));
    assert!(!sent_batches_keep_their_rows(|entry| matches!(entry, Entry::Plan { .. })));
}

/// T2: a job that was taken on is polled, and not posted again.
fn jobs_are_not_posted_again(left_out: LeftOut) -> bool {
    let mut world = World::new("imports-async", ROWS);
    world.left_out = left_out;
    world.batch_rows = 8;
    assert!(matches!(world.run(|entry| matches!(entry, Entry::Accept { .. })), Ended::Died));
    world.finish() == 3 && world.server.keys.len() == 1
}

#[test]
fn t2_an_accepted_job_is_polled_not_posted_again() {
    assert!(jobs_are_not_posted_again(|_| false));
    assert!(!jobs_are_not_posted_again(|entry| matches!(entry, Entry::Accept { .. })));
}

/// T3: what has its end is not sent again, and its dead letter is written once.
fn ended_batches_stay_ended(left_out: LeftOut) -> bool {
    let mut world = World::new("orders-batch", ROWS);
    world.left_out = left_out;
    world.batch_rows = 8;
    assert!(matches!(world.run(|entry| matches!(entry, Entry::Finish { .. })), Ended::Died));
    world.left_out = |_| false;
    world.finish() == 3 && world.server.keys.len() == 1 && world.dead_letters().len() == 1
}

#[test]
fn t3_a_settled_batch_is_not_sent_again() {
    assert!(ended_batches_stay_ended(|_| false));
    assert!(!ended_batches_stay_ended(|entry| matches!(entry, Entry::Finish { .. })));
}

/// T4: after the verdict "too large" the parent's key is never sent again.
fn split_keys_are_done_with(left_out: LeftOut) -> bool {
    let mut world = World::new("orders-batch", ROWS);
    world.left_out = left_out;
    world.batch_rows = 8;
    world.server.max_rows = 4;
    assert!(matches!(world.run(|entry| matches!(entry, Entry::Finish { .. })), Ended::Died));
    world.left_out = |_| false;
    let parent = world.server.keys[0].clone();
    let exit = world.finish();
    exit == 3 && world.server.keys.iter().filter(|key| **key == parent).count() == 1
}

#[test]
fn t4_a_split_batch_never_goes_again_under_its_own_key() {
    assert!(split_keys_are_done_with(|_| false));
    assert!(!split_keys_are_done_with(|entry| matches!(entry, Entry::Finish { .. })));
}

/// T5: rows in doubt are in doubt for every later run, and hold nobody up.
fn doubt_is_remembered(left_out: LeftOut) -> bool {
    let mut world = World::new("http://target.test/rows", ROWS);
    world.left_out = left_out;
    world.batch_rows = 8;
    world.server.lose_answers = true;
    assert!(matches!(world.run(|entry| matches!(entry, Entry::Park { .. })), Ended::Died));
    world.left_out = |_| false;
    world.on_ambiguous = OnAmbiguous::Stop;
    let parked = matches!(unsettled(&world)[..], [UnsettledState::Parked { .. }]);
    parked && world.finish() == 5
}

#[test]
fn t5_rows_in_doubt_stay_in_doubt() {
    assert!(doubt_is_remembered(|_| false));
    assert!(!doubt_is_remembered(|entry| matches!(entry, Entry::Park { .. })));
}

/// T6: the ledger knows how far the dead-letter file is its own, so that our own lines stay where they are.
fn own_letters_stay(recorded: bool) -> bool {
    let mut world = World::new("orders-batch", ROWS);
    assert_eq!(world.finish(), 3);
    if !recorded {
        let db = rusqlite::Connection::open(world.dir.path().join("ledger.db")).unwrap();
        db.execute("DELETE FROM projection", []).unwrap();
    }
    world.ledger().recover(1).unwrap();
    !world.dir.path().join("dead-letters.ndjson.1").exists() && world.dead_letters().len() == 1
}

#[test]
fn t6_a_dead_letter_file_is_gone_on_with_where_the_ledger_knows_it() {
    assert!(own_letters_stay(true));
    assert!(!own_letters_stay(false));
}

#[test]
fn a_dead_letter_file_that_is_not_ours_is_set_aside_and_never_written_over() {
    for text in ["edited by hand\n", "{}"] {
        let mut world = World::new("orders-batch", ROWS);
        assert_eq!(world.finish(), 3);
        let path = world.dir.path().join("dead-letters.ndjson");
        let ours = std::fs::read_to_string(&path).unwrap();
        for foreign in [text.to_owned(), format!("{ours}{text}")] {
            std::fs::write(&path, &foreign).unwrap();
            world.ledger().recover(1).unwrap();
            let aside =
                |n: u8| std::fs::read_to_string(world.dir.path().join(format!("dead-letters.ndjson.{n}")));
            assert!(
                [1, 2].into_iter().filter_map(|n| aside(n).ok()).any(|text| text == foreign),
                "{foreign}"
            );
            assert_eq!(world.dead_letters().len(), 1);
        }
    }
}

#[test]
fn a_torn_dead_letter_is_cut_off_and_written_whole() {
    let mut world = World::new("orders-batch", ROWS);
    assert_eq!(world.finish(), 3);
    let path = world.dir.path().join("dead-letters.ndjson");
    let whole = std::fs::read(&path).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[..whole.len() / 2]);
    std::fs::write(&path, torn).unwrap();
    world.ledger().recover(1).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[test]
fn dying_after_any_entry_every_row_ends_once() {
    for target in ["orders-batch", "imports-async"] {
        for nth in 0..40 {
            let mut world = World::new(target, ROWS);
            world.server.max_rows = 3;
            let count = std::cell::Cell::new(0);
            let ended = world.run(|_| count.replace(count.get() + 1) == nth);
            let exit = match ended {
                Ended::Died => world.finish(),
                Ended::Finished(ending) => ending.exit,
            };
            assert_eq!(exit, 3, "{target}, entry {nth}");
            assert_eq!(world.server.times().len(), 7, "{target}, entry {nth}");
            assert!(world.server.times().values().all(|times| *times == 1), "{target}, entry {nth}");
            world.ledger().recover(1).unwrap();
            assert_eq!(world.dead_letters().len(), 1, "{target}, entry {nth}");
        }
    }
}

/// A run that died between the first lines in the file and the record of them: they are its own.
#[test]
fn the_first_letters_are_known_for_ours_though_the_run_dies_right_after_them() {
    for named_by_hand in [false, true] {
        let mut world = World::new("orders-batch", ROWS);
        let path = if named_by_hand {
            let folder = world.dir.path().join("elsewhere");
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("refused.ndjson"), "{\"row\":{}}\n").unwrap();
            folder.join("refused.ndjson")
        } else {
            world.dir.path().join("dead-letters.ndjson")
        };
        world.dead_letters_at = Some(path.clone());
        let refuses = |entry: &Entry| matches!(entry, Entry::Finish { refused, .. } if !refused.is_empty());
        assert!(matches!(world.run(refuses), Ended::Died));
        assert_eq!(world.finish(), 3);
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(lines, 1 + usize::from(named_by_hand));
        assert!(!path.with_extension("ndjson.1").exists());
    }
}

/// Rows that the ledger still keeps.
fn kept(world: &World) -> i64 {
    let db = rusqlite::Connection::open(world.dir.path().join("ledger.db")).unwrap();
    db.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap()
}

/// T1 and T3 of input that can't be read again: the rows of what has no end are in the ledger, and of nothing else.
#[test]
fn rows_of_a_pipe_are_kept_until_their_batch_has_ended_and_no_longer() {
    for target in ["orders-batch", "imports-async"] {
        for nth in 0..40 {
            let mut world = World::new(target, ROWS);
            world.keep_rows = true;
            world.server.max_rows = 3;
            let count = std::cell::Cell::new(0);
            let ended = world.run(|_| count.replace(count.get() + 1) == nth);
            let exit = match ended {
                Ended::Died => {
                    assert_eq!(kept(&world), unsettled(&world).len() as i64, "{target}, entry {nth}");
                    world.finish()
                }
                Ended::Finished(ending) => ending.exit,
            };
            assert_eq!(exit, 3, "{target}, entry {nth}");
            assert!(world.server.times().values().all(|times| *times == 1), "{target}, entry {nth}");
            assert_eq!(world.server.times().len(), 7, "{target}, entry {nth}");
            assert_eq!((world.dead_letters().len(), kept(&world)), (1, 0), "{target}, entry {nth}");
        }
    }
}

#[test]
fn rows_in_doubt_are_kept_for_a_person_to_take_up() {
    let mut world = World::new("http://target.test/rows", ROWS);
    world.keep_rows = true;
    world.server.lose_answers = true;
    assert_eq!(world.finish(), 5);
    assert_eq!(kept(&world), 2);
}

//! What the simulation found, each as it was found, with nothing else going wrong.

use crate::cases::{Case, Kind, kinds};
use crate::chance::{Hazard, Scripted};
use crate::check::Place;
use crate::seeds;
use crate::world::{Limits, World};

fn kind(name: &str) -> Kind {
    kinds().into_iter().find(|kind| kind.name == name).unwrap()
}

const LIMITS: Limits = Limits { rows: 8, bytes: 1 << 20, slots: 2, jitters: false, pipe: false };

/// Runs an import to its end, and says where its rows are then.
fn end_of(case: &Case<'_>, script: &[(Hazard, u32)], picks: u64, batch_rows: u64) -> Vec<Place> {
    end_within(case, script, picks, Limits { rows: batch_rows, ..LIMITS })
}

fn end_within(case: &Case<'_>, script: &[(Hazard, u32)], picks: u64, limits: Limits) -> Vec<Place> {
    let mut world = World::new(case, Scripted::new(script, picks), limits);
    world.trace = Some(Vec::new());
    seeds::run(&mut world);
    let trace = world.trace.take().unwrap_or_default().join("\n");
    assert!(world.broken.is_empty(), "{:#?}\n{trace}", world.broken);
    let struck = script.iter().all(|(hazard, _)| world.struck & 1 << (*hazard as u8) != 0);
    assert!(struck, "not all of {script:?} struck\n{trace}");
    world.partition()
}

/// The first token was got, then the target wanted to be left alone for longer than the token was good.
#[test]
fn simulation_found_that_a_token_which_grew_old_unshown_counted_as_one_that_is_not_taken() {
    let kind = kind("tokens");
    let case = kind.small(&[("ok", 0), ("ok", 0)]);
    // The seventh of the waits that an answer may name is 600 s. The first question is whether the token's own request is
    // throttled.
    let mut world = World::new(&case, Scripted::new(&[(Hazard::Throttled, 2)], 6), LIMITS);
    world.life();
    assert!(world.broken.is_empty(), "{:?}", world.broken);
    assert!(world.struck != 0 && seeds::is_complete(&world), "one run is enough");
}

/// A row that stands before a refused one of its group is as good as ever, though both were in one request.
#[test]
fn simulation_found_that_rows_before_the_refused_one_were_blocked_with_those_behind_it() {
    let kind = kind("blocking");
    let case = kind.small(&[("ok", 0), ("bad", 0), ("ok", 0)]);
    assert_eq!(end_of(&case, &[], 0, 8), [Place::Delivered, Place::Refused, Place::Refused]);
}

/// The target asked for an hour's patience and was obeyed by a run that ended; its memory of keys is as short.
#[test]
fn simulation_found_that_a_key_was_sent_by_the_next_run_that_was_too_old_for_this_one() {
    let kind = kind("short memory");
    let case = kind.small(&[("ok", 0), ("ok", 0)]);
    // The eighth wait of the list is longer than anybody obeys.
    assert_eq!(end_of(&case, &[(Hazard::Throttled, 1)], 7, 8), [Place::Delivered, Place::Delivered]);
}

/// The time in which a job was not asked about is no time that it had.
#[test]
fn simulation_found_that_a_job_was_given_up_at_the_first_question_after_a_long_pause() {
    let kind = kind("imports-async");
    let case = kind.small(&[("ok", 0), ("ok", 0), ("ok", 0), ("ok", 0)]);
    // The second job wants two polls; the first of them is answered that an hour is a good wait.
    let script = [(Hazard::Throttled, 3), (Hazard::Throttled, 4)];
    assert_eq!(end_of(&case, &script, 7, 2), [Place::Delivered; 4]);
}

/// While it was written down that a request leaves, another was answered 429.
#[test]
fn simulation_found_that_a_request_left_through_a_gate_that_had_closed_meanwhile() {
    let kind = kind("address, hold");
    let case = kind.small(&[("ok", 0), ("ok", 0), ("ok", 0), ("ok", 0)]);
    assert_eq!(end_of(&case, &[(Hazard::Throttled, 2)], 2, 1), [Place::Delivered; 4]);
}

/// Without keys, the verdict on the second attempt says nothing about the first, which arrived late.
#[test]
fn simulation_found_that_our_own_late_write_made_a_dead_letter_of_its_row() {
    let kind = kind("unique");
    let case = kind.small(&[("slow", 0), ("ok", 0)]);
    // How late that is decides what it meets.
    for after in (0..300_000).step_by(5_000) {
        let limits = Limits { jitters: true, ..LIMITS };
        let places = end_within(&case, &[(Hazard::RequestLate, 1)], after, limits);
        assert_eq!(places, [Place::Delivered, Place::Delivered], "{after}");
    }
}

//! As much as a target allows, and no more: the figures that are promised, against models.

use super::model::{Limit, Model, Score, Words};
use crate::engine::Rate;
use std::num::NonZeroU32;
use std::time::Duration;

const SECOND: u64 = 1_000_000;

fn limits() -> Vec<(&'static str, Limit)> {
    vec![
        ("fixed second", Limit::Fixed { window: SECOND }),
        ("fixed ten seconds", Limit::Fixed { window: 10 * SECOND }),
        ("fixed minute", Limit::Fixed { window: 60 * SECOND }),
        ("sliding second", Limit::Sliding { window: SECOND }),
        ("sliding ten seconds", Limit::Sliding { window: 10 * SECOND }),
        ("bucket", Limit::Bucket { burst: 10.0 }),
    ]
}

const RATES: [fn(u64) -> f64; 3] = [|_| 5.0, |_| 20.0, |_| 400.0];

/// Each limit at each rate, near and far away.
fn each(words: Words, rates: impl Fn(f64) -> Vec<Rate>, check: impl Fn(&Score) -> bool) {
    let mut bad = Vec::new();
    for latency in [5_000, 80_000] {
        for rate in RATES {
            for (name, limit) in limits() {
                let model = Model { limit, rate, latency, words, lost: 0 };
                for seed in 1..=2 {
                    let score = model.run(&rates(rate(0)), 300, seed);
                    if !check(&score) {
                        bad.push(format!("{name}, {}/s, {} ms: {score:?}", rate(0), latency / 1000));
                    }
                }
            }
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn with_a_rate_nearly_all_is_used_and_hardly_anything_refused() {
    let rate = |rate: f64| {
        let amount = NonZeroU32::new(rate as u32).unwrap();
        vec![Rate { amount, per: Duration::from_secs(1) }]
    };
    each(Words::Silent, rate, |score| score.used >= 0.97 && score.refused < 0.01);
}

#[test]
fn with_hints_nearly_all_is_used_and_hardly_anything_refused() {
    each(Words::Hints, |_| vec![], |score| score.used >= 0.97 && score.refused < 0.01);
}

#[test]
fn with_waits_in_whole_seconds_that_only_refusals_name_nine_tenths_are_used() {
    // A bucket that is filled again in milliseconds and asks for a second loses that second each time.
    each(Words::RetryAfter, |_| vec![], |score| score.used >= 0.9 && score.refused < 0.13);
}

#[test]
fn with_neither_nine_tenths_are_used() {
    each(Words::Silent, |_| vec![], |score| score.used >= 0.9 && score.refused < 0.2);
}

/// At the changes of a limit: what is used over five minutes.
fn followed(rate: fn(u64) -> f64, used: f64) {
    for limit in
        [Limit::Fixed { window: SECOND }, Limit::Sliding { window: SECOND }, Limit::Bucket { burst: 5.0 }]
    {
        let score = Model { limit, rate, latency: 40_000, words: Words::Silent, lost: 0 }.run(&[], 300, 1);
        assert!(score.used >= used && score.refused < 0.05, "{score:?}");
    }
}

#[test]
fn a_limit_that_changes_is_followed() {
    followed(|now| if (100..200).contains(&(now / SECOND)) { 20.0 } else { 40.0 }, 0.9);
}

#[test]
fn a_limit_that_changes_wildly_is_found_again() {
    let rate = |now| match now / SECOND {
        0..100 => 30.0,
        100..200 => 10.0,
        _ => 60.0,
    };
    followed(rate, 0.85);
}

#[test]
fn answers_that_are_lost_are_no_part_of_its_limit() {
    let mut bad = Vec::new();
    for lost in [20, 40] {
        // At the third rate one request at a time, as behind failures in a row, is not enough.
        for rate in &RATES[..2] {
            for (name, limit) in limits() {
                let model = Model { limit, rate: *rate, latency: 5_000, words: Words::Silent, lost };
                let score = model.run(&[], 300, 1);
                if score.used < 0.9 || score.refused > 0.2 {
                    bad.push(format!("{name}, {}/s, {lost} % lost: {score:?}", rate(0)));
                }
            }
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn a_target_that_slows_down_under_load_is_kept_busy_and_not_flooded() {
    for (rate, latency) in [(20.0, 200_000), (200.0, 20_000), (500.0, 40_000)] {
        let rates: fn(u64) -> f64 = match rate as u64 {
            20 => |_| 20.0,
            200 => |_| 200.0,
            _ => |_| 500.0,
        };
        let score = Model { limit: Limit::Queue, rate: rates, latency, words: Words::Silent, lost: 0 }.run(
            &[],
            300,
            1,
        );
        let enough = (rate * latency as f64 / 1e6).max(1.0);
        assert!(score.used >= 0.9, "{rate}: {score:?}");
        assert!((score.crowd as f64) < enough * 4.0 + 8.0, "{rate}: {score:?}");
    }
}

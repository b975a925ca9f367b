//! What an answer tells of rates is read in every form, and nothing that it says can be too much.

use super::*;
use crate::target::RateHint;
use proptest::prelude::*;
use std::time::Duration;

#[expect(clippy::unnecessary_wraps, reason = "as waits come")]
fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[expect(clippy::unnecessary_wraps, reason = "as hints come")]
fn hint(remaining: u64, reset: u64, limit: u64, window: Option<u64>) -> Option<RateHint> {
    let window = window.map(Duration::from_secs);
    Some(RateHint { remaining, reset: seconds(reset), limit: Some(limit), window })
}

fn told(target: &Target, headers: &[(&str, &str)]) -> Option<RateHint> {
    let reply = headers.iter().fold(reply(200, ""), |reply, (name, value)| with(reply, name, value));
    target.hint(&reply, NOW)
}

#[test]
fn the_drafts_headers_are_read_in_all_their_forms() {
    let target = plain("[flow]\nietf = true\n");
    let of = |headers: &[(&str, &str)]| told(&target, headers);
    assert_eq!(
        of(&[
            ("ratelimit-policy", r#""burst";q=100;w=60,"day";q=1000;w=86400"#),
            ("ratelimit", r#""burst";r=50;t=30"#)
        ]),
        hint(50, 30, 100, Some(60))
    );
    assert_eq!(
        of(&[("ratelimit", r#""a, b;r=0";r=9;t=5, "day";r=3;t=600"#), ("ratelimit-policy", r#""day";q=10"#)]),
        hint(3, 600, 10, None)
    );
    assert_eq!(of(&[("ratelimit", "limit=100, remaining=50, reset=7")]), hint(50, 7, 100, None));
    assert_eq!(
        of(&[("ratelimit-limit", "100, 100;w=10"), ("ratelimit-remaining", "12"), ("ratelimit-reset", "4")]),
        hint(12, 4, 100, None)
    );
    assert_eq!(of(&[("ratelimit-limit", "100")]), None);
    assert_eq!(of(&[]), None);
    assert_eq!(told(&plain(""), &[("ratelimit-remaining", "12")]), None);
}

#[test]
fn a_profile_names_the_headers_and_the_unit_of_its_target() {
    let target = plain(
        "[flow]\nremaining = \"X-Left\"\nlimit = \"X-Most\"\nreset = { name = \"X-Reset\", unit = \"epoch_s\" }\n",
    );
    let headers = [("x-left", " 5 "), ("x-most", "10"), ("x-reset", "1030")];
    assert_eq!(told(&target, &headers), hint(5, 30, 10, None));
    assert_eq!(told(&target, &[("x-left", "-1")]), None);
    let huge = told(&target, &[("x-left", "99999999999999999999")]).unwrap();
    assert_eq!((huge.remaining, huge.reset), (u64::MAX, None));
}

#[test]
fn an_empty_window_is_the_wait_of_a_429_that_names_none() {
    let target = plain("[flow]\nietf = true\ncooldown = \"90s\"\n");
    let wait = |headers: &[(&str, &str)]| {
        let busy = headers.iter().fold(reply(429, ""), |reply, (name, value)| with(reply, name, value));
        match read(&target, &busy) {
            Outcome::Throttled { wait, .. } => wait,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(&[("ratelimit", r#""x";r=0;t=12"#)]), seconds(12));
    assert_eq!(wait(&[("ratelimit", r#""x";r=0;t=12"#), ("retry-after", "3")]), seconds(3));
    assert_eq!(wait(&[("ratelimit", r#""x";r=4;t=12"#)]), seconds(90));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(limit in "\\PC{0,40}", policy in "\\PC{0,40}", left in "\\PC{0,20}") {
        let target = plain("[flow]\nietf = true\n");
        told(&target, &[("ratelimit", &limit), ("ratelimit-policy", &policy), ("ratelimit-remaining", &left)]);
    }
}

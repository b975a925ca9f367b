//! How long an answer asks us to wait: Retry-After in all its forms, and the headers that mean the same.
//!
//! No clock is read: a date is counted from the answer's own Date, else from the time given. What is no
//! wait (negative, junk) is none; what is too long to hold is the longest that can be held.

use crate::model::{Reply, WallTime};
use std::time::{Duration, UNIX_EPOCH};

/// How a header counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Retry-After: seconds (decimals too) or an HTTP date.
    RetryAfter,
    Seconds,
    Millis,
    EpochSeconds,
    EpochMillis,
    Date,
}

/// The longest wait that is told: about a hundred years, safe to add to any clock here.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// The wait that a header's value names.
pub(super) fn read(value: &str, unit: Unit, reply: &Reply, now: WallTime) -> Option<Duration> {
    let value = value.trim();
    match unit {
        Unit::RetryAfter => number(value, 1.0).or_else(|| Some(until(date(value)?, reply, now))),
        Unit::Seconds => number(value, 1.0),
        Unit::Millis => number(value, 0.001),
        Unit::EpochSeconds => Some(until(epoch(value, 1000.0)?, reply, now)),
        Unit::EpochMillis => Some(until(epoch(value, 1.0)?, reply, now)),
        Unit::Date => Some(until(date(value)?, reply, now)),
    }
}

fn plain(value: &str) -> bool {
    !value.is_empty()
        && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && value.bytes().any(|byte| byte.is_ascii_digit())
}

fn number(value: &str, scale: f64) -> Option<Duration> {
    if !plain(value) {
        return None;
    }
    let seconds = value.parse::<f64>().ok()? * scale;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST))
}

fn epoch(value: &str, scale: f64) -> Option<i64> {
    plain(value).then(|| value.parse::<f64>().ok().map(|number| (number * scale) as i64))?
}

fn date(value: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// A time in the past is no wait at all, but it was named: zero.
fn until(millis: i64, reply: &Reply, now: WallTime) -> Duration {
    let from = reply.header("date").and_then(date).unwrap_or(now.millis());
    let left = u64::try_from(millis.saturating_sub(from)).unwrap_or(0);
    Duration::from_millis(left).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn wait(value: &str) -> Option<Duration> {
        let reply = Reply {
            status: 429,
            headers: vec![("date".into(), "Thu, 01 Jan 1970 00:01:00 GMT".into())],
            body: Bytes::new(),
            body_state: crate::model::BodyState::Whole,
        };
        read(value, Unit::RetryAfter, &reply, WallTime::from_millis(999_999_999))
    }

    #[test]
    fn a_wait_is_read_in_every_form_and_junk_is_none() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait(" 1.5 "), Some(Duration::from_millis(1500)));
        assert_eq!(wait("2.0"), Some(Duration::from_secs(2)));
        assert_eq!(wait("0"), Some(Duration::ZERO));
        assert_eq!(wait("100000000000000000000"), Some(LONGEST));
        for junk in ["-1", "", ".", "1,5", "soon", "1e3", "inf", "nan", "1.2.3", "+1"] {
            assert_eq!(wait(junk), None, "{junk:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date_and_one_in_the_past_is_no_wait() {
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:00:30 GMT"), Some(Duration::ZERO));
        let bare = Reply {
            status: 429,
            headers: vec![],
            body: Bytes::new(),
            body_state: crate::model::BodyState::Whole,
        };
        let at =
            read("Thu, 01 Jan 1970 00:01:30 GMT", Unit::RetryAfter, &bare, WallTime::from_millis(80_000));
        assert_eq!(at, Some(Duration::from_secs(10)));
    }

    proptest! {
        #[test]
        fn no_header_can_make_it_panic_or_wait_for_ever(value in ".{0,40}") {
            if let Some(wait) = wait(&value) {
                prop_assert!(wait <= LONGEST);
            }
        }
    }
}

//! `[row] expires`: the instant after which sending a row is wrong.

use super::raw;
use super::target::Target;
use crate::model::{Rejection, WallTime};

/// Numbers from here on are milliseconds: as seconds they would lie beyond the year 5000.
const MILLIS_FROM: f64 = 1e11;

impl Target {
    /// When this row expires: an RFC 3339 timestamp, or seconds or milliseconds since 1970. A row without the field,
    /// or with null in it, never does. `Err` refuses the row.
    pub fn expiry(&self, text: &[u8]) -> Result<Option<WallTime>, Rejection> {
        let Some(at) = &self.expires else { return Ok(None) };
        let text = std::str::from_utf8(text)
            .map_err(|_| Rejection::local("invalid_utf8", "the row is not UTF-8"))?;
        let Some(value) = at.find(text).filter(|value| *value != "null").and_then(raw::scalar) else {
            return Ok(None);
        };
        if value.is_empty() {
            return Ok(None);
        }
        read(&value).map(Some).ok_or_else(|| Rejection {
            field: Some(at.as_str().to_owned()),
            ..Rejection::local(
                "bad_expiry",
                format!("field {}: `{value}` is no time; it looks like 2026-01-31T12:00:00Z", at.as_str()),
            )
        })
    }
}

fn read(value: &str) -> Option<WallTime> {
    if let Ok(at) = value.parse::<jiff::Timestamp>() {
        return Some(WallTime::from_millis(at.as_millisecond()));
    }
    since_1970(value)
}

/// A number of seconds, or where it is too large for that, of milliseconds.
pub(super) fn since_1970(number: &str) -> Option<WallTime> {
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
    let millis = if number.abs() < MILLIS_FROM { number * 1000.0 } else { number };
    Some(WallTime::from_millis(millis as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_forms_that_feeds_use() {
        let millis = |text: &str| read(text).map(WallTime::millis);
        assert_eq!(millis("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(millis("1970-01-01T01:00:01.5+01:00"), Some(1500));
        assert_eq!(millis("1700000000"), Some(1_700_000_000_000));
        assert_eq!(millis("1700000000000"), Some(1_700_000_000_000));
        assert_eq!(millis("1700000000.25"), Some(1_700_000_000_250));
        for wrong in ["tomorrow", "2026-13-01T00:00:00Z", "NaN", "inf"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}

//! Amounts as people type them: sizes, durations, rates, shares.

use crate::engine::{MaxRejects, Rate};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time;

/// `500KB`, `1MiB`, `2000000`: bytes. K, M, G are powers of ten; Ki, Mi, Gi of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "ki" | "kib" => 1 << 10,
            "mi" | "mib" => 1 << 20,
            "gi" | "gib" => 1 << 30,
            _ => return Err(format!("`{unit}` is no unit of size (known: B, KB, MB, GB, KiB, MiB, GiB)")),
        };
        let number: f64 = number.parse().map_err(|_| "a size looks like `500KB` or `1MiB`".to_owned())?;
        let bytes = number * factor as f64;
        if bytes < 1.0 { Err("a size is at least one byte".to_owned()) } else { Ok(Self(bytes as u64)) }
    }
}

/// `250ms`, `30s`, `1h 30m`; a bare number is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub time::Duration);

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse::<f64>()
            && let Ok(duration) = time::Duration::try_from_secs_f64(seconds)
        {
            return Ok(Self(duration));
        }
        let duration = humantime::parse_duration(text);
        duration.map(Self).map_err(|_| "a duration looks like `250ms`, `30s` or `1h`".to_owned())
    }
}

/// `10/s`, `600/m`, `5000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateArg(pub Rate);

impl FromStr for RateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a rate looks like `10/s`, `600/m` or `5000/h`".to_owned();
        let (amount, unit) = text.split_once('/').ok_or_else(wrong)?;
        let amount: NonZeroU32 = amount.trim().parse().map_err(|_| wrong())?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        Ok(Self(Rate { amount, per: time::Duration::from_secs(seconds) }))
    }
}

/// `-j`: a number of requests, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    Auto,
    Fixed(NonZeroU32),
}

impl FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let number: NonZeroU32 = text.parse().map_err(|_| "a number from 1 to 1024, or `auto`".to_owned())?;
        if number.get() > 1024 {
            Err("at most 1024 requests at once".to_owned())
        } else {
            Ok(Self::Fixed(number))
        }
    }
}

/// `--max-rejects`: `100` rows or `2%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub MaxRejects);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a number of rows like `100`, or a share like `2%`".to_owned();
        match text.strip_suffix('%') {
            Some(share) => match share.trim().parse::<f64>() {
                Ok(share) if (0.0..=100.0).contains(&share) => Ok(Self(MaxRejects::Percent(share))),
                _ => Err(wrong()),
            },
            None => text.parse().map(|rows| Self(MaxRejects::Rows(rows))).map_err(|_| wrong()),
        }
    }
}

/// `--delimiter`: one ASCII character; a tab may be written as people and shells write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(pub u8);

impl FromStr for Delimiter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            b"\\t" | b"tab" => Ok(Self(b'\t')),
            [b'"' | b'\r' | b'\n'] => Err("a delimiter is neither a quote nor a line end"),
            [byte] if byte.is_ascii() => Ok(Self(*byte)),
            _ => Err("a delimiter is one ASCII character, as in `;` or `|`; `tab` is a tab"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!("1MiB".parse(), Ok(Size(1 << 20)));
        assert_eq!("1.5 KB".parse(), Ok(Size(1500)));
        assert_eq!("77".parse(), Ok(Size(77)));
        assert!("0".parse::<Size>().is_err() && "1 parsec".parse::<Size>().is_err());
    }

    #[test]
    fn rates_and_shares_are_read_and_nonsense_is_not() {
        assert_eq!("10/s".parse::<RateArg>().unwrap().0.amount.get(), 10);
        assert!("10".parse::<RateArg>().is_err() && "0/s".parse::<RateArg>().is_err());
        assert_eq!("2%".parse(), Ok(Percent(MaxRejects::Percent(2.0))));
        assert_eq!("0".parse(), Ok(Percent(MaxRejects::Rows(0))));
        assert!("101%".parse::<Percent>().is_err() && "-1".parse::<Percent>().is_err());
        assert_eq!("2".parse(), Ok(Duration(time::Duration::from_secs(2))));
    }
}

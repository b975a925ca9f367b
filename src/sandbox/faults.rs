//! The ways the practice server misbehaves, and how they are written down.
//!
//! A specification such as `throttle=2%,drop-after=1%,slow=50ms` becomes a [`Faults`]. This file only reads
//! and prints it; when a fault strikes is decided in `dice`. It must never guess: what it cannot read is an
//! error that says what would have been right.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NAMES: &str = "throttle, error, drop-before, drop-after, truncate, garbage, slow, reject, rival";

/// What each of them is, for people.
const MEANINGS: &str = "  throttle=2%     429 with a Retry-After; nothing of the request was applied
  error=1%        500 or 503, half of them behind a request that was applied
  drop-before=1%  the connection is closed before the request is handled
  drop-after=1%   the request is applied, and the connection closed without an answer
  truncate=1%     the request is applied, and a part of the answer is sent
  garbage=1%      the request is applied, and the answer is a page of HTML with status 200
  slow=50ms       each answer comes up to so much later
  reject=2%       these rows are always refused, chosen by what they say
  rival=1%        another writer appends to the stream first (j17)";

/// How often the server does each wrong thing; percentages are 0 to 100. The default does none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// 429 with a `Retry-After`, before handling.
    pub throttle: f64,
    /// 500 or 503: half before handling, half after it (the rows are applied).
    pub error: f64,
    /// The connection is closed before handling.
    pub drop_before: f64,
    /// Handled, then the connection is closed without an answer.
    pub drop_after: f64,
    /// Handled, then only a part of the answer is sent.
    pub truncate: f64,
    /// Handled, then a page of HTML with status 200 is the answer.
    pub garbage: f64,
    /// Each answer is delayed by up to this.
    pub slow: Duration,
    /// Rows that are always refused, chosen by the hash of what they say.
    pub reject: f64,
    /// Another writer appends to the stream first.
    pub rival: f64,
}

/// Why a specification of faults could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// No such fault.
    #[error("there is no fault `{0}`; the faults are {NAMES}; `--faults help` says what each is")]
    Unknown(String),
    /// Asked for.
    #[error("the faults, with commas between them:\n{MEANINGS}")]
    Help,
    /// Named twice.
    #[error("the fault `{0}` is given twice")]
    Twice(String),
    /// A name without `=value`.
    #[error("the fault `{0}` needs a value, such as `{1}`")]
    NoValue(String, String),
    /// Not a percentage.
    #[error("the fault `{name}` takes a percentage from 0% to 100%, such as `{name}=2.5%`, not `{value}`")]
    Percent {
        /// The fault.
        name: String,
        /// What was given.
        value: String,
    },
    /// Not a duration.
    #[error("the fault `slow` takes a duration, such as `slow=50ms` or `slow=1s`, not `{0}`")]
    Duration(String),
}

impl Faults {
    fn percentage(&mut self, name: &str) -> Option<&mut f64> {
        Some(match name {
            "throttle" => &mut self.throttle,
            "error" => &mut self.error,
            "drop-before" => &mut self.drop_before,
            "drop-after" => &mut self.drop_after,
            "truncate" => &mut self.truncate,
            "garbage" => &mut self.garbage,
            "reject" => &mut self.reject,
            "rival" => &mut self.rival,
            _ => return None,
        })
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), FaultsError> {
        let slow = name == "slow";
        if !slow && self.percentage(name).is_none() {
            return Err(FaultsError::Unknown(name.to_owned()));
        }
        let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
            FaultsError::NoValue(name.to_owned(), format!("{name}={}", if slow { "50ms" } else { "2%" }))
        })?;
        if slow {
            self.slow = match value {
                "0" => Duration::ZERO,
                _ => humantime::parse_duration(value).map_err(|_| FaultsError::Duration(value.to_owned()))?,
            };
        } else if let Some(field) = self.percentage(name) {
            *field = value
                .strip_suffix('%')
                .and_then(|number| number.trim().parse::<f64>().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .ok_or_else(|| FaultsError::Percent { name: name.to_owned(), value: value.to_owned() })?;
        }
        Ok(())
    }
}

impl FromStr for Faults {
    type Err = FaultsError;

    fn from_str(spec: &str) -> Result<Self, FaultsError> {
        if spec.trim() == "help" {
            return Err(FaultsError::Help);
        }
        let mut faults = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for part in spec.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (part, None),
            };
            faults.set(name, value)?;
            if seen.contains(&name) {
                return Err(FaultsError::Twice(name.to_owned()));
            }
            seen.push(name);
        }
        Ok(faults)
    }
}

impl fmt::Display for Faults {
    /// The specification that reads back as this; empty if there are no faults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percentages = [
            ("throttle", self.throttle),
            ("error", self.error),
            ("drop-before", self.drop_before),
            ("drop-after", self.drop_after),
            ("truncate", self.truncate),
            ("garbage", self.garbage),
            ("reject", self.reject),
            ("rival", self.rival),
        ];
        let mut comma = "";
        for (name, percent) in percentages.into_iter().filter(|(_, percent)| *percent > 0.0) {
            write!(f, "{comma}{name}={percent}%")?;
            comma = ",";
        }
        if !self.slow.is_zero() {
            write!(f, "{comma}slow={}", humantime::format_duration(self.slow).to_string().replace(' ', ""))?;
        }
        Ok(())
    }
}

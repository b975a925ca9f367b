//! Filters: what is done to a value on its way into a template.
//!
//! They never make a value up: what does not fit is refused, and the row with it.

use super::expiry::since_1970;
use super::raw;
use crate::model::{Digest, WallTime};
use std::borrow::Cow;
use std::fmt::Write as _;

/// A value on its way into a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piped<'a> {
    /// JSON as written.
    Json(Cow<'a, str>),
    /// Plain text.
    Text(Cow<'a, str>),
    Time(WallTime),
}

impl<'a> Piped<'a> {
    /// As text: a string's content, everything else as written; null is empty.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Json(Cow::Borrowed("null")) => Cow::Borrowed(""),
            Self::Json(Cow::Borrowed(json)) => raw::scalar(json).unwrap_or(Cow::Borrowed(json)),
            Self::Json(Cow::Owned(json)) => {
                Cow::Owned(raw::scalar(&json).map_or(json.clone(), Cow::into_owned))
            }
            Self::Text(text) => text,
            Self::Time(at) => Cow::Owned(at.rfc3339()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Url,
    Str,
    Int,
    Num,
    Bool,
    Json,
    Base64,
    Hex,
    Sha256,
    Uuid,
    Max(usize),
    HttpDate,
    Rfc3339,
    EpochSeconds,
    EpochMillis,
    Default(String),
    /// Names, keys and tags of the line protocol of `InfluxDB`: comma, equals sign and blank are escaped.
    LineTag,
    /// Text fields of that protocol, with their quotes.
    LineText,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(value) = text.strip_prefix("default:") {
            return Ok(Self::Default(value.to_owned()));
        }
        if let Some(most) = text.strip_prefix("max:") {
            return most.parse().map(Self::Max).map_err(|_| format!("`max:{most}` needs a number"));
        }
        Ok(match text {
            "url" => Self::Url,
            "str" => Self::Str,
            "int" => Self::Int,
            "num" => Self::Num,
            "bool" => Self::Bool,
            "json" => Self::Json,
            "b64" => Self::Base64,
            "hex" => Self::Hex,
            "sha256" => Self::Sha256,
            "uuid" => Self::Uuid,
            "imf" => Self::HttpDate,
            "rfc3339" => Self::Rfc3339,
            "epoch_s" => Self::EpochSeconds,
            "epoch_ms" => Self::EpochMillis,
            "lp_tag" => Self::LineTag,
            "lp_str" => Self::LineText,
            _ => {
                return Err(format!(
                    "unknown filter `{text}`; it is one of url, str, int, num, bool, json, b64, hex, sha256, uuid, \
                     max:N, lp_tag, lp_str, imf, rfc3339, epoch_s, epoch_ms, default:x"
                ));
            }
        })
    }

    /// `Err` says why the value does not fit.
    pub(super) fn apply<'a>(&self, value: Piped<'a>) -> Result<Piped<'a>, String> {
        let owned = |text: String| Ok(Piped::Text(Cow::Owned(text)));
        match self {
            Self::Default(_) => Ok(value),
            Self::Str => Ok(Piped::Text(value.into_text())),
            Self::Url => owned(encode(&value.into_text())),
            Self::Hex => owned(Digest::hex_of(value.into_text().as_bytes())),
            Self::Base64 => owned(base64(value.into_text().as_bytes())),
            Self::Sha256 => owned(Digest::of(value.into_text().as_bytes()).hex()),
            Self::Uuid => owned(super::key_form::uuid(&Digest::of(value.into_text().as_bytes()))),
            Self::Max(most) => {
                let text = value.into_text();
                let end = text.char_indices().nth(*most).map_or(text.len(), |(at, _)| at);
                owned(text[..end].to_owned())
            }
            Self::LineTag => {
                let text = value.into_text();
                if text.ends_with('\\') {
                    // It would be read as the escape of what comes next, and nothing can stand for it.
                    let text = super::scrub::cap(&text, 60);
                    return Err(format!("`{text}` ends with a backslash, which a tag cannot"));
                }
                owned(text.replace(',', "\\,").replace('=', "\\=").replace(' ', "\\ "))
            }
            Self::LineText => {
                let text = value.into_text().replace('\\', "\\\\").replace('"', "\\\"");
                owned(format!("\"{text}\""))
            }
            Self::Int => literal(value, "a whole number", |text| {
                let digits = text.strip_prefix('-').unwrap_or(text);
                digits.bytes().all(|byte| byte.is_ascii_digit())
            }),
            Self::Num => literal(value, "a number", |text| {
                text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            }),
            Self::Bool => literal(value, "true or false", |text| matches!(text, "true" | "false")),
            Self::Json => literal(value, "JSON", |_| true),
            Self::HttpDate | Self::Rfc3339 | Self::EpochSeconds | Self::EpochMillis => self.time(value),
        }
    }

    fn time<'a>(&self, value: Piped<'a>) -> Result<Piped<'a>, String> {
        let at = match value {
            Piped::Time(at) => at,
            // In a text, 20260131 is more likely a day than a number of seconds.
            Piped::Json(json) if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                since_1970(&json).ok_or_else(|| format!("`{json}` is no time"))?
            }
            other => {
                let text = other.into_text();
                let at: jiff::Timestamp = text
                    .parse()
                    .map_err(|_| format!("`{text}` is no time (RFC 3339, or a number since 1970)"))?;
                WallTime::from_millis(at.as_millisecond())
            }
        };
        Ok(match self {
            Self::HttpDate => {
                let millis = u64::try_from(at.millis()).unwrap_or(0);
                let system = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
                Piped::Text(Cow::Owned(httpdate::fmt_http_date(system)))
            }
            Self::EpochSeconds => Piped::Json(Cow::Owned(at.millis().div_euclid(1000).to_string())),
            Self::EpochMillis => Piped::Json(Cow::Owned(at.millis().to_string())),
            _ => Piped::Text(Cow::Owned(at.rfc3339())),
        })
    }
}

fn literal<'a>(value: Piped<'a>, what: &str, fits: impl Fn(&str) -> bool) -> Result<Piped<'a>, String> {
    let text = value.into_text();
    match raw::checked(text.as_bytes()) {
        Some(json) if fits(json.trim()) => Ok(Piped::Json(Cow::Owned(json.trim().to_owned()))),
        _ => Err(format!("`{}` is not {what}", super::scrub::cap(&text, 60))),
    }
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shift = 18 - 6 * digit;
            let known = digit <= chunk.len();
            out.push(if known { char::from(DIGITS[(word >> shift & 63) as usize]) } else { '=' });
        }
    }
    out
}

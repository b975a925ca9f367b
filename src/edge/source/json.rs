//! Text as JSON: strings, and values of the types that a column may have.

use super::ColumnType;
use memchr::memchr;
use serde::de::IgnoredAny;

/// Appends the text as a value of this type; `false` if it is none.
pub(super) fn write_value(kind: ColumnType, text: &[u8], into: &mut Vec<u8>) -> bool {
    match kind {
        ColumnType::String => write_string(text, into),
        ColumnType::Number if is_number(text) => into.extend_from_slice(text),
        ColumnType::Integer if is_number(text) && !text.iter().any(|b| matches!(b, b'.' | b'e' | b'E')) => {
            into.extend_from_slice(text);
        }
        ColumnType::Boolean if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"t") => {
            into.extend_from_slice(b"true");
        }
        ColumnType::Boolean if text.eq_ignore_ascii_case(b"false") || text.eq_ignore_ascii_case(b"f") => {
            into.extend_from_slice(b"false");
        }
        ColumnType::Json if serde_json::from_slice::<IgnoredAny>(text).is_ok() => {
            // Outside of strings a line end is only space, and within them JSON allows none.
            let text = text.trim_ascii();
            into.extend(text.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        }
        _ => return false,
    }
    true
}

/// The number grammar of JSON: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
pub(super) fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', power @ ..] = rest {
        let power = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
        let length = digits(power);
        return length > 0 && length == power.len();
    }
    rest.is_empty()
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether a JSON string can hold these bytes as they are.
pub(super) fn is_clean(text: &[u8]) -> bool {
    !text.iter().fold(false, |found, byte| found | needs_escape(*byte))
}

/// From between quotes of CSV to between those of JSON, where nothing else needs an escape.
pub(super) fn write_requoted(mut bytes: &[u8], into: &mut Vec<u8>) {
    while let Some(quote) = memchr(b'"', bytes) {
        into.extend_from_slice(&bytes[..quote]);
        if bytes.get(quote + 1) != Some(&b'"') {
            return write_escaped(&bytes[quote + 1..], into);
        }
        into.extend_from_slice(b"\\\"");
        bytes = &bytes[quote + 2..];
    }
    into.extend_from_slice(bytes);
}

pub(super) fn write_string(text: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    write_escaped(text, into);
    into.push(b'"');
}

/// Appends the inside of a JSON string.
pub(super) fn write_escaped(text: &[u8], into: &mut Vec<u8>) {
    if is_clean(text) {
        into.extend_from_slice(text);
        return;
    }
    let mut copied = 0;
    for (at, &byte) in text.iter().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        into.extend_from_slice(&text[copied..at]);
        copied = at + 1;
        let short = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            b'"' | b'\\' => byte,
            _ => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                into.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                continue;
            }
        };
        into.extend_from_slice(&[b'\\', short]);
    }
    into.extend_from_slice(&text[copied..]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_escaped_as_serde_json_does(text in any::<String>()) {
            let mut ours = Vec::new();
            write_string(text.as_bytes(), &mut ours);
            prop_assert_eq!(String::from_utf8(ours).unwrap(), serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn a_number_is_what_json_calls_one(text in "[-+0-9.eE]{0,8}") {
            let json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(is_number(text.as_bytes()), json, "{}", text);
        }
    }

    #[test]
    fn values_pass_unchanged_or_not_at_all() {
        let value = |kind, text: &str| {
            let mut into = Vec::new();
            write_value(kind, text.as_bytes(), &mut into).then(|| String::from_utf8(into).unwrap())
        };
        for same in ["1.0", "9007199254740993", "-0", "1e400", "0.10"] {
            assert_eq!(value(ColumnType::Number, same).as_deref(), Some(same));
        }
        for not in ["", "01", "+1", "1.", ".5", "0x1", "NaN", " 1", "1 ", "1,5"] {
            assert_eq!(value(ColumnType::Number, not), None, "{not}");
        }
        assert_eq!(value(ColumnType::Integer, "-12").as_deref(), Some("-12"));
        assert_eq!(value(ColumnType::Integer, "1.0"), None);
        assert_eq!(value(ColumnType::Integer, "1e3"), None);
        assert_eq!(value(ColumnType::Boolean, "TRUE").as_deref(), Some("true"));
        assert_eq!(value(ColumnType::Boolean, "f").as_deref(), Some("false"));
        assert_eq!(value(ColumnType::Boolean, "1"), None);
        assert_eq!(value(ColumnType::Json, "{\"a\":\r\n[1.0]}").as_deref(), Some("{\"a\":  [1.0]}"));
        assert_eq!(value(ColumnType::Json, "{"), None);
    }
}

//! A field as it stands in its record, and the text that it means.

use memchr::memchr;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    None,
    /// In quotes, with nothing to undo between them; the field's range is what stands between.
    Simple,
    /// In quotes, with doubled quotes; the range includes the opening quote.
    Messy,
    /// In quotes, with text after the closing one: nobody knows what was meant. As messy, where it is shown.
    Stray,
}

/// A field's range within its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoting: Quoting,
}

impl Field {
    /// What is written from `start` to `end`.
    pub(super) const fn of(quoting: Quoting, start: usize, end: usize) -> Self {
        match quoting {
            Quoting::Simple => Self { start: start + 1, end: end - 1, quoting },
            Quoting::None | Quoting::Messy | Quoting::Stray => Self { start, end, quoting },
        }
    }

    /// The text of the field; `scratch` holds it when it has to be put together.
    pub(super) fn text<'a>(&self, record: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let bytes = &record[self.start..self.end];
        if matches!(self.quoting, Quoting::Messy | Quoting::Stray) {
            scratch.clear();
            unquote(&bytes[1..], scratch);
            scratch
        } else {
            bytes
        }
    }
}

/// Undoes the quotes of a field; `bytes` begins after the opening one.
fn unquote(mut bytes: &[u8], into: &mut Vec<u8>) {
    while let Some(quote) = memchr(b'"', bytes) {
        into.extend_from_slice(&bytes[..quote]);
        if bytes.get(quote + 1) != Some(&b'"') {
            bytes = &bytes[quote + 1..];
            break;
        }
        into.push(b'"');
        bytes = &bytes[quote + 2..];
    }
    into.extend_from_slice(bytes);
}

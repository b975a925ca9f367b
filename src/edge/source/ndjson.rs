//! Framing NDJSON: one JSON object a line, passed on byte for byte. It checks that a line is one whole object and
//! builds no values from it.

use super::buffer::Buffer;
use super::frame::{Bounds, Extent, Trouble};
use crate::model::BadRow;
use memchr::memchr;
use serde::de::IgnoredAny;
use std::ops::Range;

/// Finds lines that are not blank.
#[derive(Debug)]
pub(super) struct NdjsonFramer {
    bounds: Bounds,
    /// Bytes of the line that were looked at.
    at: usize,
    gap: u64,
    /// Bytes of a line too large to be held that were passed over; 0: there is no such line.
    passed: u64,
}

impl NdjsonFramer {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, at: 0, gap: 0, passed: 0 }
    }

    /// Blank lines passed over since the last record.
    pub(super) fn gap(&self) -> u64 {
        self.gap
    }

    /// Forgets a line that was begun: the buffer went elsewhere.
    pub(super) fn reset(&mut self) {
        (self.at, self.gap, self.passed) = (0, 0, 0);
    }

    /// Finds the next line that holds something; `None` at the end of the input.
    pub(super) fn find(&mut self, buffer: &mut Buffer) -> Result<Option<Extent>, Trouble> {
        loop {
            if self.passed > 0 {
                return self.pass(buffer).map(Some);
            }
            let window = buffer.window();
            let part = self.bounds.cut(window);
            let (line, whole) = match memchr(b'\n', &part[self.at..]) {
                Some(end) => (self.at + end, self.at + end + 1),
                None if part.len() >= self.bounds.kept() => {
                    buffer.keep_head(self.bounds.kept());
                    self.at = 0;
                    self.pass_over(buffer, self.bounds.row);
                    continue;
                }
                None if buffer.ended() && window.is_empty() => return Ok(None),
                None if buffer.ended() => (window.len(), window.len()),
                None => {
                    self.at = part.len();
                    buffer.fill()?;
                    continue;
                }
            };
            self.at = 0;
            let lines = u64::from(whole > line);
            if window[..line].iter().all(|byte| is_blank(*byte)) {
                self.gap += lines;
                buffer.consume(whole);
                continue;
            }
            let content = line - usize::from(window[..line].ends_with(b"\r"));
            let oversize = content > self.bounds.row;
            let extent = Extent { gap: self.gap, passed: 0, content, whole, lines, oversize };
            self.gap = 0;
            return Ok(Some(extent));
        }
    }

    /// Passes over a line that is too large, to its end.
    fn pass(&mut self, buffer: &mut Buffer) -> Result<Extent, Trouble> {
        loop {
            let window = buffer.window();
            let (line, whole) = match memchr(b'\n', window) {
                Some(end) => (end, end + 1),
                None if buffer.ended() => (window.len(), window.len()),
                None => {
                    // The last byte may be half of the line's end.
                    self.pass_over(buffer, window.len().saturating_sub(1));
                    buffer.fill()?;
                    continue;
                }
            };
            let content = line - usize::from(window[..line].ends_with(b"\r"));
            let (gap, passed, lines) = (self.gap, self.passed, u64::from(whole > line));
            (self.gap, self.passed) = (0, 0);
            return Ok(Extent { gap, passed, content, whole, lines, oversize: true });
        }
    }

    fn pass_over(&mut self, buffer: &mut Buffer, bytes: usize) {
        buffer.consume(bytes);
        self.passed += bytes as u64;
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Appends the object on this line; else says why it is none. `is_text`: the line is UTF-8.
pub(super) fn write(line: &[u8], is_text: bool, into: &mut Vec<u8>) -> Result<Range<usize>, BadRow> {
    let bad = |code: &'static str, message: String| BadRow::new(code, message, line);
    let from = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len());
    let to = line.iter().rposition(|byte| !is_blank(*byte)).map_or(from, |last| last + 1);
    if !is_text {
        return Err(bad(
            "invalid_utf8",
            "the line is not valid UTF-8; if it is from Windows, iconv -f CP1252 -t UTF-8 converts it".into(),
        ));
    }
    let text = &line[from..to];
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(text) {
        return Err(bad("invalid_json", reason(&error, from)));
    }
    let kind = match text[0] {
        b'{' => {
            let start = into.len();
            into.extend_from_slice(text);
            return Ok(start..into.len());
        }
        b'[' => "an array",
        b'"' => "a string",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "a number",
    };
    let remedy = if text[0] == b'[' { "; jq -c '.[]' makes a line of each of its members" } else { "" };
    Err(bad("not_an_object", format!("{kind}, not an object{remedy}")))
}

/// What the parser says, with the column in the line as it stands in the file.
fn reason(error: &serde_json::Error, indent: usize) -> String {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    format!("{words} at column {}", error.column() + indent)
}

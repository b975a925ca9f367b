//! Framing CSV: RFC 4180 as the `csv` crate reads it, except that a quote left open is an error and never the end
//! of the rows, text after a closing quote is told of, and a blank line is passed over only where it can't be a row:
//! with several columns; and that what ends its records is decided once for an input ([`Ends`]). It finds records and fields; what a field becomes is not decided here.

use super::buffer::Buffer;
use super::ends::Ends;
use super::field::{Field, Quoting};
use super::frame::{Bounds, Extent, Passed, Trouble};
use super::marks::{BLOCK, last_marks, line_ends, marks, plain_end};
use memchr::memchr;
use std::io;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote within a quoted field: the end of it, or half of a doubled one.
    QuoteSeen,
    /// At the byte that ends the record.
    Terminator,
}

/// Finds records. A record that does not lie in the window as a whole is taken up again where the search ended, so
/// that framing takes time in proportion to the bytes, however small the reads.
#[derive(Debug)]
pub(super) struct CsvFramer {
    delimiter: u8,
    bounds: Bounds,
    fields: Vec<Field>,
    state: State,
    /// Bytes of the record that were looked at.
    at: usize,
    field_start: usize,
    quoting: Quoting,
    /// Some field of the record is in quotes.
    quotes: bool,
    /// JSON strings can hold what stands in the fields as it is; `None`: nobody looked.
    clean: Option<bool>,
    gap: u64,
    /// An empty line is a record.
    blank_lines: bool,
    /// Being found out, until it is known.
    ends: Option<Ends>,
    /// Carriage returns alone end records, too.
    returns: bool,
    /// A record too large to be held, as far as it was passed over.
    passed: Option<Passed>,
}

enum Scan {
    Record { content: usize, whole: usize },
    More,
    OpenQuote,
}

impl CsvFramer {
    pub(super) fn new(delimiter: u8, bounds: Bounds) -> Self {
        Self {
            delimiter,
            bounds,
            fields: Vec::new(),
            state: State::FieldStart,
            at: 0,
            field_start: 0,
            quoting: Quoting::None,
            quotes: false,
            clean: None,
            gap: 0,
            blank_lines: false,
            ends: Some(Ends::default()),
            returns: false,
            passed: None,
        }
    }

    /// From here on an empty line is a record with one empty field, and not passed over: there is only one column.
    pub(super) fn keep_blank_lines(&mut self) {
        self.blank_lines = true;
    }

    /// Blank lines passed over since the last record.
    pub(super) fn gap(&self) -> u64 {
        self.gap
    }

    /// Forgets a record that was begun: the buffer went elsewhere.
    pub(super) fn reset(&mut self) {
        self.begin();
        (self.gap, self.passed) = (0, None);
    }

    fn begin(&mut self) {
        self.fields.clear();
        self.state = State::FieldStart;
        self.at = 0;
        (self.quotes, self.clean) = (false, None);
    }

    /// The fields of the record found last.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether some field of the record found last is in quotes.
    pub(super) fn quotes(&self) -> bool {
        self.quotes
    }

    /// Whether JSON strings can hold the fields of the record found last as they stand, if that was seen on the way.
    pub(super) fn clean(&self) -> Option<bool> {
        self.clean
    }

    /// Looks at the beginning of an input for what ends its records: before the first one is looked for, or anything is
    /// passed over.
    pub(super) fn look_for_ends(&mut self, buffer: &mut Buffer) -> io::Result<()> {
        while let Some(ends) = &mut self.ends {
            match ends.are_returns(buffer.window(), self.delimiter, buffer.ended()) {
                Some(returns) => (self.ends, self.returns) = (None, returns),
                None => {
                    buffer.fill()?;
                }
            }
        }
        Ok(())
    }

    /// Whether carriage returns alone end records.
    pub(super) fn returns(&self) -> bool {
        self.returns
    }

    /// Finds the next record and puts the window's start on it; `None` at the end of the input.
    pub(super) fn find(&mut self, buffer: &mut Buffer) -> Result<Option<Extent>, Trouble> {
        self.look_for_ends(buffer)?;
        if self.at == 0 && self.passed.is_none() {
            self.begin();
            if !self.skip_blank_lines(buffer)? {
                return Ok(None);
            }
        }
        if self.at == 0
            && self.passed.is_none()
            && let Some(extent) = self.plain_record(buffer.window(), buffer.ended())
        {
            return Ok(Some(extent));
        }
        loop {
            let window = buffer.window();
            let part = match &self.passed {
                None => self.bounds.cut(window),
                Some(passed) => &window[..window.len().min(passed.reach(self.bounds))],
            };
            let full = part.len() >= self.bounds.kept();
            match self.scan(part, buffer.ended() && part.len() == window.len()) {
                Scan::Record { content, whole } => {
                    let Passed { bytes: passed, lines, .. } = self.passed.take().unwrap_or_default();
                    let lines = lines + u64::from(whole > content) + self.inner_lines(&window[..content]);
                    let oversize = passed > 0 || content > self.bounds.row;
                    let gap = std::mem::take(&mut self.gap);
                    self.at = 0;
                    return Ok(Some(Extent { gap, passed, content, whole, lines, oversize }));
                }
                Scan::OpenQuote => return Err(self.open_quote(buffer)),
                Scan::More => {
                    match &mut self.passed {
                        None if full => {
                            buffer.keep_head(self.bounds.kept());
                            self.passed = Some(Passed::default());
                        }
                        Some(passed) if part.len() == passed.reach(self.bounds) => {
                            if self.state == State::Quoted {
                                return Err(self.open_quote(buffer));
                            }
                            passed.is_far = true;
                        }
                        _ => {}
                    }
                    self.pass(buffer);
                    buffer.fill()?;
                }
            }
        }
    }

    /// Lets go of what was looked at of a record that is too large to be held.
    fn pass(&mut self, buffer: &mut Buffer) {
        let Some(passed) = &mut self.passed else { return };
        // The second half of a line end stays with the first.
        let mut bytes = self.at.min(buffer.window().len());
        bytes -= usize::from(buffer.window()[..bytes].ends_with(b"\r"));
        let window = &buffer.window()[..bytes];
        if passed.field.is_none() && self.field_start < bytes {
            let lines = passed.lines + line_ends(&window[..self.field_start], self.returns);
            passed.field = Some((lines, buffer.offset() + self.field_start as u64));
        }
        passed.lines += line_ends(window, self.returns);
        passed.bytes += bytes as u64;
        self.field_start = self.field_start.saturating_sub(bytes);
        self.at -= bytes;
        buffer.consume(bytes);
    }

    /// A record that lies in the window as a whole, with nothing odd about its quotes: most records, in one go. What
    /// else it is goes the long way from the field on that was not finished.
    fn plain_record(&mut self, window: &[u8], last: bool) -> Option<Extent> {
        let part = &window[..window.len().min(self.bounds.row)];
        let (mut quoting, mut is_open, mut is_broken, mut after) = (Quoting::None, false, false, 0);
        let mut clean = true;
        for (index, block) in part.chunks(BLOCK).enumerate() {
            let mut hits = match block.first_chunk() {
                Some(block) => marks(block, self.delimiter),
                None => last_marks(block, self.delimiter),
            };
            while hits != 0 {
                let at = index * BLOCK + hits.trailing_zeros() as usize;
                hits &= hits - 1;
                let byte = window[at];
                if byte == b'"' && at >= after {
                    if is_open {
                        match window.get(at + 1)? {
                            b'"' => (quoting, after, clean) = (Quoting::Messy, at + 2, false),
                            b'\n' => is_open = false,
                            b'\r' if self.returns || *window.get(at + 2)? == b'\n' => is_open = false,
                            next if *next == self.delimiter => is_open = false,
                            _ => return None,
                        }
                    } else if at == self.at {
                        (quoting, is_open, self.quotes) = (Quoting::Simple, true, true);
                    } else {
                        clean = false;
                    }
                } else if is_open {
                    is_broken |= byte == b'\n' || byte == b'\r';
                    clean &= byte == self.delimiter && byte >= 0x20;
                } else if byte == self.delimiter {
                    self.fields.push(Field::of(quoting, self.at, at));
                    (self.at, quoting) = (at + 1, Quoting::None);
                } else if byte == b'\n' || byte == b'\r' {
                    let whole = match window.get(at + 1) {
                        _ if byte == b'\n' => at + 1,
                        Some(b'\n') => at + 2,
                        None if !last => return None,
                        Some(_) if !self.returns => {
                            clean = false;
                            continue;
                        }
                        _ => at + 1,
                    };
                    self.fields.push(Field::of(quoting, self.at, at));
                    let gap = std::mem::take(&mut self.gap);
                    let lines = 1 + if is_broken { self.line_ends(&window[..at]) } else { 0 };
                    (self.at, self.clean) = (0, Some(clean));
                    return Some(Extent { gap, passed: 0, content: at, whole, lines, oversize: false });
                } else {
                    clean = false;
                }
            }
        }
        None
    }

    fn open_quote(&self, buffer: &Buffer) -> Trouble {
        let passed = self.passed.as_ref();
        if let Some((lines, byte)) = passed.and_then(|passed| passed.field) {
            return Trouble::OpenQuote { lines: self.gap + lines, byte };
        }
        let before = &buffer.window()[..self.field_start];
        let lines = self.gap + passed.map_or(0, |passed| passed.lines) + self.line_ends(before);
        Trouble::OpenQuote { lines, byte: buffer.offset() + self.field_start as u64 }
    }

    fn inner_lines(&self, record: &[u8]) -> u64 {
        if self.quotes { self.line_ends(record) } else { 0 }
    }

    fn line_ends(&self, bytes: &[u8]) -> u64 {
        line_ends(bytes, self.returns)
    }

    /// Consumes empty lines, unless they are records; `false` at the end of the input.
    fn skip_blank_lines(&mut self, buffer: &mut Buffer) -> Result<bool, Trouble> {
        loop {
            let length = match buffer.window() {
                [_, ..] if self.blank_lines => return Ok(true),
                [b'\r', b'\n', ..] => 2,
                [b'\r'] if !buffer.ended() => 0,
                [b'\r', _, ..] if !self.returns => return Ok(true),
                [b'\r' | b'\n', ..] => 1,
                [] if buffer.ended() => return Ok(false),
                [] => 0,
                _ => return Ok(true),
            };
            if length == 0 {
                buffer.fill()?;
            } else {
                self.gap += 1;
                buffer.consume(length);
            }
        }
    }

    /// Goes on from `self.at`. `last`: nothing comes after `data`.
    fn scan(&mut self, data: &[u8], last: bool) -> Scan {
        loop {
            match self.state {
                State::FieldStart => {
                    let Some(byte) = data.get(self.at) else { break };
                    self.field_start = self.at;
                    if let Some(passed) = &mut self.passed {
                        passed.field = None;
                    }
                    if *byte == b'"' {
                        (self.quoting, self.state, self.quotes) = (Quoting::Simple, State::Quoted, true);
                        self.at += 1;
                    } else {
                        (self.quoting, self.state) = (Quoting::None, State::Plain);
                    }
                }
                State::Plain => {
                    let Some(end) = plain_end(data, self.at, self.delimiter) else {
                        self.at = data.len();
                        break;
                    };
                    match self.is_alone(data, end, last) {
                        Some(false) => self.end_field(data[end], end),
                        Some(true) => self.at = end + 1,
                        None => {
                            self.at = end;
                            break;
                        }
                    }
                }
                State::Quoted => {
                    let Some(quote) = memchr(b'"', &data[self.at..]) else {
                        self.at = data.len();
                        break;
                    };
                    self.at += quote + 1;
                    self.state = State::QuoteSeen;
                }
                State::QuoteSeen => match data.get(self.at) {
                    None => break,
                    Some(b'"') => {
                        (self.quoting, self.state) = (Quoting::Messy, State::Quoted);
                        self.at += 1;
                    }
                    Some(&byte) if byte == self.delimiter || byte == b'\n' || byte == b'\r' => {
                        match self.is_alone(data, self.at, last) {
                            Some(false) => self.end_field(byte, self.at),
                            Some(true) => (self.quoting, self.state) = (Quoting::Stray, State::Plain),
                            None => break,
                        }
                    }
                    Some(_) => (self.quoting, self.state) = (Quoting::Stray, State::Plain),
                },
                State::Terminator => {
                    let content = self.at;
                    match &data[content..] {
                        [b'\r', b'\n', ..] => return Scan::Record { content, whole: content + 2 },
                        [b'\r'] if !last => return Scan::More,
                        _ => return Scan::Record { content, whole: content + 1 },
                    }
                }
            }
        }
        if last { self.end_input(data.len()) } else { Scan::More }
    }

    /// Whether this is a carriage return that is a character of its field; `None`: what follows is not known yet.
    fn is_alone(&self, data: &[u8], at: usize, last: bool) -> Option<bool> {
        if data[at] != b'\r' || self.returns {
            return Some(false);
        }
        match data.get(at + 1) {
            Some(next) => Some(*next != b'\n'),
            // Of an input that was cut off between the two.
            None if last => Some(false),
            None => None,
        }
    }

    /// The field ends at `end`, before the `byte` that is a delimiter or ends the record.
    fn end_field(&mut self, byte: u8, end: usize) {
        self.push_field(end);
        if byte == self.delimiter {
            (self.state, self.at) = (State::FieldStart, end + 1);
        } else {
            (self.state, self.at) = (State::Terminator, end);
        }
    }

    /// Nobody asks for the fields of a record that is too large.
    fn push_field(&mut self, end: usize) {
        if self.passed.is_some() {
            return;
        }
        self.fields.push(Field::of(self.quoting, self.field_start, end));
    }

    /// The input ends within the record: that ends the record, unless a quote is open.
    fn end_input(&mut self, end: usize) -> Scan {
        match self.state {
            State::Quoted => return Scan::OpenQuote,
            State::FieldStart => {
                (self.field_start, self.quoting) = (end, Quoting::None);
                self.push_field(end);
            }
            _ => self.push_field(end),
        }
        Scan::Record { content: end, whole: end }
    }
}

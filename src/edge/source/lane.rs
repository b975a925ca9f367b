//! The walk over all inputs, record by record. It knows where it stands; it neither checks what it read before nor
//! remembers rows.

use super::buffer::{Buffer, Chain};
use super::coding::{Inputs, Opened};
use super::column::Columns;
use super::csv::CsvFramer;
use super::field::Quoting;
use super::frame::{Bounds, Extent, Trouble, is_open};
use super::ndjson::{self, NdjsonFramer};
use super::{Format, Layout, SourceError, Step, taken};
use crate::model::{BadRow, InputStart, Mark, Ordinal, Place};
use std::io::ErrorKind;
use std::ops::Range;

#[derive(Debug)]
enum Framer {
    Csv { framer: CsvFramer, columns: Option<Columns> },
    Ndjson(NdjsonFramer),
}

impl Framer {
    fn find(&mut self, buffer: &mut Buffer) -> Result<Option<Extent>, Trouble> {
        match self {
            Self::Csv { framer, .. } => framer.find(buffer),
            Self::Ndjson(framer) => framer.find(buffer),
        }
    }

    /// The record is the beginning of the window.
    fn write(
        &self,
        (window, length): (&[u8], usize),
        is_text: bool,
        scratch: &mut Vec<u8>,
        into: &mut Vec<u8>,
    ) -> Result<Range<usize>, BadRow> {
        match self {
            Self::Csv { framer, columns } => {
                let columns = columns.as_ref().expect("an input without a header record has no rows");
                if !is_text {
                    return Err(Columns::no_text(&window[..length]));
                }
                columns.write((window, length), framer, scratch, into)
            }
            Self::Ndjson(_) => ndjson::write(&window[..length], is_text, into),
        }
    }

    fn gap(&self) -> u64 {
        match self {
            Self::Csv { framer, .. } => framer.gap(),
            Self::Ndjson(framer) => framer.gap(),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Csv { framer, .. } => framer.reset(),
            Self::Ndjson(framer) => framer.reset(),
        }
    }
}

/// One input, opened, its header read.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) buffer: Buffer,
    framer: Framer,
    /// Where its first row may begin.
    pub(super) start: Place,
}

impl Feed {
    pub(super) fn open(
        opened: Opened,
        name: &str,
        index: u32,
        chain: Option<Chain>,
        layout: &Layout,
    ) -> Result<Self, SourceError> {
        let mut buffer = Buffer::new(opened, chain);
        let start = Place { input: index, ..Place::START };
        let bounds = Bounds { row: layout.record_bytes_max };
        buffer.skip_bom().map_err(|error| Trouble::Io(error).into_error(name, 1, &buffer))?;
        let framer = match layout.format {
            Format::Csv { delimiter } => {
                Framer::Csv { framer: CsvFramer::new(delimiter, bounds), columns: None }
            }
            Format::Ndjson | Format::Taken => Framer::Ndjson(NdjsonFramer::new(bounds)),
        };
        let mut feed = Self { buffer, framer, start };
        feed.name_columns(name, layout)?;
        feed.start.byte = feed.buffer.offset();
        Ok(feed)
    }

    fn name_columns(&mut self, name: &str, layout: &Layout) -> Result<(), SourceError> {
        let Framer::Csv { framer, columns } = &mut self.framer else { return Ok(()) };
        if !layout.header {
            let columns = columns.insert(Columns::new(name, None, layout)?);
            if columns.is_one() {
                framer.keep_blank_lines();
            }
            return Ok(());
        }
        let found = framer.find(&mut self.buffer);
        let found = found.map_err(|trouble| trouble.into_error(name, 1, &self.buffer))?;
        let Some(extent) = found else { return Ok(()) };
        if extent.oversize {
            let (input, limit) = (name.to_owned(), layout.record_bytes_max);
            return Err(SourceError::LargeHeader { input, limit });
        }
        let record = &self.buffer.window()[..extent.content];
        let mut scratch = Vec::new();
        let mut names = Vec::new();
        for (index, field) in framer.fields().iter().enumerate() {
            if field.quoting == Quoting::Stray {
                return Err(SourceError::HeaderQuote { input: name.to_owned(), field: index + 1 });
            }
            let text = field.text(record, &mut scratch).to_vec();
            names.push(
                String::from_utf8(text).map_err(|_| SourceError::HeaderText { input: name.to_owned() })?,
            );
        }
        if let ([only], Format::Csv { delimiter }, false) = (&names[..], layout.format, layout.delimiter_said)
            && let Some(found) =
                b";\t|,".iter().find(|&&byte| byte != delimiter && only.as_bytes().contains(&byte))
        {
            let (input, said) = (name.to_owned(), char::from(delimiter));
            return Err(SourceError::OtherDelimiter { input, said, found: char::from(*found) });
        }
        if columns.insert(Columns::new(name, Some(names), layout)?).is_one() {
            framer.keep_blank_lines();
        }
        self.start.line += extent.gap + extent.lines;
        self.buffer.consume(extent.whole);
        Ok(())
    }

    /// Before anything of it is passed over.
    pub(super) fn look_for_ends(&mut self) -> std::io::Result<()> {
        match &mut self.framer {
            Framer::Csv { framer, .. } => framer.look_for_ends(&mut self.buffer),
            Framer::Ndjson(_) => Ok(()),
        }
    }

    /// Whether a record stands on both sides of where the buffer is.
    pub(super) fn is_within_a_record(&mut self) -> std::io::Result<bool> {
        let by_returns = match &self.framer {
            Framer::Csv { framer, .. } => framer.returns(),
            Framer::Ndjson(_) => false,
        };
        self.buffer.splits_a_record(by_returns)
    }

    /// What its columns are called, where it has any.
    pub(super) fn column_names(&self) -> Option<Vec<String>> {
        match &self.framer {
            Framer::Csv { columns: Some(columns), .. } => Some(columns.names()),
            _ => None,
        }
    }

    fn check_types(&self, name: &str, layout: &Layout) -> Result<(), SourceError> {
        match &self.framer {
            Framer::Csv { columns: Some(columns), .. } => columns.check_types(name, layout),
            _ => Ok(()),
        }
    }
}

/// Of a record that cannot be held the beginning stands in its dead letter; the message says how much is left out.
fn too_large(mut head: Vec<u8>, length: u64, limit: usize) -> BadRow {
    head.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    let mut message = format!("the record has {length} bytes, more than {limit}");
    if (head.len() as u64) < length {
        // No character is cut in two: half of one is no text.
        if let Err(error) = std::str::from_utf8(&head)
            && error.error_len().is_none()
        {
            head.truncate(error.valid_up_to());
        }
        let left_out = length - head.len() as u64;
        message.push_str(&format!("; its last {left_out} are left out here, and stand in the input only"));
    }
    BadRow::new("record_too_large", message, head)
}

/// Walks over the inputs in order.
#[derive(Debug)]
pub(super) struct Lane {
    layout: Layout,
    inputs: Inputs,
    feed: Option<Feed>,
    /// Where the last record ended, and the number of the next.
    place: Place,
    pub(super) ordinal: Ordinal,
    /// Inputs that it went on to, until somebody asks.
    starts: Vec<InputStart>,
    /// Bytes on disk of the inputs that are behind.
    behind: u64,
    /// What ended the walk: said again, so that an error is never followed by what looks like an end.
    failed: Option<SourceError>,
    /// So many records there are: of fewer the last one, if it has no line end, may be cut off, and is left unread.
    pub(super) expected: u64,
    /// It is.
    is_cut_off: bool,
    scratch: Vec<u8>,
}

impl Lane {
    pub(super) fn new(inputs: Inputs, layout: &Layout) -> Result<Self, SourceError> {
        if let Format::Csv { delimiter } = layout.format
            && (!delimiter.is_ascii() || matches!(delimiter, b'"' | b'\n' | b'\r'))
        {
            return Err(SourceError::Delimiter { text: char::from(delimiter).escape_default().to_string() });
        }
        Ok(Self {
            layout: layout.clone(),
            inputs,
            feed: None,
            place: Place::START,
            ordinal: Ordinal::default(),
            starts: Vec::new(),
            behind: 0,
            failed: None,
            expected: 0,
            is_cut_off: false,
            scratch: Vec::new(),
        })
    }

    pub(super) fn name(&self, index: u32) -> &str {
        self.inputs.name(index)
    }

    pub(super) fn inputs(&self) -> u32 {
        self.inputs.count()
    }

    pub(super) fn feed(&mut self) -> Option<&mut Feed> {
        self.feed.as_mut()
    }

    pub(super) fn input(&self) -> u32 {
        self.place.input
    }

    pub(super) fn is_open(&self, index: u32) -> bool {
        self.feed.is_some() && self.place.input == index
    }

    pub(super) fn bytes_consumed(&self) -> u64 {
        self.behind + self.feed.as_ref().map_or(0, |feed| feed.buffer.bytes_consumed())
    }

    /// Opens an input only to read over it.
    pub(super) fn open_bytes(&mut self, index: u32) -> Result<Opened, SourceError> {
        self.inputs.open(index)
    }

    /// An input was read over as a whole.
    pub(super) fn leave(&mut self, buffer: &Buffer) {
        self.behind += buffer.bytes_consumed();
    }

    /// Opens an input and stands before its first row.
    pub(super) fn enter(&mut self, index: u32, chain: Option<Chain>) -> Result<&mut Feed, SourceError> {
        let opened = self.inputs.open(index)?;
        let feed = Feed::open(opened, self.inputs.name(index), index, chain, &self.layout)?;
        if index == 0 {
            feed.check_types(self.inputs.name(index), &self.layout)?;
        }
        self.place = feed.start;
        self.failed = None;
        Ok(self.feed.insert(feed))
    }

    /// Reads the header of an input that comes later, so that its faults show before anything is sent.
    pub(super) fn probe(&mut self, index: u32) -> Result<Option<Vec<String>>, SourceError> {
        let opened = self.inputs.open(index)?;
        let feed = Feed::open(opened, self.inputs.name(index), index, None, &self.layout)?;
        Ok(feed.column_names())
    }

    /// Inputs that were begun since this was asked last.
    pub(super) fn take_starts(&mut self) -> Vec<InputStart> {
        std::mem::take(&mut self.starts)
    }

    /// Lets go of the open input.
    pub(super) fn close(&mut self) {
        self.feed = None;
    }

    /// Where the next record is looked for: blank lines that were passed over are behind.
    pub(super) fn here(&self) -> Place {
        match &self.feed {
            Some(feed) => Place {
                line: self.place.line + feed.framer.gap(),
                byte: feed.buffer.record_offset(),
                ..self.place
            },
            None => self.place,
        }
    }

    /// Puts the lane elsewhere within the open input; the bytes have to be brought there before.
    pub(super) fn stand(&mut self, place: Place, ordinal: Ordinal) {
        (self.place, self.ordinal) = (place, ordinal);
        if let Some(feed) = &mut self.feed {
            feed.framer.reset();
            feed.buffer.forget_head();
        }
    }

    /// An error of the open input, in words.
    pub(super) fn io_error(&self, error: std::io::Error) -> SourceError {
        let name = self.inputs.name(self.place.input);
        match &self.feed {
            Some(feed) => Trouble::Io(error).into_error(name, self.place.line, &feed.buffer),
            None => SourceError::Unreadable { input: name.to_owned(), reason: error.to_string() },
        }
    }

    /// Appends the next row to `into`, going on to the next input at the end of one.
    pub(super) fn next(&mut self, into: &mut Vec<u8>) -> Result<Step, SourceError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let step = self.walk(into);
        if let Err(error) = &step {
            self.failed = Some(error.clone());
        }
        step
    }

    fn walk(&mut self, into: &mut Vec<u8>) -> Result<Step, SourceError> {
        loop {
            let is_last = self.place.input + 1 >= self.inputs.count();
            let Some(feed) = self.feed.as_mut().filter(|_| !self.is_cut_off) else { return Ok(Step::End) };
            let found = match feed.framer.find(&mut feed.buffer) {
                // What there is of the record stays, and the search goes on behind it.
                Err(Trouble::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(Step::Idle),
                found => found,
            };
            if is_last && self.ordinal.0 + 1 < self.expected && feed.buffer.ended() && is_open(&found) {
                self.place.line += found.ok().flatten().map_or(0, |extent| extent.gap);
                self.is_cut_off = true;
                return Ok(Step::End);
            }
            let found = found.map_err(|trouble| {
                trouble.into_error(self.inputs.name(self.place.input), self.place.line, &feed.buffer)
            })?;
            if let Some(extent) = found {
                return Ok(self.take(extent, into));
            }
            if is_last {
                return Ok(Step::End);
            }
            self.go_on()?;
        }
    }

    /// Leaves the open input, which is at its end, for the next.
    fn go_on(&mut self) -> Result<(), SourceError> {
        let next = self.place.input + 1;
        let Some(feed) = &mut self.feed else { return Ok(()) };
        let (length, consumed) = (feed.buffer.offset(), feed.buffer.bytes_consumed());
        let chain = feed.buffer.chain().cloned().map(|mut chain| {
            chain.mark_input(next, length);
            chain
        });
        self.enter(next, chain)?;
        self.starts.push(InputStart { input: next, first: self.ordinal });
        self.behind += consumed;
        Ok(())
    }

    /// The record at the window's start becomes a row or a bad one.
    fn take(&mut self, extent: Extent, into: &mut Vec<u8>) -> Step {
        let feed = self.feed.as_mut().expect("a record was found in it");
        let line = self.place.line + extent.gap;
        if extent.passed == 0 {
            feed.buffer.forget_head();
        }
        let byte = feed.buffer.record_offset();
        let mut place = Place { line, byte, ..self.place };
        let end = feed.buffer.offset() + extent.whole as u64;
        let record = &feed.buffer.window()[..extent.content];
        let written = if extent.oversize {
            let length = extent.passed + record.len() as u64;
            let head = if extent.passed == 0 { record.to_vec() } else { feed.buffer.end_head() };
            Err(too_large(head, length, self.layout.record_bytes_max))
        } else if self.layout.format == Format::Taken {
            let (line, written) = taken::write(record, into);
            place.line = line.unwrap_or(place.line);
            written
        } else {
            let is_text = feed.buffer.is_text(extent.content);
            feed.framer.write((feed.buffer.window(), extent.content), is_text, &mut self.scratch, into)
        };
        feed.buffer.consume(extent.whole);
        let mark = Mark { ordinal: self.ordinal, place, end };
        self.place = Place { row: place.row + 1, line: line + extent.lines, byte: end, ..place };
        self.ordinal = self.ordinal.next();
        match written {
            Ok(text) => Step::Row { mark, text },
            Err(bad) => Step::Bad { mark, bad },
        }
    }
}

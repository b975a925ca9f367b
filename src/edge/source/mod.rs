//! Inputs: opened, decompressed, framed into rows. A row comes out as a JSON object with the place where it stood;
//! a record that is no row comes out as a bad one, and costs nobody else anything. It never decides what is done
//! with either, never skips a record in silence, and holds no more than one record beyond its read-ahead.

mod buffer;
mod coding;
mod column;
mod csv;
mod ends;
mod error;
mod field;
mod frame;
mod json;
mod lane;
mod layout;
mod looks;
mod marks;
mod members;
mod misfit;
mod ndjson;
mod reread;
mod retype;
mod standing;
mod taken;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;

pub use coding::Coding;
pub use error::SourceError;
pub use layout::{ColumnType, Format, Layout, UnknownType};
pub use looks::Look;
pub use misfit::pointer;
pub use reread::Rereader;
pub use retype::{refuse_untyped, retyped};
pub use standing::{Bell, StandardInput};
pub use taken::{TakenRow, records};

use crate::model::{BadRow, Cursor, InputStart, Mark, Ordinal};
use buffer::{Buffer, Chain};
use coding::Inputs;
use lane::Lane;
use standing::Patience;
use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// What came next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row, appended as a JSON object; `text` is its range.
    Row { mark: Mark, text: Range<usize> },
    /// A record that is no row. It has its number too; nothing was appended.
    Bad { mark: Mark, bad: BadRow },
    /// Waiting has ended before a whole record was there (standard input only).
    Idle,
    /// All inputs are read.
    End,
}

/// The rows of all inputs, in order.
#[derive(Debug)]
pub struct Source {
    lane: Lane,
    total: Option<u64>,
    /// Of standard input.
    waiting: Option<(Patience, Bell)>,
}

impl Source {
    /// Opens the inputs; `-` is standard input. All of them are checked, their headers too, before the first row.
    pub fn open(inputs: &[PathBuf], layout: &Layout) -> Result<Self, SourceError> {
        let total = coding::check(inputs)?;
        let mut source = Self::start(Inputs::files(inputs), layout, total)?;
        for (index, path) in inputs.iter().enumerate().skip(1) {
            if path.as_os_str() != "-" {
                source.lane.probe(index as u32)?;
            }
        }
        Ok(source)
    }

    /// Standard input from its beginning; waits for what its format begins with. Packed input is told by its first
    /// bytes.
    pub fn standing(input: StandardInput, layout: &Layout) -> Result<Self, SourceError> {
        let waiting = Some((input.patience.clone(), input.bell()));
        Ok(Self { waiting, ..Self::start(Inputs::standing(input), layout, None)? })
    }

    /// As [`Self::resume`], of standard input that is fed again from its beginning.
    pub fn resume_standing(
        input: StandardInput,
        layout: &Layout,
        cursor: &Cursor,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, SourceError> {
        let waiting = Some((input.patience.clone(), input.bell()));
        let inputs = Inputs::standing(input);
        let resumed = Self::resume_inputs(inputs, layout, cursor, progress, None);
        Ok(Self { waiting, ..resumed.map_err(SourceError::of_what_was_read_before)? })
    }

    /// The inputs hold so many records, if that is known: of fewer the last one, if it has no line end, may be cut off, and is
    /// left unread.
    #[must_use]
    pub fn expecting(mut self, records: Option<u64>) -> Self {
        self.lane.expected = records.unwrap_or(0);
        self
    }

    /// No input at all: for an import that has read its own.
    pub fn nothing(layout: &Layout) -> Result<Self, SourceError> {
        Self::start(Inputs::readers(Vec::new()), layout, None)
    }

    /// See [`Self::nothing`].
    pub fn is_nothing(&self) -> bool {
        self.lane.inputs() == 0
    }

    /// Over readers, each with the name it has in messages: tests and simulation.
    pub fn over(readers: Vec<(String, Box<dyn Read + Send>)>, layout: &Layout) -> Result<Self, SourceError> {
        Self::start(Inputs::readers(readers), layout, None)
    }

    fn start(inputs: Inputs, layout: &Layout, total: Option<u64>) -> Result<Self, SourceError> {
        let mut lane = Lane::new(inputs, layout)?;
        if lane.inputs() > 0 {
            let mut chain = Chain::default();
            chain.mark_input(0, 0);
            lane.enter(0, Some(chain))?;
        }
        Ok(Self { lane, total, waiting: None })
    }

    /// How long the next records may be waited for, from now on; `None` is endlessly. Only standard input waits.
    pub fn wait_for(&self, time: Option<Duration>) {
        if let Some((patience, _)) = &self.waiting {
            patience.set(time);
        }
    }

    /// Ends all waiting, where there is any.
    pub fn bell(&self) -> Option<&Bell> {
        self.waiting.as_ref().map(|(_, bell)| bell)
    }

    /// What the columns of each input are called; `None` for one without columns, or that is read once only.
    pub fn column_names(
        inputs: &[PathBuf],
        layout: &Layout,
    ) -> Result<Vec<Option<Vec<String>>>, SourceError> {
        let mut lane = Lane::new(Inputs::files(inputs), layout)?;
        let of = |(index, path): (usize, &PathBuf)| {
            if path.as_os_str() == "-" { Ok(None) } else { lane.probe(index as u32) }
        };
        inputs.iter().enumerate().map(of).collect()
    }

    /// Appends the next row as a JSON object to `into`. On anything but [`Step::Row`] nothing is appended.
    pub fn next(&mut self, into: &mut Vec<u8>) -> Result<Step, SourceError> {
        self.lane.next(into)
    }

    /// The position after the last record returned, with the hash of everything before it.
    pub fn cursor(&mut self) -> Cursor {
        let chain = self.lane.feed().and_then(|feed| feed.buffer.chain()).map_or([0; 32], Chain::finish);
        Cursor { place: self.lane.here(), ordinal: self.lane.ordinal, chain }
    }

    /// The position before the record that was returned last: it goes into the next batch.
    pub fn cursor_before(&mut self, last: &Mark) -> Cursor {
        let chain = self.lane.feed().and_then(|feed| feed.buffer.chain_before(last.place.byte));
        let chain = chain.expect("the record returned last is still in memory").finish();
        Cursor { place: last.place, ordinal: last.ordinal, chain }
    }

    /// Inputs that were begun since this was asked last, the first one apart.
    pub fn take_starts(&mut self) -> Vec<InputStart> {
        self.lane.take_starts()
    }

    /// Which of the inputs is being read.
    pub fn input(&self) -> u32 {
        self.lane.input()
    }

    /// The number of the next record.
    pub fn ordinal(&self) -> Ordinal {
        self.lane.ordinal
    }

    /// Opens the inputs at an earlier cursor, after checking that everything before it is unchanged. `progress`
    /// hears how many bytes were checked so far.
    pub fn resume(
        inputs: &[PathBuf],
        layout: &Layout,
        cursor: &Cursor,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, SourceError> {
        let total = coding::check(inputs)?;
        Self::resume_inputs(Inputs::files(inputs), layout, cursor, progress, total)
    }

    /// The inputs behind what was read of them; from their beginning where that is nothing.
    pub fn behind(inputs: &[PathBuf], layout: &Layout, cursor: Option<&Cursor>) -> Result<Self, SourceError> {
        match cursor {
            None => Self::open(inputs, layout),
            Some(cursor) => Self::resume(inputs, layout, cursor, &mut |_| {}),
        }
    }

    /// [`Self::resume`] over readers that stand at the beginning of their inputs.
    pub fn resume_over(
        readers: Vec<(String, Box<dyn Read + Send>)>,
        layout: &Layout,
        cursor: &Cursor,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, SourceError> {
        Self::resume_inputs(Inputs::readers(readers), layout, cursor, progress, None)
    }

    fn resume_inputs(
        inputs: Inputs,
        layout: &Layout,
        cursor: &Cursor,
        progress: &mut dyn FnMut(u64),
        total: Option<u64>,
    ) -> Result<Self, SourceError> {
        let place = cursor.place;
        if cursor.ordinal == Ordinal(0) && place.input == 0 && place.byte == 0 {
            return Self::start(inputs, layout, total);
        }
        let mut lane = Lane::new(inputs, layout)?;
        let changed = |name: &str, shorter| {
            Err(SourceError::Changed { input: name.to_owned(), several: place.input > 0, shorter })
        };
        if place.input >= lane.inputs() {
            return changed(lane.name(lane.inputs().saturating_sub(1)), true);
        }
        let (chain, verified) = read_over(&mut lane, place.input, progress)?;
        // A cursor at the end of an input may also be written as the beginning of the next.
        let at_seam = place.byte == 0 && cursor.chain == chain.unmarked;
        let feed = match lane.enter(place.input, Some(chain.marked.clone())) {
            Err(error) if place.byte > 0 => {
                // A header that was good and is not any more: is it another file, or another layout?
                let Ok(opened) = lane.open_bytes(place.input) else { return Err(error) };
                let mut buffer = Buffer::new(opened, Some(chain.marked));
                let read = buffer.skip_to(place.byte, &mut |_| ());
                let same = buffer.chain().is_some_and(|chain| chain.finish() == cursor.chain);
                return if same || read.is_err() {
                    Err(error)
                } else {
                    changed(lane.name(place.input), false)
                };
            }
            entered => entered?,
        };
        if place.byte == 0 {
            return if at_seam || cursor.chain == chain.marked.finish() {
                let start = feed.start;
                lane.stand(start, cursor.ordinal);
                Ok(Self { lane, total, waiting: None })
            } else {
                changed(lane.name(place.input), false)
            };
        }
        if place.byte < feed.start.byte {
            return changed(lane.name(place.input), false);
        }
        let looked = feed.look_for_ends();
        let mut passed = |bytes| progress(verified + bytes);
        let skipped = looked.and_then(|()| feed.buffer.skip_to(place.byte, &mut passed));
        let reached = feed.buffer.offset();
        let same = feed.buffer.chain().is_some_and(|chain| chain.finish() == cursor.chain);
        skipped.map_err(|error| lane.io_error(error))?;
        let cut = feed_splits(&mut lane)?;
        if reached < place.byte || !same || cut {
            return changed(lane.name(place.input), reached < place.byte);
        }
        lane.stand(place, cursor.ordinal);
        Ok(Self { lane, total, waiting: None })
    }

    /// Bytes of the inputs that are behind; for compressed ones those on disk, read ahead included.
    pub fn bytes_consumed(&self) -> u64 {
        self.lane.bytes_consumed()
    }

    /// Bytes of all inputs on disk; `None` where nobody can know.
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}

/// A last row without a line end that has grown is another row than the one that was read.
fn feed_splits(lane: &mut Lane) -> Result<bool, SourceError> {
    let Some(feed) = lane.feed() else { return Ok(false) };
    feed.is_within_a_record().map_err(|error| lane.io_error(error))
}

/// The chain before the input that goes on, without and with that input's marker.
struct Links {
    unmarked: [u8; 32],
    marked: Chain,
}

/// Hashes all inputs before `until`, without framing them; says how many bytes that were.
fn read_over(
    lane: &mut Lane,
    until: u32,
    progress: &mut dyn FnMut(u64),
) -> Result<(Links, u64), SourceError> {
    let mut chain = Chain::default();
    chain.mark_input(0, 0);
    let mut links = Links { unmarked: chain.finish(), marked: chain };
    let mut verified = 0;
    for index in 0..until {
        let mut buffer = Buffer::new(lane.open_bytes(index)?, Some(links.marked));
        if let Err(error) = buffer.skip_to(u64::MAX, &mut |bytes| progress(verified + bytes)) {
            return Err(SourceError::from_io(lane.name(index), buffer.coding(), buffer.reach(), &error));
        }
        lane.leave(&buffer);
        let length = buffer.offset();
        verified += length;
        let mut chain = buffer.into_chain().unwrap_or_default();
        let unmarked = chain.finish();
        chain.mark_input(index + 1, length);
        links = Links { unmarked, marked: chain };
    }
    Ok((links, verified))
}

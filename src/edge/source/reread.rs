//! Making the rows of an earlier batch again. It trusts the place it is given: that the input is unchanged was
//! verified when the import was resumed.

use super::coding::Inputs;
use super::lane::Lane;
use super::{Layout, SourceError, Step};
use crate::model::{Mark, Place, RowSet};
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

/// Makes rows of an earlier batch again. Plain files are sought; a compressed stream is read on while batches lie
/// ahead, and from its beginning when one lies behind.
pub struct Rereader {
    /// What the lane is made of at the first call: making it may fail, making the rereader may not.
    waiting: Option<(Inputs, Layout)>,
    lane: Option<Lane>,
    row: Vec<u8>,
}

impl fmt::Debug for Rereader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rereader").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl Rereader {
    /// Over the files of the import.
    pub fn new(inputs: &[PathBuf], layout: &Layout) -> Self {
        Self::with(Inputs::files(inputs), layout)
    }

    /// Over readers that `reopen` makes, each time from the input's beginning: tests and simulation.
    pub fn over(
        reopen: Box<dyn FnMut(u32) -> io::Result<Box<dyn Read + Send>> + Send>,
        names: Vec<String>,
        layout: &Layout,
    ) -> Self {
        Self::with(Inputs::reopened(names, reopen), layout)
    }

    fn with(inputs: Inputs, layout: &Layout) -> Self {
        Self { waiting: Some((inputs, layout.clone())), lane: None, row: Vec::new() }
    }

    /// Frames from `start`, where the first of `rows` stands, and hands over each record among `rows` that is a
    /// row; bad ones are counted and passed over.
    pub fn rows(
        &mut self,
        start: Place,
        rows: &RowSet,
        each: &mut dyn FnMut(Mark, &[u8]),
    ) -> Result<(), SourceError> {
        let mut lane = self.ready()?;
        let result =
            go_to(&mut lane, start, rows).and_then(|()| hand_over(&mut lane, &mut self.row, rows, each));
        if result.is_err() {
            lane.close();
        }
        self.lane = Some(lane);
        result
    }

    fn ready(&mut self) -> Result<Lane, SourceError> {
        if let Some(lane) = self.lane.take() {
            return Ok(lane);
        }
        let (inputs, layout) = self.waiting.take().ok_or_else(|| SourceError::Unreadable {
            input: "-".into(),
            reason: "it could not be opened before".into(),
        })?;
        Lane::new(inputs, &layout)
    }
}

/// Brings the lane to `start`.
fn go_to(lane: &mut Lane, start: Place, rows: &RowSet) -> Result<(), SourceError> {
    if !lane.is_open(start.input) {
        enter(lane, start.input)?;
    }
    if !reach(lane, start.byte)? {
        enter(lane, start.input)?;
        if !reach(lane, start.byte)? {
            return Err(shorter(lane, start.input));
        }
    }
    lane.stand(start, rows.first());
    Ok(())
}

fn enter(lane: &mut Lane, input: u32) -> Result<(), SourceError> {
    let looked = lane.enter(input, None)?.look_for_ends();
    looked.map_err(|error| lane.io_error(error))
}

/// Whether the open input could be brought to this byte without opening it again.
fn reach(lane: &mut Lane, byte: u64) -> Result<bool, SourceError> {
    let Some(feed) = lane.feed() else { return Ok(false) };
    let ahead = byte >= feed.buffer.offset();
    let near = ahead && byte - feed.buffer.offset() <= feed.buffer.window().len() as u64;
    let first_row = byte <= feed.start.byte;
    let result = if first_row && feed.buffer.offset() == feed.start.byte {
        return Ok(true);
    } else if near {
        feed.buffer.skip_to(byte, &mut |_| ())
    } else {
        match feed.buffer.seek(byte.max(feed.start.byte)) {
            Ok(true) => return Ok(true),
            Ok(false) if !ahead => return Ok(false),
            Ok(false) => feed.buffer.skip_to(byte, &mut |_| ()),
            Err(error) => Err(error),
        }
    };
    let arrived = feed.buffer.offset() >= byte;
    result.map_err(|error| lane.io_error(error))?;
    Ok(arrived)
}

fn hand_over(
    lane: &mut Lane,
    row: &mut Vec<u8>,
    rows: &RowSet,
    each: &mut dyn FnMut(Mark, &[u8]),
) -> Result<(), SourceError> {
    while lane.ordinal <= rows.last() {
        row.clear();
        match lane.next(row)? {
            Step::Row { mark, text } if rows.contains(mark.ordinal) => each(mark, &row[text]),
            Step::Row { .. } | Step::Bad { .. } | Step::Idle => {}
            Step::End => return Err(shorter(lane, lane.here().input)),
        }
    }
    Ok(())
}

fn shorter(lane: &Lane, input: u32) -> SourceError {
    SourceError::Changed { input: lane.name(input).to_owned(), several: false, shorter: true }
}

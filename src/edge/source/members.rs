//! A gzip file as a whole: its members one after the other, then nothing but zeros (tapes and disk images pad with
//! them), as `gzip -d` takes it. What is anything else is an error and never an end.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// What stands behind the members is none.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("what comes after the gzip data is none")]
pub(super) struct Trailing;

enum State<R> {
    Member(Box<GzDecoder<R>>),
    /// Behind a member; whether zeros were seen there.
    Between(R, bool),
    Ended,
}

pub(super) struct Members<R>(State<R>);

impl<R: BufRead> Members<R> {
    pub(super) fn new(reader: R) -> Self {
        Self(State::Member(Box::new(GzDecoder::new(reader))))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.0 {
                State::Member(member) => {
                    let read = member.read(into)?;
                    if read > 0 || into.is_empty() {
                        return Ok(read);
                    }
                }
                // The stream may have to be waited for: what is known of it stays.
                State::Between(reader, zeros) => {
                    let behind = reader.fill_buf()?;
                    let count = behind.iter().take_while(|byte| **byte == 0).count();
                    if count > 0 {
                        *zeros = true;
                        reader.consume(count);
                        continue;
                    }
                    let (is_end, is_member) = (behind.is_empty(), behind.first() == Some(&0x1f) && !*zeros);
                    if !is_end && !is_member {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, Trailing));
                    }
                    if is_end {
                        self.0 = State::Ended;
                    }
                }
                State::Ended => return Ok(0),
            }
            self.0 = match std::mem::replace(&mut self.0, State::Ended) {
                State::Member(member) => State::Between(member.into_inner(), false),
                State::Between(reader, _) => State::Member(Box::new(GzDecoder::new(reader))),
                State::Ended => State::Ended,
            };
        }
    }
}

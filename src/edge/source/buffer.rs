//! The window on an input: reads ahead, knows its offset, and hashes what it leaves behind. It never knows what a
//! record is, and never reads ahead further than it is asked to.

use super::coding::{Opened, Stream};
use std::io::{self, Read};
use std::sync::atomic::Ordering;

const BOM: &[u8] = b"\xef\xbb\xbf";
/// What is only passed over is read in larger pieces.
const SKIP_CHUNKS: usize = 4;

/// The running hash over all inputs: each is a marker, then its bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain(blake3::Hasher);

impl Chain {
    /// A new input begins; `before` is the length of the one before it, so that no two splits of the same bytes
    /// hash alike.
    pub(super) fn mark_input(&mut self, index: u32, before: u64) {
        self.0.update(b"bulkhaul/input");
        self.0.update(&index.to_le_bytes());
        self.0.update(&before.to_le_bytes());
    }

    pub(super) fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// One opened input, and the part of it that is in memory.
#[derive(Debug)]
pub(super) struct Buffer {
    opened: Opened,
    data: Vec<u8>,
    /// What is in memory and not yet consumed: `data[start..end]`.
    start: usize,
    end: usize,
    /// Up to here, `data` went into the chain; never after `start`.
    hashed: usize,
    /// Up to here, `data` is UTF-8; looked at in large pieces, since a record by itself is too short to be quick.
    text_to: usize,
    /// Offset of `data[0]` within the input.
    base: u64,
    ended: bool,
    /// The last byte that `skip_to` passed over.
    passed: Option<u8>,
    chain: Option<Chain>,
    /// Of a record that is too large to be held.
    head: Option<Head>,
}

/// The beginning of a record that is too large to be held.
#[derive(Debug)]
struct Head {
    bytes: Vec<u8>,
    /// Where it begins, and the hash over everything before it.
    offset: u64,
    chain: Option<Chain>,
    /// The rest is still being passed over.
    is_open: bool,
}

impl Buffer {
    pub(super) fn new(opened: Opened, chain: Option<Chain>) -> Self {
        Self {
            opened,
            data: Vec::new(),
            start: 0,
            end: 0,
            hashed: 0,
            text_to: 0,
            base: 0,
            ended: false,
            passed: None,
            chain,
            head: None,
        }
    }

    /// The record at the window's start is too large to be held: so many bytes of it are kept.
    pub(super) fn keep_head(&mut self, bytes: usize) {
        let chain = self.chain().cloned();
        let head = self.window()[..bytes].to_vec();
        self.head = Some(Head { bytes: head, offset: self.offset(), chain, is_open: true });
    }

    /// The record that is too large has ended: its beginning.
    pub(super) fn end_head(&mut self) -> Vec<u8> {
        let Some(head) = &mut self.head else { return Vec::new() };
        head.is_open = false;
        std::mem::take(&mut head.bytes)
    }

    /// No record is begun: the buffer went elsewhere, or another one was found.
    pub(super) fn forget_head(&mut self) {
        self.head = None;
    }

    fn open_head(&self) -> Option<&Head> {
        self.head.as_ref().filter(|head| head.is_open)
    }

    /// Offset of the record that is looked at.
    pub(super) fn record_offset(&self) -> u64 {
        self.open_head().map_or_else(|| self.offset(), |head| head.offset)
    }

    /// What was read and is not yet consumed.
    pub(super) fn window(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Whether the window reaches to the end of the input.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Offset of the window within the input.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Whether so many bytes of the window, which end where a character ends, are UTF-8.
    pub(super) fn is_text(&self, bytes: usize) -> bool {
        let end = self.start + bytes;
        end <= self.text_to || simdutf8::basic::from_utf8(&self.data[self.start..end]).is_ok()
    }

    pub(super) fn skip_bom(&mut self) -> io::Result<()> {
        while self.window().len() < BOM.len() && BOM.starts_with(self.window()) && self.fill()? {}
        if self.window().starts_with(BOM) {
            self.consume(BOM.len());
        }
        Ok(())
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end);
    }

    /// How the input is compressed: for the words of an error.
    pub(super) fn coding(&self) -> super::Coding {
        self.opened.coding
    }

    /// Offset up to which the input was read: where a damage shows.
    pub(super) fn reach(&self) -> u64 {
        self.base + self.end as u64
    }

    /// Bytes of the file behind the window: those of the disk, if it is compressed.
    pub(super) fn bytes_consumed(&self) -> u64 {
        self.opened.raw_bytes.as_ref().map_or_else(|| self.offset(), |bytes| bytes.load(Ordering::Relaxed))
    }

    /// Reads more behind the window; `false` at the end of the input.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.make_room();
        let read = read(&mut self.opened.stream, &mut self.data[self.end..])?;
        self.end += read;
        self.ended = read == 0;
        self.look_for_text();
        Ok(read > 0)
    }

    /// Goes on where the last look ended, or at a record's start behind what is no text.
    fn look_for_text(&mut self) {
        self.text_to = self.text_to.max(self.start);
        let new = &self.data[self.text_to..self.end];
        self.text_to += match simdutf8::compat::from_utf8(new) {
            Ok(_) => new.len(),
            Err(error) => error.valid_up_to(),
        };
    }

    /// Lets go of what was consumed, and grows only if the window alone fills the buffer.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.hash_consumed();
            let kept = self.end - self.start;
            self.data.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.text_to = self.text_to.saturating_sub(self.start);
            (self.start, self.end, self.hashed) = (0, kept, 0);
        }
        let chunk = self.opened.chunk;
        if self.data.len() > 4 * chunk && self.end <= chunk / 2 {
            self.data.truncate(chunk);
            self.data.shrink_to_fit();
        } else if self.data.len() - self.end < chunk / 8 {
            self.data.resize((self.data.len() * 2).max(chunk), 0);
        }
    }

    fn hash_consumed(&mut self) {
        if let Some(chain) = &mut self.chain {
            chain.0.update(&self.data[self.hashed..self.start]);
        }
        self.hashed = self.start;
    }

    /// The hash over everything before the record that is looked at.
    pub(super) fn chain(&mut self) -> Option<&Chain> {
        self.hash_consumed();
        match &self.head {
            Some(head) if head.is_open => head.chain.as_ref(),
            _ => self.chain.as_ref(),
        }
    }

    /// The hash over everything before `byte`, which must still be in memory and not yet hashed.
    pub(super) fn chain_before(&mut self, byte: u64) -> Option<&Chain> {
        if self.head.as_ref().is_some_and(|head| head.offset == byte) {
            return self.head.as_ref()?.chain.as_ref();
        }
        let at = byte.checked_sub(self.base)? as usize;
        if at < self.hashed || at > self.start {
            return None;
        }
        if let Some(chain) = &mut self.chain {
            chain.0.update(&self.data[self.hashed..at]);
        }
        self.hashed = at;
        self.chain.as_ref()
    }

    /// Ends this input; its chain goes on in the next.
    pub(super) fn into_chain(mut self) -> Option<Chain> {
        self.hash_consumed();
        self.chain
    }

    /// Consumes up to `byte`, or to the end if that is nearer; what is passed over is hashed, not framed.
    /// `progress` is told the offset after each piece.
    pub(super) fn skip_to(&mut self, byte: u64, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
        let at_hand = byte.saturating_sub(self.offset()).min((self.end - self.start) as u64) as usize;
        self.consume(at_hand);
        if at_hand > 0 {
            self.passed = Some(self.data[self.start - 1]);
        }
        if self.offset() >= byte || self.ended {
            progress(self.offset());
            return Ok(());
        }
        self.hash_consumed();
        self.base = self.offset();
        (self.start, self.end, self.hashed, self.text_to) = (0, 0, 0, 0);
        let most = SKIP_CHUNKS * self.opened.chunk;
        let mut piece = vec![0; most];
        while self.base < byte && !self.ended {
            let wanted = (byte - self.base).min(most as u64) as usize;
            let read = read(&mut self.opened.stream, &mut piece[..wanted])?;
            if let Some(chain) = &mut self.chain {
                chain.0.update(&piece[..read]);
            }
            self.passed = piece[..read].last().copied().or(self.passed);
            self.base += read as u64;
            self.ended = read == 0;
            progress(self.base);
        }
        Ok(())
    }

    /// Whether a record that ended here (at the end of the input, without a line end) goes on in what came since.
    /// `by_returns`: a carriage return alone is a line end.
    pub(super) fn splits_a_record(&mut self, by_returns: bool) -> io::Result<bool> {
        if self.passed.is_none_or(|byte| byte == b'\n' || by_returns && byte == b'\r') {
            return Ok(false);
        }
        while self.window().is_empty() && self.fill()? {}
        Ok(self.window().first().is_some_and(|byte| !matches!(byte, b'\n' | b'\r')))
    }

    /// Goes to `byte` without reading what lies between; `false` if this input cannot, or hashes what it passes.
    pub(super) fn seek(&mut self, byte: u64) -> io::Result<bool> {
        if self.chain.is_some() || !self.opened.stream.seek(byte)? {
            return Ok(false);
        }
        self.base = byte;
        (self.start, self.end, self.hashed, self.text_to, self.ended) = (0, 0, 0, 0, false);
        Ok(true)
    }
}

/// One read, tried again when a signal came between.
fn read(stream: &mut Stream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

//! Where the bytes stand that CSV is divided by: many are looked at together.

use memchr::{memchr_iter, memchr2_iter, memchr3};

/// Line ends as lines are counted: `\r\n`, `\n` and, where carriage returns alone end records, those.
pub(super) fn line_ends(bytes: &[u8], by_returns: bool) -> u64 {
    if !by_returns {
        return memchr_iter(b'\n', bytes).count() as u64;
    }
    memchr2_iter(b'\r', b'\n', bytes)
        .filter(|&at| bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'))
        .count() as u64
}

/// Bytes that are looked at together for what divides fields and records, and for what JSON strings can't hold.
pub(super) const BLOCK: usize = 64;

/// A bit for each byte that is a delimiter, a quote, a backslash or a control character. One loop that a compiler makes
/// wide, and no branch.
#[inline]
pub(super) fn marks(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    let mut flags = [0_u8; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(*byte == delimiter)
            | u8::from(*byte == b'"')
            | u8::from(*byte == b'\\')
            | u8::from(*byte < 0x20);
    }
    let mut marks = 0;
    for (index, word) in flags.as_chunks::<8>().0.iter().enumerate() {
        // The lowest bits of eight bytes, side by side in the highest byte.
        marks |= (u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * index);
    }
    marks
}

/// As [`marks`], at the end of the window.
pub(super) fn last_marks(part: &[u8], delimiter: u8) -> u64 {
    let mut block = [0; BLOCK];
    block[..part.len()].copy_from_slice(part);
    marks(&block, delimiter) & ((1 << part.len()) - 1)
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Words looked at before a field counts as long.
const WORDS: usize = 6;

/// The first delimiter or line end from `at` on. Most fields are shorter than what it costs to start a wide search,
/// so that the first words are looked at by hand.
#[inline]
pub(super) fn plain_end(data: &[u8], at: usize, delimiter: u8) -> Option<usize> {
    let wanted = LOW * u64::from(delimiter);
    let rest = &data[at..];
    let (words, _) = rest.as_chunks::<8>();
    for (index, word) in words.iter().take(WORDS).enumerate() {
        let word = u64::from_le_bytes(*word);
        let hits = zeros(word ^ wanted) | zeros(word ^ (LOW * 0x0a)) | zeros(word ^ (LOW * 0x0d));
        if hits != 0 {
            return Some(at + index * 8 + (hits.trailing_zeros() / 8) as usize);
        }
    }
    let looked = words.len().min(WORDS) * 8;
    memchr3(delimiter, b'\n', b'\r', &rest[looked..]).map(|found| at + looked + found)
}

/// The high bit of each byte that is zero; bits above the lowest one set may be wrong.
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

//! How a key is printed: the same 32 bytes as hex, UUID, base32, or in a template.
//!
//! It never makes a key: that is the model's.

use crate::model::Digest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// 64 digits.
    Hex,
    /// 36 characters, with the bits of a version 4 UUID set, for servers that look.
    Uuid,
    /// 52 characters, RFC 4648 without padding, lower case.
    Base32,
    /// A template's text as it is; without a template as hex.
    Raw,
}

impl KeyFormat {
    pub(super) fn print(self, digest: &Digest) -> String {
        match self {
            Self::Hex | Self::Raw => digest.hex(),
            Self::Uuid => uuid(digest),
            Self::Base32 => base32(digest),
        }
    }
}

/// The first 16 bytes in the shape of a version 4 UUID.
pub(super) fn uuid(digest: &Digest) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.0[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = Digest::hex_of(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn base32(digest: &Digest) -> String {
    let mut text = String::with_capacity(52);
    let (mut word, mut bits) = (0_u32, 0);
    for byte in digest.0 {
        word = word << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(word >> bits & 31) as usize]));
        }
        word &= (1 << bits) - 1;
    }
    text.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(word << (5 - bits) & 31) as usize]));
    text
}

//! One request that wants to change something, as the shapes see it.
//!
//! It must never hold anything of the connection it came by.

use sha2::{Digest, Sha256};

use super::keys::{self, Scope};
use super::shape::Shape;

/// A request, read to its end.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) shape: Shape,
    /// Without the query.
    pub(super) path: String,
    pub(super) key: Option<Key>,
    pub(super) lines: bool,
    pub(super) body: Vec<u8>,
    /// Whether another writer is faster.
    pub(super) rival: bool,
}

/// An idempotency key, and what it is remembered by.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) scope: Scope,
    pub(super) body_hash: [u8; 32],
}

impl Key {
    pub(super) fn new(text: String, path: &str, body: &[u8]) -> Self {
        Self { scope: keys::scope(path, &text), body_hash: Sha256::digest(body).into(), text }
    }
}

impl Call {
    /// The body as text; bytes that are no text read as nothing, which no shape takes.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

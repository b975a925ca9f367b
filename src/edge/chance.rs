//! Chance that nobody can guess.

use crate::model::Digest;
use std::io;

/// As the system's own generator gives it.
pub fn digest() -> io::Result<Digest> {
    let mut bytes = [0; 32];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(Digest(bytes))
}

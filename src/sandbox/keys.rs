//! Idempotency keys: which are being worked on, and what the settled ones were answered.
//!
//! A key belongs to a path: the same key on another path is another key. It is looked up before anything
//! else is known about the request. This file must never decide whether an answer settles a key; answers say
//! that.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::answer::Answer;

/// A path and a key, hashed.
pub(super) type Scope = [u8; 32];

/// What a key belongs to.
pub(super) fn scope(path: &str, key: &str) -> Scope {
    Sha256::new().chain_update(path).chain_update([0]).chain_update(key).finalize().into()
}

/// What was found under a key.
#[derive(Debug)]
pub(super) enum Memory {
    /// It is new, or forgotten.
    None,
    /// The same body was answered so.
    Answered(Answer),
    /// It was used for another body.
    OtherBody,
}

/// Looks a key up; what was answered before `forgotten_before` is no longer known.
pub(super) fn recall(
    db: &Connection,
    scope: &Scope,
    body_hash: &[u8; 32],
    forgotten_before: i64,
) -> rusqlite::Result<Memory> {
    let mut found =
        db.prepare_cached("SELECT at, body_hash = ?2, status, body FROM answers WHERE scope = ?1")?;
    let kept = found
        .query_row((scope, body_hash), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, u16>(2)?, row.get(3)?))
        })
        .optional()?;
    Ok(match kept {
        Some((at, ..)) if at < forgotten_before => {
            db.execute("DELETE FROM answers WHERE scope = ?1", (scope,))?;
            Memory::None
        }
        Some((_, true, status, body)) => Memory::Answered(Answer::replay(status, body)),
        Some((_, false, ..)) => Memory::OtherBody,
        None => Memory::None,
    })
}

/// Remembers an answer.
pub(super) fn keep(
    db: &Connection,
    scope: &Scope,
    body_hash: &[u8; 32],
    now: i64,
    answer: &Answer,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO answers (scope, at, body_hash, status, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert.execute((scope, now, body_hash, answer.status, &answer.body))?;
    Ok(())
}

/// The keys that are being worked on.
#[derive(Debug, Default)]
pub(super) struct Claims {
    held: Mutex<HashSet<Scope>>,
    released: Notify,
}

impl Claims {
    /// Takes the key, unless someone works on it.
    pub(super) fn claim(&self, scope: Scope) -> Option<Claim<'_>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(scope).then(|| Claim { claims: self, scope })
    }

    /// Takes the key as soon as nobody works on it.
    pub(super) async fn wait(&self, scope: Scope) -> Claim<'_> {
        loop {
            let mut released = std::pin::pin!(self.released.notified());
            released.as_mut().enable();
            if let Some(claim) = self.claim(scope) {
                return claim;
            }
            released.await;
        }
    }
}

/// A key in work, until this is dropped.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    claims: &'a Claims,
    scope: Scope,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
        self.claims.released.notify_waiters();
    }
}

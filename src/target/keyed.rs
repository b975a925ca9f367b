//! A key that stands in the body, because it is sent there or for reference: it may be made of the body, so that the
//! body is made with zeros in its place, hashed and kept like that, and gets its key when it is sent. One that a row brings
//! along is there from the start, without what refusals and later imports add to it.

use super::slot::Facts;
use super::target::Target;
use super::template::fill;
use crate::model::{BatchKey, Digest, Rejection};
use bytes::Bytes;

impl Target {
    /// What stands in a body for the key: zeros of its length. Empty where the key goes elsewhere.
    pub(super) fn blank_key(&self) -> String {
        if self.mapping.keyed { self.key_text(&BatchKey(Digest([0; 32]))) } else { String::new() }
    }

    /// A body with its key in place of the zeros.
    pub(super) fn with_key(&self, body: &[u8], facts: &Facts<'_>) -> Result<Bytes, Rejection> {
        let mut out = Vec::with_capacity(body.len() + 16);
        if self.mapping.lone || self.mapping.shows_key {
            let row = facts.row.ok_or_else(|| Rejection::local("bad_key", "the key has no row"))?;
            self.open_with(facts, &mut out);
            self.append(row, (facts.key.unwrap_or_default(), facts.idem), &mut out)?;
            self.close_with(facts, &mut out);
            return Ok(Bytes::from(out));
        }
        let blank = self.blank_key();
        let zeros = Facts { key: Some(&blank), ..*facts };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        fill(&self.mapping.before.parts, &zeros, &mut before)?;
        fill(&self.mapping.after.parts, &zeros, &mut after)?;
        let rows = body.len().checked_sub(after.len()).and_then(|end| body.get(before.len()..end));
        let rows = rows.ok_or_else(|| Rejection::local("bad_key", "the body is not the one it was"))?;
        fill(&self.mapping.before.parts, facts, &mut out)?;
        out.extend_from_slice(rows);
        fill(&self.mapping.after.parts, facts, &mut out)?;
        Ok(Bytes::from(out))
    }
}

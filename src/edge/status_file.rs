//! `status.json`: what others may read while a run is on. Written beside and renamed over, so that a reader finds
//! the old or the new, never half of one. It is advice; the ledger is the truth.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces `status.json` in the state's folder.
pub fn write(state: &Path, json: &str) -> io::Result<()> {
    let fresh = state.join(".status.json.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(json.as_bytes())?;
    file.write_all(b"\n")?;
    std::fs::rename(&fresh, state.join("status.json"))
}

//! `status.json`: what others may read while a run is on. Written beside and renamed over, so that a reader finds
//! the old or the new, never half of one. It is advice; the ledger is the truth.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The most that is read of it.
const BYTES_MAX: u64 = 1 << 20;

/// What it says; `None` if it is not there.
pub fn read(state: &Path) -> io::Result<Option<String>> {
    let file = match std::fs::File::open(state.join("status.json")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Replaces `status.json` in the state's folder.
pub fn write(state: &Path, json: &str) -> io::Result<()> {
    let fresh = state.join(".status.json.new");
    // Whatever lies there, a run that was killed left it, or somebody planted it: it is not written through.
    let _ = std::fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(json.as_bytes())?;
    file.write_all(b"\n")?;
    std::fs::rename(&fresh, state.join("status.json"))
}

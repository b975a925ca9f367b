//! Which inputs go together, and what standard input needs.

use crate::args::SendArgs;
use crate::error::Error;
use crate::target::Target;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BATCH_AGE: Duration = Duration::from_secs(5);

/// Whether this path is standard input.
fn is_standing(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether standard input is imported.
pub fn is_piped(args: &SendArgs) -> bool {
    args.inputs.iter().any(|input| is_standing(input))
}

/// Whether rows are sent as they come, and can't be read again.
pub fn is_live(args: &SendArgs) -> bool {
    is_piped(args) && !args.spool
}

/// When a batch of rows that come one by one is closed.
pub fn batch_age(args: &SendArgs, target: &Target) -> Duration {
    args.batch_age.map(|age| age.0).or(target.limits().age).unwrap_or(BATCH_AGE)
}

/// Refuses inputs that are no import together.
pub fn check_inputs(args: &SendArgs) -> Result<(), Error> {
    if is_piped(args) && args.inputs.len() > 1 {
        return Err(Error::usage("`-` goes with no other input")
            .hint("let one program put them together: cat a.csv b.csv | bulkhaul send - …"));
    }
    if !is_piped(args) {
        let given = [("--spool", args.spool), ("--new-stream", args.new_stream)];
        if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
            return Err(Error::usage(format!("`{option}` is for standard input, the input `-`")));
        }
    }
    check_twice(&args.inputs)
}

/// Refuses one file under two names: each of its rows would be sent twice.
fn check_twice(inputs: &[PathBuf]) -> Result<(), Error> {
    let mut known: HashMap<Name, &Path> = HashMap::new();
    for path in inputs {
        let Some(other) = known.insert(Name::of(path), path) else { continue };
        let (path, other) = (path.display().to_string(), other.display().to_string());
        let words = if path == other {
            format!("`{path}` is named twice")
        } else {
            format!("`{other}` and `{path}` are the same file")
        };
        return Err(Error::usage(words).hint("name it once; each of its rows would be sent twice"));
    }
    Ok(())
}

/// What a file is by, however it is called; one that is not there has its name only.
#[derive(PartialEq, Eq, Hash)]
enum Name {
    File(u64, u64),
    None(PathBuf),
}

impl Name {
    fn of(path: &Path) -> Self {
        match path.metadata() {
            Ok(data) => Self::File(data.dev(), data.ino()),
            Err(_) => Self::None(path.to_owned()),
        }
    }
}

/// Refuses standard input without a place for its state.
pub fn check_state(args: &SendArgs) -> Result<(), Error> {
    if is_piped(args) && args.state.is_none() {
        return Err(Error::usage("standard input has no name to keep the import's state beside")
            .hint("say where it is kept: --state DIR, the same one each time"));
    }
    Ok(())
}

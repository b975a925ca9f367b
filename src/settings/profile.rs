//! Profiles by name and by path: found, read with their parents, or not there.

use super::near::near_profile;
use crate::error::Error;
use crate::target::{Profile, ProfileErrors, nearest};
use std::path::Path;

/// Reads a profile and the parents that lie beside it. The outer error is a file that cannot be read, the inner
/// one all that is wrong in it.
pub fn read_profile(path: &Path) -> Result<Result<Profile, ProfileErrors>, Error> {
    let text = text(path)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let parent = |name: &str| {
        Profile::builtin_text(name.strip_suffix(".toml").unwrap_or(name))
            .map(ToOwned::to_owned)
            .or_else(|| std::fs::read_to_string(folder.join(name)).ok())
    };
    Ok(Profile::parse(&path.display().to_string(), &text, &parent))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let builtin =
            Profile::builtin_text(&stem).map(|_| format!("without its ending `{stem}` is built in"));
        let is_missing = error.kind() == std::io::ErrorKind::NotFound;
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        Error::failed(format!("cannot read the profile `{}`: {why}", path.display()))
            .maybe_hint(builtin.or_else(|| is_missing.then(|| missing(path))))
    })
}

fn missing(path: &Path) -> String {
    match near_profile(path) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("to write one for a file of yours: bulkhaul targets new {} --from INPUT", path.display())
        }
    }
}

/// A built-in profile; else what was probably meant.
pub fn builtin(name: &str) -> Result<Profile, Error> {
    Profile::builtin(name).ok_or_else(|| unknown_target(name, None))
}

/// As [`builtin`], for whoever takes profiles from files, too.
pub(super) fn builtin_or_near(name: &str) -> Result<Profile, Error> {
    Profile::builtin(name).ok_or_else(|| unknown_target(name, near_profile(Path::new(name))))
}

/// There is no target of this name; a profile `beside` has nearly that.
fn unknown_target(name: &str, beside: Option<String>) -> Error {
    let mut known = vec!["sandbox"];
    known.extend(Profile::builtin_names());
    let lower = name.to_ascii_lowercase();
    // `orders` is no slip of the hand, and near to nothing.
    let parts: Vec<String> =
        known.iter().filter(|known| known.contains(&lower)).map(|name| format!("`{name}`")).collect();
    let hint = match (nearest(&lower, &known), beside) {
        // No built-in's name has a dot in it.
        (near, Some(beside)) if near.is_none() || name.contains('.') => format!("did you mean `{beside}`?"),
        (Some(near), _) => format!("did you mean `{near}`? `bulkhaul targets` lists all of them"),
        (None, _) if lower.len() > 2 && !parts.is_empty() => {
            format!("did you mean {}? `bulkhaul targets` lists all of them", parts.join(" or "))
        }
        (None, _) => format!("a target is a URL, a path to a profile, or one of: {}", known.join(", ")),
    };
    Error::usage(format!("there is no target `{name}`")).hint(hint)
}

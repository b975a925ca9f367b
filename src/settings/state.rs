//! Which state folder is meant.

use crate::error::Error;
use std::path::{Path, PathBuf};

const ENDING: &str = ".bulkhaul";

/// The folder that was named (itself, or by its input), else the only one here.
pub fn find_state(given: Option<&Path>) -> Result<PathBuf, Error> {
    let Some(given) = given else { return only_one_here() };
    let mut beside = given.as_os_str().to_owned();
    beside.push(ENDING);
    let beside = PathBuf::from(beside);
    if given.is_dir() {
        Ok(given.to_owned())
    } else if beside.is_dir() {
        Ok(beside)
    } else {
        let shown = given.display();
        Err(Error::failed(format!("there is no import in `{shown}`")).hint(format!(
            "an import keeps its state in a folder like customers.csv{ENDING}, or as --state says"
        )))
    }
}

fn only_one_here() -> Result<PathBuf, Error> {
    let is_state = |path: &PathBuf| {
        path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
    };
    let entries = std::fs::read_dir(".").map_err(|error| {
        Error::usage(format!("this folder cannot be read: {error}")).hint("name the state")
    })?;
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| PathBuf::from(entry.file_name())).filter(is_state).collect();
    found.sort();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::usage(format!("there is no *{ENDING} folder here"))
            .hint("name the import's state folder, or go where it is")),
        _ => {
            let list: Vec<String> = found.iter().map(|path| format!("  {}", path.display())).collect();
            Err(Error::usage(format!("there are several imports here:\n{}", list.join("\n")))
                .hint("name one of them"))
        }
    }
}

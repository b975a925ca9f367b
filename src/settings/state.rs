//! Which state folder is meant.

use super::quoted;
use crate::edge::status_file;
use crate::error::Error;
use serde_json::Value;
use std::ffi::OsStr;
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

/// The command that audits this state, with what its last run says that it read, and how.
pub fn audit_command(state: &Path) -> String {
    let named = find_state(Some(state)).ok();
    let told = named.and_then(|state| status_file::read(&state).ok()?);
    let told: Value = told.and_then(|told| serde_json::from_str(&told).ok()).unwrap_or_default();
    let mut words = Vec::new();
    let command = told["command"].as_str().and_then(shlex::split).unwrap_or_default();
    let mut typed = command.into_iter();
    while let Some(word) = typed.next() {
        match word.as_str() {
            "--no-header" => words.push(word),
            "--format" | "--delimiter" | "--columns" | "--dead-letter" => {
                words.push(word);
                words.extend(typed.next());
            }
            _ => {}
        }
    }
    let inputs = told["inputs"].as_array().into_iter().flatten();
    let inputs: Vec<&str> = inputs.filter_map(Value::as_str).filter(|input| *input != "-").collect();
    words.extend(inputs.iter().map(|input| (*input).to_owned()));
    let mut words: Vec<String> = words.iter().map(|word| quoted(OsStr::new(word))).collect();
    if inputs.is_empty() {
        words.push("INPUT…".to_owned());
    }
    format!("bulkhaul audit {} {}", quoted(state.as_os_str()), words.join(" "))
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

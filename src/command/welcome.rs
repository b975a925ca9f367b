//! `bulkhaul` alone: the first command, and the next one.

use super::letters;
use crate::edge::source::Format;
use crate::error::exit;
use crate::report::speech;
use std::path::Path;

pub(super) fn run() -> u8 {
    let input = input_here();
    let file = input.as_deref().map_or_else(|| "FILE.csv".to_owned(), quoted);
    let make = "to have a file to try it with:\n  printf 'id,name\\n1,Ada\\n2,Grace\\n' > FILE.csv\n";
    speech::say(&format!(
        "bulkhaul: rows from CSV or NDJSON into any HTTP batch API, once each, however often it is interrupted.\n\n\
         {}to see it work, against a practice server that it brings along:\n  bulkhaul send {file} --to sandbox\n\
         to see what would be sent to an API of yours; nothing is sent:\n  \
         bulkhaul plan {file} --to https://api.example.com/items\n\
         to see the APIs that it knows, and describe another:\n  bulkhaul targets\n\n\
         all commands: bulkhaul --help",
        if input.is_some() { "" } else { make }
    ));
    exit::USAGE
}

/// The first file here that could be an input.
fn input_here() -> Option<String> {
    let names = std::fs::read_dir(".").ok()?.flatten().filter(|entry| entry.path().is_file());
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| Format::of(Path::new(name)).is_some() && !name.starts_with(['.', '-'])).collect();
    names.sort();
    // Dead letters are replayed, and no input.
    names.into_iter().find(|name| !letters::are_in(Path::new(name)))
}

fn quoted(name: &str) -> String {
    let name = speech::tame(name);
    shlex::try_quote(&name).map_or_else(|_| name.clone(), std::borrow::Cow::into_owned)
}

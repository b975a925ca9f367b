//! `bulkhaul targets`: what can be named after `--to`, and profiles for everything else.

use super::opening::source_error;
use crate::args::{Delimiter, TargetsArgs, TargetsCommand};
use crate::edge::source::{Format, Layout, Source, Step};
use crate::error::{Error, exit};
use crate::report::{speech, targets as report};
use crate::settings;
use crate::target::{Profile, ProfileErrors};
use serde::de::{MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Rows of an input that are looked at for one that can be read.
const ROWS_TRIED: usize = 1000;

pub(super) fn run(args: &TargetsArgs) -> Result<u8, Error> {
    match args.command.as_ref().unwrap_or(&TargetsCommand::List { json: false }) {
        TargetsCommand::List { json } => {
            list(*json);
            Ok(exit::COMPLETE)
        }
        TargetsCommand::Show { name } => show(name),
        TargetsCommand::Check { file, set, json } => check(file, set, *json),
        TargetsCommand::New { file, from, delimiter, columns } => {
            new(file, from.as_deref(), *delimiter, columns.as_ref())
        }
    }
}

fn list(json: bool) {
    let profiles: Vec<Profile> =
        Profile::builtin_names().iter().filter_map(|name| Profile::builtin(name)).collect();
    if json {
        speech::tell(&report::list_json(&profiles));
    } else {
        speech::show(&report::list(&profiles));
    }
}

fn show(name: &str) -> Result<u8, Error> {
    if name == "sandbox" {
        return Err(Error::usage("`sandbox` is the practice server; it speaks `orders-batch`")
            .hint("bulkhaul targets show orders-batch"));
    }
    settings::builtin(name)?;
    speech::tell(Profile::builtin_text(name).unwrap_or_default().trim_end());
    Ok(exit::COMPLETE)
}

fn check(file: &Path, set: &[String], json: bool) -> Result<u8, Error> {
    let name = file.to_str().filter(|name| !name.contains('/') && Profile::builtin_text(name).is_some());
    let read = match name.filter(|_| !file.exists()) {
        Some(name) => Ok(settings::builtin(name)?),
        None => settings::read_profile(file)?,
    };
    let values = read
        .as_ref()
        .map_or_else(|_| Ok(BTreeMap::new()), |profile| settings::typed_parameters(profile, set))?;
    let checked: Result<Profile, ProfileErrors> = read
        .map(|profile| profile.with(&values))
        .and_then(|profile| profile.try_out(&values).map(|()| profile));
    if json {
        speech::tell(&report::check_json(file, checked.as_ref()));
    }
    match checked {
        Ok(profile) => {
            if !json {
                speech::show(&report::check(&profile, &values));
            }
            Ok(exit::COMPLETE)
        }
        Err(errors) => Err(Error::failed(report::mistakes(&errors))
            .hint("`bulkhaul targets show NAME` prints a built-in one to look at")),
    }
}

fn new(
    file: &Path,
    from: Option<&Path>,
    delimiter: Option<Delimiter>,
    listed: Option<&Vec<String>>,
) -> Result<u8, Error> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.is_empty());
    let (Some(stem), true) = (stem, file.extension().is_some_and(|ending| ending == "toml")) else {
        return Err(Error::usage(format!("`{}` does not end in .toml", file.display()))
            .hint("the ending tells a profile from a built-in's name: bulkhaul targets new crm.toml"));
    };
    let columns = from.map(|from| columns(from, delimiter, listed)).transpose()?;
    let text = Profile::starter(stem, columns.as_deref());
    let shown = file.display();
    let mut made = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Error::failed(format!("`{shown}` is there already; it was left as it is"))
                .hint("choose another name, or remove it first")
        } else {
            Error::failed(format!("cannot write `{shown}`: {error}"))
        }
    })?;
    made.write_all(text.as_bytes())
        .map_err(|error| Error::failed(format!("cannot write `{shown}`: {error}")))?;
    speech::say(&report::made(file, from, delimiter.map(|delimiter| delimiter.0), listed));
    Ok(exit::COMPLETE)
}

/// Names of the fields of the first row that can be read.
fn columns(
    input: &Path,
    delimiter: Option<Delimiter>,
    listed: Option<&Vec<String>>,
) -> Result<Vec<String>, Error> {
    let mut format = Format::of(input).ok_or_else(|| {
        Error::usage(format!("the format of `{}` cannot be told from its name", input.display()))
            .hint("it ends in .csv, .tsv, .ndjson or .jsonl, perhaps with .gz or .zst behind it")
    })?;
    if let (Format::Csv { .. }, Some(Delimiter(delimiter))) = (format, delimiter) {
        format = Format::Csv { delimiter };
    }
    let inputs: [PathBuf; 1] = [input.to_owned()];
    let (delimiter_said, listed) = (delimiter.is_some(), listed.cloned());
    let layout = Layout { delimiter_said, columns: listed, ..Layout::new(format) };
    let mut source = Source::open(&inputs, &layout).map_err(|error| source_error(&error))?;
    let mut row = Vec::new();
    for _ in 0..ROWS_TRIED {
        match source.next(&mut row).map_err(|error| source_error(&error))? {
            Step::Row { text, .. } => return Ok(names(&row[text])),
            Step::Bad { .. } | Step::Idle => {}
            Step::End => break,
        }
    }
    Err(Error::failed(format!("`{}` has no row to take the columns from", input.display())))
}

/// Names of the members of an object, in their order, each once.
fn names(row: &[u8]) -> Vec<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            Ok(names)
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(row);
    serde::Deserializer::deserialize_map(&mut reader, Names).unwrap_or_default()
}

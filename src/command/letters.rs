//! Dead letters read from a file: as they were written, as a person edited them, or as `rejects` exported them.

use crate::args::SendArgs;
use crate::edge::ledger::Ledger;
use crate::edge::letter_file::{LetterLine, LetterLines};
use crate::edge::sheet::SheetReader;
use crate::edge::status_file;
use crate::error::Error;
use crate::model::Letter;
use crate::report::speech;
use crate::settings;
use csv::StringRecord;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What a table may be saved with, by whatever a person corrected it in.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What is done about lines that are no dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Refused,
    /// But the last line may be half written: the file grows.
    RefusedBeforeTheLast,
    /// Others write into the file, too.
    PassedOver,
}

/// Where the dead letters of a state are: where its last run says that it put them, else in the state.
pub(super) fn file_of(state: &Path) -> PathBuf {
    told_file(state).unwrap_or_else(|| state.join("dead-letters.ndjson"))
}

/// The file that a state's last run says that it put its dead letters into, if it is there.
pub(super) fn told_file(state: &Path) -> Option<PathBuf> {
    let told: Value = serde_json::from_str(&status_file::read(state).ok()??).ok()?;
    told["dead_letters"].as_str().map(PathBuf::from).filter(|path| path.is_file())
}

/// Corrections that were made in the file itself would be looked for there, and nobody would send them.
pub(super) fn tell_aside(args: &SendArgs, ledger: &Ledger) {
    if let Some(aside) = ledger.letters_aside().filter(|_| !args.quiet) {
        let name = settings::quoted(aside.as_os_str());
        speech::say(&format!(
            "note: the dead-letter file had been changed, and is `{}` now; to send what was corrected in it: bulkhaul \
             replay {name} --to …",
            aside.display()
        ));
    }
}

/// Hands over each letter of a file of lines, with its line and that line's number. Comes back with how many were passed
/// over that are too long to be read.
pub(super) fn of_lines(
    path: &Path,
    foreign: Foreign,
    each: &mut dyn FnMut(&Letter, &str, u64) -> Result<(), Error>,
) -> Result<u64, Error> {
    let shown = path.display();
    let unreadable = |error: io::Error| unreadable(path, &error);
    let mut lines = LetterLines::open(path).map_err(unreadable)?;
    let mut too_long = 0;
    while let Some(line) = lines.next_line().map_err(unreadable)? {
        let LetterLine::Read(number, line, ended) = line else {
            too_long += 1;
            continue;
        };
        match Letter::read(line) {
            Ok(letter) => each(&letter, line, number)?,
            Err(_) if foreign == Foreign::PassedOver => {}
            Err(_) if foreign == Foreign::RefusedBeforeTheLast && !ended => {}
            Err(why) => {
                let hint = if line.trim_start().starts_with('{') {
                    "name a state folder, or a file of dead letters as bulkhaul writes them"
                } else {
                    "name a state folder, or a file of dead letters as bulkhaul writes them; a table is one that `bulkhaul \
                     rejects STATE --export csv` wrote, corrected with its `bulkhaul:` columns left in it: they say which \
                     row is which. Plain rows are imported by `bulkhaul send`"
                };
                return Err(
                    Error::failed(format!("`{shown}` line {number} is no dead letter: {why}")).hint(hint)
                );
            }
        }
    }
    Ok(too_long)
}

/// A row in doubt, as `rejects --in-doubt` shows it, is no dead letter.
pub(super) fn refuse_shown(file: &Path, letter: &Letter, line: u64) -> Result<(), Error> {
    if !letter.is_shown_doubt() {
        return Ok(());
    }
    let shown = file.display();
    let words =
        format!("`{shown}` line {line} is a row in doubt, and no dead letter: it may be at the target");
    Err(Error::failed(words).hint(
        "the import's own command ends the doubt: with --verdict missing, --verdict applied or --on-ambiguous resend",
    ))
}

/// Hands over each letter of a file of lines, or of a table as `rejects --export csv` wrote it, with the line on which
/// it stands. Comes back as [`of_lines`].
pub(super) fn of_any(
    path: &Path,
    foreign: Foreign,
    each: &mut dyn FnMut(&Letter, u64) -> Result<(), Error>,
) -> Result<u64, Error> {
    let shown = path.display();
    let mut each = |letter: &Letter, line: u64| {
        refuse_shown(path, letter, line)?;
        each(letter, line)
    };
    let Some(delimiter) = table(path)? else {
        return of_lines(path, foreign, &mut |letter, _, number| each(letter, number));
    };
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(BufReader::new(file));
    let broken = |error: &csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        Error::failed(format!("`{shown}` line {line} cannot be read as CSV: {error}"))
            .hint("is there a quote that is never closed?")
    };
    let header = csv.headers().map_err(|error| broken(&error))?.clone();
    let reader = SheetReader::new(&header).map_err(|why| {
        Error::failed(format!("`{shown}` cannot be replayed: {why}"))
            .hint("`bulkhaul rejects --export csv` writes the table that can be")
    })?;
    let mut record = StringRecord::new();
    while csv.read_record(&mut record).map_err(|error| broken(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let letter = reader
            .letter(&record)
            .map_err(|why| Error::failed(format!("`{shown}` line {line} cannot be replayed: {why}")))?;
        each(&letter, line)?;
    }
    Ok(0)
}

/// Whether a file begins as one of dead letters does, in lines or as a table.
pub(super) fn are_in(path: &Path) -> bool {
    if matches!(table(path), Ok(Some(_))) {
        return true;
    }
    let Ok(mut lines) = LetterLines::open(path) else { return false };
    match lines.next_line() {
        Ok(Some(LetterLine::Read(_, line, _))) => {
            Letter::read(line).is_ok_and(|letter| letter.import_id.is_some())
        }
        Ok(Some(LetterLine::TooLong)) => true,
        Ok(None) | Err(_) => false,
    }
}

/// The delimiter, if this is a table of ours.
fn table(path: &Path) -> Result<Option<u8>, Error> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut file = BufReader::new(file);
    let begin = file.fill_buf().map_err(|error| unreadable(path, &error))?;
    let first = begin.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_none_or(|byte| *byte == b'{') {
        return Ok(None);
    }
    let is_ours = |delimiter: &u8| {
        let file = File::open(path).ok()?;
        let mut csv = csv::ReaderBuilder::new().delimiter(*delimiter).from_reader(BufReader::new(file));
        let header = csv.headers().ok()?;
        let is_split = header.len() > 1 || !header.iter().any(|name| name.contains([',', ';', '\t']));
        Some(is_split && SheetReader::is_sheet(header))
    };
    Ok(DELIMITERS.into_iter().find(|delimiter| is_ours(delimiter) == Some(true)))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    };
    Error::failed(format!("cannot read `{}`: {why}", path.display()))
}

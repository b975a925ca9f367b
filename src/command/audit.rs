//! `bulkhaul audit`: the books of the newest import of a state, made again from the ledger's batches, the input and
//! the dead letters. Nothing is made or changed.

use super::audit_beside::{self as beside, Kept};
use super::deletes;
use super::inputs::InputFacts;
use super::intake::COPY;
use super::letters;
use super::opening::source_error;
use super::replays::root_of_state;
use crate::args::AuditArgs;
use crate::edge::ledger::{LedgerError, LetterFileState, View};
use crate::edge::source::{Layout, Source, Step};
use crate::edge::state_dir::{StateDir, StateError};
use crate::engine::{Recorded, Recount, Refusal};
use crate::error::{Error, exit};
use crate::model::{BatchPage, Cursor, ImportRecord, ImportState, Letter, LetterPage, Mark};
use crate::report::audit::{Audited, InputState};
use crate::report::speech;
use crate::settings;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Dead letters that are read at a time.
const LETTERS: u64 = 256;

pub(super) fn run(args: &AuditArgs) -> Result<u8, Error> {
    let own = check_words(args)?;
    let state = settings::find_state(args.state.as_deref())?;
    // No run begins while this is held.
    let held = StateDir::look(&state).map_err(|error| unlooked(&state, &error))?;
    let path = state.join("ledger.db");
    if !path.exists() {
        return Err(Error::failed(format!("there is no import in `{}`", state.display())));
    }
    let view = View::open(&path).map_err(|error| unreadable(&error))?;
    if let Some(damage) = view.damage().map_err(|error| unreadable(&error))? {
        return Err(unreadable(&LedgerError::Refused(damage)));
    }
    let (inputs, layout) = if own {
        (vec![state.join(COPY)], Layout::taken())
    } else {
        (args.inputs.clone(), settings::audit_layout(args)?)
    };
    let source = Source::open(&inputs, &layout).map_err(|error| source_error(&error))?;
    let audited = audit(args, &view, &state, source)?;
    if !view.is_still() {
        return Err(
            Error::new(exit::HELD, "a run began while the ledger was read").hint("wait for it to end")
        );
    }
    drop(held);
    if args.json {
        speech::tell(&audited.to_json());
    } else {
        speech::show(&audited.words());
    }
    if audited.found.balances() {
        Ok(exit::COMPLETE)
    } else {
        Err(Error::failed(audited.verdict()).hint(match &audited.other {
            Some(_) => format!("name what the import read, in this order: {}", audited.names_then.join(" ")),
            None => "keep the state folder and the input as they are, and report it".to_owned(),
        }))
    }
}

/// Whether the state is a replay's, whose input is its own copy of dead letters.
fn check_words(args: &AuditArgs) -> Result<bool, Error> {
    // With nothing said at all, what there is to audit is said.
    let named = args.state.clone().map_or_else(|| settings::find_state(None), Ok)?;
    let is_replay = root_of_state(&named) != named;
    match (is_replay, args.inputs.is_empty()) {
        (true, false) => Err(Error::usage("a replay keeps its input itself")
            .hint(format!("leave the input out: bulkhaul audit {}", settings::quoted(named.as_os_str())))),
        (false, true) if deletes::is_folder_of_one(&named) => {
            Err(Error { exit: exit::USAGE, ..beside::of_deletion(&named) })
        }
        (false, true) => Err(Error::usage("the input is missing").hint(format!(
            "name the files that were imported, in the same order: {}",
            settings::audit_command(&named)
        ))),
        // Wrong words are found before a file is opened.
        (false, false) => settings::audit_layout(args).map(|_| false),
        (true, true) => Ok(true),
    }
}

pub(super) fn unlooked(state: &Path, error: &StateError) -> Error {
    let shown = state.display();
    match error {
        StateError::Held => super::send::held(state),
        StateError::Io(error) => Error::failed(format!("the state folder `{shown}` cannot be read: {error}")),
    }
}

fn unreadable(error: &LedgerError) -> Error {
    if error.is_held() {
        return Error::new(exit::HELD, "another process has the ledger open").hint("wait for it to end");
    }
    Error::new(exit::LEDGER, format!("the ledger could not be read: {error}"))
        .hint("nothing was changed; put the state folder back from a copy, or keep it as it is and report it")
}

fn audit(args: &AuditArgs, view: &View, state: &Path, source: Source) -> Result<Audited, Error> {
    let failed = |error: LedgerError| unreadable(&error);
    let Some(found) = view.newest().map_err(failed)? else {
        return Err(Error::failed(format!("no import has begun in `{}`", state.display())));
    };
    let number = found.import.number;
    let details = view.details(number).map_err(failed)?;
    let [in_file, of_rows, reports] = view.letter_counts(number).map_err(failed)?;
    let before: Vec<InputFacts> = serde_json::from_str(&found.inputs)
        .map_err(|_| failed(LedgerError::Refused("its list of inputs cannot be read".into())))?;
    let names_then: Vec<String> = before.iter().map(|facts| facts.name.clone()).collect();
    if before.is_empty() {
        return Err(beside::of_deletion(state));
    }
    if !args.inputs.is_empty() && names_then.len() != args.inputs.len() {
        let message = format!("the import has other inputs: {}", names_then.join(", "));
        return Err(Error::failed(message).hint("name them all, in this order"));
    }
    let names: Arc<[String]> = if args.inputs.is_empty() {
        names_then.clone().into()
    } else {
        args.inputs.iter().map(|path| path.display().to_string()).collect()
    };
    let mut recount = Recount::new(found.import.id, Arc::clone(&names));
    if let Some(courses) = beside::courses(view, &found, &args.inputs, &before)? {
        recount = recount.of_feed(courses, beside::is_followed(view, state, number)?);
    }
    let kept = beside::kept(view, &found, &mut recount)?;
    let recorded = Recorded {
        tally: found.tally,
        bytes_read: found.bytes_read,
        planned: details.planned,
        settled: details.settled,
        split: details.split,
        cursor: found.cursor,
        letters: of_rows,
    };
    let mut walk = Walk {
        source,
        view,
        import: &found.import,
        cursor: found.cursor,
        recount,
        kept,
        letters: VecDeque::new(),
        letters_end: false,
        keys: HashMap::new(),
        text: Vec::new(),
        ended: false,
    };
    view.families::<Trouble>(number, &mut |family| walk.family(&family).map_err(Trouble))
        .map_err(|Trouble(error)| error)?;
    let (input, other) = match walk.rest(found.drained && !found.closed)? {
        Ok(input) => (input, None),
        // A ledger that is at odds with itself is looked through all the same.
        Err(why) if found.cursor.is_some_and(|cursor| cursor.ordinal.0 == found.tally.read) => {
            (InputState::default(), Some(why))
        }
        Err(why) => {
            walk.recount.note(why);
            (InputState::default(), None)
        }
    };
    let file = args.dead_letter.clone().unwrap_or_else(|| letters::file_of(state));
    let letter_file = view.letter_file(&file).map_err(failed)?;
    let mut recount = walk.recount;
    if let Some(row) = walk.kept.first() {
        recount.note(format!("the ledger keeps row {} of the import, which was never read", row + 1));
    }
    // Of an import that goes on, the next run writes a lost file anew.
    let is_open = walk.import.state == ImportState::Open;
    let letter_file = match letter_file {
        LetterFileState::Missing if is_open && in_file > 0 => LetterFileState::Behind { missing: in_file },
        other => other,
    };
    if let Some(problem) = in_words(&letter_file, &file, in_file) {
        recount.note(problem);
    }
    let mut found = recount.end(&recorded);
    if let Some(why) = &other {
        // Whatever does not fit besides follows from it.
        (found.problems, found.problem_count) = (vec![why.clone()], 1);
    }
    Ok(Audited {
        state: state.to_owned(),
        import: walk.import.clone(),
        inputs: names,
        names_then,
        found,
        recorded,
        input,
        other,
        letters: of_rows,
        reports,
        letters_behind: matches!(letter_file, LetterFileState::Behind { .. }),
        file,
        deletion: deletes::of_last_feed(state)?,
    })
}

fn in_words(state: &LetterFileState, file: &Path, letters: u64) -> Option<String> {
    let shown = file.display();
    match state {
        LetterFileState::Same | LetterFileState::Behind { .. } => None,
        LetterFileState::Missing if letters == 0 => None,
        LetterFileState::Missing => Some(format!(
            "the dead-letter file `{shown}` is not there, and the ledger holds {letters} dead letters"
        )),
        LetterFileState::Differs { line } => {
            Some(format!("line {line} of `{shown}` is not the dead letter that the ledger holds there"))
        }
        LetterFileState::Short { line } => {
            Some(format!("`{shown}` ends before line {line}, which had been written"))
        }
        LetterFileState::Longer { line } => {
            Some(format!("`{shown}` has something behind line {line}, the last dead letter of the ledger"))
        }
        LetterFileState::Unlike { lost, repeated: 0 } => {
            Some(format!("`{shown}` lacks {lost} of the ledger's dead letters, which had been written"))
        }
        LetterFileState::Unlike { repeated, .. } => Some(format!(
            "`{shown}` has {repeated} of the ledger's dead letters more than once, unless another state of the same \
             import wrote them, too"
        )),
    }
}

/// An error that passes through the ledger's reading.
struct Trouble(Error);

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self(unreadable(&error))
    }
}

/// The input and the dead letters, row by row, as far as the ledger's batches ask for them.
struct Walk<'a> {
    source: Source,
    view: &'a View,
    import: &'a ImportRecord,
    cursor: Option<Cursor>,
    recount: Recount,
    letters: VecDeque<LetterPage>,
    letters_end: bool,
    /// What batches with dead letters went under, for as long as their rows are near.
    keys: HashMap<u64, Option<String>>,
    text: Vec<u8>,
    ended: bool,
    kept: Kept,
}

impl Walk<'_> {
    fn family(&mut self, family: &[BatchPage]) -> Result<(), Error> {
        let until = family.iter().map(|batch| batch.rows.last().0).max().unwrap_or_default();
        if self.keys.len() > 10_000 {
            self.keys.clear();
        }
        let refused = family.iter().filter(|batch| batch.rejected > 0);
        self.keys.extend(refused.map(|batch| (batch.seq, batch.shown.clone())));
        self.read_to(until.saturating_add(1))?;
        self.recount.family(family);
        Ok(())
    }

    /// Reads rows until so many are read, or all that the ledger says were.
    fn read_to(&mut self, rows: u64) -> Result<(), Error> {
        let rows = rows.min(self.cursor.map_or(0, |cursor| cursor.ordinal.0));
        while !self.ended && self.recount.read() < rows {
            let mut text = std::mem::take(&mut self.text);
            text.clear();
            match self.source.next(&mut text).map_err(|error| source_error(&error))? {
                Step::Row { mark, text: range } => self.row(mark, Some(&text[range]))?,
                Step::Bad { mark, .. } => self.row(mark, None)?,
                Step::Idle => {}
                Step::End => self.ended = true,
            }
            self.text = text;
        }
        Ok(())
    }

    fn row(&mut self, mark: Mark, text: Option<&[u8]>) -> Result<(), Error> {
        let letter = self.letter(mark.ordinal.0)?;
        if let Some(letter) = &letter
            && let Some(what) = self.mismatch(letter, &mark, text)
        {
            let name = self.recount.name(&mark);
            self.recount.note(format!("{name}: the dead letter has {what}"));
        }
        if let Some(what) = self.kept.mismatch(&mark, text) {
            let name = self.recount.name(&mark);
            self.recount.note(format!("{name}: the ledger keeps {what}"));
        }
        self.recount.row(
            mark,
            letter.map_or(Refusal::No, |letter| letter.batch.map_or(Refusal::Local, Refusal::Within)),
        );
        Ok(())
    }

    /// The dead letter of this row.
    fn letter(&mut self, ordinal: u64) -> Result<Option<LetterPage>, Error> {
        if self.letters.is_empty() && !self.letters_end {
            let next = self.view.letters_from(self.import.number, ordinal, LETTERS);
            self.letters.extend(next.map_err(|error| unreadable(&error))?);
            self.letters_end = self.letters.len() < LETTERS as usize;
        }
        let is_its = self.letters.front().is_some_and(|letter| letter.ordinal == ordinal);
        Ok(if is_its { self.letters.pop_front() } else { None })
    }

    /// What in a dead letter is not what the input and the ledger have.
    fn mismatch(&mut self, page: &LetterPage, mark: &Mark, text: Option<&[u8]>) -> Option<&'static str> {
        let Ok(letter) = Letter::read(&page.line) else { return Some("a line that cannot be read") };
        let Some(source) = &letter.source else { return Some("no place") };
        let place = mark.place;
        if (source.row, source.line, source.byte) != (place.row, place.line, place.byte)
            || page.bytes != mark.bytes()
                && !self.recount.has_got_its_line_end(mark.ordinal.0, mark.bytes(), page.bytes)
        {
            return Some("another place");
        }
        if letter.import_id.as_deref() != Some(self.import.id.hex().as_str()) {
            return Some("another import's id");
        }
        match (page.batch, &letter.batch) {
            (Some(seq), Some(said))
                if self.keys.get(&seq).is_some_and(|shown| shown.as_ref() != Some(said)) =>
            {
                return Some("another batch's key");
            }
            (None, Some(_)) => return Some("a batch's key, though it was never sent"),
            (Some(_), None) if letter.attempt != Some(0) => {
                return Some("no batch's key, though it was sent");
            }
            _ => {}
        }
        match (text, &letter.row) {
            (Some(text), Some(row)) if !is_same_row(text, row) => Some("another row"),
            (None, Some(_)) => Some("a row, and the input has none there"),
            _ => None,
        }
    }

    /// Reads what no batch asked for, and compares where reading stands with what the ledger says.
    /// `Err` within: the input is not the one that was read, and why.
    fn rest(&mut self, drained: bool) -> Result<Result<InputState, String>, Error> {
        let Some(cursor) = self.cursor else { return Ok(Ok(InputState::default())) };
        self.read_to(u64::MAX)?;
        let read = self.recount.read();
        if read < cursor.ordinal.0 {
            let had = cursor.ordinal.0;
            return Ok(Err(format!(
                "the input ends after row {read} of the import, and {had} rows had been read"
            )));
        }
        let here = self.source.cursor();
        let next = self.source.next(&mut Vec::new());
        let (is_at_end, there) = match &next {
            Ok(Step::Row { mark, .. } | Step::Bad { mark, .. }) => (false, self.source.cursor_before(mark)),
            Ok(Step::End) => (true, self.source.cursor()),
            // What cannot be read on is a later run's business.
            Ok(Step::Idle) | Err(_) => (false, here),
        };
        let same = here.chain == cursor.chain || there.chain == cursor.chain;
        if !same {
            return Ok(Err(format!(
                "the input is not the one that was read: its first {read} rows have another hash"
            )));
        }
        if drained && !is_at_end {
            self.recount
                .note(format!("the input goes on behind row {read} of the import, where it had ended"));
        }
        Ok(Ok(InputState { same: true, drained }))
    }
}

/// Whether the row in a dead letter is the one in the input. Fields of a CSV have the types that they were given,
/// which only the import knew: their texts are compared.
pub(super) fn is_same_row(text: &[u8], row: &RawValue) -> bool {
    if row.get().as_bytes() == text {
        return true;
    }
    let Ok(input) = serde_json::from_slice::<serde_json::Map<String, Value>>(text) else { return false };
    let Ok(sent) = serde_json::from_str::<serde_json::Map<String, Value>>(row.get()) else { return false };
    input.len() == sent.len()
        && input
            .iter()
            .zip(&sent)
            .all(|((name, field), (other, value))| name == other && is_field(field, value))
}

fn is_field(field: &Value, value: &Value) -> bool {
    let (Value::String(field), false) = (field, value.is_string()) else { return field == value };
    // What a typed field became is the reader's business; that it came from this text can be seen of numbers.
    match value {
        Value::Number(number) => {
            let text = field.trim().trim_start_matches('+');
            number.to_string() == text || text.parse().is_ok_and(|text: f64| Some(text) == number.as_f64())
        }
        _ => true,
    }
}

//! Dead letters into the rows of a replay: which are still open, what their rows are by now, and a copy of them, so that
//! the replay goes on with the same rows whatever becomes of the file meanwhile.

use super::letters::{Foreign, of_any};
use super::opening::ledger_error;
use super::origin::Origin;
use super::pieces;
use super::replay_copy::Copying;
pub(super) use super::replay_copy::{COPY, goes_on};
use super::replays::{Fate, Replays, in_order};
use super::unnamed::Known;
use crate::edge::ledger::Replaying;
use crate::edge::source::{ColumnType, Format, Layout, TakenRow, pointer, records, refuse_untyped, retyped};
use crate::error::Error;
use crate::model::{BadRow, Digest, Letter, LetterId};
use crate::report::LeftOut;
use crate::report::groups::Groups;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;

/// What `--type` says, and which of them met a column.
#[derive(Debug)]
pub(super) struct Types<'a> {
    list: &'a [(String, ColumnType)],
    met: RefCell<Vec<bool>>,
}

impl<'a> Types<'a> {
    pub(super) fn of(list: &'a [(String, ColumnType)]) -> Self {
        Self { list, met: RefCell::new(vec![false; list.len()]) }
    }

    /// `before` is what the import said of columns of this row.
    fn apply(
        &self,
        row: Box<RawValue>,
        mut before: Vec<(String, ColumnType)>,
        null: Option<&str>,
        misfit: Option<&str>,
    ) -> Result<Box<RawValue>, BadRow> {
        before.retain(|(column, _)| !self.list.iter().any(|(said, _)| said == column));
        let types = [before.as_slice(), self.list].concat();
        if let Some(field) = misfit {
            refuse_untyped(&row, field, &types)?;
        }
        if types.is_empty() {
            return Ok(row);
        }
        let mut met = vec![false; types.len()];
        let typed = retyped(&row, &types, null, &mut met);
        for (known, met) in self.met.borrow_mut().iter_mut().zip(&met[before.len()..]) {
            *known |= met;
        }
        typed
    }

    /// Those for the columns of a record that is read once more.
    fn among(&self, columns: Option<&[String]>) -> Vec<(String, ColumnType)> {
        let is_there = |name: &String| columns.is_none_or(|columns| columns.contains(name));
        for (met, (name, _)) in self.met.borrow_mut().iter_mut().zip(self.list) {
            *met |= is_there(name);
        }
        self.list.iter().filter(|(name, _)| is_there(name)).cloned().collect()
    }

    /// A slip of the hand is told before anything is sent.
    fn check(&self) -> Result<(), Error> {
        let unmet = self.met.borrow().iter().position(|met| !met);
        unmet.map_or(Ok(()), |at| {
            let name = &self.list[at].0;
            Err(Error::failed(format!("`--type {name}=…`: no row has a field `{name}`"))
                .hint("name it as it stands in the dead letters"))
        })
    }
}

/// What is taken.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    pub(super) file: &'a Path,
    pub(super) origin: Option<&'a Origin>,
    pub(super) replays: &'a Replays,
    /// How records are read that could not be parsed, if that was said.
    pub(super) layout: Option<&'a Layout>,
    pub(super) foreign: Foreign,
    pub(super) types: Types<'a>,
    /// What `--null` says.
    pub(super) null: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
    pub(super) in_doubt: bool,
}

/// A letter whose rows are taken as far as they are open.
struct OpenLetter<'a> {
    known: Known<'a>,
    line: u64,
    /// Of each row: its place in the letter as it was written, its name if it has one, whether a later import has taken it
    /// over, and what the import itself has made of it.
    places: Vec<u64>,
    names: Option<Vec<LetterId>>,
    are_over: Vec<bool>,
    own: Vec<Fate>,
}

impl Intake<'_> {
    /// Copies what is taken to `copy`, notes in the ledger which letter each row was, and says what was left out.
    pub(super) fn copy(&self, book: &mut Replaying<'_>, copy: &Path) -> Result<LeftOut, Error> {
        let mut out = Copying::begin(copy)?;
        let mut left_out = LeftOut::default();
        let newest = self.origin.map(Origin::id);
        let wanted = self.reason.map(|reason| self.wanted(reason, newest.as_deref())).transpose()?;
        self.note_pieces(book, newest.as_deref())?;
        let too_long = of_any(self.file, self.foreign, &mut |given, line| {
            let known = self.replays.known(given)?;
            let letter = &*known.letter;
            let rows = rows(letter, line, self.file)?;
            if self.is_foreign(letter)? {
                left_out.other_states += rows.len() as u64;
                return Ok(());
            }
            let places = known.places();
            let told = places.clone().unwrap_or_else(|| in_order(rows.len() as u64));
            let names = self.replays.names(letter, &told, newest.as_deref())?;
            let are_over = self.replays.are_over(names.as_deref(), rows.len())?;
            let over = are_over.iter().filter(|is_over| **is_over).count();
            left_out.earlier_imports += over as u64;
            let left = (rows.len() - over) as u64;
            if left == 0 {
                return Ok(());
            }
            if wanted.as_ref().is_some_and(|wanted| !wanted(given)) {
                left_out.other_reasons += left;
                return Ok(());
            }
            if letter.is_doubt() && !self.in_doubt {
                left_out.in_doubt += left;
                return Ok(());
            }
            let places = places.ok_or_else(|| guessed(self.file, line))?;
            let own = self.replays.own_fates(letter, &places)?;
            let open = OpenLetter { known, line, places, names, are_over, own };
            self.take(book, &open, rows, (&mut out, &mut left_out))
        })?;
        left_out.too_long = too_long;
        if book.taken() > 0 {
            self.types.check()?;
        }
        out.end()?;
        Ok(left_out)
    }

    /// Takes the rows of a letter that are still open.
    fn take(
        &self,
        book: &mut Replaying<'_>,
        open: &OpenLetter<'_>,
        rows: Vec<Option<Box<RawValue>>>,
        (out, left_out): (&mut Copying<'_>, &mut LeftOut),
    ) -> Result<(), Error> {
        let letter = &*open.known.letter;
        let state = self.origin.map(|origin| origin.first.as_str()).unwrap_or_default();
        for (index, row) in rows.into_iter().enumerate().filter(|(index, _)| !open.are_over[*index]) {
            let said = row.as_ref().map_or_else(|| bytes(letter).into_owned(), |row| row.get().into());
            for taken in self.rows_of(letter, row, open.line) {
                // What stands where another row stood in an earlier replay may be that one, edited, or one behind it.
                if let Some(names) = open.names.as_ref().filter(|_| open.known.is_alone())
                    && pieces::is_of_another(self.replays, names[index], taken.content())?
                {
                    return Err(guessed(self.file, open.line));
                }
                let name = match &open.names {
                    Some(names) if letter.is_doubt() => self.doubt_name(book, open, index, &said)?,
                    Some(names) => self.name(book, letter, names[index], &taken)?,
                    None if open.own[index] != Fate::Open => None,
                    None => Some(nameless(book, state, &said, index as u64)?),
                };
                let Some(name) = name else {
                    match open.own[index] {
                        Fate::Settled => left_out.settled += 1,
                        Fate::Pending => left_out.pending += 1,
                        _ => left_out.repeated += 1,
                    }
                    continue;
                };
                match self.replays.fate(name)? {
                    Fate::Delivered => left_out.delivered += 1,
                    Fate::InDoubt if !self.in_doubt => left_out.in_doubt += 1,
                    fate => {
                        out.write(&taken)?;
                        book.take(name, letter.is_doubt() || fate == Fate::InDoubt)
                            .map_err(|error| ledger_error(&error))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The name of a row of a letter about a whole request. `None` if it is not open, or stands in the file before: but where
    /// the request had several such rows, each line that says so is another one of them.
    fn doubt_name(
        &self,
        book: &Replaying<'_>,
        open: &OpenLetter<'_>,
        index: usize,
        said: &[u8],
    ) -> Result<Option<LetterId>, Error> {
        let letter = &*open.known.letter;
        let see = |name| book.see(name).map_err(|error| ledger_error(&error));
        let name = open.names.as_ref().map(|names| names[index]);
        if let Some(name) = name.filter(|_| open.own[index] == Fate::Open)
            && see(name)?
        {
            return Ok(Some(name));
        }
        let others = open.known.alike(said, &open.places);
        let own = self.replays.own_fates(letter, &others)?;
        let names = self.replays.names(letter, &others, None)?.unwrap_or_default();
        for (name, own) in names.into_iter().zip(own) {
            if own == Fate::Open && !self.replays.is_over(name)? && see(name)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// It is of another state's import, which would hear nothing of its end.
    fn is_foreign(&self, letter: &Letter) -> Result<bool, Error> {
        let (Some(origin), Some(id)) = (self.origin, letter.import_id.as_deref()) else { return Ok(false) };
        Ok(self.replays.writer(id).is_none() && !origin.knows(id).map_err(|error| ledger_error(&error))?)
    }

    /// Notes which letters a person made several rows of.
    fn note_pieces(&self, book: &Replaying<'_>, newest: Option<&str>) -> Result<(), Error> {
        of_any(self.file, self.foreign, &mut |letter, line| {
            if letter.is_doubt() || !pieces::may_be_several(letter) {
                return Ok(());
            }
            let names = self.replays.names(letter, &[0], newest)?.unwrap_or_default();
            for (name, taken) in names.first().into_iter().flat_map(|name| {
                let rows = self.rows_of(letter, letter.row.clone(), line);
                rows.into_iter().map(move |taken| (*name, taken))
            }) {
                book.note_piece(name, name.piece(taken.content())).map_err(|error| ledger_error(&error))?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// `None` for a row that stands in the file before.
    fn name(
        &self,
        book: &Replaying<'_>,
        letter: &Letter,
        name: LetterId,
        taken: &TakenRow,
    ) -> Result<Option<LetterId>, Error> {
        let failed = |error| ledger_error(&error);
        if pieces::may_be_several(letter) && book.is_divided(name).map_err(failed)? {
            return pieces::name(book, self.replays, name, taken);
        }
        Ok(book.see(name).map_err(failed)?.then_some(name))
    }

    /// Which letters `--reason` names: all of a code, or those of one line in the list of `rejects`.
    fn wanted(&self, reason: &str, newest: Option<&str>) -> Result<impl Fn(&Letter) -> bool + use<>, Error> {
        let mut groups = Groups::default();
        of_any(self.file, self.foreign, &mut |letter, _| {
            if !self.replays.is_letter_over(letter, newest)? {
                groups.add(letter);
            }
            Ok(())
        })?;
        super::reasons::fits(reason, groups.sorted())
    }

    /// The row as it is now, or the rows that were made of a record. What still is none is refused again, for the reason
    /// that it has now.
    fn rows_of(&self, letter: &Letter, row: Option<Box<RawValue>>, line: u64) -> Vec<TakenRow> {
        let read = match row {
            Some(row) if row.get().starts_with('{') => vec![self.typed(letter, row)],
            Some(row) => vec![Err(BadRow::new("not_an_object", "`row` is no JSON object", row.get()))],
            None => self.records(letter),
        };
        let taken = |read: Result<_, BadRow>| match read {
            Ok(row) => TakenRow::row(line, one_line(row)),
            Err(bad) => {
                let row = bad.row.map(|row| in_one_line(&row));
                TakenRow::bad(line, BadRow { row, ..bad })
            }
        };
        read.into_iter().map(taken).collect()
    }

    /// The row with its types: of one that some field did not fit, those of its import, too.
    fn typed(&self, letter: &Letter, row: Box<RawValue>) -> Result<Box<RawValue>, BadRow> {
        if !pieces::is_misfit(letter) {
            return self.types.apply(row, Vec::new(), self.null, None);
        }
        let field = letter.error.field.as_deref();
        let layout = self.layout.cloned();
        let layout =
            layout.or_else(|| self.origin.and_then(|origin| origin.reading(letter)).map(|(it, _)| it));
        let Some(Layout { mut types, null, .. }) = layout else {
            return self.types.apply(row, Vec::new(), self.null, field);
        };
        // Of columns of JSON a string may be a value, and only the one that is named is none.
        types.retain(|(column, kind)| *kind != ColumnType::Json || Some(&*pointer(column)) == field);
        self.types.apply(row, types, self.null.or(null.as_deref()), field)
    }

    /// What could not be parsed, read once more.
    fn records(&self, letter: &Letter) -> Vec<Result<Box<RawValue>, BadRow>> {
        let record = bytes(letter);
        let typed = self.layout.map(|layout| (layout.clone(), None));
        let reading = typed.or_else(|| self.origin.and_then(|origin| origin.reading(letter)));
        let bad = |message: &str| {
            let code = if letter.error.code.is_empty() { "not_a_row".into() } else { code(letter) };
            BadRow::new(code, message, record.as_ref())
        };
        let read = |(layout, columns): &(Layout, Option<Vec<String>>)| {
            let mut layout = layout.clone();
            layout.types.extend(self.types.among(columns.as_deref().or(layout.columns.as_deref())));
            layout.null = self.null.map(str::to_owned).or(layout.null);
            records(&record, &layout, columns.as_deref())
        };
        let mut tried = reading.as_ref().and_then(read);
        let is_read = |tried: &Option<Vec<Result<_, _>>>| {
            tried.as_ref().is_some_and(|records| records.iter().all(Result::is_ok))
        };
        if !is_read(&tried) && record.trim_ascii_start().starts_with(b"{") {
            // A person may have written the row as JSON.
            let json = records(&record, &Layout::new(Format::Ndjson), None);
            tried = if reading.is_none() || is_read(&json) { json } else { tried };
        }
        match tried {
            Some(read) => read,
            None if reading.is_none() => {
                vec![Err(bad("nobody knows its columns: say --columns, or put the row as JSON into `row`"))]
            }
            None => vec![Err(bad("it is no record"))],
        }
    }
}

fn code(letter: &Letter) -> Cow<'static, str> {
    letter.error.code.clone().into()
}

/// The record as it was, or as a person repaired it.
fn bytes(letter: &Letter) -> Cow<'_, [u8]> {
    let raw = letter.raw.as_deref().unwrap_or_default();
    let before = letter.raw_hex.as_deref().and_then(Digest::bytes_of);
    match before {
        Some(before) if String::from_utf8_lossy(&before) == raw => Cow::Owned(before),
        _ => Cow::Borrowed(raw.as_bytes()),
    }
}

/// The rows that a letter speaks of; `None` for a record that could not be parsed.
fn rows(letter: &Letter, line: u64, file: &Path) -> Result<Vec<Option<Box<RawValue>>>, Error> {
    let Some(rows) = &letter.rows else { return Ok(vec![letter.row.clone()]) };
    let list: Vec<Box<RawValue>> = serde_json::from_str(rows.get()).map_err(|_| {
        Error::failed(format!("`{}` line {line} is no dead letter: `rows` is no array", file.display()))
    })?;
    Ok(list.into_iter().map(Some).collect())
}

/// It may only be sent as what it is: else one row goes twice in the end, and another never.
fn guessed(file: &Path, line: u64) -> Error {
    Error::failed(format!("{}; nothing was sent", in_words(file, line))).hint(TO_BE_TOLD)
}

/// What is wrong with such a letter.
pub(super) fn in_words(file: &Path, line: u64) -> String {
    format!("`{}` line {line}: which of the request's rows it has cannot be told any more", file.display())
}

/// How letters are edited so that they can be told.
pub(super) const TO_BE_TOLD: &str = "take whole rows out of `rows` and leave the others as they were, or edit rows where they \
                                     stand and leave all of them in it; `bulkhaul rejects STATE --export ndjson` has it as \
                                     it was";

/// A name for a row that does not say where it stood.
fn nameless(book: &Replaying<'_>, state: &str, content: &[u8], index: u64) -> Result<LetterId, Error> {
    for before in 0.. {
        let name = LetterId::of_content(state, content, index, before);
        if book.see(name).map_err(|error| ledger_error(&error))? {
            return Ok(name);
        }
    }
    unreachable!("there is no end of numbers")
}

/// Within JSON, line ends mean nothing.
fn in_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn one_line(row: Box<RawValue>) -> Box<RawValue> {
    if !row.get().contains(['\n', '\r']) {
        return row;
    }
    RawValue::from_string(in_one_line(row.get())).unwrap_or(row)
}

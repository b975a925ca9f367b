//! Readers: `[results.N]`, how the entries of an answer become verdicts on rows.
//!
//! Nothing is guessed: an entry that belongs to no row, a row named twice, a count that does not agree, or a
//! row that nobody speaks of where everybody should, and the whole answer does not fit.

use super::called::Calling;
use super::errors::Spot;
use super::listing::{csv_rows, lines};
use super::matching::{Matching, Owners};
use super::pointer::Pointer;
use super::raw;
use super::rule::{When, pointer_at};
use super::scrub::clean;
use super::section::Section;
use super::selector::Selector;
use super::sheet::{Sheet, rank, unlisted};
use super::slot::RowNaming;
use super::wording::Wording;
use crate::model::{Load, Rejection, RowVerdict, Verdicts};
use std::borrow::Cow;
use std::time::Duration;

/// How the list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    List,
    Object,
    Lines,
    Scalars,
    /// A table with a line of names: an entry is a row, its cells are texts.
    Csv,
    /// Prose: the whole body is one entry.
    Text,
}

/// Which rows the entries speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covers {
    All,
    Failed,
    Ok,
    Unprocessed,
}

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ok,
    Exists,
    Retry,
    Reject,
    Collateral,
    InDoubt,
}

const WORDS: [(&str, Word); 7] = [
    ("ok", Word::Ok),
    ("duplicate", Word::Ok),
    ("exists", Word::Exists),
    ("retry", Word::Retry),
    ("reject", Word::Reject),
    ("collateral", Word::Collateral),
    ("in_doubt", Word::InDoubt),
];

const FORMS: [(&str, Form); 6] = [
    ("list", Form::List),
    ("object", Form::Object),
    ("ndjson", Form::Lines),
    ("scalars", Form::Scalars),
    ("csv", Form::Csv),
    ("text", Form::Text),
];

const COVERS: [(&str, Covers); 4] = [
    ("all", Covers::All),
    ("failed", Covers::Failed),
    ("ok", Covers::Ok),
    ("unprocessed", Covers::Unprocessed),
];

const UNLISTED: [(&str, Word); 3] =
    [("ok", Word::Ok), ("resend", Word::Collateral), ("in_doubt", Word::InDoubt)];

#[derive(Clone, Debug)]
struct EntryRule {
    when: When,
    then: Word,
    wait: Option<Duration>,
    spot: Spot,
}

/// A compiled reader.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) from: Option<Selector>,
    form: Form,
    pub(super) per_item: bool,
    matching: Option<Matching>,
    pub(super) covers: Covers,
    pub(super) unlisted: Word,
    before: Option<Word>,
    after: Option<Word>,
    default: Word,
    /// Nobody said what an entry means that no rule reads, and it is a refusal.
    pub(super) refuses_unsaid: bool,
    rules: Vec<EntryRule>,
    pub(super) cap: Option<usize>,
    pub(super) count_ok: Option<Pointer>,
    pub(super) count_failed: Option<Pointer>,
    skip_if: Option<When>,
    pub(super) also: Vec<String>,
    pub(super) spot: Spot,
    code: Option<Wording>,
    message: Option<Wording>,
    field: Option<Wording>,
    id: Option<Pointer>,
}

/// What a reader is told beside the answer.
pub(super) struct Reading<'a> {
    pub(super) load: &'a Load,
    pub(super) status: u16,
    /// Items that a row becomes.
    pub(super) items: usize,
    pub(super) naming: &'a RowNaming,
    pub(super) secrets: &'a [String],
}

/// A reader with what it reads: as many texts as there are pages, all JSON.
pub(super) struct Source<'a> {
    pub(super) reader: &'a Reader,
    pub(super) texts: Vec<Cow<'a, str>>,
}

impl Reader {
    pub(super) fn read(section: Section<'_>, naming: &RowNaming) -> Self {
        let from = Selector::read(&section, "from");
        let form = section.word("as", &FORMS).unwrap_or(Form::List);
        let covers = section.word("covers", &COVERS).unwrap_or(Covers::All);
        let default = match covers {
            Covers::All | Covers::Failed => Word::Reject,
            Covers::Ok => Word::Ok,
            Covers::Unprocessed => Word::Collateral,
        };
        let matching = section.section("match").and_then(|table| Matching::read(table, form, naming));
        if from.is_some() && matching.is_none() && !section.has("match") {
            section.wrong("from", "the reader does not say how entries find their rows", "add `match`");
        }
        let when = |table: Section<'_>| {
            let when = When::read(&table, false);
            table.done();
            when
        };
        let rules = section.sections("rule").into_iter().map(|rule| {
            let read = EntryRule {
                when: rule.section("when").map(when).unwrap_or_default(),
                then: rule.word("then", &WORDS).unwrap_or(Word::Reject),
                wait: rule.duration("wait"),
                spot: rule.spot.clone(),
            };
            rule.done();
            read
        });
        let rules: Vec<EntryRule> = rules.collect();
        let refuses_unsaid = covers == Covers::All
            && !section.has("default")
            && matching.is_some()
            && !rules.iter().any(|rule| rule.then == Word::Reject);
        let reader = Self {
            rules,
            refuses_unsaid,
            spot: section.spot.clone(),
            from,
            form,
            per_item: section.word("unit", &[("row", false), ("item", true)]).unwrap_or(false),
            matching,
            covers,
            unlisted: section.word("unlisted", &UNLISTED).unwrap_or(Word::InDoubt),
            before: section.word("unlisted_before", &UNLISTED),
            after: section.word("unlisted_after", &UNLISTED),
            default: section.word("default", &WORDS).unwrap_or(default),
            cap: section.count("cap", 1).and_then(|cap| usize::try_from(cap).ok()),
            count_ok: pointer_at(&section, "count_ok"),
            count_failed: pointer_at(&section, "count_failed"),
            skip_if: section.section("skip_if").map(when),
            also: section.texts("also").into_iter().map(|(name, _)| name.to_owned()).collect(),
            code: Wording::read(&section, "code"),
            message: Wording::read(&section, "message"),
            field: Wording::read(&section, "field"),
            id: pointer_at(&section, "id"),
        };
        section.done();
        reader
    }

    /// The conditions of its rules, and where these stand.
    pub(super) fn conditions(&self) -> Vec<(&When, &Spot)> {
        self.rules.iter().map(|rule| (&rule.when, &rule.spot)).collect()
    }

    pub(super) fn also(&self) -> impl Iterator<Item = &str> {
        self.also.iter().map(String::as_str)
    }

    /// What its entries call rows, if that is something of the rows' own.
    pub(super) fn calling(&self) -> Option<&Calling> {
        self.matching.as_ref()?.calling()
    }

    /// The body as one JSON value; lines and tables as a list, prose as a text. None if it cannot be read.
    pub(super) fn text<'a>(&self, body: &'a [u8]) -> Option<Cow<'a, str>> {
        match self.form {
            Form::Lines => lines(body).map(Cow::Owned),
            Form::Csv => csv_rows(body).map(Cow::Owned),
            Form::Text => Some(serde_json::Value::from(String::from_utf8_lossy(body)).to_string().into()),
            Form::List | Form::Object | Form::Scalars => raw::checked(body).map(Cow::Borrowed),
        }
    }

    /// The verdicts on a load, or why the answer does not fit it. The first source is this reader's own. What is
    /// counted stands in `told`, or else where the entries do.
    pub(super) fn verdicts(
        &self,
        sources: &[Source<'_>],
        told: Option<&str>,
        reading: &Reading<'_>,
    ) -> Result<Verdicts, String> {
        let own = sources.first().and_then(|source| source.texts.first());
        let json = told.or(own.map(AsRef::as_ref)).unwrap_or("null");
        if self.skip_if.as_ref().is_some_and(|when| when.fits_json(json)) && self.is_whole(json, reading) {
            return Ok(Verdicts::delivered());
        }
        let rows = reading.load.len();
        let mut sheet = Sheet::of(rows);
        for source in sources {
            source.reader.fill(&source.texts, reading, &mut sheet)?;
        }
        if reading.status >= 400 && self.from.is_some() && sheet.rows.iter().all(Option::is_none) {
            return Err("it is a refusal, and names no row".to_owned());
        }
        let Some(failed) = self.unnamed(json, reading, &sheet)? else {
            return self.close(sheet);
        };
        let mut verdicts = self.close(sheet)?;
        let refusal = self.refusal(json, reading);
        if failed as usize == rows {
            verdicts = Verdicts::all(RowVerdict::Rejected(refusal));
        } else {
            verdicts.unnamed_refusals = Some((failed, refusal));
        }
        Ok(verdicts)
    }

    /// Whether an answer that says in one word that all rows were taken has as many entries as it should, if any.
    fn is_whole(&self, json: &str, reading: &Reading<'_>) -> bool {
        let units = if self.per_item { reading.items } else { 1 };
        let list = self.from.as_ref().and_then(|from| from.find(json, self.form == Form::Object));
        let entries = list.as_deref().and_then(|list| self.entries(list)).map(|entries| entries.len());
        reading.status < 400
            && (self.covers != Covers::All || entries.is_none_or(|n| n == reading.load.len() * units))
    }

    fn fill(&self, texts: &[Cow<'_, str>], reading: &Reading<'_>, sheet: &mut Sheet) -> Result<(), String> {
        let (Some(from), Some(matching)) = (&self.from, &self.matching) else { return Ok(()) };
        if texts.is_empty() {
            return Ok(());
        }
        let mut lists = Vec::with_capacity(texts.len());
        for json in texts {
            let list = from.find(json, self.form == Form::Object);
            lists.push(list.ok_or_else(|| format!("there is nothing at {}", from.shown()))?);
        }
        let mut entries = Vec::new();
        for list in &lists {
            let no_list = || format!("what stands at {} is no list", from.shown());
            entries.extend(self.entries(list).ok_or_else(no_list)?);
        }
        let owners = Owners::new(matching, reading, self.per_item);
        if self.covers != Covers::Failed && matching.is_positional() {
            owners.check_count(entries.len(), self.unlisted == Word::Collateral)?;
        }
        let positional = owners.falls_back(&entries)?;
        for (at, (name, entry)) in entries.iter().enumerate() {
            let named = if positional { vec![at] } else { owners.of(at, name, entry)? };
            for row in named {
                let index = u32::try_from(row).unwrap_or(u32::MAX);
                let verdict = self.verdict(entry, reading);
                sheet.is_read |= !matches!(verdict, RowVerdict::InDoubt(_)) || self.rule_of(entry).is_some();
                let taken = verdict == RowVerdict::Delivered;
                let slot = sheet.rows.get_mut(row).ok_or("it names a row that was not sent")?;
                match slot {
                    None => *slot = Some(verdict),
                    Some(known) if self.per_item => {
                        if rank(&verdict) > rank(known) {
                            *slot = Some(verdict);
                        }
                    }
                    Some(known)
                        if self.covers == Covers::Failed && taken != (*known == RowVerdict::Delivered) =>
                    {
                        return Err(format!("it names row {} as taken and as refused", row + 1));
                    }
                    Some(_) if self.covers == Covers::Failed => continue,
                    Some(_) => return Err(format!("it names row {} twice", row + 1)),
                }
                let id = self.id.as_ref().filter(|_| taken);
                let id = id.and_then(|at| at.find(entry)).and_then(raw::scalar);
                if let Some(id) = id {
                    sheet.ids.push((index, clean(&id, reading.secrets)));
                }
            }
        }
        if self.cap.is_some_and(|cap| entries.len() >= cap) {
            for slot in sheet.rows.iter_mut().filter(|slot| slot.is_none()) {
                *slot = Some(RowVerdict::InDoubt("the list of failures was full".into()));
            }
        }
        Ok(())
    }

    fn entries<'a>(&self, list: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        match self.form {
            Form::Object => raw::members(list).map(Iterator::collect),
            // An object, where a list could stand, is a list of one.
            Form::List if list.starts_with('{') => Some(vec![("", list)]),
            Form::Text => Some(vec![("", list)]),
            Form::List | Form::Scalars | Form::Lines | Form::Csv => {
                raw::elements(list).map(|list| list.map(|entry| ("", entry)).collect())
            }
        }
    }

    fn rule_of(&self, entry: &str) -> Option<&EntryRule> {
        self.rules.iter().find(|rule| rule.when.fits_entry(entry))
    }

    fn verdict(&self, entry: &str, reading: &Reading<'_>) -> RowVerdict {
        let rule = self.rule_of(entry);
        match rule.map_or(self.default, |rule| rule.then) {
            Word::Ok => RowVerdict::Delivered,
            Word::Exists => RowVerdict::Exists(self.refusal(entry, reading)),
            Word::Reject => RowVerdict::Rejected(self.refusal(entry, reading)),
            Word::Collateral => RowVerdict::Resend,
            Word::InDoubt => RowVerdict::InDoubt(
                match self.message.as_ref().and_then(|message| message.of_entry(entry, reading.secrets)) {
                    None if rule.is_none() => {
                        format!("no rule of the profile reads the entry {}", clean(entry, reading.secrets))
                    }
                    message => message.unwrap_or_else(|| self.refusal(entry, reading).message),
                },
            ),
            Word::Retry => RowVerdict::Retry {
                wait: rule.and_then(|rule| rule.wait),
                refusal: self.refusal(entry, reading),
            },
        }
    }

    fn refusal(&self, entry: &str, reading: &Reading<'_>) -> Rejection {
        let text = raw::string(entry).unwrap_or(entry.into());
        let word = |wording: &Option<Wording>| wording.as_ref()?.of_entry(entry, reading.secrets);
        Rejection {
            code: word(&self.code).unwrap_or_else(|| "rejected".to_owned()),
            message: word(&self.message).unwrap_or_else(|| clean(&text, reading.secrets)),
            status: Some(reading.status),
            field: word(&self.field),
        }
    }

    /// Rows that nobody spoke of get their word, and the sheet becomes verdicts.
    fn close(&self, sheet: Sheet) -> Result<Verdicts, String> {
        let listed = |verdict: &Option<RowVerdict>| verdict.is_some();
        // Where no row is listed, none stands before or behind one.
        let first = sheet.rows.iter().position(listed);
        let mut verdicts = Verdicts::all(unlisted(self.unlisted));
        let missing = sheet.rows.iter().filter(|verdict| verdict.is_none()).count();
        if self.covers == Covers::All && missing > 0 && self.unlisted == Word::InDoubt {
            return Err(format!("it says nothing of {missing} of {} rows", sheet.rows.len()));
        }
        if missing == 0 {
            verdicts.others = RowVerdict::Delivered;
        }
        for (row, verdict) in sheet.rows.into_iter().enumerate() {
            let word = first.and_then(|first| if row < first { self.before } else { self.after });
            let verdict = verdict.or_else(|| word.map(unlisted));
            if let Some(verdict) = verdict
                && verdict != verdicts.others
            {
                verdicts.listed.push((u32::try_from(row).unwrap_or(u32::MAX), verdict));
            }
        }
        let is_doubt = |verdict: &RowVerdict| matches!(verdict, RowVerdict::InDoubt(_));
        let doubts =
            verdicts.listed.iter().map(|(_, verdict)| verdict).chain([&verdicts.others]).any(is_doubt);
        verdicts.unread = doubts && !sheet.is_read;
        verdicts.ids = sheet.ids;
        verdicts.ids.sort();
        verdicts.ids.dedup_by_key(|(index, _)| *index);
        Ok(verdicts)
    }
}

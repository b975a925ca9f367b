//! How an entry of an answer finds its row: by position, index, id, key, pointer into the request, or prose.
//!
//! An entry that finds no row is never dropped in silence.

use super::called::{Calling, joined};
use super::pointer::Pointer;
use super::raw;
use super::reader::{Form, Reading};
use super::rule::{pointer, pointer_at, regex};
use super::section::Section;
use super::slot::{RowContext, RowNaming};
use crate::model::{Digest, ImportId};
use regex::Regex;
use std::borrow::Cow;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Position,
    Index,
    Id,
    Key,
    Pointer,
    Regex,
    /// The entry repeats the row.
    Echo,
}

/// A compiled `match`.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    by: By,
    at: Option<Pointer>,
    base: u64,
    row: Option<Calling>,
    pattern: Option<Regex>,
    prefix: Option<String>,
    /// Rows without an id are matched by their position.
    missing_by_position: bool,
}

impl Matching {
    pub(super) fn read(section: Section<'_>, form: Form, naming: &RowNaming) -> Option<Self> {
        let kinds = [
            ("position", By::Position),
            ("index", By::Index),
            ("id", By::Id),
            ("key", By::Key),
            ("pointer", By::Pointer),
            ("regex", By::Regex),
            ("echo", By::Echo),
        ];
        let by = section.word("by", &kinds);
        let matching = Self {
            by: by.unwrap_or(By::Position),
            at: pointer_at(&section, "at"),
            base: section.count("base", 0).unwrap_or(0),
            row: section.text("row").and_then(|text| Calling::read(text, &section, naming)),
            pattern: section.text("pattern").and_then(|p| regex(p, &section, &section.spot_of("pattern"))),
            prefix: section.text("prefix").map(str::to_owned),
            missing_by_position: section.word("missing", &[("position", true)]).unwrap_or(false),
        };
        let fields = echoed(&section);
        let mut matching = matching;
        if matching.by == By::Echo {
            matching.row = Some(Calling::Fields(fields));
        }
        let lack = |key: &str, remedy: &str| {
            section.wrong("by", format!("`match` needs `{key}` here"), remedy);
        };
        match matching.by {
            By::Index | By::Id | By::Pointer if matching.at.is_none() && form != Form::Scalars => {
                lack("at", "say where it stands in an entry: at = \"/id\"");
            }
            By::Echo if matches!(&matching.row, Some(Calling::Fields(fields)) if fields.is_empty()) => {
                lack("fields", "name what tells rows apart: fields = [\"/id\"]");
            }
            By::Id if matching.row.is_none() => lack("row", "say where it stands in a row: row = \"/id\""),
            By::Key if form != Form::Object => {
                lack("as = \"object\"", "keys are the names of an object's members");
            }
            By::Regex => {
                let groups: Vec<&str> =
                    matching.pattern.iter().flat_map(|regex| regex.capture_names().flatten()).collect();
                if matching.pattern.is_some() && !groups.iter().any(|group| ["index", "id"].contains(group)) {
                    lack("pattern", "with a group named index or id: 'Item (?<index>\\d+)'");
                } else if matching.pattern.is_none() && !section.has("pattern") {
                    lack("pattern", "as in pattern = 'Item (?<index>\\d+)'");
                } else if groups.contains(&"id") && matching.row.is_none() {
                    lack("row", "say where the id stands in a row: row = \"/id\"");
                }
            }
            _ => {}
        }
        let word = kinds.iter().find(|(_, kind)| Some(*kind) == by).map_or("", |(word, _)| word);
        matching.check_unused(&section, by, word);
        section.done();
        by.map(|_| matching)
    }

    /// What is said and does nothing in this way of matching was meant to do something.
    fn check_unused(&self, section: &Section<'_>, by: Option<By>, word: &str) {
        let of_id = self.pattern.iter().flat_map(Regex::capture_names).flatten().any(|group| group == "id");
        let takes: &[&str] = match by {
            None => return,
            Some(By::Position) => &[],
            Some(By::Index | By::Pointer) => &["at", "base", "prefix"],
            Some(By::Id) => &["at", "row", "prefix", "missing"],
            Some(By::Key) => &["row", "base", "prefix"],
            Some(By::Regex) if of_id || self.pattern.is_none() => &["at", "row", "base", "pattern"],
            Some(By::Regex) => &["at", "base", "pattern"],
            Some(By::Echo) => &["at", "fields"],
        };
        let keys = ["at", "base", "row", "pattern", "prefix", "fields", "missing"];
        for key in keys.into_iter().filter(|key| section.has(key) && !takes.contains(key)) {
            section.wrong(key, format!("`{key}` does nothing with by = \"{word}\""), "take it out");
        }
    }

    pub(super) fn is_positional(&self) -> bool {
        self.by == By::Position
    }

    /// What entries call rows, if that is something of the rows' own.
    pub(super) fn calling(&self) -> Option<&Calling> {
        self.row.as_ref()
    }
}

/// `fields` of an echo: pointers, or names of fields.
fn echoed(section: &Section<'_>) -> Vec<Pointer> {
    let texts = section.texts("fields").into_iter();
    let pointers = texts.filter_map(|(text, _)| {
        let name = || format!("/{}", text.replace('~', "~0").replace('/', "~1"));
        pointer(&if text.starts_with('/') { text.to_owned() } else { name() }, section, "fields")
    });
    pointers.collect()
}

/// The rows of a load, by what entries call them.
pub(super) struct Owners<'a> {
    matching: &'a Matching,
    rows: usize,
    /// Rows that one index counts: items of a row, if entries are items.
    items: usize,
    /// None where several rows have one id: an entry that names it is about nobody knows which.
    ids: HashMap<Cow<'a, str>, Option<usize>>,
    nameless: usize,
}

impl<'a> Owners<'a> {
    pub(super) fn new(matching: &'a Matching, reading: &Reading<'a>, per_item: bool) -> Self {
        let rows = reading.load.len();
        let mut owners = Self {
            matching,
            rows,
            items: if per_item { reading.items } else { 1 },
            ids: HashMap::new(),
            nameless: 0,
        };
        if let Some(calling) = &matching.row {
            owners.ids.reserve(rows);
            let import = ImportId(Digest([0; 32]));
            for row in 0..rows {
                let index = u32::try_from(row).unwrap_or(u32::MAX);
                let (ordinal, text) = (reading.load.mark(row).ordinal, reading.load.text(row));
                let context = RowContext { ordinal, text, index, import };
                match calling.of(&context, reading.naming) {
                    Some(id) => {
                        owners.ids.entry(id).and_modify(|known| *known = None).or_insert(Some(row));
                    }
                    None => owners.nameless += 1,
                }
            }
        }
        owners
    }

    /// One entry for each row or item, or fewer where the rest goes again.
    pub(super) fn check_count(&self, entries: usize, fewer: bool) -> Result<(), String> {
        let wanted = self.rows * self.items;
        if entries == wanted || (fewer && entries < wanted) {
            return Ok(());
        }
        Err(format!(
            "it has {entries} results for {wanted} {}",
            if self.items > 1 { "items" } else { "rows" }
        ))
    }

    /// Whether this answer is read by position, since rows have no id. Then every row has its entry, and an
    /// entry that names a row stands at that row's place.
    pub(super) fn falls_back(&self, entries: &[(&str, &str)]) -> Result<bool, String> {
        if self.nameless == 0 || !self.matching.missing_by_position {
            return Ok(false);
        }
        if entries.len() != self.rows {
            return Err(format!(
                "it has {} results for {} rows, and not all rows have ids",
                entries.len(),
                self.rows
            ));
        }
        if self.ids.values().any(Option::is_none) {
            return Err("not all rows have ids, and several have the same".to_owned());
        }
        let mut met = 0;
        for (at, (_, entry)) in entries.iter().enumerate() {
            let named =
                self.text_at(entry).and_then(|id| self.ids.get(self.stripped(&id)).copied().flatten());
            if named.is_some_and(|row| row != at) {
                return Err("not all rows have ids, and the results are in another order".to_owned());
            }
            met += usize::from(named.is_some());
        }
        if met != self.ids.len() {
            return Err("it does not name every row that has an id".to_owned());
        }
        Ok(true)
    }

    fn text_at<'e>(&self, entry: &'e str) -> Option<Cow<'e, str>> {
        match &self.matching.at {
            Some(at) => at.find(entry).and_then(raw::scalar),
            None => raw::scalar(entry),
        }
    }

    /// The rows that an entry speaks of.
    pub(super) fn of(&self, position: usize, name: &str, entry: &str) -> Result<Vec<usize>, String> {
        let one = |found: Result<usize, String>| found.map(|row| vec![row]);
        let text =
            || self.text_at(entry).ok_or_else(|| "an entry does not say which row it is about".to_owned());
        match self.matching.by {
            By::Position => Ok(vec![position / self.items]),
            By::Index => self.each(entry, |text| self.index(text)),
            By::Id => self.each(entry, |text| self.id(text)),
            By::Key => {
                let name = raw::string(&format!("\"{name}\"")).map_or(name.to_owned(), Cow::into_owned);
                let name = self.stripped(&name);
                one(match self.matching.row {
                    Some(_) => self.id(name),
                    // A path into the request, as in `3.email`.
                    None => self.index(name.split('.').next().unwrap_or_default()),
                })
            }
            By::Pointer => {
                let text = text()?;
                let first =
                    self.stripped(&text).trim_start_matches('/').split('/').next().unwrap_or_default();
                one(self.index(first))
            }
            By::Regex => self.prose(entry),
            By::Echo => one(self.echo(entry)),
        }
    }

    /// The row that an entry names, or rows, where it names them in a list.
    fn each(&self, entry: &str, row: impl Fn(&str) -> Result<usize, String>) -> Result<Vec<usize>, String> {
        let nameless = || "an entry does not say which row it is about".to_owned();
        let value = match &self.matching.at {
            Some(at) => at.find(entry).ok_or_else(nameless)?,
            None => entry,
        };
        let named = match raw::elements(value) {
            Some(list) => list.map(raw::scalar).collect::<Option<Vec<_>>>(),
            None => raw::scalar(value).map(|text| vec![text]),
        };
        let rows: Vec<usize> = named
            .ok_or_else(nameless)?
            .iter()
            .map(|text| row(self.stripped(text)))
            .collect::<Result<_, _>>()?;
        if rows.is_empty() { Err(nameless()) } else { Ok(rows) }
    }

    fn stripped<'t>(&self, text: &'t str) -> &'t str {
        self.matching.prefix.as_deref().and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
    }

    fn index(&self, text: &str) -> Result<usize, String> {
        let row = text.parse::<u64>().ok().and_then(|n| n.checked_sub(self.matching.base));
        let row = row.and_then(|row| usize::try_from(row).ok()).map(|row| row / self.items);
        row.filter(|row| *row < self.rows)
            .ok_or_else(|| format!("it speaks of index {}, which was not sent", super::scrub::cap(text, 40)))
    }

    fn id(&self, text: &str) -> Result<usize, String> {
        let fault = |why| format!("it speaks of id `{}`, which {why}", super::scrub::cap(text, 60));
        self.ids.get(text).ok_or_else(|| fault("was not sent"))?.ok_or_else(|| fault("several rows have"))
    }

    fn echo(&self, entry: &str) -> Result<usize, String> {
        let echoed = match &self.matching.at {
            Some(at) => at.find(entry),
            None => Some(entry),
        };
        let Some(Calling::Fields(fields)) = &self.matching.row else {
            return Err("nothing says what tells rows apart".to_owned());
        };
        let id = echoed.and_then(|echoed| joined(fields, echoed));
        let id = id.ok_or("an entry does not repeat the fields that tell rows apart")?;
        let row = self.ids.get(id.as_str()).ok_or("it repeats a row that was not sent")?;
        row.ok_or_else(|| "it repeats what several rows have".to_owned())
    }

    fn prose(&self, entry: &str) -> Result<Vec<usize>, String> {
        let text = match &self.matching.at {
            Some(at) => at.find(entry).map(|value| raw::scalar(value).unwrap_or(value.into())),
            None => Some(raw::scalar(entry).unwrap_or(entry.into())),
        };
        let (Some(text), Some(regex)) = (text, &self.matching.pattern) else {
            return Err("the text that names the row is not there".to_owned());
        };
        let mut rows = Vec::new();
        for found in regex.captures_iter(&text) {
            if let Some(index) = found.name("index") {
                rows.push(self.index(index.as_str())?);
            } else if let Some(id) = found.name("id") {
                rows.push(self.id(id.as_str())?);
            }
        }
        if rows.is_empty() { Err("its text names no row".to_owned()) } else { Ok(rows) }
    }
}

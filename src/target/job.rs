//! `[job]`: work that the target took on, how it is asked about, and what its end means.
//!
//! A job is polled at the target's own origin, or not at all: our credentials go nowhere else.

use super::errors::{Spot, nearest};
use super::fetch::Fetch;
use super::params::Params;
use super::place::Place;
use super::placeholder::Seat;
use super::pointer::Pointer;
use super::rule::{When, pointer};
use super::section::Section;
use super::slot::{FieldSet, RowNaming};
use super::text::TextTemplate;
use super::wording::Wording;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a job's end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndThen {
    Ok,
    Results,
    Reject,
    Retry,
    Bisect,
    InDoubt,
    Abort,
}

/// An end of a job: rules for what its answer may say, and what holds otherwise.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) rules: Vec<(When, End)>,
    pub(super) otherwise: End,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) then: EndThen,
    pub(super) reader: Option<String>,
    pub(super) code: Option<Wording>,
    pub(super) message: Option<Wording>,
    /// What is fetched before its results are read.
    pub(super) fetch: Vec<String>,
    spot: Spot,
}

/// When a job is asked about, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polling {
    pub every: Duration,
    /// What the wait is multiplied with each time.
    pub backoff: f64,
    pub every_max: Duration,
    /// After this long it is no longer asked about.
    pub deadline: Option<Duration>,
    /// For this long after its acceptance it may be unknown.
    pub grace: Duration,
    /// For this long the target remembers a job; after it, one that has not ended is as good as unknown.
    pub retention: Option<Duration>,
}

/// A compiled `[job]`.
#[derive(Clone, Debug)]
pub(super) struct JobWay {
    /// Where it begins, and where it says what names the job.
    pub(super) spots: (Spot, Spot),
    pub(super) id: Option<Place>,
    pub(super) url_from: Option<Place>,
    pub(super) method: String,
    pub(super) url: Option<TextTemplate>,
    pub(super) headers: Vec<(String, TextTemplate)>,
    /// Of several places the first that there is.
    pub(super) state: Vec<Pointer>,
    pub(super) polling: Polling,
    pub(super) ends: BTreeMap<String, Ends>,
    pub(super) fetches: Vec<Fetch>,
}

impl JobWay {
    pub(super) fn read(root: &Section<'_>, params: &Params<'_>, naming: &RowNaming) -> Option<Self> {
        let section = root.section("job")?;
        let mut fields = FieldSet::default();
        let mut template = |text: &str, key: &str| {
            let pieces = params.demand(text, Seat::Job, &section.spot_of(key));
            TextTemplate::of(pieces, naming.key.as_ref(), &mut fields)
        };
        let url = section.text("url").map(|text| template(text, "url"));
        let headers = section.headers(|text| template(text, "headers"));
        let states = section.one_or_more("state").into_iter();
        let state: Vec<Pointer> = states.filter_map(|text| pointer(text, &section, "state")).collect();
        if state.is_empty() && !section.has("state") {
            section.wrong(
                "state",
                "[job] needs `state`",
                "say where a poll's answer tells how the job stands",
            );
        }
        let second = Duration::from_secs(1);
        let every = section.duration("every").unwrap_or(2 * second);
        let way = Self {
            spots: (section.spot.clone(), section.spot_of("id")),
            id: Place::read(&section, "id"),
            url_from: Place::read(&section, "url_from"),
            method: section.method("GET").to_owned(),
            url,
            headers,
            state,
            polling: Polling {
                every,
                backoff: section.decimal("backoff").unwrap_or(1.5).clamp(1.0, 10.0),
                every_max: section.duration("every_max").unwrap_or(30 * second).max(every),
                deadline: section.duration("deadline"),
                grace: section.duration("grace").unwrap_or(10 * second),
                retention: section.duration("retention"),
            },
            ends: ends(&section),
            fetches: Fetch::read(&section, params, naming),
        };
        way.check_fetches(&section);
        match (&way.id, &way.url_from, &way.url) {
            (Some(_), None, Some(_)) | (None, Some(_), None) => {}
            (None, None, Some(_)) if section.text("url").is_some_and(|url| url.contains("${step.")) => {}
            _ => section.wrong("id", "[job] needs `id` and `url`, or `url_from`", "and not both"),
        }
        if way.ends.is_empty() {
            section.wrong(
                "end",
                "[job] has no end",
                "write [job.end.completed], one for each state it ends in",
            );
        }
        section.done();
        Some(way)
    }

    /// What an end fetches is there, and what is there is fetched by an end.
    fn check_fetches(&self, section: &Section<'_>) {
        let known: Vec<&str> = self.fetches.iter().map(|fetch| fetch.name.as_str()).collect();
        for end in self.all() {
            for name in end.fetch.iter().filter(|name| !known.contains(&name.as_str())) {
                let remedy = nearest(name, &known).map_or_else(
                    || format!("write [[job.fetch]] with name = \"{name}\""),
                    |near| format!("did you mean `{near}`?"),
                );
                section.findings.add(&end.spot, format!("there is nothing to fetch called `{name}`"), remedy);
            }
        }
        for fetch in &self.fetches {
            if !self.all().any(|end| end.fetch.contains(&fetch.name)) {
                let message = format!("no end of the job fetches `{}`", fetch.name);
                let remedy = format!("write fetch = \"{}\" in a [job.end.…], or take it out", fetch.name);
                section.findings.add(&fetch.spot, message, remedy);
            }
        }
    }

    /// The readers that its ends name.
    pub(super) fn readers(&self) -> impl Iterator<Item = &String> {
        self.all().filter_map(|end| end.reader.as_ref())
    }

    /// The conditions of each end's rules, and where these stand.
    pub(super) fn conditions(&self) -> impl Iterator<Item = Vec<(&When, &Spot)>> {
        self.ends.values().map(|ends| ends.rules.iter().map(|(when, end)| (when, &end.spot)).collect())
    }

    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &Spot)> {
        self.all().filter_map(|end| Some((end.reader.as_deref()?, &end.spot)))
    }

    fn all(&self) -> impl Iterator<Item = &End> {
        self.ends
            .values()
            .flat_map(|ends| ends.rules.iter().map(|(_, end)| end).chain(std::iter::once(&ends.otherwise)))
    }
}

fn ends(section: &Section<'_>) -> BTreeMap<String, Ends> {
    let (mut ends, mut also) = (BTreeMap::new(), Vec::new());
    for (state, spot, node) in section.entries("end") {
        let table = Section::of(&format!("[job.end.{state}]"), node, section.findings);
        let rules = table.sections("rule").into_iter().map(|rule| {
            let when = rule.section("when").map(|when| {
                let read = When::read(&when, false);
                when.done();
                read
            });
            if when.is_none() {
                rule.wrong("when", "a rule needs `when`", "as in when = { json = { \"/error\" = \"x\" } }");
            }
            let spot = rule.spot.clone();
            let end = End::read(&rule, &spot);
            rule.done();
            (when.unwrap_or_default(), end)
        });
        let rules = rules.collect();
        let otherwise = End::read(&table, spot);
        let more = table.texts("also");
        table.done();
        let end = Ends { rules, otherwise };
        also.extend(more.into_iter().map(|(word, spot)| (word, spot, end.clone())));
        ends.insert(state.to_owned(), end);
    }
    for (word, spot, end) in also {
        if ends.insert(word.to_owned(), end).is_some() {
            let message = format!("two ends of the job are called `{word}`");
            section.findings.add(spot, message, "take it out of one of them");
        }
    }
    ends
}

impl End {
    fn read(table: &Section<'_>, spot: &Spot) -> Self {
        let verbs = [
            ("ok", EndThen::Ok),
            ("results", EndThen::Results),
            ("reject", EndThen::Reject),
            ("retry", EndThen::Retry),
            ("bisect", EndThen::Bisect),
            ("in_doubt", EndThen::InDoubt),
            ("abort", EndThen::Abort),
        ];
        let then = table.word("then", &verbs);
        if then.is_none() && !table.has("then") {
            table.wrong("then", "an end needs `then`", "as in then = \"ok\"");
        }
        let end = Self {
            then: then.unwrap_or(EndThen::InDoubt),
            reader: table.text("results").map(str::to_owned),
            code: Wording::read(table, "code"),
            message: Wording::read(table, "message"),
            fetch: table.text("fetch").map(names).unwrap_or_default(),
            spot: spot.clone(),
        };
        if !end.fetch.is_empty() && end.then != EndThen::Results {
            table.wrong("fetch", "`fetch` goes with then = \"results\"", "take it out");
        }
        if end.then == EndThen::Results && end.reader.is_none() {
            table.wrong("then", "then = \"results\" without a reader", "name it: results = \"items\"");
        }
        end
    }
}

/// `errors, unprocessed`.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `scheme://host:port` of an address, and what follows it.
pub(super) fn origin(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    url.split_at(end)
}

/// The path of a link that an answer gave, if it stays at this origin.
pub(super) fn path_of(link: &str, base: &str) -> Option<String> {
    let (home, path) = origin(base);
    if link.is_empty() || link.contains(|c: char| c.is_control() || c == '\\' || c == ' ') {
        return None;
    }
    let link = link.split('#').next().unwrap_or_default();
    if link.contains("://") && !link.starts_with('/') && !link.starts_with('?') {
        let (other, path) = origin(link);
        return (plain_origin(other) == plain_origin(home) && path.starts_with('/')).then(|| path.to_owned());
    }
    if link.starts_with("//") {
        return None;
    }
    if link.starts_with('/') {
        return Some(link.to_owned());
    }
    let folder = path.split('?').next().unwrap_or_default();
    if link.starts_with('?') {
        return Some(format!("{folder}{link}"));
    }
    let scheme = link.split('/').next().is_some_and(|first| first.contains(':'));
    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    (!scheme).then(|| format!("{folder}/{link}"))
}

fn plain_origin(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let default = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(default).map_or(origin.clone(), str::to_owned)
}

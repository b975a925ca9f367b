//! The plain tables of a profile: limits, idempotency, flow, retries.
//!
//! They say what the target wants; how the engine keeps to it is not decided here.

use super::errors::Spot;
use super::header::key_header_fault;
use super::key_form::KeyFormat;
use super::params::{Filled, Params};
use super::placeholder::{Piece, Seat};
use super::pointer::Pointer;
use super::section::{Section, size_of};
use super::statuses::StatusSet;
use super::wait::Unit;
use std::time::Duration;

/// `[limits]`: what one request may hold; `None` where the profile is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub row_bytes: Option<u64>,
    /// How long rows that come one by one may wait for others.
    pub age: Option<Duration>,
    /// All rows of a request have the same members; see [`super::Target::key_set`].
    pub uniform_keys: bool,
    /// `bytes` counts the body as it is packed; else as it is encoded. See [`Limits::packed_max`].
    pub bytes_packed: bool,
}

impl Limits {
    /// Bytes that a packed body may have.
    pub fn packed_max(&self) -> Option<u64> {
        self.bytes.filter(|_| self.bytes_packed)
    }

    /// Bytes that a body may have before it is packed: text becomes a quarter, and what does not is halved.
    pub fn plain_max(&self) -> Option<u64> {
        self.bytes.map(|bytes| if self.bytes_packed { bytes.saturating_mul(4) } else { bytes })
    }

    pub(super) fn read(root: &Section<'_>) -> Self {
        let Some(section) = root.section("limits") else { return Self::default() };
        let limits = Self {
            rows: section.count("rows", 1),
            bytes: section.size("bytes"),
            row_bytes: section.size("row_bytes"),
            age: section.duration("age"),
            uniform_keys: section.flag("uniform_keys").unwrap_or(false),
            bytes_packed: section
                .word("bytes_of", &[("encoded", false), ("compressed", true)])
                .unwrap_or(false),
        };
        section.done();
        limits
    }
}

/// What the target remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Nothing.
    #[default]
    None,
    /// Requests, by their key.
    Batch,
    /// Rows, by their key.
    Row,
    /// Nothing, but writing a row twice is writing it once.
    Natural,
}

/// What is done about a request whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAmbiguous {
    Resend,
    Verify,
    Hold,
    Stop,
}

/// Where the key goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    Header(String),
    Query(String),
    /// A member of the body; its parent is an object of the envelope.
    Body(Pointer),
}

/// What a target's memory does with answers that were failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replays {
    Replayed,
    Reexecuted,
    #[default]
    Unknown,
}

/// `[idempotency]`.
#[derive(Clone, Debug, Default)]
pub struct Idempotency {
    pub scope: Scope,
    pub place: Option<KeyPlace>,
    pub format: Option<KeyFormat>,
    pub quoted: bool,
    /// The most characters a key may have.
    pub max: Option<usize>,
    /// How long the target remembers; `None` is unpublished.
    pub ttl: Option<Duration>,
    /// It may forget earlier.
    pub best_effort: bool,
    /// It looks the key up before limits and validation.
    pub key_first: bool,
    pub replay_header: Option<String>,
    pub replay_errors: Replays,
    /// What the profile or the caller says; see [`Idempotency::on_ambiguous`].
    pub declared: Option<OnAmbiguous>,
    /// How a natural key is made, and where that is said.
    pub(super) template: Option<(Vec<Piece>, Spot)>,
    pub(super) in_progress: StatusSet,
    pub(super) mismatch: StatusSet,
    pub(super) expired: StatusSet,
}

impl Idempotency {
    /// Whether the same request may go twice.
    pub fn honoured(&self) -> bool {
        match self.scope {
            Scope::None => false,
            Scope::Batch => self.place.is_some(),
            Scope::Row | Scope::Natural => true,
        }
    }

    pub fn on_ambiguous(&self) -> OnAmbiguous {
        self.declared.unwrap_or(if self.honoured() { OnAmbiguous::Resend } else { OnAmbiguous::Hold })
    }

    /// Whether keys are made from a template, and not from the batch.
    pub fn is_natural_key(&self) -> bool {
        self.template.is_some()
    }

    pub(super) fn read(root: &Section<'_>, params: &Params<'_>, one_row: bool) -> Self {
        let Some(section) = root.section("idempotency") else { return Self::default() };
        let scopes = [
            ("none", Scope::None),
            ("batch", Scope::Batch),
            ("row", Scope::Row),
            ("natural", Scope::Natural),
        ];
        let answers = [
            ("resend", OnAmbiguous::Resend),
            ("verify", OnAmbiguous::Verify),
            ("hold", OnAmbiguous::Hold),
            ("quarantine", OnAmbiguous::Hold),
            ("stop", OnAmbiguous::Stop),
            ("abort", OnAmbiguous::Stop),
        ];
        let mut it = Self {
            scope: section.word("scope", &scopes).unwrap_or_default(),
            ttl: section.duration("ttl"),
            best_effort: section
                .word("strength", &[("strong", false), ("best_effort", true)])
                .unwrap_or(false),
            key_first: section.flag("key_first").unwrap_or(false),
            declared: section.word("on_ambiguous", &answers),
            in_progress: StatusSet::read(&section, "in_progress"),
            mismatch: StatusSet::read(&section, "mismatch"),
            expired: StatusSet::read(&section, "expired"),
            ..Self::default()
        };
        it.read_place(&section, params);
        it.read_key(&section, params);
        if let Some(replay) = section.section("replay") {
            it.replay_header = replay.text("header").map(str::to_ascii_lowercase);
            let kinds = [
                ("replayed", Replays::Replayed),
                ("reexecuted", Replays::Reexecuted),
                ("unknown", Replays::Unknown),
            ];
            it.replay_errors = replay.word("errors", &kinds).unwrap_or_default();
            replay.done();
        }
        if it.place.is_some() && matches!(it.scope, Scope::None | Scope::Natural) && !params.checking() {
            let message = "keys are sent, but `scope` says that the target does not keep them".to_owned();
            section.wrong("scope", message, "write scope = \"batch\", or take `send` out");
        }
        if it.place.is_some() && it.scope == Scope::Row && !one_row {
            let message =
                "the target is to keep a key for each row, and one is sent with all rows of a request";
            let remedy = "write rows = 1 in [limits], or scope = \"batch\"; or take `send` out, and put ${row.idem} into `item`";
            section.wrong("scope", message, remedy);
        }
        section.done();
        it
    }

    fn read_place(&mut self, section: &Section<'_>, params: &Params<'_>) {
        let Some(send) = section.section("send") else {
            if self.scope == Scope::Batch {
                let remedy = "name the header: send = { header = \"Idempotency-Key\" }";
                section.wrong("scope", "scope = \"batch\" without `send`", remedy);
            }
            return;
        };
        let (header, query) = (send.text("header"), send.text("query"));
        let body = super::rule::pointer_at(&send, "body").filter(|pointer| !pointer.tokens().is_empty());
        let name = |key: &str, text: &str| params.fixed(text, &send.spot_of(key));
        match (header, query, body) {
            (None, None, Some(pointer)) => self.place = Some(KeyPlace::Body(pointer)),
            (Some(text), None, None) => {
                self.place = name("header", text).map(|name| KeyPlace::Header(name.to_ascii_lowercase()));
            }
            (None, Some(text), None) => self.place = name("query", text).map(KeyPlace::Query),
            _ => send.wrong("header", "`send` takes one of header, query and body", ""),
        }
        if let Some(KeyPlace::Header(header)) = &self.place
            && let Some((message, remedy)) = key_header_fault(header)
        {
            send.wrong("header", message, remedy);
        }
        // A parameter without a value takes the keys away, and the promise with them.
        if self.place.is_none() && self.scope == Scope::Batch {
            self.scope = Scope::None;
        }
        send.done();
    }

    fn read_key(&mut self, section: &Section<'_>, params: &Params<'_>) {
        let Some(key) = section.section("key") else { return };
        let formats = [
            ("hex", KeyFormat::Hex),
            ("uuid", KeyFormat::Uuid),
            ("base32", KeyFormat::Base32),
            ("raw", KeyFormat::Raw),
        ];
        self.format = key.word("format", &formats);
        self.quoted = key.flag("quoted").unwrap_or(false);
        self.max = key.count("max", 16).and_then(|max| usize::try_from(max).ok());
        if let Some(text) = key.text("template")
            && let Filled::Pieces(pieces) = params.fill(text, Seat::Key, &key.spot_of("template"))
        {
            // The target would take the second request for the first one, and answer it from memory.
            if !pieces.iter().any(|piece| matches!(piece, Piece::Hole(_))) {
                let message =
                    "all requests would have this key, and the target would carry out the first alone";
                key.wrong(
                    "template",
                    message,
                    "put ${batch.key} into it, or where rows = 1 a field of the row: ${row:/id}",
                );
            }
            self.template = Some((pieces, key.spot_of("template")));
        }
        key.done();
    }
}

/// So much within such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub amount: u64,
    pub per: Duration,
}

/// `[flow]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    pub concurrency: Option<u64>,
    pub requests: Vec<Rate>,
    pub rows: Vec<Rate>,
    pub bytes: Vec<Rate>,
    /// Jobs that may be open at once.
    pub jobs: Option<u64>,
    /// The wait after a 429 that names none.
    pub cooldown: Option<Duration>,
    pub max_wait: Option<Duration>,
    /// Header that tells how many requests are left.
    pub remaining: Option<String>,
    /// Header that tells how many there are within a window.
    pub limit: Option<String>,
    /// It tells the same in the headers of the IETF's drafts.
    pub ietf: bool,
    pub(super) waits: Vec<(String, Unit)>,
}

impl Flow {
    pub(super) fn read(root: &Section<'_>) -> Self {
        let retry_after = || ("retry-after".to_owned(), Unit::RetryAfter);
        let Some(section) = root.section("flow") else {
            return Self { waits: vec![retry_after()], ..Self::default() };
        };
        let mut waits: Vec<(String, Unit)> = section
            .texts("retry_after")
            .into_iter()
            .map(|(name, _)| (name.to_ascii_lowercase(), Unit::RetryAfter))
            .collect();
        if waits.is_empty() {
            waits.push(retry_after());
        }
        if let Some(reset) = section.section("reset") {
            let units = [
                ("s", Unit::Seconds),
                ("ms", Unit::Millis),
                ("epoch_s", Unit::EpochSeconds),
                ("epoch_ms", Unit::EpochMillis),
                ("date", Unit::Date),
            ];
            match (reset.text("name"), reset.word("unit", &units)) {
                (Some(name), Some(unit)) => waits.push((name.to_ascii_lowercase(), unit)),
                _ if reset.has("name") && reset.has("unit") => {}
                _ => reset.wrong("name", "`reset` needs a name and a unit", "its unit is never guessed"),
            }
            reset.done();
        }
        let flow = Self {
            concurrency: section.count("concurrency", 1),
            requests: rates(&section, "requests"),
            rows: rates(&section, "rows"),
            bytes: rates(&section, "bytes"),
            jobs: section.count("jobs", 1),
            cooldown: section.duration("cooldown"),
            max_wait: section.duration("max_wait"),
            remaining: section.text("remaining").map(str::to_ascii_lowercase),
            limit: section.text("limit").map(str::to_ascii_lowercase),
            ietf: section.flag("ietf").unwrap_or(false),
            waits,
        };
        section.done();
        flow
    }
}

fn rates(section: &Section<'_>, key: &'static str) -> Vec<Rate> {
    let mut rates = Vec::new();
    for (text, _) in section.texts(key) {
        match rate(text) {
            Some(rate) => rates.push(rate),
            None => section.wrong(
                key,
                format!("`{text}` is no rate"),
                "write it as in \"10/s\", \"100/10s\" or \"150/m\"",
            ),
        }
    }
    rates
}

fn rate(text: &str) -> Option<Rate> {
    let (amount, per) = text.split_once('/')?;
    let per = per.trim();
    let per = if per.starts_with(|c: char| c.is_ascii_digit()) { per.to_owned() } else { format!("1{per}") };
    let rate = Rate { amount: size_of(amount)?, per: humantime::parse_duration(&per).ok()? };
    (rate.amount > 0 && !rate.per.is_zero()).then_some(rate)
}

/// `[retry]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    pub attempts: Option<u32>,
    pub base: Option<Duration>,
    pub max: Option<Duration>,
    /// How often one row may be asked for again.
    pub row_attempts: Option<u32>,
}

impl Retry {
    pub(super) fn read(root: &Section<'_>) -> Self {
        let Some(section) = root.section("retry") else { return Self::default() };
        let count = |key| section.count(key, 1).and_then(|n| u32::try_from(n).ok());
        let retry = Self {
            attempts: count("attempts"),
            base: section.duration("base"),
            max: section.duration("max"),
            row_attempts: count("row_attempts"),
        };
        section.word("jitter", &[("full", ())]);
        if retry.base.zip(retry.max).is_some_and(|(base, max)| base > max) {
            section.wrong(
                "base",
                "`base`, the first wait, is longer than `max`, the longest",
                "make `max` longer",
            );
        }
        section.done();
        retry
    }
}

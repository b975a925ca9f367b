//! `[request]` and `[delete]`: where a request goes and what it is made of, compiled.
//!
//! It never holds a row or a key; those come when a request is formed.

use super::auth::Auth;
use super::document::Value;
use super::encoding::{CsvShape, text_item};
use super::header::{header_fault, typed_secret};
use super::params::{Filled, Params};
use super::placeholder::Seat;
use super::section::Section;
use super::settings::{Idempotency, KeyPlace};
use super::slot::{FieldSet, RowNaming};
use super::template::{Compiler, Template, doubled};
use super::text::TextTemplate;
use std::time::Duration;

/// How rows are joined into a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Json,
    /// One item a line, each line ended.
    Lines,
    /// A line of fields for each row.
    Csv,
    /// Names and values, for one row.
    Form,
    /// A line of text for each row.
    Text,
    /// Nothing: the address says it all.
    Empty,
}

/// How a body is packed on its way. Limits and hashes are of the plain body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

/// A compiled `[request]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    pub(super) method: String,
    pub(super) url: TextTemplate,
    pub(super) query: Vec<(String, TextTemplate)>,
    pub(super) headers: Vec<(String, TextTemplate)>,
    /// Credentials that go into the query of every request.
    pub(super) credential_query: Vec<(String, String)>,
    pub(super) key_template: Option<TextTemplate>,
    /// The key that a row brings along stands in the body, as `${row.idem}`.
    pub(super) shows_key: bool,
    /// Fields that URL, query, headers and key want.
    pub(super) address_fields: FieldSet,
    pub(super) format: Format,
    /// The body is the one item, without a list around it.
    pub(super) lone: bool,
    /// The key is in the body.
    pub(super) keyed: bool,
    pub(super) csv: Option<CsvShape>,
    pub(super) line: Option<TextTemplate>,
    /// Rows are members of an object, by this name.
    pub(super) object_key: Option<TextTemplate>,
    pub(super) before: Template,
    pub(super) after: Template,
    pub(super) items: Vec<Template>,
    /// Fields that the items want.
    pub(super) item_fields: FieldSet,
    pub(super) timeout: Option<Duration>,
    pub(super) ok_without_body: bool,
    pub(super) compression: Compression,
    /// Steps behind the request commit what it brought.
    pub(super) commits_after: bool,
    /// The URL as the identity knows it.
    shown_url: String,
    /// What the identity covers beside the URL.
    shape: Vec<String>,
}

impl Mapping {
    pub(super) fn read(
        section: Section<'_>,
        params: &Params<'_>,
        auth: &Auth,
        headers: &[(String, String, bool)],
        naming: &RowNaming,
        idempotency: &Idempotency,
        one_row: bool,
    ) -> Self {
        let mut it = Self {
            method: section.method("POST").to_owned(),
            timeout: section.duration("timeout"),
            ok_without_body: section.flag("ok_without_body").unwrap_or(false),
            ..Self::default()
        };
        it.method = params.fixed(&it.method, &section.spot_of("method")).unwrap_or_default();
        if !it.method.bytes().all(|b| b.is_ascii_uppercase()) && !params.checking() {
            section.wrong("method", format!("`{}` is no method", it.method), "as in POST, PUT or PATCH");
        }
        it.read_address(&section, params, naming, one_row);
        let keyed = keyed_body(&section, idempotency);
        let body = keyed.as_deref().or(section.text("body"));
        it.lone = one_row && body.is_some_and(|text| !text.contains("${rows}"));
        it.keyed = keyed.is_some() || body.is_some_and(|text| text.contains("${batch.key"));
        it.read_body(&section, params, naming, body);
        let lone = body.filter(|_| it.lone);
        if !matches!(it.format, Format::Csv | Format::Text | Format::Empty) {
            it.read_items(&section, params, naming, lone);
        }
        if let Some((pieces, spot)) = &idempotency.template {
            let key = TextTemplate::of(pieces.clone(), naming.key.as_ref(), &mut it.address_fields);
            if key.is_of_row() && !one_row {
                let message = "the key is made from a row, but a request may have many";
                section.findings.add(spot, message, "write rows = 1 in [limits]");
            }
            it.shows_key = key.is_of_row() && shows_key(&section);
            it.key_template = Some(key);
        }
        it.read_encoding(&section, params, naming, one_row);
        it.add_headers(auth, headers);
        let commits = [("request", false), ("after", true)];
        it.commits_after = section.word("commit", &commits).unwrap_or(false);
        section.done();
        it
    }

    fn read_address(
        &mut self,
        section: &Section<'_>,
        params: &Params<'_>,
        naming: &RowNaming,
        one_row: bool,
    ) {
        let seat = Seat::Address { one_row };
        let mut fields = FieldSet::default();
        match section.text("url") {
            Some(text) => {
                let pieces = params.demand(text, seat, &section.spot_of("url"));
                self.url = TextTemplate::of(pieces, naming.key.as_ref(), &mut fields);
                self.shown_url = params.shown(text);
            }
            None if section.has("url") => {}
            None => section.wrong("url", "[request] needs `url`", "as in url = \"${param.base}/items\""),
        }
        for (key, list) in [("query", &mut self.query), ("headers", &mut self.headers)] {
            for (name, spot, node) in section.entries(key) {
                let Value::Text(text) = &node.value else {
                    section.findings.add(
                        spot,
                        format!("`{name}` in `{key}` must be text"),
                        "put it in quotes",
                    );
                    continue;
                };
                if let Some((message, remedy)) = header_fault(name).filter(|_| key == "headers") {
                    section.findings.add(spot, message, remedy);
                }
                if let Some((message, remedy)) = typed_secret(name, text).filter(|_| key == "headers") {
                    section.findings.add(spot, message, remedy);
                }
                let name = if key == "headers" { name.to_ascii_lowercase() } else { name.to_owned() };
                // Without the value of a parameter that need not have one, there is no such header.
                if let Filled::Pieces(pieces) = params.fill(text, seat, spot) {
                    self.shape.push(format!("{key} {name}: {}", params.shown(text)));
                    list.push((name, TextTemplate::of(pieces, naming.key.as_ref(), &mut fields)));
                }
            }
        }
        self.address_fields = fields;
        let head = self.url.head().to_owned();
        if !params.checking()
            && section.has("url")
            && !(head.starts_with("http://") || head.starts_with("https://"))
        {
            section.wrong("url", format!("`{head}` is no address"), "it begins with http:// or https://");
        }
        // What follows the base must not become part of its host: `https://a.test` and `.evil.test`.
        if let Some(base) = section.text("url").and_then(|text| params.leading(text))
            && super::job::origin(&base).0 != super::job::origin(&head).0
        {
            let remedy = "what follows the base begins with a slash, as in --set path=/items";
            section.wrong("url", format!("`{head}` is not at `{base}`"), remedy);
        }
        if self.url.has_slots() && super::job::origin(&head).1.is_empty() {
            let remedy = "put a slash before it";
            section.wrong("url", "a value would become part of the host", remedy);
        }
        if head.contains('@') && head.split('/').nth(2).is_some_and(|host| host.contains('@')) {
            section.wrong(
                "url",
                "the address holds credentials",
                "give them with a header, from the environment",
            );
        }
        if head.contains('#') {
            section.wrong("url", "the address holds a fragment (`#`)", "no server ever sees it; take it out");
        }
    }

    fn read_body(
        &mut self,
        section: &Section<'_>,
        params: &Params<'_>,
        naming: &RowNaming,
        body: Option<&str>,
    ) {
        let formats = [
            ("json", Format::Json),
            ("ndjson", Format::Lines),
            ("csv", Format::Csv),
            ("form", Format::Form),
            ("text", Format::Text),
            ("empty", Format::Empty),
        ];
        self.format = section.word("format", &formats).unwrap_or_default();
        let kinds = [("none", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];
        self.compression = section.word("compression", &kinds).unwrap_or_default();
        self.shape.push(body.map_or(String::new(), |text| params.shown(text)));
        match (self.format, body) {
            (Format::Json | Format::Form, Some(_)) if self.lone => {}
            (Format::Form, _) => {
                let remedy = "write rows = 1 in [limits], and the row's fields in `body`";
                section.wrong("format", "a form is of one row", remedy);
            }
            (Format::Lines | Format::Csv | Format::Text | Format::Empty, Some(_)) => {
                section.wrong("body", "lines have no envelope", "take `body` out");
            }
            (Format::Lines | Format::Csv | Format::Text | Format::Empty, None) => {}
            (Format::Json, text) => {
                let spot = section.spot_of("body");
                let seat = Seat::Body { keyed: self.keyed };
                let compiler = Compiler { params, row_key: naming.key.as_ref(), seat, spot: &spot };
                let text = text.unwrap_or("\"${rows}\"");
                let template = compiler.compile(text, &mut FieldSet::default());
                match template.map(Template::halves) {
                    Some(Some((before, after))) => (self.before, self.after) = (before, after),
                    Some(None) => {
                        let remedy = "put \"${rows}\" where the items go, once";
                        section.wrong("body", "the body has no single place for the rows", remedy);
                    }
                    None => {}
                }
            }
        }
    }

    fn read_items(
        &mut self,
        section: &Section<'_>,
        params: &Params<'_>,
        naming: &RowNaming,
        lone: Option<&str>,
    ) {
        let mut texts = section.texts("items");
        let item_spot = section.spot_of(if lone.is_some() { "body" } else { "item" });
        if let Some(body) = lone {
            if section.has("item") || section.has("items") {
                section.wrong(
                    "body",
                    "the body is the row's, and there are items too",
                    "use \"${rows}\" in the body",
                );
            }
            texts = vec![(body, &item_spot)];
        }
        if let Some(text) = section.text("item") {
            if !texts.is_empty() {
                section.wrong("item", "there are both `item` and `items`", "keep one of them");
            }
            texts = vec![(text, &item_spot)];
        }
        if texts.is_empty() {
            texts = vec![("\"${row}\"", &item_spot)];
        }
        for (text, spot) in texts {
            let seat = Seat::Item { keyed: self.keyed && self.lone };
            let compiler = Compiler { params, row_key: naming.key.as_ref(), seat, spot };
            if let Some(template) = compiler.compile(text, &mut self.item_fields) {
                self.shape.push(params.shown(text));
                self.items.push(template);
            }
        }
    }

    /// What is said of CSV, text and objects.
    fn read_encoding(
        &mut self,
        section: &Section<'_>,
        params: &Params<'_>,
        naming: &RowNaming,
        one_row: bool,
    ) {
        let is_object = section.word("rows_as", &[("array", false), ("object", true)]).unwrap_or(false);
        if let Some(text) = section.text("object_key") {
            let pieces = params.demand(text, Seat::Item { keyed: false }, &section.spot_of("object_key"));
            let key = TextTemplate::of(pieces, naming.key.as_ref(), &mut self.item_fields);
            self.shape.push(params.shown(text));
            self.object_key = Some(key).filter(|_| is_object);
        }
        let whole = is_object && self.format == Format::Json && !self.lone && self.items.len() <= 1;
        if is_object && (self.object_key.is_none() || !whole) {
            let remedy = "write format = \"json\", one `item`, and object_key = \"${row.key}\"";
            section.wrong("rows_as", "rows_as = \"object\" needs a name for each row", remedy);
        } else if !is_object && section.has("object_key") {
            section.wrong("object_key", "`object_key` goes with rows_as = \"object\"", "");
        }
        match self.format {
            Format::Csv => {
                if section.has("item") || section.has("items") {
                    section.wrong(
                        "item",
                        "CSV has columns, not items",
                        "name them in csv = { columns = […] }",
                    );
                }
                section.node("item");
                section.node("items");
                self.csv = Some(CsvShape::read(section, params));
                self.shape.extend(self.csv.as_ref().map(CsvShape::shape));
            }
            Format::Text => {
                self.line = text_item(section, params, naming, &mut self.item_fields);
                self.shape.extend(section.text("item").map(|text| params.shown(text)));
            }
            Format::Empty if !one_row => {
                let remedy = "write rows = 1, and name the row in the address";
                section.wrong("format", "a request without a body is of one row", remedy);
            }
            _ if section.has("csv") => {
                section.node("csv");
                section.wrong("csv", "`csv` goes with format = \"csv\"", "");
            }
            _ => {}
        }
    }

    /// Credentials and the caller's headers; what is given later replaces what was there.
    fn add_headers(&mut self, auth: &Auth, given: &[(String, String, bool)]) {
        let kind = match self.format {
            Format::Json => "application/json",
            Format::Lines => "application/x-ndjson",
            Format::Csv => "text/csv",
            Format::Form => "application/x-www-form-urlencoded",
            Format::Text => "text/plain",
            Format::Empty => "",
        };
        let mut all = Vec::new();
        if !kind.is_empty() {
            all.push(("content-type".to_owned(), TextTemplate::plain(kind)));
        }
        let auth_headers =
            auth.headers.iter().map(|(name, value)| (name.clone(), TextTemplate::plain(value)));
        let given =
            given.iter().map(|(name, value, _)| (name.to_ascii_lowercase(), TextTemplate::plain(value)));
        let own = std::mem::take(&mut self.headers);
        for (name, value) in own.into_iter().chain(auth_headers).chain(given) {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        self.headers = all;
        self.credential_query.clone_from(&auth.query);
        self.query.extend(auth.query.iter().map(|(name, value)| (name.clone(), TextTemplate::plain(value))));
    }

    /// What makes this mapping this mapping; `origin` stands for the URL's own where it is given.
    pub(super) fn identity(&self, origin: Option<&str>) -> Vec<String> {
        let mut fields = vec![self.method.clone(), self.place(origin), format!("{:?}", self.format)];
        fields.extend(self.shape.iter().cloned());
        fields
    }

    /// Where it sends to, whatever it makes of rows.
    pub(super) fn place(&self, origin: Option<&str>) -> String {
        let (own, path) = super::job::origin(&self.shown_url);
        format!("{}{path}", origin.unwrap_or(own))
    }
}

/// Whether what is made of a row names its key.
fn shows_key(section: &Section<'_>) -> bool {
    let texts = [section.text("body"), section.text("item"), section.text("object_key")];
    let items = section.texts("items").into_iter().map(|(text, _)| text);
    texts.into_iter().flatten().chain(items).any(|text| text.contains("${row.idem"))
}

/// The body's text with the key in it, where the key goes there.
fn keyed_body(section: &Section<'_>, idempotency: &Idempotency) -> Option<String> {
    let Some(KeyPlace::Body(at)) = &idempotency.place else { return None };
    let text = section.text("body").unwrap_or("\"${rows}\"");
    // What is no JSON is told where the body is compiled.
    let mut body: serde_json::Value = serde_json::from_str(text).ok()?;
    if let Some((message, remedy)) = doubled(text) {
        section.wrong("body", message, remedy);
    }
    let (name, parents) = at.tokens().split_last()?;
    let parent = parents.iter().try_fold(&mut body, |value, token| value.get_mut(&**token));
    match parent.and_then(serde_json::Value::as_object_mut) {
        Some(parent) => {
            parent.insert(name.to_string(), "${batch.key}".into());
            Some(body.to_string())
        }
        None => {
            let message = format!("the body has no object at {} for the key", at.as_str());
            section.wrong("body", message, "send the key in a header, or at a member of the envelope");
            None
        }
    }
}

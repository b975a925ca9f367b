//! The words of `targets`.

use super::plan::REFUSED_BEHIND;
use super::speech::{count, tame};
use crate::engine::sent_until;
use crate::settings::quoted;
use crate::target::{Outline, OutlineRule, ParamSpec, Profile, ProfileError, ProfileErrors};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// All profiles, a line of what each is, and a line of its parameters.
pub fn list(profiles: &[Profile]) -> String {
    let widest = profiles.iter().map(|profile| profile.name().len()).max().unwrap_or(0);
    let indent = " ".repeat(widest + 2);
    let mut text =
        format!("{:widest$}  The practice server, started for the run: nothing else is needed.\n", "sandbox");
    for profile in profiles {
        text.push_str(&format!("{:widest$}  {}\n", profile.name(), profile.docs()));
        text.push_str(&format!("{indent}{}\n", parameters(profile.params())));
    }
    text.push_str(
        "\n`bulkhaul targets show NAME` prints a profile, to copy and change; `targets new FILE.toml` writes a new one.\n\
         A target may also be a URL that takes a JSON array: --to https://api.example.com/items",
    );
    text
}

pub fn list_json(profiles: &[Profile]) -> String {
    let list: Vec<Value> = profiles
        .iter()
        .map(|profile| {
            let params: Vec<Value> = profile.params().iter().map(parameter_json).collect();
            json!({"name": profile.name(), "docs": profile.docs(), "parameters": params})
        })
        .collect();
    Value::from(list).to_string()
}

fn parameter_json(spec: &ParamSpec) -> Value {
    json!({
        "name": spec.name, "required": spec.required, "default": spec.default, "env": spec.env,
        "secret": spec.secret, "help": spec.help, "values": spec.values,
    })
}

/// `base (required), token ($ORDERS_TOKEN), occ (on, off)`, the default first.
fn parameters(specs: &[ParamSpec]) -> String {
    let one = |spec: &ParamSpec| match (&spec.env, &spec.default) {
        _ if !spec.values.is_empty() => {
            let required = if spec.required && spec.default.is_none() { "required: " } else { "" };
            let (default, others): (Vec<&str>, Vec<&str>) = spec
                .values
                .iter()
                .map(String::as_str)
                .partition(|value| Some(*value) == spec.default.as_deref());
            format!("{} ({required}{})", spec.name, [default, others].concat().join(", "))
        }
        (Some(env), _) => format!("{} (${env})", spec.name),
        (None, Some(default)) => format!("{} ({default})", spec.name),
        (None, None) if spec.required => format!("{} (required)", spec.name),
        (None, None) => spec.name.clone(),
    };
    if specs.is_empty() {
        return "no parameters".to_owned();
    }
    specs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// All that is wrong, one line each, below how many there are.
pub fn mistakes(errors: &ProfileErrors) -> String {
    format!("{} in the profile\n{errors}", count(errors.0.len() as u64, "mistake"))
}

pub fn check_json(file: &Path, checked: Result<&Profile, &ProfileErrors>) -> String {
    let file = file.display().to_string();
    match checked {
        Err(errors) => {
            let list: Vec<Value> = errors
                .0
                .iter()
                .map(|error| {
                    let line = (error.line > 0).then_some(error.line);
                    json!({"file": error.file, "line": line, "message": error.message, "remedy": error.remedy})
                })
                .collect();
            json!({"file": file, "ok": false, "errors": list}).to_string()
        }
        Ok(profile) => {
            let outline = profile.outline();
            let rule =
                |rule: &OutlineRule| json!({"when": rule.when, "then": rule.then, "results": rule.reader});
            let params: Vec<Value> = profile.params().iter().map(parameter_json).collect();
            json!({
                "file": file, "ok": true, "errors": [], "name": profile.name(),
                "request": {"method": outline.method, "url": outline.url},
                "limits": {"rows": outline.rows, "bytes": outline.bytes},
                "delete": outline.delete.as_ref().map(|(method, url, rows)| {
                    json!({"method": method, "url": url, "rows": rows})
                }),
                "key": outline.key, "answers": outline.answers.iter().map(rule).collect::<Vec<_>>(),
                "parameters": params, "notes": notes(profile),
            })
            .to_string()
        }
    }
}

/// The longest of the conditions that hold for every target.
const ALWAYS: &str = "408, 5xx, no answer";

/// What a right profile will do where its parameters have these values.
pub fn check(profile: &Profile, values: &BTreeMap<String, String>) -> String {
    let outline = profile.outline();
    let mut lines = vec![
        ("about", outline.docs.clone()),
        ("request", format!("{} {}", outline.method, outline.url)),
        ("body", body(&outline)),
        ("batches", batches(&outline)),
        ("keys", keys(&outline)),
    ];
    if let Some(pace) = pace(&outline) {
        lines.push(("pace", pace));
    }
    let widest = outline
        .answers
        .iter()
        .map(|rule| rule.when.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(ALWAYS.len(), 40);
    let has_keys = matches!(outline.scope.as_str(), "batch" | "row");
    let mut told = outline.answers.iter().map(|rule| {
        let known = verb(&rule.then, has_keys);
        let reader = rule.reader.as_ref().map_or(String::new(), |name| format!(" ([results.{name}])"));
        format!("{:widest$}  {known}{reader}", rule.when)
    });
    lines.push(("answers", told.next().unwrap_or_else(|| "no rules of its own".to_owned())));
    lines.extend(told.map(|line| ("", line)));
    lines.push(("", format!("{:widest$}  {}", "429, Retry-After", "wait, then the same again")));
    let scope = if is_forgotten(&outline) { "none" } else { outline.scope.as_str() };
    let again = match (scope, &outline.verify) {
        ("none", Some((question, true))) => &format!("asked about with {question}"),
        ("none", Some((question, false))) => {
            &format!("in doubt; with --on-ambiguous verify asked about with {question}")
        }
        ("none", None) => "in doubt, unless --on-ambiguous says otherwise",
        ("natural", _) => "sent again: writing a row twice is writing it once",
        (_, Some((question, _))) => {
            &format!("the same again, same key; once that may be forgotten asked about with {question}")
        }
        _ => "the same again, same key",
    };
    lines.push(("", format!("{ALWAYS:widest$}  outcome unknown: {again}")));
    if has_keys && !outline.key_first && !is_forgotten(&outline) {
        lines.push(("", format!("{:widest$}  {REFUSED_BEHIND}", "")));
    }
    lines.push(("", format!("{:widest$}  the run stops, its rows stay pending", "anything else")));
    for end in &outline.ends {
        lines.push((
            "job",
            format!("{:widest$}  {}", format!("ends {}", end.when), verb(&end.then, has_keys)),
        ));
    }
    if let Some((method, url, rows)) = &outline.delete {
        let rows = rows.as_ref().map_or(String::new(), |rows| format!(", {rows} a request"));
        lines.push(("deletes", format!("{method} {url}{rows}: with --deletes, what a feed no longer has")));
    }
    lines.push(("needs", parameters(profile.params())));
    lines.extend(notes(profile).into_iter().map(|note| ("note", note)));
    let mut text = format!("ok: {}", profile.name());
    lines.retain(|(_, line)| !line.is_empty());
    for (name, line) in lines {
        text.push_str(format!("\n  {name:8} {line}").trim_end());
    }
    let open = profile.params().iter().filter(|spec| !spec.secret);
    open.filter_map(|spec| Some((spec, values.get(&spec.name)?)))
        .fold(text, |text, (spec, value)| text.replace(&format!("${{param.{}}}", spec.name), &tame(value)))
}

/// What loads and works, and could be better said.
fn notes(profile: &Profile) -> Vec<String> {
    let told = |hint: &ProfileError| match hint.line {
        0 => format!("{}; {}", hint.message, hint.remedy),
        _ => hint.to_string(),
    };
    profile.hints().iter().map(told).collect()
}

fn body(outline: &Outline) -> String {
    let items = match outline.items.as_slice() {
        [] => "the row as it is".to_owned(),
        [item] if item.trim() == "\"${row}\"" => "the row as it is".to_owned(),
        [item] => compact(item),
        several => several.iter().map(|item| compact(item)).collect::<Vec<_>>().join(" and "),
    };
    match &outline.body {
        None => format!("one line for each row: {items}"),
        Some(body) if body.contains("\"${rows}\"") => {
            format!("{}, each row: {items}", compact(body).replace("\"${rows}\"", "[…]"))
        }
        Some(body) if body.trim() == "\"${row}\"" => "the row as it is".to_owned(),
        Some(body) => compact(body),
    }
}

/// JSON without the blanks around its parts.
fn compact(text: &str) -> String {
    serde_json::from_str::<Value>(text).map_or_else(|_| text.trim().to_owned(), |value| value.to_string())
}

fn batches(outline: &Outline) -> String {
    let mut parts = Vec::new();
    match outline.rows.as_deref() {
        Some("1") => parts.push("one row for each request".to_owned()),
        Some(rows) => parts.push(format!("at most {rows} rows")),
        None => parts.push("500 rows unless --batch-rows says otherwise".to_owned()),
    }
    if let Some(bytes) = &outline.bytes {
        let unit = if bytes.bytes().all(|b| b.is_ascii_digit()) { " bytes" } else { "" };
        parts.push(format!("at most {bytes}{unit}"));
    }
    if let Some((by, word)) = &outline.group {
        parts.push(match word.as_str() {
            "one" => format!("rows of one {by}"),
            "unique" => format!("no two rows of one {by}"),
            _ => format!("grouped by {by}"),
        });
    }
    parts.join(", ")
}

fn keys(outline: &Outline) -> String {
    let kept = outline.ttl.as_ref().map_or_else(
        || "not said how long the target remembers them: 24h is taken".to_owned(),
        |ttl| {
            let short = if is_forgotten(outline) {
                ", and so never sent again: none is in its last 5 min"
            } else {
                ""
            };
            format!("remembered {ttl}{short}")
        },
    );
    match (outline.scope.as_str(), &outline.key) {
        ("batch", Some(place)) => format!("one for each request, {place}; {kept}"),
        ("row", Some(place)) => format!("one for each row, {place}; {kept}"),
        ("batch" | "row", None) => format!("in the rows; {kept}"),
        ("natural", _) => "none needed: writing a row twice is writing it once".to_owned(),
        _ => "none: rows whose answer is lost are held as in doubt".to_owned(),
    }
}

/// Whether no key may be sent twice: it is remembered for no longer than what is kept clear of its end.
fn is_forgotten(outline: &Outline) -> bool {
    let ttl = outline
        .ttl
        .as_ref()
        .filter(|_| matches!(outline.scope.as_str(), "batch" | "row"))
        .and_then(|ttl| humantime::parse_duration(ttl).ok());
    ttl.is_some_and(|ttl| sent_until(ttl).is_zero())
}

fn pace(outline: &Outline) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(outline.requests.as_ref().map(|rates| format!("at most {rates} requests")));
    parts.extend(outline.row_rates.as_ref().map(|rates| format!("at most {rates} rows")));
    parts.extend(outline.byte_rates.as_ref().map(|rates| format!("at most {rates} bytes")));
    parts.extend(outline.concurrency.as_ref().map(|most| format!("at most {most} requests at once")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn verb(word: &str, has_keys: bool) -> &'static str {
    match word {
        "ok" => "all its rows are delivered",
        "results" => "each row's own result is read",
        "job" => "taken on as a job, which is polled to its end",
        "retry" if has_keys => "the same again, same key",
        "retry" => "the same again",
        "throttle" => "wait, then the same again",
        "split" => "too large: halved, and the limit is remembered",
        "bisect" => "nothing was applied: halved until the row at fault is alone",
        "reject" => "all its rows are refused",
        "exists" => "the row is there already: delivered after an unknown outcome, else refused",
        "duplicate" => "applied before: delivered",
        "refetch" => "the group has moved on: its state is read again",
        "reauth" => "the credential is renewed once, then the run stops",
        "in_doubt" => "its rows are in doubt",
        "pause" => "the run stops, resumable",
        "abort" => "the run stops",
        _ => "",
    }
}

/// After a new profile was written.
pub fn made(
    file: &Path,
    from: Option<&Path>,
    delimiter: Option<u8>,
    columns: Option<&Vec<String>>,
) -> String {
    let file = file.display();
    let input = from.map_or_else(|| "INPUT".to_owned(), |path| path.display().to_string());
    let mut said = delimiter.map_or_else(String::new, |byte| match byte {
        b'\t' => " --delimiter tab".to_owned(),
        byte => format!(" --delimiter {}", quoted(OsStr::from_bytes(&[byte]))),
    });
    if let Some(columns) = columns {
        said.push_str(&format!(" --columns {}", quoted(OsStr::new(&columns.join(",")))));
    }
    format!(
        "wrote {file}; it says in it what to change\n  bulkhaul targets check {file}\n  \
         bulkhaul plan {input}{said} --to {file} --url https://…"
    )
}

//! Another target or mapping than the one that a state's import began with: refused, unless nothing of that import ever
//! left, so that nothing was promised to anyone.

use super::inputs::{self, InputFacts};
use super::opening::Subject;
use crate::edge::ledger::Found;
use crate::edge::source::{Format, Layout};
use crate::error::{Error, exit};
use crate::model::{Digest, Hasher, ImportState};
use crate::report::speech::{count, grouped};
use crate::settings;
use crate::target::Trait;
use std::ffi::OsStr;
use std::path::PathBuf;

/// Of a target and of how the input is read.
pub(super) fn identity(target: Digest, layout: &Layout) -> Digest {
    let (format, delimiter) = match layout.format {
        Format::Csv { delimiter } => ("csv", delimiter),
        Format::Ndjson | Format::Taken => ("ndjson", 0),
    };
    let mut hasher = Hasher::new("bulkhaul/mapping")
        .field(&target.0)
        .field(format.as_bytes())
        .number(u64::from(delimiter))
        .number(u64::from(layout.header))
        .number(u64::from(layout.null.is_some()))
        .field(layout.null.as_deref().unwrap_or_default().as_bytes());
    for name in layout.columns.iter().flatten() {
        hasher = hasher.field(b"column").field(name.as_bytes());
    }
    for (name, kind) in &layout.types {
        hasher = hasher.field(b"type").field(name.as_bytes()).field(kind.to_string().as_bytes());
    }
    hasher.finish()
}

/// Whether these settings are others than those of the import, and may begin anew in its state.
pub(super) fn may_begin_anew(subject: &Subject<'_>, found: &Found) -> bool {
    // The ledger alone has the rows of a stream.
    let is_of_stream = || {
        let inputs = inputs::of_ledger(&found.inputs).unwrap_or_default();
        inputs.is_empty() || inputs.iter().any(InputFacts::is_stream)
    };
    found.import.identity != subject.identity() && !found.has_left && !is_of_stream() && !is_replayed(subject)
}

pub(super) fn is_replayed(subject: &Subject<'_>) -> bool {
    settings::state_path(subject.args).is_ok_and(|state| state.join("replays").is_dir())
}

/// What differs, and what goes on instead.
pub(super) fn refuse(subject: &Subject<'_>, found: &Found) -> Error {
    let rows = &found.tally;
    let sent = found.sent_earlier + rows.delivered + rows.in_doubt + rows.pending;
    let is_in_vain = sent == 0 && !is_replayed(subject);
    let begun = anew(subject);
    let mut hint = if is_in_vain {
        format!("nothing of it was delivered, so these settings can begin another import: {begun}")
    } else {
        let old = match found.import.state {
            ImportState::Abandoned => "use the settings it began with, and --again",
            ImportState::Open | ImportState::Complete(_) => "use the settings it began with",
        };
        let which = match rows.delivered {
            _ if is_replayed(subject) => "all rows, also what replays have delivered".to_owned(),
            // A row may have been sent by several of them, so that no sum is a number of rows.
            _ if found.sent_earlier > 0 => "all rows, also what earlier imports here have sent".to_owned(),
            0 => "all rows".to_owned(),
            delivered => format!("all rows, also the {} delivered so far", grouped(delivered)),
        };
        format!("{old}, or begin another import beside it, which sends {which}: {begun}")
    };
    if !is_in_vain && rows.rejected > 0 {
        let refused = count(rows.rejected, "row");
        hint.push_str(&format!(
            "; `bulkhaul replay` sends only what was refused, {refused}, with these settings"
        ));
    }
    if let Some(name) = settings::named_headers(subject.args).first() {
        hint.push_str(&format!(
            "; what `-H {name}` names counts as the target's, since no secret is called so: if it is one that changes, \
             a profile says so in [auth], with scheme = \"header\" and name = \"{name}\""
        ));
    }
    let mut words = "the import here goes to another target, or maps its rows another way".to_owned();
    let differing = differing(subject, found);
    if !differing.is_empty() {
        words.push_str(&format!("; what differs: {}", differing.join(", ")));
    }
    Error::new(exit::NOT_THE_SAME, words).hint(hint)
}

/// The settings that are others, as far as the ledger knows those of then.
fn differing(subject: &Subject<'_>, found: &Found) -> Vec<String> {
    let inputs = inputs::of_ledger(&found.inputs).unwrap_or_default();
    let Some(first) = inputs.first() else { return Vec::new() };
    let mut list =
        first.layout.as_ref().map(|then| read_another_way(then, subject.layout)).unwrap_or_default();
    if !first.target.is_empty() {
        list.extend(Trait::changed(&first.target, subject.target.traits()));
    }
    list
}

fn read_another_way(then: &Layout, now: &Layout) -> Vec<String> {
    let mut list = Vec::new();
    match (then.format, now.format) {
        (Format::Csv { delimiter: then }, Format::Csv { delimiter: now }) if then != now => {
            let shown =
                |byte: u8| if byte == b'\t' { "tab".to_owned() } else { char::from(byte).to_string() };
            list.push(format!("--delimiter {} (it was {})", word(&shown(now)), word(&shown(then))));
        }
        (Format::Csv { .. }, Format::Csv { .. }) => {}
        (then, now) if then != now => list.push("--format".to_owned()),
        _ => {}
    }
    if then.header != now.header {
        list.push(one_sided("--no-header", now.header));
    }
    let columns = |layout: &Layout| layout.columns.as_ref().map(|names| word(&names.join(",")));
    list.extend(changed("--columns ", columns(then), columns(now)));
    list.extend(changed("--null ", then.null.as_deref().map(word), now.null.as_deref().map(word)));
    let names = now.types.iter().chain(&then.types).map(|(name, _)| name);
    let mut told = Vec::new();
    for name in names {
        if !told.contains(&name) {
            told.push(name);
            let kind = |layout: &Layout| {
                let of = layout.types.iter().rev().find(|(known, _)| known == name);
                of.map(|(_, kind)| kind.to_string())
            };
            list.extend(changed(&format!("--type {}=", word(name)), kind(then), kind(now)));
        }
    }
    list
}

fn changed(option: &str, then: Option<String>, now: Option<String>) -> Option<String> {
    match (then, now) {
        (Some(then), Some(now)) if then != now => Some(format!("{option}{now} (it was {then})")),
        (Some(then), None) => Some(one_sided(&format!("{option}{then}"), true)),
        (None, Some(now)) => Some(one_sided(&format!("{option}{now}"), false)),
        _ => None,
    }
}

fn one_sided(option: &str, is_missing: bool) -> String {
    format!("{option} ({})", if is_missing { "missing now" } else { "not said then" })
}

fn word(text: &str) -> String {
    settings::quoted(OsStr::new(text))
}

/// The command with a state beside the first input that is not there yet.
fn anew(subject: &Subject<'_>) -> String {
    let input = &subject.args.inputs[0];
    let beside = match &subject.args.state {
        Some(state) => state.clone().into_os_string(),
        None => input.clone().into_os_string(),
    };
    let base = beside.to_str().map_or(&*beside, |text| OsStr::new(text.trim_end_matches(".bulkhaul")));
    let named = |number: u32| {
        let mut name = base.to_owned();
        name.push(format!(".{number}.bulkhaul"));
        name
    };
    let free = (2..1000).map(named).find(|name| !PathBuf::from(name).exists()).unwrap_or_default();
    format!("{} --state {}", settings::resume_without("--state", subject.arguments), settings::quoted(&free))
}

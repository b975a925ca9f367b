//! Another target or mapping than the one that a state's import began with: refused, unless nothing of that import ever
//! left, so that nothing was promised to anyone.

use super::inputs::InputFacts;
use super::opening::Subject;
use crate::edge::ledger::Found;
use crate::error::{Error, exit};
use crate::model::ImportState;
use crate::report::speech::count;
use crate::settings;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Whether these settings are others than those of the import, and may begin anew in its state.
pub(super) fn may_begin_anew(subject: &Subject<'_>, found: &Found) -> bool {
    // The ledger alone has the rows of a stream.
    let is_of_stream = || {
        let inputs: Vec<InputFacts> = serde_json::from_str(&found.inputs).unwrap_or_default();
        inputs.is_empty() || inputs.iter().any(InputFacts::is_stream)
    };
    found.import.identity != subject.identity() && !found.has_left && !is_of_stream() && !is_replayed(subject)
}

fn is_replayed(subject: &Subject<'_>) -> bool {
    settings::state_path(subject.args).is_ok_and(|state| state.join("replays").is_dir())
}

/// What goes on instead.
pub(super) fn refuse(subject: &Subject<'_>, found: &Found) -> Error {
    let rows = &found.tally;
    let beside = beside(&subject.args.inputs[0]);
    let is_in_vain = rows.delivered + rows.in_doubt + rows.pending == 0 && !is_replayed(subject);
    let old = match found.import.state {
        ImportState::Abandoned => "use the settings it began with, and --again",
        ImportState::Open | ImportState::Complete(_) => "use the settings it began with",
    };
    let mut hint = if is_in_vain {
        format!("nothing of it was delivered, so these settings can begin another import: --state {beside}")
    } else {
        let which =
            if is_replayed(subject) { "all rows, also what replays have delivered" } else { "all rows" };
        format!("{old}, or begin another import, which sends {which}: --state {beside}")
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
    Error::new(exit::NOT_THE_SAME, "the import here goes to another target, or maps its rows another way")
        .hint(hint)
}

/// A state beside the first input that is not there yet.
fn beside(input: &Path) -> String {
    if input.as_os_str() == "-" {
        return "DIR".to_owned();
    }
    let named = |number: u32| format!("{}.{number}.bulkhaul", input.display());
    let free = (2..1000).map(named).find(|name| !PathBuf::from(name).exists()).unwrap_or_default();
    settings::quoted(OsStr::new(&free))
}

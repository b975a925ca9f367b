//! The replays of an import, in `replays/N` of its state. Which of its dead letters are still open follows from their
//! ledgers: nothing is written into the import's own, which another run may hold.

use super::opening::ledger_error;
use crate::edge::ledger::{ReplayView, Standing, View};
use crate::edge::state_dir::StateDir;
use crate::edge::status_file;
use crate::error::Error;
use crate::model::{Letter, LetterId, Ordinal};
use std::path::{Path, PathBuf};

/// Where a dead letter stands over all replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Delivered,
    InDoubt,
}

/// All replays of one import's state.
#[derive(Debug, Default)]
pub(super) struct Replays {
    /// Ascending by number.
    list: Vec<(u64, ReplayView)>,
    /// One is running at this moment, and is not among them.
    pub(super) is_running: bool,
}

impl Replays {
    pub(super) fn of(root: &Path) -> Result<Self, Error> {
        let mut it = Self { list: Vec::new(), is_running: false };
        for (number, folder) in folders(root) {
            let unreadable = |error: std::io::Error| {
                Error::failed(format!("the replay in `{}` cannot be read: {error}", folder.display()))
            };
            if StateDir::is_held(&folder).map_err(unreadable)? {
                it.is_running = true;
                continue;
            }
            let view = ReplayView::open(&folder.join("ledger.db")).map_err(|error| ledger_error(&error))?;
            it.list.extend(view.map(|view| (number, view)));
        }
        Ok(it)
    }

    pub(super) fn newest(&self) -> Option<&(u64, ReplayView)> {
        self.list.last()
    }

    pub(super) fn views(&self) -> impl Iterator<Item = &ReplayView> {
        self.list.iter().map(|(_, view)| view)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The replay that wrote a letter, if one did.
    pub(super) fn writer(&self, import_id: &str) -> Option<&ReplayView> {
        self.views().find(|view| view.import().id.hex() == import_id)
    }

    /// The names of a letter's rows: one, or as many as it speaks of. A letter that a replay wrote is named as the one
    /// that its row was taken from. `newest` is the import that a letter is of which does not say so. None for a letter
    /// that does not say where it stood.
    pub(super) fn names(
        &self,
        letter: &Letter,
        rows: u64,
        newest: Option<&str>,
    ) -> Result<Option<Vec<LetterId>>, Error> {
        let source = letter.source.as_ref().filter(|source| source.row > 0);
        let (Some(source), Some(import_id)) = (source, letter.import_id.as_deref().or(newest)) else {
            return Ok(None);
        };
        let own = |index: u64| LetterId::of_place(import_id, &source.input, source.row, index);
        let Some(view) = self.writer(import_id) else {
            let first = u64::from(letter.is_doubt());
            return Ok(Some((first..first + rows).map(own).collect()));
        };
        let first = Ordinal(source.row - 1);
        let ordinals: Vec<Ordinal> = match view.in_doubt_from(first) {
            Some(set) if letter.is_doubt() && set.len() == rows => set.iter().collect(),
            _ => (0..rows).map(|index| Ordinal(first.0 + index)).collect(),
        };
        let taken_from = |(index, ordinal): (usize, Ordinal)| {
            let found = view.letter(ordinal).map_err(|error| ledger_error(&error))?;
            Ok(found.unwrap_or_else(|| own(index as u64)))
        };
        ordinals.into_iter().enumerate().map(taken_from).collect::<Result<_, Error>>().map(Some)
    }

    /// What has become of a letter. One that no replay knows is open.
    pub(super) fn fate(&self, letter: LetterId) -> Result<Fate, Error> {
        let mut fate = Fate::Open;
        for view in self.views() {
            match view.standing(letter).map_err(|error| ledger_error(&error))? {
                Some(Standing::Delivered) => return Ok(Fate::Delivered),
                Some(Standing::InDoubt) => fate = Fate::InDoubt,
                Some(Standing::RefusedAgain | Standing::Waiting) | None => {}
            }
        }
        Ok(fate)
    }
}

/// The folders of replays that have a ledger, ascending by their numbers.
fn folders(root: &Path) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(root.join("replays")).into_iter().flatten().flatten();
    let number = |path: PathBuf| Some((path.file_name()?.to_str()?.parse::<u64>().ok()?, path));
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| number(entry.path()))
        .filter(|(_, path)| path.join("ledger.db").is_file())
        .collect();
    found.sort_unstable();
    found
}

/// The state that a folder's replays belong to: its own, or that of the import whose replay it is itself.
pub(super) fn root_of_state(state: &Path) -> PathBuf {
    let whole = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let above = whole.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "replays"));
    if above.is_none() {
        return state.to_owned();
    }
    // `..` would do, and nobody wants to read it.
    match state.parent().and_then(Path::parent) {
        Some(root) if !root.as_os_str().is_empty() => root.to_owned(),
        _ => above.and_then(Path::parent).map_or_else(|| state.to_owned(), Path::to_owned),
    }
}

/// The state whose dead letters a file holds: the folder that it lies in, or the one near by that knows its import.
pub(super) fn state_of_file(file: &Path, import_id: Option<&str>) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    if folder.join("ledger.db").is_file() {
        return Some(root_of_state(folder));
    }
    let import_id = import_id?;
    let mut near: Vec<PathBuf> = [folder, Path::new(".")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "bulkhaul"))
        .collect();
    near.sort();
    near.into_iter().map(|path| path.strip_prefix(".").map_or(path.clone(), Path::to_owned)).find(|state| {
        knows(state, import_id) || folders(state).iter().any(|(_, replay)| knows(replay, import_id))
    })
}

/// Whether this state holds the import. While a run has it, what it tells of itself counts.
fn knows(state: &Path, import_id: &str) -> bool {
    let ledger = state.join("ledger.db");
    if !ledger.is_file() {
        return false;
    }
    if StateDir::is_held(state).unwrap_or(true) {
        let told = status_file::read(state).ok().flatten().unwrap_or_default();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_default();
        return told["import_id"] == import_id;
    }
    View::open(&ledger).and_then(|view| view.knows(import_id)).unwrap_or(false)
}

//! The replays of an import, in `replays/N` of its state. Which of its dead letters are still open follows from their
//! ledgers: nothing is written into the import's own, which another run may hold.

use super::doubts;
use super::opening::ledger_error;
use super::send::Job;
use crate::edge::ledger::{
    BatchOf, Ledger, LedgerError, ReplayView, RowsWithoutEnd, Standing, ToldDoubt, View,
};
use crate::edge::state_dir::{self, StateDir, StateError};
use crate::edge::status_file;
use crate::error::{Error, exit};
use crate::model::{BatchSeq, ImportState, Letter, LetterId, Ordinal, Recovered, Unsettled, UnsettledState};
use crate::report::rejects::{Asked, UnderWay};
use crate::report::speech;
use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Where a dead letter stands over all replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Delivered,
    InDoubt,
    /// The import has taken it up again itself, and it is on its way.
    Pending,
    /// The import has taken it up again itself, and it has its end.
    Settled,
}

/// The import's own ledger, which no run holds: it may have taken rows out of doubt itself.
#[derive(Debug)]
struct Own {
    view: View,
    /// The number of its newest import, if one has begun.
    newest: Option<u64>,
    /// Letters of earlier imports were looked for: it takes long where they are many, and few ask about them.
    has_looked: Cell<bool>,
    without_end: RowsWithoutEnd,
}

impl Own {
    fn of(root: &Path) -> Result<Option<Self>, Error> {
        let path = root.join("ledger.db");
        if !path.is_file() || StateDir::is_held(root).unwrap_or(true) {
            return Ok(None);
        }
        let open = || {
            let view = View::open(&path)?;
            let newest = view.newest()?.map(|newest| newest.import.number);
            let without_end = view.rows_without_end()?;
            Ok(Self { view, newest, has_looked: Cell::new(false), without_end })
        };
        open().map(Some).map_err(|error: LedgerError| ledger_error(&error))
    }

    /// A later import has taken this letter over.
    fn is_over(&self, letter: LetterId) -> Result<bool, Error> {
        let Some(newest) = self.newest else { return Ok(false) };
        if !self.has_looked.get() {
            self.view.find_earlier(newest).map_err(|error| ledger_error(&error))?;
            self.has_looked.set(true);
        }
        self.view.is_over(letter).map_err(|error| ledger_error(&error))
    }

    /// What has become of the rows that a letter about a whole request speaks of: those at these places of it.
    fn fates(&self, letter: &Letter, places: &[u64]) -> Result<Option<Vec<Fate>>, Error> {
        let Some(batch) = batch_of(&self.view, letter)? else { return Ok(None) };
        let lists = self.without_end.get(&batch.rank).map(Vec::as_slice).unwrap_or_default();
        let fate = |ordinal| match lists.iter().find(|list| list.rows.contains(ordinal)) {
            Some(list) if !list.is_doubt => Fate::Pending,
            // In doubt anew, and a letter of its own says so.
            Some(list) if list.told_by.is_some_and(|teller| teller != batch.seq) => Fate::Settled,
            Some(_) => Fate::Open,
            None => Fate::Settled,
        };
        let fates: Vec<Fate> = batch.rows.iter().map(fate).collect();
        // More than there were, and nobody knows which.
        let other = fates.iter().copied().find(|fate| *fate != Fate::Settled).unwrap_or(Fate::Settled);
        let at = |place: &u64| fates.get(*place as usize).copied().unwrap_or(other);
        Ok(Some(places.iter().map(at).collect()))
    }
}

/// The request that a letter is about, if it is about a whole one.
fn batch_of(view: &View, letter: &Letter) -> Result<Option<BatchOf>, Error> {
    let Some(key) = letter.batch.as_deref().filter(|_| letter.is_doubt()) else { return Ok(None) };
    view.batch_of(key).map_err(|error| ledger_error(&error))
}

/// All replays of one import's state.
#[derive(Debug, Default)]
pub(super) struct Replays {
    /// Ascending by number.
    list: Vec<(u64, ReplayView)>,
    /// One is running at this moment, and is not among them.
    pub(super) is_running: bool,
    own: Option<Own>,
}

impl Replays {
    pub(super) fn of(root: &Path) -> Result<Self, Error> {
        let mut it = Self { list: Vec::new(), is_running: false, own: Own::of(root)? };
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

    /// There was none, and none is on.
    pub(super) fn is_none(&self) -> bool {
        self.list.is_empty() && !self.is_running
    }

    /// What is known of rows that are open, `unsure` of which a replay has sent.
    pub(super) fn under_way(&self, unsure: u64) -> UnderWay {
        match self.newest() {
            _ if self.is_running => UnderWay::Running,
            Some((number, view)) if view.import().state == ImportState::Open => UnderWay::Stopped(*number),
            _ if unsure > 0 => UnderWay::InDoubt(unsure),
            _ => UnderWay::None,
        }
    }

    /// The newest replay, if it is complete and has left rows in doubt: its own command ends that.
    fn asking(&self) -> Option<&(u64, ReplayView)> {
        let is_asking = |view: &ReplayView| {
            matches!(view.import().state, ImportState::Complete(_)) && view.tally().in_doubt > 0
        };
        self.newest().filter(|(_, view)| !self.is_running && is_asking(view))
    }

    /// Replays that have left rows in doubt which none behind them has delivered, and how many.
    pub(super) fn in_doubt(&self) -> Result<Vec<(u64, u64)>, Error> {
        let mut all = Vec::new();
        for (number, view) in &self.list {
            let requests = view.view().requests_in_doubt(view.import().number);
            let mut rows = 0;
            for ordinal in requests
                .map_err(|error| ledger_error(&error))?
                .iter()
                .flat_map(|(batch, _)| batch.rows.iter())
            {
                let letter = view.letter(ordinal).map_err(|error| ledger_error(&error))?;
                let fate = letter.map_or(Ok(Fate::InDoubt), |letter| self.fate(letter))?;
                rows += u64::from(fate == Fate::InDoubt);
            }
            all.extend((rows > 0).then_some((*number, rows)));
        }
        Ok(all)
    }

    /// Whether the doubt about a letter's row is one that the newest replay's own command ends.
    pub(super) fn asks(&self, letter: LetterId) -> Result<bool, Error> {
        let Some((_, view)) = self.asking() else { return Ok(false) };
        let standing = view.standing(letter).map_err(|error| ledger_error(&error))?;
        Ok(standing == Some(Standing::InDoubt))
    }

    /// What ends it, for so many rows.
    pub(super) fn asked(&self, rows: u64) -> Option<Asked> {
        let (replay, view) = self.asking().filter(|_| rows > 0)?;
        let state = view.folder().to_owned();
        let told = doubts::told(&state, Some(&view.import().id.hex()));
        let harmless = told.as_ref().is_some_and(|told| told.harmless);
        Some(Asked { replay: *replay, rows, state, command: told.and_then(|told| told.command), harmless })
    }

    pub(super) fn newest(&self) -> Option<&(u64, ReplayView)> {
        self.list.last()
    }

    pub(super) fn numbered(&self) -> &[(u64, ReplayView)] {
        &self.list
    }

    pub(super) fn views(&self) -> impl Iterator<Item = &ReplayView> {
        self.list.iter().map(|(_, view)| view)
    }

    /// The replay that wrote a letter, if one did.
    pub(super) fn writer(&self, import_id: &str) -> Option<&ReplayView> {
        self.views().find(|view| view.import().id.hex() == import_id)
    }

    /// The import's ledger, and those of its replays.
    pub(super) fn ledgers(&self) -> impl Iterator<Item = &View> {
        self.own.iter().map(|own| &own.view).chain(self.views().map(ReplayView::view))
    }

    /// The names of a letter's rows: of one, or of those at these places of a letter about several. A letter that a replay
    /// wrote is named as the one that its row was taken from. `newest` is the import that a letter is of which does not say
    /// so. None for a letter that does not say where it stood.
    pub(super) fn names(
        &self,
        letter: &Letter,
        places: &[u64],
        newest: Option<&str>,
    ) -> Result<Option<Vec<LetterId>>, Error> {
        let source = letter.source.as_ref().filter(|source| source.row > 0);
        let (Some(source), Some(import_id)) = (source, letter.import_id.as_deref().or(newest)) else {
            return Ok(None);
        };
        let own = |index: u64| LetterId::of_place(import_id, &source.input, source.row, index);
        let Some(view) = self.writer(import_id) else {
            let first = u64::from(letter.is_doubt());
            return Ok(Some(places.iter().map(|place| own(first + place)).collect()));
        };
        let rows: Vec<Ordinal> =
            batch_of(view.view(), letter)?.map_or(Vec::new(), |batch| batch.rows.iter().collect());
        let taken_from = |place: &u64| {
            let ordinal = rows.get(*place as usize).copied().unwrap_or(Ordinal(source.row - 1 + place));
            let found = view.letter(ordinal).map_err(|error| ledger_error(&error))?;
            Ok(found.unwrap_or_else(|| own(*place)))
        };
        places.iter().map(taken_from).collect::<Result<_, Error>>().map(Some)
    }

    /// Whether a later import of the state has taken over each of a letter's rows, by their names: those of a letter that a
    /// replay wrote are of several letters.
    pub(super) fn are_over(&self, names: Option<&[LetterId]>, rows: usize) -> Result<Vec<bool>, Error> {
        let Some(names) = names else { return Ok(vec![false; rows]) };
        names.iter().map(|name| self.is_over(*name)).collect()
    }

    pub(super) fn is_over(&self, letter: LetterId) -> Result<bool, Error> {
        self.own.as_ref().map_or(Ok(false), |own| own.is_over(letter))
    }

    /// What the import itself has made since of the rows at these places of a letter.
    pub(super) fn own_fates(&self, letter: &Letter, places: &[u64]) -> Result<Vec<Fate>, Error> {
        let fates = self.own.as_ref().map_or(Ok(None), |own| own.fates(letter, places))?;
        Ok(fates.unwrap_or_else(|| vec![Fate::Open; places.len()]))
    }

    /// Batches of the import whose rows are in doubt and were taken over by a replay: it sees to them.
    pub(super) fn taken_over(&self, ledger: &Ledger, import: u64) -> Result<HashSet<BatchSeq>, Error> {
        let mut taken = HashSet::new();
        let mut failed = None;
        let read = ledger.told_doubts(import, &mut |doubt| {
            match self.is_taken(&doubt) {
                Ok(true) => {
                    taken.insert(doubt.batch);
                }
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
            Ok(())
        });
        read.map_err(|error| ledger_error(&error))?;
        failed.map_or(Ok(taken), Err)
    }

    fn is_taken(&self, doubt: &ToldDoubt<'_>) -> Result<bool, Error> {
        let letter = Letter::read(doubt.letter).map_err(LedgerError::Refused);
        let letter = letter.map_err(|error| ledger_error(&error))?;
        let names = self.names(&letter, &in_order(doubt.letter_rows.len()), None)?.unwrap_or_default();
        let rows = doubt.letter_rows.iter().zip(names);
        let names = rows.filter(|(ordinal, _)| doubt.rows.contains(*ordinal)).map(|(_, name)| name);
        for (name, view) in names.flat_map(|name| self.views().map(move |view| (name, view))) {
            let is_taken = match view.standing(name).map_err(|error| ledger_error(&error))? {
                None => false,
                // Given up before it was its turn, it is nobody's.
                Some(Standing::Waiting) => view.import().state == ImportState::Open,
                Some(_) => true,
            };
            if is_taken {
                return Ok(true);
            }
        }
        Ok(false)
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

/// The places of a letter that nobody has edited.
pub(super) fn in_order(rows: u64) -> Vec<u64> {
    (0..rows).collect()
}

/// Takes out the rows in doubt that replays have taken over. No replay begins while what comes back lives.
pub(super) fn leave_to_replays(
    job: &Job<'_>,
    ledger: &Ledger,
    recovered: &mut Recovered,
) -> Result<Option<StateDir>, Error> {
    let place = job.state.path().join("replays");
    if !place.is_dir() {
        return Ok(None);
    }
    let turn = StateDir::take(&place).map_err(|error| match error {
        StateError::Held => replay_runs(),
        StateError::Io(error) => Error::failed(format!("cannot use `{}`: {error}", place.display())),
    })?;
    let replays = Replays::of(job.state.path())?;
    let taken = replays.taken_over(ledger, recovered.import.number)?;
    let is_left = |unsettled: &Unsettled| {
        matches!(unsettled.state, UnsettledState::Parked { .. }) && taken.contains(&unsettled.batch.seq)
    };
    let left: u64 =
        recovered.unsettled.iter().filter(|batch| is_left(batch)).map(|batch| batch.batch.rows.len()).sum();
    recovered.unsettled.retain(|batch| !is_left(batch));
    if left > 0 && !job.args.quiet {
        let rows = speech::count(left, "row");
        speech::say(&format!("note: {rows} in doubt left alone: a replay has taken them over"));
    }
    Ok(Some(turn))
}

pub(super) fn replay_runs() -> Error {
    Error::new(exit::HELD, "a replay of this import runs, and may send the same rows")
        .hint("wait for it to end, then run the same command again")
}

/// The folders of replays.
fn folders(root: &Path) -> Vec<(u64, PathBuf)> {
    state_dir::numbered(&root.join("replays"))
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

/// The states whose dead letters a file may hold: the folder that it lies in, or those near by that know its import.
pub(super) fn states_of_file(file: &Path, import_id: Option<&str>) -> Vec<PathBuf> {
    let here = Path::new(".");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(here);
    if folder.join("ledger.db").is_file() {
        return vec![root_of_state(folder)];
    }
    let Some(import_id) = import_id else { return Vec::new() };
    let list = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let mut near = [vec![here.to_owned()], list(here), list(folder)].concat();
    let mut seen = HashSet::new();
    near.retain(|state| state.join("ledger.db").is_file() && seen.insert(state.canonicalize().ok()));
    near.retain(|state| {
        knows(state, import_id) || folders(state).iter().any(|(_, replay)| knows(replay, import_id))
    });
    near.sort();
    let plain = |state: &PathBuf| {
        state.strip_prefix(".").ok().filter(|rest| *rest != Path::new("")).map(Path::to_owned)
    };
    near.into_iter().map(|state| plain(&state).unwrap_or(state)).collect()
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

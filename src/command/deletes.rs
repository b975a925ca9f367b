//! `--deletes`: rows that were delivered and that the feed no longer has are deleted at the target, by the profile's
//! `[delete]`. That is an import of its own, in `deletes/N` of the state, with the fields of the key as its rows. It ends
//! before the feed's first row is sent, and what came of it is taken in once; what was not deleted is still known, and
//! so it is missing again next time.

use super::another_mapping::identity;
use super::missing::{Missing, failed, layout};
use super::opening::{self, ledger_error, source_error};
use super::send::{Job, Turn, take_state};
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::fingerprint::Fingerprint;
use crate::edge::ledger::{KeyTexts, Ledger, LedgerError, ReplayView};
use crate::edge::source::Source;
use crate::edge::state_dir::{self, StateDir};
use crate::edge::status_file;
use crate::error::{Error, exit};
use crate::model::{BatchSeq, Digest, Hasher, ImportId, ImportRecord, ImportState, LetterId};
use crate::report::{Closing, Deleted, Deletion, speech};
use crate::target::Target;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rows of a deletion.
const ROWS: &str = "rows.ndjson";

/// Whether the fields of keys are kept: where there is a way to delete by them.
pub(super) fn key_texts(target: &Target) -> KeyTexts {
    if target.deletion().is_some() { KeyTexts::Kept } else { KeyTexts::NotKept }
}

/// The target that deletes, if that is asked for.
pub(super) fn target(args: &SendArgs, target: &Target) -> Result<Option<Arc<Target>>, Error> {
    if !args.deletes {
        return Ok(None);
    }
    let deletion = target.deletion().cloned().map(Arc::new);
    deletion.map(Some).ok_or_else(|| {
        Error::failed(format!(
            "nobody knows how rows are deleted at `{}`: its profile has no [delete]",
            target.name()
        ))
        .hint(format!(
            "leave --deletes out, or write into a profile of your own how it is done, with the fields of your key:\n{}",
            lines_to_paste(target.name())
        ))
    })
}

/// What deletions are made with.
pub(super) struct Deletes<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) stage: &'a RefCell<Stage>,
    /// The feed's.
    pub(super) closing: &'a Closing<'a>,
    pub(super) target: Option<Arc<Target>>,
}

pub(super) fn folder(state: &Path, number: u64) -> PathBuf {
    state.join("deletes").join(number.to_string())
}

fn lines_to_paste(name: &str) -> String {
    format!(
        "  [profile]\n  version = 1\n  name = \"{name}-of-mine\"\n  extends = \"{name}\"\n  [delete]\n  method = \"DELETE\"\n  \
         url = \"${{param.base}}/items/${{row:/id}}\"\n  format = \"empty\"\n  rows = 1"
    )
}

/// The deletions in a state that no run holds, by their numbers.
fn all(state: &Path) -> Result<Vec<(u64, ReplayView)>, Error> {
    let mut all = Vec::new();
    for (number, folder) in state_dir::numbered(&state.join("deletes")) {
        let view = ReplayView::open(&folder.join("ledger.db")).map_err(|error| ledger_error(&error))?;
        all.extend(view.map(|view| (number, view)));
    }
    Ok(all)
}

/// What has become of the rows that the last feed of a state no longer had; no run holds the state.
pub(super) fn of_last_feed(state: &Path) -> Result<Option<Deletion>, Error> {
    let mut all = all(state)?;
    let Some((number, last)) = all.pop() else { return Ok(None) };
    let is_open = last.import().state == ImportState::Open;
    let mut tally = *last.tally();
    let left = tally.rejected + tally.in_doubt;
    let rows =
        if is_open { last.taken().map_err(|error| ledger_error(&error))? } else { tally.delivered + left };
    // What was left of those before it was missing again, and so it is among these, or it was back.
    let before: u64 = all.iter().map(|(_, view)| view.tally().delivered).sum();
    tally.delivered += before;
    let folder = folder(state, number);
    let told = if is_open { status_file::read(&folder).ok().flatten() } else { None };
    let told: Option<serde_json::Value> = told.and_then(|told| serde_json::from_str(&told).ok());
    let said =
        |told: &serde_json::Value| told["resume"].as_str().or(told["command"].as_str()).map(str::to_owned);
    let command = told.as_ref().and_then(said);
    Ok(Some(Deletion { folder, is_open, rows: rows + before, tally, command }))
}

/// Gives up a deletion that was broken off, where there is one; the next run takes in what came of it.
pub(super) fn abandon(state: &Path, ledger: &Ledger) -> Result<Option<Deleted>, Error> {
    let number = ledger.last_deletion().map_err(|error| ledger_error(&error))? + 1;
    let folder = folder(state, number);
    if !folder.join("ledger.db").is_file() {
        return Ok(None);
    }
    let mut own = open(&take_state(&folder)?)?;
    match own.newest().map_err(|error| ledger_error(&error))? {
        Some(found) if found.import.state == ImportState::Open => {}
        _ => return Ok(None),
    }
    let (found, _) = opening::abandon(&mut own, "import")?;
    own.close().map_err(|error| ledger_error(&error))?;
    Ok(Some(Deleted::of(&found.tally, &folder)))
}

/// An import came to its end.
pub(super) fn is_good(code: u8) -> bool {
    matches!(code, exit::COMPLETE | exit::DEAD_LETTERS | exit::IN_DOUBT)
}

impl Deletes<'_> {
    fn folder(&self, number: u64) -> PathBuf {
        folder(self.job.state.path(), number)
    }

    /// Brings what may have left of a deletion that was broken off to its end, or gives it up where it is not asked for
    /// any more, and takes in what came of it: how it ended, where there was one. What is in the feed again is left alone,
    /// and sent; what has not left and is still `missing` is deleted anew.
    pub(super) fn settle(&self, ledger: &mut Ledger, missing: Option<&Missing>) -> Result<Option<u8>, Error> {
        let number = ledger.last_deletion().map_err(|error| ledger_error(&error))? + 1;
        let folder = self.folder(number);
        if !folder.join("ledger.db").is_file() {
            return Ok(None);
        }
        let state = take_state(&folder)?;
        let mut own = open(&state)?;
        let Some(found) = own.newest().map_err(|error| ledger_error(&error))? else { return Ok(None) };
        let import = found.import;
        let still = still_to_go(&own, &import, self.target.as_deref(), missing)?;
        let code = match (&self.target, still, import.state) {
            (Some(target), Some(still), _) => {
                own.close_input(import.number).map_err(|error| ledger_error(&error))?;
                let source = Source::nothing(&layout()).map_err(|error| source_error(&error))?;
                self.run((own, Some(still)), import, source, &state, Arc::clone(target))?
            }
            (_, _, ImportState::Open) => {
                opening::abandon(&mut own, "import")?;
                own.close().map_err(|error| ledger_error(&error))?;
                exit::COMPLETE
            }
            (_, _, state) => {
                own.close().map_err(|error| ledger_error(&error))?;
                if let ImportState::Complete(code) = state { code } else { exit::COMPLETE }
            }
        };
        self.take_in(ledger, number, code).map(Some)
    }

    /// Another feed is taken: what there is to be looked at of deletions before it goes, if it will be tried again.
    pub(super) fn forget(&self, ledger: &Ledger) -> Result<(), Error> {
        let last = ledger.last_deletion().map_err(|error| ledger_error(&error))?;
        for (number, view) in all(self.job.state.path())? {
            let is_done = view.tally().rejected + view.tally().in_doubt == 0;
            if number <= last && (is_done || self.target.is_some()) {
                drop(view);
                let _ = std::fs::remove_dir_all(self.folder(number));
            }
        }
        Ok(())
    }

    /// Deletes what is missing; how that ended, where there was anything.
    pub(super) fn delete(&self, ledger: &mut Ledger, missing: Missing) -> Result<Option<u8>, Error> {
        let number = ledger.last_deletion().map_err(|error| ledger_error(&error))? + 1;
        let Some(target) = self.target.clone().filter(|_| missing.rows() > 0) else {
            missing.discard();
            return Ok(None);
        };
        let state = take_state(&self.folder(number))?;
        let rows = state.path().join(ROWS);
        let keys = missing.keep(&rows)?;
        let mut own = open(&state)?;
        let import = write_down(&mut own, number, &rows, &keys, &target)?;
        let source = Source::open(&[rows], &layout()).map_err(|error| source_error(&error))?;
        let code = self.run((own, None), import, source, &state, target)?;
        self.take_in(ledger, number, code).map(Some)
    }

    /// `only` these requests, where that is not all that have no end.
    fn run(
        &self,
        (own, only): (Ledger, Option<Vec<BatchSeq>>),
        import: ImportRecord,
        source: Source,
        state: &StateDir,
        target: Arc<Target>,
    ) -> Result<u8, Error> {
        let rows = vec![state.path().join(ROWS)];
        let layout = layout();
        let dead_letters = letters_in(state.path());
        let closing = self.closing.of_deletion(target.name(), &dead_letters);
        let job = Job {
            args: self.job.args,
            layout: &layout,
            target,
            state,
            dead_letters: &dead_letters,
            is_deletion: true,
        };
        let names = rows.iter().map(|path| path.display().to_string()).collect();
        let is_rest = source.is_nothing();
        let turn = Turn {
            ledger: own,
            import,
            source,
            paths: rows,
            names,
            feed: None,
            is_rest,
            only,
            nth: 1,
            doubted: None,
        };
        let code = job.run(turn, &mut self.stage.borrow_mut(), &closing, exit::COMPLETE)?;
        self.closing.spend(closing.spent());
        if code == exit::FAILED {
            speech::say(
                "hint: without --deletes the feed is sent, and what is left of the deletion given up",
            );
        }
        Ok(code)
    }

    /// What came of a deletion that has ended. Its folder tells of it until the next feed is taken.
    fn take_in(&self, ledger: &mut Ledger, number: u64, code: u8) -> Result<u8, Error> {
        let folder = self.folder(number);
        let view = ReplayView::open(&folder.join("ledger.db")).map_err(|error| ledger_error(&error))?;
        let view = view.ok_or_else(|| Error::new(exit::LEDGER, "a deletion has lost its beginning"))?;
        if view.import().state != ImportState::Open {
            ledger.fold_deletion(number, &view).map_err(|error| ledger_error(&error))?;
        }
        Ok(code)
    }
}

/// The requests of a deletion that was broken off whose rows are all still `missing`; `None` where it is given up, or over.
pub(super) fn still_to_go(
    own: &Ledger,
    import: &ImportRecord,
    target: Option<&Target>,
    missing: Option<&Missing>,
) -> Result<Option<Vec<BatchSeq>>, Error> {
    let (Some(target), Some(missing), ImportState::Open) = (target, missing, import.state) else {
        return Ok(None);
    };
    if import.identity != own_identity(target) {
        return Ok(None);
    }
    let open = own.open_keys(import.number).map_err(|error| ledger_error(&error))?;
    let still = open.into_iter().filter(|(_, rows)| missing.lacks(rows)).map(|(seq, _)| seq);
    Ok(Some(still.collect()))
}

/// Which key each row was, and the import: durable together.
fn write_down(
    own: &mut Ledger,
    number: u64,
    rows: &Path,
    keys: &[LetterId],
    target: &Target,
) -> Result<ImportRecord, Error> {
    let facts = Fingerprint::of(rows).map_err(|error| failed(rows, &error))?;
    let identity = own_identity(target);
    let id = ImportId::derive(identity, &[(facts.head, facts.size)], number);
    let import = ImportRecord { number: 1, id, identity, state: ImportState::Open };
    let mut write = || {
        let mut book = own.replaying()?;
        keys.iter().try_for_each(|key| book.take(*key, false))?;
        book.begin(&import, "[]")
    };
    write().map_err(|error: LedgerError| ledger_error(&error))?;
    Ok(import)
}

/// Another `[delete]` is another deletion.
fn own_identity(target: &Target) -> Digest {
    Hasher::new("bulkhaul/deletes").field(&identity(target.identity(), &layout()).0).finish()
}

fn open(state: &StateDir) -> Result<Ledger, Error> {
    let path = state.ledger_file().map_err(|error| ledger_error(&error.into()))?;
    Ledger::open(&path, &letters_in(state.path())).map_err(|error| ledger_error(&error))
}

/// Whether a folder is called as that of a deletion is.
pub(super) fn is_folder_of_one(folder: &Path) -> bool {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let is_numbered = folder.file_name().is_some_and(|name| name.to_string_lossy().parse::<u64>().is_ok());
    is_numbered && folder.parent().is_some_and(|above| above.ends_with("deletes"))
}

fn letters_in(folder: &Path) -> PathBuf {
    folder.join("dead-letters.ndjson")
}

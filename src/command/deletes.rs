//! `--deletes`: rows that were delivered and that the feed no longer has are deleted at the target, by the profile's
//! `[delete]`. That is an import of its own, in `deletes/N` of the state, with the fields of the key as its rows. It ends
//! before the feed's first row is sent, and what came of it is taken in once; what was not deleted is still known, and
//! so it is missing again next time.

use super::opening::{self, identity, ledger_error, source_error};
use super::send::{Job, Turn, take_state};
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::fingerprint::Fingerprint;
use crate::edge::ledger::{KeyHash, KeyTexts, Ledger, LedgerError, ReplayView};
use crate::edge::source::{Format, Layout, Source};
use crate::edge::state_dir::StateDir;
use crate::engine::MaxRejects;
use crate::error::{Error, exit};
use crate::model::{Digest, Hasher, ImportId, ImportRecord, ImportState, LetterId};
use crate::report::{Closing, Deleted, Deletion, speech};
use crate::target::Target;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rows of a deletion.
const ROWS: &str = "rows.ndjson";
/// What is allowed where nothing is said.
const MAX: MaxRejects = MaxRejects::Percent(10.0);

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
        .hint("write [delete] into a profile of your own that extends it, or leave --deletes out")
    })
}

/// Rows that a feed no longer has, by their keys, ascending; written down as they are found.
pub(super) struct Missing {
    path: PathBuf,
    out: BufWriter<File>,
    keys: Vec<LetterId>,
    /// The fields of their keys are not known.
    nameless: u64,
    /// Rows that were known.
    known: u64,
}

impl Missing {
    pub(super) fn gather(state: &Path) -> Result<Self, Error> {
        let path = state.join("missing.ndjson");
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let out = BufWriter::new(out.map_err(|error| failed(&path, &error))?);
        Ok(Self { path, out, keys: Vec::new(), nameless: 0, known: 0 })
    }

    /// A known row; `is_there` in the feed.
    pub(super) fn add(&mut self, ledger: &Ledger, key: KeyHash, is_there: bool) -> Result<(), LedgerError> {
        self.known += 1;
        if is_there {
            return Ok(());
        }
        match ledger.key_fields(key)? {
            Some(fields) => {
                writeln!(self.out, "{fields}")?;
                self.keys.push(LetterId(key));
            }
            None => self.nameless += 1,
        }
        Ok(())
    }

    /// `unread` rows of the feed may have any key: then nothing is missing for sure.
    pub(super) fn check(&mut self, args: &SendArgs, unread: u64) -> Result<(), Error> {
        let missing = self.keys.len() as u64;
        let max = args.max_deletes.map_or(MAX, |max| max.0);
        if unread > 0 && missing > 0 {
            self.keys.clear();
            let unread = speech::count(unread, "row");
            speech::say(&format!(
                "note: nothing is deleted: {unread} of the feed cannot be read, and may be what it seems to lack"
            ));
        } else if exceeds(max, missing, self.known) {
            let _ = std::fs::remove_file(&self.path);
            let allowed = match max {
                MaxRejects::Rows(rows) => speech::count(rows, "row"),
                MaxRejects::Percent(percent) => format!("{percent} % of them"),
            };
            let words = format!(
                "the feed lacks {missing} of {} that were delivered, and --max-deletes allows {allowed}",
                speech::count(self.known, "row")
            );
            return Err(Error::stopped("max-deletes", words)
                .hint(format!("is it whole? if it is: --max-deletes {missing}")));
        }
        if self.nameless > 0 && !args.quiet {
            let rows = speech::count(self.nameless, "row");
            speech::say(&format!(
                "note: {rows} that the feed no longer has stay: they were delivered before there was a way to delete"
            ));
        }
        Ok(())
    }
}

/// Whether so many of so many are more than is allowed.
pub(super) fn exceeds(max: MaxRejects, part: u64, whole: u64) -> bool {
    match max {
        MaxRejects::Rows(rows) => part > rows,
        MaxRejects::Percent(percent) => part as f64 * 100.0 > percent * whole as f64,
    }
}

/// What deletions are made with.
pub(super) struct Deletes<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) stage: &'a RefCell<Stage>,
    pub(super) arguments: &'a [OsString],
    pub(super) target: Option<Arc<Target>>,
}

fn folder(state: &Path, number: u64) -> PathBuf {
    state.join("deletes").join(number.to_string())
}

/// The last deletion of a state that no run holds, if it left something to be looked at.
pub(super) fn left(state: &Path) -> Result<Option<Deletion>, Error> {
    let entries = std::fs::read_dir(state.join("deletes")).into_iter().flatten().flatten();
    let number = |name: OsString| name.to_str()?.parse::<u64>().ok();
    let Some(last) = entries.filter_map(|entry| number(entry.file_name())).max() else { return Ok(None) };
    let folder = folder(state, last);
    if !folder.join("ledger.db").is_file() {
        return Ok(None);
    }
    let view = ReplayView::open(&folder.join("ledger.db")).map_err(|error| ledger_error(&error))?;
    let Some(view) = view else { return Ok(None) };
    let is_open = view.import().state == ImportState::Open;
    let (rows, tally) = (view.taken().map_err(|error| ledger_error(&error))?, *view.tally());
    let is_over = !is_open && tally.rejected + tally.in_doubt == 0;
    Ok((!is_over).then_some(Deletion { folder, is_open, rows, tally }))
}

/// How the deletion ended that went before a feed that was broken off, where not all of it was done.
pub(super) fn before(state: &Path) -> Result<Option<Over>, Error> {
    let Some(Deletion { folder, is_open: false, tally, .. }) = left(state)? else { return Ok(None) };
    let code = if tally.in_doubt > 0 { exit::IN_DOUBT } else { exit::DEAD_LETTERS };
    Ok(Some(Over { code, sums: Deleted::of(&tally, letters_in(&folder).display().to_string()) }))
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
    let found = opening::abandon(&mut own, "import")?;
    own.close().map_err(|error| ledger_error(&error))?;
    Ok(Some(Deleted::of(&found.tally, letters_in(&folder).display().to_string())))
}

/// How a deletion ended; anything but the three good ends stops the run.
pub(super) struct Over {
    pub(super) code: u8,
    pub(super) sums: Deleted,
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
    /// any more, and takes in what came of it. What has not left may be in the feed again: whatever is missing now is
    /// deleted anew.
    pub(super) fn settle(&self, ledger: &mut Ledger) -> Result<Option<Over>, Error> {
        let number = ledger.last_deletion().map_err(|error| ledger_error(&error))? + 1;
        let folder = self.folder(number);
        if !folder.join("ledger.db").is_file() {
            return Ok(None);
        }
        let state = take_state(&folder)?;
        let mut own = open(&state)?;
        let Some(found) = own.newest().map_err(|error| ledger_error(&error))? else { return Ok(None) };
        let import = found.import;
        let code = match (&self.target, import.state) {
            (Some(target), ImportState::Open) if import.identity == own_identity(target) => {
                own.close_input(import.number).map_err(|error| ledger_error(&error))?;
                let source = Source::nothing(&layout()).map_err(|error| source_error(&error))?;
                self.run(own, import, source, &state, Arc::clone(target))?
            }
            (_, ImportState::Open) => {
                opening::abandon(&mut own, "import")?;
                own.close().map_err(|error| ledger_error(&error))?;
                exit::COMPLETE
            }
            (_, state) => {
                own.close().map_err(|error| ledger_error(&error))?;
                if let ImportState::Complete(code) = state { code } else { exit::COMPLETE }
            }
        };
        self.take_in(ledger, number, code).map(Some)
    }

    /// Deletes what is missing.
    pub(super) fn delete(&self, ledger: &mut Ledger, missing: Missing) -> Result<Option<Over>, Error> {
        let Missing { path, out, keys, .. } = missing;
        let number = ledger.last_deletion().map_err(|error| ledger_error(&error))? + 1;
        // What was refused then is missing again now, or is there.
        (1..number).for_each(|old| drop(std::fs::remove_dir_all(self.folder(old))));
        let Some(target) = self.target.clone().filter(|_| !keys.is_empty()) else {
            drop(out);
            let _ = std::fs::remove_file(&path);
            return Ok(None);
        };
        let state = take_state(&self.folder(number))?;
        let rows = state.path().join(ROWS);
        let file = out.into_inner().map_err(|error| failed(&path, error.error()))?;
        file.sync_all()
            .and_then(|()| std::fs::rename(&path, &rows))
            .map_err(|error| failed(&rows, &error))?;
        let mut own = open(&state)?;
        let import = write_down(&mut own, number, &rows, &keys, &target)?;
        let source = Source::open(&[rows], &layout()).map_err(|error| source_error(&error))?;
        let code = self.run(own, import, source, &state, target)?;
        self.take_in(ledger, number, code).map(Some)
    }

    fn run(
        &self,
        own: Ledger,
        import: ImportRecord,
        source: Source,
        state: &StateDir,
        target: Arc<Target>,
    ) -> Result<u8, Error> {
        let rows = vec![state.path().join(ROWS)];
        let layout = layout();
        let dead_letters = letters_in(state.path());
        let closing = Closing::new(self.job.args, self.arguments, target.name(), &dead_letters).of_deletion();
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
        let turn = Turn { ledger: own, import, source, paths: rows, names, feed: None, is_rest, nth: 1 };
        let code = job.run(turn, &mut self.stage.borrow_mut(), &closing, exit::COMPLETE)?;
        if code == exit::FAILED {
            speech::say(
                "hint: without --deletes the feed is sent, and what is left of the deletion given up",
            );
        }
        Ok(code)
    }

    /// What came of a deletion that has ended. Its folder stays where there is something to look at.
    fn take_in(&self, ledger: &mut Ledger, number: u64, code: u8) -> Result<Over, Error> {
        let folder = self.folder(number);
        let view = ReplayView::open(&folder.join("ledger.db")).map_err(|error| ledger_error(&error))?;
        let view = view.ok_or_else(|| Error::new(exit::LEDGER, "a deletion has lost its beginning"))?;
        let letters = letters_in(&folder).display().to_string();
        let sums = Deleted::of(view.tally(), letters);
        let over = Over { code, sums };
        if view.import().state != ImportState::Open {
            ledger.fold_deletion(number, &view).map_err(|error| ledger_error(&error))?;
            drop(view);
            if over.sums.rejected + over.sums.in_doubt == 0 {
                let _ = std::fs::remove_dir_all(&folder);
            }
        }
        Ok(over)
    }
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
        keys.iter().try_for_each(|key| book.take(*key))?;
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

fn layout() -> Layout {
    Layout::new(Format::Ndjson)
}

fn letters_in(folder: &Path) -> PathBuf {
    folder.join("dead-letters.ndjson")
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot write `{}`: {error}", path.display()))
}

//! `rejects --in-doubt`: the rows in doubt themselves, for whoever looks for them at the target. They are read from the
//! input once more, or from the ledger where it keeps them; rows of which a dead letter speaks are in that.

use super::audit::unlooked;
use super::export;
use super::inputs;
use super::intake::COPY;
use super::opening::{ledger_error, names};
use super::replays::{Replays, root_of_state};
use crate::args::ExportArg;
use crate::edge::ledger::{Found, View};
use crate::edge::source::{Layout, Rereader, Source};
use crate::edge::spool;
use crate::edge::state_dir::StateDir;
use crate::error::{Error, exit};
use crate::model::{
    Circumstances, DeadLetter, FeedKey, IN_DOUBT, ImportState, Letter, Mark, Planned, Rejection,
};
use crate::report::speech;
use crate::settings;
use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Requests of one import that are in doubt, each with the reason.
struct Doubted {
    found: Found,
    names: Vec<String>,
    requests: Vec<(Planned, String)>,
    /// Of an earlier feed only rows are in doubt that no later one has sent: what rows are known by, and their keys.
    still: Option<(FeedKey, HashSet<[u8; 16]>)>,
}

/// Writes the rows to stdout.
pub(super) fn export(state: &Path, format: ExportArg) -> Result<(), Error> {
    let failed = |error: &_| ledger_error(error);
    // No run begins while this is held.
    let _look = StateDir::look(state).map_err(|error| unlooked(state, &error))?;
    let view = View::open(&state.join("ledger.db")).map_err(|error| failed(&error))?;
    let Some(newest) = view.newest().map_err(|error| failed(&error))? else { return Ok(()) };
    let all = gather(&view, &newest)?;
    let input = input(state, &all, &newest)?;
    let rows = Cell::new(0_u64);
    export::write(format, &|each| {
        rows.set(0);
        for doubted in &all {
            doubted.each(&view, input.as_ref(), &mut |letter, line| {
                rows.set(rows.get() + 1);
                each(letter, line)
            })?;
        }
        Ok(())
    })?;
    let told = view.told_in_doubt(newest.import.number).map_err(|error| failed(&error))?;
    let shown = settings::quoted(state.as_os_str());
    if told > 0 {
        let rows = speech::count(told, "row");
        let words =
            format!("note: {rows} in doubt stand in dead letters: bulkhaul rejects {shown} --export ndjson");
        speech::say(&words);
    }
    let elsewhere = newest.tally.in_doubt.saturating_sub(told + rows.get());
    if elsewhere > 0 {
        let rows = speech::count(elsewhere, "row");
        let words = format!(
            "note: {rows} in doubt since an earlier feed, whose dead letters have them, or its replay: bulkhaul rejects {shown} \
             --export ndjson"
        );
        speech::say(&words);
    }
    if root_of_state(state) == state {
        for (number, rows) in Replays::of(state)?.in_doubt()? {
            let rows = speech::count(rows, "row");
            speech::say(&format!(
                "note: {rows} in doubt since replay {number}: bulkhaul rejects {shown}/replays/{number} --in-doubt --export ndjson"
            ));
        }
    }
    Ok(())
}

/// Of the newest import, and of those before it whose rows are still in doubt.
fn gather(view: &View, newest: &Found) -> Result<Vec<Doubted>, Error> {
    let failed = |error: &_| ledger_error(error);
    let number = newest.import.number;
    let key = view.feed_key(number).map_err(|error| failed(&error))?;
    let mut all = Vec::new();
    let earlier = view.earlier_in_doubt(key.is_some()).map_err(|error| failed(&error))?;
    for found in earlier.into_iter().chain([newest.clone()]) {
        let is_newest = found.import.number == number;
        let requests = view.requests_in_doubt(found.import.number).map_err(|error| failed(&error))?;
        let still = match &key {
            Some(key) if !is_newest => {
                let mut keys = HashSet::new();
                each_kept(view, &requests, &mut |_, _, row| {
                    if let Ok(entry) = key.entry(row)
                        && view.is_held(entry).map_err(|error| failed(&error))?
                    {
                        keys.insert(entry.key);
                    }
                    Ok(())
                })?;
                view.drop_sent(number, &mut keys).map_err(|error| failed(&error))?;
                Some((key.clone(), keys))
            }
            _ => None,
        };
        let names = names(&found).unwrap_or_default();
        all.push(Doubted { found, names, requests, still });
    }
    Ok(all)
}

/// Where rows are read once more that the ledger does not keep.
fn input(state: &Path, all: &[Doubted], newest: &Found) -> Result<Option<(Vec<PathBuf>, Layout)>, Error> {
    let is_read = |doubted: &Doubted| doubted.requests.iter().any(|(batch, _)| !batch.kept);
    if !all.iter().any(is_read) {
        return Ok(None);
    }
    if root_of_state(state) != state {
        return Ok(Some((vec![state.join(COPY)], Layout::taken())));
    }
    let facts = inputs::of_ledger(&newest.inputs)?;
    let gone = || {
        let names: Vec<&str> = facts.iter().map(|facts| facts.name.as_str()).collect();
        let message = format!(
            "the rows in doubt cannot be read once more: {} is not there as it was read, and the ledger keeps no rows of a file",
            names.join(", ")
        );
        let shown = settings::quoted(state.as_os_str());
        Error::failed(message).hint(format!(
            "`bulkhaul rejects {shown}` says on which lines they stood; or run this where the import ran, with its input as it was"
        ))
    };
    let layout = facts.first().and_then(|facts| facts.layout.clone()).ok_or_else(gone)?;
    let cursor = newest.cursor.ok_or_else(gone)?;
    let named = facts.iter().map(|facts| match facts.name.as_str() {
        "-" => spool::copy_in(state).unwrap_or_default(),
        name => PathBuf::from(name),
    });
    let named: Vec<PathBuf> = named.collect();
    // A state that lies beside its input may be looked at from anywhere.
    let above = state.parent().unwrap_or(Path::new(""));
    let beside = named.iter().filter_map(|path| Some(above.join(path.file_name()?))).collect();
    let is_it = |paths: &Vec<PathBuf>| Source::resume(paths, &layout, &cursor, &mut |_| {}).is_ok();
    let paths = [named, beside].into_iter().find(is_it).ok_or_else(gone)?;
    Ok(Some((paths, layout)))
}

type EachRow<'a> = dyn FnMut(&(Planned, String), Mark, &[u8]) -> Result<(), Error> + 'a;

/// The rows that the ledger keeps.
fn each_kept(view: &View, requests: &[(Planned, String)], each: &mut EachRow<'_>) -> Result<(), Error> {
    for request in requests.iter().filter(|(batch, _)| batch.kept) {
        let kept = view.recall(request.0.seq).map_err(|error| ledger_error(&error))?;
        for (mark, text) in kept.only(&request.0.rows).iter() {
            each(request, mark, text)?;
        }
    }
    Ok(())
}

impl Doubted {
    fn each(
        &self,
        view: &View,
        input: Option<&(Vec<PathBuf>, Layout)>,
        each: &mut dyn FnMut(&Letter, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.found.import.state == ImportState::Abandoned
            && self.requests.iter().any(|(batch, _)| batch.kept)
        {
            return Err(Error::failed("the import was given up, and the ledger has let go of its rows")
                .hint("`bulkhaul rejects` says where in the input they were"));
        }
        let mut row = |(batch, why): &(Planned, String), mark: Mark, text: &[u8]| {
            if let Some((key, keys)) = &self.still
                && !key.entry(text).is_ok_and(|entry| keys.contains(&entry.key))
            {
                return Ok(());
            }
            let line = self.line(batch, why, mark, text);
            let letter = Letter::read(&line).map_err(|why| Error::new(exit::LEDGER, why))?;
            each(&letter, &line)
        };
        each_kept(view, &self.requests, &mut row)?;
        let Some((paths, layout)) = input else { return Ok(()) };
        let mut input = Rereader::new(paths, layout);
        for request in self.requests.iter().filter(|(batch, _)| !batch.kept) {
            let mut failed = None;
            let read = input.rows(request.0.start, &request.0.rows, &mut |mark, text| {
                failed = failed.take().or_else(|| row(request, mark, text).err());
            });
            read.map_err(|error| super::opening::source_error(&error))?;
            failed.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn line(&self, batch: &Planned, why: &str, mark: Mark, text: &[u8]) -> String {
        let input = self.names.get(mark.place.input as usize).map_or("", String::as_str);
        let import_id = self.found.import.id.hex();
        let about =
            Circumstances { input, import_id: &import_id, batch: None, attempt: 0, at: batch.planned_at };
        DeadLetter::of_row(mark, text, &Rejection::local(IN_DOUBT, why), &about).line
    }
}

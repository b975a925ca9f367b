//! `replay -n`: what a replay would take over and send. It is written down in a folder that is gone afterwards.

use super::intake::{COPY, goes_on};
use super::meant_letters::Meant;
use super::opening::{ledger_error, source_error};
use super::plan::{Aim, Rows};
use super::replay::{Desk, Last, keep_still, nothing};
use super::replayed::overtaken;
use super::send::{held, telling};
use super::unbegun;
use crate::args::ReplayArgs;
use crate::edge::ledger::Ledger;
use crate::edge::source::{Layout, Source};
use crate::edge::state_dir::StateDir;
use crate::error::{Error, exit};
use crate::model::ImportState;
use crate::report::plan::Plan;
use crate::settings;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(args: &ReplayArgs, arguments: &[OsString]) -> Result<u8, Error> {
    telling(&args.send, plan(args, arguments), || unbegun::state_of_replay(args))
}

fn plan(args: &ReplayArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let send = &args.send;
    let Some(meant) = Meant::of(args)? else { return Ok(nothing(send, arguments)) };
    let aim = Aim::of(send)?;
    let Some((root, foreign)) = meant.root(send)? else { return Ok(nothing(send, arguments)) };
    let replays = root.join("replays");
    if StateDir::is_held(&replays).unwrap_or(false) {
        return Err(held(&replays));
    }
    let still = keep_still(&root)?;
    let folder = tempfile::tempdir()
        .map_err(|error| Error::failed(format!("no folder for a copy of the dead letters: {error}")))?;
    let layout = meant.layout.clone();
    let file = meant.file(folder.path())?;
    let desk = Desk::of(args, arguments, Arc::clone(&aim.target), file, (root, still), (layout, foreign))?;
    desk.plan(aim, folder.path())
}

impl Desk<'_> {
    fn plan(self, aim: Aim, folder: &Path) -> Result<u8, Error> {
        let send = &self.args.send;
        let limits = settings::batch_limits(send, &self.target);
        let mut plan = Plan::new(send, &self.target, limits);
        let newest = self.last()?;
        let number = newest.as_ref().map_or(1, |last| last.number + 1);
        if let Some(Last { number, found, before, same: true }) = newest {
            match found.import.state {
                ImportState::Open if self.is_past(before.nth)? => return Err(overtaken(number)),
                ImportState::Open => {
                    plan.pending = found.tally.pending;
                    let source = goes_on(&self.folder(number), &found)?;
                    let rows = Rows { source, names: self.names(), import: found.import.id, feed: None };
                    return aim.tell(send, self.arguments, plan, rows);
                }
                ImportState::Complete(exit) => {
                    self.closing(&self.folder(number), before.replay).finished_before(&found, exit);
                    return Ok(exit);
                }
                ImportState::Abandoned => {}
            }
        }
        let copy = folder.join(COPY);
        let mut ledger = Ledger::open(&folder.join("ledger.db"), &folder.join("dead-letters.ndjson"))
            .map_err(|error| ledger_error(&error))?;
        let (import, request) = self.write_down(&mut ledger, number, &copy)?;
        let Some(import) = import else {
            self.closing(folder, request.replay).nothing_open(exit::COMPLETE, 0);
            return Ok(exit::COMPLETE);
        };
        plan.left_out = request.replay.left_out;
        let source = Source::open(&[copy], &Layout::taken()).map_err(|error| source_error(&error))?;
        let rows = Rows { source, names: self.names(), import: import.id, feed: None };
        aim.tell(send, self.arguments, plan, rows)
    }
}

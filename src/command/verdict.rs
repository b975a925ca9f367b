//! `send --verdict`: what a person found out about the rows in doubt of a complete import. Nothing is sent.

use super::opening::{ledger_error, source_error};
use super::replays::leave_to_replays;
use super::results;
use super::send::Job;
use crate::args::VerdictArg;
use crate::edge::clock::Clock;
use crate::edge::ledger::{Found, Ledger};
use crate::edge::source::Rereader;
use crate::error::{Error, exit};
use crate::model::{Circumstances, DeadLetter, ImportState, Mark, Planned, Rejection, UnsettledState};
use crate::report::{speech, worse};
use std::path::PathBuf;

/// There must be an import that is complete, and none before it that is not: one that is open decides about its rows itself.
pub(super) fn check(ledger: &Ledger) -> Result<(), Error> {
    let found = ledger.newest().map_err(|error| ledger_error(&error))?;
    if !found.is_some_and(|found| matches!(found.import.state, ImportState::Complete(_))) {
        return Err(Error::failed(
            "`--verdict` is about the rows in doubt of a complete import, and there is none here",
        )
        .hint("finish the import first: the same command without --verdict"));
    }
    if ledger.earlier_stream(0, false).map_err(|error| ledger_error(&error))?.is_some() {
        return Err(Error::failed(
            "what an earlier stream left in doubt was being taken up when a run ended",
        )
        .hint("let it come to its end first: the same command without --verdict"));
    }
    Ok(())
}

/// Ends the doubt, and says how the import stands then.
pub(super) fn give(
    verdict: VerdictArg,
    job: &Job<'_>,
    ledger: &mut Ledger,
    found: &Found,
    (paths, names): (&[PathBuf], &[String]),
) -> Result<(Found, u8), Error> {
    let failed = |error: &_| ledger_error(error);
    let mut rows = 0;
    let mut behind = 0;
    while let Some(earlier) = ledger.earlier_stream(behind, true).map_err(|error| failed(&error))? {
        behind = earlier.import.number;
        rows += end_doubts(verdict, job, ledger, &earlier, (paths, names))?;
        results::open(job.args, ledger, &earlier.import, &names.to_vec().into())?;
    }
    let before = if rows > 0 && verdict == VerdictArg::Missing { exit::DEAD_LETTERS } else { exit::COMPLETE };
    rows += end_doubts(verdict, job, ledger, found, (paths, names))?;
    if rows > 0 && !job.args.quiet {
        let what = match (verdict, rows) {
            (VerdictArg::Applied, 1) => "counts as delivered now",
            (VerdictArg::Applied, _) => "count as delivered now",
            (VerdictArg::Missing, 1) => "is a dead letter now, which `bulkhaul replay` sends",
            (VerdictArg::Missing, _) => "are dead letters now, which `bulkhaul replay` sends",
        };
        speech::say(&format!("of what was in doubt, {} {what}", speech::count(rows, "row")));
    }
    let found = ledger.newest().map_err(|error| failed(&error))?;
    match found.map(|found| (found.import.state, found)) {
        Some((ImportState::Complete(exit), found)) => Ok((found, worse(before, exit))),
        _ => Err(Error::new(exit::LEDGER, "the ledger has lost its import")),
    }
}

/// Of one import; how many rows that were.
fn end_doubts(
    verdict: VerdictArg,
    job: &Job<'_>,
    ledger: &mut Ledger,
    found: &Found,
    (paths, names): (&[PathBuf], &[String]),
) -> Result<u64, Error> {
    let failed = |error: &_| ledger_error(error);
    let mut recovered = ledger.recover(found.import.number).map_err(|error| failed(&error))?;
    let _replays = leave_to_replays(job, ledger, &mut recovered)?;
    let mut input = Rereader::new(paths, job.layout);
    let import_id = found.import.id.hex();
    let mut rows = 0;
    for doubt in &recovered.unsettled {
        if !matches!(doubt.state, UnsettledState::Parked { .. }) {
            continue;
        }
        let mut missing = Vec::new();
        if verdict == VerdictArg::Missing {
            let mut miss = |mark: Mark, text: &[u8]| missing.push(letter(mark, text, names, &import_id));
            read(ledger, &mut input, &doubt.batch, &mut miss)?;
        }
        ledger.end_doubt(doubt.batch.seq, &missing).map_err(|error| failed(&error))?;
        rows += doubt.batch.rows.len();
    }
    Ok(rows)
}

/// The rows of a batch, from the ledger where it keeps them.
fn read(
    ledger: &Ledger,
    input: &mut Rereader,
    batch: &Planned,
    each: &mut dyn FnMut(Mark, &[u8]),
) -> Result<(), Error> {
    if !batch.kept {
        return input.rows(batch.start, &batch.rows, each).map_err(|error| source_error(&error));
    }
    let kept = ledger.recall(batch.seq).map_err(|error| ledger_error(&error))?;
    kept.only(&batch.rows).iter().for_each(|(mark, text)| each(mark, text));
    Ok(())
}

fn letter(mark: Mark, text: &[u8], names: &[String], import_id: &str) -> DeadLetter {
    let input = names.get(mark.place.input as usize).map_or("", String::as_str);
    // As what is refused here, and not by the target.
    let about = Circumstances { input, import_id, batch: None, attempt: 0, at: Clock::wall() };
    let why = "its request got no clear answer, and whoever looked did not find it at the target";
    DeadLetter::of_row(mark, text, &Rejection::local("not_applied", why), &about)
}

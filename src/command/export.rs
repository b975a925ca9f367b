//! `rejects --export`: dead letters as lines, or as a table, less those that are no longer open.

use super::reasons::is_of;
use super::rejects::{Book, From};
use crate::args::ExportArg;
use crate::edge::sheet::{Columns, SheetWriter};
use crate::error::Error;
use crate::model::Letter;
use crate::report::groups::Group;
use crate::report::rejects::Wanted;
use crate::report::speech;
use std::cell::Cell;
use std::io::{self, BufWriter, Write};

pub(super) fn export(
    from: &From,
    format: ExportArg,
    book: &Book,
    wanted: Option<&Wanted>,
    groups: &[Group],
) -> Result<(), Error> {
    let (delivered, over) = (Cell::new(0), Cell::new(0));
    write(format, &|each| {
        // A table's letters are gone through twice.
        delivered.set(0);
        over.set(0);
        book.each(from, &mut |letter, line, rows| {
            if wanted.is_some_and(|wanted| !is_of(letter, wanted, groups)) {
                return Ok(());
            }
            if rows.since.open == 0 {
                let of_replays = rows.since.delivered;
                delivered.set(delivered.get() + of_replays);
                over.set(over.get() + letter.count().saturating_sub(of_replays));
                return Ok(());
            }
            each(letter, line)
        })
    })?;
    let others = if over.get() == 1 { "that is no longer open" } else { "that are no longer open" };
    for (rows, what) in [(delivered.get(), "delivered since"), (over.get(), others)] {
        if rows > 0 {
            speech::say(&format!("note: left out: {} {what}", speech::count(rows, "row")));
        }
    }
    Ok(())
}

/// Hands over each letter with its line, as often as it is asked.
pub(super) type Letters<'a> =
    dyn Fn(&mut dyn FnMut(&Letter, &str) -> Result<(), Error>) -> Result<(), Error> + 'a;

/// Whoever reads them may have read enough, which is no error.
pub(super) fn write(format: ExportArg, letters: &Letters<'_>) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let ended = match format {
        ExportArg::Ndjson => letters(&mut |_, line| writeln!(out, "{line}").map_err(|error| gone(&error)))
            .and_then(|()| out.flush().map_err(|error| gone(&error))),
        ExportArg::Csv | ExportArg::CsvSafe => {
            let mut columns = Columns::default();
            letters(&mut |letter, _| {
                columns.note(letter);
                Ok(())
            })?;
            let sheet = if format == ExportArg::Csv { SheetWriter::exact } else { SheetWriter::safe };
            sheet(out, columns).map_err(|error| gone(&error)).and_then(|mut sheet| {
                letters(&mut |letter, _| sheet.write(letter).map_err(|error| gone(&error)))?;
                sheet.finish().map_err(|error| gone(&error))
            })
        }
    };
    match ended {
        Err(error) if error.message.is_empty() => Ok(()),
        ended => ended,
    }
}

/// Standard output cannot be written; a closed pipe is no error, and has no words.
fn gone(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Error::failed(""),
        _ => Error::failed(format!("standard output cannot be written: {error}")),
    }
}

//! `rejects --export`: dead letters as lines, or as a table, less those that are no longer open.

use super::rejects::{Book, From, Rows, is_of};
use crate::args::ExportArg;
use crate::edge::sheet::{Columns, SheetWriter};
use crate::error::Error;
use crate::model::Letter;
use crate::report::groups::Group;
use crate::report::rejects::Wanted;
use crate::report::speech;
use std::io::{self, BufWriter, Write};

pub(super) fn export(
    from: &From,
    format: ExportArg,
    book: &Book,
    wanted: Option<&Wanted>,
    groups: &[Group],
) -> Result<(), Error> {
    let mut replayed = 0;
    let mut fits = |letter: &Letter, rows: Rows| {
        let fits = wanted.is_none_or(|wanted| is_of(letter, wanted, groups));
        let is_open = !fits || rows.open > 0;
        replayed += if is_open { 0 } else { letter.count() };
        fits && is_open
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let ended = match format {
        ExportArg::Ndjson => book
            .each(from, &mut |letter, line, rows| {
                if fits(letter, rows) {
                    writeln!(out, "{line}").map_err(|error| gone(&error))
                } else {
                    Ok(())
                }
            })
            .and_then(|()| out.flush().map_err(|error| gone(&error))),
        ExportArg::Csv | ExportArg::CsvSafe => {
            let mut columns = Columns::default();
            book.each(from, &mut |letter, _, rows| {
                if fits(letter, rows) {
                    columns.note(letter);
                }
                Ok(())
            })?;
            let sheet = if format == ExportArg::Csv { SheetWriter::exact } else { SheetWriter::safe };
            sheet(out, columns).map_err(|error| gone(&error)).and_then(|mut sheet| {
                book.each(from, &mut |letter, _, rows| {
                    if fits(letter, rows) {
                        sheet.write(letter).map_err(|error| gone(&error))
                    } else {
                        Ok(())
                    }
                })?;
                sheet.finish().map_err(|error| gone(&error))
            })
        }
    };
    if matches!(format, ExportArg::Csv | ExportArg::CsvSafe) {
        // They were gone through twice.
        replayed /= 2;
    }
    if replayed > 0 && ended.is_ok() {
        speech::say(&format!("note: left out: {} delivered since", speech::count(replayed, "row")));
    }
    match ended {
        // Whoever read it has read enough.
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

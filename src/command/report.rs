//! `bulkhaul report`: how an import went, as one page for a browser. It looks as `status` and `rejects` do, and
//! changes nothing but the page.

use super::rejects;
use super::status::{Seen, look, standing_since};
use crate::args::ReportArgs;
use crate::error::{Error, exit};
use crate::report::groups::Groups;
use crate::report::page::MARK;
use crate::report::picture::{self, Picture};
use crate::report::speech;
use crate::settings;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

pub(super) fn run(args: &ReportArgs) -> Result<u8, Error> {
    let state = settings::find_state(args.state.as_deref())?;
    let seen = look(&state, &|view| {
        let Some(found) = view.newest()? else { return Ok(None) };
        let details = view.details(found.import.number)?;
        let history = view.history(found.import.number)?;
        Ok(Some((found, details, history)))
    })?;
    let (is_running, found) = match seen {
        Seen::Running => (true, None),
        Seen::Ledger(found) => (false, found),
    };
    let (found, history) = match found {
        Some((found, details, history)) => (Some((found, details)), history),
        None => (None, Vec::new()),
    };
    let standing = standing_since(&state, is_running, found)?;
    let history = if is_running {
        standing.told_history().into_iter().map(|sample| (1, sample)).collect()
    } else {
        history
    };
    let mut groups = Groups::default();
    rejects::each_of_state(state, &mut |letter| groups.add(letter))?;
    let page = Picture { standing, history, refused: groups.sorted() }.page();
    if args.output.as_os_str() == "-" {
        speech::tell(page.trim_end());
        return Ok(exit::COMPLETE);
    }
    write(&args.output, &page)?;
    speech::say(&picture::made(&args.output));
    Ok(exit::COMPLETE)
}

/// Puts the page in place as a whole. An older page of ours is replaced; nothing else is.
fn write(path: &Path, page: &str) -> Result<(), Error> {
    let shown = path.display();
    let trouble = |error: io::Error| Error::failed(format!("cannot write the report to `{shown}`: {error}"));
    if !is_ours(path).map_err(trouble)? {
        return Err(Error::failed(format!(
            "`{shown}` is there and is no report of bulkhaul; it was left as it is"
        ))
        .hint("give the report another name: -o FILE"));
    }
    let mut fresh = path.to_owned().into_os_string();
    fresh.push(".new");
    File::create(&fresh).and_then(|mut file| file.write_all(page.as_bytes())).map_err(trouble)?;
    std::fs::rename(&fresh, path).map_err(trouble)
}

/// Whether the file is missing, empty, or begins as our pages do.
fn is_ours(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut begin = Vec::new();
    file.take(MARK.len() as u64).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == MARK.as_bytes())
}

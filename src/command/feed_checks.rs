//! What has to be so before a feed is read, and before anything of it is sent.

use super::missing::Missing;
use super::opening::{self, Subject, ledger_error, source_error};
use super::replayed::Replayed;
use crate::args::SendArgs;
use crate::edge::ledger::{Found, LastFeed, Ledger};
use crate::edge::source::{Layout, Source, SourceError};
use crate::error::{Error, exit};
use crate::model::{FeedKey, ImportState, News};
use crate::report::Guard;
use crate::settings;
use std::ffi::OsString;

/// How the feed stands to what has to be so before anything of it is sent.
pub(super) fn guards(
    args: &SendArgs,
    last: Option<&LastFeed>,
    news: News,
    missing: Option<&Missing>,
) -> Vec<Guard> {
    let before = rows_before(last, news);
    let shrinking = args.max_shrink.map(|max| Guard::of_shrinking(max.0, before, news.keys));
    let is_of_nothing = args.inputs.iter().all(|path| path.metadata().is_ok_and(|file| file.len() == 0));
    let guards = missing.map(|missing| missing.guard(args)).into_iter().chain(shrinking);
    guards.map(|guard| guard.of_nothing(is_of_nothing)).collect()
}

/// Rows with different keys that the feed had last time.
pub(super) fn rows_before(last: Option<&LastFeed>, news: News) -> u64 {
    // Of what was delivered without --sync, it is known now.
    last.and_then(|last| last.keys).unwrap_or(news.known + news.gone)
}

/// The state knows rows by this key, or is told to begin to.
pub(super) fn check_history(key: &FeedKey, found: &Found, last: Option<&LastFeed>) -> Result<(), Error> {
    let typed = key.names().join(",");
    match last {
        Some(last) if last.key == key.names() => Ok(()),
        Some(last) => {
            let known = last.key.join(",");
            let words = format!("the state here knows its rows by `{known}`, not by `{typed}`");
            Err(Error::new(exit::NOT_THE_SAME, words)
                .hint(format!("say --sync {known}, or begin another state: --state DIR")))
        }
        None if found.import.state == ImportState::Open => Err(Error::new(
            exit::NOT_THE_SAME,
            "the import here is not finished, and was begun without --sync",
        )
        .hint("leave --sync out to finish it, or give it up with --abandon")),
        None => Ok(()),
    }
}

impl Subject<'_> {
    /// The feed behind what was read of it before it was broken off; `None` if what the ledger has of it comes to its end by
    /// itself, and the feed is taken anew then.
    pub(super) fn goes_on(
        &self,
        ledger: &Ledger,
        found: &Found,
        takes_up: bool,
        replayed: &Replayed,
    ) -> Result<Option<Source>, Error> {
        let number = found.import.number;
        // It has passed over rows that are meant now. So it is where a replay has sent other rows, or the same, under keys
        // that it would pass over or send.
        let is_meant = takes_up && ledger.held(number).map_err(|error| ledger_error(&error))? > 0
            || replayed.has_sent(number).map_err(|error| ledger_error(&error))?;
        // One that was closed already ends with the rows that it has, though this is its feed again.
        if is_meant || found.closed { Ok(None) } else { self.where_it_stood(found) }
    }

    /// `None` if this is another one, which a large one may be though it looks alike.
    fn where_it_stood(&self, found: &Found) -> Result<Option<Source>, Error> {
        if !opening::is_same(found, self)? {
            return Ok(None);
        }
        match Source::behind(&self.args.inputs, self.layout, found.cursor.as_ref()) {
            Err(error) if error.is_changed() => Ok(None),
            source => source.map(Some).map_err(|error| source_error(&error)),
        }
    }
}

/// A key that no row of a file can have is a slip of the hand, and would refuse every row.
pub(super) fn check_columns(args: &SendArgs, layout: &Layout, key: &FeedKey) -> Result<(), Error> {
    let columns = Source::column_names(&args.inputs, layout).map_err(|error| source_error(&error))?;
    for (input, known) in args.inputs.iter().zip(columns) {
        let Some(known) = known else { continue };
        if let Some(column) = key.names().iter().find(|name| !known.contains(name)) {
            let (input, column) = (input.display().to_string(), column.clone());
            return Err(source_error(&SourceError::UnknownColumn { input, column, known }));
        }
    }
    Ok(())
}

/// The fields that rows are known by, where `--sync` names them.
pub(super) fn key(args: &SendArgs, arguments: &[OsString]) -> Result<Option<FeedKey>, Error> {
    let Some(names) = &args.sync else { return Ok(None) };
    if args.verdict.is_some() {
        let words = "`--verdict` is about a plain import; what a feed left in doubt is held until it is sent again or asked about";
        return Err(Error::usage(words).hint(
            "`bulkhaul rejects STATE --in-doubt --export ndjson` shows the rows; --on-ambiguous resend sends them again, and may \
             double them; verify asks the target, where its profile says how; a row that changes is sent as ever",
        ));
    }
    if args.inputs.iter().any(|input| input.as_os_str() == "-") {
        return Err(Error::usage(
            "--sync reads its feed through before it sends any of it, and a pipe is gone then",
        )
        .hint("write it to a file first, and rename it when it is whole"));
    }
    let key = FeedKey::new(names.clone());
    let key = key.ok_or_else(|| Error::usage("`--sync` names a field, or several: --sync id"))?;
    if args.state.is_none() {
        let command = settings::resume_command(arguments);
        return Err(Error::usage(
            "--sync needs a --state: what was delivered of the last feed is known there, whatever this one's file is called",
        )
        .hint(format!("name the same folder each time, as in: {command} --state feed.bulkhaul")));
    }
    Ok(Some(key))
}

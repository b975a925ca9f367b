//! `--sync`: which rows of a feed are new or have changed. The feed is read through once before anything of it is sent:
//! so the last row of a key is known, a feed that is cut off is found out in time, and so is one that has shrunk.

use super::baseline::Baseline;
use super::deletes::{self, Deletes, Missing, Over};
use super::opening::{self, Subject, ledger_error, source_error};
use super::replayed::Replayed;
use super::send::{Job, Turn};
use super::survey::{Survey, still_written};
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::ledger::{EachReplayed, Found, LastFeed, Ledger};
use crate::edge::source::{Layout, Source, SourceError};
use crate::edge::watched::{Seen, Watched};
use crate::error::{Error, exit};
use crate::model::{Courses, FeedKey, ImportRecord, ImportState, News};
use crate::report::{Closing, ReadingBar, speech};
use crate::settings;
use crate::target::Target;
use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::sync::Arc;

/// What is known of a feed before anything of it is sent.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) key: FeedKey,
    pub(super) courses: Courses,
    pub(super) watched: Option<Watched>,
}

/// What a feed is sent with.
pub(super) struct Desk<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) key: FeedKey,
    pub(super) job: Job<'a>,
    pub(super) stage: RefCell<Stage>,
    pub(super) closing: Closing<'a>,
    pub(super) arguments: &'a [OsString],
    /// What was left of an earlier run was sent or deleted.
    pub(super) has_sent: Cell<bool>,
    /// Rows that are still in doubt are not sent again.
    pub(super) holds: bool,
    pub(super) replayed: Replayed,
    /// Its files, before anything of them was looked at.
    pub(super) seen: Vec<Option<Seen>>,
}

/// What a look through the whole feed has found.
struct Surveyed {
    courses: Courses,
    news: News,
    /// Known rows that it no longer has, where they are deleted.
    missing: Option<Missing>,
}

impl Desk<'_> {
    /// Ends an import that was broken off, then takes the feed.
    pub(super) fn send(mut self) -> Result<u8, Error> {
        deletes::target(self.subject.args, &self.job.target)?;
        self.replayed.check_still()?;
        let failed = |error: &_| ledger_error(error);
        let mut before = exit::COMPLETE;
        let mut takes_up = settings::takes_up_doubts(self.subject.args);
        loop {
            let mut ledger = self.job.ledger()?;
            let last = ledger.last_feed().map_err(|error| failed(&error))?;
            let Some(found) = ledger.newest().map_err(|error| failed(&error))? else {
                return self.begin(ledger, 1, None, before);
            };
            self.subject.check(&found)?;
            check_history(&self.key, &found, last.as_ref())?;
            match found.import.state {
                ImportState::Open if self.subject.args.again => return Err(opening::not_finished()),
                ImportState::Open => {
                    if let Some(source) = self.where_it_stood(&found)? {
                        return self.go_on(ledger, found, source, before);
                    }
                    ledger.close_input(found.import.number).map_err(|error| failed(&error))?;
                    match self.finish(ledger, &found)? {
                        code if deletes::is_good(code) => before = code,
                        code => return Ok(code),
                    }
                }
                // While this is the newest import, its requests can go again under their keys, or be asked about.
                ImportState::Complete(_)
                    if takes_up
                        && ledger.has_doubts(found.import.number).map_err(|error| failed(&error))? =>
                {
                    takes_up = false;
                    ledger.reopen(found.import.number).map_err(|error| failed(&error))?;
                    let code = self.finish(ledger, &found)?;
                    if !deletes::is_good(code) {
                        return Ok(code);
                    }
                    // What is in doubt all the same was sent just now.
                    self.holds |= code == exit::IN_DOUBT;
                }
                ImportState::Complete(_) | ImportState::Abandoned => {
                    if last.is_none()
                        && !self.subject.args.again
                        && let Err(error) = self.baseline(&|| self.is_asked()).take(&mut ledger, &found)
                    {
                        return self.not_begun(error);
                    }
                    return self.begin(ledger, found.import.number + 1, last.as_ref(), before);
                }
            }
        }
    }

    fn is_asked(&self) -> bool {
        self.stage.borrow_mut().is_interrupted()
    }

    /// A limit or a signal came before any of the feed was sent.
    fn not_begun(&self, error: Error) -> Result<u8, Error> {
        if error.stopped_by.is_none() {
            return Err(error);
        }
        let sent = if self.has_sent.get() { "nothing of this feed" } else { "nothing" };
        Ok(self.closing.stopped_before(&error, sent))
    }

    /// What was delivered up to now is known from here on.
    fn fold(&self, ledger: &mut Ledger) -> Result<(), Error> {
        let key = (&self.key, deletes::key_texts(&self.job.target));
        let mut replayed = |import, each: &mut EachReplayed<'_>| self.replayed.rows(import, each);
        let folded = ledger.fold_feeds(key, self.job.state.path(), &mut replayed);
        folded.map_err(|error| ledger_error(&error))
    }

    fn baseline<'b>(&'b self, is_asked: &'b dyn Fn() -> bool) -> Baseline<'b> {
        Baseline {
            inputs: &self.subject.args.inputs,
            layout: self.subject.layout,
            state: self.job.state,
            key: &self.key,
            texts: deletes::key_texts(&self.job.target),
            replayed: &self.replayed,
            quiet: self.subject.args.quiet,
            is_asked,
        }
    }

    /// The feed behind what was read of it; `None` if this is another one, which a large one may be though it looks alike.
    fn where_it_stood(&self, found: &Found) -> Result<Option<Source>, Error> {
        if !opening::is_same(found, &self.subject)? {
            return Ok(None);
        }
        let (inputs, layout) = (&self.subject.args.inputs, self.subject.layout);
        let source = match found.cursor {
            None => Source::open(inputs, layout),
            Some(cursor) => Source::resume(inputs, layout, &cursor, &mut |_| {}),
        };
        match source {
            Err(error) if error.is_changed() => Ok(None),
            source => source.map(Some).map_err(|error| source_error(&error)),
        }
    }

    /// The same feed as when it was broken off.
    fn go_on(
        mut self,
        mut ledger: Ledger,
        found: Found,
        source: Source,
        mut before: u8,
    ) -> Result<u8, Error> {
        self.fold(&mut ledger)?;
        let courses = match self.survey(&ledger, false, None) {
            Err(error) => return self.not_begun(error),
            Ok(surveyed) => surveyed.courses,
        };
        // What it no longer had was deleted before it was begun, and its end is still the worse of the two.
        if self.subject.args.deletes
            && let Some(over) = deletes::before(self.job.state.path())?
        {
            (self, before) = self.with_deleted(before, &over);
        }
        self.run(ledger, found.import, source, courses, before)
    }

    fn begin(
        mut self,
        mut ledger: Ledger,
        number: u64,
        last: Option<&LastFeed>,
        mut before: u8,
    ) -> Result<u8, Error> {
        self.fold(&mut ledger)?;
        let args = self.subject.args;
        let target = deletes::target(args, &self.job.target)?;
        let mut surveyed = match self.survey(&ledger, args.deletes, last) {
            Err(error) => return self.not_begun(error),
            Ok(surveyed) => surveyed,
        };
        if let Some(over) = self.deletes(target.clone()).settle(&mut ledger)? {
            if !deletes::is_good(over.code) {
                return Ok(over.code);
            }
            (self, before) = self.with_deleted(before, &over);
            // Its list of what is missing goes before the next one is written under the same name.
            drop(surveyed);
            surveyed = match self.survey(&ledger, args.deletes, last) {
                Err(error) => return self.not_begun(error),
                Ok(surveyed) => surveyed,
            };
        }
        let Surveyed { courses, news, missing } = surveyed;
        if let Some(missing) = missing
            && let Some(over) = self.deletes(target).delete(&mut ledger, missing)?
        {
            if !deletes::is_good(over.code) {
                return Ok(over.code);
            }
            (self, before) = self.with_deleted(before, &over);
        }
        let (import, source) = self.subject.begin_feed(&mut ledger, number, &self.key, news.keys)?;
        self.run(ledger, import, source, courses, before)
    }

    /// A deletion came to its end: it is told with the feed, and so is the worse of the two codes.
    fn with_deleted(self, before: u8, over: &Over) -> (Self, u8) {
        self.has_sent.set(true);
        let closing = self.closing.with_deleted(&over.sums);
        (Self { closing, ..self }, worse(before, over.code))
    }

    fn deletes(&self, target: Option<Arc<Target>>) -> Deletes<'_> {
        Deletes { job: &self.job, stage: &self.stage, arguments: self.arguments, target }
    }

    /// Brings what the ledger keeps of a feed that is gone to its end.
    fn finish(&self, mut ledger: Ledger, found: &Found) -> Result<u8, Error> {
        self.closing.rest_first(found);
        self.has_sent.set(true);
        ledger.keep_feed(&self.key, deletes::key_texts(&self.job.target));
        let args = self.subject.args;
        let source = Source::nothing(self.subject.layout).map_err(|error| source_error(&error))?;
        let names = opening::names(found).unwrap_or_else(|| settings::input_names(args));
        let feed = Some(Feed { key: self.key.clone(), courses: Courses::default(), watched: None });
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        let paths = args.inputs.clone();
        let nth = import.number;
        let turn = Turn { ledger, import, source, paths, names, feed, is_rest: true, nth };
        self.job.run(turn, &mut self.stage.borrow_mut(), &self.closing, exit::COMPLETE)
    }

    fn run(
        self,
        mut ledger: Ledger,
        import: ImportRecord,
        source: Source,
        courses: Courses,
        before: u8,
    ) -> Result<u8, Error> {
        ledger.keep_feed(&self.key, deletes::key_texts(&self.job.target));
        let args = self.subject.args;
        let (paths, names) = (args.inputs.clone(), settings::input_names(args));
        let watched = Watched::open(&paths, &self.seen).map_err(|path| still_written(&path))?;
        let feed = Some(Feed { key: self.key, courses, watched: Some(watched) });
        let nth = import.number;
        let turn = Turn { ledger, import, source, paths, names, feed, is_rest: false, nth };
        self.job.run(turn, &mut self.stage.borrow_mut(), &self.closing, before)
    }

    /// Reads the feed through; before anything is sent, it must be known to be whole.
    /// `last` is the feed before it, where it is to be held against that.
    fn survey(&self, ledger: &Ledger, deletes: bool, last: Option<&LastFeed>) -> Result<Surveyed, Error> {
        let Subject { args, layout, .. } = &self.subject;
        let folder = self.job.state.path();
        let (inputs, again) = (&args.inputs, args.again);
        let (key, holds, seen) = (&self.key, self.holds, &self.seen);
        let is_asked = &|| self.is_asked();
        let survey = Survey { inputs, again, holds, layout, key, folder, seen, is_asked };
        let mut missing = if deletes { Some(Missing::gather(folder)?) } else { None };
        let bar = |source: &Source| Some(ReadingBar::new(args, source.bytes_total()));
        let (courses, news) = survey.of(bar, |meet| {
            ledger.known_rows(&mut |known| {
                let is_there = meet(known)?;
                missing.as_mut().map_or(Ok(()), |missing| missing.add(ledger, known.key, is_there))
            })
        })?;
        if let Some(missing) = &mut missing {
            missing.check(args, news.unread)?;
        }
        check_shrink(args, last, news)?;
        Ok(Surveyed { courses, news, missing })
    }
}

/// The exit code of two imports that both came to an end.
fn worse(one: u8, other: u8) -> u8 {
    let rank = |code: &u8| {
        [exit::COMPLETE, exit::DEAD_LETTERS, exit::IN_DOUBT].iter().position(|known| known == code)
    };
    if rank(&one) > rank(&other) { one } else { other }
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

/// `--max-shrink`.
pub(super) fn check_shrink(args: &SendArgs, last: Option<&LastFeed>, news: News) -> Result<(), Error> {
    let Some(max) = args.max_shrink else { return Ok(()) };
    // Of what was delivered without --sync, it is known now.
    let before = last.and_then(|last| last.keys).unwrap_or(news.known + news.gone);
    let keys = news.keys;
    if !deletes::exceeds(max.0, before.saturating_sub(keys), before) {
        return Ok(());
    }
    let (before, keys) = (speech::count(before, "row"), speech::grouped(keys));
    let words = format!("the feed had {before} last time and has {keys} now");
    Err(Error::stopped("max-shrink", words).hint("is it whole? if it is, run it once without --max-shrink"))
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
pub(super) fn key(args: &SendArgs) -> Result<Option<FeedKey>, Error> {
    let Some(names) = &args.sync else { return Ok(None) };
    if args.inputs.iter().any(|input| input.as_os_str() == "-") {
        return Err(Error::usage(
            "--sync reads its feed through before it sends any of it, and a pipe is gone then",
        )
        .hint("write it to a file first, and rename it when it is whole"));
    }
    let key = FeedKey::new(names.clone());
    key.map(Some).ok_or_else(|| Error::usage("`--sync` names a field, or several: --sync id"))
}

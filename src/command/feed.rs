//! `--sync`: which rows of a feed are new or have changed. The feed is read through once before anything of it is sent:
//! so the last row of a key is known, a feed that is cut off is found out in time, and so is one that has shrunk.

use super::baseline::Baseline;
use super::deletes::{self, Deletes};
use super::missing::Missing;
use super::opening::{self, Subject, ledger_error, source_error};
use super::replayed::Replayed;
use super::send::{Job, Turn};
use super::survey::{Survey, still_written};
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::clock::Clock;
use crate::edge::ledger::{EachReplayed, Found, LastFeed, Ledger};
use crate::edge::source::{Layout, Source, SourceError};
use crate::edge::status_file;
use crate::edge::watched::{Seen, Watched};
use crate::error::{Error, exit};
use crate::model::{Courses, FeedKey, ImportRecord, ImportState, News};
use crate::report::{Closing, Guard, NotSent, ReadingBar, speech};
use crate::settings;
use std::cell::RefCell;
use std::ffi::OsString;

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
    /// Rows that are still in doubt are not sent again.
    pub(super) holds: bool,
    pub(super) replayed: Replayed,
    /// Its files, before anything of them was looked at.
    pub(super) seen: Vec<Option<Seen>>,
    pub(super) done: Done,
}

/// What has been done before the feed.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// What was left of an earlier run was sent or deleted.
    has_sent: bool,
    /// The worst exit code of that.
    code: u8,
}

/// What a look through the whole feed has found.
struct Surveyed {
    courses: Courses,
    news: News,
    /// Known rows that it no longer has, where they are deleted.
    missing: Option<Missing>,
}

/// What comes next: to look at the state again, or to end the program.
enum Next {
    Look,
    End(u8),
}

impl Desk<'_> {
    /// Ends an import that was broken off, then takes the feed.
    pub(super) fn send(mut self) -> Result<u8, Error> {
        deletes::target(self.subject.args, &self.job.target)?;
        self.replayed.check_still()?;
        let mut takes_up = settings::takes_up_doubts(self.subject.args);
        loop {
            match self.next(&mut takes_up) {
                Ok(Next::Look) => {}
                Ok(Next::End(code)) => return Ok(code),
                // A limit or a signal came before any of the feed was sent.
                Err(error) if error.stopped_by.is_some() => return self.not_begun(&error),
                Err(error) => return Err(error),
            }
        }
    }

    fn next(&mut self, takes_up: &mut bool) -> Result<Next, Error> {
        let failed = |error: &_| ledger_error(error);
        let mut ledger = self.job.ledger()?;
        let last = ledger.last_feed().map_err(|error| failed(&error))?;
        let Some(found) = ledger.newest().map_err(|error| failed(&error))? else {
            return self.begin(ledger, 1, None);
        };
        self.subject.check(&found)?;
        check_history(&self.key, &found, last.as_ref())?;
        match found.import.state {
            ImportState::Open if self.subject.args.again => Err(opening::not_finished()),
            ImportState::Open => {
                if let Some(source) = self.where_it_stood(&found)? {
                    return self.go_on(ledger, found, source, last.as_ref());
                }
                ledger.close_input(found.import.number).map_err(|error| failed(&error))?;
                self.finish(ledger, &found)
            }
            // While this is the newest import, its requests can go again under their keys, or be asked about.
            ImportState::Complete(_)
                if *takes_up && ledger.has_doubts(found.import.number).map_err(|error| failed(&error))? =>
            {
                *takes_up = false;
                ledger.reopen(found.import.number).map_err(|error| failed(&error))?;
                let next = self.finish(ledger, &found)?;
                // What is in doubt all the same was sent just now.
                let ledger = self.job.ledger()?;
                self.holds |= ledger.has_doubts(found.import.number).map_err(|error| failed(&error))?;
                Ok(next)
            }
            ImportState::Complete(_) | ImportState::Abandoned => {
                if last.is_none() && !self.subject.args.again {
                    self.baseline(&|| self.is_asked()).take(&mut ledger, &found)?;
                }
                self.begin(ledger, found.import.number + 1, last.as_ref())
            }
        }
    }

    fn is_asked(&self) -> bool {
        self.stage.borrow_mut().is_interrupted()
    }

    fn not_begun(&self, error: &Error) -> Result<u8, Error> {
        if !self.done.has_sent {
            return Ok(self.closing.stopped_before(error, "nothing", None));
        }
        let found = self.job.ledger()?.newest().map_err(|error| ledger_error(&error))?;
        let before = found.as_ref().map(|found| (found, opening::names(found).unwrap_or_default()));
        Ok(self.closing.stopped_before(error, "nothing of this feed", before))
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
        &mut self,
        mut ledger: Ledger,
        found: Found,
        source: Source,
        last: Option<&LastFeed>,
    ) -> Result<Next, Error> {
        self.fold(&mut ledger)?;
        let surveyed = self.survey(&ledger, last)?;
        match self.delete(&mut ledger, surveyed, last)? {
            Ok((courses, _)) => self.run(ledger, found.import, source, courses),
            Err(code) => Ok(Next::End(code)),
        }
    }

    fn begin(&mut self, mut ledger: Ledger, number: u64, last: Option<&LastFeed>) -> Result<Next, Error> {
        self.fold(&mut ledger)?;
        let surveyed = self.survey(&ledger, last)?;
        self.deletes()?.forget(&ledger)?;
        match self.delete(&mut ledger, surveyed, last)? {
            Ok((courses, news)) => {
                let (import, source) = self.subject.begin_feed(&mut ledger, number, &self.key, news.keys)?;
                self.run(ledger, import, source, courses)
            }
            Err(code) => Ok(Next::End(code)),
        }
    }

    /// Deletes what the feed no longer has, and gives back what is known of the others; `Err` within: that has ended the
    /// run, with this code.
    fn delete(
        &mut self,
        ledger: &mut Ledger,
        mut surveyed: Surveyed,
        last: Option<&LastFeed>,
    ) -> Result<Result<(Courses, News), u8>, Error> {
        let settled = self.deletes()?.settle(ledger)?;
        if let Some(code) = settled {
            if !deletes::is_good(code) {
                return Ok(Err(code));
            }
            self.is_done(code);
            // Its list of what is missing goes before the next one is written under the same name.
            drop(surveyed);
            surveyed = self.survey(ledger, last)?;
        }
        let Surveyed { courses, news, missing } = surveyed;
        let deleted = missing.map_or(Ok(None), |missing| self.deletes()?.delete(ledger, missing))?;
        if let Some(code) = deleted {
            if !deletes::is_good(code) {
                return Ok(Err(code));
            }
            self.is_done(code);
        }
        // Of a feed that goes on also what was deleted before it was broken off.
        if (self.subject.args.deletes || settled.is_some())
            && let Some(deletion) = deletes::of_last_feed(self.job.state.path())?
        {
            self.closing.set_deleted(deletion.sums());
        }
        Ok(Ok((courses, news)))
    }

    /// An import before the feed's own came to its end.
    fn is_done(&mut self, code: u8) {
        self.done = Done { has_sent: true, code: worse(self.done.code, code) };
    }

    fn deletes(&self) -> Result<Deletes<'_>, Error> {
        let target = deletes::target(self.subject.args, &self.job.target)?;
        Ok(Deletes { job: &self.job, stage: &self.stage, closing: &self.closing, target })
    }

    /// Brings what the ledger keeps of a feed that is gone to its end.
    fn finish(&mut self, mut ledger: Ledger, found: &Found) -> Result<Next, Error> {
        self.closing.rest_first(found);
        ledger.keep_feed(&self.key, deletes::key_texts(&self.job.target));
        let args = self.subject.args;
        let source = Source::nothing(self.subject.layout).map_err(|error| source_error(&error))?;
        let names = opening::names(found).unwrap_or_else(|| settings::input_names(args));
        let feed = Some(Feed { key: self.key.clone(), courses: Courses::default(), watched: None });
        self.closing.turn_to(names.clone());
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        let paths = args.inputs.clone();
        let nth = import.number;
        let turn = Turn { ledger, import, source, paths, names, feed, is_rest: true, nth };
        let code = self.job.run(turn, &mut self.stage.borrow_mut(), &self.closing, exit::COMPLETE)?;
        match code {
            code if deletes::is_good(code) => {
                self.closing.turn_to(settings::input_names(args));
                self.is_done(code);
                Ok(Next::Look)
            }
            code => Ok(Next::End(code)),
        }
    }

    fn run(
        &self,
        mut ledger: Ledger,
        import: ImportRecord,
        source: Source,
        courses: Courses,
    ) -> Result<Next, Error> {
        ledger.keep_feed(&self.key, deletes::key_texts(&self.job.target));
        let args = self.subject.args;
        let (paths, names) = (args.inputs.clone(), settings::input_names(args));
        let watched = Watched::open(&paths, &self.seen).map_err(|path| still_written(&path))?;
        let feed = Some(Feed { key: self.key.clone(), courses, watched: Some(watched) });
        let nth = import.number;
        let turn = Turn { ledger, import, source, paths, names, feed, is_rest: false, nth };
        let code = self.job.run(turn, &mut self.stage.borrow_mut(), &self.closing, self.done.code)?;
        Ok(Next::End(code))
    }

    /// As [`Self::look_through`]; whoever asks `status` hears of a feed that is not sent.
    fn survey(&self, ledger: &Ledger, last: Option<&LastFeed>) -> Result<Surveyed, Error> {
        self.look_through(ledger, last).inspect_err(|error| {
            let state = self.job.state.path();
            let not_sent = NotSent::new(settings::input_names(self.subject.args), Clock::wall(), error);
            let told = status_file::read(state).ok().flatten();
            if let Some(told) = told.and_then(|told| not_sent.beside(&told)) {
                // Advice for others: the error is told, whatever comes of this.
                let _ = status_file::write(state, &told);
            }
        })
    }

    /// Reads the feed through; before anything is sent, it must be known to be whole.
    /// `last` is the feed before it.
    fn look_through(&self, ledger: &Ledger, last: Option<&LastFeed>) -> Result<Surveyed, Error> {
        let Subject { args, layout, .. } = &self.subject;
        let folder = self.job.state.path();
        let (inputs, again) = (&args.inputs, args.again);
        let (key, holds, seen) = (&self.key, self.holds, &self.seen);
        let is_asked = &|| self.is_asked();
        let survey = Survey { inputs, again, holds, layout, key, folder, seen, is_asked };
        let mut missing = if args.deletes { Some(Missing::gather(folder)?) } else { None };
        let bar = |source: &Source| Some(ReadingBar::new(args, source.bytes_total()));
        let (courses, news) = survey.of(bar, |meet| {
            ledger.known_rows(&mut |known| {
                let is_there = meet(known)?;
                missing.as_mut().map_or(Ok(()), |missing| missing.add(ledger, known.key, is_there))
            })
        })?;
        if let Some(missing) = &mut missing {
            for note in missing.settle(news.unread, args.quiet) {
                speech::say(&format!("note: {note}"));
            }
        }
        let stop = Guard::stop(&guards(args, last, news, missing.as_ref()));
        if let (Some(_), Some(missing)) = (&stop, &missing) {
            missing.discard();
        }
        stop.map_or(Ok(Surveyed { courses, news, missing }), Err)
    }
}

/// How the feed stands to what has to be so before anything of it is sent.
pub(super) fn guards(
    args: &SendArgs,
    last: Option<&LastFeed>,
    news: News,
    missing: Option<&Missing>,
) -> Vec<Guard> {
    // Of what was delivered without --sync, it is known now.
    let before = last.and_then(|last| last.keys).unwrap_or(news.known + news.gone);
    let shrinking = args.max_shrink.map(|max| Guard::of_shrinking(max.0, before, news.keys));
    missing.map(|missing| missing.guard(args)).into_iter().chain(shrinking).collect()
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

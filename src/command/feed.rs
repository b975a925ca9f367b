//! `--sync`: which rows of a feed are new or have changed. The feed is read through once before anything of it is sent:
//! so the last row of a key is known, a feed that is cut off is found out in time, and so is one that has shrunk.

use super::baseline::Baseline;
use super::deletes::{self, Deletes};
use super::feed_checks::{check_history, guards, rows_before};
use super::inputs;
use super::missing::Missing;
use super::opening::{self, Subject, ledger_error, source_error};
use super::replayed::Replayed;
use super::send::{Job, Turn};
use super::survey::{Survey, still_written};
use super::unbegun;
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::clock::Clock;
use crate::edge::ledger::{EachReplayed, Found, LastFeed, Ledger};
use crate::edge::source::Source;
use crate::edge::state_dir::StateDir;
use crate::edge::status_file;
use crate::edge::watched::{Seen, Watched};
use crate::error::{Error, exit};
use crate::model::{BatchSeq, Courses, FeedKey, ImportRecord, ImportState, News, Ordinal};
use crate::report::{Closing, Guard, NotSent, ReadingBar, speech, worse};
use crate::settings;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::Path;

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
    /// Nothing counts as unchanged: `--again` begins this feed, or has begun the one that goes on.
    pub(super) again: bool,
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
    /// Requests in doubt of the newest import were taken up; what is in doubt all the same was sent just now.
    takes_up: bool,
    /// Up to this import, earlier ones were asked about.
    pub(super) asked: u64,
}

/// What a look through the whole feed has found.
struct Surveyed {
    courses: Courses,
    news: News,
    /// Known rows that it no longer has, where they are deleted.
    missing: Option<Missing>,
}

/// What comes next: to look at the state again, or to end the program.
pub(super) enum Next {
    Look,
    End(u8),
}

impl Desk<'_> {
    /// Ends an import that was broken off, then takes the feed.
    pub(super) fn send(mut self) -> Result<u8, Error> {
        self.replayed.check_still()?;
        loop {
            match self.next() {
                Ok(Next::Look) => {}
                Ok(Next::End(code)) => return Ok(code),
                // A limit or a signal came before any of the feed was sent.
                Err(error) if error.stopped_by.is_some() => return self.not_begun(&error),
                Err(error) => return Err(error),
            }
        }
    }

    fn next(&mut self) -> Result<Next, Error> {
        let failed = |error: &_| ledger_error(error);
        let mut ledger = self.job.ledger()?;
        let last = ledger.last_feed().map_err(|error| failed(&error))?;
        let Some(found) = ledger.newest().map_err(|error| failed(&error))? else {
            return self.begin(ledger, 1, None);
        };
        self.subject.check(&found)?;
        check_history(&self.key, &found, last.as_ref())?;
        let number = found.import.number;
        let takes_up = settings::takes_up_doubts(self.subject.args) && !self.done.takes_up;
        match found.import.state {
            ImportState::Open => {
                let again = inputs::is_begun_again(&found);
                let source = self.subject.goes_on(&ledger, &found, takes_up, &self.replayed)?;
                if self.subject.args.again && !(again && source.is_some()) {
                    return Err(opening::not_finished());
                }
                if let Some(source) = source {
                    self.again = again;
                    return self.go_on(ledger, found, source, last.as_ref());
                }
                ledger.close_feed(number, again).map_err(|error| failed(&error))?;
                self.finish(ledger, &found)
            }
            // While this is the newest import, its requests can go again under their keys, or be asked about.
            ImportState::Complete(_)
                if takes_up && ledger.may_repeat_feed(number).map_err(|error| failed(&error))? =>
            {
                ledger.reopen_feed(number, &self.key).map_err(|error| failed(&error))?;
                self.finish(ledger, &found)
            }
            ImportState::Complete(_) | ImportState::Abandoned => {
                if last.is_none() && !self.subject.args.again {
                    self.baseline(&|| self.is_asked()).take(&mut ledger, &found)?;
                }
                self.fold(&mut ledger)?;
                if let Some(question) = self.question(&ledger)? {
                    return self.ask(ledger, &question);
                }
                self.begin(ledger, number + 1, last.as_ref())
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
    pub(super) fn fold(&self, ledger: &mut Ledger) -> Result<(), Error> {
        let clock = Clock::start();
        let key = (&self.key, deletes::key_texts(&self.job.target));
        let mut replayed = |import, each: &mut EachReplayed<'_>| self.replayed.rows(import, each);
        let folded = ledger.fold_feeds(key, self.job.state.path(), &mut replayed);
        self.closing.after(clock.elapsed());
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

    /// Behind imports that are folded.
    fn begin(&mut self, mut ledger: Ledger, number: u64, last: Option<&LastFeed>) -> Result<Next, Error> {
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
        let settled = self.deletes()?.settle(ledger, surveyed.missing.as_ref())?;
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
        if missing.as_ref().is_some_and(|missing| missing.rows() > 0) {
            ledger.seal_feeds(&self.key).map_err(|error| ledger_error(&error))?;
        }
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
    pub(super) fn is_done(&mut self, code: u8) {
        (self.done.has_sent, self.done.code) = (true, worse(self.done.code, code));
    }

    fn deletes(&self) -> Result<Deletes<'_>, Error> {
        let target = deletes::target(self.subject.args, &self.job.target)?;
        Ok(Deletes { job: &self.job, stage: &self.stage, closing: &self.closing, target })
    }

    /// Brings what the ledger keeps of a feed that is gone to its end.
    fn finish(&mut self, ledger: Ledger, found: &Found) -> Result<Next, Error> {
        self.closing.rest_first(found);
        let code = self.rest(ledger, found, None)?;
        if !deletes::is_good(code) {
            return Ok(Next::End(code));
        }
        let ledger = self.job.ledger()?;
        let has_doubts = ledger.has_doubts(found.import.number).map_err(|error| ledger_error(&error))?;
        self.done.takes_up = true;
        self.holds |= has_doubts && settings::takes_up_doubts(self.subject.args);
        // Rows that were only held are looked at again.
        let is_held = code == exit::IN_DOUBT && !has_doubts;
        let now = ledger.import(found.import.number).map_err(|error| ledger_error(&error))?;
        let less = if now.tally.rejected > 0 { exit::DEAD_LETTERS } else { exit::COMPLETE };
        self.is_done(if is_held { less } else { code });
        Ok(Next::Look)
    }

    /// Sends what the ledger keeps of an import; of these requests alone, where some are named.
    pub(super) fn rest(
        &mut self,
        mut ledger: Ledger,
        found: &Found,
        only: Option<Vec<BatchSeq>>,
    ) -> Result<u8, Error> {
        ledger.keep_feed(&self.key, deletes::key_texts(&self.job.target));
        let args = self.subject.args;
        let source = Source::nothing(self.subject.layout).map_err(|error| source_error(&error))?;
        let names = opening::names(found).unwrap_or_else(|| settings::input_names(args));
        let feed = Some(Feed { key: self.key.clone(), courses: Courses::default(), watched: None });
        self.closing.turn_to(names.clone());
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        let paths = args.inputs.clone();
        let nth = import.number;
        let turn =
            Turn { ledger, import, source, paths, names, feed, is_rest: true, only, nth, doubted: None };
        let code = self.job.run(turn, &mut self.stage.borrow_mut(), &self.closing, exit::COMPLETE)?;
        if deletes::is_good(code) {
            self.closing.turn_to(settings::input_names(args));
        }
        Ok(code)
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
        let turn = Turn {
            ledger,
            import,
            source,
            paths,
            names,
            feed,
            is_rest: false,
            only: None,
            nth,
            doubted: None,
        };
        let code = self.job.run(turn, &mut self.stage.borrow_mut(), &self.closing, self.done.code)?;
        Ok(Next::End(code))
    }

    /// As [`Self::look_through`]; whoever asks `status` hears of a feed that is not sent.
    fn survey(&self, ledger: &Ledger, last: Option<&LastFeed>) -> Result<Surveyed, Error> {
        let clock = Clock::start();
        let surveyed = self.look_through(ledger, last);
        self.closing.after(clock.elapsed());
        surveyed.inspect_err(|error| tell_not_sent(self.subject.args, self.job.state.path(), error))
    }

    /// Reads the feed through; before anything is sent, it must be known to be whole.
    /// `last` is the feed before it.
    fn look_through(&self, ledger: &Ledger, last: Option<&LastFeed>) -> Result<Surveyed, Error> {
        let Subject { args, layout, .. } = &self.subject;
        let folder = self.job.state.path();
        let (inputs, again) = (&args.inputs, self.again);
        let (key, holds, seen) = (&self.key, self.holds, &self.seen);
        let is_asked = &|| self.is_asked();
        let survey = Survey { inputs, again, read: Ordinal(0), holds, layout, key, folder, seen, is_asked };
        let mut missing = if args.deletes { Some(Missing::gather(folder)?) } else { None };
        let bar = |source: &Source| Some(ReadingBar::new(args, source.bytes_total()));
        let (courses, news) = survey.of(bar, |meet| {
            ledger.known_rows(&mut |known| {
                let is_there = meet(known)?;
                missing.as_mut().map_or(Ok(()), |missing| missing.add(ledger, known.key, is_there))
            })
        })?;
        // Of rows that have not come yet, nobody knows that they are gone.
        if let Some(expected) = args.expect_rows.filter(|expected| *expected != news.rows)
            && let Some(missing) = missing.take()
        {
            missing.discard();
            if !args.quiet {
                let words = "so nothing is deleted at the target";
                speech::say(&format!(
                    "note: {expected} rows are expected and {} have come, {words}",
                    news.rows
                ));
            }
        }
        if let Some(missing) = &mut missing {
            for note in missing.settle(news.unread, args.quiet) {
                speech::say(&format!("note: {note}"));
            }
        }
        self.closing.had(rows_before(last, news));
        let stop = Guard::stop(&guards(args, last, news, missing.as_ref()));
        if let (Some(_), Some(missing)) = (&stop, &missing) {
            missing.discard();
        }
        stop.map_or(Ok(Surveyed { courses, news, missing }), Err)
    }
}

/// Whoever asks for the `status` of a state hears of a feed of which nothing was sent.
fn tell_not_sent(args: &SendArgs, state: &Path, error: &Error) {
    let not_sent = NotSent::new(settings::input_names(args), Clock::wall(), error);
    let told = status_file::read(state).ok().flatten();
    if let Some(told) = told.and_then(|told| not_sent.beside(&told)) {
        // Advice for others: the error is told, whatever comes of this.
        let _ = status_file::write(state, &told);
    }
}

/// As [`tell_not_sent`], of a feed that could not be opened, if it is the feed of this state and no run holds it.
pub(super) fn unopened(args: &SendArgs, arguments: &[OsString], place: &Path, error: Error) -> Error {
    let error = unbegun::gravest(args, arguments, error);
    if error.exit == exit::FAILED
        && place.join("ledger.db").exists()
        && let Ok(state) = StateDir::take(place)
    {
        tell_not_sent(args, state.path(), &error);
    }
    error
}

//! A feed, read through before anything of it is sent: so the last row of a key is known, a feed that is cut off is found
//! out in time, and so is one that somebody still writes.

use super::broken::{Broken, is_cut_off};
use super::opening::{ledger_error, source_error};
use crate::edge::ledger::LedgerError;
use crate::edge::sorter::{Sorted, Sorter};
use crate::edge::source::{Layout, Source, Step};
use crate::edge::watched::Seen;
use crate::engine::StopCause;
use crate::error::Error;
use crate::model::{Course, Courses, FeedEntry, FeedKey, Mark, News, Ordinal};
use crate::report::ReadingBar;
use std::io;
use std::path::{Path, PathBuf};

/// What a feed is read with.
pub(super) struct Survey<'a> {
    pub(super) inputs: &'a [PathBuf],
    /// Nothing is unchanged: everything is sent again.
    pub(super) again: bool,
    /// A run that goes on has read the rows before this one.
    pub(super) read: Ordinal,
    /// Rows that are still in doubt are not sent again.
    pub(super) holds: bool,
    pub(super) layout: &'a Layout,
    pub(super) key: &'a FeedKey,
    /// For what does not fit into memory.
    pub(super) folder: &'a Path,
    pub(super) seen: &'a [Option<Seen>],
    /// Whether a signal asks to end.
    pub(super) is_asked: &'a dyn Fn() -> bool,
}

impl Survey<'_> {
    /// The course of each row, met with what the ledger knows of the last feed, and what is new in it.
    pub(super) fn of(
        &self,
        bar: impl FnOnce(&Source) -> Option<ReadingBar>,
        known: impl FnOnce(&mut dyn FnMut(FeedEntry) -> Result<bool, LedgerError>) -> Result<(), LedgerError>,
    ) -> Result<(Courses, News), Error> {
        let mut source = Source::open(self.inputs, self.layout).map_err(|error| source_error(&error))?;
        let mut bar = bar(&source);
        let mut sorter = Sorter::new(self.folder);
        let mut text = Vec::new();
        let failed = |error: &io::Error| {
            Error::failed(format!("the feed cannot be sorted in `{}`: {error}", self.folder.display()))
                .hint("make room on that disk, or name a state on another: --state DIR")
        };
        let (mut rows, mut unread) = (0, 0);
        let mut broken = None;
        for number in 0_u64.. {
            text.clear();
            let step = source.next(&mut text).map_err(|error| source_error(&error))?;
            rows += u64::from(matches!(step, Step::Row { .. } | Step::Bad { .. }));
            match step {
                // A row without its key is refused when it is its turn.
                Step::Row { mark, text: range } => match self.key.entry(&text[range]) {
                    Ok(entry) => sorter.push(mark.ordinal, entry).map_err(|error| failed(&error))?,
                    Err(_) => unread += 1,
                },
                Step::Bad { mark, bad } if is_cut_off(&mark, &bad) => return Err(self.cut_off(&mark)),
                Step::Bad { mark, bad } => {
                    let broken = match &mut broken {
                        Some(broken) => broken,
                        None => broken.insert(
                            Broken::of(self.inputs, self.layout, self.key)
                                .map_err(|error| source_error(&error))?,
                        ),
                    };
                    match broken.entry(&mark, &bad) {
                        // The older rows of its key are older all the same.
                        Some(entry) => sorter.push(mark.ordinal, entry).map_err(|error| failed(&error))?,
                        None => unread += 1,
                    }
                }
                Step::Idle => {}
                Step::End => break,
            }
            if number % 4096 == 0 {
                if (self.is_asked)() {
                    return Err(interrupted());
                }
                if let Some(bar) = &mut bar {
                    bar.at(source.bytes_consumed());
                }
            }
        }
        drop(bar);
        self.check_still()?;
        let sorted = sorter.sorted().map_err(|error| failed(&error))?;
        let mut keys = Keys::new(sorted, self).map_err(|error| failed(&error))?;
        known(&mut |entry| Ok(keys.meet(entry)?)).map_err(|error| ledger_error(&error))?;
        keys.rest().map_err(|error| failed(&error))?;
        (keys.news.rows, keys.news.unread) = (rows, unread);
        Ok((keys.courses, keys.news))
    }

    fn cut_off(&self, last: &Mark) -> Error {
        let input = self.inputs[last.place.input as usize].display();
        let line = last.place.line;
        let words = format!("`{input}` ends within a record, on line {line}; nothing was sent");
        Error::failed(words).hint("it was probably copied or written only in part; get it again")
    }

    /// Nobody writes at it while it is read.
    fn check_still(&self) -> Result<(), Error> {
        for (path, before) in self.inputs.iter().zip(self.seen) {
            if Seen::of(path) != *before {
                return Err(still_written(path));
            }
        }
        Ok(())
    }
}

/// A signal came before anything of the feed was sent.
pub(super) fn interrupted() -> Error {
    Error::stopped(StopCause::Signal.word(), "interrupted while the feed was read through")
}

pub(super) fn still_written(path: &Path) -> Error {
    Error::failed(format!("`{}` is still being written; nothing was sent", path.display()))
        .hint("let its producer write another file, and rename it when it is whole")
}

/// The keys of a feed in their order, met with those that were delivered before.
struct Keys {
    sorted: Sorted,
    next: Option<(Ordinal, FeedEntry)>,
    courses: Courses,
    news: News,
    /// Everything is sent, known or not.
    all: bool,
    holds: bool,
    read: Ordinal,
}

impl Keys {
    fn new(mut sorted: Sorted, survey: &Survey<'_>) -> io::Result<Self> {
        let next = sorted.next()?;
        let (courses, news) = (Courses::default(), News::default());
        let Survey { again: all, read, .. } = *survey;
        Ok(Self { sorted, next, courses, news, all, holds: survey.holds && !all, read })
    }

    /// The last row of the next key; those before it are superseded.
    fn take(&mut self) -> io::Result<Option<(Ordinal, FeedEntry)>> {
        let Some(mut last) = self.next else { return Ok(None) };
        loop {
            self.next = self.sorted.next()?;
            match self.next {
                Some(later) if later.1.key == last.1.key => {
                    self.courses.set(last.0, Course::Superseded);
                    last = later;
                }
                _ => break,
            }
        }
        self.news.keys += 1;
        self.news.read += u64::from(last.0 < self.read);
        Ok(Some(last))
    }

    /// A row as it was delivered last; all keys before it are new. Whether the feed has it.
    fn meet(&mut self, known: FeedEntry) -> io::Result<bool> {
        while self.next.is_some_and(|(_, entry)| entry.key < known.key) {
            self.take_new()?;
        }
        if self.next.is_none_or(|(_, entry)| entry.key != known.key) {
            self.news.gone += 1;
            return Ok(false);
        }
        let Some((ordinal, entry)) = self.take()? else { return Ok(false) };
        self.news.known += 1;
        if ordinal < self.read {
            return Ok(true);
        }
        if self.holds && entry.doubtful() == known {
            self.news.held += 1;
            self.courses.set(ordinal, Course::Held);
        } else if entry.unsure() == known || self.all && entry == known {
            self.news.again += 1;
        } else if entry != known {
            self.news.changed += 1;
        } else {
            self.news.unchanged += 1;
            self.courses.set(ordinal, Course::Unchanged);
        }
        Ok(true)
    }

    fn rest(&mut self) -> io::Result<()> {
        while self.take_new()? {}
        Ok(())
    }

    /// The next key, of which nothing is known; whether there is one.
    fn take_new(&mut self) -> io::Result<bool> {
        let Some((ordinal, _)) = self.take()? else { return Ok(false) };
        self.news.new += u64::from(ordinal >= self.read);
        Ok(true)
    }
}

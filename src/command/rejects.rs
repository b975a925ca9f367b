//! `bulkhaul rejects`: dead letters by reason, and their export. They come from the ledger, from the file while a
//! run has the ledger, or from a file that was named.

use super::deletes;
use super::doubted_rows;
use super::doubts;
use super::export::export;
use super::intake;
use super::letters;
use super::letters::{Foreign, of_lines};
use super::opening::ledger_error;
use super::reasons::wanted;
use super::replays::{Fate, Replays, in_order, root_of_state, states_of_file};
use super::status::{Seen, look};
use crate::args::RejectsArgs;
use crate::edge::ledger::{LedgerError, View};
use crate::edge::status_file;
use crate::error::{Error, exit};
use crate::model::Letter;
use crate::report::groups::{Groups, Since};
use crate::report::rejects::{Doubtful, Found};
use crate::report::since::Replayed;
use crate::report::speech;
use crate::settings;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where dead letters are read from.
pub(super) enum From {
    File(PathBuf),
    /// The newest import of a state that no run holds.
    Ledger {
        state: PathBuf,
        import: u64,
    },
    /// A run holds the ledger; its file, and the import it is about.
    Running {
        state: PathBuf,
        file: PathBuf,
        import_id: Option<String>,
    },
    /// Nothing has begun yet.
    Nothing(PathBuf),
}

pub(super) fn run(args: &RejectsArgs) -> Result<u8, Error> {
    let from = from(args.from.as_deref())?;
    if let Some(format) = args.export.filter(|_| args.in_doubt) {
        let is_file =
            || Error::failed("a file of dead letters has none of the rows in doubt").hint("name the state");
        doubted_rows::export(&from.folder().ok_or_else(is_file)?, format)?;
        return Ok(exit::COMPLETE);
    }
    let book = Book::of(&from)?;
    if book.too_long > 0 {
        let letters = speech::count(book.too_long, "letter");
        speech::say(&format!(
            "note: {letters} about a whole request, longer than 128 MiB, left out: `rejects STATE` has those, too"
        ));
    }
    let (mut groups, mut unsure, mut asked, mut earlier, mut in_letters) = (Groups::default(), 0, 0, 0, 0);
    book.each(&from, &mut |letter, _, rows| {
        groups.add_as(letter, rows.since);
        unsure += rows.unsure;
        asked += rows.asked;
        in_letters += if rows.are_earlier && letter.is_doubt() { rows.since.open } else { 0 };
        earlier += if rows.are_earlier { rows.since.open } else { 0 };
        if let (true, From::File(file)) = (rows.are_guessed, &from) {
            let words = intake::in_words(file, rows.number);
            speech::say(&format!("note: {words}, and `replay` refuses it\nhint: {}", intake::TO_BE_TOLD));
        }
        Ok(())
    })?;
    let sorted = groups.sorted();
    let wanted = args.reason.as_deref().map(|reason| wanted(reason, &sorted)).transpose()?;
    if let Some(format) = args.export {
        export(&from, format, &book, wanted.as_ref(), &sorted)?;
        return Ok(exit::COMPLETE);
    }
    let replaying = book.replays.under_way(unsure);
    let (held, is_feed) = from.held()?;
    let (doubts, held, earlier) =
        if wanted.is_none() { (from.doubts()?, held, earlier) } else { (Vec::new(), 0, 0) };
    let state = from.state();
    let deletion = state.as_deref().map_or(Ok(None), deletes::of_last_feed)?;
    let deletion = deletion.filter(|deletion| !deletion.is_done());
    let whose = doubts::whose(state.as_deref(), is_feed)?;
    let told = state.as_deref().and_then(|state| doubts::told(state, book.newest.as_deref()));
    let found = Found {
        from: from.shown(),
        harmless: told.as_ref().is_some_and(|told| told.harmless),
        command: told.and_then(|told| told.command),
        state,
        groups: sorted,
        only_doubts: args.in_doubt,
        wanted,
        doubts,
        held,
        told: in_letters.min(held),
        whose,
        letters: from.letters(),
        earlier,
        replaying,
        is_replayed: !book.replays.is_none(),
        asked: book.replays.asked(asked).filter(|_| !book.is_of_replay(&from)),
        deletion,
    };
    if args.json {
        speech::tell(&found.to_json());
    } else {
        speech::show(&found.words());
    }
    Ok(exit::COMPLETE)
}

fn from(given: Option<&Path>) -> Result<From, Error> {
    if let Some(file) = given.filter(|path| path.is_file()) {
        // An input stands for its import; what lies beside a dead-letter file is the state of its replays.
        return match settings::find_state(Some(file)) {
            Ok(state) if state.join("ledger.db").exists() => of_state(state),
            _ => Ok(From::File(file.to_owned())),
        };
    }
    of_state(settings::find_state(given)?)
}

fn of_state(state: PathBuf) -> Result<From, Error> {
    let seen = look(&state, &|view| Ok(view.newest()?.map(|found| found.import.number)))?;
    Ok(match seen {
        Seen::Ledger(Some(import)) => From::Ledger { state, import },
        Seen::Ledger(None) => From::Nothing(state),
        Seen::Running => {
            let told =
                status_file::read(&state).ok().flatten().and_then(|text| serde_json::from_str(&text).ok());
            let told: Value = told.unwrap_or_default();
            let import_id = told["import_id"].as_str().map(str::to_owned);
            From::Running { file: letters::file_of(&state), state, import_id }
        }
    })
}

/// What replays have made of the rows of a state's newest import that were refused (`None` if there was no replay), and how
/// many of earlier imports are still open.
pub(super) fn replayed(state: &Path) -> Result<(Option<Replayed>, u64), Error> {
    let from = of_state(state.to_owned())?;
    let book = Book::of(&from)?;
    let mut replayed = Replayed { is_running: book.replays.is_running, ..Replayed::default() };
    let mut earlier = 0;
    book.each(&from, &mut |_, _, rows| {
        if rows.are_earlier {
            earlier += rows.since.open;
        } else {
            replayed.open += rows.since.open;
            replayed.delivered += rows.since.delivered;
        }
        Ok(())
    })?;
    Ok(((!book.replays.is_none()).then_some(replayed), earlier))
}

/// Rows in doubt of which no letter speaks: no replay can take them.
pub(super) fn untold_doubt(state: &Path) -> u64 {
    let doubts = of_state(state.to_owned()).and_then(|from| from.doubts());
    doubts.unwrap_or_default().iter().map(|doubt| doubt.rows).sum()
}

/// Every dead letter of a state's newest import, running or not.
pub(super) fn each_of_state(state: PathBuf, each: &mut dyn FnMut(&Letter)) -> Result<(), Error> {
    of_state(state)?.each(Imports::Newest, &mut |letter, _, _| {
        each(letter);
        Ok(())
    })
}

impl From {
    fn shown(&self) -> String {
        match self {
            Self::File(file) | Self::Running { file, .. } => file.display().to_string(),
            Self::Ledger { state, .. } | Self::Nothing(state) => state.display().to_string(),
        }
    }

    fn state(&self) -> Option<PathBuf> {
        match self {
            Self::Ledger { state, .. } | Self::Nothing(state) => Some(state.clone()),
            Self::File(_) | Self::Running { .. } => None,
        }
    }

    /// What `replay` takes.
    fn letters(&self) -> Option<PathBuf> {
        match self {
            // It takes no deletions.
            Self::File(file) if file.parent().is_some_and(deletes::is_folder_of_one) => None,
            Self::Ledger { state, .. } if deletes::is_folder_of_one(state) => None,
            Self::File(file) => Some(file.clone()),
            Self::Ledger { state, .. } => Some(letters::file_of(state)),
            Self::Running { .. } | Self::Nothing(_) => None,
        }
    }

    /// The state, whether a run holds it or not.
    fn folder(&self) -> Option<PathBuf> {
        if let Self::Running { state, .. } = self { Some(state.clone()) } else { self.state() }
    }

    /// Rows in doubt of which no letter speaks.
    fn doubts(&self) -> Result<Vec<Doubtful>, Error> {
        let Self::Ledger { state, .. } = self else { return Ok(Vec::new()) };
        doubts::of_state(state)
    }

    /// Rows that an earlier feed has left in doubt, and that this one has as they were; and whether it is a feed.
    fn held(&self) -> Result<(u64, bool), Error> {
        let Self::Ledger { state, import } = self else { return Ok((0, false)) };
        let seen = look(state, &|view| Ok((view.held(*import)?, view.feed_key(*import)?.is_some())))?;
        Ok(if let Seen::Ledger(held) = seen { held } else { (0, false) })
    }

    /// Hands over every letter with its line and, from a file, that line's number; of earlier imports those that no later one has taken over.
    fn each(
        &self,
        imports: Imports,
        each: &mut dyn FnMut(&Letter, &str, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Nothing(_) => Ok(()),
            Self::File(_) | Self::Running { .. } if imports == Imports::Earlier => Ok(()),
            Self::File(file) => {
                of_lines(file, Foreign::RefusedBeforeTheLast, each)?;
                Ok(())
            }
            Self::Running { file, .. } if !file.exists() => Ok(()),
            Self::Running { file, import_id, .. } => {
                of_lines(file, Foreign::RefusedBeforeTheLast, &mut |letter, line, number| {
                    let is_of_it = import_id.is_none() || letter.import_id == *import_id;
                    if is_of_it { each(letter, line, number) } else { Ok(()) }
                })?;
                Ok(())
            }
            Self::Ledger { state, import } => {
                let view = View::open(&state.join("ledger.db")).map_err(|error| ledger_error(&error))?;
                let mut read = |line: &str| {
                    let letter = Letter::read(line).map_err(|why| {
                        Trouble(ledger_error(&LedgerError::Refused(format!(
                            "a dead letter cannot be read: {why}"
                        ))))
                    })?;
                    each(&letter, line, 0).map_err(Trouble)
                };
                let read = match imports {
                    Imports::Newest => view.letters(*import, &mut read),
                    Imports::Earlier => view.earlier_letters(*import, &mut read),
                };
                if !view.is_still() {
                    return Err(Error::failed(
                        "a run began while the ledger was read; what was said is not whole",
                    )
                    .hint("run the same command again"));
                }
                read.map_err(|Trouble(error)| error)
            }
        }
    }
}

/// Which of a state's imports are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Imports {
    Newest,
    Earlier,
}

/// What replays have made of the letters.
pub(super) struct Book {
    replays: Replays,
    newest: Option<String>,
    /// Some may be about rows of earlier imports: those of a file, and those of a replay.
    has_earlier: bool,
    /// Letters of a file that are too long to be read.
    too_long: u64,
}

impl Book {
    fn of(from: &From) -> Result<Self, Error> {
        let (mut newest, mut too_long) = (None, 0);
        let root = match from {
            From::Ledger { state, .. } | From::Nothing(state) => {
                let seen = look(state, &|view| Ok(view.newest()?.map(|found| found.import.id.hex())))?;
                if let Seen::Ledger(id) = seen {
                    newest = id;
                }
                Some(root_of_state(state))
            }
            From::Running { state, import_id, .. } => {
                newest.clone_from(import_id);
                Some(root_of_state(state))
            }
            From::File(file) => {
                let mut first = None;
                too_long = of_lines(file, Foreign::RefusedBeforeTheLast, &mut |letter, _, line| {
                    letters::refuse_shown(file, letter, line)?;
                    first = first.take().or_else(|| letter.import_id.clone());
                    Ok(())
                })?;
                // Where several know the import, nobody knows which of them refused these.
                let mut states = states_of_file(file, first.as_deref());
                states.pop().filter(|_| states.is_empty())
            }
        };
        let has_earlier = root != from.folder();
        let replays = root.map(|root| Replays::of(&root)).transpose()?.unwrap_or_default();
        Ok(Self { replays, newest, has_earlier, too_long })
    }

    /// These are the letters of a replay, whose doubts are told as its own.
    fn is_of_replay(&self, from: &From) -> bool {
        self.has_earlier && from.folder().is_some()
    }

    /// Hands over each letter with its line and what has become of its rows: of earlier imports what is still open.
    pub(super) fn each(
        &self,
        from: &From,
        each: &mut dyn FnMut(&Letter, &str, Rows) -> Result<(), Error>,
    ) -> Result<(), Error> {
        from.each(Imports::Earlier, &mut |letter, line, _| {
            let rows = Rows { are_earlier: true, asked: 0, ..self.rows(letter, true)? };
            if rows.since.open > 0 { each(letter, line, rows) } else { Ok(()) }
        })?;
        from.each(Imports::Newest, &mut |letter, line, number| {
            let rows = Rows { number, ..self.rows(letter, self.has_earlier)? };
            // A person may have taken out all rows of a letter, and a file has those of all imports.
            let is_over = letter.count() == 0
                || matches!(from, From::File(_)) && rows.over > 0 && rows.over == letter.count();
            if is_over { Ok(()) } else { each(letter, line, rows) }
        })
    }

    /// What has become of its rows, some of which a later import may have taken over.
    fn rows(&self, letter: &Letter, may_be_over: bool) -> Result<Rows, Error> {
        let known = self.replays.known(letter)?;
        let letter = &*known.letter;
        let places = known.places();
        let are_guessed = places.is_none();
        let places = places.unwrap_or_else(|| in_order(letter.count()));
        let names = self.replays.names(letter, &places, self.newest.as_deref())?;
        let mut found = Rows { are_guessed, ..Rows::default() };
        for (index, own) in self.replays.own_fates(letter, &places)?.into_iter().enumerate() {
            let name = names.as_ref().map(|names| names[index]);
            if may_be_over && name.map_or(Ok(false), |name| self.replays.is_over(name))? {
                found.over += 1;
                continue;
            }
            let fate = name.map_or(Ok(Fate::Open), |name| self.replays.fate(name))?;
            let is_open = own != Fate::Settled && fate != Fate::Delivered;
            let is_sure = is_open && !letter.is_doubt() && fate != Fate::InDoubt;
            found.since += Since {
                open: is_open.into(),
                sure: is_sure.into(),
                // What the import itself has sent again has a letter of its own, if it came to no good end.
                delivered: (own != Fate::Settled && fate == Fate::Delivered).into(),
            };
            let is_unsure = is_open && fate == Fate::InDoubt;
            found.unsure += u64::from(is_unsure);
            found.asked += u64::from(is_unsure && name.map_or(Ok(false), |name| self.replays.asks(name))?);
        }
        Ok(found)
    }
}

#[derive(Clone, Copy, Default)]
pub(super) struct Rows {
    pub(super) since: Since,
    /// Of those that are open, the ones that a replay has sent, without knowing what came of it.
    unsure: u64,
    /// Of these, the ones that the replay's own command ends.
    asked: u64,
    /// Those that a later import has taken over.
    over: u64,
    /// They are of an earlier import.
    are_earlier: bool,
    /// Which they are cannot be told any more.
    are_guessed: bool,
    /// Of its line, where it stands in a file.
    number: u64,
}

/// An error of either side of reading a ledger.
struct Trouble(Error);

impl std::convert::From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self(ledger_error(&error))
    }
}

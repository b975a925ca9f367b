//! `bulkhaul replay`: dead letters sent again. A replay is an import of its own, with keys, a ledger and dead letters
//! of its own, in `replays/N` of the state whose rows were refused; its input is a copy of what was still open when it
//! began.

use super::another_mapping::identity;
use super::intake::{COPY, Intake, Types, goes_on};
use super::letters::Foreign;
use super::meant_letters::Meant;
use super::natural_keys;
use super::opening::{self, ledger_error, source_error};
use super::origin::Origin;
use super::rejects;
pub(super) use super::replay_request::Request;
use super::replayed::{doubts_overtaken, followed, is_newest_overtaken, overtaken};
use super::replays::Replays;
use super::results;
use super::send::{self, Job, Turn, start_sandbox, take_state};
use super::unbegun;
use crate::args::{ReplayArgs, SendArgs};
use crate::edge::fingerprint::Fingerprint;
use crate::edge::ledger::{Found, Ledger, View};
use crate::edge::source::{Layout, Source};
use crate::edge::state_dir::{StateDir, StateError};
use crate::error::{Error, exit};
use crate::model::{Digest, Hasher, ImportId, ImportRecord, ImportState};
use crate::report::{Closing, Replayed, speech};
use crate::settings;
use crate::target::Target;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn run(args: &ReplayArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let outcome = replay(args, arguments);
    let outcome = outcome.map_err(|error| unbegun::gravest_of_replay(args, arguments, error));
    send::telling(&args.send, outcome, || unbegun::state_of_replay(args))
}

/// What stays the same from the first look to the last word.
pub(super) struct Desk<'a> {
    pub(super) args: &'a ReplayArgs,
    pub(super) arguments: &'a [OsString],
    file: PathBuf,
    root: PathBuf,
    pub(super) target: Arc<Target>,
    pub(super) identity: Digest,
    pub(super) request: Request,
    pub(super) replays: Replays,
    pub(super) origin: Option<Origin>,
    /// What is open of the newest replay is a later import's.
    is_overtaken: bool,
    layout: Option<Layout>,
    foreign: Foreign,
    /// Keeps runs of the import away while its dead letters are taken over.
    still: Option<File>,
}

/// The newest replay.
pub(super) struct Last {
    pub(super) number: u64,
    pub(super) found: Found,
    pub(super) before: Request,
    /// The same is asked for.
    pub(super) same: bool,
}

/// Behind the lock of the replays: a run of the import that takes up rows in doubt asks for them in the other order.
pub(super) fn keep_still(root: &Path) -> Result<Option<File>, Error> {
    let shown = root.display();
    StateDir::look(root).map_err(|error| match error {
        StateError::Held => {
            let words = format!("an import runs in `{shown}`, and its dead letters may still become more");
            Error::new(exit::HELD, words).hint("wait for it to end, then run the same command again")
        }
        StateError::Io(error) => Error::failed(format!("the state folder `{shown}` cannot be read: {error}")),
    })
}

fn replay(args: &ReplayArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let send = &args.send;
    settings::check_results(send)?;
    let Some(meant) = Meant::of(args)? else { return Ok(nothing(send, arguments)) };
    let chosen = settings::choose(send)?;
    chosen.check_secrets()?;
    settings::check_question(send, &unbegun::looked_at(&chosen)?)?;
    let Some((root, foreign)) = meant.root(send)? else { return Ok(nothing(send, arguments)) };
    // One replay at a time: two would take over the same letters.
    let turn = take_state(&root.join("replays"))?;
    let still = keep_still(&root)?;
    let sandbox = if chosen.is_sandbox { Some(start_sandbox(send, &root)?) } else { None };
    let target = Arc::new(send::compile(&chosen, sandbox.as_ref())?);
    send::warn(send, &target);
    let layout = meant.layout.clone();
    let file = meant.file(turn.path())?;
    let code = Desk::of(args, arguments, target, file, (root, still), (layout, foreign))?.decide();
    drop(sandbox);
    code
}

/// There is not even a letter.
pub(super) fn nothing(send: &SendArgs, arguments: &[OsString]) -> u8 {
    let state = settings::find_state(Some(&send.inputs[0]));
    let in_doubt = state.map_or(0, |state| rejects::untold_doubt(&state));
    Closing::new(send, arguments, &send.to, Path::new("")).nothing_open(exit::COMPLETE, in_doubt);
    exit::COMPLETE
}

impl<'a> Desk<'a> {
    pub(super) fn of(
        args: &'a ReplayArgs,
        arguments: &'a [OsString],
        target: Arc<Target>,
        file: PathBuf,
        (root, still): (PathBuf, Option<File>),
        (layout, foreign): (Option<Layout>, Foreign),
    ) -> Result<Self, Error> {
        let identity = identity_of(&target);
        let facts = Fingerprint::whole(&file)
            .map_err(|error| Error::failed(format!("cannot read `{}`: {error}", file.display())))?;
        let name = if settings::is_piped(&args.send) { "-".to_owned() } else { file.display().to_string() };
        let request = Request {
            name,
            size: facts.size,
            head: facts.head.hex(),
            content: facts.content,
            reason: args.reason.clone(),
            in_doubt: args.in_doubt,
            reading: layout.clone(),
            types: settings::types(&args.send.types)?,
            null: args.send.null.clone(),
            nth: 0,
            place: target.place().hex(),
            again: args.send.again,
            doubted: String::new(),
            replay: Replayed { of: root.display().to_string(), ..Replayed::default() },
        };
        let (replays, origin) = (Replays::of(&root)?, Origin::of(&root)?);
        let is_overtaken = is_newest_overtaken(&replays)?;
        Ok(Self {
            args,
            arguments,
            file,
            root,
            target,
            identity,
            request,
            replays,
            origin,
            is_overtaken,
            layout,
            foreign,
            still,
        })
    }
}

impl Desk<'_> {
    pub(super) fn folder(&self, number: u64) -> PathBuf {
        self.root.join("replays").join(number.to_string())
    }

    /// What its one input is called.
    pub(super) fn names(&self) -> Arc<[String]> {
        [self.request.name.clone()].into()
    }

    pub(super) fn closing(&self, state: &Path, replay: Replayed) -> Closing<'_> {
        let dead_letters = settings::dead_letter_path(&self.args.send, state);
        Closing::new(&self.args.send, self.arguments, self.target.name(), &dead_letters).of_replay(replay)
    }

    /// The newest replay, only looked at. One that is not finished has to be, before something else is asked for.
    pub(super) fn last(&self) -> Result<Option<Last>, Error> {
        let Some((number, _)) = self.replays.newest() else { return Ok(None) };
        let view = View::open(&self.folder(*number).join("ledger.db"));
        let found = view.and_then(|view| view.newest()).map_err(|error| ledger_error(&error))?;
        let last = self.last_of(*number, found)?;
        if last.found.import.state == ImportState::Open && !last.same && !has_settled(&last.found) {
            return Err(self.other(*number, &last.found, &last.before));
        }
        Ok(Some(last))
    }

    fn last_of(&self, number: u64, found: Option<Found>) -> Result<Last, Error> {
        let found = found.ok_or_else(|| Error::new(exit::LEDGER, "a replay has lost its beginning"))?;
        let before = Request::read(&found)?;
        // The import may have gone on meanwhile, and its file grown: what was begun is ended first, while it can be.
        let is_same = before.is(&self.request)
            || found.import.state == ImportState::Open
                && before.is_less_than(&self.request, &self.file)
                && !self.is_past(before.nth)?;
        let is_same = is_same && found.import.identity == self.identity;
        // What `--again` has begun and not finished goes on, and is not begun once more.
        let is_begun = found.import.state == ImportState::Open && before.again;
        Ok(Last { number, found, before, same: is_same && (is_begun || !self.args.send.again) })
    }

    fn open(&self, state: &StateDir) -> Result<Ledger, Error> {
        let path = state.ledger_file().map_err(|error| ledger_error(&error.into()))?;
        let dead_letters = settings::dead_letter_path(&self.args.send, state.path());
        Ledger::open(&path, &dead_letters).map_err(|error| ledger_error(&error))
    }

    /// Which replay this is: the last one, or a new one of what is still open.
    fn decide(self) -> Result<u8, Error> {
        let newest = self.replays.newest().map(|(number, _)| *number);
        let Some(number) = newest else {
            return if self.args.send.abandon { Err(nothing_to_abandon()) } else { self.begin(1) };
        };
        let state = take_state(&self.folder(number))?;
        let mut ledger = self.open(&state)?;
        let found = ledger.newest().map_err(|error| ledger_error(&error))?;
        let Last { found, before, same, .. } = self.last_of(number, found)?;
        if self.args.send.abandon {
            return self.abandon(&mut ledger, &state, before.replay);
        }
        match found.import.state {
            ImportState::Open if !same && has_settled(&found) => {
                opening::abandon(&mut ledger, "replay")?;
                self.say_what_is_closed(number);
                drop(ledger);
                drop(state);
                self.begin(number + 1)
            }
            ImportState::Open if self.is_past(before.nth)? => Err(overtaken(number)),
            ImportState::Open if same => {
                if before.content != self.request.content && !self.args.send.quiet {
                    speech::say(&format!(
                        "note: there are more dead letters than replay {number} began with; it goes on with its own, and the \
                         same command sends the others once it is complete"
                    ));
                }
                self.go_on(ledger, found, &state, before)
            }
            ImportState::Open => Err(self.other(number, &found, &before)),
            ImportState::Complete(exit) if same => {
                if settings::takes_up_doubts(&self.args.send) && found.tally.in_doubt > 0 {
                    if self.is_past(before.nth)? {
                        return Err(doubts_overtaken(number, !self.is_overtaken));
                    }
                    ledger.reopen(found.import.number).map_err(|error| ledger_error(&error))?;
                    let import = ImportRecord { state: ImportState::Open, ..found.import };
                    return self.go_on(ledger, Found { import, ..found }, &state, before);
                }
                results::open(&self.args.send, &ledger, &found.import, &self.names())?;
                send::finished(
                    &self.args.send,
                    ledger,
                    &self.closing(state.path(), before.replay),
                    &found,
                    exit,
                )
            }
            ImportState::Complete(_) | ImportState::Abandoned => {
                drop(ledger);
                drop(state);
                self.begin(number + 1)
            }
        }
    }

    pub(super) fn is_past(&self, nth: u64) -> Result<bool, Error> {
        Ok(self.is_overtaken || self.origin.as_ref().map_or(Ok(false), |origin| origin.is_past(nth))?)
    }

    fn abandon(&self, ledger: &mut Ledger, state: &StateDir, replay: Replayed) -> Result<u8, Error> {
        let (found, left) = opening::abandon(ledger, "replay")?;
        self.closing(state.path(), replay).abandoned(&found, left, false);
        Ok(exit::COMPLETE)
    }

    fn go_on(self, ledger: Ledger, found: Found, state: &StateDir, begun: Request) -> Result<u8, Error> {
        let source = goes_on(state.path(), &found)?;
        self.send(ledger, found.import, source, state, begun)
    }

    /// Takes over what is still open, and sends it.
    fn begin(self, number: u64) -> Result<u8, Error> {
        let folder = self.folder(number);
        let state = take_state(&folder)?;
        let copy = folder.join(COPY);
        let begun = self.open(&state).and_then(|mut ledger| {
            let (import, request) = self.write_down(&mut ledger, number, &copy)?;
            Ok((import.map(|import| (ledger, import)), request))
        });
        if !matches!(begun, Ok((Some(_), _))) {
            // Nothing has begun in it.
            let _ = std::fs::remove_dir_all(&folder);
        }
        let (begun, request) = begun?;
        let Some((ledger, import)) = begun else {
            let replay = request.replay;
            let is_doubt = replay.left_out.in_doubt > 0 && self.replays.newest().is_some();
            let code = if is_doubt { exit::IN_DOUBT } else { exit::COMPLETE };
            let last = self.replays.newest().map_or(0, |(number, _)| *number);
            let in_doubt = rejects::untold_doubt(&self.root);
            self.closing(&self.folder(last), replay).nothing_open(code, in_doubt);
            return Ok(code);
        };
        if !self.args.send.quiet {
            self.say_what_is_taken(&request.replay);
        }
        let source = Source::open(&[copy], &Layout::taken()).map_err(|error| source_error(&error))?;
        self.send(ledger, import, source, &state, request)
    }

    /// The copy, which letter each of its rows was, and the import: durable together. No import if nothing is open.
    pub(super) fn write_down(
        &self,
        ledger: &mut Ledger,
        number: u64,
        copy: &Path,
    ) -> Result<(Option<ImportRecord>, Request), Error> {
        if self.origin.as_ref().map_or(Ok(false), Origin::is_followed)? {
            return Err(followed());
        }
        let failed = |error: &_| ledger_error(error);
        let mut book = ledger.replaying().map_err(|error| failed(&error))?;
        let intake = Intake {
            file: &self.file,
            origin: self.origin.as_ref(),
            replays: &self.replays,
            foreign: self.foreign,
            layout: self.layout.as_ref(),
            types: Types::of(&self.request.types),
            null: self.request.null.as_deref(),
            reason: self.args.reason.as_deref(),
            in_doubt: self.args.in_doubt,
        };
        let left_out = intake.copy(&mut book, copy)?;
        let replay = Replayed { taken: book.taken(), left_out, ..self.request.replay.clone() };
        let doubted = book.doubted().map_or_else(String::new, |rows| Digest::hex_of(&rows.to_bytes()));
        let request = Request { replay, nth: self.nth(), doubted, ..self.request.clone() };
        if request.replay.taken == 0 {
            return Ok((None, request));
        }
        let facts = Fingerprint::of(copy)
            .map_err(|error| Error::failed(format!("cannot read `{}`: {error}", copy.display())))?;
        // The same rows may have been refused at the same lines of two states: only their letters tell them apart.
        let names = book.names().map_err(|error| failed(&error))?;
        let inputs = [(facts.head, facts.size), (names, request.replay.taken)];
        let id = ImportId::derive(self.identity, &inputs, number);
        let import = ImportRecord { number, id, identity: self.identity, state: ImportState::Open };
        let known = (self.origin.as_ref(), &self.replays);
        natural_keys::hand_on(&book, known, (&self.target, &import), copy)?;
        if self.origin.is_none() && self.target.idempotency().is_natural_key() {
            natural_keys::hand_on_from_letters(&book, &self.file, self.foreign)?;
        }
        let written = serde_json::to_string(&[&request]).expect("names and sizes are plain data");
        book.begin(&import, &written).map_err(|error| failed(&error))?;
        Ok((Some(import), request))
    }

    /// Which import of the state the letters are of.
    fn nth(&self) -> u64 {
        self.origin.as_ref().map_or(1, Origin::nth)
    }

    fn send(
        self,
        ledger: Ledger,
        import: ImportRecord,
        source: Source,
        state: &StateDir,
        begun: Request,
    ) -> Result<u8, Error> {
        let dead_letters = settings::dead_letter_path(&self.args.send, state.path());
        let names = self.names().to_vec();
        let Self { args, arguments, target, still, .. } = self;
        drop(still);
        let (nth, doubted) = (begun.nth, begun.doubted(&target));
        let closing =
            Closing::new(&args.send, arguments, target.name(), &dead_letters).of_replay(begun.replay);
        let (args, layout) = (&args.send, &Layout::taken());
        let job = Job { args, layout, target, state, dead_letters: &dead_letters, is_deletion: false };
        let paths = vec![state.path().join(COPY)];
        let feed = None;
        let turn =
            Turn { ledger, import, source, paths, names, feed, is_rest: false, only: None, nth, doubted };
        job.run(turn, &mut send::open_stage()?, &closing, exit::COMPLETE)
    }
}

/// Of all replays to a target.
pub(super) fn identity_of(target: &Target) -> Digest {
    Hasher::new("bulkhaul/replay").field(&identity(target.identity(), &Layout::taken()).0).finish()
}

/// All that a replay has read has come to a sure end, as behind a canary: another one may begin, and takes over the rest.
fn has_settled(found: &Found) -> bool {
    found.tally.pending + found.tally.in_doubt == 0
}

fn nothing_to_abandon() -> Error {
    Error::failed("there is no replay here to abandon")
}

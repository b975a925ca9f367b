//! `bulkhaul send`: the main job.

use super::deletes;
use super::earlier_stream;
use super::feed;
use super::feed_checks;
use super::inputs::{InputFacts, copy_facts, input_facts};
use super::letters;
use super::opening::{self, Opening, Subject, ledger_error, source_error};
use super::overtaken;
use super::reading::Reading;
use super::rejects;
use super::replayed::{self, Replayed};
use super::replays::{Replays, leave_to_replays};
use super::results;
use super::spooling;
use super::unbegun;
use super::verdict;
use crate::args::SendArgs;
use crate::drive::{Former, Run, Stage};
use crate::edge::clock::Clock;
use crate::edge::ledger::{Found, Ledger};
use crate::edge::source::{Layout, Rereader, Source};
use crate::edge::state_dir::{StateDir, StateError};
use crate::edge::watched::Seen;
use crate::edge::wire::{Way, Wire};
use crate::engine::{Assembler, Engine, Policy};
use crate::error::{Error, exit};
use crate::model::{BatchSeq, ImportRecord, RowSet, Unsettled};
use crate::report::{Closing, Onlooker, Part, speech, worse};
use crate::sandbox::{Options, Sandbox};
use crate::settings::{self, Chosen};
use crate::target::Target;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn run(args: &SendArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let outcome = prepare_and_send(args, arguments).map_err(|error| unbegun::gravest(args, arguments, error));
    telling(args, outcome, || settings::state_path(args).ok())
}

/// Why a run could not begin is told to programs as to people, with what is known of the import in `state`.
pub(super) fn telling(
    args: &SendArgs,
    outcome: Result<u8, Error>,
    state: impl FnOnce() -> Option<PathBuf>,
) -> Result<u8, Error> {
    if let Err(error) = &outcome
        && args.json
        && error.exit != exit::USAGE
    {
        speech::tell(&unbegun::summary(args, state().as_deref(), error).to_json());
    }
    outcome
}

fn prepare_and_send(args: &SendArgs, arguments: &[OsString]) -> Result<u8, Error> {
    settings::check_inputs(args)?;
    settings::check_state(args)?;
    settings::check_results(args)?;
    let layout = settings::layout(args)?;
    let chosen = settings::choose(args)?;
    if !args.abandon {
        chosen.check_secrets()?;
    }
    let place = settings::state_path(args)?;
    settings::keep_apart(args, &place)?;
    let feed_key = feed_checks::key(args, arguments)?;
    if args.abandon {
        return abandon(args, arguments, chosen.name(), &place);
    }
    let seen = args.inputs.iter().map(|path| Seen::of(path)).collect();
    // A stream is waited for before the first run, and a feed read through: signals are heard from here on.
    let is_piped = settings::is_piped(args);
    let mut stage = if is_piped || feed_key.is_some() { Some(open_stage()?) } else { None };
    let facts = if is_piped { Ok(Vec::new()) } else { input_facts(&args.inputs, &layout) };
    let inputs = match facts {
        Err(error) if feed_key.is_some() => return Err(feed::unopened(args, arguments, &place, error)),
        facts => facts?,
    };
    if let Some(key) = &feed_key {
        feed_checks::check_columns(args, &layout, key)?;
    }
    // What its target cannot do is told before anything is made.
    let able = unbegun::looked_at(&chosen)?;
    settings::check_question(args, &able)?;
    deletes::target(args, &able)?;
    let state = take_state(&place)?;
    let sandbox = if chosen.is_sandbox { Some(start_sandbox(args, state.path())?) } else { None };
    let target = Arc::new(compile(&chosen, sandbox.as_ref())?);
    warn(args, &target);
    let dead_letters = settings::dead_letter_path(args, state.path());
    let closing = Closing::new(args, arguments, target.name(), &dead_letters)
        .with_settings(settings::told(args, &target));
    let job =
        Job { args, layout: &layout, target, state: &state, dead_letters: &dead_letters, is_deletion: false };
    if let Some(key) = feed_key
        && let Some(stage) = stage.take()
    {
        let stage = RefCell::new(stage);
        let subject = Subject { args, layout: &layout, arguments, target: Arc::clone(&job.target), inputs };
        let holds = settings::holds_doubts(args, &job.target);
        let replayed = Replayed::of(state.path(), &job.target)?;
        let code = feed::Desk {
            subject,
            key,
            job,
            stage,
            closing,
            holds,
            again: args.again,
            replayed,
            seen,
            done: feed::Done::default(),
        }
        .send();
        drop(sandbox);
        return code;
    }
    let code = job.import(arguments, inputs, stage, &closing);
    drop(sandbox);
    match code {
        Err(error) if error.exit == exit::STOPPED => Ok(closing.stopped_before(&error, "nothing", None)),
        code => code,
    }
}

/// What the target is told may be heard by others.
pub(super) fn warn(args: &SendArgs, target: &Target) {
    if target.is_exposed() && !args.quiet {
        let url = target.url_shown();
        speech::say(&format!(
            "warning: the token goes to {url} over plain http, and whoever is on the way can read it; say https:// if \
             the target has it"
        ));
    }
}

pub(super) fn open_stage() -> Result<Stage, Error> {
    Stage::open().map_err(|error| Error::failed(format!("the run could not start: {error}")))
}

pub(super) fn compile(chosen: &Chosen, sandbox: Option<&Sandbox>) -> Result<Target, Error> {
    let address = sandbox.map(Sandbox::url);
    chosen.compile(address.as_deref())
}

pub(super) fn take_state(path: &Path) -> Result<StateDir, Error> {
    StateDir::take(path).map_err(|error| match error {
        StateError::Held => held(path),
        StateError::Io(error) => {
            Error::failed(format!("cannot use the state folder `{}`: {error}", path.display()))
                .hint("--state DIR names another one")
        }
    })
}

/// Never another state: rows that this one has delivered would go once more.
fn wait_for(state: &Path) -> String {
    let state = state.parent().filter(|_| state.ends_with("replays")).unwrap_or(state);
    format!("wait for it to end; how it stands: bulkhaul status {}", settings::quoted(state.as_os_str()))
}

pub(super) fn held(state: &Path) -> Error {
    let shown = state.display();
    Error::new(exit::HELD, format!("another process runs the import in `{shown}`")).hint(wait_for(state))
}

pub(super) fn start_sandbox(args: &SendArgs, state: &Path) -> Result<Sandbox, Error> {
    let options = Options {
        faults: args.faults.unwrap_or_default(),
        seed: args.seed.unwrap_or_default(),
        store: Some(state.join("sandbox.db")),
        ..Options::default()
    };
    Sandbox::start(options).map_err(|error| Error::failed(format!("the sandbox did not start: {error}")))
}

/// The import is over since an earlier run: nothing is sent. What has become of its dead-letter file is mended.
pub(super) fn finished(
    args: &SendArgs,
    mut ledger: Ledger,
    closing: &Closing<'_>,
    found: &Found,
    exit: u8,
) -> Result<u8, Error> {
    ledger.restore_letters().map_err(|error| ledger_error(&error))?;
    letters::tell_aside(args, &ledger);
    ledger.close().map_err(|error| ledger_error(&error))?;
    closing.finished_before(found, exit);
    Ok(exit)
}

/// The input need not be there any more: that is why many an import is given up.
fn abandon(args: &SendArgs, arguments: &[OsString], target: &str, place: &Path) -> Result<u8, Error> {
    if !place.join("ledger.db").exists() {
        return Err(Error::failed("there is no import here to abandon"));
    }
    let state = take_state(place)?;
    let dead_letters = settings::dead_letter_path(args, state.path());
    let mut ledger =
        Ledger::open(&place.join("ledger.db"), &dead_letters).map_err(|error| ledger_error(&error))?;
    let closing = Closing::new(args, arguments, target, &dead_letters);
    if let Some(deleted) = deletes::abandon(state.path(), &ledger)? {
        closing.deletion_abandoned(&deleted);
        return Ok(0);
    }
    let newest = ledger.newest().map_err(|error| ledger_error(&error))?;
    let (found, left) = opening::abandon(&mut ledger, "import")?;
    ledger.close().map_err(|error| ledger_error(&error))?;
    closing.abandoned(&found, left, newest.is_some_and(|it| it.import.number != found.import.number));
    drop(state);
    if let (Some(replayed), _) = rejects::replayed(place)? {
        closing.replayed_since(replayed);
    }
    Ok(0)
}

/// What the runs of an import have in common.
pub(super) struct Job<'a> {
    pub(super) args: &'a SendArgs,
    pub(super) layout: &'a Layout,
    pub(super) target: Arc<Target>,
    pub(super) state: &'a StateDir,
    pub(super) dead_letters: &'a Path,
    /// Its rows are deleted, and say no more than that.
    pub(super) is_deletion: bool,
}

/// One run of an import.
pub(super) struct Turn {
    pub(super) ledger: Ledger,
    pub(super) import: ImportRecord,
    pub(super) source: Source,
    /// The files that are read, and what they are called in dead letters.
    pub(super) paths: Vec<PathBuf>,
    pub(super) names: Vec<String>,
    pub(super) feed: Option<feed::Feed>,
    /// Nothing more is read for it, and another import follows.
    pub(super) is_rest: bool,
    /// The only requests that it is about, where that is not all that have no end.
    pub(super) only: Option<Vec<BatchSeq>>,
    /// Which import of the state its rows are of, from 1: a replay's are of another's.
    pub(super) nth: u64,
    /// Of a replay, the rows that may have been applied before it.
    pub(super) doubted: Option<RowSet>,
}

impl Job<'_> {
    /// Brings the state's import to its end; before it, what is left of an import whose stream is gone.
    fn import(
        &self,
        arguments: &[OsString],
        inputs: Vec<InputFacts>,
        mut stage: Option<Stage>,
        closing: &Closing<'_>,
    ) -> Result<u8, Error> {
        let args = self.args;
        let mut paths = args.inputs.clone();
        let mut subject =
            Subject { args, layout: self.layout, arguments, target: Arc::clone(&self.target), inputs };
        if let Some(stage) = stage.as_mut().filter(|_| args.spool) {
            let copy = spooling::spool(&subject, &self.ledger()?, self.state, stage)?;
            subject.inputs = copy_facts(&copy)?;
            paths = vec![copy];
        } else if settings::is_live(args) {
            subject.inputs = vec![InputFacts::of_a_stream()];
        }
        if args.again && !args.new_stream {
            replayed::check_still(&Replays::of(self.state.path())?)?;
        }
        let (mut before, mut behind) = (0, 0);
        loop {
            let mut ledger = self.ledger()?;
            let mut reading = match &mut stage {
                Some(stage) if settings::is_live(args) => Reading::Standing(stage),
                _ => Reading::Files(&paths),
            };
            if args.verdict.is_some() {
                verdict::check(&ledger)?;
            }
            let earlier = earlier_stream::next(&mut ledger, &subject, behind)?;
            let opening = match earlier {
                Some(earlier) => earlier,
                None => opening::open(&mut ledger, &subject, &mut reading)?,
            };
            let (import, source, is_rest) = match opening {
                Opening::Finished { found, exit } => {
                    let names = settings::input_names(args);
                    let Some(said) = args.verdict else {
                        results::open(args, &ledger, &found.import, &names.into())?;
                        return finished(args, ledger, closing, &found, exit);
                    };
                    let (found, exit) = verdict::give(said, self, &mut ledger, &found, (&paths, &names))?;
                    results::open(args, &ledger, &found.import, &names.into())?;
                    ledger.close().map_err(|error| ledger_error(&error))?;
                    closing.finished_before(&found, exit);
                    return Ok(exit);
                }
                Opening::Run { import, source } => (import, *source, false),
                Opening::Rest { import, found } => {
                    behind = import.number;
                    closing.rest_first(&found);
                    let nothing = Source::nothing(self.layout).map_err(|error| source_error(&error))?;
                    (import, nothing, true)
                }
            };
            let (paths, names) = (paths.clone(), settings::input_names(args));
            // A queue delivers again whatever it likes, in whatever stream: a key that its message brings is that message's.
            let nth = if settings::is_live(args) { 1 } else { import.number };
            let turn = Turn {
                ledger,
                import,
                source,
                paths,
                names,
                feed: None,
                is_rest,
                only: None,
                nth,
                doubted: None,
            };
            let stage = match &mut stage {
                Some(stage) => stage,
                None => stage.insert(open_stage()?),
            };
            let code = self.run(turn, stage, closing, before)?;
            match code {
                exit::COMPLETE | exit::DEAD_LETTERS | exit::IN_DOUBT if is_rest => {
                    before = worse(before, code);
                }
                code => return Ok(code),
            }
        }
    }

    pub(super) fn ledger(&self) -> Result<Ledger, Error> {
        let path = self.state.ledger_file().map_err(|error| ledger_error(&error.into()))?;
        Ledger::open(&path, self.dead_letters).map_err(|error| ledger_error(&error))
    }

    /// `before` is the exit code of the import that was ended before this one.
    pub(super) fn run(
        &self,
        turn: Turn,
        stage: &mut Stage,
        closing: &Closing<'_>,
        before: u8,
    ) -> Result<u8, Error> {
        let Turn { mut ledger, import, source, paths, names, feed, is_rest, only, nth, doubted } = turn;
        let (args, target) = (self.args, Arc::clone(&self.target));
        let clock = Clock::start();
        let mut recovered = ledger.recover(import.number).map_err(|error| ledger_error(&error))?;
        letters::tell_aside(args, &ledger);
        if self.is_deletion && is_rest {
            recovered.unsettled.retain(Unsettled::may_have_left);
        }
        if let Some(only) = only {
            recovered.unsettled.retain(|unsettled| only.contains(&unsettled.batch.seq));
        }
        let resumed = recovered.batches_planned > 0 || recovered.tally.read > 0;
        let unsettled = recovered.unsettled.iter().map(|batch| batch.batch.clone()).collect();
        let names: Arc<[String]> = names.into();
        let mut policy = Policy { doubted, ..settings::policy(args, &target) };
        if self.is_deletion {
            (policy.expect_rows, policy.keep_rows, policy.tell) = (None, false, false);
        }
        let _replays =
            if policy.take_up_doubt { leave_to_replays(self, &ledger, &mut recovered)? } else { None };
        overtaken::warn(self, &policy, &ledger, import.number)?;
        let results = if self.is_deletion { None } else { results::open(args, &ledger, &import, &names)? };
        let limits = settings::batch_limits(args, &target);
        let assembler = Arc::new(Assembler::new(Arc::clone(&target), import.id, limits).of_import(nth));
        let total = source.bytes_total();
        let source = source.expecting(policy.expect_rows);
        let mut former = Former::new(source, Arc::clone(&assembler), Arc::clone(&names), args.limit);
        if settings::is_live(args) {
            former = former.closing_at(settings::batch_age(args, &target));
        }
        if let Some(feed::Feed { key, courses, watched }) = feed {
            former = former.of_feed(key, courses).watching(watched);
        }
        let rereader = Rereader::new(&paths, self.layout);
        let engine = Engine::new(
            policy,
            Arc::clone(&assembler),
            Arc::clone(&names),
            Clock::seed(),
            recovered,
            clock.now(),
        );
        let honoured = target.idempotency().honoured();
        let timeout = settings::timeout(args, &target);
        let way = Way { timeout, reuse: honoured, direct: target.is_local() };
        let agent = concat!("bulkhaul/", env!("CARGO_PKG_VERSION"));
        let wire = Wire::new(agent, way).map_err(Error::failed)?;
        let run = Run {
            engine,
            former,
            rereader,
            ledger,
            target,
            assembler,
            wire,
            timeout,
            results,
            clock,
            unsettled,
        };
        let mut onlooker = Onlooker::new(args, closing, self.state.path(), total, resumed);
        if !is_rest {
            onlooker.open(&run.engine);
        }
        let ended = run.run(stage, &mut onlooker);
        let ended = ended.map_err(|error| Error::failed(format!("the run could not start: {error}")))?;
        Ok(onlooker.close(&ended, Part { before, is_rest }, clock.now()))
    }
}

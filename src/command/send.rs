//! `bulkhaul send`: the main job.

use super::opening::{self, Opening, Subject, input_facts, ledger_error};
use crate::args::SendArgs;
use crate::drive::{Former, Run};
use crate::edge::clock::Clock;
use crate::edge::ledger::{Found, Ledger};
use crate::edge::results::ResultsFile;
use crate::edge::source::{Layout, Rereader, Source};
use crate::edge::state_dir::{StateDir, StateError};
use crate::edge::wire::{Way, Wire};
use crate::engine::{Assembler, Engine};
use crate::error::{Error, exit};
use crate::model::ImportRecord;
use crate::report::{Closing, Onlooker, Summary, speech};
use crate::sandbox::{Options, Sandbox};
use crate::settings::{self, Chosen};
use crate::target::Target;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn run(args: &SendArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let outcome = prepare_and_send(args, arguments);
    if let Err(error) = &outcome
        && args.json
        && error.exit != exit::USAGE
    {
        speech::tell(&Summary::of_error(args, error).to_json());
    }
    outcome
}

fn prepare_and_send(args: &SendArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let layout = settings::layout(args)?;
    let chosen = settings::choose(args)?;
    let place = settings::state_path(args)?;
    settings::keep_apart(args, &place)?;
    if args.abandon {
        return abandon(args, arguments, chosen.name(), &place);
    }
    let inputs = input_facts(&args.inputs, &layout)?;
    let state = take_state(&place)?;
    let sandbox = if chosen.is_sandbox { Some(start_sandbox(args, &state)?) } else { None };
    let target = compile(chosen, sandbox.as_ref())?;
    let ledger_path = state.ledger_file().map_err(|error| ledger_error(&error.into()))?;
    let dead_letters = settings::dead_letter_path(args, state.path());
    let mut ledger = Ledger::open(&ledger_path, &dead_letters).map_err(|error| ledger_error(&error))?;
    let subject = Subject { args, layout: &layout, target: target.identity(), inputs };
    let closing = Closing::new(args, arguments, target.name(), &dead_letters);
    match opening::open(&mut ledger, &subject)? {
        Opening::Finished { found, exit } => Ok(finished(&closing, &found, exit)),
        Opening::Run { import, source } => {
            let job = Job { args, layout: &layout, target, ledger, import, source: *source, state: &state };
            let code = send(job, &closing);
            drop(sandbox);
            code
        }
    }
}

fn compile(chosen: Chosen, sandbox: Option<&Sandbox>) -> Result<Target, Error> {
    let address = sandbox.map(Sandbox::url);
    chosen.compile(address.as_deref())
}

fn take_state(path: &Path) -> Result<StateDir, Error> {
    StateDir::take(path).map_err(|error| match error {
        StateError::Held => {
            let shown = path.display();
            Error::new(exit::HELD, format!("another process runs the import in `{shown}`"))
                .hint("wait for it to end, or give this import a folder of its own: --state DIR")
        }
        StateError::Io(error) => {
            Error::failed(format!("cannot use the state folder `{}`: {error}", path.display()))
                .hint("--state DIR names another one")
        }
    })
}

fn start_sandbox(args: &SendArgs, state: &StateDir) -> Result<Sandbox, Error> {
    let options = Options {
        faults: args.faults.unwrap_or_default(),
        seed: args.seed.unwrap_or_default(),
        store: Some(state.path().join("sandbox.db")),
        ..Options::default()
    };
    Sandbox::start(options).map_err(|error| Error::failed(format!("the sandbox did not start: {error}")))
}

/// The import is over since an earlier run: nothing is sent.
fn finished(closing: &Closing<'_>, found: &Found, exit: u8) -> u8 {
    closing.finished_before(found, exit);
    exit
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
    let found = opening::abandon(&mut ledger)?;
    ledger.close().map_err(|error| ledger_error(&error))?;
    Closing::new(args, arguments, target, &dead_letters).abandoned(&found);
    Ok(0)
}

struct Job<'a> {
    args: &'a SendArgs,
    layout: &'a Layout,
    target: Target,
    ledger: Ledger,
    import: ImportRecord,
    source: Source,
    state: &'a StateDir,
}

fn send(job: Job<'_>, closing: &Closing<'_>) -> Result<u8, Error> {
    let Job { args, layout, target, mut ledger, import, source, state } = job;
    let clock = Clock::start();
    let recovered = ledger.recover(import.number).map_err(|error| ledger_error(&error))?;
    let resumed = recovered.batches_planned > 0 || recovered.tally.read > 0;
    let unsettled = recovered.unsettled.iter().map(|batch| batch.batch.clone()).collect();
    let names: Arc<[String]> = settings::input_names(args).into();
    let policy = settings::policy(args, &target);
    let limits = settings::batch_limits(args, &target);
    let target = Arc::new(target);
    let assembler = Arc::new(Assembler::new(Arc::clone(&target), import.id, limits));
    let total = source.bytes_total();
    let former = Former::new(source, Arc::clone(&assembler), Arc::clone(&names), args.limit);
    let rereader = Rereader::new(&args.inputs, layout);
    let engine = Engine::new(
        policy,
        Arc::clone(&assembler),
        Arc::clone(&names),
        Clock::seed(),
        recovered,
        clock.now(),
    );
    let timeout = settings::timeout(args, &target);
    let way = Way { timeout, reuse: target.idempotency().honoured(), direct: target.is_local() };
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
        results: args.results.as_deref().map(open_results).transpose()?,
        inputs: names,
        clock,
        unsettled,
    };
    let mut onlooker = Onlooker::new(args, closing, state.path(), total, resumed);
    onlooker.open(&run.engine);
    let ended =
        run.run(&mut onlooker).map_err(|error| Error::failed(format!("the run could not start: {error}")))?;
    Ok(onlooker.close(&ended, clock.now()))
}

fn open_results(path: &Path) -> Result<ResultsFile, Error> {
    let shown: PathBuf = path.to_owned();
    ResultsFile::open(path)
        .map_err(|error| Error::failed(format!("cannot write the results to `{}`: {error}", shown.display())))
}

//! `bulkhaul plan`: everything that `send` would do before its first request, on all of the input. It opens no
//! connection, and makes no file and no folder.

use super::feed_checks;
use super::inputs::input_facts;
use super::opening::{Subject, source_error};
use super::planned_feed::{self, PlannedFeed};
use crate::args::SendArgs;
use crate::drive::Former;
use crate::edge::clock::Clock;
use crate::edge::source::{Layout, Source};
use crate::edge::watched::Seen;
use crate::engine::{Assembler, Event, Formed};
use crate::error::{Error, exit};
use crate::model::{BatchKey, Courses, FeedKey, ImportId, Letter, Load, Request};
use crate::report::plan::Plan;
use crate::report::{Curl, Guard, ReadingBar, speech};
use crate::settings::{self, Masks};
use crate::target::{About, Refresh, RowContext, Target};
use std::ffi::OsString;
use std::sync::Arc;

/// Where the practice server will be; its port is only known once it runs.
const SANDBOX: &str = "http://127.0.0.1:PORT";

pub(super) fn run(args: &SendArgs, arguments: &[OsString]) -> Result<u8, Error> {
    let outcome = plan(args, arguments);
    if let Err(error) = &outcome
        && args.json
        && error.exit != exit::USAGE
    {
        speech::tell(&crate::report::plan::error_json(args, error));
    }
    outcome
}

fn plan(args: &SendArgs, arguments: &[OsString]) -> Result<u8, Error> {
    settings::check_inputs(args)?;
    let layout = settings::layout(args)?;
    let aim = Aim::of(args)?;
    let key = feed_checks::key(args, arguments)?;
    let seen: Vec<Option<Seen>> = args.inputs.iter().map(|path| Seen::of(path)).collect();
    let subject = subject(args, arguments, &layout, &aim.target)?;
    let import = subject.as_ref().map_or_else(|| ImportId::fixed("plan", 1), |subject| subject.import_id(1));
    let mut plan = Plan::new(args, &aim.target, settings::batch_limits(args, &aim.target));
    let feed = match (key, &subject) {
        (Some(key), Some(subject)) => {
            feed_checks::check_columns(args, &layout, &key)?;
            let PlannedFeed { courses, news, pending, guards, deletion } =
                planned_feed::survey(subject, &aim, &key, &seen)?;
            (plan.news, plan.pending, plan.guards, plan.deletion) = (Some(news), pending, guards, deletion);
            Some((key, courses))
        }
        _ => None,
    };
    let source = Source::open(&args.inputs, &layout).map_err(|error| source_error(&error))?;
    let names = settings::input_names(args).into();
    aim.tell(args, arguments, plan, Rows { source, names, import, feed })
}

/// Where requests would go.
pub(super) struct Aim {
    pub(super) target: Arc<Target>,
    /// The same, with its secrets masked.
    pub(super) masked: Option<(Target, Masks)>,
    unset: Vec<String>,
    needs_secrets: bool,
}

/// What would be sent there.
pub(super) struct Rows {
    pub(super) source: Source,
    pub(super) names: Arc<[String]>,
    pub(super) import: ImportId,
    pub(super) feed: Option<(FeedKey, Courses)>,
}

impl Aim {
    pub(super) fn of(args: &SendArgs) -> Result<Self, Error> {
        let chosen = settings::choose(args)?;
        let sandbox = chosen.is_sandbox.then_some(SANDBOX);
        let masked = chosen.masked(args, sandbox);
        let unset = if sandbox.is_some() { Vec::new() } else { chosen.unset_secrets() };
        let needs_secrets = chosen.check_secrets().is_err();
        Ok(Self { target: Arc::new(chosen.compile(sandbox)?), masked, unset, needs_secrets })
    }

    /// Reads all rows, and says what would become of them.
    pub(super) fn tell(
        self,
        args: &SendArgs,
        arguments: &[OsString],
        mut plan: Plan<'_>,
        rows: Rows,
    ) -> Result<u8, Error> {
        let Self { target, masked, unset, needs_secrets } = self;
        let import = rows.import;
        plan.unset_secrets = unset;
        plan.needs_secrets = needs_secrets;
        plan.policy = Some(settings::policy(args, &target));
        let first = read(args, &target, rows, &mut plan)?;
        if let (Some(load), Some((target, masks))) = (first, masked) {
            let limits = settings::batch_limits(args, &target);
            let target = Arc::new(target);
            plan.curl = first_request(args, load, &Assembler::new(Arc::clone(&target), import, limits))
                .map(|request| Curl::new(&request, &masks));
        }
        let raised = Guard::stop(&plan.guards).map_or_else(Vec::new, |error| error.raised);
        let arguments = &settings::raising(&raised, arguments);
        plan.send = send_command(arguments, settings::is_piped(args) && args.state.is_none());
        if args.json {
            speech::tell(&plan.to_json());
        } else {
            speech::show(&plan.words(args.verbose));
        }
        Ok(plan.exit())
    }
}

/// What would be imported: the keys of a first import are made from it. Nobody knows those of a stream.
fn subject<'a>(
    args: &'a SendArgs,
    arguments: &'a [OsString],
    layout: &'a Layout,
    target: &Arc<Target>,
) -> Result<Option<Subject<'a>>, Error> {
    if settings::is_piped(args) {
        return Ok(None);
    }
    let inputs = input_facts(&args.inputs, layout)?;
    Ok(Some(Subject { args, layout, arguments, target: Arc::clone(target), inputs }))
}

/// Reads all of the input; gives back the first batch, and the key that it has.
fn read(
    args: &SendArgs,
    target: &Arc<Target>,
    rows: Rows,
    plan: &mut Plan<'_>,
) -> Result<Option<FirstBatch>, Error> {
    let Rows { source, names, import, feed } = rows;
    let mut bar = ReadingBar::new(args, source.bytes_total());
    let assembler =
        Arc::new(Assembler::new(Arc::clone(target), import, settings::batch_limits(args, target)));
    let mut former = Former::new(source, assembler, names, args.limit);
    if let Some((key, courses)) = feed {
        former = former.of_feed(key, courses);
    }
    let reads_state = target.group().and_then(|group| group.state.as_ref());
    plan.reads_state = reads_state.is_some_and(|state| state.refresh == Refresh::Every);
    plan.begins_groups = reads_state.is_some_and(|state| state.begin().is_some());
    let mut first = None;
    loop {
        match former.form(1, Clock::wall()) {
            Event::Formed(formed) => {
                plan.bytes_read += formed.bytes_read();
                let Formed { loads, refused, passed, .. } = formed;
                plan.pass(passed);
                for letter in refused {
                    plan.refuse(&Letter::read(&letter.line).unwrap_or_default());
                }
                for (load, key, _) in loads {
                    plan.batch(load.len() as u64, load.body().len() as u64);
                    first.get_or_insert(FirstBatch { load, key });
                }
            }
            Event::SourceFailed { why, hint, .. } => return Err(Error::failed(why).maybe_hint(hint)),
            _ => break,
        }
        bar.at(former.bytes_consumed());
    }
    bar.end();
    Ok(first)
}

pub(super) struct FirstBatch {
    pub(super) load: Load,
    pub(super) key: BatchKey,
}

/// The first request, formed again by the masked target's assembler.
pub(super) fn first_request(args: &SendArgs, first: FirstBatch, masked: &Assembler) -> Option<Request> {
    let FirstBatch { load, key } = first;
    let rows = (0..load.len()).map(|index| (load.mark(index), load.text(index)));
    let begin = masked.target().group().and_then(|group| group.state.as_ref()?.begin());
    let told = masked.target().steps_told();
    let state = begin.or_else(|| (!told.is_empty()).then_some(&told));
    let again = masked.assemble(state, rows);
    let row =
        RowContext { ordinal: load.mark(0).ordinal, text: load.text(0), index: 0, import: masked.import() };
    let about = About {
        key: &key,
        rows: load.len() as u64,
        first_sent: Clock::wall(),
        timeout: crate::settings::timeout(args, masked.target()),
        row: Some(&row),
        state,
        refusals: 0,
        import: 1,
    };
    masked.target().request_about(again.body().clone(), &about).ok()
}

/// The command that does what was planned.
fn send_command(arguments: &[OsString], piped: bool) -> Option<String> {
    let mut typed = arguments.to_vec();
    match typed.get(1)?.to_str()? {
        "plan" => typed[1] = "send".into(),
        // Of `send` and `replay`.
        _ => typed.retain(|word| word != "-n" && word != "--dry-run"),
    }
    typed.retain(|word| word != "--json");
    if piped {
        typed.extend(["--state".into(), "DIR".into()]);
    }
    let is_same = typed.len() == arguments.len() && typed.get(1) == arguments.get(1);
    // `-qn` and the like are not taken apart.
    (!is_same).then(|| settings::resume_command(&typed))
}

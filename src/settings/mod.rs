//! What will be done: arguments checked, secrets looked up, the target compiled, or all of it refused with a
//! remedy. What is wrong in the words alone is found before any file is opened (exit 2).

mod apart;
mod choice;
mod credential;
mod input;
mod masked;
mod near;
mod profile;
mod resume;
mod secret;
mod standing;
mod state;
mod told;

pub use apart::{check_results, keep_apart};
pub use choice::{Chosen, choose, named_headers, names_file, typed_parameters};
pub use input::{audit_layout, input_names, layout, layout_as, types};
pub use masked::Masks;
pub use near::near_file;
pub use profile::{builtin, read_profile};
pub use resume::{aim, quoted, raising, resume_command, resume_without, typed_command, untied};
pub use standing::{batch_age, check_inputs, check_state, is_live, is_piped};
pub use state::{audit_command, find_state};
pub use told::{repeats_harmlessly, told};

use crate::args::{AmbiguousArg, Jobs, SendArgs};
use crate::engine::{Backoff, BatchLimits, Concurrency, OnAmbiguous, Policy, Rate};
use crate::error::Error;
use crate::target::{self, Target};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BATCH_ROWS: u64 = 500;
const BATCH_BYTES: u64 = 1 << 20;
/// Requests in flight under `-j auto`, where the profile names no cap.
const CONCURRENCY_MAX: u64 = 64;
/// Tries without any success in between before the target counts as down, and before first contact.
const ATTEMPTS: u32 = 12;
const FIRST_ATTEMPTS: u32 = 8;
/// Time for one request, and the longest wait that is obeyed, where neither profile nor caller says another.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_WAIT: Duration = Duration::from_secs(3600);
/// Jobs that may run at the target at one time, where the profile names no number.
const JOBS: usize = 32;

/// Folder of the import: as said, or beside the first input.
pub fn state_path(args: &SendArgs) -> Result<PathBuf, Error> {
    if let Some(state) = &args.state {
        return Ok(state.clone());
    }
    let first = &args.inputs[0];
    let mut name = first.clone().into_os_string();
    name.push(".bulkhaul");
    Ok(PathBuf::from(name))
}

/// Where dead letters go.
pub fn dead_letter_path(args: &SendArgs, state: &Path) -> PathBuf {
    args.dead_letter.clone().unwrap_or_else(|| state.join("dead-letters.ndjson"))
}

/// Rows that an earlier run left in doubt are taken up: a person has said what becomes of them.
pub const fn takes_up_doubts(args: &SendArgs) -> bool {
    matches!(args.on_ambiguous, Some(AmbiguousArg::Resend | AmbiguousArg::Verify))
}

/// A row of a feed that is still in doubt is not sent again as it is. Where writing a row twice is writing it once, it is.
pub fn holds_doubts(args: &SendArgs, target: &Target) -> bool {
    let is_natural = target.idempotency().scope == target::Scope::Natural;
    policy(args, target).on_ambiguous != OnAmbiguous::Resend && !is_natural
}

/// Batches are cut at these limits: what was typed, within what the target allows.
pub fn batch_limits(args: &SendArgs, target: &Target) -> BatchLimits {
    let limits = target.limits();
    let rows = args.batch_rows.or(limits.rows).unwrap_or(BATCH_ROWS);
    let bytes = args.batch_bytes.map(|size| size.0).or(limits.plain_max()).unwrap_or(BATCH_BYTES);
    BatchLimits {
        rows: limits.rows.map_or(rows, |most| rows.min(most)),
        bytes: limits.plain_max().map_or(bytes, |most| bytes.min(most)),
    }
}

/// Time for one request: what was typed, else what the profile says.
pub fn timeout(args: &SendArgs, target: &Target) -> Duration {
    args.timeout.map(|time| time.0).or(target.timeout()).unwrap_or(TIMEOUT)
}

/// The rules of the run.
pub fn policy(args: &SendArgs, target: &Target) -> Policy {
    let keys = target.idempotency();
    let flow = target.flow();
    let retry = target.retry();
    let default = Backoff::default();
    let base = retry.base.unwrap_or(Duration::from_millis(100));
    let said = args.on_ambiguous.map(|said| match said {
        AmbiguousArg::Resend => OnAmbiguous::Resend,
        AmbiguousArg::Verify => OnAmbiguous::Verify,
        AmbiguousArg::Hold => OnAmbiguous::Hold,
        AmbiguousArg::Stop => OnAmbiguous::Stop,
    });
    let requests = flow.requests.iter().map(rate).chain(args.rate.iter().map(|rate| rate.0));
    let rows = flow.rows.iter().map(rate).chain(args.row_rate.iter().map(|rate| rate.0));
    let cap = u32::try_from(flow.concurrency.unwrap_or(CONCURRENCY_MAX)).unwrap_or(u32::MAX).max(1);
    Policy {
        concurrency: match args.concurrency {
            Jobs::Auto => Concurrency::Auto { max: cap },
            Jobs::Fixed(jobs) => Concurrency::Fixed(jobs.get()),
        },
        request_rates: requests.collect(),
        row_rates: rows.collect(),
        byte_rates: flow.bytes.iter().map(rate).collect(),
        batch_rows: batch_limits(args, target).rows,
        batch_bytes: batch_limits(args, target).bytes,
        backoff: Backoff::try_new(base, retry.max.unwrap_or(default.max()).max(base)).unwrap_or(default),
        attempts: retry.attempts.unwrap_or(ATTEMPTS).max(1),
        first_attempts: retry.attempts.unwrap_or(FIRST_ATTEMPTS).clamp(1, FIRST_ATTEMPTS),
        max_wait: args.max_wait.map(|max| max.0).or(flow.max_wait).unwrap_or(MAX_WAIT),
        max_elapsed: args.max_elapsed.map(|max| max.0),
        max_rejects: args.max_rejects.map(|max| max.0),
        on_ambiguous: said.or(keys.declared.map(declared)).unwrap_or(OnAmbiguous::Hold),
        repeatable: keys.honoured() || target.commits_after(),
        upserts: keys.scope == target::Scope::Natural,
        commits_after: target.commits_after(),
        key_first: keys.key_first,
        key_ttl: key_ttl(keys),
        polling: target.polling(),
        jobs_max: flow.jobs.map_or(JOBS, |jobs| jobs as usize).max(1),
        row_attempts: retry.row_attempts.unwrap_or(ATTEMPTS).max(1),
        renewable: target.wants_token(),
        take_up_doubt: said == Some(OnAmbiguous::Resend)
            || said == Some(OnAmbiguous::Verify) && target.verifies(),
        tell: args.results.is_some(),
        keep_rows: is_live(args) || args.sync.is_some(),
        expect_rows: args.expect_rows,
        doubted: None,
    }
}

/// How long the target remembers a key; where that is not published, a day. Upserts need no memory.
fn key_ttl(keys: &target::Idempotency) -> Option<Duration> {
    let remembers = matches!(keys.scope, target::Scope::Batch | target::Scope::Row);
    remembers.then(|| keys.ttl.unwrap_or(Duration::from_secs(24 * 3600)))
}

/// A target can only be asked where its profile says how.
pub fn check_question(args: &SendArgs, target: &Target) -> Result<(), Error> {
    if args.on_ambiguous == Some(AmbiguousArg::Verify) && !target.verifies() {
        let words = format!("`--on-ambiguous verify`: nothing says how `{}` is asked", target.name());
        return Err(
            Error::usage(words).hint("a profile says it in [verify]; hold, resend and stop need no question")
        );
    }
    Ok(())
}

/// The same word in the profile's language.
const fn declared(word: target::OnAmbiguous) -> OnAmbiguous {
    match word {
        target::OnAmbiguous::Resend => OnAmbiguous::Resend,
        target::OnAmbiguous::Verify => OnAmbiguous::Verify,
        target::OnAmbiguous::Hold => OnAmbiguous::Hold,
        target::OnAmbiguous::Stop => OnAmbiguous::Stop,
    }
}

fn rate(declared: &target::Rate) -> Rate {
    let amount = u32::try_from(declared.amount).ok().and_then(NonZeroU32::new);
    Rate { amount: amount.unwrap_or(NonZeroU32::MAX), per: declared.per }
}

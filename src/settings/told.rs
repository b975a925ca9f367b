//! What was decided before a run, as people read it: for `status.json` and the report. No secret is among it.

use super::{batch_limits, policy};
use crate::args::{Jobs, SendArgs};
use crate::engine::{OnAmbiguous, Rate};
use crate::target::{Scope, Target};
use serde_json::{Value, json};

const NONE_NEEDED: &str = "none needed: writing a row twice is writing it once";

/// Whether settings that were told say that sending a row again is harmless.
pub fn repeats_harmlessly(told: &Value) -> bool {
    told["keys"].as_str() == Some(NONE_NEEDED)
}

/// The settings by name; what is not set is null.
pub fn told(args: &SendArgs, target: &Target) -> Value {
    let policy = policy(args, target);
    let limits = batch_limits(args, target);
    let keys = target.idempotency();
    let scope = match keys.scope {
        Scope::Batch => "one for each request",
        Scope::Row => "one for each row",
        Scope::Natural => NONE_NEEDED,
        Scope::None => "none",
    };
    let ambiguous = match policy.on_ambiguous {
        OnAmbiguous::Resend => "resend",
        OnAmbiguous::Verify => "verify",
        OnAmbiguous::Hold => "hold",
        OnAmbiguous::Stop => "stop",
    };
    // Keys that are forgotten too soon to be sent again are as good as none.
    let is_asked_again =
        policy.repeatable && policy.key_age_max().is_none_or(|age| age > std::time::Duration::ZERO);
    json!({
        "keys": scope,
        "keys_remembered": policy.key_ttl.map(words),
        "on_ambiguous": (!is_asked_again).then_some(ambiguous),
        "batch_rows": limits.rows,
        "batch_bytes": limits.bytes,
        "rate": policy.request_rates.iter().map(rate).collect::<Vec<_>>(),
        "row_rate": policy.row_rates.iter().map(rate).collect::<Vec<_>>(),
        "concurrency": match args.concurrency {
            Jobs::Auto => "auto".to_owned(),
            Jobs::Fixed(jobs) => jobs.to_string(),
        },
        "timeout": words(super::timeout(args, target)),
        "max_wait": words(policy.max_wait),
        "max_elapsed": policy.max_elapsed.map(words),
        "limit": args.limit,
    })
}

fn rate(rate: &Rate) -> String {
    let per = match rate.per.as_secs() {
        1 => "s".to_owned(),
        60 => "m".to_owned(),
        3600 => "h".to_owned(),
        _ => words(rate.per),
    };
    format!("{}/{per}", rate.amount)
}

/// `24 h`, `90 s`, `500 ms`.
fn words(time: std::time::Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (seconds, 0) if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        (seconds, 0) if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{} ms", time.as_millis()),
    }
}

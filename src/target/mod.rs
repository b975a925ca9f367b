//! The target language: what requests look like and what answers mean, said in a TOML file, compiled once.
//!
//! Pure: no file, no environment, no clock, no chance. A profile is data (closed verbs, first match wins, no
//! expressions and no loops), so that a wrong one is found when it is read, with its line and a remedy, and not
//! when a million rows are half way.
//!
//! ```text
//! text ─document─▶ tree ─profile─▶ checked ─target─▶ compiled ─form─▶ request      row ─▶ item
//!                                                             ─classify─▶ outcome   reply ─reader, matching─▶ verdicts
//!                                                             ─polls─▶ questions: jobs, group state, verification
//! ```
//!
//! What it never does: hold a row longer than a call, guess where an answer does not fit, or let a row's value
//! end a string, leave its path segment, or name another origin.

mod auth;
mod bare_url;
mod builtin;
mod classify;
mod counts;
mod deletion;
mod document;
mod encoding;
mod errors;
mod faults;
mod filter;
mod form;
mod group;
mod hint;
mod job;
mod key_form;
mod keyed;
mod lint;
mod mapping;
mod matching;
mod oauth;
mod params;
mod placeholder;
mod pointer;
mod polls;
mod profile;
mod raw;
mod reader;
mod rule;
mod scrub;
mod section;
mod settings;
mod slot;
mod starter;
#[expect(clippy::module_inception, reason = "the room is named after what it makes")]
mod target;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod variant;
mod verify;
mod wait;
mod wording;

pub use errors::{ProfileError, ProfileErrors};
pub use faults::Attempt;
pub use form::About;
pub use group::{Group, PerRequest, Refresh, StateWay};
pub use hint::RateHint;
pub use job::Polling;
pub use key_form::KeyFormat;
pub use mapping::{Compression, Format};
pub use oauth::Token;
pub use params::ParamSpec;
pub use pointer::Pointer;
pub use profile::Profile;
pub use settings::{Flow, Idempotency, KeyPlace, Limits, OnAmbiguous, Rate, Replays, Retry, Scope};
pub use slot::{GroupState, RowContext};
pub use target::{Attribution, Overrides, Target};

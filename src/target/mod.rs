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
//! # The tables
//!
//! `[profile] [params.X] [auth] [limits] [row] [group] [group.state] [request] [idempotency] [verify] [flow] [retry]
//! [[before]] [[after]] [[response]] [results.N] [[results.N.rule]] [job] [job.end.S] [attribution] [delete] [[variant]]`.
//! All keys are on the page `fixtures/profile-language.md`, which a test holds to what is read here.
//! `bulkhaul targets show NAME` prints a built-in, and a starter (`Profile::starter`) has a word on each that one needs first. What is
//! less plain:
//!
//! | writing | meaning |
//! | --- | --- |
//! | `[[variant]]` with `only_if = { key = true }` | laid over the profile where the parameter has a value (`false`: none, a text or a list of texts: such a one) |
//! | `[[auth]]` | several ways; the first counts whose parameters have values. A header or query whose parameter has none is left out |
//! | `"${param.x?}"` | a member of the body that is left out without a value |
//! | `"...": "${row}"` | the row's members among those of the item; the row's own win |
//! | `by = "${param.key}"` in `[group]` | names of fields in one text: `tenant,id` |
//! | `send = { body = "/key" }` | the key stands in the body, and is made of the body without it |
//! | `code`, `message`, `field` | words, a JSON Pointer, `{ regex = 'Code: (\d+)' }`, or a list: the first that is there |
//! | `at` of a match | may point to a list: the entry is about several rows |
//! | `[[job.fetch]]`, `fetch = "errors"` in an end | results beside the job's answer, page by page (`next`), read by the reader of that name |
//! | `id`, `url_from` of a job | a JSON Pointer, or `{ header = "Location", regex = '([^/]+)$' }` |
//! | `from = "$.data[*].errors[*]"` | a `JSONPath` to the entries, in place of a pointer to their list |
//! | `count_ok` | a number, or a list that is counted; where silence means success it must agree |
//! | `as = "text"` | the body is prose, read with `by = "regex"` |
//! | `[[job.end.S.rule]]` | what the end means if its answer says so |
//! | `applied = "none"` of a `retry` | the target surely did nothing, whatever the status leaves open |
//! | `attempt`, `transport` in `when` | after an attempt of unknown fate; a connection that broke (which settles nothing) |
//! | `values` of a parameter | all that it may be |
//! | `[[before]]`, `[[after]]` | requests around a batch's own, in their order; what they `capture` is `${step.x}`, and durable before the next; `done_if`: what else than a 2xx says that one is done |
//! | `commit = "after"` in `[request]` | nothing is there before the last `[[after]]` is done: until then a request may go again |
//! | `scheme = "aws_sigv4"` | requests are signed as they leave: `access_key_id`, `secret_access_key`, `session_token`, `region`, `service` |
//! | `csv` without `columns` | the columns are those of the request's first row; rows with others go in a request of their own |
//! | `bytes_of = "compressed"` | a body is measured when it is packed, and halved if it is too large then |
//! | `format = "csv"`, `"form"`, `"text"`, `"empty"`, `rows_as = "object"` | bodies that are no JSON list |
//! | `ietf = true`, `remaining`, `limit`, `reset` in `[flow]` | what [`Target::hint`] reads |
//!
//! What it never does: hold a row longer than a call, guess where an answer does not fit, or let a row's value
//! end a string, leave its path segment, or name another origin.

mod auth;
mod bare_url;
mod builtin;
mod called;
mod classify;
mod counts;
mod deletion;
mod document;
mod encoding;
mod errors;
mod expiry;
mod faults;
mod fetch;
mod filter;
mod form;
mod group;
mod header;
mod hint;
mod identity;
mod job;
mod key_form;
mod keyed;
mod lint;
mod listing;
mod mapping;
mod matching;
mod oauth;
mod outline;
mod params;
mod place;
mod placeholder;
mod pointer;
mod polls;
mod profile;
mod raw;
mod reader;
mod rule;
mod scrub;
mod section;
mod selector;
mod settings;
mod sheet;
mod sigv4;
mod slot;
mod starter;
mod statuses;
mod step;
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

pub use called::Called;
pub use errors::{ProfileError, ProfileErrors, nearest};
pub use faults::Attempt;
pub use form::About;
pub use group::{Group, PerRequest, Refresh, StateWay};
pub use header::{header_fault, key_header_fault};
pub use hint::RateHint;
pub use identity::Trait;
pub use job::Polling;
pub use key_form::KeyFormat;
pub use mapping::{Compression, Format};
pub use oauth::Token;
pub use outline::{Outline, OutlineRule};
pub use params::ParamSpec;
pub use pointer::Pointer;
pub use profile::Profile;
pub use settings::{Flow, Idempotency, KeyPlace, Limits, OnAmbiguous, Rate, Replays, Retry, Scope};
pub use slot::{GroupState, RowContext};
pub use target::{Attribution, Overrides, Target};

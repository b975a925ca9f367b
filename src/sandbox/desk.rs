//! The desk that every request comes to: chance first, then the key, then the shape.
//!
//! A request that has come to the store's thread is handled to its end, whoever still waits for the answer.
//! What is decided before that (no token, throttled, dropped) is not remembered. It must never let a fault
//! change what was applied, only what is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use rusqlite::Connection;
use serde_json::json;

use super::answer::Answer;
use super::books::{self, Books};
use super::call::{Call, Key};
use super::dice::{Dice, Fate, Throw};
use super::keeper::Keeper;
use super::keys::{self, Claims, Memory};
use super::rules::Rules;
use super::shape::{self, Route, Shape, j17};
use super::{Options, jobs, truth};

const LONGEST_KEY: usize = 255;
const INDEX: &str = "The practice server of bulkhaul. It takes rows at
  POST /api/orders/batch    a result for each operation; with Prefer: handling=strict all operations or none
  POST /api/imports/batch   a job to poll
  POST /public/v1/records/{object}/append-batch, .../upsert-batch   a job to poll
  POST /{type}/{id}         events of a stream; GET /{type}/{id}/length
  POST /{anything}, /single/...   one row, one call; DELETE /single/.../{id}
  POST /rows/...            rows in any envelope, all or none
and tells what was applied at
  GET /_sandbox/truth       the sums
  GET /_sandbox/truth?rows=1   every row, in order, byte for byte
";

/// What is shared by all connections.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) keeper: Keeper,
    pub(super) verbose: bool,
    claims: Claims,
    dice: Mutex<Dice>,
    rules: Rules,
    token: Option<String>,
    key_ttl: Option<Duration>,
    noted: Mutex<BTreeMap<&'static str, i64>>,
}

/// One request, read to its end.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub(super) route: Route,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) throw: Throw,
}

impl Desk {
    pub(super) fn new(options: &Options, keeper: Keeper) -> Self {
        Self {
            keeper,
            verbose: options.verbose,
            claims: Claims::default(),
            dice: Mutex::new(Dice::new(options.faults, options.seed)),
            rules: Rules {
                reject: Rules::share(options.faults.reject),
                max_items: options.max_items,
                max_bytes: options.max_bytes,
                atomic_names_item: options.atomic_names_item,
                seed: options.seed,
            },
            token: options.token.clone(),
            key_ttl: options.key_ttl,
            noted: Mutex::default(),
        }
    }

    /// Throws the dice for a request that has come.
    pub(super) fn throw(&self) -> Throw {
        self.note("requests");
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).throw()
    }

    /// Counts something that happened.
    pub(super) fn note(&self, what: &'static str) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    /// What the request gets, were there no fault after handling; `None` if the server is closing.
    pub(super) async fn answer(self: Arc<Self>, inquiry: Inquiry) -> Option<Answer> {
        if let Some(expected) = &self.token {
            let given = inquiry.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            if given.and_then(|given| given.strip_prefix("Bearer ")) != Some(expected) {
                let body =
                    json!({ "ok": false, "error": "unauthorized", "message": "a valid token is needed" });
                return Some(Answer::passing(401, body.to_string()).with("WWW-Authenticate", "Bearer"));
            }
        }
        match &inquiry.throw.fate {
            Fate::Throttle(wait) => {
                let body =
                    json!({ "ok": false, "error": "rate_limited", "message": "slow down" }).to_string();
                return Some(Answer::passing(429, body).with("Retry-After", wait));
            }
            Fate::ErrorBefore(status) => return Some(failure(*status)),
            _ => {}
        }
        let (path, delay) = (inquiry.path.clone(), inquiry.throw.delay);
        match inquiry.route.clone() {
            Route::Write(shape) => match to_call(shape.preferred(&inquiry.headers), inquiry) {
                Ok(call) => self.write(call, delay).await,
                Err(refused) => Some(refused),
            },
            Route::Job(id) => self.change(delay, move |db| jobs::poll(db, &path, &id)).await,
            Route::Length(stream) => self.change(delay, move |db| j17::length(db, &stream)).await,
            Route::Takes(methods) => Some(other(405, "method_not_allowed").with("Allow", methods)),
            Route::Truth | Route::Index | Route::Nowhere => Some(other(404, "not_found")),
        }
    }

    /// What is told about the server itself, free of faults.
    pub(super) async fn look(self: Arc<Self>, route: Route) -> Option<Answer> {
        match route {
            Route::Index => Some(Answer::passing(200, INDEX)),
            Route::Truth => {
                let sums = |db: &Connection| Ok(Answer::passing(200, truth::summary(db)?));
                self.change(Duration::ZERO, sums).await
            }
            Route::Takes(methods) => Some(other(405, "method_not_allowed").with("Allow", methods)),
            _ => Some(other(404, "not_found")),
        }
    }

    async fn write(self: Arc<Self>, call: Call, delay: Duration) -> Option<Answer> {
        let claims = Arc::clone(&self);
        let _claim = match (&call.key, call.shape) {
            (None, _) => None,
            // Its 409 means that the stream was longer and nothing was written, so it may not say it here.
            (Some(key), Shape::J17) => Some(claims.claims.wait(key.scope).await),
            (Some(key), _) => match claims.claims.claim(key.scope) {
                Some(claim) => Some(claim),
                None => {
                    let busy = "a request with this idempotency key is in progress";
                    return Some(shape::about_key(call.shape, 409, busy));
                }
            },
        };
        let desk = Arc::clone(&self);
        self.change(delay, move |db| settle(db, &call, &desk.rules, desk.key_ttl)).await
    }

    /// Has the store's thread do something, as one transaction.
    async fn change(
        self: Arc<Self>,
        delay: Duration,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Answer> + Send + 'static,
    ) -> Option<Answer> {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let desk = Arc::clone(&self);
        let change = move |db: &Connection| {
            let noted = std::mem::take(&mut *desk.noted.lock().unwrap_or_else(PoisonError::into_inner));
            for (name, times) in noted {
                truth::count(db, name, times)?;
            }
            work(db)
        };
        let outcome = self.keeper.ask(move |store| store.transact(change)).await?;
        Some(outcome.unwrap_or_else(|error| other(500, &format!("the sandbox's store failed: {error}"))))
    }
}

/// The key first, then the shape, then what is to be remembered.
fn settle(db: &Connection, call: &Call, rules: &Rules, ttl: Option<Duration>) -> rusqlite::Result<Answer> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let forgotten_before = ttl.map_or(i64::MIN, |ttl| now.saturating_sub(ttl.as_millis() as i64));
    if let Some(key) = &call.key {
        match keys::recall(db, &key.scope, &key.body_hash, forgotten_before)? {
            Memory::None => {}
            Memory::Answered(answer) => {
                books::tally(db, call.shape, 0, 0, 0, 1)?;
                return Ok(answer);
            }
            Memory::OtherBody => {
                return Ok(shape::about_key(call.shape, 422, "idempotency key reused with another body"));
            }
        }
    }
    let key = call.key.as_ref();
    let mut books = Books::open(db, call.shape, &call.path, key.map(|key| key.text.as_str()))?;
    let answer = shape::handle(&mut books, call, rules)?;
    books.close()?;
    if let Some(key) = key.filter(|_| answer.settles) {
        keys::keep(db, &key.scope, &key.body_hash, now, &answer)?;
    }
    Ok(answer)
}

fn to_call(shape: Shape, inquiry: Inquiry) -> Result<Call, Answer> {
    let Inquiry { path, headers, body, throw, .. } = inquiry;
    let given = shape.key_headers().iter().find_map(|name| headers.get(*name));
    let key = match given.map(|value| value.to_str().map(str::trim)) {
        None | Some(Ok("")) => None,
        Some(Ok(key)) if key.len() <= LONGEST_KEY => Some(Key::new(key.to_owned(), &path, &body)),
        Some(_) => {
            let long = "an idempotency key is at most 255 printable ASCII characters";
            return Err(shape::about_key(shape, 400, long));
        }
    };
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let lines = kind.contains("ndjson") || kind.contains("jsonl") || kind.contains("json-lines");
    Ok(Call { shape, path, key, lines, body, rival: throw.rival })
}

/// An answer that decides nothing, in a form that each of the systems could have given.
pub(super) fn other(status: u16, error: &str) -> Answer {
    Answer::passing(status, json!({ "ok": false, "error": error }).to_string())
}

/// A failure of the server.
pub(super) fn failure(status: u16) -> Answer {
    other(status, if status == 503 { "service unavailable" } else { "internal server error" })
}

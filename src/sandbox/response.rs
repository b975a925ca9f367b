//! From a request on the wire to what is sent back, and what a fault makes of it on its way out.
//!
//! Faults before handling end a request here; faults after it change only what is told. `/_sandbox` and the
//! index know no faults. This file must never decide what is applied.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::mpsc;

use super::answer::Answer;
use super::desk::{self, Desk, Inquiry};
use super::dice::Fate;
use super::http::Busy;
use super::payload::{HangUp, Payload};
use super::shape::{self, Route};
use super::truth::Reader;

/// No system here takes more; beyond it a body is not read to its end.
const MOST_BYTES: usize = 64 << 20;
const JSON: &str = "application/json";
const GARBAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>\n\
    <body><h1>Please sign in to the network</h1></body></html>\n";

/// Answers one request, or hangs up.
pub(super) async fn respond(
    desk: Arc<Desk>,
    request: Request<Incoming>,
    busy: Busy,
) -> Result<Response<Payload>, HangUp> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let route = shape::route(&head.method, &path);
    if path == "/" || path == "/_sandbox" || path.starts_with("/_sandbox/") {
        let rows = head.uri.query().is_some_and(|query| query.split('&').any(|part| part == "rows=1"));
        return look(desk, route, rows).await;
    }
    let throw = desk.throw();
    let fate = throw.fate.clone();
    let mut log =
        Log { on: desk.verbose, method: head.method, path: path.clone(), fate: None, began: Instant::now() };
    if let Some(name) = fate.name() {
        desk.note(name);
        log.fate = Some(name);
    }
    if fate == (Fate::DropBefore { after_body: false }) {
        return Err(log.hang_up());
    }
    let Some(body) = read(body).await? else {
        return Ok(log.tell(desk::other(413, "payload_too_large")));
    };
    if fate == (Fate::DropBefore { after_body: true }) {
        return Err(log.hang_up());
    }
    let inquiry = Inquiry { route, path, headers: head.headers, body, throw };
    // A client that goes away does not undo what it asked for.
    let handling = tokio::spawn(async move {
        let _busy = busy;
        desk.answer(inquiry).await
    });
    let answer = handling.await.ok().flatten().ok_or(HangUp)?;
    send(&log, &fate, answer)
}

/// What the fault leaves of an answer.
fn send(log: &Log, fate: &Fate, answer: Answer) -> Result<Response<Payload>, HangUp> {
    match *fate {
        Fate::DropAfter => Err(log.hang_up()),
        Fate::ErrorAfter => Ok(log.tell(desk::failure(500))),
        Fate::Garbage => {
            log.line("200");
            Ok(dress(StatusCode::OK, "text/html; charset=utf-8", Payload::whole(GARBAGE.into())))
        }
        Fate::Truncate(part) => {
            let cut = Payload::cut(answer.body.clone(), part);
            Ok(log.tell(answer).map(|_| cut))
        }
        _ => Ok(log.tell(answer)),
    }
}

/// The truth and the index.
async fn look(desk: Arc<Desk>, route: Route, rows: bool) -> Result<Response<Payload>, HangUp> {
    if route == Route::Truth && rows {
        return Ok(dress(StatusCode::OK, "application/x-ndjson", Payload::Flowing(rows_of(desk))));
    }
    let kind = if route == Route::Index { "text/plain; charset=utf-8" } else { JSON };
    let answer = desk.look(route).await.ok_or(HangUp)?;
    Ok(dress(status(answer.status), kind, Payload::whole(answer.body)))
}

/// Every applied row as it is read, page by page; the reader's pace is the client's.
fn rows_of(desk: Arc<Desk>) -> mpsc::Receiver<Bytes> {
    let (pages, flowing) = mpsc::channel(2);
    drop(tokio::spawn(async move {
        let Some(Ok(mut reader)) = desk.keeper.ask(|store| store.look(Reader::begin)).await else { return };
        loop {
            let read = desk.keeper.ask(move |store| {
                let page = store.look(|db| reader.page(db));
                (reader, page)
            });
            let Some((back, Ok(Some(page)))) = read.await else { return };
            reader = back;
            if pages.send(page.into()).await.is_err() {
                return;
            }
        }
    }));
    flowing
}

/// The whole body; `None` if it is larger than anything taken here.
async fn read(mut body: Incoming) -> Result<Option<Vec<u8>>, HangUp> {
    let announced = body.size_hint().lower() as usize;
    if announced > MOST_BYTES {
        return Ok(None);
    }
    let mut whole = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| HangUp)?.into_data() else { continue };
        if whole.len() + data.len() > MOST_BYTES {
            return Ok(None);
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(whole))
}

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn dress(status: StatusCode, kind: &'static str, payload: Payload) -> Response<Payload> {
    let mut response = Response::new(payload);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What a line of the log needs to know.
struct Log {
    on: bool,
    method: Method,
    path: String,
    fate: Option<&'static str>,
    began: Instant,
}

impl Log {
    fn line(&self, outcome: &str) {
        if self.on {
            let (method, path, fate) = (&self.method, &self.path, self.fate.unwrap_or_default());
            let took = self.began.elapsed();
            drop(writeln!(std::io::stderr(), "{method} {path} {outcome} {took:.1?} {fate}"));
        }
    }

    fn hang_up(&self) -> HangUp {
        self.line("-");
        HangUp
    }

    fn tell(&self, answer: Answer) -> Response<Payload> {
        self.line(&format!("{}{}", answer.status, if answer.replayed { " replayed" } else { "" }));
        let mut response = dress(status(answer.status), JSON, Payload::whole(answer.body));
        for (name, value) in answer.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        if answer.replayed {
            for name in ["X-Idempotency-Replayed", "Idempotency-Replayed"] {
                response.headers_mut().insert(name, HeaderValue::from_static("true"));
            }
        }
        response
    }
}

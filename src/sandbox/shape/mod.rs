//! The systems that the server stands in for, and which request goes to which.
//!
//! Each file is one of them and knows its bodies, limits and verdicts. A shape must never look at keys,
//! faults or connections: when it is asked, the request is to be handled.

mod deletes;
pub(super) mod experiture;
pub(super) mod imports;
pub(super) mod j17;
mod orders;
mod rows;
mod single;

use hyper::Method;
use hyper::header::HeaderMap;

use super::answer::Answer;
use super::books::Books;
use super::call::Call;
use super::rules::Rules;

/// The systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Orders with a result for each operation.
    Orders,
    /// Orders, all or none.
    Atomic,
    /// Imports that are accepted first and done later.
    Imports,
    /// Experiture: new rows.
    Append,
    /// Experiture: rows merged by a key.
    Upsert,
    /// The event store.
    J17,
    /// One row, one call.
    Single,
    /// One row, deleted by its address.
    Delete,
    /// Any rows in any envelope, all or none.
    Rows,
    /// Nobody's request: another writer of the event store.
    Rival,
}

const ALL: [Shape; 10] = [
    Shape::Orders,
    Shape::Atomic,
    Shape::Imports,
    Shape::Append,
    Shape::Upsert,
    Shape::J17,
    Shape::Single,
    Shape::Delete,
    Shape::Rows,
    Shape::Rival,
];

impl Shape {
    /// As the truth calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders-batch",
            Self::Atomic => "orders-atomic",
            Self::Imports => "imports-async",
            Self::Append => "experiture-append",
            Self::Upsert => "experiture-upsert",
            Self::J17 => "j17",
            Self::Single => "single",
            Self::Delete => "deletes",
            Self::Rows => "rows",
            Self::Rival => "rival",
        }
    }

    /// The shape of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// What it is when the client has a preference (RFC 7240): orders are handled strictly, all or none.
    pub(super) fn preferred(self, headers: &HeaderMap) -> Self {
        let given = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let mut wishes =
            given.flat_map(|value| value.split([',', ';'])).map(|wish| wish.trim().replace('"', ""));
        match self {
            Self::Orders if wishes.any(|wish| wish.eq_ignore_ascii_case("handling=strict")) => Self::Atomic,
            _ => self,
        }
    }

    /// The headers that may hold the idempotency key.
    pub(super) fn key_headers(self) -> &'static [&'static str] {
        match self {
            Self::J17 => &["x-idempotency-key"],
            Self::Single | Self::Rows => &["idempotency-key", "x-idempotency-key"],
            _ => &["idempotency-key"],
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// To a shape that changes something.
    Write(Shape),
    /// To the job of that id, at one of the shapes that have jobs.
    Job(String),
    /// To the length of that stream.
    Length(String),
    /// To the truth.
    Truth,
    /// To the list of what is here.
    Index,
    /// To something that takes only these methods.
    Takes(&'static str),
    /// Nowhere.
    Nowhere,
}

/// Which way a request goes.
pub(super) fn route(method: &Method, path: &str) -> Route {
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let read = method == Method::GET;
    match *parts.as_slice() {
        ["" | "_sandbox"] if read => Route::Index,
        ["_sandbox", "truth"] if read => Route::Truth,
        ["" | "_sandbox"] | ["_sandbox", "truth"] => Route::Takes("GET"),
        ["_sandbox", ..] => Route::Nowhere,
        ["api", "imports", "batch", id] | ["public", "v1", "records", _, "jobs", id] => {
            if read {
                Route::Job(id.to_owned())
            } else {
                Route::Takes("GET")
            }
        }
        [kind, id, "length"] if read && kind != "rows" && kind != "single" => {
            Route::Length(j17::stream(kind, id))
        }
        _ => write(method, &parts),
    }
}

fn write(method: &Method, parts: &[&str]) -> Route {
    if let (["single", _, .., _], &Method::DELETE) = (parts, method) {
        return Route::Write(Shape::Delete);
    }
    let shape = match *parts {
        ["api", "orders", "batch"] => Shape::Orders,
        ["api", "imports", "batch"] => Shape::Imports,
        ["public", "v1", "records", _, "append-batch"] => Shape::Append,
        ["public", "v1", "records", _, "upsert-batch"] => Shape::Upsert,
        ["rows", ..] => Shape::Rows,
        ["single", ..] | [_] => Shape::Single,
        [kind, id] if !kind.is_empty() && !id.is_empty() => Shape::J17,
        _ => return Route::Nowhere,
    };
    let any = matches!(shape, Shape::Rows | Shape::Single);
    if method == Method::POST || (any && (method == Method::PUT || method == Method::PATCH)) {
        Route::Write(shape)
    } else {
        Route::Takes(if any { "POST, PUT, PATCH" } else { "POST" })
    }
}

/// What is wrong with an idempotency key, as that system writes its errors. It decides nothing.
pub(super) fn about_key(shape: Shape, status: u16, error: &str) -> Answer {
    match shape {
        Shape::Append | Shape::Upsert => {
            Answer::passing(status, experiture::error(experiture::INVALID, error))
        }
        _ => super::desk::other(status, error),
    }
}

/// Has the shape handle the request.
pub(super) fn handle(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    match call.shape {
        Shape::Orders => orders::batch(books, call, rules),
        Shape::Atomic => orders::atomic(books, call, rules),
        Shape::Imports => imports::accept(books, call, rules),
        Shape::Append => experiture::append(books, call, rules),
        Shape::Upsert => experiture::upsert(books, call, rules),
        Shape::J17 | Shape::Rival => j17::append(books, call, rules),
        Shape::Single => single::create(books, call, rules),
        Shape::Delete => deletes::delete(books, call, rules),
        Shape::Rows => rows::receive(books, call, rules),
    }
}

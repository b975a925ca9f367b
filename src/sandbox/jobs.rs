//! Work that was accepted and is done later.
//!
//! A job knows its verdicts from the start and lets them be known bit by bit; its rows are applied when it
//! ends, which is after a number of polls. Once it has ended its answer stays. It must never be done twice.

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::books::Books;
use super::reading;
use super::rules::Rules;
use super::shape::{Shape, experiture, imports};

/// What a new job is made of.
#[derive(Debug)]
pub(super) struct Work<'a> {
    /// The rows, as one JSON array.
    pub(super) rows: &'a str,
    /// Why each is refused, where it is.
    pub(super) verdicts: &'a [Option<&'static str>],
    /// The member that rows are merged by.
    pub(super) match_key: Option<&'a str>,
}

/// A job at the time of a poll.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) rows: String,
    pub(super) verdicts: Vec<Option<String>>,
    pub(super) match_key: Option<String>,
    pub(super) polls: usize,
    pub(super) polls_needed: usize,
    answer: Option<Vec<u8>>,
    call: i64,
    shape: Shape,
    path: String,
}

impl Job {
    /// The rows and why each is refused, where it is.
    pub(super) fn judged(&self) -> Vec<(&RawValue, Option<&str>)> {
        let rows = reading::elements(&self.rows).unwrap_or_default();
        rows.into_iter().zip(self.verdicts.iter().map(Option::as_deref)).collect()
    }

    pub(super) fn refused(&self) -> usize {
        self.verdicts.iter().flatten().count()
    }
}

/// Accepts a job; its id.
pub(super) fn accept(books: &Books<'_>, rules: &Rules, work: &Work<'_>) -> rusqlite::Result<String> {
    let seal = Sha256::new().chain_update(rules.seed.to_be_bytes()).chain_update(books.path);
    let seal = seal.chain_update(books.call.to_be_bytes()).finalize();
    let id = seal.iter().take(8).fold("job".to_owned(), |id, byte| format!("{id}{byte:02x}"));
    let needed: i64 = rules.chance(books.call).i64(2..=4);
    let verdicts = json!(work.verdicts).to_string();
    books
        .db
        .prepare_cached(
            "INSERT INTO jobs (id, call, rows, verdicts, match_key, polls_needed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((&id, books.call, work.rows, verdicts, work.match_key, needed))?;
    Ok(id)
}

/// Polls a job, which brings it nearer to its end.
pub(super) fn poll(db: &Connection, path: &str, id: &str) -> rusqlite::Result<Answer> {
    let Some(job) = find(db, id)?.filter(|job| status_path(job, id) == path) else {
        return Ok(unknown(path));
    };
    if let Some(answer) = job.answer {
        return Ok(Answer::passing(200, answer));
    }
    db.prepare_cached("UPDATE jobs SET polls = polls + 1 WHERE id = ?1")?.execute((id,))?;
    let ended = job.polls >= job.polls_needed;
    if ended {
        let mut books = Books::resume(db, job.shape, &job.path, job.call);
        books.refuse(job.refused());
        match job.shape {
            Shape::Imports => imports::apply(&mut books, &job)?,
            _ => experiture::apply(&mut books, &job)?,
        }
        books.close()?;
    }
    let answer = match job.shape {
        Shape::Imports => imports::state(&job, ended),
        _ => experiture::state(&job, id, ended),
    };
    if ended {
        db.prepare_cached("UPDATE jobs SET answer = ?2, rows = '[]', verdicts = '[]' WHERE id = ?1")?
            .execute((id, answer.as_bytes()))?;
    }
    Ok(Answer::passing(200, answer))
}

/// The job as it is at its next poll.
fn find(db: &Connection, id: &str) -> rusqlite::Result<Option<Job>> {
    db.prepare_cached(
        "SELECT jobs.rows, verdicts, match_key, polls + 1, polls_needed, answer, call, shape, path
         FROM jobs JOIN calls ON calls.id = call WHERE jobs.id = ?1",
    )?
    .query_row((id,), |row| {
        Ok(Job {
            rows: row.get(0)?,
            verdicts: serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default(),
            match_key: row.get(2)?,
            polls: row.get::<_, u32>(3)? as usize,
            polls_needed: row.get::<_, u32>(4)? as usize,
            answer: row.get(5)?,
            call: row.get(6)?,
            shape: Shape::named(&row.get::<_, String>(7)?).unwrap_or(Shape::Imports),
            path: row.get(8)?,
        })
    })
    .optional()
}

fn status_path(job: &Job, id: &str) -> String {
    match job.shape {
        Shape::Imports => format!("{}/{id}", job.path),
        _ => job.path.rsplit_once('/').map_or_else(String::new, |(object, _)| format!("{object}/jobs/{id}")),
    }
}

fn unknown(path: &str) -> Answer {
    let body = if path.starts_with("/public/") {
        experiture::error("CDP_ETL.NOT_FOUND", "there is no such job")
    } else {
        json!({ "error": "not_found", "message": "there is no such job" }).to_string()
    };
    Answer::passing(404, body)
}

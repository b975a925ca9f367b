//! Entries into rows. Each function is part of one transaction that its caller commits.

use super::page::Page;
use super::{LedgerError, feed};
use crate::model::{
    BatchSeq, Begun, DeadLetter, Entry, Form, GroupId, ImportRecord, InputStart, KeptRows, Limit, Load,
    NaturalKey, Noted, Passed, Planned,
};
use rusqlite::{Connection, params};

pub(super) fn begin(conn: &Connection, import: &ImportRecord, inputs: &str) -> Result<(), LedgerError> {
    conn.execute(
        "INSERT INTO import (number, id, identity, inputs, state) VALUES (?1, ?2, ?3, ?4, 'open')",
        params![import.number as i64, import.id.0.0, import.identity.0, inputs],
    )?;
    Ok(())
}

pub(super) fn apply(conn: &Page<'_>, entry: &Entry) -> Result<Noted, LedgerError> {
    let number = conn.import;
    let mut noted = Noted::default();
    match entry {
        Entry::Plan { batches, natural, refused, cursor, kept, passed, starts } => {
            read(conn, refused, *passed);
            for batch in batches {
                conn.add("rows_read", batch.rows.len());
                conn.add("bytes_read", batch.source_bytes);
                match natural.iter().find(|natural| natural.seq == batch.seq) {
                    Some(natural) => plan_natural(conn, number, batch, natural, &mut noted)?,
                    None => plan(conn, number, batch)?,
                }
            }
            keep(conn, kept.iter().filter(|(seq, _)| !noted.taken.contains(seq)))?;
            for (seq, load) in kept.iter().filter(|(seq, _)| !noted.taken.contains(seq)) {
                conn.feed.map_or(Ok(()), |key| feed::note(conn, seq.0 as i64, load, key))?;
            }
            refuse(conn, number, None, refused)?;
            begin_inputs(conn, number, starts)?;
            conn.stand_at(*cursor);
        }
        Entry::Refuse { refused, cursor, passed, starts } => {
            begin_inputs(conn, number, starts)?;
            refuse(conn, number, None, refused)?;
            read(conn, refused, *passed);
            conn.stand_at(*cursor);
        }
        Entry::Leave { seq, form } => {
            conn.prepare_cached("UPDATE batch SET may_have_left = 1 WHERE seq = ?1")?
                .execute([seq.0 as i64])?;
            form.as_ref().map_or(Ok(()), |form| fill_in(conn, *seq, form))?;
        }
        Entry::Stay { seq } => {
            conn.prepare_cached("UPDATE batch SET may_have_left = 0 WHERE seq = ?1")?
                .execute([seq.0 as i64])?;
        }
        Entry::Step { seq, known } => {
            conn.prepare_cached("UPDATE batch SET group_state = ?2 WHERE seq = ?1")?
                .execute(params![seq.0 as i64, known])?;
        }
        Entry::Accept { seq, job, at } => {
            conn.prepare_cached(
                "UPDATE batch SET state = 'accepted', job_id = ?2, job_path = ?3, accepted_at = ?4 WHERE seq = ?1",
            )?
            .execute(params![seq.0 as i64, job.id, job.path, at.millis()])?;
        }
        Entry::Finish { .. } => finish(conn, number, entry)?,
        Entry::Park { seq, park, begun } => {
            conn.prepare_cached("UPDATE batch SET state = 'doubt', why = ?2 WHERE seq = ?1")?
                .execute(params![seq.0 as i64, park.why])?;
            conn.prepare_cached(
                "UPDATE import SET in_doubt = in_doubt + (SELECT rows FROM batch WHERE seq = ?2) WHERE number = ?1",
            )?
            .execute([number, seq.0 as i64])?;
            if let Some(group) = begun {
                begin_group(conn, number, *group, Begun::Perhaps)?;
            }
        }
        Entry::TakeUp { seq } => {
            conn.prepare_cached(
                "UPDATE batch SET state = iif(job_id IS NULL, 'prepared', 'accepted'), why = NULL WHERE seq = ?1",
            )?
            .execute([seq.0 as i64])?;
            conn.prepare_cached(
                "UPDATE import SET in_doubt = in_doubt - (SELECT rows FROM batch WHERE seq = ?2) WHERE number = ?1",
            )?
            .execute([number, seq.0 as i64])?;
        }
        Entry::Pause { until } => {
            conn.prepare_cached("UPDATE target SET pause_until = ?1")?.execute([until.millis()])?;
        }
        Entry::Drained { cursor } => {
            conn.stand_at(*cursor);
            conn.prepare_cached("UPDATE import SET drained = 1 WHERE number = ?1")?.execute([number])?;
        }
        Entry::Complete { exit } => {
            conn.prepare_cached("UPDATE import SET state = 'complete', exit = ?2 WHERE number = ?1")?
                .execute([number, i64::from(*exit)])?;
        }
    }
    Ok(noted)
}

/// What was written of them before may be of inputs that were others then.
fn begin_inputs(conn: &Connection, import: i64, starts: &[InputStart]) -> Result<(), LedgerError> {
    for start in starts {
        conn.prepare_cached("INSERT OR REPLACE INTO input_start (import, input, first) VALUES (?1, ?2, ?3)")?
            .execute(params![import, start.input, start.first.0 as i64])?;
    }
    Ok(())
}

/// Rows that no batch has: refused before they were sent, and those of a feed that are not sent.
fn read(conn: &Page<'_>, refused: &[DeadLetter], passed: Passed) {
    conn.add("rows_read", refused.len() as u64 + passed.rows());
    let bytes: u64 = refused.iter().map(|letter| letter.mark.bytes()).sum();
    conn.add("bytes_read", bytes + passed.bytes);
    conn.add("unchanged", passed.unchanged);
    conn.add("superseded", passed.superseded);
    conn.add("in_doubt", passed.held);
}

fn finish(conn: &Page<'_>, import: i64, entry: &Entry) -> Result<(), LedgerError> {
    let Entry::Finish { seq, end, refused, shown, children, kept, learned, report, blocked, begun } = entry
    else {
        return Ok(());
    };
    let (old, was_kept): (String, bool) = conn
        .prepare_cached("SELECT state, kept FROM batch WHERE seq = ?1")?
        .query_row([seq.0 as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: i64 = children.iter().map(|child| child.rows.len() as i64).sum();
    let state = match (end.split, old.as_str()) {
        (true, _) => "split",
        (false, "doubt") => "taken_up",
        (false, _) => "settled",
    };
    if state == "taken_up" {
        conn.prepare_cached("UPDATE import SET in_doubt = in_doubt - ?2 WHERE number = ?1")?
            .execute([import, rows])?;
    }
    conn.prepare_cached(
        "UPDATE batch SET state = ?2, delivered = ?3, rejected = ?4, shown = ?5 WHERE seq = ?1",
    )?
    .execute(params![seq.0 as i64, state, end.delivered as i64, end.rejected as i64, shown])?;
    conn.add("delivered", end.delivered);
    conn.add("may_be_doubled", end.may_be_doubled);
    conn.add(if end.split { "split" } else { "settled" }, 1);
    refuse(conn, import, Some(seq.0), refused)?;
    if !refused.is_empty() {
        // The natural keys that it went under, if it has one, were decided against.
        conn.prepare_cached(
            "UPDATE natural_key SET refusals = (SELECT generation + refusals + 1 FROM batch WHERE seq = ?1)
             WHERE seq = (SELECT rank FROM batch WHERE seq = ?1)",
        )?
        .execute([seq.0 as i64])?;
    }
    if let Some(letter) = report {
        write_letter(conn, import, Some(seq.0), letter, None)?;
    }
    children.iter().try_for_each(|child| plan(conn, import, child))?;
    if was_kept {
        conn.prepare_cached("DELETE FROM kept WHERE seq = ?1")?.execute([seq.0 as i64])?;
    }
    keep(conn, kept.iter())?;
    for (group, ordinal) in blocked {
        conn.prepare_cached(
            "INSERT INTO blocked (import, grp, ordinal) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET ordinal = min(ordinal, ?3)",
        )?
        .execute(params![import, group.0, ordinal.0 as i64])?;
    }
    if let Some((group, begun)) = begun {
        begin_group(conn, import, *group, *begun)?;
    }
    learned.map_or(Ok(()), |limit| learn(conn, limit))
}

/// What was certain stays so.
fn begin_group(conn: &Connection, import: i64, group: GroupId, begun: Begun) -> Result<(), LedgerError> {
    conn.prepare_cached(
        "INSERT INTO begun (import, grp, sure) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET sure = max(sure, ?3)",
    )?
    .execute(params![import, group.0, begun == Begun::Yes])?;
    Ok(())
}

/// The request is whole now.
fn fill_in(conn: &Connection, seq: BatchSeq, form: &Form) -> Result<(), LedgerError> {
    conn.prepare_cached(
        "UPDATE batch SET generation = ?2, key = ?3, body_hash = ?4, group_state = ?5, planned_at = ?6
         WHERE seq = ?1",
    )?
    .execute(params![
        seq.0 as i64,
        form.generation,
        form.key.0.0,
        form.body_hash.0,
        form.group_state,
        form.at.millis()
    ])?;
    Ok(())
}

/// The batch, or what is to be written instead if another row of this import has its key.
fn plan_natural(
    conn: &Page<'_>,
    import: i64,
    batch: &Planned,
    natural: &NaturalKey,
    noted: &mut Noted,
) -> Result<(), LedgerError> {
    let free = conn
        .prepare_cached("INSERT OR IGNORE INTO natural_key (key, import, seq) VALUES (?1, ?2, ?3)")?
        .execute(params![natural.key.0, import, batch.seq.0 as i64])?;
    if free == 0 {
        noted.taken.push(batch.seq);
        return refuse(conn, import, None, std::slice::from_ref(&natural.otherwise));
    }
    let refusals: u32 = conn
        .prepare_cached("SELECT coalesce(max(refusals), 0) FROM natural_key WHERE key = ?1 AND import <> ?2")?
        .query_row(params![natural.key.0, import], |row| row.get(0))?;
    if refusals > 0 {
        noted.refusals.push((batch.seq, refusals));
        return plan(conn, import, &Planned { refusals, ..batch.clone() });
    }
    plan(conn, import, batch)
}

fn plan(conn: &Page<'_>, import: i64, batch: &Planned) -> Result<(), LedgerError> {
    let state = if batch.parked.is_some() { "doubt" } else { "prepared" };
    conn.prepare_cached(
        "INSERT INTO batch (seq, import, parent, generation, rows, row_set, input, row, line, byte, source_bytes,
           key, body_hash, planned_at, row_attempts, state, why, may_have_left, rank, group_state, refusals, doubtful,
           kept, close)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
           ?23, ?24)",
    )?
    .execute(params![
        batch.seq.0 as i64,
        import,
        batch.parent.map(|seq| seq.0 as i64),
        batch.generation,
        batch.rows.len() as i64,
        batch.rows.to_bytes(),
        batch.start.input,
        batch.start.row as i64,
        batch.start.line as i64,
        batch.start.byte as i64,
        batch.source_bytes as i64,
        batch.key.0.0,
        batch.body_hash.0,
        batch.planned_at.millis(),
        batch.row_attempts,
        state,
        batch.parked.as_ref().map(|park| park.why.as_str()),
        batch.may_have_left,
        batch.rank.0 as i64,
        batch.group_state,
        batch.refusals,
        batch.doubtful,
        batch.kept,
        batch.close.word(),
    ])?;
    conn.add("planned", 1);
    if batch.parked.is_some() {
        conn.add("in_doubt", batch.rows.len());
    }
    Ok(())
}

/// Rows that only the ledger has, until their batch has ended.
fn keep<'a>(conn: &Connection, kept: impl Iterator<Item = &'a (BatchSeq, Load)>) -> Result<(), LedgerError> {
    for (seq, load) in kept {
        conn.prepare_cached("INSERT INTO kept (seq, rows) VALUES (?1, ?2)")?
            .execute(params![seq.0 as i64, KeptRows::write(load)])?;
    }
    Ok(())
}

pub(super) fn refuse(
    conn: &Page<'_>,
    import: i64,
    batch: Option<u64>,
    refused: &[DeadLetter],
) -> Result<(), LedgerError> {
    for letter in refused {
        write_letter(conn, import, batch, letter, Some(letter.mark.ordinal.0 as i64))?;
    }
    conn.add("rejected", refused.len() as u64);
    Ok(())
}

/// `ordinal` is of the one row that it refuses.
fn write_letter(
    conn: &Connection,
    import: i64,
    batch: Option<u64>,
    letter: &DeadLetter,
    ordinal: Option<i64>,
) -> Result<(), LedgerError> {
    conn.prepare_cached(
        "INSERT INTO letter (import, ordinal, bytes, batch, code, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        import,
        ordinal,
        ordinal.map_or(0, |_| letter.mark.bytes() as i64),
        batch.map(|seq| seq as i64),
        letter.code,
        letter.line
    ])?;
    Ok(())
}

/// Limits only ever shrink.
fn learn(conn: &Connection, limit: Limit) -> Result<(), LedgerError> {
    let (column, amount) = match limit {
        Limit::Rows(rows) => ("learned_rows", rows),
        Limit::Bytes(bytes) => ("learned_bytes", bytes),
    };
    conn.prepare_cached(&format!("UPDATE target SET {column} = min(coalesce({column}, ?1), ?1)"))?
        .execute([amount as i64])?;
    Ok(())
}

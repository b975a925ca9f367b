//! Rows back into values. What does not read as we wrote it is refused, never guessed at.

use super::LedgerError;
use super::schema::UNSETTLED;
use crate::model::{
    Asked, BatchKey, BatchSeq, Begun, Close, Counters, Cursor, Digest, GroupId, ImportId, ImportRecord,
    ImportState, Job, KeptRows, Ordinal, Park, Place, Planned, Recovered, RowSet, Tally, Unsettled,
    UnsettledState, WallTime,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The newest import, with what its inputs were.
#[derive(Clone, Debug)]
pub struct Found {
    pub import: ImportRecord,
    /// As given to `begin`.
    pub inputs: String,
    pub cursor: Option<Cursor>,
    pub drained: bool,
    /// That is so by decree: its input went on, and another feed came, or this one is taken anew.
    pub closed: bool,
    pub tally: Tally,
    /// Bytes of the input that the rows read stand in.
    pub bytes_read: u64,
    pub batches: Counters,
    /// Something was sent, or may have been, for this import or one before it.
    pub has_left: bool,
    /// Rows that the imports before it have delivered, or may have.
    pub sent_earlier: u64,
}

const IMPORT: &str = "SELECT number, id, identity, inputs, state, exit, cur_input, cur_row, cur_line, cur_byte,
  cur_ordinal, chain, drained, rows_read, bytes_read, delivered, rejected, unchanged, superseded, may_be_doubled, in_doubt, planned,
  settled, split FROM import";

pub(super) fn newest(conn: &Connection) -> Result<Option<Found>, LedgerError> {
    let sql = format!("{IMPORT} ORDER BY number DESC LIMIT 1");
    let newest = conn.query_row(&sql, [], |row| Ok(found(row))).optional()?.transpose()?;
    let has_left = "SELECT EXISTS (SELECT 1 FROM batch WHERE may_have_left = 1 OR state <> 'prepared')";
    let has_left = conn.query_row(has_left, [], |row| row.get(0))?;
    let Some(newest) = newest else { return Ok(None) };
    // What was given up before it left, or was turned away at the door, was not sent.
    let earlier = format!(
        "SELECT coalesce(sum(delivered + in_doubt), 0) + (
           SELECT coalesce(sum(rows), 0) FROM batch WHERE import < ?1 AND {UNSETTLED} AND state <> 'doubt'
             AND (may_have_left = 1 OR state <> 'prepared')) AS sent
         FROM import WHERE number < ?1"
    );
    let sent = conn.query_row(&earlier, [newest.import.number as i64], |row| Ok(number(row, "sent")))?;
    Ok(Some(Found { has_left, sent_earlier: sent?, ..newest }))
}

/// An import by its number.
pub(super) fn import(conn: &Connection, number: u64) -> Result<Found, LedgerError> {
    let sql = format!("{IMPORT} WHERE number = ?1");
    conn.query_row(&sql, [number as i64], |row| Ok(found(row)))?
}

/// Rows that an import passed over because an earlier one has left them in doubt.
pub(super) fn held(conn: &Connection, import: u64) -> Result<u64, LedgerError> {
    let sql =
        "SELECT in_doubt - (SELECT coalesce(sum(rows), 0) FROM batch WHERE import = ?1 AND state = 'doubt')
               FROM import WHERE number = ?1";
    let held: i64 = conn.query_row(sql, [import as i64], |row| row.get(0))?;
    Ok(held.max(0) as u64)
}

/// What a feed has delivered is final: the next one has begun, or has begun to delete.
pub(super) fn is_sealed(conn: &Connection, import: u64) -> Result<bool, LedgerError> {
    let sql = "SELECT folded <> 0 FROM import WHERE number = ?1";
    Ok(conn.query_row(sql, [import as i64], |row| row.get(0))?)
}

fn found(row: &Row<'_>) -> Result<Found, LedgerError> {
    let state: String = row.get("state")?;
    let exit: Option<u8> = row.get("exit")?;
    let state = match (state.as_str(), exit) {
        ("complete", Some(exit)) => ImportState::Complete(exit),
        ("abandoned", _) => ImportState::Abandoned,
        ("open", _) => ImportState::Open,
        _ => return Err(damaged("an import's state")),
    };
    let mut tally = Tally {
        read: number(row, "rows_read")?,
        delivered: number(row, "delivered")?,
        rejected: number(row, "rejected")?,
        unchanged: number(row, "unchanged")?,
        in_doubt: number(row, "in_doubt")?,
        pending: 0,
        superseded: number(row, "superseded")?,
        may_be_doubled: number(row, "may_be_doubled")?,
    };
    let settled = tally.delivered + tally.rejected + tally.unchanged + tally.in_doubt;
    tally.pending = tally.read.checked_sub(settled).ok_or_else(|| damaged("the books of an import"))?;
    let import = ImportRecord {
        number: number(row, "number")?,
        id: ImportId(digest(row, "id")?),
        identity: digest(row, "identity")?,
        state,
    };
    let drained = number(row, "drained")?;
    let batches = Counters {
        planned: number(row, "planned")?,
        settled: number(row, "settled")?,
        split: number(row, "split")?,
    };
    let bytes_read = number(row, "bytes_read")?;
    Ok(Found {
        import,
        inputs: row.get("inputs")?,
        cursor: cursor(row)?,
        drained: drained > 0,
        closed: drained == 2,
        tally,
        bytes_read,
        batches,
        has_left: true,
        sent_earlier: 0,
    })
}

fn cursor(row: &Row<'_>) -> Result<Option<Cursor>, LedgerError> {
    let chain: Option<[u8; 32]> = row.get("chain")?;
    let Some(chain) = chain else { return Ok(None) };
    let place = Place {
        input: row.get("cur_input")?,
        row: number(row, "cur_row")?,
        line: number(row, "cur_line")?,
        byte: number(row, "cur_byte")?,
    };
    Ok(Some(Cursor { place, ordinal: Ordinal(number(row, "cur_ordinal")?), chain }))
}

pub(super) fn recovered(conn: &Connection, import: u64) -> Result<Recovered, LedgerError> {
    let Found { import, cursor, drained, tally, bytes_read, batches, .. } = self::import(conn, import)?;
    let next: i64 = conn.query_row("SELECT coalesce(max(seq), 0) + 1 FROM batch", [], |row| row.get(0))?;
    let (pause, rows, bytes) =
        conn.query_row("SELECT pause_until, learned_rows, learned_bytes FROM target", [], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?))
        })?;
    Ok(Recovered {
        unsettled: unsettled(conn, import.number)?,
        blocked: blocked(conn, import.number)?,
        import,
        cursor,
        drained,
        tally,
        bytes_read,
        next_seq: BatchSeq(next as u64),
        pause_until: pause.map(WallTime::from_millis),
        learned_rows: rows.map(|rows| rows as u64),
        learned_bytes: bytes.map(|bytes| bytes as u64),
        batches_planned: batches.planned,
        batches_settled: batches.settled,
        batches_split: batches.split,
    })
}

pub(super) fn unsettled(conn: &Connection, import: u64) -> Result<Vec<Unsettled>, LedgerError> {
    let select = format!("SELECT * FROM batch WHERE import = ?1 AND {UNSETTLED} ORDER BY seq");
    let mut select = conn.prepare(&select)?;
    let mut rows = select.query([import as i64])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let mut batch = planned(row)?;
        batch.request = request(conn, &batch)?;
        let state: String = row.get("state")?;
        let job = match row.get::<_, Option<String>>("job_id")? {
            Some(id) => {
                let job = Job::new(id, row.get("job_path")?);
                Some((job, WallTime::from_millis(row.get("accepted_at")?)))
            }
            None => None,
        };
        let why = row.get::<_, Option<String>>("why")?.unwrap_or_default();
        let state = match (state.as_str(), job) {
            ("prepared", _) => UnsettledState::Prepared,
            ("accepted", Some((job, at))) => UnsettledState::Accepted { job, at },
            ("accepted", None) => return Err(damaged("a job")),
            (_, job) => UnsettledState::Parked { park: Park { why }, job },
        };
        list.push(Unsettled { batch, state });
    }
    Ok(list)
}

/// A key is made of its rows and stands twice for one reason: a batch asks for the request of the one it came from.
fn request(conn: &Connection, batch: &Planned) -> Result<Option<Asked>, LedgerError> {
    let sql = "SELECT parent, row_set, input, row, line, byte FROM batch WHERE seq = ?1 AND key = ?2";
    let mut select = conn.prepare_cached(sql)?;
    let (mut above, mut found) = (batch.parent, None);
    while let Some(seq) = above {
        let mut rows = select.query(params![seq.0 as i64, batch.key.0.0])?;
        let Some(row) = rows.next()? else { break };
        found = Some(Asked { start: start(row)?, rows: row_set(row, "row_set")? });
        above = row.get::<_, Option<i64>>("parent")?.map(|seq| BatchSeq(seq as u64));
    }
    Ok(found)
}

fn start(row: &Row<'_>) -> Result<Place, LedgerError> {
    Ok(Place {
        input: row.get("input")?,
        row: number(row, "row")?,
        line: number(row, "line")?,
        byte: number(row, "byte")?,
    })
}

fn blocked(conn: &Connection, import: u64) -> Result<Vec<(GroupId, Ordinal)>, LedgerError> {
    let mut select = conn.prepare("SELECT grp, ordinal FROM blocked WHERE import = ?1")?;
    let mut rows = select.query([import as i64])?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        groups.push((GroupId(row.get("grp")?), Ordinal(number(row, "ordinal")?)));
    }
    Ok(groups)
}

fn planned(row: &Row<'_>) -> Result<Planned, LedgerError> {
    let parent: Option<i64> = row.get("parent")?;
    Ok(Planned {
        seq: BatchSeq(number(row, "seq")?),
        parent: parent.map(|seq| BatchSeq(seq as u64)),
        rank: BatchSeq(number(row, "rank")?),
        generation: row.get("generation")?,
        rows: row_set(row, "row_set")?,
        close: close(row)?,
        start: start(row)?,
        request: None,
        source_bytes: number(row, "source_bytes")?,
        key: BatchKey(digest(row, "key")?),
        body_hash: digest(row, "body_hash")?,
        planned_at: WallTime::from_millis(row.get("planned_at")?),
        may_have_left: row.get("may_have_left")?,
        row_attempts: row.get("row_attempts")?,
        group_state: row.get("group_state")?,
        refusals: row.get("refusals")?,
        doubtful: row.get("doubtful")?,
        kept: row.get("kept")?,
        parked: None,
    })
}

/// Whether a group is begun by this import.
pub(super) fn begun(conn: &Connection, import: u64, group: GroupId) -> Result<Begun, LedgerError> {
    let sure: Option<bool> = conn
        .prepare_cached("SELECT sure FROM begun WHERE import = ?1 AND grp = ?2")?
        .query_row(rusqlite::params![import as i64, group.0], |row| row.get(0))
        .optional()?;
    Ok(match sure {
        None => Begun::No,
        Some(false) => Begun::Perhaps,
        Some(true) => Begun::Yes,
    })
}

/// The rows of a batch that only the ledger has.
pub(super) fn kept(conn: &Connection, seq: BatchSeq) -> Result<KeptRows, LedgerError> {
    let rows = conn
        .prepare_cached("SELECT rows FROM kept WHERE seq = ?1")?
        .query_row([seq.0 as i64], |row| row.get(0))
        .optional()?;
    rows.and_then(KeptRows::read).ok_or_else(|| damaged("the kept rows of a batch"))
}

fn close(row: &Row<'_>) -> Result<Close, LedgerError> {
    let word: String = row.get("close")?;
    let known = Close::ALL.iter().find(|close| close.word() == word);
    known.copied().ok_or_else(|| damaged("how a batch was closed"))
}

pub(super) fn row_set(row: &Row<'_>, column: &str) -> Result<RowSet, LedgerError> {
    let bytes: Vec<u8> = row.get(column)?;
    RowSet::from_bytes(&bytes).ok_or_else(|| damaged("the rows of a batch"))
}

pub(super) fn digest(row: &Row<'_>, column: &str) -> Result<Digest, LedgerError> {
    Ok(Digest(row.get(column)?))
}

pub(super) fn number(row: &Row<'_>, column: &str) -> Result<u64, LedgerError> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| damaged(column))
}

pub(super) fn damaged(what: &str) -> LedgerError {
    LedgerError::Refused(format!("{what} cannot be read: the file is damaged, or was changed by hand"))
}

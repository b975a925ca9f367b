//! Letters about whole requests as they were written: a person may have edited their copies in a file.

use super::{LedgerError, View, reading};
use rusqlite::OptionalExtension;
use std::collections::HashMap;

/// The numbers of such letters, by their batch. There is no index of these, and each letter of a file is asked about.
pub(super) type Written = HashMap<u64, i64>;

impl View {
    /// The letter about the request that went under this key, if there is one.
    pub fn letter_about(&self, shown: &str) -> Result<Option<String>, LedgerError> {
        let written = self.written()?;
        // Few imports have any, and each row that was refused is asked about.
        if written.is_empty() {
            return Ok(None);
        }
        let batch = self.batch_of(shown)?;
        let Some(number) = batch.and_then(|batch| written.get(&batch.seq).copied()) else { return Ok(None) };
        let mut select = self.conn.prepare_cached("SELECT line FROM letter WHERE number = ?1")?;
        Ok(select.query_row([number], |row| row.get(0)).optional()?)
    }

    /// Whether there is a letter about a whole request.
    pub fn has_unnamed(&self) -> Result<bool, LedgerError> {
        Ok(!self.written()?.is_empty())
    }

    fn written(&self) -> Result<&Written, LedgerError> {
        if let Some(written) = self.written.get() {
            return Ok(written);
        }
        let found = self.find_written()?;
        Ok(self.written.get_or_init(|| found))
    }

    fn find_written(&self) -> Result<Written, LedgerError> {
        if self.is_new {
            return Ok(Written::new());
        }
        let mut select = self.conn.prepare(
            "SELECT letter.batch AS seq, letter.number FROM import CROSS JOIN letter
             ON letter.import = import.number AND letter.ordinal IS NULL WHERE letter.batch IS NOT NULL",
        )?;
        let mut rows = select.query([])?;
        let mut found = Written::new();
        while let Some(row) = rows.next()? {
            found.insert(reading::number(row, "seq")?, row.get("number")?);
        }
        Ok(found)
    }
}

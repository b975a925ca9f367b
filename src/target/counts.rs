//! What an answer counts, held against what it names and what was sent.

use super::pointer::Pointer;
use super::raw;
use super::reader::{Covers, Reader, Reading, Word};
use super::sheet::Sheet;
use crate::model::RowVerdict;

impl Reader {
    /// Rows that were refused without being named: a count, where there is no list.
    pub(super) fn unnamed(
        &self,
        json: &str,
        reading: &Reading<'_>,
        sheet: &Sheet,
    ) -> Result<Option<u64>, String> {
        let count = |pointer: &Option<Pointer>| match pointer {
            None => Ok(None),
            Some(at) => match at.find(json).and_then(number) {
                Some(count) => Ok(Some(count)),
                None => Err(format!("there is no count at {}", at.as_str())),
            },
        };
        let (ok, failed) = (count(&self.count_ok)?, count(&self.count_failed)?);
        let rows = reading.load.len() as u64;
        if self.from.is_none() {
            if self.covers == Covers::All && ok.is_some_and(|ok| ok != rows) {
                return Err(format!("it counts {} successes for {rows} rows", ok.unwrap_or(0)));
            }
            let refused = failed.or(ok.map(|ok| rows.saturating_sub(ok))).unwrap_or(0);
            if refused > rows || ok.is_some_and(|ok| ok > rows || ok + refused != rows) {
                return Err(format!("its counts do not add up to the {rows} rows sent"));
            }
            return Ok((refused > 0).then_some(refused));
        }
        let units = if self.per_item { reading.items as u64 } else { 1 };
        let is_failed =
            |verdict: &&RowVerdict| matches!(verdict, RowVerdict::Rejected(_) | RowVerdict::Exists(_));
        let refused = sheet.rows.iter().flatten().filter(is_failed).count() as u64;
        if let Some(ok) = ok
            && ok > rows * units
        {
            return Err(format!("it counts {ok} successes of {rows} rows"));
        }
        if let Some(ok) = ok
            && self.covers == Covers::Ok
            && ok
                != sheet.rows.iter().flatten().filter(|v| **v == RowVerdict::Delivered).count() as u64 * units
        {
            return Err(format!("it counts {ok} successes, and lists another number"));
        }
        if let Some(failed) = failed
            && failed < refused
        {
            return Err(format!("it counts {failed} failures, and names {refused}"));
        }
        // Where silence means success, the successes must be as many as the silent rows.
        let silent = sheet.rows.iter().filter(|verdict| verdict.is_none()).count() as u64;
        if self.covers == Covers::Failed && self.unlisted == Word::Ok && self.cap.is_none() {
            if ok.is_some_and(|ok| ok != silent * units) {
                return Err(format!("its successes are not the {silent} rows that it does not name"));
            }
            if failed.is_some_and(|failed| failed > refused) {
                return Err(format!("it counts more failures than the {refused} that it names"));
            }
        }
        Ok(None)
    }
}

/// A count as it is written, or the length of a list.
fn number(value: &str) -> Option<u64> {
    raw::elements(value).map_or_else(|| value.parse().ok(), |list| Some(list.count() as u64))
}

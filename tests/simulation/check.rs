//! The invariants (design, section 3), each named where it is asked for. The server's log decides.

use crate::cases::{Expect, Truth};
use crate::chance::Chance;
use crate::disk::{Letter, PageState};
use crate::world::{Life, World};
use bulkhaul::engine::{Ending, Engine, Sent};
use bulkhaul::model::{BatchSeq, Digest, ImportState, Load};
use std::collections::BTreeMap;

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Unread,
    Pending,
    Delivered,
    Refused,
    Doubt,
}

impl<C: Chance> World<'_, C> {
    /// A request is about to leave.
    pub(crate) fn watch_send(&mut self, life: &Life, seq: BatchSeq, load: &Load, about: &Sent) {
        let page = self.disk.batches.get(&seq);
        let body = Digest::of(load.body());
        let durable = page.is_some_and(|page| {
            let planned = &page.planned;
            planned.key == about.key
                && planned.body_hash == body
                && planned.may_have_left
                && page.state == PageState::Prepared
        });
        if !durable {
            self.breaks(format!("I5: batch {} leaves, and the ledger does not know it as it is", seq.0));
        }
        if life.in_flight >= self.limits.slots as usize + self.case.kind.policy.jobs_max {
            self.breaks(format!("I17: {} requests are in flight", life.in_flight + 1));
        }
        if self.now + 1000 < self.paused_until() {
            self.breaks("I17: a request leaves while the target wants to be left alone".to_owned());
        }
        let first = *self.first_sent.entry(about.key.0).or_insert(self.now);
        let Some(ttl) = self.case.kind.policy.key_ttl.filter(|_| self.case.kind.policy.repeatable) else {
            return;
        };
        let margin = (ttl / 10).max(std::time::Duration::from_secs(300));
        let age = std::time::Duration::from_micros(self.now - first);
        if age >= ttl.checked_sub(margin).unwrap_or_default() {
            self.breaks(format!("I8: batch {} goes again after {} s", seq.0, age.as_secs()));
        }
    }

    /// The run has come to its end by itself.
    pub(crate) fn watch_end(&mut self, engine: &Engine, ending: &Ending) {
        self.partition();
        let complete =
            matches!(self.disk.import.as_ref().map(|import| import.state), Some(ImportState::Complete(_)));
        if !complete {
            return;
        }
        let recovered = self.disk.recovered();
        let tally = recovered.tally;
        let books = *engine.books().tally();
        if books != tally || engine.books().bytes_read() != recovered.bytes_read {
            self.breaks(format!("I23: the books say {books:?}, and the ledger {tally:?}"));
        }
        let exit = match (tally.in_doubt, tally.rejected) {
            (0, 0) => 0,
            (0, _) => 3,
            _ => 5,
        };
        if ending.exit != exit || tally.pending != 0 {
            self.breaks(format!("I23: the exit is {}, and the ledger has {tally:?}", ending.exit));
        }
    }

    /// I1 and I14: every row that was read is in one place, and children share out what their parents leave.
    pub(crate) fn partition(&mut self) -> Vec<Place> {
        let count = self.case.rows.len();
        let mut places = vec![Place::Unread; count];
        let mut faults = Vec::new();
        let mut put =
            |ordinal: u64, place: Place, faults: &mut Vec<String>| match places.get_mut(ordinal as usize) {
                Some(known) if *known == Place::Unread => *known = place,
                known => faults.push(format!("I1: row {ordinal} is {place:?}, and it is {known:?}")),
            };
        let mut children: BTreeMap<BatchSeq, Vec<u64>> = BTreeMap::new();
        for page in self.disk.batches.values() {
            if let Some(parent) = page.planned.parent {
                children.entry(parent).or_default().extend(page.planned.rows.iter().map(|ordinal| ordinal.0));
            }
        }
        for letter in self.disk.own_letters() {
            if let Some(ordinal) = letter.ordinal {
                put(ordinal, Place::Refused, &mut faults);
            }
        }
        for (seq, page) in &self.disk.batches {
            let handed_on = children.get(seq).map(Vec::as_slice).unwrap_or_default();
            if !page.state.is_terminal() {
                let place = if page.state == PageState::Doubt { Place::Doubt } else { Place::Pending };
                page.planned.rows.iter().for_each(|ordinal| put(ordinal.0, place, &mut faults));
                if !handed_on.is_empty() {
                    faults.push(format!("I14: batch {} is {:?} and has children", seq.0, page.state));
                }
                continue;
            }
            let refused: Vec<u64> = self
                .disk
                .own_letters()
                .iter()
                .filter(|letter| letter.batch == Some(*seq))
                .filter_map(|letter| letter.ordinal)
                .collect();
            let mut delivered = 0;
            for ordinal in page.planned.rows.iter() {
                if !handed_on.contains(&ordinal.0) && !refused.contains(&ordinal.0) {
                    delivered += 1;
                    put(ordinal.0, Place::Delivered, &mut faults);
                }
            }
            let strangers = handed_on.iter().any(|row| !page.planned.rows.iter().any(|own| own.0 == *row));
            if delivered != page.delivered || refused.len() as u64 != page.rejected || strangers {
                faults.push(format!("I14: batch {} does not add up: {delivered} of {page:?}", seq.0));
            }
        }
        if !self.disk.keeps_what_it_needs() {
            faults.push("C9: rows are kept that nobody needs, or are missing".to_owned());
        }
        let read = self.disk.tally.read as usize;
        if places.iter().take(read).any(|place| *place == Place::Unread)
            || places.iter().skip(read).any(|place| *place != Place::Unread)
        {
            faults.push(format!("I10: {read} rows were read, and the ledger has {places:?}"));
        }
        let counted = |wanted| places.iter().filter(|place| **place == wanted).count() as u64;
        let tally = &self.disk.tally;
        let counts = (counted(Place::Delivered), counted(Place::Refused), counted(Place::Doubt));
        if counts != (tally.delivered, tally.rejected, tally.in_doubt) {
            faults.push(format!("I1: {counts:?} rows have their end, and the sums say {tally:?}"));
        }
        for fault in faults {
            self.breaks(fault);
        }
        places
    }

    /// The import is complete: does the server's log agree with the ledger?
    pub(crate) fn judge(&mut self) {
        let places = self.partition();
        self.judge_file();
        self.claim(&places);
        if !self.server.memory_is_sound() {
            self.breaks("I6: the target remembers a key with other bytes than it first came with".to_owned());
        }
        let claims = std::mem::take(&mut self.claims);
        let mut faults = Vec::new();
        let times = self.server.times();
        for (wire, [delivered, doubtful]) in &claims {
            let times = times.get(wire.as_str()).copied().unwrap_or_default();
            let most = match self.case.kind.truth {
                Truth::Once if !self.taken_up || *delivered + *doubtful == 0 => delivered + doubtful,
                _ if *delivered + *doubtful == 0 => 0,
                _ => u64::MAX,
            };
            let least = if self.case.kind.truth == Truth::Upsert { (*delivered).min(1) } else { *delivered };
            if times < least || times > most {
                let claim = format!("{delivered} delivered, {doubtful} in doubt");
                faults.push(format!("I2/I3: {wire} was applied {times} times: {claim}"));
            }
        }
        faults.extend(
            times
                .keys()
                .filter(|wire| !claims.contains_key(**wire))
                .map(|wire| format!("I4: nobody's row: {wire}")),
        );
        faults.extend(self.lanes(&places));
        for fault in faults {
            self.breaks(fault);
        }
    }

    /// Each row of a complete import has the end that it should have; what that says of it is kept.
    pub(crate) fn claim(&mut self, places: &[Place]) {
        let excused = self.case.kind.excuses(self.struck);
        let mut claims = std::mem::take(&mut self.claims);
        let mut faults = Vec::new();
        let in_doubt = |lane: Option<u32>| {
            let mut rows = self.case.rows.iter().zip(places);
            rows.any(|(row, place)| row.lane == lane && *place == Place::Doubt)
        };
        let is_begun = |lane: Option<u32>| {
            let mut rows = self.case.rows.iter().zip(places);
            rows.any(|(row, place)| row.lane == lane && *place == Place::Delivered)
        };
        for (n, (row, place)) in self.case.rows.iter().zip(places).enumerate() {
            let fits = match (row.expect, place) {
                (_, Place::Unread | Place::Pending) => Err("I19: it has no end"),
                (Expect::Refused, Place::Doubt) if self.case.kind.doubts_refusals() => Ok(()),
                (_, Place::Doubt) if !excused => Err("I13: it is in doubt for no reason"),
                (Expect::Delivered, Place::Refused) => Err("I12: it was refused, and is good"),
                (Expect::IfBegun, Place::Refused) if is_begun(row.lane) => {
                    Err("I12: it was refused, and the stream is ours")
                }
                (Expect::Refused, Place::Delivered) => Err("I2: it was delivered, and is bad"),
                (Expect::Blocked, Place::Delivered) if !in_doubt(row.lane) => {
                    Err("I2: it was delivered, and is blocked")
                }
                _ => Ok(()),
            };
            if let Err(why) = fits {
                faults.push(format!("{why}: row {n}, {row:?}, {place:?}"));
            }
            for wire in &row.wire {
                let [delivered, doubtful] = claims.entry(wire.clone()).or_default();
                *delivered += u64::from(*place == Place::Delivered);
                *doubtful += u64::from(*place == Place::Doubt);
            }
        }
        self.claims = claims;
        for fault in faults {
            self.breaks(fault);
        }
    }

    /// I11: the dead-letter file is what the ledger says, each line once and whole.
    fn judge_file(&mut self) {
        let expected: Vec<u8> = self.disk.letters.iter().flat_map(Letter::bytes).collect();
        if self.disk.file.bytes != expected {
            self.breaks("I11: the dead-letter file is not what the ledger says".to_owned());
        }
        let faults: Vec<String> = self
            .disk
            .letters
            .iter()
            .filter_map(|letter| letter.ordinal.map(|ordinal| (ordinal, letter)))
            .filter(|(ordinal, letter)| {
                let row = &self.case.rows[*ordinal as usize];
                !row.wire.iter().all(|wire| wire.contains("twin") || letter.line.contains(id_of(wire)))
            })
            .map(|(ordinal, letter)| {
                format!("I11: the letter of row {ordinal} holds another: {}", letter.line)
            })
            .collect();
        for fault in faults {
            self.breaks(fault);
        }
    }

    /// I20: rows of one lane were applied in the order of the input, as far as they are known to be delivered.
    fn lanes(&self, places: &[Place]) -> Vec<String> {
        if !self.case.kind.ordered || self.taken_up {
            return Vec::new();
        }
        let mut of: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
        for (n, row) in self.case.rows.iter().enumerate() {
            if let (Some(lane), [wire], Place::Delivered) = (row.lane, row.wire.as_slice(), places[n]) {
                of.insert(wire, (n, lane));
            }
        }
        let mut last: BTreeMap<u32, usize> = BTreeMap::new();
        let mut faults = Vec::new();
        for wire in &self.server.applied {
            let Some((n, lane)) = of.get(wire.as_str()) else { continue };
            if last.insert(*lane, *n).is_some_and(|before| before > *n) {
                faults.push(format!("I20: row {n} of lane {lane} was applied after a later one"));
            }
        }
        faults
    }
}

/// The part of a row that names it.
fn id_of(wire: &str) -> &str {
    let Some((_, rest)) = wire.split_once("\"id\":\"") else { return "" };
    rest.split('"').next().unwrap_or_default()
}

//! Identities: of an import, of a batch, of a row. Pure functions of what is sent, so that a lost ledger gives
//! the same keys again, and so that nothing else ever does.
//!
//! Never from content alone (two rows that are rightly equal would become one), never from numbers alone (a
//! corrected feed would be answered from the target's memory).

use super::{Canary, Digest, Hasher, Ordinal, RowSet};

/// Changes whenever the same input would make other bytes or other keys.
pub const FORMAT_VERSION: u64 = 1;

/// Names one import: what is sent, where to, and the how-manieth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImportId(pub Digest);

impl ImportId {
    /// `identity` is the target's and the mapping's; `inputs` has for each input the digest of its first MiB and
    /// its size in bytes; `number` counts the imports of this state from 1.
    pub fn derive(identity: Digest, inputs: &[(Digest, u64)], number: u64) -> Self {
        let mut hasher = Hasher::new("bulkhaul/import").number(FORMAT_VERSION).field(&identity.0);
        hasher = hasher.number(inputs.len() as u64);
        for (head, size) in inputs {
            hasher = hasher.field(&head.0).number(*size);
        }
        Self(hasher.number(number).finish())
    }

    /// An identity fixed by hand; only the number of the import still counts.
    pub fn fixed(name: &str, number: u64) -> Self {
        Self(
            Hasher::new("bulkhaul/import-by-hand")
                .number(FORMAT_VERSION)
                .field(name.as_bytes())
                .number(number)
                .finish(),
        )
    }

    pub fn hex(&self) -> String {
        self.0.hex()
    }
}

/// Why a batch's rows go again under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildReason {
    /// The request was too large.
    Split,
    /// Halved to find the row at fault.
    Bisect,
    /// Rows that the target asked to send again, or that failed for a neighbour's sake.
    Retry,
    /// The rest, after the refused rows were taken out.
    Fix,
    /// The group's state was read again, and the body says so.
    Refetch,
    /// Rows in doubt that a person decided to send again.
    Resend,
    /// Rows in doubt, set apart; never sent under this key.
    Doubt,
}

impl ChildReason {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Bisect => "bisect",
            Self::Retry => "retry",
            Self::Fix => "fix",
            Self::Refetch => "refetch",
            Self::Resend => "resend",
            Self::Doubt => "doubt",
        }
    }
}

/// The idempotency key of one batch. How it is printed is the profile's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey(pub Digest);

impl BatchKey {
    /// The key of a batch cut from the input.
    pub fn root(import: ImportId, first: Ordinal, rows: u64, body: Digest) -> Self {
        if Canary::KeyOfContentAlone.is_loose() {
            return Self(body);
        }
        if Canary::KeyOfNumbersAlone.is_loose() {
            return Self(Digest::of(&RowSet::range(first, rows).to_bytes()));
        }
        Self(
            Hasher::new("bulkhaul/batch")
                .number(FORMAT_VERSION)
                .field(&import.0.0)
                .number(first.0)
                .number(rows)
                .field(&body.0)
                .finish(),
        )
    }

    /// The key of rows that go again after their parent's fate was known.
    pub fn child(self, reason: ChildReason, generation: u32, rows: &RowSet, body: Digest) -> Self {
        if Canary::SameKeyForRetry.is_loose() && reason == ChildReason::Retry {
            return self;
        }
        if Canary::KeyOfNumbersAlone.is_loose() {
            return Self(Digest::of(&rows.to_bytes()));
        }
        Self(
            Hasher::new("bulkhaul/child")
                .number(FORMAT_VERSION)
                .field(&self.0.0)
                .field(reason.word().as_bytes())
                .number(u64::from(generation))
                .field(&rows.to_bytes())
                .field(&body.0)
                .finish(),
        )
    }

    /// How people read it, in logs and dead letters.
    pub fn hex(&self) -> String {
        self.0.hex()
    }
}

/// What rows of one group have in common: a hash over the fields that the profile groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub [u8; 16]);

impl GroupId {
    pub fn of(fields: &[String]) -> Self {
        let hasher =
            fields.iter().fold(Hasher::new("bulkhaul/group"), |hasher, field| hasher.field(field.as_bytes()));
        let Digest(bytes) = hasher.finish();
        Self(bytes[..16].try_into().expect("a digest has 32 bytes"))
    }
}

/// The key of one row, for targets that remember rows rather than requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowKey(pub Digest);

impl RowKey {
    pub fn derive(import: ImportId, ordinal: Ordinal, row: &[u8]) -> Self {
        Self(
            Hasher::new("bulkhaul/row")
                .number(FORMAT_VERSION)
                .field(&import.0.0)
                .number(ordinal.0)
                .field(row)
                .finish(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import() -> ImportId {
        ImportId::derive(Digest::of(b"target"), &[(Digest::of(b"head"), 4)], 1)
    }

    #[test]
    fn identical_rows_at_two_places_have_two_keys() {
        let body = Digest::of(b"[{}]");
        assert_ne!(
            BatchKey::root(import(), Ordinal(0), 1, body),
            BatchKey::root(import(), Ordinal(1), 1, body)
        );
        assert_ne!(RowKey::derive(import(), Ordinal(0), b"{}"), RowKey::derive(import(), Ordinal(1), b"{}"));
    }

    #[test]
    fn the_same_settings_give_the_same_keys_and_any_change_gives_others() {
        assert_eq!(import(), import());
        let again = ImportId::derive(Digest::of(b"target"), &[(Digest::of(b"head"), 4)], 2);
        let grown = ImportId::derive(Digest::of(b"target"), &[(Digest::of(b"head"), 5)], 1);
        assert_ne!(import(), again);
        assert_ne!(import(), grown);
        assert_ne!(ImportId::fixed("a", 1), ImportId::fixed("a", 2));
    }

    #[test]
    fn a_child_never_shares_its_parents_key() {
        let body = Digest::of(b"[{}]");
        let parent = BatchKey::root(import(), Ordinal(0), 1, body);
        let rows = RowSet::range(Ordinal(0), 1);
        let retry = parent.child(ChildReason::Retry, 1, &rows, body);
        let split = parent.child(ChildReason::Split, 1, &rows, body);
        assert!(parent != retry && parent != split && retry != split);
    }
}

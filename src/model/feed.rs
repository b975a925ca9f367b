//! Feeds: by what a row is known from one to the next, whether it has changed, and what becomes of each row for that.

use super::Ordinal;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A key's bytes, and those of what the row said.
const KEY_BYTES: usize = 16;
const TEXT_BYTES: usize = 8;

/// A row as a feed knows it: the hash of its key, and the hash of all of it. Ordered by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedEntry {
    pub key: [u8; 16],
    pub text: [u8; 8],
}

impl FeedEntry {
    pub const BYTES: usize = KEY_BYTES + TEXT_BYTES;

    /// This row was sent, and nobody knows whether it was applied: it is no longer as any row is, and can still be told.
    pub fn doubtful(self) -> Self {
        Self { text: self.text.map(|byte| !byte), ..self }
    }

    /// Nobody knows what the target has under this key: no row is like it, so that the next one is sent.
    pub fn unsure(self) -> Self {
        Self { text: [0; TEXT_BYTES], ..self }
    }

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..KEY_BYTES].copy_from_slice(&self.key);
        bytes[KEY_BYTES..].copy_from_slice(&self.text);
        bytes
    }

    /// Reads [`Self::to_bytes`] back, from just so many bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (key, text) = bytes.split_at(KEY_BYTES);
        let fits = "an entry has its own length";
        Self { key: key.try_into().expect(fits), text: text.try_into().expect(fits) }
    }
}

/// The fields that a row is known by (`--sync`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedKey {
    names: Vec<String>,
}

impl FeedKey {
    /// `None` without a name.
    pub fn new(names: Vec<String>) -> Option<Self> {
        (!names.is_empty() && names.iter().all(|name| !name.is_empty())).then_some(Self { names })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The row's entry; else the first of the fields that it lacks, or that is no scalar. Numbers are known by how they
    /// are written.
    pub fn entry(&self, row: &[u8]) -> Result<FeedEntry, &str> {
        let values = self.values(row);
        let mut hasher = blake3::Hasher::new();
        for (name, value) in self.names.iter().zip(&values) {
            let value = value.as_ref().ok_or(name.as_str())?;
            hasher.update(&(value.len() as u64).to_le_bytes());
            hasher.update(value.as_bytes());
        }
        let (key, text) = (hasher.finalize(), blake3::hash(row));
        let (mut entry_key, mut entry_text) = ([0; KEY_BYTES], [0; TEXT_BYTES]);
        entry_key.copy_from_slice(&key.as_bytes()[..KEY_BYTES]);
        entry_text.copy_from_slice(&text.as_bytes()[..TEXT_BYTES]);
        Ok(FeedEntry { key: entry_key, text: entry_text })
    }

    /// As [`Self::entry`], of a row that is broken: what stands under its key is not known, and is not what was sent.
    pub fn entry_of_broken(&self, row: &[u8]) -> Option<FeedEntry> {
        self.entry(row).ok().map(FeedEntry::unsure)
    }

    /// The fields of the key alone, as an object; the row has them all.
    pub fn fields(&self, row: &[u8]) -> String {
        let values = self.values(row);
        let fields = self
            .names
            .iter()
            .zip(&values)
            .map(|(name, value)| format!("{}:{}", serde_json::json!(name), value.unwrap_or("null")));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// The JSON of each field, in the order of the names.
    fn values<'a>(&self, row: &'a [u8]) -> Vec<Option<&'a str>> {
        let mut values = vec![None; self.names.len()];
        let mut reader = serde_json::Deserializer::from_slice(row);
        let _ = reader.deserialize_map(Fields { names: &self.names, values: &mut values });
        values
    }
}

/// Picks members out of an object. Of a name that stands twice the last counts, as it does to most readers.
struct Fields<'n, 'v, 'a> {
    names: &'n [String],
    values: &'v mut Vec<Option<&'a str>>,
}

impl<'a> Visitor<'a> for Fields<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut last: Option<usize> = None;
        loop {
            let name = match map.next_key::<std::borrow::Cow<'a, str>>() {
                Ok(Some(name)) => name,
                Ok(None) => return Ok(()),
                Err(error) => {
                    // What a row ends with that is cut off may be cut off itself.
                    if let Some(at) = last {
                        self.values[at] = None;
                    }
                    return Err(error);
                }
            };
            last = self.names.iter().position(|known| *known == *name);
            match last {
                Some(at) => {
                    let value = map.next_value::<&'a RawValue>()?.get();
                    let is_scalar = !value.starts_with(['{', '[']) && value != "null" && value != "\"\"";
                    self.values[at] = Some(value).filter(|_| is_scalar);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
    }
}

/// What becomes of a row of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is new or has changed, or nobody can tell.
    Send,
    /// It is as it was when it was delivered last.
    Unchanged,
    /// A later row of the same feed has its key.
    Superseded,
    /// It was sent as it is, and nobody knows whether it was applied: sending it again could double it.
    Held,
}

/// The course of each row of a feed: two bits a row.
#[derive(Clone, Debug, Default)]
pub struct Courses {
    bits: Vec<u8>,
}

impl Courses {
    pub fn set(&mut self, ordinal: Ordinal, course: Course) {
        let (byte, shift) = Self::place(ordinal);
        if byte >= self.bits.len() {
            self.bits.resize(byte + 1, 0);
        }
        let bits = match course {
            Course::Send => 0,
            Course::Unchanged => 1,
            Course::Superseded => 2,
            Course::Held => 3,
        };
        self.bits[byte] = self.bits[byte] & !(3 << shift) | bits << shift;
    }

    /// A row that was never set is sent.
    pub fn of(&self, ordinal: Ordinal) -> Course {
        let (byte, shift) = Self::place(ordinal);
        match self.bits.get(byte).map(|bits| bits >> shift & 3) {
            Some(1) => Course::Unchanged,
            Some(2) => Course::Superseded,
            Some(3) => Course::Held,
            _ => Course::Send,
        }
    }

    const fn place(ordinal: Ordinal) -> (usize, u32) {
        ((ordinal.0 / 4) as usize, (ordinal.0 % 4) as u32 * 2)
    }
}

/// Rows that were read and are not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub unchanged: u64,
    /// Of these, the superseded ones.
    pub superseded: u64,
    /// Rows that are still in doubt.
    pub held: u64,
    /// Bytes of the input that all of them stand in.
    pub bytes: u64,
}

impl Passed {
    pub const fn count(&mut self, course: Course, bytes: u64) {
        self.add(match course {
            Course::Send => return,
            Course::Unchanged => Self { unchanged: 1, superseded: 0, held: 0, bytes },
            Course::Superseded => Self { unchanged: 1, superseded: 1, held: 0, bytes },
            Course::Held => Self { unchanged: 0, superseded: 0, held: 1, bytes },
        });
    }

    pub const fn add(&mut self, other: Self) {
        self.unchanged += other.unchanged;
        self.superseded += other.superseded;
        self.held += other.held;
        self.bytes += other.bytes;
    }

    /// All of them.
    pub const fn rows(self) -> u64 {
        self.unchanged + self.held
    }
}

/// What a feed holds beside the one before it, counted in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    pub rows: u64,
    /// Rows with different keys.
    pub keys: u64,
    /// Keys that were delivered before.
    pub known: u64,
    /// Keys that a run which goes on has read already; those that it has not are the five that follow.
    pub read: u64,
    pub new: u64,
    pub changed: u64,
    /// As they were delivered last.
    pub unchanged: u64,
    /// Still in doubt.
    pub held: u64,
    /// Sent whatever they say: `--again` wants it, or nobody knows what the target has.
    pub again: u64,
    /// Keys that are no longer there.
    pub gone: u64,
    /// Rows of which nobody knows the key.
    pub unread: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(names: &[&str]) -> FeedKey {
        FeedKey::new(names.iter().map(|name| (*name).to_owned()).collect()).unwrap()
    }

    #[test]
    fn a_row_is_known_by_its_key_and_changed_by_anything() {
        let key = key(&["id"]);
        let entry = |row: &str| key.entry(row.as_bytes()).unwrap();
        let one = entry(r#"{"id":1,"a":"x"}"#);
        assert_eq!(one, entry(r#"{"id":1,"a":"x"}"#));
        let changed = entry(r#"{"id":1,"a":"y"}"#);
        assert!(one.key == changed.key && one.text != changed.text);
        assert_ne!(one.key, entry(r#"{"id":"1","a":"x"}"#).key);
        assert_eq!(FeedEntry::from_bytes(&one.to_bytes()), one);
        assert!(one.doubtful() != one && one.doubtful().doubtful() == one);
    }

    #[test]
    fn fields_of_a_key_cannot_run_into_each_other() {
        let key = key(&["a", "b"]);
        let entry = |row: &str| key.entry(row.as_bytes()).map(|entry| entry.key);
        assert_ne!(entry(r#"{"a":"xy","b":"z"}"#), entry(r#"{"a":"x","b":"yz"}"#));
        assert_eq!(entry(r#"{"b":"z","a":"x"}"#), entry(r#"{"a":"x","c":[1],"b":"z"}"#));
    }

    #[test]
    fn a_row_without_its_key_says_which_field_it_lacks() {
        let key = key(&["a", "b"]);
        for row in [r#"{"a":1}"#, r#"{"a":1,"b":null}"#, r#"{"a":1,"b":""}"#, r#"{"a":1,"b":{}}"#] {
            assert_eq!(key.entry(row.as_bytes()), Err("b"), "{row}");
        }
        assert_eq!(FeedKey::new(Vec::new()), None);
    }

    #[test]
    fn the_key_of_a_broken_row_is_known_if_it_is_whole() {
        let key = key(&["id"]);
        let known = |row: &str| key.entry_of_broken(row.as_bytes()).map(|entry| entry.key);
        let whole = key.entry(br#"{"id":12}"#).unwrap().key;
        assert_eq!(known(r#"{"id":12,"a":}"#), Some(whole));
        assert_eq!(known(r#"{"id":12,"a"}"#), Some(whole));
        for row in [r#"{"id":12"#, r#"{"a":1,"id":12,"#, r#"{"id":"1"#, r#"{"a":1"#, "", "}"] {
            assert_eq!(known(row), None, "{row}");
        }
    }

    proptest! {
        #[test]
        fn each_row_has_the_course_that_was_set_last(set in prop::collection::vec((0..500_u64, 0..4_u8), 0..300)) {
            let mut courses = Courses::default();
            let mut expected = std::collections::BTreeMap::new();
            for (ordinal, which) in set {
                let all = [Course::Send, Course::Unchanged, Course::Superseded, Course::Held];
                let course = all[usize::from(which)];
                courses.set(Ordinal(ordinal), course);
                expected.insert(ordinal, course);
            }
            for ordinal in 0..600 {
                let known = expected.get(&ordinal).copied().unwrap_or(Course::Send);
                prop_assert_eq!(courses.of(Ordinal(ordinal)), known);
            }
        }
    }
}

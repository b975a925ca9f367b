//! Which rows of a letter about a whole request are left in it, and which each of them was, once a person has edited it.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The place that each row of `now` had in `then`; `None` where it could only be guessed.
///
/// A row that says what it said keeps its place, wherever it stands now. Rows that were edited keep theirs if they are as
/// many as are missing, and stand where those stood.
pub(super) fn places(then: &[&RawValue], now: &[&RawValue]) -> Option<Vec<u64>> {
    let mut matching = Matching::of(then.len(), now.len());
    matching.pair_unmoved(|index| then[index].get() == now[index].get());
    matching.pair(|index| then[index].get(), |index| now[index].get());
    if !matching.is_whole() {
        // Tools write JSON anew: with other blanks, names in another order, and 1.5 for 1.50.
        matching.pair_unmoved(|index| plain(then[index]) == plain(now[index]));
        matching.pair(|index| plain(then[index]), |index| plain(now[index]));
    }
    matching.pair_edited();
    matching.found.into_iter().collect()
}

/// Whether two rows say the same.
pub(super) fn is_alike(one: &RawValue, other: &RawValue) -> bool {
    one.get() == other.get() || plain(one) == plain(other)
}

/// The places in `then` of what this row says.
pub(super) fn places_of(row: &RawValue, then: &[&RawValue]) -> Vec<u64> {
    let said = plain(row);
    let is_it = |at: &RawValue| at.get() == row.get() || plain(at) == said;
    (0..).zip(then).filter(|(_, at)| is_it(at)).map(|(place, _)| place).collect()
}

struct Matching {
    /// By the rows of now.
    found: Vec<Option<u64>>,
    taken: Vec<bool>,
}

impl Matching {
    fn of(then: usize, now: usize) -> Self {
        Self { found: vec![None; now], taken: vec![false; then] }
    }

    fn is_whole(&self) -> bool {
        self.found.iter().all(Option::is_some)
    }

    fn put(&mut self, now: usize, then: usize) {
        (self.found[now], self.taken[then]) = (Some(then as u64), true);
    }

    /// What had no place yet, and which places are free.
    fn left(&self) -> (Vec<usize>, Vec<usize>) {
        let now = (0..self.found.len()).filter(|index| self.found[*index].is_none());
        (now.collect(), (0..self.taken.len()).filter(|index| !self.taken[*index]).collect())
    }

    /// Of rows that say the same, the one that stands where it stood: else one that was edited beside it has no place.
    fn pair_unmoved(&mut self, is_same: impl Fn(usize) -> bool) {
        for index in 0..self.found.len().min(self.taken.len()) {
            if self.found[index].is_none() && !self.taken[index] && is_same(index) {
                self.put(index, index);
            }
        }
    }

    /// Of rows that say the same, each in its order.
    fn pair<T: Eq + Hash>(&mut self, then: impl Fn(usize) -> T, now: impl Fn(usize) -> T) {
        let (without, free) = self.left();
        let mut places: HashMap<T, VecDeque<usize>> = HashMap::new();
        for index in free {
            places.entry(then(index)).or_default().push_back(index);
        }
        for index in without {
            if let Some(place) = places.get_mut(&now(index)).and_then(VecDeque::pop_front) {
                self.put(index, place);
            }
        }
    }

    fn pair_edited(&mut self) {
        let (without, free) = self.left();
        let is_one = without.len() == 1 && free.len() == 1;
        if is_one || without == free {
            for (index, place) in without.into_iter().zip(free) {
                self.put(index, place);
            }
        }
    }
}

/// What a row says, however it is written.
fn plain(row: &RawValue) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(row.get()) else { return row.get().to_owned() };
    value.sort_all_objects();
    write_numbers_alike(&mut value);
    value.to_string()
}

fn write_numbers_alike(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(alike) = exact(&number.to_string()).and_then(|text| text.parse().ok()) {
                *number = alike;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(write_numbers_alike),
        Value::Object(fields) => fields.values_mut().for_each(write_numbers_alike),
        _ => {}
    }
}

/// A number as its digits and a power of ten. As floats, some that differ would be one.
fn exact(number: &str) -> Option<String> {
    let (mantissa, power) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let short = digits.trim_end_matches('0');
    if short.is_empty() {
        return Some(format!("{sign}0"));
    }
    let moved = i64::try_from(digits.len() - short.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    let power = power.parse::<i64>().ok()?.checked_add(moved)?;
    Some(format!("{sign}{short}e{power}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(then: &str, now: &str) -> Option<Vec<u64>> {
        let read = |text| serde_json::from_str::<Vec<&RawValue>>(text).unwrap();
        places(&read(then), &read(now))
    }

    #[test]
    fn rows_keep_their_places_through_what_cannot_be_mistaken() {
        let whole = r#"[{"id":1},{"id":2},{"id":3}]"#;
        assert_eq!(of(whole, whole), Some(vec![0, 1, 2]));
        assert_eq!(of(whole, r#"[{"id":3},{"id":1}]"#), Some(vec![2, 0]), "taken out, and moved");
        assert_eq!(of(whole, r#"[{"id":1},{"id":20},{"id":30}]"#), Some(vec![0, 1, 2]), "edited in place");
        assert_eq!(of(whole, r#"[{"id":3},{"id":10},{"id":2}]"#), Some(vec![2, 0, 1]), "one alone is known");
        assert_eq!(of(whole, "[]"), Some(vec![]));
    }

    #[test]
    fn rows_of_which_it_would_be_a_guess_have_no_place() {
        let whole = r#"[{"id":1},{"id":2},{"id":3}]"#;
        assert_eq!(of(whole, r#"[{"id":1},{"id":20}]"#), None, "edited and taken out");
        assert_eq!(of(whole, r#"[{"id":3},{"id":10},{"id":20}]"#), None, "edited and moved");
        assert_eq!(of(whole, r#"[{"id":1},{"id":2},{"id":3},{"id":3}]"#), None, "more than there were");
    }

    #[test]
    fn each_of_several_alike_has_a_place_of_its_own() {
        let twice = r#"[{"id":1},{"id":2},{"id":1}]"#;
        assert_eq!(of(twice, twice), Some(vec![0, 1, 2]));
        assert_eq!(of(twice, r#"[{"id":1},{"id":1}]"#), Some(vec![0, 2]));
        assert_eq!(of(twice, r#"[{"id":2},{"id":1}]"#), Some(vec![1, 0]));
    }

    #[test]
    fn a_row_beside_one_that_says_the_same_is_edited_where_it_stands() {
        let twice = r#"[{"id":1},{"id":1},{"id":2}]"#;
        assert_eq!(of(twice, r#"[{"id":10},{"id":1},{"id":20}]"#), Some(vec![0, 1, 2]));
        assert_eq!(of(twice, r#"[{"id":10},{"id": 1.0},{"id":20}]"#), Some(vec![0, 1, 2]));
    }

    #[test]
    fn numbers_that_only_floats_take_for_one_are_two() {
        let big =
            r"[18446744073709551617,18446744073709551618,1.00000000000000000001,1.00000000000000000002]";
        assert_eq!(of(big, "[ 18446744073709551618 , 1.000000000000000000020 ]"), Some(vec![1, 3]));
        let then = "[150,0.0015,-1.5,0,-0.0,1e999999999999999999999]";
        let now = "[1.5E+2,15e-4,-0.15e1,0.0e7,-0,1e999999999999999999999]";
        assert_eq!(of(then, now), Some(vec![0, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn what_a_tool_wrote_anew_says_the_same() {
        let then = r#"[{"a":1.50,"b":[{"d":1,"c":"x"}]},{"n":9007199254740993},{"n":9007199254740992}]"#;
        let now = r#"[ {"n": 9007199254740992}, {"b": [{"c": "x", "d": 1}], "a": 1.5} ]"#;
        assert_eq!(of(then, now), Some(vec![2, 0]));
    }
}

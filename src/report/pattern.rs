//! What messages have in common: numbers, quoted values and ids taken out, so that refusals of one kind are one
//! group, however many rows they speak of.

/// Letters of a pattern, and of the message that it is taken from. The pattern is cut, not the message: else two messages
/// with numbers of different lengths would end at different letters.
const LETTERS_MAX: usize = 240;
const MESSAGE_MAX: usize = 2000;

/// `the amount -3 is below 1` becomes `the amount N is below N`. A quoted text stays where it is the field's name.
pub(super) fn pattern(message: &str, field: Option<&str>) -> String {
    let chars: Vec<char> = message.chars().take(MESSAGE_MAX).collect();
    // In an answer in JSON everything is in quotes, what was said too.
    let is_json = matches!(chars.first(), Some('{' | '['));
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if let Some(end) = quoted(&chars, at).filter(|_| !is_json) {
            let inner: String = chars[at + 1..end].iter().collect();
            out.push(c);
            out.push_str(if is_name(&inner, field) { &inner } else { "…" });
            out.push(c);
            at = end + 1;
        } else if c.is_alphanumeric() || (c == '-' && begins_number(&chars, at)) {
            let end = word_end(&chars, at);
            push_word(&chars[at..end], &mut out);
            at = end;
        } else {
            out.push(if c.is_whitespace() { ' ' } else { c });
            at += 1;
        }
    }
    out.chars().take(LETTERS_MAX).collect()
}

/// The closing quote of what opens here. An apostrophe opens nothing.
fn quoted(chars: &[char], at: usize) -> Option<usize> {
    let quote = chars[at];
    if !matches!(quote, '"' | '\'' | '`') || (at > 0 && chars[at - 1].is_alphanumeric()) {
        return None;
    }
    let closes = |end: &usize| {
        chars[*end] == quote && !(quote == '\'' && chars.get(end + 1).is_some_and(|c| c.is_alphanumeric()))
    };
    (at + 1..chars.len()).find(closes)
}

/// Whether a quoted text names the field at fault (`email` for `/email`).
fn is_name(text: &str, field: Option<&str>) -> bool {
    field.is_some_and(|field| {
        let name = field.rsplit(['/', '.']).next().unwrap_or(field);
        !name.is_empty() && (text == name || text == field)
    })
}

fn begins_number(chars: &[char], at: usize) -> bool {
    let before = at == 0 || !(chars[at - 1].is_alphanumeric() || chars[at - 1] == '-');
    before && chars.get(at + 1).is_some_and(char::is_ascii_digit)
}

/// A word goes on over `-`, `_` and `.` if there is more of it behind them.
fn word_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        let goes_on = chars[at].is_alphanumeric()
            || (matches!(chars[at], '-' | '_' | '.')
                && chars.get(at + 1).is_some_and(|c| c.is_alphanumeric()));
        if !goes_on {
            break;
        }
        at += 1;
    }
    at
}

/// Words without digits stay; numbers become `N`, ids `ID`, and of others only the digits go. Ids that are counted up are of
/// many lengths and of one kind: what is letters and a number stays what it is, however long the number is.
fn push_word(word: &[char], out: &mut String) {
    let digits = word.iter().filter(|c| c.is_ascii_digit()).count();
    let mut letters = word.iter().filter(|c| c.is_alphabetic()).peekable();
    if digits == 0 {
        out.extend(word);
    } else if letters.peek().is_none() {
        out.push('N');
    } else if letters.all(char::is_ascii_hexdigit) || word.len() >= 8 && digits >= 2 && is_mixed(word) {
        out.push_str("ID");
    } else {
        let mut last = ' ';
        for &c in word {
            if !c.is_ascii_digit() {
                out.push(c);
            } else if !last.is_ascii_digit() {
                out.push('N');
            }
            last = c;
        }
    }
}

/// Whether letters and digits take turns, as in a random id: not `SKU-0017`, and not `12kg`.
fn is_mixed(word: &[char]) -> bool {
    let turns = |part: &[char]| {
        part.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count()
    };
    word.split(|c| matches!(c, '-' | '.' | '_')).any(|part| turns(part) > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_row_to_row_is_taken_out() {
        let cases = [
            ("amount -3.50 is below 1", "amount N is below N"),
            ("order \"A-17\" exists since 2026-01-02T03:04:05Z", "order \"…\" exists since ID:N:NZ"),
            ("no customer cus_8fj3k2 (row r17)", "no customer ID (row rN)"),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301 isn't yours", "ID isn't yours"),
            ("can't read the customer's 'x y'", "can't read the customer's '…'"),
            ("no end: \"open", "no end: \"open"),
            ("two\nlines", "two lines"),
            (
                r#"{"error": "row 3: no such city", "index": 3}"#,
                r#"{"error": "row N: no such city", "index": N}"#,
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(pattern(message, None), expected, "{message}");
        }
    }

    #[test]
    fn ids_of_one_kind_are_one_whatever_their_length() {
        let kinds: [(&[&str], &str); 5] = [
            (&["BAD7", "BAD1007", "BAD10007", "bad123456789"], "ID"),
            (&["SKU7", "SKU1007", "SKU123456789"], "SKUN"),
            (&["INV-26-7", "INV-2026-000017"], "INV-N-N"),
            (&["12kg", "12000000kg"], "Nkg"),
            (&["0b7c91fe", "deadbeef1", "ab123456", "5f"], "ID"),
        ];
        for (ids, expected) in kinds {
            for id in ids {
                assert_eq!(
                    pattern(&format!("value {id} is bad"), None),
                    format!("value {expected} is bad"),
                    "{id}"
                );
            }
        }
    }

    #[test]
    fn the_name_of_the_field_stays() {
        let message = "`12,5` in column `amount` is not a number";
        assert_eq!(pattern(message, Some("/amount")), "`…` in column `amount` is not a number");
        assert_eq!(pattern(message, None), "`…` in column `…` is not a number");
    }

    #[test]
    fn a_message_without_end_is_cut() {
        assert!(pattern(&"word ".repeat(1000), None).len() < 300);
    }

    #[test]
    fn long_messages_end_at_the_same_letter_whatever_their_numbers() {
        let of = |row: u32| pattern(&format!("Row {row} has {}", "columns, ".repeat(100)), None);
        assert_eq!(of(7), of(123_456));
        assert_eq!(of(7).chars().count(), LETTERS_MAX);
    }
}

//! Why a text is no value of its column's type, in words.

use super::ColumnType;
use super::json::is_number;

/// Letters of a field that a message quotes.
const QUOTED_LETTERS: usize = 60;

/// `no_null`: an empty field could be null, if that were said.
pub(super) fn words(kind: ColumnType, text: &[u8], no_null: bool) -> String {
    let noun = kind.noun();
    if text.is_empty() {
        let remedy = if no_null { "; --null '' makes it null" } else { "" };
        return format!("an empty field is not {noun}{remedy}");
    }
    let text = String::from_utf8_lossy(text);
    let shown: String = text.chars().take(QUOTED_LETTERS).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("`{shown}{more}` is not {noun}{}", why(kind, &text))
}

/// What a person may not know of numbers in JSON.
fn why(kind: ColumnType, text: &str) -> &'static str {
    if !matches!(kind, ColumnType::Number | ColumnType::Integer) {
        return "";
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let significant = digits.trim_start_matches('0');
    if kind == ColumnType::Number && is_number(text.replace(',', ".").as_bytes()) {
        ": there is a comma in it; export it with a point, or leave --type out, and it goes as a string"
    } else if digits.len() > significant.len() && is_number(format!("1{significant}").as_bytes()) {
        ": it has leading zeros, which numbers in JSON have not; as a string it keeps them"
    } else {
        ""
    }
}

/// Of a column, as dead letters name fields.
pub fn pointer(column: &str) -> String {
    format!("/{}", column.replace('~', "~0").replace('/', "~1"))
}

//! Prose on a terminal is broken between words. What is copied from there stays whole: commands, paths, JSON.

use std::borrow::Cow;

/// How far to the right a name may stand beside which a line's words begin.
const NAME_MAX: usize = 34;

/// Text whose lines are at most so wide, where that can be; as it is without a width.
pub(super) fn wrapped(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let Some(width) = width.filter(|width| text.lines().any(|line| wide(line) > *width)) else {
        return text.into();
    };
    text.split('\n').map(|line| wrapped_line(line, width)).collect::<Vec<_>>().join("\n").into()
}

fn wide(text: &str) -> usize {
    text.chars().count()
}

fn wrapped_line(line: &str, width: usize) -> String {
    if wide(line) <= width || is_whole(line) {
        return line.to_owned();
    }
    let indent = hanging(line);
    let (mut out, mut taken) = (String::new(), 0);
    for word in words(line) {
        let more = wide(word);
        if taken > indent && taken + wide(word.trim_end()) > width {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            taken = indent;
        }
        out.push_str(word);
        taken += more;
    }
    out
}

/// What a shell or a program is to read.
fn is_whole(line: &str) -> bool {
    let begin = line.trim_start();
    ["bulkhaul ", "curl ", "-", "{", "[", "printf ", "|"].iter().any(|known| begin.starts_with(known))
}

/// Under which column a line's words go on: behind its name, if it has one, else as it began.
fn hanging(line: &str) -> usize {
    let begin = line.len() - line.trim_start().len();
    let named = line.char_indices().take(NAME_MAX).filter(|(at, _)| line[..*at].ends_with("  "));
    let named = named.filter(|(at, letter)| *letter != ' ' && *at > begin).last();
    named.map_or(begin, |(at, _)| at)
}

/// The words of a line, each with the blanks behind it; a command is one word.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let begin = rest.len() - rest.trim_start_matches(' ').len();
        let text = &rest[begin..];
        if text.is_empty() {
            return None;
        }
        let end = if text.starts_with("bulkhaul ") && rest.len() < line.len() && is_behind_colon(line, text) {
            text.len()
        } else if let Some(quoted) = text.strip_prefix('`').and_then(|text| text.find('`')) {
            let end = quoted + 2;
            end + text[end..].find(' ').unwrap_or(text.len() - end)
        } else {
            text.find(' ').unwrap_or(text.len())
        };
        let blanks = text[end..].len() - text[end..].trim_start_matches(' ').len();
        let (word, behind) = rest.split_at(begin + end + blanks);
        rest = behind;
        Some(word)
    })
}

fn is_behind_colon(line: &str, text: &str) -> bool {
    line[..line.len() - text.len()].trim_end().ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words_and_never_a_command() {
        let text = "2 rows in doubt: nobody can know whether they were applied; which: bulkhaul rejects customers.csv.bulkhaul";
        let lines = "2 rows in doubt: nobody can know\nwhether they were applied; which:\nbulkhaul rejects customers.csv.bulkhaul";
        assert_eq!(wrapped(text, Some(36)), lines);
        assert_eq!(wrapped(text, None), text);
        let command = "to go on:\nbulkhaul send a-file-with-a-name.csv --to https://api.example.com/items";
        assert_eq!(wrapped(command, Some(40)), command);
        let quoted = "read about them with `bulkhaul rejects STATE --json` first";
        assert_eq!(wrapped(quoted, Some(30)), "read about them with\n`bulkhaul rejects STATE --json`\nfirst");
    }

    #[test]
    fn words_beside_a_name_go_on_below_themselves() {
        let text = "  in doubt 10 rows: an answer was lost\n  rows     9 of 10 rows delivered, 1 refused";
        let lines = "  in doubt 10 rows: an answer was\n  lost\n  rows     9 of 10 rows delivered,\n           1 refused";
        assert_eq!(wrapped(text, Some(34)), lines);
    }

    #[test]
    fn a_word_that_is_too_wide_stands_alone() {
        assert_eq!(
            wrapped("see https://example.com/a/long/address now", Some(20)),
            "see\nhttps://example.com/a/long/address\nnow"
        );
        assert_eq!(wrapped("ä ö ü ß ä ö", Some(5)), "ä ö ü\nß ä ö");
    }
}

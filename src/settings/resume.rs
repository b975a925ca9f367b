//! The command that goes on: what was typed, less what holds for one run only.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// `arguments` as the process got them, its own name first. A canary stays one: `--limit` is kept, lest a person whose
/// canary failed sends everything.
pub fn resume_command(arguments: &[OsString]) -> String {
    let holds_once =
        |word: &OsString| matches!(word.as_bytes(), b"--again" | b"--abandon" | b"--accept-new-tail");
    let mut rest = arguments.to_vec();
    rest.retain(|word| !holds_once(word));
    typed_command(&rest)
}

/// The command as it was typed.
pub fn typed_command(arguments: &[OsString]) -> String {
    let words = arguments.iter().skip(1).map(|word| quoted(word));
    std::iter::once("bulkhaul".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// As [`resume_command`], without this option and its value.
pub fn resume_without(option: &str, arguments: &[OsString]) -> String {
    resume_command(&without(option, arguments))
}

/// What was typed, with limits that let it go on.
pub fn raising(raised: &[(String, String)], arguments: &[OsString]) -> Vec<OsString> {
    let mut rest = arguments.to_vec();
    for (option, value) in raised {
        rest = without(option, &rest);
        rest.extend([option.into(), value.into()]);
    }
    rest
}

/// A command as it was told, less what limits it and what it says of doubts; `None` if it cannot be taken apart again.
pub fn untied(command: &str) -> Option<String> {
    let words: Vec<OsString> = shlex::split(command)?.into_iter().map(OsString::from).collect();
    // Names that no plain quotes can show are not read back.
    if typed_command(&words) != command {
        return None;
    }
    let rest =
        ["--limit", "--on-ambiguous", "--verdict"].iter().fold(words, |rest, option| without(option, &rest));
    Some(resume_command(&rest))
}

/// What a command as it was told says of where rows go and what they become, for one that sends them again; `None` if it
/// does not say.
pub fn aim(command: &str) -> Option<String> {
    const OPTIONS: [&str; 10] = [
        "--to",
        "--url",
        "--set",
        "--header",
        "--envelope",
        "--idempotency-header",
        "--key-ttl",
        "--method",
        "--type",
        "--null",
    ];
    let mut words = shlex::split(command)?.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        if word == "-H" || OPTIONS.contains(&&*word) {
            kept.push(word);
            kept.push(words.next()?);
        } else if word.starts_with("-H") || OPTIONS.contains(&name) {
            kept.push(word);
        }
    }
    let kept: Vec<String> = kept.iter().map(|word| quoted(OsStr::new(word))).collect();
    kept.iter().any(|word| word.starts_with("--to")).then(|| kept.join(" "))
}

/// What was typed, less this option and its value.
fn without(option: &str, arguments: &[OsString]) -> Vec<OsString> {
    let mut is_value = false;
    let mut rest = arguments.to_vec();
    rest.retain(|word| {
        let is_name = word == option;
        let is_both =
            word.to_str().and_then(|word| word.strip_prefix(option)).is_some_and(|end| end.starts_with('='));
        !(std::mem::replace(&mut is_value, is_name) || is_name || is_both)
    });
    rest
}

/// A word as a shell takes it: as it is where that means itself, for it is people who read it; and on one line, for it
/// is a line that they copy.
pub fn quoted(word: &OsStr) -> String {
    let bytes = word.as_bytes();
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(b);
    let text = word.to_str().filter(|text| !text.chars().any(char::is_control));
    match text {
        Some(text) if !text.is_empty() && bytes.iter().all(is_plain) => text.to_owned(),
        Some(text) => shlex::try_quote(text).map_or_else(|_| in_escapes(bytes), Cow::into_owned),
        None => in_escapes(bytes),
    }
}

/// `$'a\nb'`, as bash, zsh and POSIX 2024 read it: for names that no plain quotes can show.
fn in_escapes(bytes: &[u8]) -> String {
    let mut word = "$'".to_owned();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' | '\\' => word.extend(['\\', letter]),
                '\n' => word.push_str("\\n"),
                letter if letter.is_control() => {
                    let mut bytes = [0; 4];
                    letter.encode_utf8(&mut bytes).bytes().for_each(|byte| word.push_str(&octal(byte)));
                }
                letter => word.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| word.push_str(&octal(*byte)));
    }
    word + "'"
}

/// Of three digits, so that what follows is none of it.
fn octal(byte: u8) -> String {
    format!("\\{byte:03o}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_one_run_is_not_repeated() {
        let typed = ["/bin/bulkhaul", "send", "my file.csv", "--to", "sandbox", "--limit", "3", "--again"];
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        assert_eq!(resume_command(&typed), "bulkhaul send 'my file.csv' --to sandbox --limit 3");
        assert_eq!(resume_without("--limit", &typed), "bulkhaul send 'my file.csv' --to sandbox");
        let typed = ["bulkhaul", "send", "x.csv", "--set", "a=b", "--faults", "reject=1%", "-H", "A: $B"];
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        assert_eq!(resume_command(&typed), "bulkhaul send x.csv --set a=b --faults reject=1% -H 'A: $B'");
    }

    #[test]
    fn a_name_that_plain_quotes_cannot_show_stays_what_it_is_on_one_line() {
        let names: [&[u8]; 6] =
            [b"it's.csv", b"a\nb's\\.csv", b"\xe4.csv", "\u{e4}\t1".as_bytes(), b"", b"-H 'X: ${env:T}'"];
        for name in names {
            let word = quoted(OsStr::from_bytes(name));
            assert!(!word.contains('\n'), "{word}");
            let shell =
                std::process::Command::new("bash").arg("-c").arg(format!("printf %s {word}")).output();
            // Where there is no bash nobody can say.
            assert!(shell.map_or(true, |said| said.stdout == name), "{word}");
        }
        assert_eq!(quoted(OsStr::from_bytes(b"\xe4\n")), "$'\\344\\n'");
    }
}

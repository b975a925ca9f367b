//! The command that goes on: what was typed, less what holds for one run only.

use std::ffi::OsString;

/// `arguments` as the process got them, its own name first.
pub fn resume_command(arguments: &[OsString]) -> String {
    let mut words = vec!["bulkhaul".to_owned()];
    let mut skip_value = false;
    for argument in arguments.iter().skip(1) {
        let word = argument.to_string_lossy();
        if std::mem::take(&mut skip_value) {
            continue;
        }
        match word.as_ref() {
            "--again" | "--abandon" | "--accept-new-tail" => {}
            "--limit" => skip_value = true,
            limit if limit.starts_with("--limit=") => {}
            _ => words.push(word.into_owned()),
        }
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it: as it is where that means itself, for it is people who read it.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_one_run_is_not_repeated() {
        let typed = ["/bin/bulkhaul", "send", "my file.csv", "--to", "sandbox", "--limit", "3", "--again"];
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        assert_eq!(resume_command(&typed), "bulkhaul send 'my file.csv' --to sandbox");
        let typed = ["bulkhaul", "send", "x.csv", "--set", "a=b", "--faults", "reject=1%", "-H", "A: $B"];
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        assert_eq!(resume_command(&typed), "bulkhaul send x.csv --set a=b --faults reject=1% -H 'A: $B'");
    }
}

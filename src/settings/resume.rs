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
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_one_run_is_not_repeated() {
        let typed = ["/bin/bulkhaul", "send", "my file.csv", "--to", "sandbox", "--limit", "3", "--again"];
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        assert_eq!(resume_command(&typed), "bulkhaul send 'my file.csv' --to sandbox");
    }
}

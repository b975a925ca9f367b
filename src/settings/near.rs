//! A file that was probably meant by a name under which there is none.

use crate::target::nearest;
use std::path::Path;

/// As it would be typed; `None` if there is nothing like it.
pub fn near_file(path: &Path) -> Option<String> {
    near(path, "")
}

/// The same among profiles.
pub(super) fn near_profile(path: &Path) -> Option<String> {
    near(path, ".toml")
}

fn near(path: &Path, ending: &str) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).ok()?.flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    // Of the days' files each is another one: last week's would undo what was done since.
    let undated = without_digits(wanted);
    let names = names.filter(|name| without_digits(name) != undated);
    let names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    // The ending may be missing, too.
    let whole = names.iter().find(|name| name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.')));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = whole.map(String::as_str).or_else(|| nearest(wanted, &names))?;
    Some(folder.map_or_else(|| near.to_owned(), |folder| folder.join(near).display().to_string()))
}

fn without_digits(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

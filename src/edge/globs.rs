//! Names with wildcards that no shell has filled in: a systemd unit has none, and quotes keep it away.

use glob::MatchOptions;
use std::path::PathBuf;

/// As a shell does it: `*` stops at a slash and takes no hidden file.
const AS_SHELLS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Fills wildcards in with the files that they name, by their names' order. What is there as it is written, and what names
/// nothing, stays as it is. Folders are left out: the state of an input lies beside it.
pub fn fill_in(paths: &mut Vec<PathBuf>) {
    *paths = std::mem::take(paths).into_iter().flat_map(named).collect();
}

fn named(path: PathBuf) -> Vec<PathBuf> {
    let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']) && !path.exists());
    let Some(found) = pattern.and_then(|pattern| glob::glob_with(pattern, AS_SHELLS).ok()) else {
        return vec![path];
    };
    let files: Vec<PathBuf> = found.flatten().filter(|path| !path.is_dir()).collect();
    if files.is_empty() { vec![path] } else { files }
}

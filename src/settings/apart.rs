//! Files that must not be one another: what is written may never be what is read, nor the ledger.

use crate::args::SendArgs;
use crate::error::Error;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Refuses results on standard output where the summary is to stand alone there.
pub fn check_results(args: &SendArgs) -> Result<(), Error> {
    let is_stdout = |path: &PathBuf| {
        path.as_os_str() == "-" || path != Path::new("/dev/null") && is_same(path, Path::new("/dev/stdout"))
    };
    if let Some(path) = args.results.as_ref().filter(|path| args.json && is_stdout(path)) {
        let both = format!("`--results {}` and `--json` would both write to standard output", path.display());
        return Err(Error::usage(both).hint("let the results go to a file or a pipe: --results FILE"));
    }
    Ok(())
}

/// Refuses a `--dead-letter` or `--results` file that is an input, a file of the ledger, or the other of the two.
/// A dead-letter file is also refused if it is no plain file, since it is read back and cut to its last whole line.
pub fn keep_apart(args: &SendArgs, state: &Path) -> Result<(), Error> {
    let ledger = ["ledger.db", "ledger.db-wal", "ledger.lock", "status.json", "sandbox.db"];
    let mut taken: Vec<(PathBuf, &str)> = args.inputs.iter().map(|path| (path.clone(), "an input")).collect();
    taken.extend(ledger.iter().map(|name| (state.join(name), "a file of the import's state")));
    if args.dead_letter.is_none() {
        taken.push((state.join("dead-letters.ndjson"), "the import's dead-letter file"));
    }
    let results = args.results.as_ref().filter(|path| path.as_os_str() != "-");
    let written = [("--dead-letter", args.dead_letter.as_ref()), ("--results", results)];
    for (option, path) in written.iter().filter_map(|(option, path)| Some((option, (*path)?))) {
        if let Some((_, what)) = taken.iter().find(|(other, _)| is_same(path, other)) {
            return Err(Error::failed(format!("`{option} {}` is {what}", path.display()))
                .hint("name a file of its own: it would be written over"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir() && !folder.starts_with(state)) {
            return Err(Error::failed(format!(
                "`{option} {}`: there is no folder `{}`",
                path.display(),
                folder.display()
            ))
            .hint("make the folder first, or name another file"));
        }
        let kind = std::fs::metadata(path).map(|data| data.file_type()).ok();
        let is_odd = kind.is_some_and(|kind| {
            kind.is_dir() || *option == "--dead-letter" && !kind.is_file() || kind.is_block_device()
        });
        if is_odd {
            return Err(Error::failed(format!("`{option} {}` is not a plain file", path.display()))
                .hint("name a file, or leave the option out"));
        }
        taken.push((path.to_owned(), "the file of another option"));
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() == other.dev() && one.ino() == other.ino(),
        _ => std::path::absolute(one).ok() == std::path::absolute(other).ok(),
    }
}

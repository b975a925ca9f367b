//! Files that are watched while they are read: whoever writes to one meanwhile makes two inputs of it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Which file it is, its size, and when it was written to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    file: (u64, u64),
    size: u64,
    written: SystemTime,
}

impl Seen {
    pub fn of(path: &Path) -> Option<Self> {
        Self::in_data(&path.metadata().ok()?).ok()
    }

    fn in_data(data: &Metadata) -> io::Result<Self> {
        Ok(Self { file: (data.dev(), data.ino()), size: data.len(), written: data.modified()? })
    }
}

/// See the module.
#[derive(Debug)]
pub struct Watched {
    files: Vec<(PathBuf, File, Seen)>,
    /// The last of them that is being read; those behind it are opened by their names when it is their turn.
    reached: usize,
}

impl Watched {
    /// Files whose reading has begun; `Err` names one that is no longer as it was seen.
    pub fn open(paths: &[PathBuf], seen: &[Option<Seen>]) -> Result<Self, PathBuf> {
        let open = |(path, seen): (&PathBuf, &Option<Seen>)| {
            let file = File::open(path).ok();
            let is = file.as_ref().and_then(|file| Seen::in_data(&file.metadata().ok()?).ok());
            match (file, is) {
                (Some(file), Some(is)) if Some(is) == *seen => Ok((path.clone(), file, is)),
                _ => Err(path.clone()),
            }
        };
        let files = paths.iter().zip(seen).map(open).collect::<Result<_, _>>()?;
        Ok(Self { files, reached: 0 })
    }

    /// A file that was written to since, or that is another one now; `input` is being read. One that is taken away, or
    /// replaced, while it is read stays what it is for its reader.
    pub fn changed(&mut self, input: usize) -> Option<&Path> {
        let reached = std::mem::replace(&mut self.reached, input);
        let is_same = |(index, (path, file, seen)): &(usize, &(PathBuf, File, Seen))| {
            let is = if *index > reached {
                Seen::of(path)
            } else {
                file.metadata().ok().and_then(|data| Seen::in_data(&data).ok())
            };
            is == Some(*seen)
        };
        let mut files = self.files.iter().enumerate().skip(input);
        files.find(|file| !is_same(file)).map(|(_, (path, ..))| path.as_path())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_replaced_while_it_is_read_and_not_before_nor_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
        let write = |path: &Path| std::fs::write(path, "x").unwrap();
        let replace = |path: &Path| {
            write(&folder.path().join("new"));
            std::fs::rename(folder.path().join("new"), path).unwrap();
        };
        for path in &paths {
            write(path);
        }
        let seen: Vec<_> = paths.iter().map(|path| Seen::of(path)).collect();
        let watch = || Watched::open(&paths, &seen);
        let mut watched = watch().unwrap();
        assert_eq!(watched.changed(0), None);
        replace(&paths[0]);
        assert_eq!(watched.changed(0), None);
        assert_eq!(watch().unwrap_err(), paths[0]);
        assert_eq!(watched.changed(1), None);
        replace(&paths[2]);
        assert_eq!(watched.changed(1), Some(&*paths[2]));
        std::fs::write(&paths[1], "longer").unwrap();
        assert_eq!(watched.changed(1), Some(&*paths[1]));
    }
}

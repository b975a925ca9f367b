//! A disk that loses what was not synced: the system calls of a recorded run, played into files as they would stand
//! after the power went at some moment.
//!
//! It is harsher than any file system: each write since the last sync of its file is kept, dropped, or torn at sectors
//! of 512 bytes, independently of the others; each name that was made, changed or removed since the last sync of its
//! folder is too. What was synced stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;

/// One call that matters.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    MakeFolder {
        path: PathBuf,
    },
    /// Opened to be written, and made if it was not there.
    Make {
        path: PathBuf,
    },
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Cut {
        path: PathBuf,
        len: u64,
    },
    Sync {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    /// Bytes for the server begin to leave on this connection.
    Sent {
        socket: String,
        bytes: Vec<u8>,
    },
    /// Bytes came from it.
    Came {
        socket: String,
    },
}

/// Reads what `strace -f -y -xx` wrote. Names are made absolute from `base`.
pub(crate) fn read(log: &str, base: &Path) -> Vec<Call> {
    let mut calls = Vec::new();
    // What a thread began and has not ended, by thread.
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            // A write may reach the disk as soon as it begins; a sync has happened only when it is over.
            if let Some(call) = parse(start, "", base, Part::Begin) {
                calls.push(call);
            }
            begun.insert(thread, start.to_owned());
        } else if rest.starts_with("<... ") {
            let Some(start) = begun.remove(thread) else { continue };
            let end = rest.split_once(" resumed>").map_or("", |(_, end)| end);
            calls.extend(parse(&start, end, base, Part::End));
        } else {
            calls.extend(parse(rest, "", base, Part::Whole));
        }
    }
    calls
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Begin,
    End,
}

/// One call, from its text and what came behind it when it was resumed.
fn parse(start: &str, end: &str, base: &Path, part: Part) -> Option<Call> {
    let (name, arguments) = start.split_once('(')?;
    let takes_effect_at_once = matches!(name, "pwrite64" | "write" | "writev");
    if (part == Part::Begin) != takes_effect_at_once && part != Part::Whole {
        return None;
    }
    let whole = format!("{arguments}{end}");
    // A call that failed has done nothing; one that has just begun is taken to succeed.
    if part != Part::Begin && whole.rsplit_once(" = ")?.1.starts_with('-') {
        return None;
    }
    let strings = strings(&whole);
    let path = |text: &[u8]| base.join(String::from_utf8_lossy(text).as_ref());
    let of_file = || {
        let name = whole.split_once('<')?.1.split_once('>')?.0;
        let name =
            if name.contains("\\x") { String::from_utf8(unescape(name)).ok()? } else { name.to_owned() };
        Some(name)
    };
    Some(match name {
        "mkdir" => Call::MakeFolder { path: path(strings.first()?) },
        "openat" if whole.contains("O_CREAT") => Call::Make { path: path(strings.first()?) },
        "pwrite64" => {
            let file = PathBuf::from(of_file()?);
            let offset = whole.rsplit_once(") = ").map_or(whole.as_str(), |(arguments, _)| arguments);
            let at = offset.trim_end_matches(')').rsplit_once(", ")?.1.parse().ok()?;
            Call::Write { path: file, at: Some(at), bytes: strings.first()?.clone() }
        }
        "write" => Call::Write { path: PathBuf::from(of_file()?), at: None, bytes: strings.first()?.clone() },
        "ftruncate" => {
            let len = whole.split_once(", ")?.1.split(')').next()?.parse().ok()?;
            Call::Cut { path: PathBuf::from(of_file()?), len }
        }
        "fsync" | "fdatasync" => Call::Sync { path: PathBuf::from(of_file()?) },
        "rename" => Call::Rename { from: path(strings.first()?), to: path(strings.get(1)?) },
        "unlink" => Call::Remove { path: path(strings.first()?) },
        "writev" | "sendto" => Call::Sent { socket: of_file()?, bytes: strings.concat() },
        "recvfrom" => Call::Came { socket: of_file()? },
        _ => return None,
    })
}

/// The texts in quotes.
fn strings(text: &str) -> Vec<Vec<u8>> {
    text.split('"').skip(1).step_by(2).map(unescape).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits.filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok()).collect()
}

/// What a file holds, and what has not been synced of it.
#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// As programs see it.
    now: Vec<u8>,
    loose: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
            Self::Cut(len) => to.resize(*len, 0),
        }
    }
}

/// A name that was made or removed.
#[derive(Clone, Debug)]
struct Naming {
    folder: PathBuf,
    path: PathBuf,
    /// The file that it stands for from now on.
    file: Option<usize>,
    /// A rename is one step: both of its names change, or none.
    step: usize,
}

/// All files of one state, and what of them is safe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
    safe_folders: Vec<PathBuf>,
    loose: Vec<Naming>,
    steps: usize,
}

impl Disk {
    /// What stood there before, all of it safe.
    pub(crate) fn of(folder: &Path, as_seen: &Path) -> Self {
        let mut disk = Self::default();
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            disk.files.push(File { synced: bytes.clone(), now: bytes, loose: Vec::new() });
            disk.safe_names.insert(as_seen.join(entry.file_name()), disk.files.len() - 1);
        }
        disk.names = disk.safe_names.clone();
        if folder.is_dir() {
            disk.folders.push(as_seen.to_owned());
            disk.safe_folders = disk.folders.clone();
        }
        disk
    }

    /// Also this file, safe.
    pub(crate) fn with(mut self, path: &Path, as_seen: &Path) -> Self {
        if let Ok(bytes) = std::fs::read(path) {
            self.files.push(File { synced: bytes.clone(), now: bytes, loose: Vec::new() });
            self.names.insert(as_seen.to_owned(), self.files.len() - 1);
            self.safe_names.insert(as_seen.to_owned(), self.files.len() - 1);
        }
        self
    }

    fn rename(&mut self, path: &Path, file: Option<usize>) {
        let folder = path.parent().unwrap().to_owned();
        match file {
            Some(file) => self.names.insert(path.to_owned(), file),
            None => self.names.remove(path),
        };
        self.loose.push(Naming { folder, path: path.to_owned(), file, step: self.steps });
    }

    pub(crate) fn call(&mut self, call: &Call) {
        self.steps += 1;
        match call {
            Call::MakeFolder { path } => self.folders.push(path.clone()),
            Call::Make { path } if !self.names.contains_key(path) => {
                self.files.push(File::default());
                self.rename(path, Some(self.files.len() - 1));
            }
            Call::Write { path, at, bytes } => {
                let Some(file) = self.names.get(path).map(|file| &mut self.files[*file]) else { return };
                let at = at.map_or(file.now.len(), |at| usize::try_from(at).unwrap());
                let change = Change::Write(at, bytes.clone());
                change.apply(&mut file.now);
                file.loose.push(change);
            }
            Call::Cut { path, len } => {
                let Some(file) = self.names.get(path).map(|file| &mut self.files[*file]) else { return };
                let change = Change::Cut(usize::try_from(*len).unwrap());
                change.apply(&mut file.now);
                file.loose.push(change);
            }
            Call::Sync { path } => self.sync(path),
            Call::Rename { from, to } => {
                if let Some(file) = self.names.get(from).copied() {
                    self.rename(from, None);
                    self.rename(to, Some(file));
                }
            }
            Call::Remove { path } => {
                if self.names.contains_key(path) {
                    self.rename(path, None);
                }
            }
            Call::Make { .. } | Call::Sent { .. } | Call::Came { .. } => {}
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(file) = self.names.get(path).map(|file| &mut self.files[*file]) {
            file.synced = file.now.clone();
            file.loose.clear();
        }
        // Of a folder: the names in it.
        let (settled, loose) =
            std::mem::take(&mut self.loose).into_iter().partition(|naming| naming.folder == path);
        self.loose = loose;
        for naming in settled {
            set(&mut self.safe_names, &naming);
        }
        self.safe_folders.extend(self.folders.iter().filter(|folder| folder.parent() == Some(path)).cloned());
    }

    /// The power goes. What was loose is kept or lost by chance; `keep` is the share that is kept. The files are
    /// written where `place` says.
    pub(crate) fn lose(&self, chance: &mut fastrand::Rng, keep: f64, place: impl Fn(&Path) -> PathBuf) {
        let mut names = self.safe_names.clone();
        let mut kept: BTreeMap<usize, bool> = BTreeMap::new();
        for naming in &self.loose {
            let is_kept = *kept.entry(naming.step).or_insert_with(|| chance.f64() < keep);
            if is_kept {
                set(&mut names, naming);
            }
        }
        let is_lost = |folder: &Path| {
            self.folders.iter().any(|made| made == folder)
                && !self.safe_folders.iter().any(|safe| safe == folder)
        };
        let mut lost: BTreeMap<PathBuf, bool> = BTreeMap::new();
        for folder in self.folders.iter().filter(|folder| is_lost(folder)) {
            lost.insert(folder.clone(), chance.f64() >= keep);
        }
        for folder in &self.folders {
            if !lost.get(folder).copied().unwrap_or_default() {
                let _ = std::fs::create_dir(place(folder));
            }
        }
        for (path, file) in names {
            if path.parent().and_then(|folder| lost.get(folder)).copied().unwrap_or_default() {
                continue;
            }
            let file = &self.files[file];
            let mut bytes = file.synced.clone();
            for change in &file.loose {
                match (change, chance.f64()) {
                    (_, luck) if luck < keep => change.apply(&mut bytes),
                    (Change::Write(at, written), luck) if luck < keep + (1.0 - keep) / 3.0 => {
                        for (number, sector) in written.chunks(SECTOR).enumerate() {
                            if chance.bool() {
                                Change::Write(at + number * SECTOR, sector.to_vec()).apply(&mut bytes);
                            }
                        }
                    }
                    _ => {}
                }
            }
            std::fs::write(place(&path), bytes).unwrap();
        }
    }
}

fn set(names: &mut BTreeMap<PathBuf, usize>, naming: &Naming) {
    match naming.file {
        Some(file) => names.insert(naming.path.clone(), file),
        None => names.remove(&naming.path),
    };
}

//! A ledger that was damaged or tampered with: it is refused, or read for what it says; it is never a crash, and what
//! is not the ledger is never written over.

use super::Choices;
use bulkhaul::edge::ledger::{Ledger, LedgerError, View};
use std::path::Path;
use std::sync::OnceLock;

/// The ledger of an import that was stopped, with settled batches and a dead letter, as the program leaves it.
fn sound() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let dir = folder();
        let (input, state) = (dir.path().join("x.csv"), dir.path().join("x.bulkhaul"));
        std::fs::write(&input, "id,amount\na,1\nb,-1\nc,1\nd,1\ne,1\nf,1\n").unwrap();
        let words = [
            "bulkhaul",
            "send",
            "--to",
            "sandbox",
            "--batch-rows",
            "2",
            "--limit",
            "4",
            "-q",
            "--progress",
            "none",
        ];
        let words = words.into_iter().map(std::ffi::OsString::from);
        let exit = bulkhaul::run(words.chain([input.into(), "--state".into(), state.clone().into()]));
        assert_eq!(exit, 0, "it stops at its limit");
        std::fs::read(state.join("ledger.db")).unwrap()
    })
}

/// Three bytes say where, one says what.
pub(crate) fn ledger(data: &[u8]) {
    let mut choices = Choices(data);
    let mut file = sound().to_vec();
    while choices.0.len() >= 4 {
        let (top, high, low, value) = (choices.byte(), choices.byte(), choices.byte(), choices.byte());
        let at = (usize::from(top) << 16 | usize::from(high) << 8 | usize::from(low)) % file.len();
        file[at] = value;
    }
    let dir = folder();
    let path = dir.path().join("ledger.db");
    std::fs::write(&path, &file).unwrap();
    let looked = look(&path);
    let opened = open(&path, &dir.path().join("letters"));
    // Whoever only looks sees what the next run will go by, if they see it at all.
    if let (Ok(looked), Ok(opened)) = (looked, opened) {
        assert_eq!(looked, opened, "two readings of one ledger");
    }
}

/// On memory, where there is such a place.
fn folder() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap()
}

fn look(path: &Path) -> Result<Option<u64>, LedgerError> {
    let view = View::open(path)?;
    if let Some(damage) = view.damage()? {
        return Err(LedgerError::Refused(damage));
    }
    let Some(found) = view.newest()? else { return Ok(None) };
    view.details(found.import.number)?;
    view.families::<LedgerError>(found.import.number, &mut |_| Ok(()))?;
    view.letters_from(found.import.number, 0, 100)?;
    Ok(Some(found.tally.delivered))
}

fn open(path: &Path, letters: &Path) -> Result<Option<u64>, LedgerError> {
    let mut ledger = Ledger::open(path, letters)?;
    let Some(found) = ledger.newest()? else { return Ok(None) };
    let recovered = ledger.recover(found.import.number)?;
    assert!(recovered.tally.balances(), "the books of {recovered:?}");
    Ok(Some(found.tally.delivered))
}

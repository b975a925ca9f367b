//! `--results`: one JSON line for each settled row, written after its end is durable and synced group by group,
//! for producers that may forget a row only then.

use crate::model::{ImportRecord, Settled};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Where the lines go.
#[derive(Debug)]
enum Out {
    File(File),
    /// A pipe, a terminal: nothing there can be synced.
    Stream(File),
    Stdout,
}

/// Open results of one import; a later run goes on at their end.
#[derive(Debug)]
pub struct Results {
    out: Out,
    import_id: String,
    import: u64,
    inputs: Arc<[String]>,
}

#[derive(Serialize)]
struct Line<'a> {
    row: u64,
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// Where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    import_id: &'a str,
    import: u64,
}

impl Results {
    /// `-` is standard output.
    pub fn open(path: &Path, import: &ImportRecord, inputs: Arc<[String]>) -> io::Result<Self> {
        let out = if path.as_os_str() == "-" { Out::Stdout } else { open(path)? };
        Ok(Self { out, import_id: import.id.hex(), import: import.number, inputs })
    }

    /// Appends a line for each row; they are safe once they are synced.
    pub fn append(&mut self, rows: &[Settled]) -> io::Result<()> {
        let several = self.inputs.len() > 1;
        let mut lines = Vec::new();
        for row in rows {
            let line = Line {
                row: row.row,
                verdict: row.verdict,
                id: row.id.as_deref(),
                input: several.then(|| self.inputs.get(row.input as usize)).flatten().map(String::as_str),
                import_id: &self.import_id,
                import: self.import,
            };
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        match &mut self.out {
            Out::File(out) | Out::Stream(out) => out.write_all(&lines),
            Out::Stdout => io::stdout().write_all(&lines),
        }
    }

    /// What was appended outlives a power cut, or is in the hands of whoever reads it.
    pub fn sync(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::File(file) => file.sync_data(),
            Out::Stream(_) => Ok(()),
            Out::Stdout => io::stdout().flush(),
        }
    }
}

fn open(path: &Path) -> io::Result<Out> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(Out::Stream(file));
    }
    // A line that a crash cut off is ended, never taken back: whoever follows the file has read its beginning, and
    // would join it to what stood there next.
    if is_cut_off(path)? {
        file.write_all(b"\n")?;
    }
    Ok(Out::File(file))
}

fn is_cut_off(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

//! Promises of the source as a whole, and what their tests share: readers that drip, files that are packed.

mod any;
mod files;
mod rows;

use super::*;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write as _;

const COMMA: Format = Format::Csv { delimiter: b',' };

/// Gives a few bytes at a time.
struct Drip {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl Read for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(into.len()).min(self.bytes.len() - self.at);
        into[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn readers(inputs: &[&[u8]], step: usize) -> Vec<(String, Box<dyn Read + Send>)> {
    let one = |(index, bytes): (usize, &&[u8])| {
        let reader: Box<dyn Read + Send> = Box::new(Drip { bytes: bytes.to_vec(), at: 0, step });
        (format!("{index}.in"), reader)
    };
    inputs.iter().enumerate().map(one).collect()
}

fn no_header(columns: usize) -> Layout {
    let columns = (0..columns).map(|n| format!("c{n}")).collect();
    Layout { header: false, columns: Some(columns), ..Layout::new(COMMA) }
}

type Record = (Mark, Result<String, BadRow>);

/// All records, then the error that ended them, if one did.
fn drain(source: &mut Source) -> (Vec<Record>, Option<SourceError>) {
    let mut records = Vec::new();
    let mut into = b"before".to_vec();
    loop {
        match source.next(&mut into) {
            Ok(Step::Row { mark, text }) => {
                assert_eq!(text.end, into.len());
                records.push((mark, Ok(String::from_utf8(into[text].to_vec()).unwrap())));
            }
            Ok(Step::Bad { mark, bad }) => records.push((mark, Err(bad))),
            Ok(Step::Idle) => {}
            Ok(Step::End) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

fn read(inputs: &[&[u8]], layout: &Layout) -> (Vec<Record>, Option<SourceError>) {
    match Source::over(readers(inputs, usize::MAX), layout) {
        Ok(mut source) => drain(&mut source),
        Err(error) => (Vec::new(), Some(error)),
    }
}

fn rows(text: &str, layout: &Layout) -> Vec<String> {
    let (records, error) = read(&[text.as_bytes()], layout);
    assert!(error.is_none(), "{error:?}");
    records
        .into_iter()
        .map(|(_, row)| row.unwrap_or_else(|bad| format!("{}: {}", bad.code, bad.message)))
        .collect()
}

fn csv() -> Layout {
    Layout::new(COMMA)
}

fn place(mark: &Mark) -> (u64, u64, u64, u64) {
    (mark.place.row, mark.place.line, mark.place.byte, mark.end)
}

fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Some thousand rows, more than one read ahead.
fn many(rows: usize) -> String {
    let mut text = "id,note\n".to_owned();
    for row in 0..rows {
        writeln!(text, "{row},\"note {} of\nrow {row}\"", row * 7919 % 1000).unwrap();
    }
    text
}

fn read_files(inputs: &[PathBuf], layout: &Layout) -> (Vec<Record>, Option<SourceError>) {
    match Source::open(inputs, layout) {
        Ok(mut source) => {
            let result = drain(&mut source);
            if result.1.is_none() {
                assert_eq!(Some(source.bytes_consumed()), source.bytes_total());
            }
            result
        }
        Err(error) => (Vec::new(), Some(error)),
    }
}

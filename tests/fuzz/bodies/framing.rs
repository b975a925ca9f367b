//! Bytes into records: nothing is lost, nothing stands twice, whatever the bytes and however they arrive.

use super::Choices;
use bulkhaul::edge::source::{Format, Layout, Source, Step};
use bulkhaul::model::{Cursor, Mark};
use std::io::Read;

/// Hands out so many bytes at a time.
struct Drops {
    bytes: std::io::Cursor<Vec<u8>>,
    size: usize,
}

impl Read for Drops {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let size = self.size.min(into.len());
        self.bytes.read(&mut into[..size])
    }
}

fn over(bytes: &[u8], size: usize) -> Vec<(String, Box<dyn Read + Send>)> {
    let reader = Drops { bytes: std::io::Cursor::new(bytes.to_vec()), size };
    vec![("x".to_owned(), Box::new(reader))]
}

/// A record, as it is told of.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    mark: Mark,
    text: Result<Vec<u8>, (String, Vec<u8>)>,
}

/// All records, where reading stands after each, and the error at the end, if there is one.
fn read(source: &mut Source) -> (Vec<(Record, Cursor)>, Option<String>) {
    let mut records = Vec::new();
    let mut text = Vec::new();
    loop {
        text.clear();
        let record = match source.next(&mut text) {
            Ok(Step::Row { mark, text: range }) => Record { mark, text: Ok(text[range].to_vec()) },
            Ok(Step::Bad { mark, bad }) => Record { mark, text: Err((bad.code.into_owned(), bad.raw)) },
            Ok(Step::Idle) => continue,
            Ok(Step::End) => return (records, None),
            Err(error) => return (records, Some(error.to_string())),
        };
        records.push((record, source.cursor()));
    }
}

pub(crate) fn csv(data: &[u8]) {
    let mut choices = Choices(data);
    let options = choices.byte();
    let delimiter = [b',', b'\t', b';', b'|'][usize::from(options & 3)];
    let mut layout = Layout::new(Format::Csv { delimiter });
    if options & 4 > 0 {
        layout.header = options & 8 == 0;
        layout.columns = Some(vec!["a".to_owned(), "b".to_owned()]);
    }
    if options & 16 > 0 {
        layout.null = Some("NULL".to_owned());
    }
    check(&layout, usize::from(options >> 5) * 3 + 1, choices.0);
}

pub(crate) fn ndjson(data: &[u8]) {
    let mut choices = Choices(data);
    let size = usize::from(choices.byte() & 15) + 1;
    check(&Layout::new(Format::Ndjson), size, choices.0);
}

fn check(layout: &Layout, size: usize, bytes: &[u8]) {
    let Ok(mut source) = Source::over(over(bytes, usize::MAX), layout) else { return };
    let (records, error) = read(&mut source);
    let mut end = 0;
    for (number, (record, _)) in records.iter().enumerate() {
        let mark = record.mark;
        assert_eq!(mark.ordinal.0, number as u64, "records are numbered one by one");
        assert_eq!(mark.place.row, number as u64 + 1);
        assert!(mark.place.byte >= end && mark.end > mark.place.byte, "records stand one after the other");
        assert!(mark.end <= bytes.len() as u64, "no record reaches beyond the input");
        // Of an old Mac's file carriage returns alone end records, and editors differ on whether they end lines.
        if !bytes.contains(&b'\r') {
            let before = &bytes[..mark.place.byte as usize];
            let lines = before.split(|byte| *byte == b'\n').count() as u64;
            assert_eq!(mark.place.line, lines, "the line is the one that an editor shows");
        }
        end = mark.end;
        match &record.text {
            Ok(text) => {
                let value: serde_json::Value = serde_json::from_slice(text).unwrap();
                assert!(value.is_object(), "a row is a JSON object");
            }
            Err((_, raw)) => {
                let span = &bytes[mark.place.byte as usize..mark.end as usize];
                assert!(span.starts_with(raw), "a record that is no row is kept as it stands");
            }
        }
    }
    // In drops it reads the same.
    let mut slow = Source::over(over(bytes, size), layout).expect("the header is the same");
    let (again, slow_error) = read(&mut slow);
    assert!(again.iter().map(|(record, _)| record).eq(records.iter().map(|(record, _)| record)));
    assert_eq!(error, slow_error);
    // From any place on it goes on as if it had never stopped; where a byte before it is another, it does not.
    if let Some((_, cursor)) = records.get(records.len() / 2) {
        let mut rest = Source::resume_over(over(bytes, usize::MAX), layout, cursor, &mut |_| {})
            .expect("nothing has changed before the cursor");
        let (rest, _) = read(&mut rest);
        assert!(
            rest.iter()
                .map(|(record, _)| record)
                .eq(records[records.len() / 2 + 1..].iter().map(|(record, _)| record))
        );
        let mut other = bytes.to_vec();
        other[cursor.place.byte as usize - 1] ^= 1;
        assert!(Source::resume_over(over(&other, usize::MAX), layout, cursor, &mut |_| {}).is_err());
    }
}

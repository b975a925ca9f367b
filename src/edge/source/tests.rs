//! Promises of the source as a whole, held over readers and files.

use super::*;
use crate::model::{Place, RowSet};
use proptest::prelude::*;
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

#[test]
fn a_row_is_an_object_in_column_order() {
    assert_eq!(
        rows("b,\"a \"\"x\"\"\"\n1,\"two \"\"2\"\"\r\nlines\"\r\n,\"\"", &csv()),
        [r#"{"b":"1","a \"x\"":"two \"2\"\r\nlines"}"#, r#"{"b":"","a \"x\"":""}"#]
    );
}

#[test]
fn a_record_knows_where_it_stood() {
    let text = b"\xef\xbb\xbfa,b\r\n\r\n1,\"x\ny\"\n\n\r2,3\r4,5";
    let (records, error) = read(&[text], &csv());
    assert!(error.is_none());
    let places: Vec<_> = records.iter().map(|(mark, _)| place(mark)).collect();
    assert_eq!(places, [(1, 3, 10, 18), (2, 7, 20, 24), (3, 8, 24, 27)]);
    assert_eq!(records[2].0.ordinal, Ordinal(2));
}

#[test]
fn a_record_with_too_few_or_too_many_fields_costs_only_itself() {
    let (records, _) = read(&[b"a,b,c\n1,2\r\n1,2,3\n1,2,3,4\n"], &csv());
    let bad = records[0].1.as_ref().unwrap_err();
    assert_eq!((bad.code, bad.message.as_str()), ("field_count", "2 fields, the header has 3"));
    assert_eq!(bad.raw, b"1,2");
    assert!(records[1].1.is_ok());
    assert_eq!(records[2].1.as_ref().unwrap_err().message, "4 fields, the header has 3");
}

#[test]
fn a_field_that_does_not_fit_its_type_names_its_column() {
    let layout = Layout {
        types: vec![("a/b".into(), ColumnType::Integer), ("j".into(), ColumnType::Json)],
        null: Some("NULL".into()),
        ..csv()
    };
    let (records, _) = read(&[b"a/b,j,s\n7,\"[1,\n2.0]\",x\nabc,1,x\nNULL,NULL,\"NULL\"\n,1,x\n"], &layout);
    assert_eq!(records[0].1.as_deref().unwrap(), r#"{"a/b":7,"j":[1, 2.0],"s":"x"}"#);
    let bad = records[1].1.as_ref().unwrap_err();
    assert_eq!((bad.code, bad.message.as_str()), ("type_mismatch", "`abc` is not an integer"));
    assert_eq!(bad.field.as_deref(), Some("/a~1b"));
    assert_eq!(records[2].1.as_deref().unwrap(), r#"{"a/b":null,"j":null,"s":"NULL"}"#);
    assert_eq!(records[3].1.as_ref().unwrap_err().message, "an empty field is not an integer");
}

#[test]
fn bytes_that_are_not_utf8_cost_only_their_record() {
    let (records, error) = read(&[b"a\nx\xff\nok\n"], &csv());
    assert_eq!(records[0].1.as_ref().unwrap_err().code, "invalid_utf8");
    assert!(records[1].1.is_ok() && error.is_none());
}

#[test]
fn an_open_quote_ends_the_run_after_the_rows_before_it() {
    for step in [1, 3, usize::MAX] {
        let mut source = Source::over(readers(&[b"a,b\n1,2\n\n3,\"x\ny\n"], step), &csv()).unwrap();
        let (records, error) = drain(&mut source);
        assert_eq!(records.len(), 1);
        assert_eq!(error.unwrap().to_string(), "input `0.in`: the quote opened on line 4 is never closed");
        assert!(source.next(&mut Vec::new()).is_err());
    }
}

#[test]
fn a_quoted_record_that_grows_too_large_is_an_open_quote() {
    let layout = Layout { record_bytes_max: 20, ..csv() };
    let text = format!("a\nx\n\"{}\"\ny\n", "z".repeat(40));
    for step in [1, 7, usize::MAX] {
        let (records, error) = drain(&mut Source::over(readers(&[text.as_bytes()], step), &layout).unwrap());
        assert_eq!(records.len(), 1);
        assert!(matches!(error, Some(SourceError::OpenQuote { line: 3, byte: 4, .. })), "{error:?}");
    }
}

#[test]
fn a_record_that_is_too_large_is_kept_whole_and_the_next_is_read() {
    for (format, end) in [(COMMA, "\r\n"), (Format::Ndjson, "\n")] {
        let layout = Layout {
            record_bytes_max: 20,
            header: false,
            columns: Some(vec!["a".into()]),
            ..Layout::new(format)
        };
        for (length, step) in [(20, 1), (21, 1), (21, 99), (160, 3), (160, 999), (161, 999)] {
            let text = format!("{}{end}{{}}{end}", "z".repeat(length));
            let (records, error) =
                drain(&mut Source::over(readers(&[text.as_bytes()], step), &layout).unwrap());
            if length > 160 {
                assert!(matches!(error, Some(SourceError::Endless { .. })), "{length}");
                continue;
            }
            let too_large = matches!(&records[0].1, Err(bad) if bad.code == "record_too_large" && bad.raw.len() == length);
            assert_eq!(too_large, length > 20, "{length} {records:?}");
            assert!(records[1].1.is_ok() && error.is_none());
        }
        let text = "z".repeat(1000);
        assert!(matches!(read(&[text.as_bytes()], &layout).1, Some(SourceError::Endless { .. })));
    }
}

#[test]
fn a_header_that_names_a_column_twice_is_refused() {
    let (_, error) = read(&[b"id,x,id\n1,2,3\n"], &csv());
    let error = error.unwrap();
    assert_eq!(error.to_string(), "input `0.in`: column `id` appears twice in the header (fields 1 and 3)");
    assert_eq!(error.hint().unwrap(), "use --no-header with --columns, or rename one");
}

#[test]
fn listed_columns_rename_the_header_or_take_its_place() {
    let renamed = Layout { columns: Some(vec!["x".into(), "y".into()]), ..csv() };
    assert_eq!(rows("a,a\n1,2\n", &renamed), [r#"{"x":"1","y":"2"}"#]);
    let instead = Layout { header: false, ..renamed.clone() };
    assert_eq!(
        rows("1,2\n3", &instead),
        [r#"{"x":"1","y":"2"}"#.to_owned(), "field_count: 1 field, --columns names 2".into()]
    );
    assert!(matches!(
        read(&[b"a,b,c\n"], &renamed).1,
        Some(SourceError::ColumnCount { header: 3, listed: 2, .. })
    ));
    let nameless = Layout { header: false, ..csv() };
    assert!(matches!(read(&[b"1\n"], &nameless).1, Some(SourceError::Nameless { .. })));
}

#[test]
fn a_type_for_a_column_that_is_not_there_is_refused() {
    let layout = Layout { types: vec![("amuont".into(), ColumnType::Number)], ..csv() };
    let error = read(&[b"id,amount\n"], &layout).1.unwrap();
    assert!(error.hint().unwrap().starts_with("did you mean `amount`?"), "{error}");
}

#[test]
fn an_empty_input_or_one_with_only_a_header_has_no_rows() {
    for text in ["", "\u{feff}", "a,b", "a,b\n", "\n\n", "a\n\n\r\n"] {
        assert!(rows(text, &csv()).is_empty(), "{text:?}");
    }
    assert!(rows("\n \r\n", &Layout::new(Format::Ndjson)).is_empty());
    assert!(matches!(Source::over(Vec::new(), &csv()).unwrap().next(&mut Vec::new()), Ok(Step::End)));
}

#[test]
fn each_input_is_framed_by_its_own_header() {
    let (records, error) = read(&[b"a,b\n1,2", b"\xef\xbb\xbfb,a\n3,4\n", b"", b"c\n5\n"], &csv());
    assert!(error.is_none());
    let texts: Vec<_> = records.iter().map(|(_, row)| row.as_deref().unwrap()).collect();
    assert_eq!(texts, [r#"{"a":"1","b":"2"}"#, r#"{"b":"3","a":"4"}"#, r#"{"c":"5"}"#]);
    let inputs: Vec<_> =
        records.iter().map(|(mark, _)| (mark.place.input, mark.place.row, mark.ordinal.0)).collect();
    assert_eq!(inputs, [(0, 1, 0), (1, 1, 1), (3, 1, 2)]);
}

#[test]
fn ndjson_rows_pass_byte_for_byte() {
    let text = "\u{feff}{\"a\": 1.0,\"a\":9007199254740993}\r\n\n  {\"b\":\"\\u00e9\"}\t\n{}";
    assert_eq!(
        rows(text, &Layout::new(Format::Ndjson)),
        ["{\"a\": 1.0,\"a\":9007199254740993}", "{\"b\":\"\\u00e9\"}", "{}"]
    );
}

#[test]
fn a_line_that_is_no_object_says_why() {
    let (records, error) =
        read(&[b"[1]\n{\"a\":}\n 12\n\"\xff\"\nnull\n{} {}\n"], &Layout::new(Format::Ndjson));
    assert!(error.is_none());
    let words: Vec<_> = records
        .iter()
        .map(|(_, row)| row.as_ref().map_err(|bad| (bad.code, bad.message.as_str())).unwrap_err())
        .collect();
    assert_eq!(
        words,
        [
            ("not_an_object", "an array, not an object"),
            ("invalid_json", "expected value at column 6"),
            ("not_an_object", "a number, not an object"),
            ("invalid_utf8", "the line is not valid UTF-8"),
            ("not_an_object", "null, not an object"),
            ("invalid_json", "trailing characters at column 4"),
        ]
    );
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
        text.push_str(&format!("{row},\"note {} of\nrow {row}\"\n", row * 7919 % 1000));
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

#[test]
fn compressed_inputs_are_read_whole_whatever_their_members() {
    let dir = tempfile::tempdir().unwrap();
    let text = many(30_000);
    let (head, tail) = text.as_bytes().split_at(100_001);
    let plain = read_files(&[file(&dir, "a.csv", text.as_bytes())], &csv());
    assert_eq!(plain.0.len(), 30_000);
    for (name, bytes) in
        [("a.csv.gz", [gzip(head), gzip(tail)].concat()), ("a.csv.zst", [zst(head), zst(tail)].concat())]
    {
        let (records, error) = read_files(&[file(&dir, name, &bytes)], &csv());
        assert!(error.is_none(), "{error:?}");
        assert!(records == plain.0, "{name}");
    }
}

#[test]
fn an_input_that_cannot_be_read_says_so_before_the_first_row() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(&dir, "good.csv", b"a\n1\n");
    let missing = dir.path().join("x.csv");
    let words = |path: &std::path::Path| {
        let (records, error) = read_files(&[good.clone(), path.to_owned()], &csv());
        assert!(records.is_empty());
        error.unwrap().to_string()
    };
    assert_eq!(words(&missing), format!("cannot read `{}`: no such file", missing.display()));
    assert_eq!(words(dir.path()), format!("`{}` is a directory, not a file", dir.path().display()));
}

#[test]
fn damaged_compression_is_told_from_an_early_end() {
    let dir = tempfile::tempdir().unwrap();
    let text = many(20_000);
    for (name, bytes) in [("x.csv.gz", gzip(text.as_bytes())), ("x.csv.zst", zst(text.as_bytes()))] {
        let cut = file(&dir, name, &bytes[..bytes.len() / 2]);
        let (_, error) = read_files(std::slice::from_ref(&cut), &csv());
        assert!(matches!(error, Some(SourceError::Truncated { .. })), "{name} {error:?}");
        let mut broken = bytes;
        let middle = broken.len() / 2;
        broken[middle..middle + 64].fill(0xff);
        fs::write(&cut, &broken).unwrap();
        let (_, error) = read_files(std::slice::from_ref(&cut), &csv());
        assert!(matches!(error, Some(SourceError::Damaged { .. })), "{name} {error:?}");
        fs::write(&cut, text.as_bytes()).unwrap();
        let (_, error) = read_files(&[cut], &csv());
        assert!(matches!(error, Some(SourceError::Damaged { byte: 0, .. })), "{name} {error:?}");
    }
}

/// Reads `count` records, then goes on from the cursor; the records after it.
fn resumed(inputs: &[&[u8]], layout: &Layout, count: usize, step: usize) -> Vec<Record> {
    let mut source = Source::over(readers(inputs, step), layout).unwrap();
    for _ in 0..count {
        source.next(&mut Vec::new()).unwrap();
    }
    let cursor = source.cursor();
    let mut source = Source::resume_over(readers(inputs, usize::MAX), layout, &cursor, &mut |_| ()).unwrap();
    assert_eq!(source.cursor(), cursor);
    drain(&mut source).0
}

proptest! {
    #[test]
    fn rows_are_those_of_the_csv_crate(
        text in "[\",\r\nab\u{e9}\\\\\t]{0,60}", step in 1_usize..8, delimiter in prop::sample::select(vec![b',', b'\t', b'a'])
    ) {
        let mut theirs = Vec::new();
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
        for record in reader.byte_records() {
            let record = record.unwrap();
            theirs.push(record.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
        let mut buffer = Buffer::new(coding::Opened::other(readers(&[text.as_bytes()], step).remove(0).1), None);
        let mut framer = csv::CsvFramer::new(delimiter, frame::Bounds { row: 1000 });
        let (mut ours, mut scratch, mut end) = (Vec::new(), Vec::new(), 0);
        let open = loop {
            match framer.find(&mut buffer) {
                Ok(Some(extent)) => {
                    let record = &buffer.window()[..extent.content];
                    ours.push(framer.fields().iter().map(|field| field.text(record, &mut scratch).to_vec()).collect::<Vec<_>>());
                    let gap = &text.as_bytes()[end..buffer.offset() as usize];
                    prop_assert!(gap.iter().all(|byte| matches!(byte, b'\r' | b'\n')));
                    buffer.consume(extent.whole);
                    end = buffer.offset() as usize;
                }
                Ok(None) => break false,
                Err(frame::Trouble::OpenQuote { byte, .. }) => {
                    prop_assert_eq!(text.as_bytes()[byte as usize], b'"');
                    break true;
                }
                Err(error) => panic!("{error:?}"),
            }
        };
        if open {
            prop_assert_eq!(theirs.len(), ours.len() + 1);
            theirs.pop();
        }
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn the_size_of_reads_changes_nothing(text in "[\",\r\nab{}\u{e9}]{0,80}", step in 1_usize..8, ndjson in any::<bool>()) {
        let layout = if ndjson { Layout::new(Format::Ndjson) } else { Layout { record_bytes_max: 12, ..no_header(2) } };
        let (at_once, error) = read(&[text.as_bytes()], &layout);
        let (slowly, other) = drain(&mut Source::over(readers(&[text.as_bytes()], step), &layout).unwrap());
        prop_assert_eq!(&at_once, &slowly);
        prop_assert_eq!(error.map(|e| e.to_string()), other.map(|e| e.to_string()));
        let mut end = 0;
        for (mark, row) in &at_once {
            prop_assert!(mark.place.byte >= end && mark.end > mark.place.byte);
            end = mark.end;
            let before = text[..mark.place.byte as usize].replace("\r\n", "\n");
            if !ndjson {
                let ends = before.matches(['\r', '\n']).count() as u64;
                prop_assert_eq!(mark.place.line, ends + 1);
            }
            match row {
                Ok(row) => prop_assert!(serde_json::from_str::<serde_json::Map<_, _>>(row).is_ok(), "{}", row),
                Err(bad) => prop_assert!(text.as_bytes()[mark.place.byte as usize..].starts_with(&bad.raw)),
            }
        }
    }

    #[test]
    fn resuming_at_any_cursor_gives_the_rest(
        inputs in prop::collection::vec("[\",\r\nab]{0,30}", 1..4), count in 0_usize..12, step in 1_usize..40, header in any::<bool>()
    ) {
        let inputs: Vec<Vec<u8>> = inputs.into_iter().map(|text| text.replace('"', "\"\"").into_bytes()).collect();
        let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let layout = if header { csv() } else { no_header(2) };
        let (all, error) = read(&inputs, &layout);
        prop_assume!(error.is_none());
        let rest = resumed(&inputs, &layout, count, step);
        prop_assert_eq!(&all[count.min(all.len())..], &rest[..]);
    }

    #[test]
    fn a_batch_is_made_again_from_its_place(first in 0_usize..40, length in 1_usize..30, again in 0_usize..40, seek in any::<bool>()) {
        let text = many(25);
        let other = "\u{feff}x\n\n1\n2,3\n4\n".repeat(5);
        let (all, _) = read(&[text.as_bytes(), other.as_bytes()], &csv());
        let dir = tempfile::tempdir().unwrap();
        let paths = [file(&dir, "a.csv", text.as_bytes()), file(&dir, "b.csv", other.as_bytes())];
        let copies = [text.clone(), other.clone()];
        let reopen = move |index: u32| -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::Cursor::new(copies[index as usize].clone().into_bytes())))
        };
        let mut rereader = if seek {
            Rereader::new(&paths, &csv())
        } else {
            Rereader::over(Box::new(reopen), vec!["a".into(), "b".into()], &csv())
        };
        for first in [first, again] {
            let picked: Vec<_> = all.iter().skip(first).take(length).step_by(3).collect();
            let Some(set) = RowSet::from_ordinals(picked.iter().map(|(mark, _)| mark.ordinal)) else { continue };
            let mut made = Vec::new();
            rereader.rows(picked[0].0.place, &set, &mut |mark, row| {
                made.push((mark, Ok(String::from_utf8(row.to_vec()).unwrap())));
            }).unwrap();
            let wanted: Vec<_> = picked.into_iter().filter(|(_, row)| row.is_ok()).cloned().collect();
            prop_assert_eq!(made, wanted);
        }
    }
}

#[test]
fn a_changed_or_shortened_prefix_is_refused_and_a_changed_tail_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let text = many(40_000);
    for (name, pack) in
        [("a.csv", (|bytes| bytes.to_vec()) as fn(&[u8]) -> Vec<u8>), ("a.csv.gz", gzip), ("a.csv.zst", zst)]
    {
        let inputs = [file(&dir, name, &pack(text.as_bytes())), file(&dir, "last.csv", b"id,note\n1,2\n")];
        let mut source = Source::open(&inputs, &csv()).unwrap();
        for _ in 0..30_000 {
            source.next(&mut Vec::new()).unwrap();
        }
        let cursor = source.cursor();
        let at = cursor.place.byte as usize;
        let mut verified = 0;
        let mut again = Source::resume(&inputs, &csv(), &cursor, &mut |bytes| verified = bytes).unwrap();
        assert_eq!(verified, cursor.place.byte);
        assert_eq!(drain(&mut again).0.len(), 10_001);
        let mut changed = text.clone().into_bytes();
        changed[at - 5] ^= 1;
        for (bytes, shorter) in [(&changed[..], false), (&text.as_bytes()[..at - 9], true)] {
            fs::write(&inputs[0], pack(bytes)).unwrap();
            let error = Source::resume(&inputs, &csv(), &cursor, &mut |_| ()).unwrap_err();
            assert!(error.is_changed(), "{error}");
            assert!(
                matches!(error, SourceError::Changed { shorter: found, several: false, .. } if found == shorter)
            );
        }
        fs::write(&inputs[0], pack(&[&text.as_bytes()[..at], b"new,tail\n"].concat())).unwrap();
        let mut again = Source::resume(&inputs, &csv(), &cursor, &mut |_| ()).unwrap();
        assert_eq!(drain(&mut again).0.len(), 2);
    }
}

#[test]
fn a_cursor_at_a_seam_may_be_written_either_way() {
    let inputs: [&[u8]; 2] = [b"a\n1\n2\n", b"a\n3\n"];
    let mut source = Source::over(readers(&inputs, 5), &csv()).unwrap();
    source.next(&mut Vec::new()).unwrap();
    source.next(&mut Vec::new()).unwrap();
    let end = source.cursor();
    assert_eq!(end.place, Place { input: 0, row: 3, line: 4, byte: 6 });
    for place in [end.place, Place { input: 1, ..Place::START }] {
        let cursor = Cursor { place, ..end };
        let mut source = Source::resume_over(readers(&inputs, 9), &csv(), &cursor, &mut |_| ()).unwrap();
        let (records, _) = drain(&mut source);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].0.ordinal, Ordinal(2));
        assert_eq!(records[0].0.place, Place { input: 1, row: 1, line: 2, byte: 2 });
    }
}

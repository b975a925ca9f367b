//! Files: missing, packed, damaged, changed between two runs.

use super::*;
use crate::model::Place;

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
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_told_what_it_looks_like() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], &str, &str); 9] = [
        ("x.csv.gz", b"id\n1\n", "gzip: it looks like plain text", "without .gz or .zst"),
        ("x.csv.zst", b"id\n\xc3", "zstd: it looks like plain text", "without .gz or .zst"),
        ("x.csv.gz", &zst(b"id\n"), "gzip: it looks like zstd", "ends in .zst"),
        ("x.csv", &gzip(b"id\n"), "UTF-8 text: it looks like gzip", "ends in .gz"),
        (
            "x.ndjson",
            b"PK\x03\x04",
            "UTF-8 text: it looks like a zip archive or an Excel workbook",
            "save the sheet",
        ),
        ("x.csv", b"\xff\xfei\0d\0\n\0", "UTF-8 text: it looks like text in UTF-16", "iconv -f UTF-16"),
        ("x.csv", b"SQLite format 3\0", "UTF-8 text: it looks like an SQLite database", "sqlite3 -csv"),
        ("x.csv.gz", b"\xfd7zXZ\0", "gzip: it looks like xz", "xz -d"),
        ("x.csv.gz", b"\x00\x01", "gzip", "get it again"),
    ];
    for (name, bytes, words, hint) in cases {
        let path = file(&dir, name, bytes);
        let error = read_files(std::slice::from_ref(&path), &csv()).1.unwrap();
        assert_eq!(error.to_string(), format!("`{}` is not {words}", path.display()));
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
    }
}

#[test]
fn zeros_behind_gzip_are_padding_and_anything_else_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (gzip(b"a\n1\n"), gzip(b"2\n"));
    let read = |parts: &[&[u8]]| {
        let (records, error) = read_files(&[file(&dir, "x.csv.gz", &parts.concat())], &csv());
        (records.len(), error)
    };
    assert_eq!(read(&[&first, &b"\0".repeat(70_000)]), (1, None));
    assert_eq!(read(&[&first, &second, &[0]]), (2, None));
    for parts in
        [&[&first, &second, &b"x"[..]][..], &[&first, &second, &[0], b"x"], &[&first, &second, &[0], &first]]
    {
        let (rows, error) = read(parts);
        assert_eq!(rows, 2);
        let words = "what comes after the gzip data is no part of it, at byte 6 of the content";
        assert!(error.unwrap().to_string().ends_with(words));
    }
    assert!(matches!(read(&[&first, &second[..9]]), (1, Some(SourceError::Truncated { .. }))));
    assert!(matches!(read(&[&first, b"\x1f\x8bxxxxxxxxxxxxxxxx"]), (1, Some(SourceError::Damaged { .. }))));
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
        fs::write(&inputs[0], pack(&[b"id,id\n", text.as_bytes()].concat())).unwrap();
        assert!(Source::resume(&inputs, &csv(), &cursor, &mut |_| ()).unwrap_err().is_changed());
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

#[test]
fn a_fault_in_a_later_header_shows_before_the_first_row() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = [file(&dir, "a.csv", b"a\n1\n"), file(&dir, "b.csv", b"x,x\n1,2\n")];
    assert!(matches!(Source::open(&inputs, &csv()), Err(SourceError::RepeatedColumn { .. })));
}

#[test]
fn an_error_is_never_followed_by_an_end() {
    let mut source = Source::over(readers(&[b"a\n1\n", b"x,x\n"], 4), &csv()).unwrap();
    let (records, error) = drain(&mut source);
    assert_eq!(records.len(), 1);
    assert_eq!(drain(&mut source).1, error);
    assert!(error.is_some());
}

#[test]
fn a_rereader_that_failed_can_be_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "a.csv", b"a\n1\n");
    let mut rereader = Rereader::new(std::slice::from_ref(&path), &csv());
    let start = Place { line: 2, byte: 2, ..Place::START };
    let both = crate::model::RowSet::range(Ordinal(0), 2);
    assert!(rereader.rows(start, &both, &mut |_, _| ()).unwrap_err().is_changed());
    fs::write(&path, b"a\n1\n2\n").unwrap();
    let mut made = 0;
    rereader.rows(start, &both, &mut |_, _| made += 1).unwrap();
    assert_eq!(made, 2);
}

#[test]
fn a_record_larger_than_the_read_ahead_is_a_row_like_any_other() {
    let long = "x".repeat(3 << 20);
    let text = format!("a,b\n1,{long}\n\"{long}\",2\n3,4\n");
    let (records, error) = read(&[text.as_bytes()], &csv());
    assert!(error.is_none());
    assert_eq!(records[0].1, Ok(format!("{{\"a\":\"1\",\"b\":\"{long}\"}}")));
    assert_eq!(records[1].1, Ok(format!("{{\"a\":\"{long}\",\"b\":\"2\"}}")));
    assert_eq!(records[2].1.as_deref(), Ok(r#"{"a":"3","b":"4"}"#));
}

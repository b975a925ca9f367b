//! What becomes of records: rows, bad rows, and the few things that end the reading.

use super::*;

#[test]
fn a_row_is_an_object_in_column_order() {
    assert_eq!(
        rows("b,\"a \"\"x\"\"\"\n1,\"two \"\"2\"\"\r\nlines\"\r\n,\"\"", &csv()),
        [r#"{"b":"1","a \"x\"":"two \"2\"\r\nlines"}"#, r#"{"b":"","a \"x\"":""}"#]
    );
}

#[test]
fn a_tab_within_a_field_of_tsv_is_escaped() {
    let tabs = Layout::new(Format::Csv { delimiter: b'\t' });
    let json = [r#"{"a":"x\ty","b":"z"}"#, r#"{"a":"1","b":"2"}"#];
    assert_eq!(rows("a\tb\n\"x\ty\"\tz\n1\t2\n", &tabs), json);
}

#[test]
fn a_record_knows_where_it_stood() {
    let text = b"\xef\xbb\xbfa,b\r\n\r\n1,\"x\ny\"\n\n\n2,3\n4,5";
    let (records, error) = read(&[text], &csv());
    assert!(error.is_none());
    let places: Vec<_> = records.iter().map(|(mark, _)| place(mark)).collect();
    assert_eq!(places, [(1, 3, 10, 18), (2, 7, 20, 24), (3, 8, 24, 27)]);
    assert_eq!(records[2].0.ordinal, Ordinal(2));
}

#[test]
fn a_carriage_return_alone_is_a_character_where_records_end_in_line_feeds() {
    for end in ["\n", "\r\n"] {
        let text = format!("a,b{end}1,x\ry{end}2,\"p\rq\"{end}3,\rz{end}\r4,5{end}6,\"7\"\rx{end}8,9");
        for step in [1, 2, 3, usize::MAX] {
            let (records, error) =
                drain(&mut Source::over(readers(&[text.as_bytes()], step), &csv()).unwrap());
            assert!(error.is_none());
            let rows: Vec<_> =
                records.iter().map(|(mark, row)| (mark.place.line, row.as_deref().ok())).collect();
            let expected = [
                (2, Some(r#"{"a":"1","b":"x\ry"}"#)),
                (3, Some(r#"{"a":"2","b":"p\rq"}"#)),
                (4, Some(r#"{"a":"3","b":"\rz"}"#)),
                (5, Some(r#"{"a":"\r4","b":"5"}"#)),
                (6, None),
                (7, Some(r#"{"a":"8","b":"9"}"#)),
            ];
            assert_eq!(rows, expected, "{end:?}, {step}");
        }
    }
    // Of old Macs, with a line feed in quotes.
    assert_eq!(rows("a,b\r1,\"x\ny\"\r2,3", &csv()), [r#"{"a":"1","b":"x\ny"}"#, r#"{"a":"2","b":"3"}"#]);
}

#[test]
fn what_ends_records_is_the_same_wherever_reading_begins() {
    let text = b"1,x\ry\n2,\"a\rb\"\n3,z\r\n4,\rw";
    let layout = no_header(2);
    let (all, _) = read(&[text], &layout);
    assert_eq!(all.len(), 4);
    for count in 0..4 {
        let mut source = Source::over(readers(&[text], 3), &layout).unwrap();
        (0..count).for_each(|_| drop(source.next(&mut Vec::new()).unwrap()));
        let cursor = source.cursor();
        let mut source = Source::resume_over(readers(&[text], 5), &layout, &cursor, &mut |_| ()).unwrap();
        assert_eq!(drain(&mut source).0, all[count..]);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut rereader = Rereader::new(&[file(&dir, "a.csv", text)], &layout);
    let (last, _) = &all[3];
    let mut made = Vec::new();
    let set = crate::model::RowSet::range(last.ordinal, 1);
    rereader
        .rows(last.place, &set, &mut |_, row| made.push(String::from_utf8(row.to_vec()).unwrap()))
        .unwrap();
    assert_eq!(made, [r#"{"c0":"4","c1":"\rw"}"#]);
}

#[test]
fn a_record_with_too_few_or_too_many_fields_costs_only_itself() {
    let (records, _) = read(&[b"a,b,c\n1,2\r\n1,2,3\n1,2,3,4\n"], &csv());
    let bad = records[0].1.as_ref().unwrap_err();
    assert_eq!((&*bad.code, bad.message.as_str()), ("field_count", "2 fields, the header has 3"));
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
    assert_eq!((&*bad.code, bad.message.as_str()), ("type_mismatch", "`abc` is not an integer"));
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
fn a_quoted_record_that_is_too_large_is_a_bad_row_while_its_quote_is_closed_within_reason() {
    let layout = Layout { record_bytes_max: 20, ..csv() };
    for step in [1, 7, usize::MAX] {
        let text = format!("a\nx\n\"{}\r\n{}\"\ny\n\"q\n", "z".repeat(40), "z".repeat(40));
        let (records, error) = drain(&mut Source::over(readers(&[text.as_bytes()], step), &layout).unwrap());
        assert!(matches!(error, Some(SourceError::OpenQuote { line: 6, byte: 91, .. })), "{error:?}");
        assert!(records.len() == 3 && records[2].1.is_ok(), "{records:?}");
        assert_eq!((records[2].0.place.line, records[2].0.place.byte), (5, 89));
        let bad = records[1].1.as_ref().unwrap_err();
        assert_eq!((&*bad.code, bad.raw.len()), ("record_too_large", 24));
    }
    for before in ["", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,"] {
        let text = format!("a\nx\n{before}\"{}\"\ny\n", "z".repeat(400));
        for step in [1, 7, usize::MAX] {
            let (records, error) =
                drain(&mut Source::over(readers(&[text.as_bytes()], step), &layout).unwrap());
            assert_eq!(records.len(), 1);
            let at = 4 + before.len() as u64;
            assert!(
                matches!(error, Some(SourceError::OpenQuote { line: 3, byte, .. }) if byte == at),
                "{error:?}"
            );
        }
    }
}

/// Its beginning is kept, in which there is more than a row may have: no replay takes it for the whole row.
#[test]
fn of_a_record_that_is_too_large_the_beginning_is_kept_and_the_next_is_read() {
    for (format, end) in [(COMMA, "\r\n"), (Format::Ndjson, "\n"), (Format::Ndjson, "\r\n")] {
        let layout = Layout {
            record_bytes_max: 20,
            header: false,
            columns: Some(vec!["a".into()]),
            ..Layout::new(format)
        };
        for (length, step) in
            (18..30).chain([160, 1000]).flat_map(|length| [(length, 1), (length, 7), (length, 9999)])
        {
            let text = format!("{}{end}{{}}{end}{}\u{e4}{end}{{}}", "z".repeat(length), "z".repeat(23));
            let mut source = Source::over(readers(&[text.as_bytes()], step), &layout).unwrap();
            let (records, error) = drain(&mut source);
            assert!(error.is_none() && records.len() == 4, "{length} {records:?}");
            let raw = records[0].1.as_ref().err().filter(|bad| bad.code == "record_too_large");
            assert_eq!(raw.map(|bad| bad.raw.len()), (length > 20).then_some(length.min(24)), "{length}");
            if length > 24 {
                let left_out =
                    format!("; its last {} are left out here, and stand in the input only", length - 24);
                let message = format!("the record has {length} bytes, more than 20{left_out}");
                assert_eq!(raw.unwrap().message, message);
            }
            let cut = records[2].1.as_ref().unwrap_err();
            assert_eq!(cut.raw, "z".repeat(23).into_bytes(), "no half of a character");
            let place = records[1].0.place;
            assert_eq!((place.line, place.byte), (2, (length + end.len()) as u64));
            assert!(records[1].1.is_ok() && records[3].1.is_ok());
            // On from before and from behind each of them.
            for count in 0..4 {
                let (rest, again) = super::any::resumed(&[text.as_bytes()], &layout, count, step);
                assert_eq!((&records[count..], &again), (&rest[..], &None));
            }
            let mut source = Source::over(readers(&[text.as_bytes()], step), &layout).unwrap();
            let mut before = source.cursor();
            while let Step::Row { mark, .. } | Step::Bad { mark, .. } = source.next(&mut Vec::new()).unwrap()
            {
                assert_eq!(source.cursor_before(&mark), before);
                before = source.cursor();
            }
        }
        let text = "z".repeat(1000);
        let (records, error) = read(&[text.as_bytes()], &layout);
        assert!(records.len() == 1 && records[0].1.is_err() && error.is_none());
    }
    let header = format!("{}\n1\n", "z".repeat(1000));
    let error = read(&[header.as_bytes()], &Layout { record_bytes_max: 20, ..csv() }).1.unwrap();
    assert_eq!(error.to_string(), "input `0.in`: the header is larger than 20 bytes");
}

#[test]
fn a_header_that_names_a_column_twice_is_refused() {
    let (_, error) = read(&[b"id,x,id\n1,2,3\n"], &csv());
    let error = error.unwrap();
    assert_eq!(error.to_string(), "input `0.in`: column `id` appears twice in the header (fields 1 and 3)");
    assert_eq!(
        error.hint().unwrap(),
        "rename one, or name all of them with --columns a,b,c instead of the header"
    );
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
    for text in ["", "\u{feff}", "a,b", "a,b\n", "\n\n", "a,b\n\n\r\n"] {
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
        .map(|(_, row)| row.as_ref().map_err(|bad| (&*bad.code, bad.message.as_str())).unwrap_err())
        .collect();
    assert_eq!(
        words,
        [
            ("not_an_object", "an array, not an object; jq -c '.[]' makes a line of each of its members"),
            ("invalid_json", "expected value at column 6"),
            ("not_an_object", "a number, not an object"),
            (
                "invalid_utf8",
                "the line is not valid UTF-8; if it is from Windows, iconv -f CP1252 -t UTF-8 converts it"
            ),
            ("not_an_object", "null, not an object"),
            ("invalid_json", "trailing characters at column 4"),
        ]
    );
}

#[test]
fn text_after_a_closing_quote_is_no_value_that_anybody_wrote() {
    let (records, error) =
        read(&[b"a,b\n\"x\"y,1\n\"say \"hi\" to\",2\n1,\"x\" \n\"x\",\"\"\"y\"\n"], &csv());
    assert!(error.is_none());
    let bad: Vec<_> = records.iter().filter_map(|(_, row)| row.as_ref().err()).collect();
    let words: Vec<_> = bad.iter().map(|bad| (&*bad.code, &*bad.message, bad.field.as_deref())).collect();
    let said = |field, name| ("bad_quote", field, Some(name));
    let (first, second) =
        ("field 1 has text after its closing quote", "field 2 has text after its closing quote");
    assert_eq!(words, [said(first, "/a"), said(first, "/a"), said(second, "/b")]);
    assert_eq!(bad[0].raw, b"\"x\"y,1");
    assert_eq!(records[3].1.as_deref(), Ok(r#"{"a":"x","b":"\"y"}"#));
    let error = read(&[b"a,\"b\"c\n1,2\n"], &csv()).1.unwrap();
    assert_eq!(error.to_string(), "input `0.in`: field 2 of the header has text after its closing quote");
}

#[test]
fn a_blank_line_of_a_file_with_one_column_is_no_row_passed_over_in_silence() {
    let text = "a\n\n1\n\r\n\"\"\n\n";
    for step in [1, 3, usize::MAX] {
        let (records, error) = drain(&mut Source::over(readers(&[text.as_bytes()], step), &csv()).unwrap());
        assert!(error.is_none());
        let lines: Vec<_> = records
            .iter()
            .map(|(mark, row)| (mark.place.line, row.as_deref().map_err(|bad| &*bad.code)))
            .collect();
        let blank = Err("blank_line");
        assert_eq!(
            lines,
            [(2, blank), (3, Ok(r#"{"a":"1"}"#)), (4, blank), (5, Ok(r#"{"a":""}"#)), (6, blank)]
        );
    }
    let null = Layout { null: Some(String::new()), ..csv() };
    assert_eq!(rows("a\n\n1\n", &null), [r#"{"a":null}"#, r#"{"a":"1"}"#]);
    assert_eq!(rows("a,b\n\n1,2\n\n", &null), [r#"{"a":"1","b":"2"}"#]);
}

#[test]
fn a_header_that_is_one_field_with_another_delimiter_in_it_is_asked_about() {
    let words = |text: &str, layout: &Layout| {
        let error = read(&[text.as_bytes()], layout).1.unwrap();
        (error.to_string(), error.hint().unwrap())
    };
    let (said, hint) = words("a;b\n1;2\n", &csv());
    assert_eq!(said, "input `0.in`: the header is one field, with `;` in it");
    assert_eq!(hint, "say --delimiter ';', or ',' if there is only one column");
    let tabs = Layout::new(Format::Csv { delimiter: b'\t' });
    assert_eq!(words("a,b\n", &tabs).1, "say --delimiter ',', or tab if there is only one column");
    assert_eq!(words("a\tb\n", &csv()).0, "input `0.in`: the header is one field, with tabs in it");
    let said = Layout { delimiter_said: true, ..csv() };
    assert_eq!(rows("a;b\n1\n", &said), [r#"{"a;b":"1"}"#]);
}

#[test]
fn a_number_as_spreadsheets_write_it_is_told_why_it_is_none() {
    let layout = Layout { types: vec![("a".into(), ColumnType::Number)], ..csv() };
    assert_eq!(
        rows("a,b\n\"1,5\",x\n,x\n1.5,x\n", &layout),
        [
            "type_mismatch: `1,5` is not a number: there is a comma in it; export it with a point, or leave --type out, and it goes as a string",
            "type_mismatch: an empty field is not a number; --null '' makes it null",
            r#"{"a":1.5,"b":"x"}"#,
        ]
    );
}

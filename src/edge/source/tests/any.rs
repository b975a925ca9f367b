//! Properties over any input: the same rows as the `csv` crate, for any reads, from any cursor, made again.

use super::*;
use crate::model::RowSet;
use proptest::prelude::*;

/// Reads `count` records, then goes on from the cursor; the records after it.
pub(super) fn resumed(
    inputs: &[&[u8]],
    layout: &Layout,
    count: usize,
    step: usize,
) -> (Vec<Record>, Option<SourceError>) {
    let mut source = Source::over(readers(inputs, step), layout).unwrap();
    for _ in 0..count {
        drop(source.next(&mut Vec::new()));
    }
    let cursor = source.cursor();
    let mut source = Source::resume_over(readers(inputs, usize::MAX), layout, &cursor, &mut |_| ()).unwrap();
    assert_eq!(source.cursor(), cursor);
    drain(&mut source)
}

/// Bytes of which CSV is made, broken UTF-8 and long fields among them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const LONG: &[u8] = &[b'z'; 70];
    let piece = prop::sample::select(vec![
        &b"\""[..],
        b"\"",
        b"\"",
        b",",
        b",",
        b"\r",
        b"\n",
        b"\r\n",
        b"a",
        b"bcdefg",
        "\u{e9}".as_bytes(),
        b"\xff",
        b"\\",
        b"\t",
        LONG,
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Small reads, which stop in the middle of everything, and one for all, in which records lie whole.
fn reads() -> impl Strategy<Value = usize> {
    prop_oneof![1_usize..8, 40_usize..80, Just(usize::MAX)]
}

/// Says between its reads that nothing has come yet; not within a byte-order mark, before there is a source.
struct Halting {
    reader: Box<dyn Read + Send>,
    reads: usize,
}

impl Read for Halting {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads > 4 && self.reads.is_multiple_of(2) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reader.read(into)
    }
}

proptest! {
    #[test]
    fn waiting_in_between_changes_no_record(text in pieces(), step in 1_usize..8, ndjson in any::<bool>()) {
        let layout = if ndjson { Layout::new(Format::Ndjson) } else { no_header(3) };
        let reader = readers(&[&text], step).remove(0).1;
        let halting: Box<dyn Read + Send> = Box::new(Halting { reader, reads: 0 });
        let mut waiting = Source::over(vec![("0".to_owned(), halting)], &layout).unwrap();
        let mut plain = Source::over(readers(&[&text], step), &layout).unwrap();
        prop_assert_eq!(drain(&mut waiting).0, drain(&mut plain).0);
        prop_assert_eq!(waiting.cursor(), plain.cursor());
    }

    #[test]
    fn rows_are_those_of_the_csv_crate(
        text in pieces(), step in reads(), delimiter in prop::sample::select(vec![b',', b'\t', b'a'])
    ) {
        // A carriage return that is a character is told to the crate as another one.
        let returns = ends::Ends::default().are_returns(&text, delimiter, true).unwrap();
        let is_alone = |at: usize| !returns && text[at] == b'\r' && text.get(at + 1).is_some_and(|next| *next != b'\n');
        let masked: Vec<u8> = (0..text.len()).map(|at| if is_alone(at) { b'\x01' } else { text[at] }).collect();
        let mut theirs = Vec::new();
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false).flexible(true).delimiter(delimiter).from_reader(&masked[..]);
        let unmask = |field: &[u8]| field.iter().map(|byte| if *byte == b'\x01' { b'\r' } else { *byte }).collect::<Vec<_>>();
        for record in reader.byte_records() {
            let record = record.unwrap();
            theirs.push(record.iter().map(unmask).collect::<Vec<_>>());
        }
        let mut buffer = Buffer::new(coding::Opened::other(readers(&[&text], step).remove(0).1), None);
        let mut framer = csv::CsvFramer::new(delimiter, frame::Bounds { row: 1000 });
        let (mut ours, mut scratch, mut end) = (Vec::new(), Vec::new(), 0);
        let open = loop {
            match framer.find(&mut buffer) {
                Ok(Some(extent)) => {
                    let record = &buffer.window()[..extent.content];
                    ours.push(framer.fields().iter().map(|field| field.text(record, &mut scratch).to_vec()).collect::<Vec<_>>());
                    let gap = &text[end..buffer.offset() as usize];
                    prop_assert!(gap.iter().all(|byte| matches!(byte, b'\r' | b'\n')));
                    buffer.consume(extent.whole);
                    end = buffer.offset() as usize;
                }
                Ok(None) => break false,
                Err(frame::Trouble::OpenQuote { byte, .. }) => {
                    prop_assert_eq!(text[byte as usize], b'"');
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

    /// What text is, is looked at piece by piece; what is none costs nobody else anything.
    #[test]
    fn each_record_is_text_or_not_by_itself(text in pieces(), step in reads(), ndjson in any::<bool>()) {
        let layout = if ndjson { Layout::new(Format::Ndjson) } else { no_header(2) };
        let (records, _) = drain(&mut Source::over(readers(&[&text], step), &layout).unwrap());
        for (mark, row) in &records {
            let record = &text[mark.place.byte as usize..mark.end as usize];
            let is_bad = matches!(row, Err(bad) if bad.code == "invalid_utf8");
            prop_assert_eq!(is_bad, std::str::from_utf8(record).is_err());
        }
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
                let returns = ends::Ends::default().are_returns(text.as_bytes(), b',', true).unwrap();
                let ends = before.matches(|end| end == '\n' || returns && end == '\r').count() as u64;
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
        let inputs: Vec<&[u8]> = inputs.iter().map(String::as_bytes).collect();
        let layout = if header { csv() } else { no_header(2) };
        let Ok(mut source) = Source::over(readers(&inputs, step), &layout) else { return Ok(()) };
        let (all, error) = drain(&mut source);
        let (rest, again) = resumed(&inputs, &layout, count, step);
        prop_assert_eq!(&all[count.min(all.len())..], &rest[..]);
        prop_assert_eq!(error, again);
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

//! Each hot piece by itself: `cargo bench --bench pieces`. Figures are for 1,000 rows, so a microsecond here is a
//! nanosecond a row.

#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a bench that cannot go on has failed")]

use bulkhaul::drive::Former;
use bulkhaul::edge::ledger::Ledger;
use bulkhaul::edge::source::{Format, Layout, Source, Step};
use bulkhaul::engine::{Assembler, BatchLimits, Event};
use bulkhaul::model::{
    BatchEnd, BatchKey, BatchSeq, BodyState, Close, Cursor, Digest, Entry, ImportId, ImportRecord,
    ImportState, Load, Mark, Ordinal, Passed, Place, Planned, Reply, RowSet, WallTime,
};
use bulkhaul::target::{Overrides, Profile, Target};
use divan::{Bencher, black_box};
use std::collections::BTreeMap;
use std::sync::Arc;

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

fn csv_text() -> Vec<u8> {
    let note = |id| if id % 2 == 0 { "\"called, left a message\"" } else { "naïve café owner" };
    let row = |id| format!("{id},Customer {id},c{id}@example.com,Zürich,{}\n", note(id));
    let rows: String = (0..ROWS).map(row).collect();
    format!("id,name,email,city,note\n{rows}").into_bytes()
}

fn ndjson_text() -> Vec<u8> {
    let row = |id| {
        format!(
            "{{\"id\":{id},\"name\":\"Customer {id}\",\"email\":\"c{id}@example.com\",\"city\":\"Zürich\"}}\n"
        )
    };
    (0..ROWS).map(row).collect::<String>().into_bytes()
}

fn source(text: &[u8], format: Format) -> Source {
    let reader: Box<dyn std::io::Read + Send> = Box::new(std::io::Cursor::new(text.to_vec()));
    Source::over(vec![("rows".into(), reader)], &Layout::new(format)).unwrap()
}

fn target(toml: Option<&str>) -> Arc<Target> {
    let profile = match toml {
        None => Profile::for_url("http://127.0.0.1:1/", None, Some("Idempotency-Key"), None, "POST").unwrap(),
        Some(toml) => Profile::parse("bench.toml", toml, &|_| None).unwrap(),
    };
    Arc::new(Target::compile(&profile, &BTreeMap::new(), &[], &Overrides::default()).unwrap())
}

fn assembler(target: Arc<Target>) -> Arc<Assembler> {
    let limits = BatchLimits { rows: ROWS as u64, bytes: 16 << 20 };
    Arc::new(Assembler::new(target, ImportId::fixed("bench", 1), limits))
}

/// Reads all rows, and renders nothing beyond the row.
fn frame(bencher: Bencher<'_, '_>, text: &[u8], format: Format) {
    bencher.with_inputs(|| (source(text, format), Vec::with_capacity(1 << 20))).bench_local_values(
        |(mut source, mut into)| {
            while !matches!(source.next(&mut into).unwrap(), Step::End) {}
            into
        },
    );
}

#[divan::bench]
fn framing_csv(bencher: Bencher<'_, '_>) {
    frame(bencher, &csv_text(), Format::Csv { delimiter: b',' });
}

#[divan::bench]
fn framing_ndjson(bencher: Bencher<'_, '_>) {
    frame(bencher, &ndjson_text(), Format::Ndjson);
}

fn rows() -> Vec<(Mark, Vec<u8>)> {
    let text = ndjson_text();
    let mut source = source(&text, Format::Ndjson);
    let mut rows = Vec::new();
    loop {
        let mut row = Vec::new();
        match source.next(&mut row).unwrap() {
            Step::Row { mark, .. } => rows.push((mark, row)),
            _ => return rows,
        }
    }
}

fn render(bencher: Bencher<'_, '_>, target: Arc<Target>) {
    let (assembler, rows) = (assembler(target), rows());
    bencher.bench_local(|| {
        let mut body = assembler.open(None);
        for (mark, text) in &rows {
            assembler.add(&mut body, *mark, black_box(text)).unwrap();
        }
        assembler.close(body, None)
    });
}

#[divan::bench]
fn rendering_a_row_that_passes(bencher: Bencher<'_, '_>) {
    render(bencher, target(None));
}

const FIVE_FIELDS: &str = r#"
[profile]
version = 1
name = "five"
[request]
method = "POST"
url = "http://127.0.0.1:1/"
format = "json"
body = '''"${rows}"'''
item = '''{"key":"${row:/id}","who":"${row:/name}","mail":"${row:/email}","to":{"city":"${row:/city}","again":"${row:/id}"}}'''
[[response]]
when = { status = ["2xx"] }
then = "ok"
"#;

#[divan::bench]
fn rendering_a_template_of_five_fields(bencher: Bencher<'_, '_>) {
    render(bencher, target(Some(FIVE_FIELDS)));
}

fn load() -> Load {
    let assembler = assembler(target(None));
    let rows = rows();
    let mut body = assembler.open(None);
    for (mark, text) in &rows {
        assembler.add(&mut body, *mark, text).unwrap();
    }
    assembler.close(body, None).unwrap()
}

#[divan::bench]
fn hashing_body_and_key(bencher: Bencher<'_, '_>) {
    let (assembler, load) = (assembler(target(None)), load());
    bencher.with_inputs(|| load.clone()).bench_local_values(|load| assembler.identify(load));
}

/// All of the forming thread: read, frame, render, cut, hash.
#[divan::bench]
fn forming_a_batch(bencher: Bencher<'_, '_>) {
    let (assembler, text) = (assembler(target(None)), csv_text());
    let former = || {
        let source = source(&text, Format::Csv { delimiter: b',' });
        Former::new(source, Arc::clone(&assembler), ["rows".to_owned()].into(), None)
    };
    bencher.with_inputs(former).bench_local_values(|mut former| {
        let event = former.form(1, WallTime::default());
        assert!(matches!(event, Event::Formed(_)));
        event
    });
}

fn reply(body: String) -> Reply {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Reply { status: 200, headers, body: body.into(), body_state: BodyState::Whole }
}

#[divan::bench]
fn reading_an_answer_that_says_yes(bencher: Bencher<'_, '_>) {
    let (target, load, reply) = (target(None), load(), reply("{}".to_owned()));
    bencher.bench_local(|| target.read(black_box(&load), &reply, WallTime::default()));
}

/// One result for each row, named by its id.
#[divan::bench]
fn reading_an_answer_with_a_result_for_each_row(bencher: Bencher<'_, '_>) {
    let profile = Profile::builtin("orders-batch").unwrap();
    let values = [("base", "http://127.0.0.1:1"), ("token", "t")];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let target = Target::compile(&profile, &BTreeMap::from(values), &[], &Overrides::default()).unwrap();
    let result = |id| format!("{{\"id\":{id},\"status\":\"ok\"}}");
    let results: Vec<String> = (0..ROWS).map(result).collect();
    let (load, reply) = (load(), reply(format!("{{\"results\":[{}]}}", results.join(","))));
    bencher.bench_local(|| target.read(black_box(&load), &reply, WallTime::default()));
}

fn planned(seq: u64) -> Planned {
    let hash = Digest::of(&seq.to_le_bytes());
    Planned {
        seq: BatchSeq(seq),
        parent: None,
        rank: BatchSeq(seq),
        generation: 0,
        rows: RowSet::range(Ordinal(seq), 1),
        start: Place::START,
        request: None,
        source_bytes: 100,
        key: BatchKey(hash),
        body_hash: hash,
        planned_at: WallTime::default(),
        may_have_left: true,
        row_attempts: 0,
        group_state: None,
        refusals: 0,
        doubtful: false,
        kept: false,
        close: Close::Rows,
        parked: None,
    }
}

/// So many batches planned in one commit, and their ends in a second, both synced: the disk's part is in it.
#[divan::bench(args = [1, 64])]
fn ledger_commits(bencher: Bencher<'_, '_>, batches: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut ledger =
        Ledger::open(&folder.path().join("ledger.db"), &folder.path().join("dead-letters.ndjson")).unwrap();
    let (id, identity) = (ImportId::fixed("bench", 1), Digest::of(b"bench"));
    ledger.begin(&ImportRecord { number: 1, id, identity, state: ImportState::Open }, "[]").unwrap();
    ledger.recover(1).unwrap();
    let mut next = 1;
    bencher.bench_local(|| {
        let seqs = next..next + batches;
        next += batches;
        let cursor = Cursor { place: Place::START, ordinal: Ordinal(next), chain: [0; 32] };
        let batches = seqs.clone().map(planned).collect();
        let (natural, refused, kept) = (vec![], vec![], vec![]);
        let plan = Entry::Plan {
            batches,
            natural,
            refused,
            cursor,
            kept,
            passed: Passed::default(),
            starts: Vec::new(),
        };
        ledger.apply(std::iter::once(&plan)).unwrap();
        let end = |seq| Entry::Finish {
            seq: BatchSeq(seq),
            end: BatchEnd { delivered: 1, ..BatchEnd::default() },
            refused: vec![],
            shown: None,
            children: vec![],
            kept: vec![],
            learned: None,
            report: None,
            blocked: vec![],
            begun: None,
        };
        let ends: Vec<Entry> = seqs.map(end).collect();
        ledger.apply(ends.iter()).unwrap();
    });
}

//! Memory is bounded by what is in flight, never by the size of the input.

use crate::support::{Bench, peak as peak_of, sink};
use std::io::{BufWriter, Write};

/// The most memory a run over `rows` rows held, in KiB, as the kernel counted it.
fn peak(rows: u64) -> u64 {
    let bench = Bench::new();
    let mut file = BufWriter::new(std::fs::File::create(bench.path("x.csv")).unwrap());
    writeln!(file, "id,city,note").unwrap();
    for row in 0..rows {
        writeln!(
            file,
            "{row},Zürich,\"a note of some length, so that a row has about a hundred bytes, {row}\""
        )
        .unwrap();
    }
    file.into_inner().unwrap();
    let url = format!("http://{}/", sink::start());
    let mut child = bench
        .start(&format!("send x.csv --to {url} --idempotency-header Idempotency-Key --progress none -q"));
    let peak = peak_of(&mut child);
    assert!(child.wait().unwrap().success());
    peak
}

#[test]
fn a_twenty_times_larger_input_needs_no_more_memory() {
    let (small, large) = (peak(50_000), peak(1_000_000));
    assert!(large < 64 * 1024, "{large} KiB");
    assert!(large < small + 16 * 1024, "{small} KiB, then {large} KiB");
}

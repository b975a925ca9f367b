//! Memory is bounded by what is in flight, never by the size of the input.

use crate::support::{Bench, sink};
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
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let held = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = held.unwrap_or(peak);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[test]
fn a_twenty_times_larger_input_needs_no_more_memory() {
    let (small, large) = (peak(50_000), peak(1_000_000));
    assert!(large < 64 * 1024, "{large} KiB");
    assert!(large < small + 16 * 1024, "{small} KiB, then {large} KiB");
}

//! Files that are too large to be hashed whole before they are read.

use super::rows;
use crate::support::Bench;
use crate::support::scripted::{Scripted, Step};

const OK: Step = Step::Says("200 OK", "", "{}");
const ROWS: usize = 68;

/// Rows of a megabyte.
fn large() -> Vec<u8> {
    let mut text = b"id,value\n".to_vec();
    for row in 0..ROWS {
        text.extend(format!("r{row:02},").bytes().chain(std::iter::repeat_n(b'a', 1_000_000)).chain(*b"\n"));
    }
    text
}

#[test]
fn the_rights_of_a_large_file_may_change_before_it_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with("x.csv", large());
    let server = Scripted::start(&[OK]);
    let send = format!("send x.csv --to {}/ --progress none --json", server.url);
    bench.run(&format!("{send} --limit 1")).exits(0);
    std::fs::set_permissions(bench.path("x.csv"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::rename(bench.path("x.csv"), bench.path("y.csv")).unwrap();
    std::fs::rename(bench.path("y.csv"), bench.path("x.csv")).unwrap();
    bench.run(&format!("{send} --limit 2")).exits(0);
    // Written to, it may be another one where nobody has looked.
    let file = std::fs::OpenOptions::new().write(true).open(bench.path("x.csv")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"b", 40_000_001).unwrap();
    bench.run(&format!("{send} --limit 3")).exits(6);
    bench.run(&format!("{send} --limit 3 --accept-new-tail")).exits(0);
}

/// The samples are the same, and so is the size: what was read tells.
#[test]
fn a_large_feed_that_was_read_to_its_end_makes_way_for_the_next_one() {
    let mut text = large();
    let bench = Bench::with("x.csv", &text);
    let steps = [vec![OK; ROWS - 1], vec![Step::Says("503 Busy", "retry-after: 7200\r\n", ""), OK]].concat();
    let server = Scripted::start(&steps);
    let sync = format!(
        "send x.csv --to {}/ --idempotency-header Idempotency-Key --sync id --state s --progress none --json -j 1 --max-wait",
        server.url
    );
    bench.run(&format!("{sync} 1s")).exits(4);
    let step = (text.len() - (2 << 20)) / 1024;
    text[(1 << 20) + 512 * step + 5000] = b'b';
    bench.write("x.csv", &text);
    let said = bench.run(&format!("{sync} 3h")).exits(0);
    let all = ROWS as u64;
    assert!(said.stderr.starts_with("first what the last run wrote down: "), "{said:?}");
    assert_eq!(rows(&said), [all, 1, 0, all - 1, 0]);
}

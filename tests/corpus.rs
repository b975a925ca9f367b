//! The inputs that fuzzing began with and found, played again: `tests/fuzz` says how to look for more.

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

use std::path::Path;

type Body = fn(&[u8]);

const TARGETS: [(&str, Body); 7] = [
    ("csv", bodies::csv),
    ("ndjson", bodies::ndjson),
    ("response", bodies::response),
    ("retry_after", bodies::retry_after),
    ("status_url", bodies::status_url),
    ("path_template", bodies::path_template),
    ("ledger", bodies::ledger),
];

#[test]
fn everything_that_fuzzing_kept_is_taken_well() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, body) in TARGETS {
        let mut played = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            let taken = std::panic::catch_unwind(|| body(&data));
            assert!(taken.is_ok(), "{}", path.display());
            // And every shorter one, as a cheap beginning of what a fuzzer does.
            for len in 0..data.len().min(200) {
                body(&data[..len]);
            }
            played += 1;
        }
        assert!(played > 1, "{name} has no corpus");
    }
}

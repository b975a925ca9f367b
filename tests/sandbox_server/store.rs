//! The file that remembers, and whose file it is.

use std::path::Path;

use bulkhaul::sandbox::{Options, Sandbox};

use super::Caller;

fn stored(path: &Path) -> Caller {
    Caller::to(Options { store: Some(path.to_owned()), ..Options::default() })
}

#[test]
fn a_store_opened_again_remembers_rows_keys_jobs_streams_and_sums() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.db");
    let event = r#"{"events":[{"type":"x"}],"metadata":{"actor":{"type":"a","id":"b"}}}"#;
    let before = stored(&path);
    let answer = before.post_keyed("/rows", "k", r#"[{"id":1.0}]"#);
    let job = before.post("/api/imports/batch", r#"{"items":[{"id":9}]}"#).json();
    before.get(job["status_url"].as_str().unwrap());
    before.post_keyed("/user/1", "e", event);
    let (truth, lines) = (before.truth(), before.lines());
    before.sandbox.stop();

    let after = stored(&path);
    assert_eq!((after.truth(), after.lines()), (truth, lines));
    let replay = after.post_keyed("/rows", "k", r#"[{"id":1.0}]"#);
    assert!(replay.replayed && replay.text == answer.text);
    assert_eq!(after.get("/user/1/length").json()["length"], 1);
    let polls = after.poll(job["status_url"].as_str().unwrap(), "/status").len();
    assert_eq!(after.applied(), 3);
    assert_eq!(after.truth()["requests"], 6 + polls);
}

#[test]
fn a_store_is_for_its_owner_alone() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        stored(&path).post("/rows", "[{}]");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_is_not_a_sandboxs_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "x".repeat(5000)).unwrap();
    let other = folder.path().join("ledger.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE rows (n)").unwrap();
    for path in [&text, &other, &folder.path().join("no/such/folder.db")] {
        let before = std::fs::read(path).ok();
        let options = Options { store: Some(path.clone()), ..Options::default() };
        let error = Sandbox::start(options).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert_eq!(std::fs::read(path).ok(), before);
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = Caller::plain();
    let port = first.sandbox.addr().port();
    let error = Sandbox::start(Options { port, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

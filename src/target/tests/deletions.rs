//! Rows that a feed no longer has are deleted by requests of their own.

use super::*;
use crate::model::{RowVerdict, Verdicts};
use crate::target::About;

fn request(target: &Target, row_text: &str) -> crate::model::Request {
    let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
    let context = row(row_text, 0);
    let about = About {
        key: &key,
        rows: 1,
        first_sent: NOW,
        timeout: std::time::Duration::from_secs(1),
        row: Some(&context),
        state: None,
        refusals: 0,
        import: 1,
    };
    target.request_about(load(target, &[row_text]).body().clone(), &about).unwrap()
}

#[test]
fn one_row_is_deleted_by_its_address_and_one_that_is_gone_is_deleted() {
    let target = plain(
        "[row]\nkey = \"/id\"\n[delete]\nmethod = \"DELETE\"\nrows = 1\nformat = \"empty\"\nurl = \"https://a.test/items/${row.key}\"\n",
    );
    let deletion = target.deletion().unwrap();
    assert_ne!(deletion.identity(), target.identity());
    let sent = request(deletion, r#"{"id":7,"name":"x"}"#);
    assert_eq!((sent.method.as_str(), sent.url.as_str()), ("DELETE", "https://a.test/items/7"));
    assert!(sent.body.is_empty() && sent.headers.is_empty());
    let load = load(deletion, &[r#"{"id":7}"#]);
    for status in [200, 202, 204, 404, 410] {
        let outcome = deletion.read(&load, &reply(status, ""), NOW);
        assert_eq!(outcome, Outcome::Settled(Verdicts::delivered()), "{status}");
    }
    assert!(matches!(deletion.read(&load, &reply(403, ""), NOW), Outcome::Stop { .. }));
    for status in [400, 409, 412, 422, 423] {
        let Outcome::Settled(verdicts) = deletion.read(&load, &reply(status, "no"), NOW) else { panic!() };
        assert!(matches!(verdicts.others, RowVerdict::Rejected(_)), "{status}");
    }
    assert!(matches!(deletion.read(&load, &reply(418, ""), NOW), Outcome::Puzzling { .. }));
    assert!(matches!(deletion.read(&load, &reply(500, ""), NOW), Outcome::Unknown { .. }));
    assert_eq!(
        deletion.item(&row(r#"{"id":"a/b"}"#, 0), &mut Vec::new()).unwrap_err().code,
        "bad_path_value"
    );
    assert!(deletion.deletion().is_none() && plain("").deletion().is_none());
}

#[test]
fn many_rows_are_deleted_together_and_answers_are_read_by_rules_of_their_own() {
    let target = plain(
        "[row]\nkey = \"/id\"\n[limits]\nrows = 500\n\
         [delete]\nrows = 2\nurl = \"https://a.test/archive\"\nbody = '''{\"ids\":\"${rows}\"}'''\nitem = '''\"${row.key|str}\"'''\n\
         [[delete.response]]\nwhen = { status = [204] }\nthen = \"ok\"\n\
         [[delete.response]]\nwhen = { status = [422] }\nthen = \"reject\"\n",
    );
    let deletion = target.deletion().unwrap();
    assert_eq!(body(deletion, &[r#"{"id":1}"#, r#"{"id":"b"}"#]), r#"{"ids":["1","b"]}"#);
    assert_eq!((deletion.limits().rows, target.limits().rows), (Some(2), Some(500)));
    let load = load(deletion, &[r#"{"id":1}"#]);
    let Outcome::Settled(verdicts) = deletion.read(&load, &reply(422, "no"), NOW) else { panic!() };
    assert!(matches!(verdicts.others, RowVerdict::Rejected(_)));
    // Of many, nobody knows which.
    assert!(matches!(deletion.read(&load, &reply(409, "no"), NOW), Outcome::Bisect { .. }));
    // No row in the address: a 404 may mean that the address is wrong.
    assert!(matches!(deletion.read(&load, &reply(404, ""), NOW), Outcome::Stop { .. }));
}

#[test]
fn what_a_deletion_lacks_is_told() {
    assert_eq!(
        errors(&format!(
            "{HEAD}{REQUEST}[delete]\nformat = \"empty\"\nmthod = \"DELETE\"\nurl = \"https://a.test/${{row:/id}}\"\n"
        )),
        "t.toml:7: a request without a body is of one row; write rows = 1, and name the row in the address\n\
         t.toml:8: unknown key `mthod` in [delete]; did you mean `method`?\n\
         t.toml:9: `${row:/id}` cannot stand here; here may stand ${param.…}, ${group:/…}, ${state.…}, ${step.…}, ${batch.key}, \
         ${batch.n} and ${batch.first_sent} (row fields only if `rows = 1` in [limits])"
    );
}

#[test]
fn built_ins_delete_as_their_vendors_say() {
    let elasticsearch = builtin("elasticsearch", &[("index", "things"), ("key", "id")]);
    let deletion = elasticsearch.deletion().unwrap();
    let sent = request(deletion, r#"{"id":7}"#);
    assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", "http://localhost:9200/things/_bulk"));
    assert_eq!(
        body(deletion, &[r#"{"id":7}"#, r#"{"id":"b"}"#]),
        "{\"delete\":{\"_id\":\"7\"}}\n{\"delete\":{\"_id\":\"b\"}}\n"
    );
    let load = load(deletion, &[r#"{"id":7}"#, r#"{"id":"b"}"#]);
    let read = |one: &str, other: &str| {
        let body = format!(r#"{{"errors":false,"items":[{{"delete":{one}}},{{"delete":{other}}}]}}"#);
        let Outcome::Settled(verdicts) = deletion.read(&load, &reply(200, &body), NOW) else {
            panic!("{body}")
        };
        verdicts
    };
    let gone = read(r#"{"status":200,"result":"deleted"}"#, r#"{"status":404,"result":"not_found"}"#);
    assert!(*gone.of(0) == RowVerdict::Delivered && *gone.of(1) == RowVerdict::Delivered);
    let refused = read(
        r#"{"status":400,"error":{"type":"bad_id","reason":"no"}}"#,
        r#"{"status":404,"error":{"type":"index_not_found_exception","reason":"no such index"}}"#,
    );
    assert!(matches!(refused.of(0), RowVerdict::Rejected(refusal) if refusal.code == "bad_id"));
    assert!(matches!(refused.of(1), RowVerdict::Retry { .. }));
    assert!(builtin("elasticsearch", &[("index", "things")]).deletion().is_none(), "by which id?");
    assert!(builtin("opensearch", &[("index", "things"), ("key", "id")]).deletion().is_some());

    let typesense = builtin("typesense", &[("collection", "things"), ("key", "id"), ("token", "t")]);
    let sent = request(typesense.deletion().unwrap(), r#"{"id":"a b"}"#);
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("DELETE", "http://localhost:8108/collections/things/documents/a%20b")
    );
    assert!(
        sent.body.is_empty()
            && sent.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("X-TYPESENSE-API-KEY"))
    );
}

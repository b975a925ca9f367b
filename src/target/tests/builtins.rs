//! What comes with the program works as it stands.

use super::*;
use crate::model::{RowVerdict, Verdicts};
use crate::target::{Attribution, OnAmbiguous, PerRequest, Scope};

/// Values for every parameter that any built-in requires.
const VALUES: [(&str, &str); 15] = [
    ("base", "https://a.test"),
    ("envelope", "rows"),
    ("actor_id", "me"),
    ("object", "profiles"),
    ("path", "/topups"),
    ("key", "id"),
    ("uuid", "u"),
    ("index", "i"),
    ("database", "d"),
    ("table", "t"),
    ("collection", "c"),
    ("class", "k"),
    ("app_id", "a"),
    ("app", "a"),
    ("token", "t0ken"),
];

fn any(name: &str) -> Target {
    let profile = Profile::builtin(name).unwrap();
    let known = |value: &&(&str, &str)| {
        profile.params().iter().any(|spec| spec.name == value.0 && spec.takes(value.1))
    };
    compiled(&profile, &VALUES.iter().filter(known).copied().collect::<Vec<_>>())
}

#[test]
fn every_builtin_loads_compiles_and_reads_any_answer_without_panic() {
    for name in Profile::builtin_names() {
        let text = Profile::builtin_text(name).unwrap();
        if let Err(errors) = Profile::parse(&format!("{name}.toml"), text, &|_| None) {
            panic!("{name}:\n{errors}");
        }
        let target = any(name);
        assert_eq!(target.name(), *name);
        let row = r#"{"id":1,"aggregate_type":"user","aggregate_id":"a","type":"x","uuid":"u","name":"n","email":"e",
            "0":1,"event":"x","properties":{},"metric":{},"values":[1],"timestamps":[1]}"#;
        let load = load(&target, &[row]);
        for status in 100..600 {
            for body in ["", "{}", "[]", "null", r#"{"status":"failed"}"#, "<html>"] {
                target.read(&load, &reply(status, body), NOW);
            }
        }
    }
    assert!(Profile::builtin("nobody").is_none());
}

#[test]
fn orders_atomic_removes_the_item_that_is_named_and_bisects_otherwise() {
    let target = any("orders-atomic");
    let named = read(&target, &reply(422, r#"{"status":"failed","error":"Item 2 invalid: no"}"#));
    let Outcome::Settled(verdicts) = named else { panic!("{named:?}") };
    assert_eq!(verdicts.others, RowVerdict::Resend);
    assert!(matches!(verdicts.listed.as_slice(), [(1, RowVerdict::Rejected(_))]));
    assert!(matches!(
        read(&target, &reply(422, r#"{"status":"failed","error":"One item is invalid"}"#)),
        Outcome::Bisect { .. }
    ));
    assert!(
        matches!(read(&target, &reply(200, r#"{"status":"ok","count":2}"#)), Outcome::Settled(v) if v == Verdicts::delivered())
    );
    for status in [200, 400] {
        let answer = reply(status, r#"{"error":"batch_too_large","message":"Maximum 1 items"}"#);
        assert!(matches!(read(&target, &answer), Outcome::Split { .. }), "{status}");
    }
    // What a success says is nowhere written; what cannot be read is none.
    for said in ["", " ", "{}", "[]", "null", r#"{"status":"success"}"#, r#"{"results":[]}"#] {
        let outcome = read(&target, &reply(201, said));
        assert!(matches!(outcome, Outcome::Settled(v) if v == Verdicts::delivered()), "{said}");
    }
    assert!(matches!(read(&target, &reply(200, r#"{"status":"#)), Outcome::Unknown { .. }));
}

#[test]
fn single_sends_the_row_itself_with_a_key_and_a_token_only_if_there_is_one() {
    let target = any("single");
    assert_eq!(body(&target, &[r#"{"id":1.0}"#]), r#"{"id":1.0}"#);
    assert!(target.passes_rows());
    assert_eq!((target.limits().rows, target.idempotency().scope), (Some(1), Scope::Row));
    assert_eq!(target.idempotency().on_ambiguous(), OnAmbiguous::Resend);
    assert_eq!(target.url_shown(), "https://a.test/topups");
    assert!(matches!(read(&target, &reply(404, "")), Outcome::Stop { .. }));
    let Outcome::Settled(verdicts) = read(&target, &reply(422, r#"{"code":"invalid","message":"no"}"#))
    else {
        panic!()
    };
    assert!(matches!(verdicts.others, RowVerdict::Rejected(ref refusal) if refusal.code == "invalid"));
}

#[test]
fn experiture_upsert_is_unique_by_its_match_key_and_finds_invalid_rows_by_halves() {
    let target = compiled(
        &Profile::builtin("experiture-upsert").unwrap(),
        &[("object", "profiles"), ("match_key", "phone")],
    );
    let group = target.group().unwrap();
    assert_eq!((group.by[0].as_str(), group.per_request, group.strict), ("/phone", PerRequest::Unique, true));
    assert_eq!(target.attribution(), Attribution::Bisect);
    assert_eq!(body(&target, &["{}"]), r#"{"records":[{}],"matchKey":"phone"}"#);
    assert_eq!(target.url_shown(), "https://api.experiture.ai/public/v1/records/profiles/upsert-batch");
    let too_many = r#"{"success":false,"error":{"code":"CDP_ETL.VALIDATION.REQUEST_INVALID","message":"too many records: at most 10000"}}"#;
    assert!(matches!(read(&target, &reply(400, too_many)), Outcome::Split { .. }));
    let schema = r#"{"error":{"code":"CDP_ETL.VALIDATION.REQUEST_SCHEMA","message":"x"}}"#;
    assert!(matches!(read(&target, &reply(400, schema)), Outcome::Stop { .. }));
}

#[test]
fn generic_profiles_post_to_base_itself_and_send_keys_only_if_told_where() {
    let plain = any("json-array");
    assert_eq!((plain.url_shown().as_str(), plain.idempotency().scope), ("https://a.test", Scope::None));
    assert_eq!(plain.idempotency().on_ambiguous(), OnAmbiguous::Hold);
    let keyed = builtin(
        "json-envelope",
        &[("base", "https://a.test/x/"), ("envelope", "it"), ("idempotency_header", "X-Key")],
    );
    assert_eq!((keyed.url_shown().as_str(), keyed.idempotency().scope), ("https://a.test/x/", Scope::Batch));
    assert_eq!(body(&keyed, &["{}"]), r#"{"it":[{}]}"#);
    assert!(matches!(read(&keyed, &reply(422, "x")), Outcome::Bisect { .. }));
}

#[test]
fn every_sandbox_profile_declares_that_keys_are_looked_up_first() {
    for name in Profile::builtin_names().iter().take(9) {
        assert!(any(name).idempotency().key_first, "{name}");
    }
}

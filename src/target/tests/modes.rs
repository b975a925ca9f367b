//! What lets one profile serve several ways of use: variants, credentials, members left out and spread.

use super::*;
use crate::model::{RowVerdict, Verdicts};
use crate::target::Scope;

const PARAMS: &str =
    "[params.key]\n[params.mode]\ndefault = \"a\"\n[params.user]\n[params.token]\nsecret = true\n";

fn with_params(rest: &str, values: &[(&str, &str)]) -> Target {
    let used = "query = { k = \"${param.key}\", m = \"${param.mode}\", u = \"${param.user}\", t = \"${param.token}\" }\n";
    target(&format!("{HEAD}{PARAMS}{REQUEST}{used}{rest}"), values)
}

fn address(target: &Target) -> String {
    let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
    target.request(Bytes::new(), &key, 1, NOW, std::time::Duration::from_secs(1)).unwrap().url
}

const VARIANT: &str = "[[variant]]\nonly_if = { key = true }\n[variant.idempotency]\nscope = \"natural\"\n\
                       [variant.limits]\nrows = 7\n[variant.group]\nby = \"${param.key}\"\n\
                       [[variant.response]]\nwhen = { status = [409] }\nthen = \"split\"\n";

#[test]
fn a_variant_lies_over_the_profile_where_its_condition_holds() {
    let rest = format!("[[response]]\nwhen = {{ status = [409] }}\nthen = \"bisect\"\n{VARIANT}");
    let plain = with_params(&rest, &[]);
    assert_eq!((plain.idempotency().scope, plain.limits().rows), (Scope::None, None));
    assert!(plain.group().is_none() && matches!(read(&plain, &reply(409, "")), Outcome::Bisect { .. }));
    let keyed = with_params(&rest, &[("key", "tenant, a/b")]);
    assert_eq!((keyed.idempotency().scope, keyed.limits().rows), (Scope::Natural, Some(7)));
    let by: Vec<&str> = keyed.group().unwrap().by.iter().map(crate::target::Pointer::as_str).collect();
    assert_eq!(by, ["/tenant", "/a~1b"]);
    assert!(matches!(read(&keyed, &reply(409, "")), Outcome::Split { .. }));
}

#[test]
fn conditions_compare_texts_lists_and_absence_and_later_variants_win() {
    let rest = "[[variant]]\nonly_if = { key = false }\n[variant.limits]\nrows = 1\n\
                [[variant]]\nonly_if = { mode = [\"b\", \"c\"] }\n[variant.limits]\nrows = 2\n\
                [[variant]]\nonly_if = { mode = \"c\", key = true }\n[variant.limits]\nrows = 3\n";
    let rows = |values: &[(&str, &str)]| with_params(rest, values).limits().rows;
    assert_eq!(rows(&[]), Some(1));
    assert_eq!(rows(&[("key", "x")]), None);
    assert_eq!(rows(&[("mode", "b")]), Some(2));
    assert_eq!(rows(&[("mode", "c"), ("key", "x")]), Some(3));
    assert_eq!(rows(&[("mode", "c")]), Some(2));
}

#[test]
fn what_is_wrong_in_a_variant_is_told_whether_it_is_chosen_or_not() {
    let told = errors(&format!(
        "{HEAD}[params.key]\n{REQUEST}query = {{ k = \"${{param.key}}\" }}\n\
         [[variant]]\nonly_if = {{ kex = true }}\n[variant.limits]\nrosw = 1\n[[variant]]\n[variant.row]\nkey = \"id\"\n"
    ));
    assert_eq!(
        told,
        "t.toml:9: `kex` names no parameter; did you mean ${param.key}?\n\
         t.toml:11: unknown key `rosw` in [limits]; did you mean `rows`?\n\
         t.toml:12: a [[variant]] needs `only_if`; as in only_if = { key = true }\n\
         t.toml:14: `id` is no JSON Pointer; it begins with a slash, as in `/id`"
    );
}

#[test]
fn of_several_credentials_the_first_counts_that_has_its_values() {
    let rest = "[[auth]]\nscheme = \"basic\"\nusername = \"${param.user}\"\npassword = \"${param.token}\"\n\
                [[auth]]\nscheme = \"bearer\"\ntoken = \"${param.token}\"\n";
    let sent = |values: &[(&str, &str)]| {
        let target = with_params(rest, values);
        let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
        let request = target.request(Bytes::new(), &key, 1, NOW, std::time::Duration::from_secs(1)).unwrap();
        request.headers.into_iter().find(|(name, _)| name == "authorization").map(|(_, value)| value)
    };
    assert_eq!(sent(&[]), None);
    assert_eq!(sent(&[("user", "me")]), None);
    assert_eq!(sent(&[("token", "t0ken")]).as_deref(), Some("Bearer t0ken"));
    assert_eq!(sent(&[("user", "me"), ("token", "t0ken")]).as_deref(), Some("Basic bWU6dDBrZW4="));
}

#[test]
fn headers_queries_and_members_without_a_value_are_left_out() {
    let rest = "body = '''{\"m\":\"${param.user?}\",\"rows\":\"${rows}\"}'''\n";
    let bare = with_params(rest, &[]);
    assert_eq!(address(&bare), "https://a.test/items?m=a");
    assert_eq!(body(&bare, &["{}"]), r#"{"rows":[{}]}"#);
    let full = with_params(rest, &[("user", "x"), ("key", "y")]);
    assert_eq!(address(&full), "https://a.test/items?k=y&m=a&u=x");
    assert_eq!(body(&full, &["{}"]), r#"{"m":"x","rows":[{}]}"#);
}

#[test]
fn a_row_spread_into_an_item_keeps_its_own_members() {
    let target = plain("item = '''{\"type\":\"track\",\"n\":\"${row:/n?}\",\"...\":\"${row}\"}'''\n");
    assert_eq!(body(&target, &["{}"]), r#"[{"type":"track"}]"#);
    assert_eq!(body(&target, &[r#"{"a": 1.0}"#]), r#"[{"type":"track","a":1.0}]"#);
    assert_eq!(body(&target, &[r#"{"ty\u0070e":"x","n":2}"#]), r#"[{"ty\u0070e":"x","n":2}]"#);
    let inner = plain("item = '''{\"p\":{\"id\":\"1\",\"...\":\"${row:/p}\"}}'''\n");
    assert_eq!(body(&inner, &[r#"{"p":{"q":[]}}"#]), r#"[{"p":{"id":"1","q":[]}}]"#);
    for (text, code) in [(r#"{"p":3}"#, "bad_value"), ("{}", "missing_field")] {
        let refusal = inner.item(&row(text, 0), &mut Vec::new()).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), (code, Some("/p")));
    }
    let told = errors(&format!("{HEAD}{REQUEST}item = '''{{\"...\":\"x\"}}'''\n"));
    assert!(told.starts_with("t.toml:6: the member `...` is not one field of a row; "), "{told}");
}

fn settled(outcome: Outcome) -> Verdicts {
    match outcome {
        Outcome::Settled(verdicts) => verdicts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_may_name_several_rows_and_silence_is_success_only_if_the_count_agrees() {
    let target = plain(
        "[[response]]\nwhen = { status = [200] }\nthen = \"results\"\nresults = \"r\"\n\
         [results.r]\nfrom = \"/bad\"\nmatch = { by = \"index\", at = \"/i\" }\ncovers = \"failed\"\nunlisted = \"ok\"\n\
         count_ok = \"/good\"\ncode = [\"/c\", \"/d\", \"none\"]\n",
    );
    let verdicts = settled(read(&target, &reply(200, r#"{"good":[],"bad":[{"i":[0,1],"d":"x"}]}"#)));
    assert!(matches!(verdicts.of(1), RowVerdict::Rejected(refusal) if refusal.code == "x"));
    let one = settled(read(&target, &reply(200, r#"{"good":1,"bad":[{"i":1,"c":""}]}"#)));
    assert_eq!(*one.of(0), RowVerdict::Delivered);
    assert!(matches!(one.of(1), RowVerdict::Rejected(refusal) if refusal.code == "none"));
    for bad in [
        r#"{"good":[1,2],"bad":[{"i":0}]}"#,
        r#"{"good":[],"bad":[]}"#,
        r#"{"good":1,"bad":[{"i":[]}]}"#,
        r#"{"good":0,"bad":[{"i":[0,2]}]}"#,
    ] {
        assert!(matches!(read(&target, &reply(200, bad)), Outcome::Misfit { .. }), "{bad}");
    }
}

#[test]
fn prose_is_read_by_expressions() {
    let target = plain(
        "[[response]]\nwhen = { status = [400] }\nthen = \"results\"\nresults = \"r\"\n\
         [[response]]\nwhen = { status = [500], text = \"busy\" }\nthen = \"retry\"\napplied = \"none\"\n\
         [[response]]\nwhen = { status = [500] }\nthen = \"retry\"\n\
         [results.r]\nfrom = \"\"\nas = \"text\"\nmatch = { by = \"regex\", pattern = 'row (?<index>\\d+)', base = 1 }\n\
         covers = \"failed\"\nunlisted = \"resend\"\ncode = { regex = 'Code: (\\d+)' }\n",
    );
    let verdicts = settled(read(&target, &reply(400, "Code: 27: \"bad\" at row 2")));
    assert_eq!(*verdicts.of(0), RowVerdict::Resend);
    let RowVerdict::Rejected(refusal) = verdicts.of(1) else { panic!() };
    assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("27", "Code: 27: \"bad\" at row 2"));
    assert!(matches!(read(&target, &reply(400, "at row 3")), Outcome::Puzzling { .. }));
    assert!(matches!(read(&target, &reply(500, "busy")), Outcome::NotApplied { .. }));
    assert!(matches!(read(&target, &reply(500, "x")), Outcome::Unknown { .. }));
}

#[test]
fn rows_of_other_members_are_told_apart_where_it_matters() {
    let target = plain("[limits]\nuniform_keys = true\n");
    let of = |text: &str| target.key_set(&row(text, 0));
    assert_eq!(of(r#"{"a":1,"b":2}"#), of(r#"{"\u0062":0,"a":[]}"#));
    assert_ne!(of(r#"{"a":1}"#), of(r#"{"a":1,"b":2}"#));
    assert_ne!(of(r#"{"ab":1}"#), of(r#"{"a":1,"b":2}"#));
    assert!(of("{}").is_some() && plain("").key_set(&row("{}", 0)).is_none());
}

#[test]
fn an_entry_that_repeats_a_row_is_about_that_row() {
    let target = plain(
        "[[response]]\nwhen = { status = [200] }\nthen = \"results\"\nresults = \"r\"\n\
         [results.r]\nfrom = \"/left\"\nmatch = { by = \"echo\", at = \"/put\", fields = [\"t\", \"/id\"] }\n\
         covers = \"unprocessed\"\nunlisted = \"ok\"\n",
    );
    let rows = [r#"{"t":1,"id":1}"#, r#"{"id":"1","t":"1"}"#, r#"{"t":1,"id":2}"#];
    assert_eq!(apart(&target, &rows), [true, false, true], "it is all of them that tell rows apart");
    let load = load(&target, &[r#"{"t":"a","id":1}"#, r#"{"t":"b","id":"2","x":3}"#]);
    let of = |body: &str| target.read(&load, &reply(200, body), NOW);
    let verdicts = settled(of(r#"{"left":[{"put":{"id":"2","t":"b"}}]}"#));
    assert_eq!((verdicts.of(0), verdicts.of(1)), (&RowVerdict::Delivered, &RowVerdict::Resend));
    for bad in
        [r#"{"left":[{"put":{"id":2,"t":"a"}}]}"#, r#"{"left":[{"put":{"t":"a"}}]}"#, r#"{"left":[{}]}"#]
    {
        assert!(matches!(of(bad), Outcome::Misfit { .. }), "{bad}");
    }
}

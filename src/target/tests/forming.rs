//! Bytes are exact: what a row says is what is sent, and nothing that it says can mean anything else.

use super::*;
use crate::model::{BatchKey, Digest, Rejection};
use crate::target::{About, GroupState};
use proptest::prelude::*;
use std::time::Duration;

const TEN: Duration = Duration::from_secs(10);

fn key() -> BatchKey {
    BatchKey(Digest([0xab; 32]))
}

/// A request of this row alone.
fn of_row<'a>(key: &'a BatchKey, row: &'a RowContext<'a>) -> About<'a> {
    About { key, rows: 1, first_sent: NOW, timeout: TEN, row: Some(row), state: None, refusals: 0, import: 1 }
}

fn item(template: &str, row_text: &str) -> Result<String, Rejection> {
    let target = plain(&format!("item = '''{template}'''\n"));
    let mut body = b"kept".to_vec();
    let done = target.item(&row(row_text, 3), &mut body);
    let text = String::from_utf8(body).unwrap();
    assert!(text.starts_with("kept") && (done.is_ok() || text == "kept"));
    done.map(|()| text[4..].to_owned())
}

#[test]
fn a_row_that_is_passed_on_keeps_every_byte() {
    let target = plain("");
    assert!(target.passes_rows());
    let text = r#"{"b":9007199254740993,"a":1.0,"a":1e400,"k" : "ü\u00fc"}"#;
    assert_eq!(body(&target, &[text, "{}"]), format!("[{text},{{}}]"));
    assert_eq!(target.closing_len(), 1);
}

#[test]
fn a_placeholder_alone_copies_the_value_and_in_a_text_it_is_escaped() {
    let text = r#"{"n":9007199254740993,"f":1.0,"s":"a\"b\u0041","o":{"x":[1, 2]},"z":null,"t":true}"#;
    assert_eq!(
        item(
            r#"{"n":"${row:/n}","f":"${row:/f}","s":"${row:/s}","o":"${row:/o}","x":"${row:/o/x/1}"}"#,
            text
        )
        .unwrap(),
        r#"{"n":9007199254740993,"f":1.0,"s":"a\"b\u0041","o":{"x":[1, 2]},"x":2}"#
    );
    assert_eq!(
        item(r#"["<${row:/s}>","${row:/n}-${row:/t}","${row:/z}","[${row:/z}]","${row:/o} "]"#, text)
            .unwrap(),
        r#"["<a\"bA>","9007199254740993-true",null,"[]","{\"x\":[1, 2]} "]"#
    );
}

#[test]
fn a_field_that_lacks_refuses_the_row_unless_it_may() {
    let refusal = item(r#"{"a":"${row:/a}"}"#, r#"{"b":1}"#).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("missing_field", Some("/a")));
    assert_eq!(
        item(r#"{"a":"${row:/a?}","b":"${row:/b}","c":"${row:/c?}"}"#, r#"{"b":1}"#).unwrap(),
        r#"{"b":1}"#
    );
    assert_eq!(item(r#"{"a":"${row:/a?}"}"#, "{}").unwrap(), "{}");
    assert_eq!(
        item(r#"{"a":"${row:/a|default:x}","n":"${row:/n|default:5|int}"}"#, "{}").unwrap(),
        r#"{"a":"x","n":5}"#
    );
}

#[test]
fn filters_change_what_they_say_and_refuse_what_does_not_fit() {
    let text = r#"{"n":"12","f":1.50,"s":"a b","d":"2026-01-01T00:00:00Z","l":"äöü"}"#;
    assert_eq!(
        item(
            r#"["${row:/n|int}","${row:/f|str}","${row:/s|url}","${row:/s|b64}","${row:/s|hex}","${row:/d|epoch_s}","${row:/l|max:2}","${row:/d|imf}"]"#,
            text
        )
        .unwrap(),
        r#"[12,"1.50","a%20b","YSBi","612062",1767225600,"äö","Thu, 01 Jan 2026 00:00:00 GMT"]"#
    );
    let times = r#"["${row:/s|epoch_ms}","${row:/ms|epoch_ms}","${row:/ms|epoch_s}","${row:/s|rfc3339}","${row:/s|imf}"]"#;
    assert_eq!(
        item(times, r#"{"s":1767225600.5,"ms":1767225600500}"#).unwrap(),
        r#"[1767225600500,1767225600500,1767225600,"2026-01-01T00:00:00Z","Thu, 01 Jan 2026 00:00:00 GMT"]"#
    );
    for day in [r#"{"d":"20260101"}"#, r#"{"d":"1767225600"}"#, r#"{"d":true}"#] {
        assert_eq!(item(r#""${row:/d|epoch_s}""#, day).unwrap_err().code, "bad_value", "{day}");
    }
    assert_eq!(item(r#""${row:/s|int}""#, text).unwrap_err().code, "bad_value");
    assert_eq!(item(r#""${row:/s|bool}""#, text).unwrap_err().code, "bad_value");
}

#[test]
fn rows_have_a_number_a_key_and_an_idempotency_key() {
    assert_eq!(item(r#"["${row.n}","${row.n|str}","${row.key}"]"#, "{}").unwrap(), r#"[3,"3",3]"#);
    let one = item(r#""${row.idem}""#, "{}").unwrap();
    assert_eq!((one.len(), one.clone()), (38, item(r#""${row.idem}""#, "{}").unwrap()));
    assert_ne!(one, item(r#""${row.idem}""#, r#"{"a":1}"#).unwrap());
}

#[test]
fn of_two_members_of_one_name_the_last_counts_and_escaped_names_are_names() {
    assert_eq!(item(r#""${row:/a}""#, r#"{"a":1,"\u0061":2,"b":3}"#).unwrap(), "2");
    assert_eq!(item(r#""${row:/x~1y~0}""#, r#"{"x/y~":1}"#).unwrap(), "1");
}

#[test]
fn lines_end_and_a_row_stays_on_its_line() {
    let target = plain("format = \"ndjson\"\n");
    assert_eq!(body(&target, &["{\"a\":\r\n1}", "{}"]), "{\"a\":  1}\n{}\n");
    let two = plain("format = \"ndjson\"\nitems = ['''{\"i\":\"${row:/a}\"}''', '''\"${row}\"''']\n");
    assert_eq!(body(&two, &["{\"a\":\n1}", "{\"a\":2}"]), "{\"i\":1}\n{\"a\": 1}\n{\"i\":2}\n{\"a\":2}\n");
    assert!(!two.passes_rows());
}

#[test]
fn parameters_fill_bodies_and_addresses_and_a_slash_is_not_doubled() {
    let text = format!(
        "{HEAD}[params.base]\n[params.w]\n[params.n]\ndefault = \"5\"\n\
         [request]\nurl = \"${{param.base}}/x/${{param.w}}\"\nquery = {{ q = \"a&${{param.w}}\" }}\n\
         body = '''{{\"w\":\"${{param.w}}\",\"n\":\"${{param.n|int}}\",\"rows\":\"${{rows}}\"}}'''\n"
    );
    let target = target(&text, &[("base", "https://a.test/"), ("w", "q\"b")]);
    assert_eq!(body(&target, &["{}"]), r#"{"w":"q\"b","n":5,"rows":[{}]}"#);
    let request = target.request(Bytes::new(), &key(), 1, NOW, TEN).unwrap();
    assert_eq!(request.url, "https://a.test/x/q%22b?q=a%26q%22b");
    assert_eq!(request.method, "POST");
}

#[test]
fn a_secret_is_sent_and_never_shown() {
    let target = builtin("orders-batch", &[("base", "http://a.test"), ("token", "s3cret")]);
    let request = target.request(Bytes::new(), &key(), 1, NOW, TEN).unwrap();
    let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(header("authorization"), "Bearer s3cret");
    assert_eq!(header("idempotency-key"), target.key_text(&key()));
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(target.url_shown(), "http://a.test/api/orders/batch");
    assert_eq!(target.secrets(), ["s3cret"]);
    let Outcome::Stop { why, hint, .. } = read(&target, &reply(401, r#"{"error":"s3cret is wrong"}"#)) else {
        panic!()
    };
    assert_eq!(why, r#"the target answered 401: {"error":"*** is wrong"}"#);
    assert_eq!(hint.as_deref(), Some("check the token: parameter `token`, from $ORDERS_TOKEN"));
}

#[test]
fn without_a_token_the_header_is_left_out_and_given_headers_win() {
    let profile = Profile::builtin("ndjson").unwrap();
    let values = [("base".to_owned(), "http://a.test/x".to_owned())].into();
    let given = [("Content-Type".to_owned(), "text/plain".to_owned(), false)];
    let target = Target::compile(&profile, &values, &given, &Overrides::default()).unwrap();
    let request = target.request(Bytes::new(), &key(), 1, NOW, TEN).unwrap();
    assert_eq!(request.headers, [("content-type".to_owned(), "text/plain".to_owned())]);
    assert_eq!(request.url, "http://a.test/x");
    assert!(!target.idempotency().honoured());
}

#[test]
fn keys_are_printed_in_every_form() {
    let of = |form: &str| {
        plain(&format!("[idempotency]\nscope = \"batch\"\nsend = {{ header = \"K\" }}\nkey = {form}\n"))
            .key_text(&key())
    };
    assert_eq!(of("{ format = \"uuid\" }"), "abababab-abab-4bab-abab-abababababab");
    assert_eq!(of("{ format = \"hex\" }"), "ab".repeat(32));
    assert_eq!(of("{ format = \"base32\" }").len(), 52);
    assert_eq!(of("{ format = \"uuid\", quoted = true }"), "\"abababab-abab-4bab-abab-abababababab\"");
}

fn single() -> Target {
    plain(
        "query = { by = \"${row:/id}\" }\n[limits]\nrows = 1\n[idempotency]\nscope = \"row\"\n\
         send = { header = \"K\" }\nkey = { template = \"order-${row:/id}\", format = \"raw\" }\n",
    )
}

#[test]
fn a_natural_key_comes_from_the_row_and_grows_with_its_refusals() {
    let target = single();
    let context = row(r#"{"id":7}"#, 0);
    assert_eq!(target.natural_key(&context).unwrap().as_deref(), Some("order-7"));
    let key = key();
    let about = |refusals| About { refusals, ..of_row(&key, &context) };
    let sent = |refusals| target.request_about(Bytes::new(), &about(refusals)).unwrap();
    assert_eq!(sent(0).headers.last().unwrap().1, "order-7");
    assert_eq!(sent(1).headers.last().unwrap().1, "order-7~2");
    let of_import = |import, refusals| {
        let about = About { import, ..about(refusals) };
        target.request_about(Bytes::new(), &about).unwrap().headers.pop().unwrap().1
    };
    assert_eq!((of_import(2, 0).as_str(), of_import(3, 1).as_str()), ("order-7~i2", "order-7~i3~2"));
    assert_eq!(sent(0).url, "https://a.test/items?by=7");
    assert_eq!(target.item(&row("{}", 0), &mut Vec::new()).unwrap_err().code, "missing_field");
    assert_eq!(target.item(&row(r#"{"id":"ü"}"#, 0), &mut Vec::new()).unwrap_err().code, "bad_key");
}

#[test]
fn a_key_that_a_row_brings_along_is_the_one_in_its_item_and_in_the_address() {
    let keys = "[limits]\nrows = 1\n[idempotency]\nscope = \"row\"\nkey = { template = \"m-${row:/id}\", format = \"raw\" }\n";
    let (key, context) = (key(), row(r#"{"id":7}"#, 0));
    for (shape, wanted) in [
        (
            "body = TQ{\"rows\":\"${rows}\"}TQ\nitem = TQ{\"k\":\"${row.idem}\",\"...\":\"${row}\"}TQ\n",
            r#"{"rows":[{"k":"KEY","id":7}]}"#,
        ),
        ("body = TQ{\"k\":\"x:${row.idem}\"}TQ\n", r#"{"k":"x:KEY"}"#),
        ("format = \"ndjson\"\nitem = TQ{\"k\":\"${row.idem}\"}TQ\n", "{\"k\":\"KEY\"}\n"),
        ("format = \"text\"\nitem = \"${row.idem} ${row:/id}\"\n", "KEY 7\n"),
        ("rows_as = \"object\"\nobject_key = \"${row.idem}\"\n", r#"{"KEY":{"id":7}}"#),
        ("items = [TQ{\"a\":1}TQ, TQ{\"k\":\"${row.idem}\"}TQ]\n", r#"[{"a":1},{"k":"KEY"}]"#),
    ] {
        let target =
            plain(&format!("headers = {{ Row = \"${{row.idem}}\" }}\n{}{keys}", shape.replace("TQ", "'''")));
        let formed = body(&target, &[r#"{"id":7}"#]);
        assert_eq!(formed, wanted.replace("KEY", "m-7"), "{shape}");
        for (refusals, import, own) in [(0, 1, "m-7"), (2, 1, "m-7~3"), (0, 2, "m-7~i2")] {
            let about = About { refusals, import, ..of_row(&key, &context) };
            let sent = target.request_about(Bytes::from(formed.clone()), &about).unwrap();
            assert_eq!(sent.body, wanted.replace("KEY", own), "{shape}");
            assert!(sent.headers.contains(&("row".to_owned(), own.to_owned())), "{:?}", sent.headers);
            assert_eq!(target.key_shown(&about).unwrap(), own);
        }
        assert_eq!(target.item(&row("{}", 0), &mut Vec::new()).unwrap_err().code, "missing_field");
    }
}

#[test]
fn a_key_may_stand_in_the_body_and_is_made_of_the_body_without_it() {
    let keys =
        "[idempotency]\nscope = \"batch\"\nsend = { body = \"/meta/key\" }\nkey = { format = \"uuid\" }\n";
    let target =
        plain(&format!("body = '''{{\"meta\":{{\"v\":1}},\"rows\":\"${{rows}}\",\"end\":true}}'''\n{keys}"));
    let zeros =
        r#"{"meta":{"v":1,"key":"00000000-0000-4000-8000-000000000000"},"rows":[{},{"a":1}],"end":true}"#;
    assert_eq!(body(&target, &["{}", r#"{"a":1}"#]), zeros);
    let sent = target.request(Bytes::from(zeros), &key(), 2, NOW, TEN).unwrap();
    let real = zeros.replace("00000000-0000-4000-8000-000000000000", "abababab-abab-4bab-abab-abababababab");
    assert_eq!(sent.body, real);
    assert!(target.request(Bytes::from("{}"), &key(), 2, NOW, TEN).is_err());
    assert!(target.idempotency().honoured());

    let one = plain(&format!(
        "body = '''{{\"phone\":\"${{row:/phone}}\"}}'''\n[limits]\nrows = 1\n{}",
        keys.replace("/meta/key", "/reference")
    ));
    let text = r#"{"phone":"+49"}"#;
    let plain_body = body(&one, &[text]);
    assert_eq!(plain_body, r#"{"phone":"+49","reference":"00000000-0000-4000-8000-000000000000"}"#);
    let context = row(text, 0);
    let (state, key) = (GroupState::new(), key());
    let about = About { state: Some(&state), ..of_row(&key, &context) };
    let sent = one.request_about(Bytes::from(plain_body), &about).unwrap();
    assert_eq!(sent.body, r#"{"phone":"+49","reference":"abababab-abab-4bab-abab-abababababab"}"#);

    for (body, at) in
        [("\"${rows}\"", "/key"), (r#"{"r":"${rows}"}"#, "/a/b"), (r#"{"r":"${rows}"}"#, "/r/b")]
    {
        let told = errors(&format!("{HEAD}{REQUEST}body = '''{body}'''\n{}", keys.replace("/meta/key", at)));
        assert!(told.contains(&format!("t.toml:6: the body has no object at {at} for the key; ")), "{told}");
    }
}

#[test]
fn a_value_in_the_path_never_leaves_its_segment() {
    let text = format!(
        "{HEAD}[request]\nurl = \"https://a.test/x/${{group:/id}}\"\n[group]\nby = [\"/id\"]\nper_request = \"one\"\n"
    );
    let target = target(&text, &[]);
    let long = format!("{:?}", "x".repeat(257));
    for bad in [
        r#""""#,
        r#""..""#,
        r#"".""#,
        r#""a/b""#,
        r#""a\\b""#,
        r#""%2e""#,
        r#""a?b""#,
        r#""a#b""#,
        r#""a\nb""#,
        &long,
    ] {
        let refusal = target.item(&row(&format!(r#"{{"id":{bad}}}"#), 0), &mut Vec::new()).unwrap_err();
        assert_eq!(
            (refusal.code.as_str(), refusal.field.as_deref()),
            ("bad_path_value", Some("/id")),
            "{bad}"
        );
    }
    let context = row(r#"{"id":"a b:ü"}"#, 0);
    let (state, key) = (GroupState::new(), key());
    let about = About { state: Some(&state), ..of_row(&key, &context) };
    let request = target.request_about(Bytes::new(), &about).unwrap();
    assert_eq!(request.url, "https://a.test/x/a%20b%3A%C3%BC");
}

proptest! {
    #[test]
    fn no_value_can_break_out_of_a_template(value in ".{0,30}", name in "[a-z]{1,5}") {
        let text = serde_json::json!({ name.clone(): value.clone() }).to_string();
        let template = format!(r#"{{"a":"${{row:/{name}}}","b":"x${{row:/{name}}}y"}}"#);
        let made: serde_json::Value = serde_json::from_str(&item(&template, &text).unwrap()).unwrap();
        prop_assert_eq!(made["a"].as_str().unwrap(), &value);
        prop_assert_eq!(made["b"].as_str().unwrap(), format!("x{value}y"));
    }
}

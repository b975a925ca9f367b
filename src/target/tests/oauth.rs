//! A token is asked for as RFC 6749 §4.4 says, over https, and no secret is told.

use super::*;
use crate::model::StopKind;
use crate::target::Token;
use std::collections::BTreeMap;
use std::time::Duration;

const TEN: Duration = Duration::from_secs(10);
const PARAMS: &str = "[params.id]\n[params.secret]\nsecret = true\n";

fn profile(rest: &str) -> String {
    format!(
        "{HEAD}{PARAMS}{REQUEST}[auth]\nscheme = \"oauth2_client_credentials\"\n\
         token_url = \"https://login.test/oauth/token\"\nclient_id = \"${{param.id}}\"\n\
         client_secret = \"${{param.secret}}\"\n{rest}"
    )
}

fn client(rest: &str) -> Target {
    target(&profile(rest), &[("id", "me:1"), ("secret", "s3cret/+")])
}

#[test]
fn the_clients_credentials_go_in_the_header_or_in_the_body() {
    let request = client("scope = \"rows.write all\"\nextra = { audience = \"https://a.test/\" }\n")
        .token_request(TEN)
        .unwrap();
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://login.test/oauth/token"));
    assert_eq!(
        std::str::from_utf8(&request.body).unwrap(),
        "grant_type=client_credentials&scope=rows.write%20all&audience=https%3A%2F%2Fa.test%2F"
    );
    let word = crate::target::tests::base64("me%3A1:s3cret%2F%2B");
    assert!(request.headers.contains(&("authorization".to_owned(), format!("Basic {word}"))));
    let request = client("credentials = \"body\"\n").token_request(TEN).unwrap();
    assert!(!request.headers.iter().any(|(name, _)| name == "authorization"));
    assert_eq!(
        std::str::from_utf8(&request.body).unwrap(),
        "grant_type=client_credentials&client_id=me%3A1&client_secret=s3cret%2F%2B"
    );
}

#[test]
fn a_token_goes_into_every_request_and_is_never_shown() {
    let target = client("");
    let token =
        target.read_token(&reply(200, r#"{"access_token":"abc.def","expires_in":3600}"#), NOW).unwrap();
    assert_eq!(token.expires_in, Some(Duration::from_secs(3600)));
    assert!(!format!("{token:?}").contains("abc"));
    let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
    let mut request = target.request(Bytes::new(), &key, 1, NOW, TEN).unwrap();
    assert!(!request.headers.iter().any(|(name, _)| name == "authorization"));
    target.authorize(&mut request, &token);
    target.authorize(&mut request, &token);
    let sent: Vec<&str> =
        request.headers.iter().filter(|(n, _)| n == "authorization").map(|(_, v)| v.as_str()).collect();
    assert_eq!(sent, ["Bearer abc.def"]);
    let hidden = token.hidden(with(reply(400, "no abc.def!"), "x", "abc.def"));
    assert_eq!((&hidden.body[..], hidden.header("x")), (&b"no ***!"[..], Some("***")));
}

#[test]
fn answers_without_a_token_are_waited_for_or_stop_and_tell_no_secret() {
    let target = client("");
    let of = |reply: &Reply| *target.read_token(reply, NOW).unwrap_err();
    for (status, body) in [
        (200, "{}"),
        (200, "<html>"),
        (200, r#"{"access_token":"a b"}"#),
        (200, r#"{"access_token":"a\nb"}"#),
        (200, r#"{"access_token":["x"]}"#),
        (503, ""),
        (408, ""),
    ] {
        let outcome = of(&with(reply(status, body), "retry-after", "3"));
        assert!(
            matches!(outcome, Outcome::NotApplied { wait, .. } if wait == Some(Duration::from_secs(3))),
            "{status} {body}"
        );
    }
    assert!(matches!(of(&reply(429, "")), Outcome::Throttled { .. }));
    for status in [302, 400, 401, 403, 404] {
        let said = r#"{"error":"invalid_client","error_description":"not s3cret%2F%2B"}"#;
        let Outcome::Stop { kind: StopKind::Refused, why, hint } = of(&reply(status, said)) else { panic!() };
        assert_eq!(why, format!("no token was given ({status}): invalid_client: not ***"));
        assert_eq!(hint.as_deref(), Some("check the token: parameter `secret`"));
    }
    let lasting = target.read_token(&reply(200, r#"{"access_token":"x","expires_in":"90"}"#), NOW).unwrap();
    assert_eq!(lasting, Token { value: "x".into(), expires_in: Some(Duration::from_secs(90)) });
    for odd in ["-1", "null", "\"soon\"", "{}"] {
        let body = format!(r#"{{"access_token":"x","expires_in":{odd}}}"#);
        assert_eq!(target.read_token(&reply(200, &body), NOW).unwrap().expires_in, None, "{odd}");
    }
}

#[test]
fn a_token_is_asked_for_over_https_or_on_this_machine_only() {
    let told = |url: &str| {
        let text = profile("").replace("https://login.test/oauth/token", url);
        let profile = Profile::parse("t.toml", &text, &|_| None).unwrap();
        let values =
            BTreeMap::from([("id".to_owned(), "a".to_owned()), ("secret".to_owned(), "b".to_owned())]);
        Target::compile(&profile, &values, &[], &Overrides::default()).err().map(|errors| errors.to_string())
    };
    for good in ["https://login.test/x", "http://127.0.0.1:8/x", "http://localhost/x", "http://[::1]:8/x"] {
        assert_eq!(told(good), None, "{good}");
    }
    for (bad, why) in [
        ("http://login.test/x", "is not https"),
        ("http://127.0.0.1.evil.test/", "is not https"),
        ("https://me:pw@login.test/", "holds credentials"),
        ("https://login.test/#x", "holds a fragment"),
        ("login.test", "is no address"),
        ("ftp://login.test", "is no address"),
    ] {
        assert!(told(bad).unwrap().contains(why), "{bad}: {:?}", told(bad));
    }
}

#[test]
fn without_the_clients_secret_or_with_a_header_of_the_callers_own_no_token_is_asked_for() {
    assert!(!target(&profile(""), &[("id", "x")]).wants_token());
    let parsed = Profile::parse("t.toml", &profile(""), &|_| None).unwrap();
    let values = BTreeMap::from([("id".to_owned(), "a".to_owned()), ("secret".to_owned(), "b".to_owned())]);
    let given = [("Authorization".to_owned(), "Bearer x".to_owned(), true)];
    let target = Target::compile(&parsed, &values, &given, &Overrides::default()).unwrap();
    assert!(target.token_request(TEN).is_none());
    let told = errors(&profile("tokn = 1\n").replace("client_secret = \"${param.secret}\"\n", ""));
    assert_eq!(
        told,
        "t.toml:5: parameter `secret` is never used; use it as ${param.secret}, or take it out\n\
         t.toml:10: [auth] needs `client_secret`\n\
         t.toml:13: unknown key `tokn` in [auth]; it takes client_id, client_secret, credentials, extra, scheme, scheme_prefix, scope, token_url"
    );
}

//! What stands in a profile and does nothing, hides something, or follows from another mistake.

use super::*;

#[test]
fn a_rule_of_results_or_of_a_job_s_end_or_of_deletions_that_nothing_reaches_is_an_error() {
    let response = "[[response]]\nwhen = { status = [200] }\nthen = \"results\"\nresults = \"r\"\n";
    let rules = |first: &str, second: &str| {
        format!(
            "{HEAD}{REQUEST}{response}[results.r]\nfrom = \"/r\"\nmatch = {{ by = \"position\" }}\n[[results.r.rule]]\n\
             {first}then = \"ok\"\n[[results.r.rule]]\n{second}then = \"reject\"\n"
        )
    };
    let error = "when = { json = { \"/s\" = \"error\" } }\n";
    let told = "t.toml:15: no entry reaches this rule: the one at line 13 takes them all; put it before the other, or take it out";
    assert_eq!(errors(&rules("", error)), told);
    let told = told.replace("15", "16");
    for first in [
        error,
        "when = { json = { \"/s\" = [\"error\", \"bad\"] } }\n",
        "when = { text = 'x', json = { \"/s\" = \"error\" } }\n",
    ] {
        let second = "when = { text = 'x', json = { \"/s\" = \"error\", \"/t\" = 1 } }\n";
        assert_eq!(errors(&rules(first, second)), told, "{first}");
    }
    for (first, second) in [
        (error, ""),
        (error, "when = { json = { \"/s\" = [\"error\", \"bad\"] } }\n"),
        (error, "when = { json = { \"/s\" = { regex = 'err' } } }\n"),
        (error, "when = { json = { \"/t\" = \"error\" } }\n"),
        ("when = { text = 'x' }\n", "when = { text = 'y' }\n"),
    ] {
        target(&rules(first, second), &[]);
    }
    let end = "[[response]]\nwhen = { status = [202] }\nthen = \"job\"\n[job]\nurl_from = \"/u\"\nstate = \"/s\"\n\
               [job.end.done]\nalso = [\"over\"]\nthen = \"ok\"\n[[job.end.done.rule]]\nwhen = {}\nthen = \"reject\"\n\
               [[job.end.done.rule]]\nwhen = { json = { \"/e\" = 1 } }\nthen = \"in_doubt\"\n";
    let told = errors(&format!("{HEAD}{REQUEST}{end}"));
    assert_eq!(
        told,
        "t.toml:18: no answer reaches this rule: the one at line 15 takes them all; put it before the other, or take it out"
    );
    let deletes = |status: &str| {
        format!(
            "{HEAD}{REQUEST}[delete]\nurl = \"https://a.test/d\"\n[[delete.response]]\nwhen = {{ status = [{status}] }}\n\
             then = \"ok\"\n[[delete.response]]\nwhen = {{ status = [409] }}\nthen = \"retry\"\n"
        )
    };
    assert!(errors(&deletes("\"4xx\"")).starts_with("t.toml:11: no answer reaches this rule"));
    // What is refused where nothing is said is nobody's rule, and may be hidden.
    target(&deletes("\"2xx\", 400, 412, 422, 423"), &[]);
}

#[test]
fn a_member_that_stands_twice_is_an_error_wherever_json_is_written() {
    let told = "the member `n` stands twice in one object; keep one of the two";
    let twice = "{\"n\":\"${row:/a}\",\"b\":[1,{\"c\":2}],\"n\":\"${row:/b}\"}";
    let nested = "{\"a\":[0,{\"n\":1,\"\\u006e\":2}]}".replace("\\u006e", "n");
    for item in [twice, &nested] {
        assert_eq!(
            errors(&format!("{HEAD}{REQUEST}item = '''{item}'''\n")),
            format!("t.toml:6: {told}"),
            "{item}"
        );
    }
    let escaped = "item = '''{\"n\":1,\"\\u006e\":2}'''\n";
    assert!(errors(&format!("{HEAD}{REQUEST}{escaped}")).contains("stands twice"));
    let body = "body = '''{\"n\":1,\"rows\":\"${rows}\",\"n\":2}'''\n";
    assert_eq!(errors(&format!("{HEAD}{REQUEST}{body}")), format!("t.toml:6: {told}"));
    let keyed = "[idempotency]\nscope = \"batch\"\nsend = { body = \"/key\" }\n";
    assert_eq!(errors(&format!("{HEAD}{REQUEST}{body}{keyed}")), format!("t.toml:6: {told}"));
    let items = format!("items = ['''{{\"a\":1}}''', '''{twice}''']\n");
    assert!(errors(&format!("{HEAD}{REQUEST}{items}")).contains(told));
    plain("item = '''{\"n\":{\"n\":[{\"n\":1},{\"n\":1}]}}'''\n");
}

#[test]
fn what_does_nothing_in_a_match_is_an_error() {
    let reader = |rest: &str| {
        format!(
            "{HEAD}{REQUEST}[[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n\
             [results.r]\nfrom = \"\"\nmatch = {{ {rest} }}\n"
        )
    };
    for (by, keys) in [
        ("by = \"position\"", ["at = \"/i\"", "row = \"/id\"", "base = 1", "prefix = \"x\""]),
        (
            "by = \"index\", at = \"/i\"",
            ["row = \"/id\"", "pattern = '(?<id>x)'", "fields = [\"a\"]", "missing = \"position\""],
        ),
        (
            "by = \"id\", at = \"/i\", row = \"/id\"",
            ["base = 1", "pattern = 'zz'", "fields = [\"/q\"]", "fields = []"],
        ),
        (
            "by = \"regex\", pattern = '(?<index>x)'",
            ["row = \"/id\"", "prefix = \"x\"", "fields = [\"a\"]", "missing = \"position\""],
        ),
        (
            "by = \"echo\", fields = [\"a\"]",
            ["row = \"/id\"", "base = 1", "prefix = \"x\"", "pattern = '(?<id>x)'"],
        ),
    ] {
        let word = by.split('"').nth(1).unwrap();
        for key in keys {
            let name = key.split(' ').next().unwrap();
            let told = format!("t.toml:12: `{name}` does nothing with by = \"{word}\"; take it out");
            assert_eq!(errors(&reader(&format!("{by}, {key}"))), told, "{by} {key}");
        }
    }
}

#[test]
fn a_natural_key_that_no_request_shows_is_an_error() {
    let profile = |item: &str, more: &str| {
        format!(
            "{HEAD}{REQUEST}{item}[limits]\nrows = 1\n[idempotency]\nscope = \"row\"\nkey.template = \"m-${{row:/id}}\"\n{more}"
        )
    };
    assert_eq!(
        errors(&profile("", "")),
        "t.toml:10: a key is made by this template, and no request shows it; put ${row.idem} into `item` where the API looks for a \
         row's key, or say in `send` where it goes"
    );
    target(&profile("item = '{\"k\":\"${row.idem}\"}'\n", ""), &[]);
    target(&profile("headers = { K = \"${batch.key}\" }\n", ""), &[]);
    target(&profile("", "send = { query = \"k\" }\n"), &[]);
    let many = format!("{HEAD}{REQUEST}[idempotency]\nscope = \"row\"\nkey.template = \"m-${{row:/id}}\"\n");
    assert!(
        errors(&many)
            .contains("t.toml:8: the key is made from a row, but a request may have many; write rows = 1")
    );
}

#[test]
fn what_follows_from_a_mistake_is_not_told_beside_it() {
    assert_eq!(
        errors(&format!(
            "{HEAD}{REQUEST}[[response]]\nwhen = {{ status = [\"2xy\"] }}\nthen = \"ok\"\n[[response]]\nwhen = {{ status = [200] }}\n\
             then = \"ok\"\n[[response]]\nwhen = {{ text = '(' }}\nthen = \"ok\"\n"
        )),
        "t.toml:7: `status` holds what is no status; write statuses as in 409, \"5xx\" or \"200-299\"\n\
         t.toml:13: `(` is no regular expression: error: unclosed group"
    );
    assert_eq!(
        errors(&format!(
            "{HEAD}[params.t]\nsecret = true\n{REQUEST}[auth]\nscheme = \"bearr\"\ntoken = \"${{param.t}}\"\n[group]\nby = [\"a\"]\n\
             [flow]\nreset = {{ name = \"R\", unit = \"minutes\" }}\n"
        ))
        .lines()
        .map(|line| line.split(';').next().unwrap().split(" in [").next().unwrap())
        .collect::<Vec<_>>(),
        [
            "t.toml:9: `scheme = \"bearr\"`",
            "t.toml:12: `a` is no JSON Pointer",
            "t.toml:14: `unit = \"minutes\"`",
        ]
    );
    assert!(errors(&format!("{HEAD}{REQUEST}[group]\nby = []\n")).contains("[group] needs `by`"));
}

#[test]
fn a_question_about_a_request_of_several_rows_is_hinted_at_where_answers_refuse_single_ones() {
    let told = |text: &str| {
        let profile = Profile::parse("t.toml", &format!("{HEAD}{REQUEST}{text}"), &|_| None).unwrap();
        profile
            .hints()
            .iter()
            .map(ToString::to_string)
            .any(|hint| hint.contains("not which of its rows were taken"))
    };
    let verify = "[verify]\nurl = \"https://a.test/v/${batch.key}\"\napplied = { status = [200] }\nnot_applied = { status = [404] }\n";
    let reader = "[results.r]\nfrom = \"\"\nmatch = { by = \"position\" }\n";
    let results =
        format!("[[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n{reader}");
    let job = format!(
        "[[response]]\nwhen = {{ status = [202] }}\nthen = \"job\"\n[job]\nurl_from = \"/u\"\nstate = \"/s\"\n[job.end.done]\n\
         then = \"results\"\nresults = \"r\"\n{reader}"
    );
    for answers in [&results, &job] {
        assert!(told(&format!("{answers}{verify}")));
        assert!(!told(answers) && !told(&format!("[limits]\nrows = 1\n{answers}{verify}")));
    }
    assert!(!told(verify));
}

#[test]
fn what_cannot_be_meant_is_an_error_with_a_remedy() {
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}[retry]\nbase = \"10s\"\nmax = \"1s\"\n")),
        "t.toml:7: `base`, the first wait, is longer than `max`, the longest; make `max` longer"
    );
    let base = |rest: &str| format!("{HEAD}[params.base]\n{rest}[request]\nurl = \"${{param.base}}/x\"\n");
    assert_eq!(
        errors(&base("required = true\ndefault = \"http://a.test/\"\n")),
        "t.toml:6: parameter `base` is required, and has a default; take out one of the two: with a default it always has a value\n\
         t.toml:6: the default of `base` ends in a slash; take it off: what is put behind it begins with one"
    );
    let parent = base("required = true\n");
    let child =
        "[profile]\nversion = 1\nname = \"c\"\nextends = \"p\"\n[params.base]\ndefault = \"http://a.test\"\n";
    Profile::parse("c.toml", child, &|_| Some(parent.clone())).unwrap();
}

#[test]
fn a_secret_is_named_and_never_typed_into_a_header() {
    let told = "the header `Authorization` holds a secret in plain text; declare a parameter with `env`, as in [params.token], \
                and write [auth] with scheme = \"bearer\" and token = \"${param.token}\"";
    let typed = "headers = { Authorization = \"Bearer abc\" }\n";
    assert_eq!(errors(&format!("{HEAD}{REQUEST}{typed}")), format!("t.toml:6: {told}"));
    let step = format!("[[before]]\nname = \"s\"\nurl = \"https://a.test/s\"\n{typed}");
    assert_eq!(errors(&format!("{HEAD}{REQUEST}{step}")), format!("t.toml:9: {told}"));
    let named = typed.replace("abc", "${param.t}");
    target(&format!("{HEAD}[params.t]\nsecret = true\n{REQUEST}{named}"), &[("t", "x")]);
}

#[test]
fn a_mistyped_method_is_an_error_and_one_of_the_api_s_own_is_not() {
    let told = |line: u32| format!("t.toml:{line}: `POTS` is no known method; did you mean POST?");
    assert_eq!(errors(&format!("{HEAD}{REQUEST}method = \"POTS\"\n")), told(6));
    let verify = "applied = { status = [200] }\nnot_applied = { status = [404] }\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}[verify]\nurl = \"https://a.test/v\"\nmethod = \"POTS\"\n{verify}")),
        told(8)
    );
    let step = "[[after]]\nname = \"s\"\nurl = \"https://a.test/s\"\nmethod = \"POTS\"\n";
    assert_eq!(errors(&format!("{HEAD}{REQUEST}{step}")), told(9));
    for own in ["MERGE", "QUERY", "PROPFIND", "PURGE"] {
        plain(&format!("method = \"{own}\"\n"));
    }
}

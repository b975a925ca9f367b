//! What is well written and cannot be meant is an error, with its line and a remedy.

use super::*;

#[test]
fn a_reader_that_nothing_uses_is_an_error_unless_a_variant_or_another_reader_does() {
    let reader = "[results.r]\nfrom = \"\"\nmatch = { by = \"position\" }\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{reader}")),
        "t.toml:6: nothing uses the reader `r`; name it in a [[response]], or take it out"
    );
    let rule = "when = { status = [200] }\nthen = \"results\"\nresults = \"r\"\n";
    plain(&format!("{reader}[[response]]\n{rule}"));
    target(
        &format!(
            "{HEAD}[params.k]\n{REQUEST}query = {{ k = \"${{param.k}}\" }}\n{reader}\
             [[variant]]\nonly_if = {{ k = true }}\n[[variant.response]]\n{rule}"
        ),
        &[],
    );
    plain(&format!(
        "{reader}also = [\"s\"]\n[results.s]\nfrom = \"\"\nmatch = {{ by = \"position\" }}\n[[response]]\n{rule}"
    ));
}

#[test]
fn a_rule_that_no_answer_reaches_is_an_error() {
    let rules = |first: &str, second: &str| {
        format!(
            "{HEAD}{REQUEST}[[response]]\nwhen = {first}\nthen = \"ok\"\n[[response]]\nwhen = {second}\nthen = \"abort\"\n"
        )
    };
    let told = "t.toml:9: no answer reaches this rule: the one at line 6 takes them all; \
                put it before the other, or take it out";
    for (first, second) in [
        ("{ status = [\"2xx\"] }", "{ status = [202] }"),
        ("{ status = [\"2xx\", 400] }", "{ status = [\"200-204\", 400], text = \"x\" }"),
        ("{}", "{ status = [404] }"),
        ("{ status = [200] }", "{ status = [200], sends = \"one\" }"),
        ("{ status = [200], sends = \"one\" }", "{ status = [200], sends = \"one\", text = \"x\" }"),
    ] {
        assert_eq!(errors(&rules(first, second)), told, "{first} {second}");
    }
    for (first, second) in [
        ("{ status = [200], text = \"x\" }", "{ status = [200] }"),
        ("{}", "{ status = [503] }"),
        ("{ status = [200, 201] }", "{ status = [\"2xx\"] }"),
        ("{ status = [200], sends = \"one\" }", "{ status = [200] }"),
    ] {
        target(&rules(first, second), &[]);
    }
}

#[test]
fn what_is_captured_is_used_and_what_is_used_is_captured() {
    let told = errors(
        "[profile]\nversion = 1\nname = \"t\"\n[group]\nby = [\"/g\"]\nper_request = \"one\"\n[group.state.fetch]\n\
         url = \"https://a.test/${group:/g}\"\ncapture = { length = \"/l\", other = \"/o\" }\n\
         [request]\nurl = \"https://a.test/x\"\nbody = '''{\"l\":\"${state.length}\",\"v\":\"${state.version}\",\"r\":\"${rows}\"}'''\n",
    );
    assert_eq!(
        told,
        "t.toml:9: `other` is captured, and never used; use it as ${state.…}, or take it out\n\
         t.toml:12: `${state.version}` is never captured; capture it: capture = { version = \"/…\" } in [group.state.fetch]"
    );
}

#[test]
fn a_group_field_in_an_address_is_the_same_for_all_rows_of_a_request() {
    let profile = |group: &str| format!("{HEAD}[request]\nurl = \"https://a.test/${{group:/g}}\"\n{group}");
    assert_eq!(
        errors(&profile("")),
        "t.toml:5: `${group:/g}` without [group]; write [group] with by = [\"/g\"]"
    );
    assert_eq!(
        errors(&profile("[group]\nby = [\"/h\"]\nper_request = \"one\"\n")),
        "t.toml:5: `${group:/g}` is not in `by` of [group]; add it there"
    );
    assert_eq!(
        errors(&profile("[group]\nby = [\"/g\"]\n")),
        "t.toml:5: `${group:/g}` differs among the rows of a request; write per_request = \"one\" in [group]"
    );
    target(&profile("[group]\nby = [\"/g\"]\nper_request = \"one\"\n"), &[]);
}

#[test]
fn verbs_that_need_a_table_say_so() {
    let rule = "[[response]]\nwhen = { status = [409] }\nthen = \"refetch\"\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{rule}")),
        "t.toml:6: then = \"refetch\" without [group.state]; say in [group.state] what is read, and how"
    );
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}[idempotency]\non_ambiguous = \"verify\"\n")),
        "t.toml: on_ambiguous = \"verify\" without [verify]; say in [verify] how one asks whether a request was applied"
    );
}

#[test]
fn a_job_is_led_to_and_what_names_it_is_used() {
    let job = |url: &str| {
        format!(
            "[job]\nid = \"/id\"\nurl = \"https://a.test/{url}\"\nstate = \"/s\"\n[job.end.done]\nthen = \"ok\"\n"
        )
    };
    let rule = "[[response]]\nwhen = { status = [202] }\nthen = \"job\"\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{}", job("${job.id}"))),
        "t.toml:6: no [[response]] leads to this job; write one with then = \"job\", or take it out"
    );
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{rule}{}", job("latest"))),
        "t.toml:10: `id` is captured, and never used; use it as ${job.id} in `url`, or take it out"
    );
    plain(&format!("{rule}{}", job("${job.id}")));
}

#[test]
fn an_id_beside_ok_is_of_a_request_with_one_row() {
    let rule = "[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\nid = \"/id\"\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{rule}")),
        "t.toml:6: `id` names one row, and a request may hold several; write rows = 1 in [limits], or read each row's id in [results]"
    );
    plain(&format!("[limits]\nrows = 1\n{rule}"));
}

#[test]
fn keys_that_go_with_another_verb_say_so() {
    let rule =
        |then: &str| format!("{HEAD}{REQUEST}[[response]]\nwhen = {{ status = [200] }}\nthen = {then}\n");
    let reader = "[results.r]\nfrom = \"\"\nmatch = { by = \"position\" }\n";
    for (then, told) in [
        (
            "\"ok\"\nresults = \"r\"",
            "t.toml:9: `results` goes with then = \"results\"; take it out, or write that",
        ),
        ("\"reject\"\nid = \"/id\"", "t.toml:9: `id` goes with then = \"ok\"; take it out, or write that"),
        (
            "\"reject\"\nlearn = { rows = '(\\d+)' }",
            "t.toml:9: `learn` goes with then = \"split\"; take it out, or write that",
        ),
        (
            "\"split\"\nlearn = { rows = 'Maximum' }",
            "t.toml:9: `rows` captures no number; write an expression with a group: 'Maximum (\\d+) items'",
        ),
        ("\"retry\"\nwait = 5", "t.toml:9: `wait` in [[response]] must be text, not a whole number"),
    ] {
        let told_now = errors(&format!("{}{}", rule(then), if then.contains("\"r\"") { reader } else { "" }));
        assert_eq!(told_now, told, "{then}");
    }
}

#[test]
fn no_value_becomes_part_of_the_host() {
    let url = |url: &str| {
        format!("{HEAD}[limits]\nrows = 1\n[params.base]\nrequired = true\n[request]\nurl = \"{url}\"\n")
    };
    let told = "t.toml:9: a value would become part of the host; put a slash before it";
    for bad in ["${param.base}${row:/id}", "${param.base}.${row:/id}", "${param.base}:${row:/id}/x"] {
        assert_eq!(errors(&url(bad)), told, "{bad}");
    }
    target(&url("${param.base}/${row:/id}"), &[("base", "https://a.test")]);
}

#[test]
fn questions_need_an_address() {
    let told = errors(&format!("{HEAD}{REQUEST}[verify]\napplied = {{ status = [200] }}\n"));
    assert_eq!(
        told,
        "t.toml:6: [verify] needs `url`; as in url = \"${param.base}/items/${batch.key}\"\n\
         t.toml:6: [verify] needs `not_applied`; as in not_applied = { status = [200] }"
    );
    let state = "[group]\nby = [\"/g\"]\n[group.state.fetch]\ncapture = { v = \"/v\" }\n";
    let body = "body = '''{\"v\":\"${state.v}\",\"r\":\"${rows}\"}'''\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{body}{state}")),
        "t.toml:9: [group.state.fetch] needs `url`; as in url = \"${param.base}/${group:/id}/version\""
    );
}

#[test]
fn a_child_may_hide_what_its_parent_says() {
    let parent = format!(
        "{HEAD}{REQUEST}[[response]]\nwhen = {{ status = [409] }}\nthen = \"results\"\nresults = \"r\"\n\
         [results.r]\nfrom = \"\"\nmatch = {{ by = \"position\" }}\n"
    );
    let child = "[profile]\nversion = 1\nname = \"c\"\nextends = \"p\"\n\
                 [[response]]\nwhen = { status = [\"4xx\"] }\nthen = \"abort\"\n";
    Profile::parse("c.toml", child, &|_| Some(parent.clone())).unwrap();
}

#[test]
fn hints_tell_what_could_be_better_said() {
    let profile = Profile::parse("t.toml", &format!("{HEAD}{REQUEST}"), &|_| None).unwrap();
    let told: Vec<String> = profile.hints().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3);
    assert!(told[0].starts_with("t.toml: it sends no keys"), "{}", told[0]);
    for name in Profile::builtin_names().iter().take(6) {
        assert!(Profile::builtin(name).unwrap().hints().is_empty(), "{name}");
    }
    for name in Profile::builtin_names() {
        let refuses =
            |hint: &crate::target::ProfileError| hint.message.contains("is a refusal, whatever it says");
        assert!(!Profile::builtin(name).unwrap().hints().iter().any(refuses), "{name}");
    }
    let reader = "[[response]]\nwhen = { status = [200] }\nthen = \"results\"\nresults = \"r\"\n[results.r]\nfrom = \"\"\n\
                  match = { by = \"position\" }\n[[results.r.rule]]\nwhen = { json = { \"/ok\" = true } }\nthen = \"ok\"\n";
    let told = Profile::parse("t.toml", &format!("{HEAD}{REQUEST}{reader}"), &|_| None).unwrap().hints();
    assert!(
        told.iter().any(|hint| hint.message.contains("no rule of [results.r] reads is a refusal")),
        "{told:?}"
    );
}

#[test]
fn keys_of_rows_that_no_request_shows_are_hinted_at_with_their_line() {
    let told = |more: &str| {
        let text = format!("{HEAD}{REQUEST}{more}");
        let hints = Profile::parse("t.toml", &text, &|_| None).unwrap().hints();
        hints.iter().map(ToString::to_string).find(|hint| hint.contains("may be applied twice"))
    };
    let scope = "[idempotency]\nscope = \"row\"\n";
    let hint = told(scope).unwrap();
    assert!(hint.starts_with("t.toml:7: scope = \"row\", and no request shows its rows' keys"), "{hint}");
    assert!(hint.contains("; put ${row.idem} into `item`"), "{hint}");
    assert_eq!(told(&format!("item = '{{\"id\":\"${{row.idem}}\"}}'\n{scope}")), None);
    assert_eq!(told(&format!("[limits]\nrows = 1\n{scope}send = {{ header = \"Key\" }}\n")), None);
    assert_eq!(told("[idempotency]\nscope = \"natural\"\n"), None);
    for name in Profile::builtin_names() {
        let hints = Profile::builtin(name).unwrap().hints();
        assert!(!hints.iter().any(|hint| hint.message.contains("may be applied twice")), "{name}");
    }
}

#[test]
fn a_header_that_frames_the_body_or_says_something_else_is_no_place_for_a_profile_or_a_key() {
    let keys = |header: &str| {
        format!("{HEAD}{REQUEST}[idempotency]\nscope = \"batch\"\nsend = {{ header = \"{header}\" }}\n")
    };
    for header in ["Content-Length", "host", "Transfer-Encoding", "Content-Encoding", "Connection", "TE"] {
        let told = errors(&format!("{HEAD}{REQUEST}headers = {{ \"{header}\" = \"5\" }}\n"));
        assert!(told.contains(&format!("the header `{header}` is nobody's to set")), "{told}");
        let told = errors(&keys(header));
        assert!(told.contains("is nobody's to set"), "{told}");
        let auth = format!("[auth]\nscheme = \"header\"\nname = \"{header}\"\nvalue = \"x\"\n");
        assert!(errors(&format!("{HEAD}{REQUEST}{auth}")).contains("is nobody's to set"));
    }
    for header in ["Content-Type", "authorization", "Cookie"] {
        assert!(errors(&keys(header)).contains("can carry no key"), "{header}");
    }
    plain("headers = { \"Content-Type\" = \"application/x-own\" }\n");
    plain("[idempotency]\nscope = \"batch\"\nsend = { header = \"X-Request-Key\" }\n");
}

#[test]
fn a_key_that_all_requests_would_share_is_an_error() {
    let keyed = |template: &str| {
        format!(
            "{HEAD}[params.run]\nrequired = true\n{REQUEST}query = {{ r = \"${{param.run}}\" }}\n[limits]\nrows = 1\n[idempotency]\n\
             scope = \"batch\"\nsend = {{ header = \"Idempotency-Key\" }}\nkey = {{ template = \"{template}\", format = \"raw\" }}\n"
        )
    };
    let told = "t.toml:14: all requests would have this key, and the target would carry out the first alone; \
                put ${batch.key} into it, or where rows = 1 a field of the row: ${row:/id}";
    for shared in ["import-7", "${param.run}"] {
        assert_eq!(errors(&keyed(shared)), told, "{shared}");
    }
    for own in ["import-${batch.key}", "${param.run}-${row:/id}", "${row.idem}"] {
        target(&keyed(own), &[("run", "r")]);
    }
}

#[test]
fn a_key_for_each_row_is_not_sent_once_for_many() {
    let profile = |rows: &str, send: &str| {
        format!(
            "{HEAD}{REQUEST}item = '{{\"i\":\"${{row.idem}}\"}}'\n{rows}[idempotency]\nscope = \"row\"\n{send}"
        )
    };
    let send = "send = { header = \"Idempotency-Key\" }\n";
    assert_eq!(
        errors(&profile("", send)),
        "t.toml:8: the target is to keep a key for each row, and one is sent with all rows of a request; \
         write rows = 1 in [limits], or scope = \"batch\"; or take `send` out, and put ${row.idem} into `item`"
    );
    target(&profile("[limits]\nrows = 1\n", send), &[]);
    target(&profile("", ""), &[]);
}

#[test]
fn halves_are_sent_again_only_where_that_doubles_nothing() {
    let profile = |more: &str| format!("{HEAD}{REQUEST}{more}[attribution]\nrows = \"bisect\"\n");
    for doubling in ["", "[idempotency]\nscope = \"batch\"\nsend = { header = \"K\" }\n"] {
        let told = errors(&profile(doubling));
        assert!(
            told.contains(
                "halves are sent again, and rows that were taken would be doubled; write rows = \"batch\""
            ),
            "{told}"
        );
    }
    for harmless in [
        "[idempotency]\nscope = \"natural\"\n",
        "[idempotency]\nscope = \"row\"\n",
        "[group]\nby = [\"/id\"]\nper_request = \"unique\"\n",
    ] {
        target(&profile(harmless), &[]);
    }
}

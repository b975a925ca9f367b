//! Wrong profiles are found when they are read, all that is wrong at once, with line and remedy.

use super::*;
use std::collections::BTreeMap;

#[test]
fn everything_wrong_is_told_at_once_with_its_line_and_a_remedy() {
    let text = r#"[profile]
version = 1
name = "t"
[request]
metod = "POST"
url = "https://a.test/${row:/id}"
item = '''{"a":"${rwo:/x}","b":"${param.nothing}"}'''
[limits]
rows = "many"
[[response]]
when = { status = [99] }
then = "shrug"
"#;
    assert_eq!(
        errors(text),
        "t.toml:5: unknown key `metod` in [request]; did you mean `method`?\n\
         t.toml:6: `${row:/id}` cannot stand here; here may stand ${param.…}, ${group:/…}, ${state.…}, ${step.…}, ${batch.key}, \
         ${batch.n} and ${batch.first_sent} (row fields only if `rows = 1` in [limits])\n\
         t.toml:7: unknown placeholder `${rwo:/x}`; it is one of ${rows}, ${row}, ${row:/field}, ${row:/field?}, \
         ${row.key}, ${row.n}, ${row.idem}, ${group:/field}, ${state.x}, ${step.x}, ${param.x}, ${param.x?}, ${job.id}, ${batch.key}, \
         ${batch.n}, ${batch.first_sent}\n\
         t.toml:7: `${param.nothing}` names no parameter; declare it with [params.nothing]\n\
         t.toml:9: `rows` in [limits] must be a whole number, not text\n\
         t.toml:11: `status` holds what is no status; write statuses as in 409, \"5xx\" or \"200-299\"\n\
         t.toml:12: `then = \"shrug\"` in [[response]] is not known; it is one of ok, results, job, retry, throttle, \
         split, bisect, reject, exists, duplicate, refetch, reauth, in_doubt, pause, abort"
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = errors("[profile]\nversion = \n");
    assert!(told.starts_with("t.toml:2: not TOML: "), "{told}");
}

#[test]
fn unknown_tables_and_keys_are_errors_and_so_are_unused_parameters() {
    let told = errors(&format!("{HEAD}[params.x]\n[bogus]\n{REQUEST}"));
    assert_eq!(
        told,
        "t.toml:4: parameter `x` is never used; use it as ${param.x}, or take it out\n\
         t.toml:5: unknown key `bogus` in the profile; it takes after, attribution, auth, before, delete, flow, group, \
         idempotency, job, limits, params, profile, request, response, results, retry, row, variant, verify"
    );
}

#[test]
fn a_reader_that_is_not_there_is_an_error_where_it_is_named() {
    let text = format!(
        "{HEAD}{REQUEST}[[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"itms\"\n\
         [results.items]\nfrom = \"\"\nmatch = {{ by = \"position\" }}\n"
    );
    assert_eq!(errors(&text), "t.toml:6: there is no reader `itms`; did you mean `items`?");
}

#[test]
fn the_body_has_exactly_one_place_for_its_rows() {
    for body in ["{}", r#"{"a":"${rows}","b":"${rows}"}"#] {
        let told = errors(&format!("{HEAD}{REQUEST}body = '''{body}'''\n"));
        assert_eq!(
            told,
            "t.toml:6: the body has no single place for the rows; put \"${rows}\" where the items go, once"
        );
    }
    assert!(
        errors(&format!("{HEAD}{REQUEST}body = '{{'\n")).contains("t.toml:6: the template is not JSON: ")
    );
}

#[test]
fn a_child_merges_tables_replaces_lists_and_its_responses_go_first() {
    let parent = format!(
        "{HEAD}[limits]\nrows = 7\nbytes = \"1MB\"\n{REQUEST}items = ['''\"${{row}}\"''', '''1''']\n\
         [[response]]\nwhen = {{ status = [409] }}\nthen = \"abort\"\n[[response]]\nwhen = {{ status = [200] }}\nthen = \"ok\"\n"
    );
    let child = "[profile]\nversion = 1\nname = \"c\"\nextends = \"p.toml\"\n[limits]\nrows = 3\n\
                 [request]\nitem = '''{\"x\":\"${row}\"}'''\n\
                 [[response]]\nwhen = { status = [409] }\nthen = \"split\"\n";
    let profile =
        Profile::parse("c.toml", child, &|name| (name == "p.toml").then(|| parent.clone())).unwrap();
    let target = compiled(&profile, &[]);
    assert_eq!((target.name(), target.limits().rows, target.limits().bytes), ("c", Some(3), Some(1_000_000)));
    assert_eq!(body(&target, &["{}"]), r#"[{"x":{}}]"#);
    assert!(matches!(read(&target, &reply(409, "")), Outcome::Split { .. }));
    assert!(matches!(read(&target, &reply(200, "")), Outcome::Settled(_)));
}

#[test]
fn a_parent_that_is_not_there_and_a_circle_are_errors() {
    let child =
        "[profile]\nversion = 1\nname = \"c\"\nextends = \"c\"\n[request]\nurl = \"https://a.test/\"\n";
    let told = Profile::parse("c.toml", child, &|_| None).unwrap_err().to_string();
    assert!(told.contains("c.toml:4: `extends = \"c\"`: there is no such profile"), "{told}");
    let told = Profile::parse("c.toml", child, &|_| Some(child.to_owned())).unwrap_err().to_string();
    assert!(told.contains("goes in a circle"), "{told}");
}

#[test]
fn an_error_in_a_parent_names_the_parent() {
    let child = "[profile]\nversion = 1\nname = \"c\"\nextends = \"p.toml\"\n";
    let parent = format!("{HEAD}{REQUEST}metod = 1\n");
    let told = Profile::parse("c.toml", child, &|_| Some(parent.clone())).unwrap_err().to_string();
    assert!(told.starts_with("p.toml:6: unknown key `metod`"), "{told}");
}

#[test]
fn values_that_lack_or_that_nobody_asked_for_are_told_with_the_way_to_give_them() {
    let profile = Profile::builtin("orders-batch").unwrap();
    let values = BTreeMap::from([("tokn".to_owned(), "x".to_owned())]);
    let told = Target::compile(&profile, &values, &[], &Overrides::default()).unwrap_err().to_string();
    assert_eq!(
        told,
        "orders-batch.toml: the profile has no parameter `tokn`; did you mean `token`?\n\
         orders-batch.toml:6: parameter `base` has no value; give the address with --url\n\
         orders-batch.toml:10: parameter `token` has no value; set $ORDERS_TOKEN"
    );
}

#[test]
fn an_address_without_scheme_or_with_credentials_or_a_fragment_is_refused() {
    let profile = Profile::builtin("json-array").unwrap();
    for (base, word) in [
        ("a.test/x", "no address"),
        ("https://me:pw@a.test/", "holds credentials"),
        ("https://a.test/#x", "fragment"),
    ] {
        let values = BTreeMap::from([("base".to_owned(), base.to_owned())]);
        let told = Target::compile(&profile, &values, &[], &Overrides::default()).unwrap_err().to_string();
        assert!(told.contains(word), "{base}: {told}");
    }
}

#[test]
fn what_steps_lack_is_told() {
    let step = "[[before]]\nname = \"x\"\ncapture = { id = \"/id\" }\n[[before]]\nurl = \"https://a.test/${step.nobody}\"\n\
                capture = { id = \"/id\" }\n";
    let told = errors(&format!("{HEAD}{REQUEST}commit = \"after\"\n{step}"));
    assert_eq!(
        told,
        "t.toml: commit = \"after\" without [[after]]; write the step that commits what was sent\n\
         t.toml:7: a step needs `url`; as in url = \"${param.base}/jobs\"\n\
         t.toml:10: a step needs `name`; as in name = \"create\"\n\
         t.toml:10: two steps capture `id`; give one of them another name\n\
         t.toml:11: `${step.nobody}` is never captured; capture it in a [[before]]: capture = { nobody = \"/…\" }"
    );
}

#[test]
fn the_identity_covers_target_and_mapping_and_no_secret() {
    let profile = Profile::builtin("orders-batch").unwrap();
    let of = |base: &str, token: &str, headers: &[(String, String, bool)], origin: Option<&str>| {
        let values =
            BTreeMap::from([("base".to_owned(), base.to_owned()), ("token".to_owned(), token.to_owned())]);
        let overrides = Overrides { origin_identity: origin.map(str::to_owned), ..Overrides::default() };
        Target::compile(&profile, &values, headers, &overrides).unwrap().identity()
    };
    let plain = of("https://a.test", "t1", &[], None);
    assert_eq!(plain, of("https://a.test/", "t2", &[("X-Secret".into(), "s".into(), true)], None));
    assert_ne!(plain, of("https://b.test", "t1", &[], None));
    assert_ne!(plain, of("https://a.test", "t1", &[("X-Tenant".into(), "7".into(), false)], None));
    assert_eq!(
        of("http://127.0.0.1:1", "t", &[], Some("sandbox:")),
        of("http://127.0.0.1:2", "t", &[], Some("sandbox:"))
    );
}

#[test]
fn a_starter_loads_as_it_stands_and_lists_the_columns() {
    let columns = ["id", "E-mail", "a/b~c", "größe", "with space", ""].map(str::to_owned);
    let text = Profile::starter("my \"api\"", Some(&columns));
    let profile = Profile::parse("my.toml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(profile.name(), "my \"api\"");
    let target = compiled(&profile, &[("base", "https://a.test")]);
    let text = r#"{"id":1,"E-mail":"x","a/b~c":null,"größe":1.0,"with space":[],"":0,"other":2}"#;
    let sent = r#"{"id":1,"E-mail":"x","a/b~c":null,"größe":1.0,"with space":[],"":0}"#;
    assert_eq!(body(&target, &[text]), format!(r#"{{"items":[{sent}]}}"#));
    let load = load(&target, &[text]);
    assert!(matches!(target.read(&load, &reply(422, "{}"), NOW), Outcome::Bisect { .. }));
    for odd in ["a|b", "a}", "it's", "q?", "...", "${x}", "line\nend", "back\\slash", "quo\"te"] {
        let text = Profile::starter("x", Some(&["id".to_owned(), odd.to_owned()]));
        let profile =
            Profile::parse("x.toml", &text, &|_| None).unwrap_or_else(|errors| panic!("{odd}: {errors}"));
        let target = compiled(&profile, &[("base", "https://a.test")]);
        assert_eq!(body(&target, &["{}"]), r#"{"items":[{}]}"#, "{odd}");
    }
    let text = Profile::starter("x", None);
    assert!(Profile::parse("x.toml", &text, &|_| None).is_ok());
    // What stands in comments is right, too.
    for begin in [
        "# [[response]]\n# when = { status = [422] }",
        "# [[response]]\n# when = { status = [200] }",
        "# [delete]",
    ] {
        let (before, rest) = text.split_once(begin).unwrap();
        let (block, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let block = format!("\n{begin}{block}\n").replace("\n# ", "\n").replace("\n#\n", "\n\n");
        let before = before.replace("[400, 422]", "[400]").replace("[\"2xx\"]", "[201]");
        let whole = format!("{before}{block}\n{after}");
        let loaded = Profile::parse("x.toml", &whole, &|_| None);
        compiled(&loaded.unwrap_or_else(|errors| panic!("{errors}\n{whole}")), &[("base", "https://a.test")]);
    }
}

#[test]
fn a_parameter_names_its_values_and_no_other_is_taken() {
    let param = "[params.mode]\nvalues = [\"a\", \"b\"]\n";
    let used = "[[variant]]\nonly_if = { mode = \"c\" }\n";
    let query = "query = { m = \"${param.mode}\" }\n";
    assert_eq!(
        errors(&format!("{HEAD}{param}default = \"x\"\n{REQUEST}{query}{used}")),
        "t.toml:6: the default `x` of parameter `mode` is not among its values; it takes a, b\n\
         t.toml:11: `only_if` asks for `mode = \"c\"`, which is not among its values; it takes a, b"
    );
    let secret = "[params.s]\nsecret = true\nvalues = [\"a\"]\n";
    let told = errors(&format!("{HEAD}{secret}{REQUEST}query = {{ m = \"${{param.s}}\" }}\n"));
    assert_eq!(told, "t.toml:6: parameter `s` is secret, and its values are written down; take them out");
    let profile = Profile::parse("t.toml", &format!("{HEAD}{param}{REQUEST}{query}"), &|_| None).unwrap();
    let compile = |value: &str| {
        let values = [("mode".to_owned(), value.to_owned())].into_iter().collect();
        Target::compile(&profile, &values, &[], &Overrides::default())
    };
    assert!(compile("b").is_ok());
    assert!(
        compile("off").unwrap_err().to_string().contains("parameter `mode` cannot be `off`; it takes a, b")
    );
}

#[test]
fn a_field_whose_name_holds_a_slash_is_one_step_of_a_pointer() {
    let set = [("object", "o"), ("token", "t"), ("match_key", "a/b~c")];
    let by = builtin("experiture-upsert", &set).group().unwrap().by.clone();
    assert_eq!(by[0].tokens().iter().map(|token| &**token).collect::<Vec<_>>(), ["a/b~c"]);
}

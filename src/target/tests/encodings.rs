//! Rows as CSV, forms, lines of text and members of an object: what a row says stays what it says.

use super::*;
use proptest::prelude::*;

fn kind(target: &Target) -> String {
    let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
    let request = target.request(Bytes::new(), &key, 1, NOW, std::time::Duration::from_secs(1)).unwrap();
    request.headers.into_iter().find(|(name, _)| name == "content-type").unwrap().1
}

#[test]
fn csv_has_its_columns_and_quotes_what_needs_it() {
    let target = plain("format = \"csv\"\ncsv = { columns = [\"id\", \"a b\", \"n\"], null = \"NULL\" }\n");
    let rows = [
        r#"{"id":1,"a b":"x","n":1.50,"other":1}"#,
        r#"{"id":2,"a b":"say \"hi\", you","n":null}"#,
        r#"{"id":3,"a b":"two\nlines","n":"NULL"}"#,
        r#"{"id":4,"a b":"","n":{"k":[1]}}"#,
        r#"{"id":5,"a b":" x"}"#,
    ];
    assert_eq!(
        body(&target, &rows),
        "id,a b,n\n1,x,1.50\n2,\"say \"\"hi\"\", you\",NULL\n3,\"two\nlines\",\"NULL\"\n4,,\"{\"\"k\"\":[1]}\"\n5,\" x\",NULL\n"
    );
    assert_eq!(kind(&target), "text/csv");
    assert!(!target.passes_rows());
    let bare =
        plain("format = \"csv\"\ncsv = { columns = \"id, n\", header = false, delimiter = \"\\t\" }\n");
    assert_eq!(body(&bare, &[r#"{"id":1,"n":"a\tb"}"#, r#"{"id":2,"n":""}"#]), "1\t\"a\tb\"\n2\t\"\"\n");
}

#[test]
fn a_form_has_names_in_brackets() {
    let text = format!(
        "{HEAD}{REQUEST}format = \"form\"\n\
         body = '''{{\"name\":\"${{row:/n}}\",\"meta\":\"${{row:/m?}}\",\"items\":[{{\"p\":\"${{row:/p}}\"}}],\"z\":null}}'''\n\
         [limits]\nrows = 1\n"
    );
    let target = target(&text, &[]);
    let row_text = r#"{"n":"A & B=ü","m":{"k v":1.0,"list":[true,"x"]},"p":"y"}"#;
    assert_eq!(
        body(&target, &[row_text]),
        "name=A%20%26%20B%3D%C3%BC&meta[k%20v]=1.0&meta[list][0]=true&meta[list][1]=x&items[0][p]=y"
    );
    assert_eq!(kind(&target), "application/x-www-form-urlencoded");
    let deep = format!(r#"{{"n":1,"p":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(target.item(&row(&deep, 0), &mut Vec::new()).unwrap_err().code, "bad_value");
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}format = \"form\"\n")),
        "t.toml:6: a form is of one row; write rows = 1 in [limits], and the row's fields in `body`"
    );
}

#[test]
fn a_line_of_text_holds_one_row() {
    let target = plain(
        "format = \"text\"\nitem = \"${row:/m|lp_tag},host=${row:/h|lp_tag} v=${row:/v|num},s=${row:/s|lp_str} ${row:/t}\"\n",
    );
    let rows = [
        r#"{"m":"cpu load","h":"a,b=c","v":1.50,"s":"say \"x\" \\","t":1549891472010}"#,
        r#"{"m":"m","h":"h","v":2,"s":"","t":1}"#,
    ];
    assert_eq!(
        body(&target, &rows),
        "cpu\\ load,host=a\\,b\\=c v=1.50,s=\"say \\\"x\\\" \\\\\" 1549891472010\nm,host=h v=2,s=\"\" 1\n"
    );
    // A backslash at its end would take the blank behind the tag, or the comma before the next, for a part of it.
    for open in [r#"{"m":"m","h":"D:\\","v":2,"s":"","t":1}"#, r#"{"m":"m\\","h":"h","v":2,"s":"","t":1}"#] {
        assert_eq!(target.item(&row(open, 0), &mut Vec::new()).unwrap_err().code, "bad_value");
    }
    let within = r#"{"m":"m","h":"D:\\x","v":2,"s":"","t":1}"#;
    assert_eq!(body(&target, &[within]), "m,host=D:\\x v=2,s=\"\" 1\n");
    let broken = r#"{"m":"m","h":"h","v":2,"s":"two\nlines","t":1}"#;
    assert_eq!(target.item(&row(broken, 0), &mut Vec::new()).unwrap_err().code, "bad_value");
    assert_eq!(kind(&target), "text/plain");
}

#[test]
fn csv_without_columns_has_those_of_its_rows() {
    for (profile, expected) in [
        ("format = \"csv\"\n", "b,a\n2,\"x, y\"\n,\"{\"\"c\"\":3}\"\n"),
        ("format = \"csv\"\ncsv = { delimiter = \";\" }\n", "b;a\n2;x, y\n;\"{\"\"c\"\":3}\"\n"),
    ] {
        let target = plain(profile);
        let rows = [r#"{"b":1,"a":"x, y","b":2}"#, r#"{"b":null,"a":{"c":3}}"#];
        assert_eq!(body(&target, &rows), expected);
        // Rows with other columns, or in another order, go in a request of their own.
        let of = |text: &str| target.key_set(&row(text, 0));
        assert_eq!(of(rows[0]), of(rows[1]));
        assert_ne!(of(rows[0]), of(r#"{"a":1,"b":2}"#));
        assert_ne!(of(rows[0]), of(r#"{"b":1}"#));
    }
}

#[test]
fn members_that_may_be_missing_stand_before_and_behind_the_rows() {
    let target = target(
        &format!(
            "{HEAD}{REQUEST}body = '''{{\"x\":\"${{state.x?}}\",\"in\":{{\"rows\":\"${{rows}}\",\"y\":\"${{state.y?}}\"}},\
             \"end\":1,\"again\":\"${{state.x?}}\"}}'''\n[group]\nby = [\"/g\"]\nper_request = \"one\"\n[group.state.fetch]\n\
             url = \"https://a.test/${{group:/g}}\"\ncapture = {{ x = \"/x\", y = \"/y\" }}\n"
        ),
        &[],
    );
    let with = |state: &[(&str, &str)]| {
        let state = state.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut body = Vec::new();
        target.open_body_with(&state, &mut body);
        target.item(&row(r#"{"g":1}"#, 0), &mut body).unwrap();
        target.close_body_with(&state, &mut body);
        String::from_utf8(body).unwrap()
    };
    assert_eq!(with(&[]), r#"{"in":{"rows":[{"g":1}]},"end":1}"#);
    let all = r#"{"x":7,"in":{"rows":[{"g":1}],"y":"u"},"end":1,"again":7}"#;
    assert_eq!(with(&[("x", "7"), ("y", "\"u\"")]), all);
}

#[test]
fn rows_may_be_members_of_an_object() {
    let target = plain(
        "body = '''{\"customers\":\"${rows}\"}'''\nrows_as = \"object\"\nobject_key = \"k-${row:/id}\"\n[row]\nkey = \"/id\"\n",
    );
    assert_eq!(
        body(&target, &[r#"{"id":1}"#, r#"{"id":"a\"b"}"#]),
        r#"{"customers":{"k-1":{"id":1},"k-a\"b":{"id":"a\"b"}}}"#
    );
    assert!(!target.passes_rows());
    assert_eq!(target.item(&row("{}", 0), &mut Vec::new()).unwrap_err().code, "missing_field");
}

#[test]
fn what_an_encoding_lacks_is_told() {
    for (rest, told) in [
        (
            "format = \"csv\"\ncsv = { header = false }\n",
            "t.toml:7: CSV without a header needs `columns`; as in columns = [\"id\", \"name\"]: without their names the \
             order of fields has to be said",
        ),
        (
            "format = \"csv\"\ncsv = { delimiter = \"ab\" }\n",
            "t.toml:7: `ab` is no delimiter; write one character",
        ),
        ("csv = { columns = [\"a\"] }\n", "t.toml:6: `csv` goes with format = \"csv\""),
        ("format = \"text\"\n", "t.toml:4: text needs `item`; as in item = \"${row:/name} ${row:/value}\""),
        (
            "format = \"ndjson\"\nrows_as = \"object\"\nobject_key = \"${row.key}\"\n",
            "t.toml:7: rows_as = \"object\" needs a name for each row; write format = \"json\", one `item`, and object_key = \"${row.key}\"",
        ),
        ("object_key = \"${row.key}\"\n", "t.toml:6: `object_key` goes with rows_as = \"object\""),
    ] {
        assert_eq!(errors(&format!("{HEAD}{REQUEST}{rest}")), told, "{rest}");
    }
}

proptest! {
    #[test]
    fn csv_is_read_back_as_it_was(values in prop::collection::vec("[ -~\n\r\"ü,]{0,12}", 1..6)) {
        let target = plain("format = \"csv\"\ncsv = { columns = [\"v\", \"w\"], header = false, null = \"\\\\N\" }\n");
        let texts: Vec<String> =
            values.iter().map(|v| serde_json::json!({ "v": v, "w": "end" }).to_string()).collect();
        let text = body(&target, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let back: Vec<String> = reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
        prop_assert_eq!(back, values);
    }
}

//! Answers that call rows by what these hold: no row is taken for another.

use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::{Value, json};

const HEAD: &str = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 10\n\
                    [request]\nurl = \"${param.base}/x\"\n";
const KEYED: &str =
    "[idempotency]\nscope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\nkey_first = true\n";

/// The target refuses rows whose `v` is `b`, and its answers list these by `name`. Which rows are in is what it took.
fn refused_alone(rows: &[Value], profile: &str, status: u16, name: fn(&Value) -> Value) -> Vec<Vec<String>> {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let bench = Bench::with("x.ndjson", lines.join("\n"));
    bench.write("t.toml", format!("{HEAD}{profile}"));
    let server = Server::saying(move |got, _| {
        let rows: Vec<Value> = serde_json::from_str(&got.body).unwrap();
        let failed: Vec<Value> = rows.iter().filter(|row| row["v"] == "b").map(name).collect();
        Some(Answer::json(status, &json!({"failed": failed})))
    });
    let send = format!("send x.ndjson --to ./t.toml --url {} --progress none -j 1 --json", server.url());
    let books = [rows.len() as u64, rows.len() as u64 - 1, 1, 0, 0];
    bench.run(&send).exits(3).books(books);
    let letters = bench.dead_letters("x.ndjson");
    assert_eq!((letters.len(), &letters[0]["row"]["v"]), (1, &json!("b")), "{letters:?}");
    let of = |body: &str| -> Vec<String> {
        let rows: Vec<Value> = serde_json::from_str(body).unwrap();
        rows.iter().map(|row| row["v"].as_str().unwrap().to_owned()).collect()
    };
    server.requests().iter().map(|got| of(&got.body)).collect()
}

#[test]
fn two_rows_whose_text_answers_call_alike_never_share_a_request() {
    let rows = [json!({"id": 1, "v": "a"}), json!({"id": 1, "v": "b"}), json!({"id": 2, "v": "c"})];
    let profile = format!(
        "item = '''{{\"ref\":\"order-${{row:/id}}\",\"v\":\"${{row:/v}}\"}}'''\n{KEYED}\
         [[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n\
         [results.r]\nfrom = \"/failed\"\nmatch = {{ by = \"id\", at = \"/ref\", row = \"order-${{row:/id}}\" }}\n\
         covers = \"failed\"\nunlisted = \"ok\"\n"
    );
    let sent = refused_alone(&rows, &profile, 200, |row| json!({"ref": row["ref"]}));
    assert_eq!(sent, [vec!["a"], vec!["b", "c"]]);
}

#[test]
fn what_any_answer_may_call_rows_by_is_unique_within_a_request_not_only_the_first() {
    let rows = [
        json!({"id": 1, "sku": "S", "v": "a"}),
        json!({"id": 2, "sku": "S", "v": "b"}),
        json!({"id": 3, "sku": "T", "v": "c"}),
        json!({"id": 2, "sku": "U", "v": "d"}),
    ];
    let profile = format!(
        "{KEYED}[[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"a\"\n\
         [[response]]\nwhen = {{ status = [207] }}\nthen = \"results\"\nresults = \"b\"\n\
         [results.a]\nfrom = \"/ok\"\nmatch = {{ by = \"id\", at = \"/id\", row = \"/id\" }}\n\
         [results.b]\nfrom = \"/failed\"\nmatch = {{ by = \"id\", at = \"/sku\", row = \"/sku\" }}\n\
         covers = \"failed\"\nunlisted = \"ok\"\n"
    );
    let sent = refused_alone(&rows, &profile, 207, |row| json!({"sku": row["sku"]}));
    assert_eq!(sent, [vec!["a"], vec!["b", "c"], vec!["d"]]);
}

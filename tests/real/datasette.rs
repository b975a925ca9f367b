//! Datasette, 1.0a41: inserts, and upserts by the table's primary key.

use super::people::Table;
use super::{Machine, installed};
use crate::support::get;
use serde_json::{Value, json};
use std::process::Command;

const SECRET: &str = "no secret: this server lives for one test";

fn start() -> Option<Table> {
    let program = installed("datasette")?.join("venv/bin/datasette");
    let mut machine = Machine::new();
    let file = machine.path("data.db");
    let schema =
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, age INTEGER)";
    rusqlite::Connection::open(&file).unwrap().execute_batch(schema).unwrap();
    let rights = json!({"databases": {"data": {"permissions": {
        "insert-row": {"id": "importer"}, "update-row": {"id": "importer"}}}}});
    let rights = machine.write("datasette.json", &rights.to_string());
    let token =
        Command::new(&program).args(["create-token", "importer", "--secret", SECRET]).output().unwrap();
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let mut serve = Command::new(&program);
    serve.arg("serve").arg(file).args(["-h", "127.0.0.1", "-p", &machine.port.to_string()]);
    machine.start(serve.arg("-c").arg(rights).env("DATASETTE_SECRET", SECRET));
    machine.answers("/-/versions.json");
    let to = "--to datasette --set database=data --set table=people".to_owned();
    Some(Table { machine, to, token, key: "--set key=id", stored })
}

fn stored(machine: &Machine) -> Vec<Value> {
    let sql = "select+*+from+people+order+by+id";
    let mut rows = Vec::new();
    // It gives at most 1,000 rows at a time.
    for offset in (0..).step_by(1000) {
        let query = format!("{sql}+limit+1000+offset+{offset}");
        let url = format!("{}/data/-/query.json?sql={query}&_shape=array", machine.url);
        let page: Vec<Value> = serde_json::from_str(&get(&url)).unwrap();
        let last = page.len() < 1000;
        rows.extend(page);
        if last {
            break;
        }
    }
    rows
}

#[test]
fn a_real_datasette_takes_rows_once_each_and_says_what_is_wrong_with_others() {
    let Some(table) = start() else { return };
    table.takes_a_clean_table();
    let bad = [
        (json!({"name": null}), "rejected", Some("name"), "NOT NULL constraint failed: people.name"),
        (json!({"nope": 1}), "invalid_row", Some("nope"), "has invalid columns: nope"),
        (json!({"email": "1@example.com"}), "rejected", Some("email"), "UNIQUE constraint failed"),
        (json!({"id": "x"}), "rejected", None, "datatype mismatch"),
    ];
    table.refuses_bad_rows("", &bad);
    table.loses_nothing_by_kills();
    table.holds_what_nobody_can_know();
    table.merges_what_comes_again();
    table.stops_where_it_is_not_let_in(
        "wrong",
        &table.to,
        "403: {\"ok\": false, \"error\": \"Permission denied\"",
    );
    let elsewhere = table.to.replace("people", "nobody");
    table.stops_where_it_is_not_let_in(&table.token, &elsewhere, "Table not found");
}

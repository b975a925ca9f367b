//! `ClickHouse`, 18.16.1 as Debian has it: inserts of lines. Nothing makes two inserts one there.

use super::people::Table;
use super::{Machine, free_port, installed};
use crate::support::server::Got;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const USER: [(&str, &str); 2] = [("x-clickhouse-user", "importer"), ("x-clickhouse-key", "pa ss")];

const USERS: &str = "<yandex><profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>\
<users><importer><password>pa ss</password><networks><ip>127.0.0.1</ip></networks>\
<profile>default</profile><quota>default</quota></importer>\
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>\
<quota>default</quota></default></users><quotas><default></default></quotas></yandex>";

fn config(machine: &Machine) -> String {
    let folder = machine.folder.path().display();
    format!(
        "<yandex><logger><level>warning</level><console>1</console></logger><listen_host>127.0.0.1</listen_host>\
         <http_port>{}</http_port><tcp_port>{}</tcp_port><path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>\
         <format_schema_path>{folder}/schemas/</format_schema_path><users_config>{folder}/users.xml</users_config>\
         <default_profile>default</default_profile><default_database>default</default_database>\
         <mark_cache_size>67108864</mark_cache_size></yandex>",
        machine.port,
        free_port()
    )
}

fn query(machine: &Machine, sql: &str) -> String {
    let headers = USER.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let got = Got {
        method: "POST".to_owned(),
        path: "/?output_format_json_quote_64bit_integers=0".to_owned(),
        headers,
        body: sql.to_owned(),
    };
    let answer = super::ask(&machine.url, &got).unwrap();
    assert!(answer.status.starts_with("200"), "{answer:?}");
    answer.body
}

fn start() -> Option<Table> {
    let root = installed("clickhouse")?.join("root");
    let mut machine = Machine::new();
    for folder in ["data", "tmp", "schemas"] {
        fs::create_dir(machine.path(folder)).unwrap();
    }
    machine.write("users.xml", USERS);
    let config = machine.write("config.xml", &config(&machine));
    let folders =
        ["usr/lib", "lib"].into_iter().flat_map(|lib| fs::read_dir(root.join(lib)).into_iter().flatten());
    let mut libraries: Vec<String> =
        folders.flatten().map(|entry| entry.path().display().to_string()).collect();
    libraries.retain(|path| path.ends_with("-linux-gnu"));
    let mut serve = Command::new(root.join("usr/sbin/clickhouse-server"));
    serve.arg(format!("--config-file={}", config.display())).env("LD_LIBRARY_PATH", libraries.join(":"));
    let folder = machine.folder.path().to_owned();
    machine.start(serve.current_dir(folder));
    machine.answers("/");
    let columns = "id UInt64, name String, email Nullable(String), age Nullable(Int32)";
    query(&machine, &format!("CREATE TABLE people ({columns}) ENGINE = MergeTree ORDER BY id"));
    let to = "--to clickhouse --set table=people --set user=importer".to_owned();
    Some(Table { machine, to, token: "pa ss".to_owned(), key: "", stored })
}

fn stored(machine: &Machine) -> Vec<Value> {
    let text = query(machine, "SELECT * FROM people ORDER BY id FORMAT JSONEachRow");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_real_clickhouse_takes_rows_and_says_what_is_wrong_with_others() {
    let Some(table) = start() else { return };
    table.takes_a_clean_table();
    let bad = [
        (json!({"age": "old"}), "27", Some("age"), "Cannot parse input"),
        (json!({"nope": 1}), "117", Some("nope"), "Unknown field found"),
        (json!({"id": -1}), "72", Some("id"), "Unsigned type must not contain '-'"),
        (json!({"name": 5}), "26", Some("name"), "Cannot parse JSON string"),
        (json!({"name": null}), "26", Some("name"), "Cannot parse JSON string"),
    ];
    table.refuses_bad_rows("", &bad);
    table.holds_what_nobody_can_know();
    table.doubts_what_kills_leave();
    table.stops_where_it_is_not_let_in("wrong", &table.to, "401: Code: 193");
    table.stops_where_it_is_not_let_in("pa ss", &table.to.replace("people", "nobody"), "404: Code: 60");
}

//! `PostgREST` 12.0.2 on the machine's `PostgreSQL`: inserts, and merges by a unique constraint.

use super::people::Table;
use super::{Machine, free_port, installed, left_out, on_path};
use crate::support::get;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One statement a line.
const SCHEMA: &str = "\
CREATE ROLE web NOLOGIN;
GRANT web TO importer;
CREATE SCHEMA api;
CREATE TABLE api.people (id integer PRIMARY KEY, name text NOT NULL, email text UNIQUE, age integer CHECK (age < 150));
GRANT USAGE ON SCHEMA api TO web;
GRANT SELECT, INSERT, UPDATE ON api.people TO web;
";

/// Where `PostgreSQL`'s own programs are.
fn postgres() -> Option<PathBuf> {
    let beside = on_path("initdb").and_then(|file| file.parent().map(Path::to_owned));
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    debian.sort();
    beside.or_else(|| debian.pop()).filter(|folder| folder.join("postgres").exists())
}

/// `PostgreSQL` does not run as root; then it runs as nobody.
fn humble(program: PathBuf) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

fn start() -> Option<Table> {
    let Some(bin) = postgres() else {
        left_out("postgrest", "there is no PostgreSQL on this machine");
        return None;
    };
    let program = installed("postgrest")?.join("postgrest");
    let mut machine = Machine::new();
    let (data, port) = (machine.path("data"), free_port().to_string());
    fs::set_permissions(machine.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut initdb = humble(bin.join("initdb"));
    initdb.current_dir("/").arg("-D").arg(&data).args(["-U", "importer", "-A", "trust", "-E", "UTF8", "-N"]);
    let made = initdb.env("LC_ALL", "C").output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut alone = humble(bin.join("postgres"));
    alone.current_dir("/").arg("--single").arg("-D").arg(&data).arg("postgres").stdin(Stdio::piped());
    let mut alone = alone.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    alone.stdin.take().unwrap().write_all(SCHEMA.as_bytes()).unwrap();
    assert!(alone.wait().unwrap().success());
    let mut serve = humble(bin.join("postgres"));
    serve.current_dir("/").arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port, "-k", ""]);
    machine.start(serve.args(["-c", "fsync=off"]));
    machine.wait(|_| TcpStream::connect(format!("127.0.0.1:{port}")).is_ok());
    let database = format!("postgres://importer@127.0.0.1:{port}/postgres");
    let mut serve = Command::new(program);
    for (name, value) in [
        ("PGRST_DB_URI", database.as_str()),
        ("PGRST_DB_SCHEMAS", "api"),
        ("PGRST_DB_ANON_ROLE", "web"),
        ("PGRST_JWT_SECRET", "no secret: this server lives for one test"),
        ("PGRST_SERVER_HOST", "127.0.0.1"),
        ("PGRST_SERVER_PORT", &machine.port.to_string()),
    ] {
        serve.env(name, value);
    }
    machine.start(&mut serve);
    machine.answers("/people?limit=1");
    let to = "--to postgrest --set table=people".to_owned();
    Some(Table { machine, to, token: String::new(), key: "--set key=id", stored })
}

fn stored(machine: &Machine) -> Vec<Value> {
    serde_json::from_str(&get(&format!("{}/people?order=id", machine.url))).unwrap()
}

#[test]
fn a_real_postgrest_takes_rows_once_each_and_says_what_is_wrong_with_others() {
    let Some(table) = start() else { return };
    table.takes_a_clean_table();
    let bad = [
        (json!({"age": 999}), "23514", None, "people_age_check"),
        (json!({"name": null}), "23502", Some("name"), "violates not-null constraint"),
        (json!({"age": "old"}), "22P02", None, "invalid input syntax for type integer"),
        (json!({"nope": 1}), "PGRST204", Some("nope"), "does not exist"),
        (json!({"email": "1@example.com"}), "23505", Some("email"), "duplicate key value"),
        (json!({"id": 99_999_999_999_u64}), "22003", None, "out of range"),
    ];
    table.refuses_bad_rows("", &bad);
    table.loses_nothing_by_kills();
    table.holds_what_nobody_can_know();
    table.merges_what_comes_again();
    table.stops_where_it_is_not_let_in("wrong", &table.to, "401: {\"code\":\"PGRST301\"");
    table.stops_where_it_is_not_let_in("", &table.to.replace("people", "nobody"), "404");
}

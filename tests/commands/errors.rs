//! What is said when something is wrong: what, where, and what helps. No number of the system, no cause of a cause.

use crate::support::{Bench, csv};

/// The words for `arguments`, and how it ended.
fn told(bench: &Bench, arguments: &str) -> (i32, String) {
    let said = bench.run(arguments);
    assert_eq!(said.stdout, "", "{said:?}");
    for word in ["os error", "Error {", "Some(", "unwrap", "panicked", "\u{1b}"] {
        assert!(!said.stderr.contains(word), "{word}: {said:?}");
    }
    (said.exit, said.stderr)
}

#[test]
fn a_name_that_is_not_there_is_answered_with_the_one_that_was_meant() {
    let bench = Bench::with("customers.csv", csv(3));
    bench.write("crm.toml", "");
    for (arguments, exit, words) in [
        (
            "send custmers.csv --to sandbox",
            1,
            "`custmers.csv`: no such file\nhint: did you mean `customers.csv`?\n",
        ),
        ("send customers --to sandbox --format csv", 1, "hint: did you mean `customers.csv`?\n"),
        ("targets new x.toml --from ./custmers.csv", 1, "hint: did you mean `./customers.csv`?\n"),
        ("send customers.csv --to crn.toml", 1, "hint: did you mean `crm.toml`?\n"),
        ("send customers.csv --to crm.tml", 2, "no target `crm.tml`\nhint: did you mean `crm.toml`?\n"),
        ("send customers.csv --to crm", 2, "hint: did you mean `crm.toml`?\n"),
        ("send customers.csv --to ordrs-batch", 2, "hint: did you mean `orders-batch`? "),
        (
            "send customers.csv --to other/api.toml",
            1,
            "hint: to write one for a file of yours: bulkhaul targets new",
        ),
        ("send customers.csv --to sandox", 2, "hint: did you mean `sandbox`? "),
        ("send customers.csv --to sandbox --type citi=string", 1, "hint: did you mean `city`? "),
        ("sned customers.csv", 2, "'send'"),
        ("send customers.csv --to sandbox --rat 5/s", 2, "'--rate'"),
    ] {
        let (found, said) = told(&bench, arguments);
        assert_eq!(found, exit, "{arguments}: {said}");
        assert!(said.contains(words), "{arguments}: {said}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_sent() {
    let bench = Bench::with("x.csv", csv(30));
    for (arguments, words) in [
        (
            "--dead-letter no/such/d.ndjson",
            "`--dead-letter no/such/d.ndjson`: there is no folder `no/such`\nhint: make the folder",
        ),
        ("--results no/r.ndjson", "`--results no/r.ndjson`: there is no folder `no`\nhint: make the folder"),
        (
            "--state x.csv/state",
            "cannot use the state folder `x.csv/state`: `x.csv` is not a folder\nhint: --state DIR",
        ),
    ] {
        let (exit, said) = told(&bench, &format!("send x.csv --to sandbox --faults reject=50% {arguments}"));
        assert_eq!(exit, 1, "{said}");
        assert!(said.starts_with("error: ") && said.contains(words), "{arguments}: {said}");
    }
    assert!(!bench.path("x.csv.bulkhaul/sandbox.db").exists());
}

#[test]
fn a_target_that_is_not_there_is_told_without_the_systems_numbers() {
    let bench = Bench::with("x.csv", csv(3));
    // Nobody listens on the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (exit, said) = told(&bench, &format!("send x.csv --to http://127.0.0.1:{port}/rows"));
    assert_eq!(exit, 4, "{said}");
    let words = format!(
        "stopped: the target does not answer well: cannot connect to 127.0.0.1:{port}: Connection refused\n\
         hint: does it run there, and is the port right?\nto go on:\n"
    );
    assert!(said.contains(&words), "{said}");
}

#[test]
fn a_run_that_was_out_of_time_says_what_it_spent_it_on() {
    let bench = Bench::with("x.csv", csv(3));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (exit, said) =
        told(&bench, &format!("send x.csv --to http://127.0.0.1:{port}/rows --max-elapsed 300ms"));
    assert_eq!(exit, 4, "{said}");
    let words = format!(
        "stopped: the time of --max-elapsed is over; the last try failed: cannot connect to 127.0.0.1:{port}: Connection \
         refused\n"
    );
    assert!(said.contains(&words), "{said}");
}

#[test]
fn every_end_says_what_comes_next() {
    let bench = Bench::with("x.csv", csv(30));
    let (_, said) = told(&bench, "send x.csv --to sandbox --limit 10");
    assert!(
        said.ends_with("--limit is reached; to go on behind it:\nbulkhaul send x.csv --to sandbox\n"),
        "{said}"
    );
    let (exit, said) = told(&bench, "send x.csv --to sandbox --faults reject=50%");
    assert_eq!(exit, 3);
    assert!(said.ends_with("to see why: bulkhaul rejects x.csv.bulkhaul\n"), "{said}");
    assert_eq!(
        told(&bench, "send x.csv --to sandbox --faults reject=50% --limit 5 --state q -q"),
        (0, String::new())
    );
}

#[test]
fn a_server_of_the_other_scheme_is_asked_about() {
    use crate::support::scripted::{Scripted, Step};
    use std::io::{Read, Write};
    let bench = Bench::with("x.csv", csv(3));
    // A server that reads no request out of a TLS greeting says so in HTTP.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let keys = "--idempotency-header Idempotency-Key --max-wait 1s";
    let (exit, said) = told(&bench, &format!("send x.csv --to {url} {keys}"));
    assert_eq!(exit, 4, "{said}");
    assert!(
        said.contains("hint: it does not speak TLS there: is it http:// that is meant, and not https://?\n"),
        "{said}"
    );
    // Another hangs up.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(drop));
    let (exit, said) =
        told(&bench, &format!("send x.csv --to https://{address} --max-elapsed 400ms --state e"));
    assert_eq!(exit, 4, "{said}");
    assert!(said.contains("the last try failed: cannot connect to "), "{said}");
    assert!(said.contains("; does this port speak http://?\n"), "{said}");
    let server = Scripted::start(&[Step::Loses]);
    let (exit, said) = told(&bench, &format!("send x.csv --to {} {keys} --state s", server.url));
    assert_eq!(exit, 4, "{said}");
    assert!(
        said.contains("hint: is it the right port, and does it speak https:// there or http://"),
        "{said}"
    );
}

#[test]
fn a_plain_url_that_answers_207_is_told_not_to_be_taken_at_its_word() {
    use crate::support::scripted::{Scripted, Step};
    let server = Scripted::start(&[Step::Says("207 Multi-Status", "", "[]")]);
    let bench = Bench::with("x.csv", csv(3));
    let said = bench.run(&format!("send x.csv --to {}", server.url)).exits(0);
    assert!(
        said.stderr.contains("warning: the target answered 207, which speaks of single rows"),
        "{said:?}"
    );
    let said = bench.run(&format!("send x.csv --to {} --state s --json", server.url)).exits(0);
    assert_eq!(said.summary()["requests"]["multi_status"], 1);
    let server = Scripted::start(&[Step::Says("200 OK", "", "[]")]);
    let said = bench.run(&format!("send x.csv --to {} --state t --json", server.url)).exits(0);
    assert!(!said.stderr.contains("207"), "{said:?}");
    assert!(said.summary()["requests"].get("multi_status").is_none(), "{said:?}");
}

#[test]
fn a_token_that_is_not_set_is_not_called_wrong() {
    use crate::support::scripted::{Scripted, Step};
    let server = Scripted::start(&[Step::Says("401 No", "", "")]);
    let bench = Bench::with("x.csv", csv(3));
    bench.run("targets new crm.toml --from x.csv").exits(0);
    let (exit, said) = told(&bench, &format!("send x.csv --to crm.toml --url {}", server.url));
    assert_eq!(exit, 1, "{said}");
    assert!(
        said.ends_with(
            "hint: no token was sent, as $BULKHAUL_TOKEN is not set: export BULKHAUL_TOKEN=… first\n"
        ),
        "{said}"
    );
}

/// What Supabase wants beside the token stands before it in the profile.
#[test]
fn of_several_secrets_the_hint_names_the_one_that_proves_who_we_are() {
    use crate::support::scripted::{Scripted, Step};
    let server = Scripted::start(&[Step::Says("401 No", "", "")]);
    let bench = Bench::with("x.csv", csv(3));
    let hint = |set: Option<&str>| {
        let line = format!("send x.csv --to postgrest --set table=t --url {}", server.url);
        let mut command = bench.command(&line);
        command.envs(set.map(|value| ("BULKHAUL_TOKEN", value)));
        let said = crate::support::said(command.output().unwrap()).exits(1);
        said.stderr.lines().last().unwrap().to_owned()
    };
    assert_eq!(
        hint(None),
        "hint: no token was sent, as $BULKHAUL_TOKEN is not set: export BULKHAUL_TOKEN=… first"
    );
    assert_eq!(hint(Some("wrong")), "hint: check the token: parameter `token`, from $BULKHAUL_TOKEN");
}

/// What a port says that speaks TLS when it is spoken to in plain HTTP. What it did with the row nobody knows; what to look at
/// is said all the same.
#[test]
fn rows_in_doubt_at_a_port_that_may_speak_https_come_with_that_question() {
    for answer in [b"\x15\x03\x01\x00\x02\x02\x16".as_slice(), b""] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/rows", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
                let _ = std::io::Write::write_all(&mut stream, answer);
            }
        });
        let bench = Bench::with("x.ndjson", "{\"id\":1}\n");
        let said = bench.run(&format!("send x.ndjson --to {url} --progress none")).exits(5).stderr;
        let hint = "\nhint: is it the right port, and does it speak https:// there or http://, as the address says?\n";
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_canary_that_was_refused_ends_well_unless_it_may_not_be() {
    let bench = Bench::with("x.csv", csv(30));
    let canary = "send x.csv --to sandbox --faults reject=100% --limit 5 --progress none --json";
    let said = bench.run(canary).exits(0).books([5, 0, 5, 0, 0]);
    assert_eq!(said.summary()["stopped_by"], "limit");
    let said = bench.run(&format!("{canary} --max-rejects 0 --state s")).exits(4).books([5, 0, 5, 0, 0]);
    assert_eq!(said.summary()["stopped_by"], "max-rejects");
}

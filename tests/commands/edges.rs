//! What was typed wrong, and words that nobody reads: told before anything is opened, or passed over, and never in the
//! way of an import.

use crate::support::{Bench, csv, said};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn wrong_usage_is_told_before_anything_is_opened() {
    let bench = Bench::with("x.csv", csv(3));
    let url = "--to http://127.0.0.1:9/";
    for (arguments, words) in [
        ("send x.csv --to sandbox --columns id,id", "`--columns` names `id` twice"),
        ("send x.csv --to sandbox --import-id=", "'--import-id <ID>'"),
        ("send x.csv --to=", "'--to <TARGET>'"),
        ("send x.csv --to sandbox --state=", "'--state <DIR>'"),
        (
            "send x.csv --to sandbox --delimiter ;;",
            "a delimiter is one ASCII character, as in `;` or `|`; `tab` is a tab",
        ),
        ("send x.csv --to sandbox --delimiter é", "a delimiter is one ASCII character"),
        ("send x.csv --to sandbox --delimiter \"", "a delimiter is neither a quote nor a line end"),
        (
            &format!("send x.csv {url} --method GET"),
            "`--method`: a GET carries no rows\nhint: as in POST, PUT or PATCH\n",
        ),
        (&format!("plan x.csv {url} --method HEAD"), "`--method`: a HEAD carries no rows"),
        (
            &format!("send x.csv {url} --idempotency-header a:b"),
            "`--idempotency-header`: `a:b` is no header name",
        ),
        (
            &format!("send x.csv {url} --idempotency-header Content-Length"),
            "`--idempotency-header`: the header `Content-Length` is nobody's to set",
        ),
        (
            &format!("send x.csv {url} --idempotency-header content-type"),
            "`--idempotency-header`: the header `content-type` can carry no key\nhint: as in Idempotency-Key\n",
        ),
        ("send x.csv --to orders", "hint: did you mean `orders-batch` or `orders-atomic`?"),
        (
            "send x.csv --to single --url http://127.0.0.1:9 --set path=rows",
            "\nhint: what follows the base begins with a slash, as in --set path=/items",
        ),
        (
            "plan x.csv --to sandbox --batch-age 5s",
            "`--batch-age` is for `send`: a plan sends nothing and keeps nothing\n",
        ),
        (
            "send x --to sandbox",
            "the format of `x` cannot be told from its name\nhint: did you mean `x.csv`?",
        ),
    ] {
        let said = bench.run(arguments).exits(2);
        assert!(said.stderr.starts_with("error: ") && said.stderr.contains(words), "{arguments}: {said:?}");
        for place in [".toml:", "[COMMAND]", "'\\u", "\\\""] {
            assert!(!said.stderr.contains(place), "{arguments}: {said:?}");
        }
    }
    assert!(!bench.path("x.csv.bulkhaul").exists());
}

#[test]
fn a_tab_may_be_written_as_people_write_it() {
    for tab in ["tab", "\\t"] {
        let bench = Bench::with("x.txt", "id\tcity\n1\tUlm\n");
        bench.run(&format!("send x.txt --format csv --to sandbox --delimiter {tab} -q")).exits(0);
        assert_eq!(bench.sandbox_rows("x.txt")[0].row, r#"{"id":"1","city":"Ulm"}"#);
    }
}

#[test]
fn a_folder_without_an_ending_is_told_to_be_one() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("exports")).unwrap();
    let said = bench.run("send exports --to sandbox").exits(1);
    assert_eq!(
        said.stderr,
        "error: `exports` is a directory, not a file\nhint: name the files in it; several files are one import\n"
    );
}

#[test]
fn a_summary_that_nobody_reads_stops_no_import() {
    let bench = Bench::with("x.csv", csv(30));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.command("send x.csv --to sandbox --json --progress none");
    let closed = said(command.stdout(writer).output().unwrap()).exits(0);
    assert!(closed.stderr.starts_with("done: 30 of 30 rows delivered"), "{closed:?}");
    assert_eq!(bench.sandbox_rows("x.csv").len(), 30);
    // A disk without room is told.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = bench.command("send x.csv --to sandbox --json --again --progress none");
    let told = said(command.stdout(Stdio::from(full)).output().unwrap()).exits(0);
    assert!(
        told.stderr.ends_with("warning: standard output could not be written: No space left on device\n"),
        "{told:?}"
    );
    // Where the output is all there is, it is what the exit code is about.
    for arguments in ["status --json", "plan x.csv --to sandbox", "targets show single", "report -o -"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        said(bench.command(arguments).stdout(Stdio::from(full)).output().unwrap()).exits(1);
    }
}

#[test]
fn a_state_folder_that_others_may_look_into_is_closed_to_them() {
    let bench = Bench::with("x.csv", csv(3));
    let mode = |name: &str| bench.path(name).metadata().unwrap().permissions().mode() & 0o777;
    let open =
        |name: &str| std::fs::set_permissions(bench.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir(bench.path("made")).unwrap();
    open("made");
    for _ in 0..2 {
        bench.run("send x.csv --to sandbox --state made --again -q").exits(0);
        assert_eq!(mode("made"), 0o700);
        // As it comes out of an archive.
        open("made");
    }
    // What holds other things too is not ours to close; our files in it are.
    open(".");
    bench.run("send x.csv --to sandbox --state . -q").exits(0);
    assert_eq!(mode("."), 0o755);
    assert_eq!(mode("ledger.db"), 0o600);
}

#[test]
fn a_quiet_run_that_needs_nobody_says_nothing() {
    let bench = Bench::with("x.csv", csv(300));
    let faults = "throttle=5%,error=5%,drop-after=5%";
    let quiet = bench.run(&format!("send x.csv --to sandbox --faults {faults} --batch-rows 10 -q")).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let again = bench.run("send x.csv --to sandbox -q").exits(0);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""));
}

#[test]
fn the_line_that_goes_on_is_what_was_typed_whatever_its_names() {
    let bench = Bench::with("it's a \"list\".csv", csv(3));
    let mut command = bench.command("send --to http://127.0.0.1:9/ --progress none --max-elapsed 1ms -H");
    command.arg("Authorization: Bearer ${env:SECRET_OF_OURS}").env("SECRET_OF_OURS", "s3cr3t");
    let stopped = said(command.arg("it's a \"list\".csv").output().unwrap()).exits(4);
    let last = stopped.stderr.lines().last().unwrap();
    assert_eq!(
        shlex::split(last).unwrap(),
        [
            "bulkhaul",
            "send",
            "--to",
            "http://127.0.0.1:9/",
            "--progress",
            "none",
            "--max-elapsed",
            "1ms",
            "-H",
            "Authorization: Bearer ${env:SECRET_OF_OURS}",
            "it's a \"list\".csv",
        ]
    );
    // A shell must not fill in what this program fills in.
    assert!(last.contains("'Authorization: Bearer ${env:SECRET_OF_OURS}'"), "{last}");
    assert!(!stopped.stderr.contains("s3cr3t"));
}

#[test]
fn a_key_that_no_row_can_have_is_told_before_the_state_knows_its_rows_by_it() {
    let bench = Bench::with("x.csv", csv(3));
    let said = bench.run("send x.csv --to sandbox --sync idd --state f").exits(1);
    let words = "error: input `x.csv` has no column `idd`\nhint: did you mean `id`? the columns are `id`, `city`, `amount`\n";
    assert_eq!(said.stderr, words);
    bench.run("send x.csv --to sandbox --sync id --state f --json -q").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn a_file_as_a_spreadsheet_saves_it_is_asked_about_and_then_read() {
    let text = "\u{feff}Nr;Name;Umsatz\r\n1;\"Müller; Söhne\";\"3,5\"\r\n\r\n2;Ada;7\r\n";
    let bench = Bench::with("x.csv", text);
    for command in ["plan x.csv --to sandbox", "send x.csv --to sandbox", "targets new crm.toml --from x.csv"]
    {
        let said = bench.run(command).exits(1);
        assert_eq!(
            said.stderr,
            "error: input `x.csv`: the header is one field, with `;` in it\nhint: say --delimiter ';', or ',' if there is only one column\n"
        );
    }
    let said = bench.run("targets new crm.toml --from x.csv --delimiter ; --columns nr,name,total").exits(0);
    assert!(
        said.stderr.contains("plan x.csv --delimiter ';' --columns nr,name,total --to crm.toml"),
        "{said:?}"
    );
    assert!(bench.read("crm.toml").contains("${row:/total}"), "{}", bench.read("crm.toml"));
    bench.run("send x.csv --to sandbox --delimiter ; -q").exits(0);
    assert_eq!(bench.sandbox_rows("x.csv")[0].row, r#"{"Nr":"1","Name":"Müller; Söhne","Umsatz":"3,5"}"#);
}

#[test]
fn a_bare_url_is_called_by_its_address_without_what_may_be_secret() {
    let bench = Bench::with("x.csv", csv(3));
    let send = "send x.csv --to http://127.0.0.1:9/rows?q=abc --max-elapsed 1ms --json --progress none";
    let said = bench.run(send).exits(4);
    assert_eq!(said.summary()["target"], "http://127.0.0.1:9/rows");
    let status = bench.run("status").exits(0).stdout;
    assert!(status.starts_with("x.csv to http://127.0.0.1:9/rows: stopped"), "{status}");
}

//! Targets that look at what rows say before they look for keys, as Amplitude's and Klaviyo's documentations have it, by
//! profiles that do not say `key_first`: a refusal behind a lost answer decides nothing, until a person says that it does.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, said};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The third row is none that they take.
const ROWS: &str = "{\"email\":\"a@x.test\"}\n{\"email\":\"b@x.test\"}\n{\"email\":\"no\"}\n{\"email\":\"d@x.test\"}\n{\"email\":\"e@x.test\"}\n";

const REMEDY: &str = "key_first = true in [idempotency] of its profile lets such a refusal count, \
                      in imports to come; what ends the doubt about these rows stands here";

/// `POST /batch`: 400 says which events are invalid, and none was taken; a repeated `insert_id` is counted once.
const AMPLITUDE: &str = r#"[profile]
version = 1
name = "amplitude"
[params.base]
default = "https://api2.amplitude.com"
[params.token]
env = "AMPLITUDE_KEY"
secret = true
required = true
[limits]
rows = 3
bytes = "20MB"
[request]
url = "${param.base}/batch"
body = '{"api_key":"${param.token}","events":"${rows}"}'
item = '{"insert_id":"${row.idem}","event_type":"import","event_properties":"${row}"}'
[idempotency]
scope = "row"
ttl = "168h"
[flow]
concurrency = 1
[retry]
base = "1ms"
[[response]]
when = { status = [200] }
then = "ok"
[[response]]
when = { status = [400], json = { "/events_with_invalid_fields" = { exists = true } } }
then = "results"
results = "invalid"
[results.invalid]
from = "$.events_with_invalid_fields.*[*]"
as = "scalars"
match = { by = "index" }
covers = "failed"
unlisted = "resend"
"#;

/// Profiles go in as a job; what a person's profile lacks is told by a pointer into the request, at once or at the end.
const KLAVIYO: &str = r#"[profile]
version = 1
name = "klaviyo"
[params.base]
default = "https://a.klaviyo.com"
[params.token]
env = "KLAVIYO_KEY"
secret = true
required = true
[auth]
scheme = "header"
name = "Authorization"
value = "Klaviyo-API-Key ${param.token}"
[limits]
rows = 3
bytes = "5MB"
row_bytes = "100KB"
[request]
url = "${param.base}/api/profile-bulk-import-jobs"
headers = { revision = "2026-07-15", Content-Type = "application/vnd.api+json" }
body = '{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":"${rows}"}}}}'
item = '{"type":"profile","attributes":"${row}"}'
[idempotency]
scope = "natural"
[flow]
requests = ["10/s", "150/m"]
concurrency = 1
[retry]
base = "1ms"
[[response]]
when = { status = [202] }
then = "job"
[[response]]
when = { status = [400], json = { "/errors" = { exists = true } } }
then = "results"
results = "refused"
[job]
id = "/data/id"
url = "${param.base}/api/profile-bulk-import-jobs/${job.id}"
headers = { revision = "2026-07-15" }
state = "/data/attributes/status"
every = "1ms"
[[job.fetch]]
name = "errors"
url = "${param.base}/api/profile-bulk-import-jobs/${job.id}/import-errors"
next = "/links/next"
[job.end.complete]
then = "results"
results = "failed"
fetch = "errors"
[job.end.cancelled]
then = "in_doubt"
[results.refused]
from = "/errors"
match = { by = "pointer", at = "/source/pointer", prefix = "/data/attributes/profiles/data" }
covers = "failed"
unlisted = "resend"
message = "/detail"
[results.failed]
from = "/data"
match = { by = "pointer", at = "/attributes/source/pointer", prefix = "/data/attributes/profiles/data" }
covers = "failed"
unlisted = "ok"
message = "/attributes/detail"
"#;

/// What was applied, by the row's key at the target: its `insert_id`, its e-mail address.
type Applied = Arc<Mutex<BTreeMap<String, Vec<String>>>>;
type Says = fn(&Got, &Applied) -> Answer;

fn bad(email: &str) -> bool {
    !email.contains('@')
}

fn amplitude(got: &Got, applied: &Applied) -> Answer {
    let body: Value = serde_json::from_str(&got.body).unwrap();
    let events = body["events"].as_array().unwrap();
    let email = |event: &Value| event["event_properties"]["email"].as_str().unwrap().to_owned();
    let invalid: Vec<usize> = (0..events.len()).filter(|at| bad(&email(&events[*at]))).collect();
    if !invalid.is_empty() {
        let said =
            json!({"code": 400, "error": "Invalid event", "events_with_invalid_fields": {"email": invalid}});
        return Answer::json(400, &said);
    }
    for event in events {
        let id = event["insert_id"].as_str().unwrap().to_owned();
        applied.lock().unwrap().entry(id).or_insert_with(|| vec![email(event)]);
    }
    Answer::json(200, &json!({"code": 200, "events_ingested": events.len()}))
}

fn klaviyo(got: &Got, applied: &Applied) -> Answer {
    assert_eq!(got.header("authorization"), Some("Klaviyo-API-Key k"));
    if got.path.ends_with("/import-errors") {
        return Answer::json(200, &json!({"data": [], "links": {"next": null}}));
    }
    if got.method == "GET" {
        return Answer::json(200, &json!({"data": {"attributes": {"status": "complete"}}}));
    }
    let body: Value = serde_json::from_str(&got.body).unwrap();
    let profiles = body["data"]["attributes"]["profiles"]["data"].as_array().unwrap();
    let email = |profile: &Value| profile["attributes"]["email"].as_str().unwrap().to_owned();
    let errors: Vec<Value> = (0..profiles.len())
        .filter(|at| bad(&email(&profiles[*at])))
        .map(|at| format!("/data/attributes/profiles/data/{at}/attributes/email"))
        .map(|at| json!({"detail": "Invalid email address", "source": {"pointer": at}}))
        .collect();
    if !errors.is_empty() {
        return Answer::json(400, &json!({"errors": errors}));
    }
    for profile in profiles {
        // An upsert: written twice is written once.
        applied.lock().unwrap().insert(email(profile), vec![email(profile)]);
    }
    Answer::json(202, &json!({"data": {"id": format!("job{}", profiles.len())}}))
}

#[test]
fn a_target_that_validates_before_it_looks_keys_up_loses_and_doubles_nothing_and_key_first_ends_the_doubt() {
    let says: [(&str, &str, Says); 2] =
        [("AMPLITUDE_KEY", AMPLITUDE, amplitude), ("KLAVIYO_KEY", KLAVIYO, klaviyo)];
    for (variable, profile, says) in says {
        let bench = Bench::with("x.ndjson", ROWS);
        let applied = Applied::default();
        let kept = Arc::clone(&applied);
        // Of each request the first answer is lost.
        let server = Server::saying(move |got, before| {
            let answer = says(got, &kept);
            let lost = got.method == "POST" && !before.iter().any(|earlier| earlier.body == got.body);
            (!lost).then_some(answer)
        });
        bench.write("t.toml", profile);
        let check = bench.run("targets check t.toml").exits(0).stdout;
        assert!(!check.contains("note"), "{check}");
        let send = format!("send x.ndjson --to ./t.toml --url {} --progress none --json", server.url());
        let run =
            |more: &str| said(bench.command(&format!("{send}{more}")).env(variable, "k").output().unwrap());
        // Where a row written twice is written once, the others go again at once.
        let (books, why) = match variable {
            "KLAVIYO_KEY" => (
                [5, 4, 0, 1, 0],
                "row 3: refused, and perhaps applied before by an attempt whose answer was lost",
            ),
            _ => ([5, 2, 0, 3, 0], "rows 1 to 3: refused after an attempt whose outcome is unknown"),
        };
        run("").exits(5).books(books);
        let told = bench.run("rejects").stdout;
        assert!(told.contains(why) && told.contains(REMEDY) == (variable == "AMPLITUDE_KEY"), "{told}");
        bench.write("t.toml", profile.replace("[idempotency]", "[idempotency]\nkey_first = true"));
        run(" --on-ambiguous resend").exits(3).books([5, 4, 1, 0, 0]);
        assert_eq!(bench.dead_letters("x.ndjson")[0]["row"], json!({"email": "no"}));
        let mut there: Vec<String> = applied.lock().unwrap().values().flatten().cloned().collect();
        there.sort();
        assert_eq!(there, ["a@x.test", "b@x.test", "d@x.test", "e@x.test"], "{variable}");
    }
}

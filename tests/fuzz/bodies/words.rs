//! What servers say, and what rows say in addresses: nothing of it may be believed too much.

use super::Choices;
use bulkhaul::engine::{Assembler, BatchLimits};
use bulkhaul::model::{
    BatchKey, BodyState, Digest, ImportId, Job, Load, Mark, Ordinal, Outcome, Place, PollOutcome, Reply,
    RowVerdict, Verdicts, WallTime,
};
use bulkhaul::target::{About, Attempt, Overrides, Profile, Target};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const NOW: WallTime = WallTime::from_millis(1_790_000_000_000);
const ROWS: [&str; 3] = [r#"{"id":"a","n":1}"#, r#"{"id":"b","n":2}"#, r#"{"id":"c","n":3}"#];
const TARGETS: [&str; 9] = [
    "orders-batch",
    "orders-atomic",
    "imports-async",
    "experiture-append",
    "elasticsearch",
    "meilisearch",
    "typesense",
    "couchdb",
    "parse",
];

struct Known {
    target: Arc<Target>,
    load: Load,
}

fn compile(profile: &Profile) -> Option<Target> {
    let values: BTreeMap<String, String> = profile
        .params()
        .iter()
        .filter(|param| param.required && !param.secret)
        .map(|param| {
            let value = if param.name == "base" { "http://target.test" } else { "x" };
            (param.name.clone(), value.to_owned())
        })
        .collect();
    Target::compile(profile, &values, &[], &Overrides { unsigned: true, ..Overrides::default() }).ok()
}

fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let known = TARGETS.iter().map(|name| {
            let target =
                Arc::new(compile(&Profile::builtin(name).unwrap()).unwrap_or_else(|| panic!("{name}")));
            let limits = BatchLimits { rows: 10, bytes: 1 << 20 };
            let assembler = Assembler::new(Arc::clone(&target), ImportId::fixed("fuzz", 1), limits);
            let mark = |n: usize| Mark {
                ordinal: Ordinal(n as u64),
                place: Place { row: n as u64 + 1, ..Place::START },
                end: 9,
            };
            let rows = ROWS.iter().enumerate().map(|(n, row)| (mark(n), row.as_bytes()));
            let load = assembler.assemble(None, rows);
            Known { target, load }
        });
        known.collect()
    })
}

fn reply(status: u16, headers: Vec<(String, String)>, body: &[u8]) -> Reply {
    Reply { status, headers, body: body.to_vec().into(), body_state: BodyState::Whole }
}

/// Every row has one verdict, and no verdict is about a row that was not sent.
fn fits(verdicts: &Verdicts, rows: usize) {
    let mut last = None;
    for (index, _) in &verdicts.listed {
        assert!((*index as usize) < rows, "a verdict about a row that was not sent");
        assert!(last < Some(*index), "verdicts stand in the rows' order, one for each");
        last = Some(*index);
    }
    assert!(verdicts.ids.iter().all(|(index, _)| (*index as usize) < rows));
}

pub(crate) fn response(data: &[u8]) {
    let mut choices = Choices(data);
    let known = &known()[usize::from(choices.byte()) % TARGETS.len()];
    let status = [200, 201, 202, 207, 400, 401, 404, 409, 413, 422, 429, 500, 302, 204]
        [usize::from(choices.byte()) % 14];
    let options = choices.byte();
    let kind = ["application/json", "text/plain", "application/x-ndjson"][usize::from(options & 3) % 3];
    let mut reply = reply(status, vec![("content-type".to_owned(), kind.to_owned())], choices.0);
    if options & 4 > 0 {
        reply.body_state = BodyState::TooLarge;
    }
    let attempt = Attempt { after_ambiguous: options & 8 > 0, ..Attempt::default() };
    let outcome = known.target.read_attempt(&known.load, &reply, NOW, attempt);
    let _ = (known.target.replayed(&reply), known.target.carried(&reply), known.target.hint(&reply, NOW));
    match &outcome {
        Outcome::Settled(verdicts) => {
            assert!(reply.is_whole() || status >= 400, "an answer that was cut off delivers nothing");
            assert!(!(500..600).contains(&status) && status != 302, "{status} is no verdict");
            if [401, 429].contains(&status) {
                let refused =
                    verdicts.listed.iter().any(|(_, verdict)| matches!(verdict, RowVerdict::Rejected(_)));
                assert!(
                    !refused && !matches!(verdicts.others, RowVerdict::Rejected(_)),
                    "{status} refuses no row"
                );
            }
            fits(verdicts, ROWS.len());
        }
        Outcome::Accepted(job) if known.target.polling().is_some() => {
            let _ = known.target.poll(job, Duration::from_secs(1));
            let polled = known.target.read_poll(&known.load, job, &reply, NOW);
            if let PollOutcome::Ended(outcome) = polled
                && let Outcome::Settled(verdicts) = *outcome
            {
                fits(&verdicts, ROWS.len());
            }
        }
        _ => {}
    }
}

/// Whatever stands in the header, a wait is no more than a wait.
pub(crate) fn retry_after(data: &[u8]) {
    let mut choices = Choices(data);
    let known = &known()[usize::from(choices.byte()) % TARGETS.len()];
    let status = [429, 503, 200, 408][usize::from(choices.byte()) & 3];
    let text = String::from_utf8_lossy(choices.0).into_owned();
    let (value, date) = text.split_once('\n').unwrap_or((&text, "Sun, 06 Nov 1994 08:49:37 GMT"));
    let headers =
        [("retry-after", value), ("date", date), ("ratelimit-reset", value), ("x-ratelimit-reset", value)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let reply = reply(status, headers, b"{}");
    let wait = match known.target.read(&known.load, &reply, NOW) {
        Outcome::Throttled { wait, .. }
        | Outcome::NotApplied { wait, .. }
        | Outcome::Unknown { wait, .. } => wait,
        // All or nothing: a 200 is all.
        Outcome::Settled(_) if status == 200 => None,
        Outcome::Settled(_) => panic!("{status} settles nothing for these targets"),
        _ => None,
    };
    if let Some(wait) = wait {
        // It can be added to any moment that there is.
        let _ = NOW.millis().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let is_plain =
            !value.is_empty() && value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain && status == 429 && known.target.name().starts_with("orders") {
            assert!(
                wait >= Duration::from_secs(value.parse().unwrap()),
                "{value} s are not waited for: {wait:?}"
            );
        }
    }
    let _ = known.target.hint(&reply, NOW);
}

/// A job is asked about at the target's own origin, or not at all.
pub(crate) fn status_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let known = &known()[2];
    let body = serde_json::json!({"job_id": "j", "status_url": text}).to_string();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("location".to_owned(), text.clone()),
    ];
    let told = match known.target.read(&known.load, &reply(202, headers, body.as_bytes()), NOW) {
        Outcome::Accepted(job) => Some(job),
        _ => None,
    };
    // What the ledger holds is believed no more than what the server says.
    for job in told.into_iter().chain([Job::new("j".to_owned(), text.clone())]) {
        if let Ok(request) = known.target.poll(&job, Duration::from_secs(1)) {
            at_home(&request.url);
        }
    }
}

/// As a browser reads it: the scheme, the host and the port are the target's, and nobody is logged in by it.
fn at_home(url: &str) {
    let rest = url.strip_prefix("http://target.test").unwrap_or_else(|| panic!("another origin: {url:?}"));
    assert!(rest.starts_with('/') || rest.is_empty(), "another host: {url:?}");
    let is_plain = |c: char| !c.is_control() && !['\\', '#', ' '].contains(&c);
    assert!(url.chars().all(is_plain), "{url:?}");
}

/// A field in an address is one segment of it, or its row is refused.
pub(crate) fn path_template(data: &[u8]) {
    static TARGET: OnceLock<Arc<Target>> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let text = "[profile]\nversion = 1\nname = \"t\"\n[limits]\nrows = 1\n[request]\nmethod = \"PUT\"\n\
                    url = \"http://target.test/v1/${row:/id}/tail?q=${row:/q}\"\nbody = '''\"${row}\"'''\n\
                    [request.headers]\nX-Row = \"${row:/h}\"\n";
        let profile = Profile::parse("t.toml", text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        Arc::new(compile(&profile).unwrap())
    });
    let text = String::from_utf8_lossy(data).into_owned();
    let mut parts = text.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or("v");
    let row = serde_json::json!({"id": next(), "q": next(), "h": next()}).to_string();
    let limits = BatchLimits { rows: 1, bytes: 1 << 20 };
    let assembler = Assembler::new(Arc::clone(target), ImportId::fixed("fuzz", 1), limits);
    let mark = Mark { ordinal: Ordinal(0), place: Place::START, end: 9 };
    let mut builder = assembler.open(None);
    if assembler.add(&mut builder, mark, row.as_bytes()).is_err() {
        return;
    }
    let load = assembler.close(builder, None).unwrap();
    let key = BatchKey(Digest::of(b"k"));
    let context = assembler.row(&load, 0);
    let about = About {
        key: &key,
        rows: 1,
        first_sent: NOW,
        timeout: Duration::from_secs(1),
        row: Some(&context),
        state: None,
        refusals: 0,
        import: 1,
    };
    let Ok(request) = target.request_about(load.body().clone(), &about) else { return };
    at_home(&request.url);
    let (path, query) = request.url.split_once('?').expect("the query is the profile's");
    let segments: Vec<&str> = path["http://target.test".len()..].split('/').collect();
    assert_eq!((segments.len(), segments[1], segments[3]), (4, "v1", "tail"), "{path}");
    let dots = segments[2].to_ascii_lowercase().replace("%2e", ".");
    assert!(!["", ".", ".."].contains(&dots.as_str()), "{path}");
    assert!(query.starts_with("q=") && !query.contains('&'), "{query}");
    for (name, value) in &request.headers {
        assert!(
            // A tab is a blank in a header, and ends nothing.
            !format!("{name}{value}").bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f),
            "{name}: {value:?}"
        );
    }
}

//! What is imported, and into what: targets as their profiles describe them, each with a server of its manners, and
//! rows of which it is known how they have to end.

use crate::chance::{Chance, Hazard, Scripted};
use crate::server::{Manners, Shape};
use bulkhaul::args::{Args, CommandArgs};
use bulkhaul::edge::source::{Format, Layout};
use bulkhaul::engine::{OnAmbiguous, Policy};
use bulkhaul::settings;
use bulkhaul::target::{Overrides, Profile, Target};
use clap::Parser;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a row may end, if nobody is in doubt about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Delivered,
    Refused,
    /// Refused for the sake of an earlier row of its lane, if that was refused and is not in doubt.
    Blocked,
    /// Delivered, if any row of its lane is: else the lane was somebody else's before.
    IfBegun,
    /// Either, as chance wants it.
    Either,
}

/// What is promised of a row that is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// Applied once.
    Once,
    /// A person or the profile decided that twice is better than never.
    AtLeast,
    /// Applying it twice is applying it once; the last one wins.
    Upsert,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As the target must get it, byte for byte.
    pub(crate) wire: Vec<String>,
    pub(crate) expect: Expect,
    /// Rows of one lane are applied in order.
    pub(crate) lane: Option<u32>,
}

/// What rows look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dress {
    Plain,
    Event,
    /// An event of a stream that has to be new.
    NewEvent,
    User,
    Record,
    Expiring,
}

/// One kind of target.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) target: Arc<Target>,
    pub(crate) manners: Manners,
    pub(crate) policy: Policy,
    pub(crate) truth: Truth,
    pub(crate) ordered: bool,
    dress: Dress,
    /// Doubt needs no fault here.
    pub(crate) doubts: bool,
    slow: bool,
    blocks: bool,
}

/// One import.
#[derive(Debug)]
pub(crate) struct Case<'k> {
    pub(crate) kind: &'k Kind,
    pub(crate) layout: Layout,
    pub(crate) text: Arc<[u8]>,
    pub(crate) rows: Vec<Row>,
}

const HOUR: u64 = 3_600_000_000;
const ORDERS: Manners = Manners {
    shape: Shape::Orders,
    key_header: Some("idempotency-key"),
    key_first: true,
    ttl: 24 * HOUR,
    unique: false,
    upserts: false,
    names_item: true,
    tokens: None,
};

const ITEMS: &str = r#"
[[response]]
when = { json = { "/error" = "batch_too_large" } }
then = "split"
learn = { rows = 'Maximum (\d+) items' }

[[response]]
when = { status = [200] }
then = "results"
results = "items"

[results.items]
from = "/results"
as = "list"
match = { by = "id", at = "/id", row = "/id" }
covers = "all"
unlisted = "in_doubt"
message = "/error"

[[results.items.rule]]
when = { json = { "/status" = "ok" } }
then = "ok"

[[results.items.rule]]
when = { json = { "/status" = "busy" } }
then = "retry"

[[results.items.rule]]
when = { json = { "/status" = "exists" } }
then = "exists"
"#;

const KEYED: &str = r#"
[idempotency]
scope = "batch"
send = { header = "Idempotency-Key" }
key = { format = "uuid" }
key_first = true
replay = { header = "Idempotency-Replayed" }
in_progress = [409]
ttl = "TTL"
"#;

fn items(name: &str, more: &str) -> String {
    format!(
        r#"
[profile]
version = 1
name = "{name}"

[request]
method = "POST"
url = "http://target.test/api/orders/batch"
body = '''{{"operations":"${{rows}}"}}'''
item = '''"${{row}}"'''
{more}{ITEMS}"#
    )
}

const VERIFIED: &str = r#"
[profile]
version = 1
name = "verified"

[limits]
rows = 1

[request]
method = "POST"
url = "http://target.test/rows"
body = '''"${row}"'''

[idempotency]
scope = "none"
on_ambiguous = "verify"
key = { template = "${row:/id}", format = "raw" }

[verify]
method = "GET"
url = "http://target.test/rows/${batch.key}"
applied = { status = [200] }
not_applied = { status = [404] }

[[response]]
when = { status = ["2xx"] }
then = "ok"

[[response]]
when = { status = [422] }
then = "reject"
"#;

const STEPS: &str = r#"
[profile]
version = 1
name = "steps"

[[before]]
name = "begin"
url = "http://target.test/tx"
capture = { tx = "/tx" }

[[before]]
name = "lock"
url = "http://target.test/tx/${step.tx}/lock"
capture = { lock = "/lock" }

[request]
method = "POST"
url = "http://target.test/tx/${step.tx}/rows"
headers = { Lock = "${step.lock}" }
commit = "after"

[[after]]
name = "commit"
url = "http://target.test/tx/${step.tx}/commit"
done_if = { status = [409] }

[[after]]
name = "tidy"
url = "http://target.test/tx/${step.tx}/tidy"

[[response]]
when = { status = [200] }
then = "ok"

[[response]]
when = { status = [409] }
then = "refetch"

[[response]]
when = { status = [422] }
then = "bisect"
"#;

const BLOCKING: &str = r#"
[profile]
version = 1
name = "blocking"
extends = "j17"

[group]
after_reject = "block"
"#;

/// One statement for each request, rows merged by a key: all or nothing, and no error names a row.
const MERGED: &str = r#"
[profile]
version = 1
name = "merged"

[group]
by = ["/email"]
per_request = "unique"
order = "strict"

[request]
url = "http://target.test/rows"

[idempotency]
scope = "natural"

[[response]]
when = { status = [200] }
then = "ok"

[[response]]
when = { status = [413] }
then = "split"

[[response]]
when = { status = [422] }
then = "bisect"
"#;

const TOKENS: &str = r#"
[params.client]

[params.secret]
secret = true

[auth]
scheme = "oauth2_client_credentials"
token_url = "https://login.test/token"
client_id = "${param.client}"
client_secret = "${param.secret}"
"#;

const SHORT: &str = r#"
[profile]
version = 1
name = "short"
extends = "orders-batch"

[idempotency]
ttl = "1h"
"#;

fn compile(profile: &Profile, more: &[(&str, &str)]) -> Arc<Target> {
    let known = |name: &str| profile.params().iter().any(|param| param.name == name);
    let always = [
        ("base", "http://target.test"),
        ("actor_id", "me"),
        ("object", "things"),
        ("path", "/rows"),
        ("client", "me"),
        ("secret", "s3cret"),
    ];
    let values: BTreeMap<String, String> = always
        .iter()
        .chain(more)
        .filter(|(name, _)| known(name))
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let target =
        Target::compile(profile, &values, &[], &Overrides { unsigned: true, ..Overrides::default() });
    Arc::new(target.unwrap_or_else(|errors| panic!("{}: {errors}", profile.name())))
}

fn own(text: &str) -> Profile {
    Profile::parse("own.toml", text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The rules of a run, as the program makes them of its arguments.
fn policy(target: &Target, more: &[&str]) -> Policy {
    let typed = ["bulkhaul", "send", "x.ndjson", "--to", "orders-batch"];
    let args = Args::try_parse_from(typed.iter().chain(more)).unwrap();
    let Some(CommandArgs::Send(args)) = args.command else { unreachable!("it was typed") };
    settings::policy(&args, target)
}

impl Kind {
    fn new(name: &'static str, target: Arc<Target>, manners: Manners, dress: Dress) -> Self {
        let policy = policy(&target, &[]);
        let truth = Truth::Once;
        let ordered = target.group().is_some_and(|group| group.strict);
        Self {
            name,
            target,
            manners,
            policy,
            truth,
            ordered,
            dress,
            doubts: false,
            slow: false,
            blocks: false,
        }
    }

    fn builtin(name: &'static str, manners: Manners, dress: Dress) -> Self {
        Self::new(name, compile(&Profile::builtin(name).unwrap(), &[]), manners, dress)
    }

    /// Whether this can befall a target of this kind without breaking what it promises of itself.
    pub(crate) fn suits(&self, hazard: Hazard) -> bool {
        let Manners { shape, key_header, key_first, .. } = self.manners;
        let remembers = key_header.is_some() && key_first;
        let jobs = matches!(shape, Shape::Imports | Shape::Records);
        match hazard {
            Hazard::FailedForGood | Hazard::Twice => remembers,
            Hazard::InProgress => remembers && shape != Shape::Streams,
            // Whoever asks at once if it was applied must not be told what is going to change.
            // Without keys, a row that comes late takes the place of the one that came after it, and nobody can help that.
            Hazard::RequestLate => !self.target.verifies() && !self.doubts_refusals(),
            Hazard::Misfitting => matches!(shape, Shape::Orders | Shape::Streams),
            Hazard::Shrinks => !matches!(shape, Shape::Single | Shape::Streams),
            Hazard::Rival => shape == Shape::Streams,
            Hazard::JobFails | Hazard::JobGone | Hazard::JobStalls => jobs,
            _ => true,
        }
    }

    /// Whether rows may be in doubt after all that struck (bits of hazards).
    pub(crate) fn excuses(&self, struck: u64) -> bool {
        let keys = self.manners.key_header.is_some() || self.manners.upserts;
        let faults: &[Hazard] = if self.target.commits_after() {
            // Before its commit nothing was done, and the commit itself is known when it is made again.
            &[]
        } else if !keys || !self.manners.key_first && !self.manners.upserts {
            &Hazard::ALL
        } else {
            &[
                Hazard::FailedForGood,
                Hazard::Misfitting,
                Hazard::TooLong,
                Hazard::JobFails,
                Hazard::JobGone,
                Hazard::JobStalls,
                Hazard::ClockForward,
                Hazard::ClockBack,
            ]
        };
        // A wait that the target asks for may be longer than it remembers a key.
        let patience = self.manners.ttl <= HOUR && struck & 1 << (Hazard::Throttled as u8) != 0;
        self.doubts || patience || faults.iter().any(|hazard| struck & 1 << (*hazard as u8) != 0)
    }

    /// Whether a row that is refused stays in doubt where an attempt before may have applied it, and only that row.
    pub(crate) fn doubts_refusals(&self) -> bool {
        self.manners.upserts && !self.manners.key_first
    }

    /// Whether the same rows may be imported again, each import being told apart by what was applied.
    pub(crate) fn comes_again(&self) -> bool {
        let plain = matches!(self.dress, Dress::Plain | Dress::Record | Dress::Expiring);
        plain && !self.ordered && !self.manners.unique && !self.target.verifies()
    }

    /// An import of `count` rows.
    pub(crate) fn case(&self, count: u64, chance: &mut impl Chance) -> Case<'_> {
        let csv = self.dress == Dress::Plain && chance.pick(3) == 0;
        let mut text = String::new();
        if csv {
            text.push_str("id,fate\n");
        }
        let bad = chance.pick(30);
        let odd = if chance.pick(6) == 0 { 790 } else { chance.pick(40) };
        let mut rows: Vec<Row> = Vec::new();
        for n in 0..count {
            let fate = match chance.pick(100) {
                roll if roll < bad => "bad",
                roll if roll < bad + 15 && self.slow => "slow",
                _ => "ok",
            };
            if chance.pick(100) < odd / 8 {
                text.push_str(if csv { "too,many,fields\n" } else { "[\"no object\"]\n" });
                rows.push(Row { wire: Vec::new(), expect: Expect::Refused, lane: None });
                continue;
            }
            // Some rows are rightly equal.
            let twins = !self.manners.unique && !self.target.verifies();
            let twin = twins && !rows.is_empty() && chance.pick(100) < (odd / 4).min(10);
            self.push(n, fate, twin, csv, &mut text, &mut rows, chance);
        }
        self.block(&mut rows);
        let layout = Layout::new(if csv { Format::Csv { delimiter: b',' } } else { Format::Ndjson });
        Case { kind: self, layout, text: text.into_bytes().into(), rows }
    }

    /// An import of just these fates, each in its lane.
    pub(crate) fn small(&self, fates: &[(&str, u32)]) -> Case<'_> {
        let (mut text, mut rows) = (String::new(), Vec::new());
        for (n, (fate, lane)) in fates.iter().enumerate() {
            let mut lane = Scripted::new(&[], u64::from(*lane));
            let twin = *fate == "twin";
            self.push(n as u64, fate, twin, false, &mut text, &mut rows, &mut lane);
        }
        self.block(&mut rows);
        Case { kind: self, layout: Layout::new(Format::Ndjson), text: text.into_bytes().into(), rows }
    }

    #[expect(clippy::too_many_arguments, reason = "what a row is made of")]
    fn push(
        &self,
        n: u64,
        fate: &str,
        twin: bool,
        csv: bool,
        text: &mut String,
        rows: &mut Vec<Row>,
        chance: &mut impl Chance,
    ) {
        let mut expect = if fate == "bad" { Expect::Refused } else { Expect::Delivered };
        let lane = chance.pick(4) as u32;
        let (line, wire, lane) = match self.dress {
            Dress::Plain => {
                let id = if twin { "twin".to_owned() } else { format!("r{n}") };
                let fate = if twin { "ok" } else { fate };
                if twin {
                    expect = Expect::Delivered;
                }
                let wire = format!(r#"{{"id":"{id}","fate":"{fate}"}}"#);
                (if csv { format!("{id},{fate}") } else { wire.clone() }, vec![wire], None)
            }
            Dress::Event | Dress::NewEvent => {
                let wire = format!(r#"{{"type":"{fate}","data":{{"id":"r{n}"}}}}"#);
                let line = format!(
                    r#"{{"aggregate_type":"t","aggregate_id":"s{lane}","type":"{fate}","data":{{"id":"r{n}"}}}}"#
                );
                if self.dress == Dress::NewEvent && expect == Expect::Delivered {
                    // Somebody else may have made the stream.
                    expect = Expect::IfBegun;
                }
                (line, vec![wire], Some(lane))
            }
            Dress::User => {
                let id = if twin { 0 } else { n };
                let named = format!("\"n{id}\"");
                let first = !rows.iter().any(|row| row.wire.iter().any(|wire| wire.contains(&named)));
                let wire = vec![
                    format!(r#"{{"type":"was_created","data":{{"name":"n{id}","email":"e"}}}}"#),
                    format!(r#"{{"type":"had_profile_updated","data":{{"bio":"b{id}"}}}}"#),
                ];
                expect = if first { Expect::Delivered } else { Expect::Refused };
                let line = format!(r#"{{"uuid":"u{id}","name":"n{id}","email":"e","bio":"b{id}"}}"#);
                (line, if first { wire } else { Vec::new() }, None)
            }
            Dress::Record => {
                let line = format!(r#"{{"id":"r{n}","email":"k{lane}","fate":"{fate}"}}"#);
                (line.clone(), vec![line], self.manners.upserts.then_some(lane))
            }
            Dress::Expiring => {
                let until = if chance.pick(2) == 0 { 1_700_000_030 } else { 1_900_000_000 };
                if expect == Expect::Delivered && until < 1_800_000_000 {
                    expect = Expect::Either;
                }
                let line = format!(r#"{{"id":"r{n}","fate":"{fate}","until":{until}}}"#);
                (line.clone(), vec![line], None)
            }
        };
        text.push_str(&line);
        text.push('\n');
        rows.push(Row { wire, expect, lane });
    }

    /// What comes behind a refused row of its lane is refused with it, where that is so.
    fn block(&self, rows: &mut [Row]) {
        if !self.blocks {
            return;
        }
        let mut blocked = [false; 4];
        for row in rows {
            let Some(lane) = row.lane.map(|lane| lane as usize) else { continue };
            if blocked[lane] {
                row.expect = Expect::Blocked;
            }
            blocked[lane] |= row.expect == Expect::Refused;
        }
    }
}

fn url(name: &'static str, ambiguous: OnAmbiguous, truth: Truth) -> Kind {
    let target =
        compile(&Profile::for_url("http://target.test/rows", None, None, None, "POST").unwrap(), &[]);
    let manners = Manners { shape: Shape::Bare, key_header: None, key_first: false, ..ORDERS };
    let mut kind = Kind { truth, ..Kind::new(name, target, manners, Dress::Plain) };
    kind.policy.on_ambiguous = ambiguous;
    kind
}

/// All kinds, in an order that seeds may count on.
pub(crate) fn kinds() -> Vec<Kind> {
    let streams = Manners { shape: Shape::Streams, key_header: Some("x-idempotency-key"), ..ORDERS };
    let bare = Manners { shape: Shape::Bare, ..ORDERS };
    let j17 = Profile::builtin("j17").unwrap();
    let tainted = Profile::for_url(
        "http://target.test/rows",
        None,
        Some("Idempotency-Key"),
        Some(std::time::Duration::from_secs(3600)),
        "POST",
    );
    let retry = items("retry", &KEYED.replace("TTL", "24h"));
    let keyless = "\n[idempotency]\nscope = \"none\"\non_ambiguous = \"resend\"\n";
    let expiring =
        items("expiring", &format!("\n[row]\nexpires = \"/until\"\n{}", KEYED.replace("TTL", "24h")));
    let upserts = Manners { shape: Shape::Records, upserts: true, ..ORDERS };
    vec![
        Kind::builtin("orders-batch", ORDERS, Dress::Plain),
        Kind::builtin("orders-atomic", Manners { shape: Shape::Atomic, ..ORDERS }, Dress::Plain),
        Kind {
            name: "orders-atomic, nameless",
            ..Kind::builtin(
                "orders-atomic",
                Manners { shape: Shape::Atomic, names_item: false, ..ORDERS },
                Dress::Plain,
            )
        },
        Kind::builtin("imports-async", Manners { shape: Shape::Imports, ..ORDERS }, Dress::Plain),
        Kind::builtin("j17", streams, Dress::Event),
        Kind::new("j17, occ off", compile(&j17, &[("occ", "off")]), streams, Dress::Event),
        Kind::builtin("j17-new", streams, Dress::NewEvent),
        Kind::builtin("j17-migrate", streams, Dress::User),
        Kind { blocks: true, ..Kind::new("blocking", compile(&own(BLOCKING), &[]), streams, Dress::Event) },
        Kind::builtin("single", Manners { shape: Shape::Single, ..ORDERS }, Dress::Plain),
        Kind {
            doubts: true,
            ..Kind::builtin("experiture-append", Manners { shape: Shape::Records, ..ORDERS }, Dress::Record)
        },
        Kind { truth: Truth::Upsert, ..Kind::builtin("experiture-upsert", upserts, Dress::Record) },
        url("address, hold", OnAmbiguous::Hold, Truth::Once),
        url("address, stop", OnAmbiguous::Stop, Truth::Once),
        url("address, resend", OnAmbiguous::Resend, Truth::AtLeast),
        Kind::new(
            "address, keys late",
            compile(&tainted.unwrap(), &[]),
            Manners { key_first: false, ttl: HOUR, ..bare },
            Dress::Plain,
        ),
        Kind { slow: true, ..Kind::new("retry", compile(&own(&retry), &[]), ORDERS, Dress::Plain) },
        Kind {
            slow: true,
            doubts: true,
            ..Kind::new(
                "unique",
                compile(&own(&items("unique", keyless)), &[]),
                Manners { key_header: None, key_first: false, unique: true, ..ORDERS },
                Dress::Plain,
            )
        },
        Kind {
            doubts: true,
            ..Kind::new(
                "verified",
                compile(&own(VERIFIED), &[]),
                Manners { shape: Shape::Single, key_header: None, key_first: false, ..ORDERS },
                Dress::Plain,
            )
        },
        Kind {
            doubts: true,
            ..Kind::new("expiring", compile(&own(&expiring), &[]), ORDERS, Dress::Expiring)
        },
        Kind::new("short memory", compile(&own(SHORT), &[]), Manners { ttl: HOUR, ..ORDERS }, Dress::Plain),
        Kind::new(
            "tokens",
            compile(&own(&items("tokens", &format!("{TOKENS}{}", KEYED.replace("TTL", "24h")))), &[]),
            Manners { tokens: Some(20_000_000), ..ORDERS },
            Dress::Plain,
        ),
        Kind::new(
            "steps",
            compile(&own(STEPS), &[]),
            Manners { shape: Shape::Steps, key_header: None, key_first: false, ..ORDERS },
            Dress::Plain,
        ),
        Kind {
            truth: Truth::Upsert,
            ..Kind::new(
                "merged",
                compile(&own(MERGED), &[]),
                Manners { shape: Shape::Bare, key_header: None, key_first: false, ..upserts },
                Dress::Record,
            )
        },
    ]
}

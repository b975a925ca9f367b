//! What it means that no answer came, or only the beginning of one.
//!
//! A broken connection settles nothing about a row: a profile may say how patient to be, and never that rows were
//! taken or refused.

use super::document::Value;
use super::rule::{Rule, Then};
use super::section::Section;
use super::target::Target;
use crate::model::{Fault, Outcome, RowVerdict, StopKind, Verdicts};

/// What is known of the attempts before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The same request went before, and nobody knows what became of it.
    pub after_ambiguous: bool,
    /// It is the import's first to a group that has to be empty before it.
    pub begins: bool,
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Before a byte left.
    NotSent,
    TimedOut,
    /// After some bytes had left, before a status line came.
    Lost,
    /// Within the answer's body.
    Cut,
}

const WORDS: [(&str, Broken); 6] = [
    ("connect", Broken::NotSent),
    ("timeout", Broken::TimedOut),
    ("send", Broken::Lost),
    ("reset", Broken::Lost),
    ("truncated", Broken::Cut),
    ("decode", Broken::Cut),
];

impl Broken {
    /// `transport`: one word, or a list of them.
    pub(super) fn read(section: &Section<'_>) -> Vec<Self> {
        match section.node("transport").map(|node| &node.value) {
            None => Vec::new(),
            Some(Value::Text(_)) => section.word("transport", &WORDS).into_iter().collect(),
            Some(_) => {
                let mut found = Vec::new();
                for (text, spot) in section.texts("transport") {
                    match WORDS.iter().find(|(word, _)| *word == text) {
                        Some((_, fault)) => found.push(*fault),
                        None => {
                            let known: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
                            let remedy = format!("it is one of {}", known.join(", "));
                            section.findings.add(spot, format!("`{text}` is no fault"), remedy);
                        }
                    }
                }
                found
            }
        }
    }
}

/// What a rule about a broken connection may not ask and say.
pub(super) fn check(rule: &Rule, section: &Section<'_>) {
    if rule.when.broken.is_empty() {
        return;
    }
    if rule.when.asks_answer() || (!rule.when.status.is_empty() && rule.when.broken != [Broken::Cut]) {
        let remedy = "take header, json, text and status out; a cut answer has a status";
        section.wrong("when", "`transport` asks about an answer that did not come", remedy);
    }
    if !matches!(rule.then, Then::Retry | Then::Throttle | Then::InDoubt | Then::Pause | Then::Abort) {
        let remedy = "it may be retry, throttle, in_doubt, pause or abort";
        section.wrong("then", "nobody knows what a broken connection did to the rows", remedy);
    }
}

/// Waiting mends no certificate, whatever the profile says of broken connections.
fn untrusted(why: &str) -> Outcome {
    let of_authority = "nothing was sent; this is the certificate of an authority (CA:TRUE), and a server needs one of its own: \
                        with openssl, -addext basicConstraints=critical,CA:FALSE makes one (SSL_CERT_FILE=FILE names a file of \
                        certificates to trust)";
    let unknown = "nothing was sent; see that the address is right, and that this machine trusts whoever issued the certificate \
                (SSL_CERT_FILE=FILE names a file of certificates to trust)";
    let hint = if why.contains("CaUsedAsEndEntity") { of_authority } else { unknown };
    Outcome::Stop { kind: StopKind::Refused, why: why.to_owned(), hint: Some(hint.to_owned()) }
}

impl Target {
    /// What it means that no answer came.
    pub fn read_fault(&self, fault: &Fault) -> Outcome {
        self.read_fault_attempt(fault, 0, Attempt::default())
    }

    /// As [`Self::read_fault`], where something is known of the request and the attempts before.
    pub fn read_fault_attempt(&self, fault: &Fault, rows: u64, attempt: Attempt) -> Outcome {
        let (kind, why) = match fault {
            Fault::Untrusted(why) => return untrusted(why),
            Fault::NotSent(why) => (Broken::NotSent, why),
            Fault::TimedOut(why) => (Broken::TimedOut, why),
            Fault::Broken(why) => (Broken::Lost, why),
        };
        self.broken(kind, None, rows, attempt, why).unwrap_or_else(|| match fault {
            Fault::NotSent(_) => Outcome::NotApplied { wait: None, why: why.clone() },
            _ => Outcome::Unknown { wait: None, why: why.clone() },
        })
    }

    /// What the profile says of a broken connection, if it says something.
    pub(super) fn broken(
        &self,
        fault: Broken,
        status: Option<u16>,
        rows: u64,
        attempt: Attempt,
        why: &str,
    ) -> Option<Outcome> {
        let fits = |rule: &&Rule| rule.when.suits(attempt) && rule.when.fits_fault(fault, status, rows);
        let rule = self.rules.iter().find(fits)?;
        let (wait, why) = (rule.wait, why.to_owned());
        Some(match rule.then {
            Then::Throttle => Outcome::Throttled { wait: wait.or(self.flow.cooldown), why },
            Then::InDoubt => Outcome::Settled(Verdicts::all(RowVerdict::InDoubt(why))),
            Then::Pause => Outcome::Stop { kind: StopKind::Pause, why, hint: None },
            Then::Abort => Outcome::Stop { kind: StopKind::Refused, why, hint: None },
            _ if fault == Broken::NotSent => Outcome::NotApplied { wait, why },
            _ => Outcome::Unknown { wait, why },
        })
    }
}

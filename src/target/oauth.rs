//! OAuth 2.0 client credentials (RFC 6749 §4.4): the request for a token, and what its answer means.
//!
//! When a token is asked for, and how long one is used, is the caller's to decide. The token's address may be at
//! another origin; nothing but the client's credentials ever goes there.

use super::filter::{base64, encode};
use super::job::origin;
use super::params::Params;
use super::raw;
use super::scrub::{clean, mask};
use super::section::Section;
use super::target::Target;
use super::wait::{self, Unit};
use crate::model::{Outcome, Reply, Request, StopKind, WallTime};
use bytes::Bytes;
use std::time::Duration;

/// How the client says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credentials {
    Basic,
    Body,
}

/// What is sent for a token.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    url: String,
    client: (String, String),
    credentials: Credentials,
    /// Scope and what else the server wants, in the order of the profile.
    fields: Vec<(String, String)>,
    prefix: String,
}

/// A token that was given. It has no `Debug` of its own: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub value: String,
    /// For how long it is good; `None` if the server does not say.
    pub expires_in: Option<Duration>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(for {:?})", self.expires_in)
    }
}

impl Token {
    /// The answer without the token, should it repeat it.
    #[must_use]
    pub fn hidden(&self, mut reply: Reply) -> Reply {
        let token = self.value.as_bytes();
        if token.len() >= 4 && memchr::memmem::find(&reply.body, token).is_some() {
            let text = String::from_utf8_lossy(&reply.body);
            reply.body = Bytes::from(text.replace(&self.value, "***"));
        }
        for (_, value) in &mut reply.headers {
            *value = mask(value, std::slice::from_ref(&self.value));
        }
        reply
    }
}

impl Grant {
    /// None where the client's credentials have no value, and need not have one.
    pub(super) fn read(section: &Section<'_>, params: &Params<'_>) -> Option<Self> {
        let text = |key: &'static str| -> Option<String> {
            let Some(text) = section.text(key) else {
                if !section.has(key) {
                    section.wrong("scheme", format!("[auth] needs `{key}`"), "");
                }
                return None;
            };
            params.fixed(text, &section.spot_of(key))
        };
        let (url, id, secret) = (text("token_url"), text("client_id"), text("client_secret"));
        let kinds = [("basic", Credentials::Basic), ("body", Credentials::Body)];
        let credentials = section.word("credentials", &kinds).unwrap_or(Credentials::Basic);
        let prefix = section.text("scheme_prefix").unwrap_or("Bearer").to_owned();
        let mut fields = Vec::new();
        let scope = section.text("scope").and_then(|text| params.fixed(text, &section.spot_of("scope")));
        fields.extend(scope.map(|scope| ("scope".to_owned(), scope)));
        for (name, spot, node) in section.entries("extra") {
            match &node.value {
                super::document::Value::Text(text) => {
                    fields.extend(params.fixed(text, spot).map(|value| (name.to_owned(), value)));
                }
                _ => section.findings.add(spot, format!("`{name}` in `extra` must be text"), ""),
            }
        }
        let url = url?;
        if !params.checking()
            && let Err(why) = check(&url)
        {
            section.wrong("token_url", format!("`{url}` {why}"), "a token is only asked for over https");
        }
        Some(Self { url, client: (id?, secret?), credentials, fields, prefix })
    }

    /// What no message may hold: the secret as it is written in headers and bodies.
    pub(super) fn secrets(&self) -> Vec<String> {
        let (id, secret) = (encode(&self.client.0), encode(&self.client.1));
        vec![secret.clone(), base64(format!("{id}:{secret}").as_bytes())]
    }

    fn request(&self, timeout: Duration) -> Request {
        let pair = |(name, value): &(String, String)| format!("&{}={}", encode(name), encode(value));
        let mut body = "grant_type=client_credentials".to_owned();
        body.extend(self.fields.iter().map(pair));
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        let (id, secret) = (encode(&self.client.0), encode(&self.client.1));
        match self.credentials {
            Credentials::Basic => {
                let word = base64(format!("{id}:{secret}").as_bytes());
                headers.push(("authorization".to_owned(), format!("Basic {word}")));
            }
            Credentials::Body => body.push_str(&format!("&client_id={id}&client_secret={secret}")),
        }
        let (method, url) = ("POST".to_owned(), self.url.clone());
        Request { method, url, headers, body: Bytes::from(body), timeout }
    }
}

/// `Err` says why a token may not be asked for at this address.
fn check(url: &str) -> Result<(), &'static str> {
    let (home, rest) = origin(url);
    let (scheme, host) = home.split_once("://").ok_or("is no address")?;
    if host.is_empty() || !matches!(scheme, "http" | "https") {
        return Err("is no address");
    }
    if host.contains('@') {
        return Err("holds credentials");
    }
    if rest.contains('#') {
        return Err("holds a fragment (`#`)");
    }
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if scheme == "https" || loopback { Ok(()) } else { Err("is not https") }
}

impl Target {
    /// Whether requests need a token that has to be asked for first.
    pub fn wants_token(&self) -> bool {
        self.grant.is_some()
    }

    /// The request for a token, if one is needed.
    pub fn token_request(&self, timeout: Duration) -> Option<Request> {
        self.grant.as_ref().map(|grant| grant.request(timeout))
    }

    /// Puts a token into a request of any kind: batch, poll, state, verification.
    pub fn authorize(&self, request: &mut Request, token: &Token) {
        let Some(grant) = &self.grant else { return };
        request.headers.retain(|(name, _)| name != "authorization");
        let value = format!("{} {}", grant.prefix, token.value).trim_start().to_owned();
        request.headers.push(("authorization".to_owned(), value));
    }

    /// The token that an answer gives; `Err` is what the answer means instead. No row was sent, so nothing is
    /// settled by it.
    pub fn read_token(&self, reply: &Reply, now: WallTime) -> Result<Token, Box<Outcome>> {
        let (status, secrets) = (reply.status, self.secrets.as_slice());
        let wait =
            reply.header("retry-after").and_then(|value| wait::read(value, Unit::RetryAfter, reply, now));
        let json = if reply.is_whole() { raw::checked(&reply.body) } else { None };
        let at = |name: &str| {
            let value = raw::step(json?, name)?;
            raw::scalar(value).map(std::borrow::Cow::into_owned)
        };
        let again = |why: &str| {
            let why = format!("the token's server answered {status}: {why}");
            Err(Box::new(Outcome::NotApplied { wait, why }))
        };
        match status {
            200..=299 => {
                let Some(value) = at("access_token") else { return again("there is no access_token in it") };
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return again("the access_token is no token");
                }
                let expires_in =
                    at("expires_in").and_then(|text| wait::read(&text, Unit::Seconds, reply, now));
                Ok(Token { value, expires_in })
            }
            429 => {
                let why = "the token's server asked for patience (429)".to_owned();
                Err(Box::new(Outcome::Throttled { wait, why }))
            }
            408 | 500..=599 => again("it could not give one"),
            _ => {
                let said = [at("error"), at("error_description")].into_iter().flatten();
                let said = clean(&said.collect::<Vec<_>>().join(": "), secrets);
                let said = if said.is_empty() { "no reason".to_owned() } else { said };
                let why = format!("no token was given ({status}): {said}");
                let hint = Some(self.credential_hint.clone());
                Err(Box::new(Outcome::Stop { kind: StopKind::Refused, why, hint }))
            }
        }
    }
}

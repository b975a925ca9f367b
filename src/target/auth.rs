//! Credentials: which header or query parameter carries them.
//!
//! A credential whose parameter has no value, and need not have one, is left out. Of several ways, as in
//! `[[auth]]`, the first counts whose parameters all have values.

use super::document::{Node, Value};
use super::filter::base64;
use super::header::header_fault;
use super::oauth::Grant;
use super::params::Params;
use super::placeholder::{Piece, Source, pieces};
use super::section::Section;
use super::sigv4::Signer;

/// What proves who we are.
#[derive(Clone, Debug, Default)]
pub(super) struct Auth {
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    /// Values that stand for the credential without being a parameter's value.
    pub(super) derived: Vec<String>,
    /// How a token is got that is good for a while.
    pub(super) grant: Option<Grant>,
    /// What signs each request as it leaves.
    pub(super) signer: Option<Signer>,
}

/// Keys that hold what proves who we are, or a part of it.
const CREDENTIALS: [&str; 9] = [
    "token",
    "username",
    "password",
    "value",
    "client_id",
    "client_secret",
    "access_key_id",
    "secret_access_key",
    "session_token",
];

#[derive(Clone, Copy)]
enum Scheme {
    None,
    Basic,
    Bearer,
    Header,
    Query,
    Grant,
    Signature,
}

impl Auth {
    pub(super) fn read(root: &Section<'_>, params: &Params<'_>) -> Self {
        let is_list = root.node("auth").is_some_and(|node| matches!(node.value, Value::List(_)));
        let ways = if is_list { root.sections("auth") } else { root.section("auth").into_iter().collect() };
        let ways: Vec<Self> = ways.into_iter().map(|section| Self::way(section, params)).collect();
        ways.into_iter().find(Self::is_there).unwrap_or_default()
    }

    fn is_there(&self) -> bool {
        !self.headers.is_empty() || !self.query.is_empty() || self.grant.is_some() || self.signer.is_some()
    }

    fn way(section: Section<'_>, params: &Params<'_>) -> Self {
        let mut auth = Self::default();
        let schemes = [
            ("none", Scheme::None),
            ("basic", Scheme::Basic),
            ("bearer", Scheme::Bearer),
            ("header", Scheme::Header),
            ("query", Scheme::Query),
            ("oauth2_client_credentials", Scheme::Grant),
            ("aws_sigv4", Scheme::Signature),
        ];
        let text = |key: &'static str| -> Option<String> {
            let Some(text) = section.text(key) else {
                if !section.has(key) {
                    section.wrong("scheme", format!("[auth] needs `{key}`"), "");
                }
                return None;
            };
            params.fixed(text, &section.spot_of(key))
        };
        match section.word("scheme", &schemes) {
            None if section.has("scheme") => {
                // What goes with it is not known then; parameters are used in it all the same.
                for key in CREDENTIALS {
                    section.text(key).and_then(|text| params.fixed(text, &section.spot_of(key)));
                }
                return auth;
            }
            None => section.wrong("scheme", "[auth] needs `scheme`", "as in scheme = \"bearer\""),
            Some(Scheme::None) => {}
            Some(Scheme::Bearer) => {
                let prefix = section.text("scheme_prefix").unwrap_or("Bearer");
                let token = text("token").map(|token| format!("{prefix} {token}").trim_start().to_owned());
                auth.headers.extend(token.map(|token| ("authorization".to_owned(), token)));
            }
            Some(Scheme::Basic) => {
                if let (Some(user), Some(password)) = (text("username"), text("password")) {
                    let word = base64(format!("{user}:{password}").as_bytes());
                    auth.headers.push(("authorization".to_owned(), format!("Basic {word}")));
                    auth.derived.push(word);
                }
            }
            Some(Scheme::Header) => {
                if let (Some(name), Some(value)) = (text("name"), text("value")) {
                    if let Some((message, remedy)) = header_fault(&name) {
                        section.wrong("name", message, remedy);
                    }
                    auth.headers.push((name.to_ascii_lowercase(), value));
                }
            }
            Some(Scheme::Grant) => {
                auth.grant = Grant::read(&section, params);
                auth.derived.extend(auth.grant.iter().flat_map(Grant::secrets));
            }
            Some(Scheme::Signature) => auth.signer = Signer::read(&section, params),
            Some(Scheme::Query) => {
                if let (Some(name), Some(value)) = (text("name"), text("value")) {
                    auth.query.push((name, value));
                }
            }
        }
        section.done();
        auth
    }
}

/// The parameters that `[auth]` names, whichever of its ways counts.
pub(super) fn named_in(node: &Node) -> Vec<String> {
    let param = |piece| match piece {
        Piece::Hole(hole) => match hole.source {
            Source::Param(name) => Some(name),
            _ => None,
        },
        Piece::Text(_) => None,
    };
    match &node.value {
        Value::Text(text) => pieces(text).into_iter().flatten().filter_map(param).collect(),
        Value::List(nodes) => nodes.iter().flat_map(named_in).collect(),
        Value::Table(table) => table.members.iter().flat_map(|member| named_in(&member.node)).collect(),
        _ => Vec::new(),
    }
}

//! A bare URL as a profile: the text is written and read like anybody's, so that there is one way for all.
//!
//! It never takes a token of its own accord.

use super::errors::{ProfileError, ProfileErrors};
use super::header::key_header_fault;
use super::profile::Profile;
use std::fmt::Write as _;
use std::time::Duration;

/// The file that errors name.
pub(super) const FILE: &str = "--to";

/// Methods whose requests have no body, or whose body nobody reads.
const BODILESS: [&str; 5] = ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

impl Profile {
    /// A profile for an address of which nothing is known: any 2xx delivers all rows; 400 and 422 are taken to
    /// have applied nothing.
    pub fn for_url(
        url: &str,
        envelope: Option<&str>,
        idempotency_header: Option<&str>,
        key_ttl: Option<Duration>,
        method: &str,
    ) -> Result<Self, ProfileErrors> {
        let wrong = |option: &str, message: String, remedy: &str| {
            let (file, remedy) = (option.to_owned(), remedy.to_owned());
            Err(ProfileErrors(vec![ProfileError { file, line: 0, message, remedy }]))
        };
        if let Some((message, remedy)) = idempotency_header.and_then(key_header_fault) {
            return wrong("--idempotency-header", message, remedy);
        }
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return wrong("--method", format!("`{method}` is no method"), "as in POST, PUT or PATCH");
        }
        if BODILESS.contains(&method) {
            return wrong("--method", format!("a {method} carries no rows"), "as in POST, PUT or PATCH");
        }
        // Schemes have no case (RFC 3986, section 3.1).
        let (scheme, behind) = url.split_once("://").unwrap_or_default();
        let url = &format!("{}://{behind}", scheme.to_ascii_lowercase());
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']))
        else {
            return wrong(
                FILE,
                format!("`{url}` is no address"),
                "it begins with http:// or https:// and has a host",
            );
        };
        if rest.split(['/', '?']).next().is_some_and(|host| host.contains('@')) {
            return wrong(
                FILE,
                "the address holds credentials".to_owned(),
                "give them with -H 'Authorization: Basic ${env:TOKEN}'",
            );
        }
        Self::parse(FILE, &text(url, envelope, idempotency_header, key_ttl, method), &|_| None)
    }
}

/// The profile as text; also what `targets show` could print.
fn text(
    url: &str,
    envelope: Option<&str>,
    idempotency_header: Option<&str>,
    key_ttl: Option<Duration>,
    method: &str,
) -> String {
    let toml = |value: &str| toml::Value::String(value.to_owned()).to_string();
    // What stands behind the path may be a secret.
    let name = url.split(['?', '#']).next().unwrap_or(url);
    let mut text = format!("[profile]\nversion = 1\nname = {}\n\n[request]\n", toml(name));
    let plain = |value: &str| value.replace("${", "$${");
    let _ = writeln!(text, "method = {}\nurl = {}\nformat = \"json\"", toml(method), toml(&plain(url)));
    if let Some(name) = envelope {
        let name = serde_json::Value::from(plain(name)).to_string();
        let _ = writeln!(text, "body = {}", toml(&format!("{{{name}:\"${{rows}}\"}}")));
    }
    if let Some(header) = idempotency_header {
        let seconds = key_ttl.unwrap_or(Duration::from_hours(24)).as_secs().max(1);
        let _ = writeln!(text, "\n[idempotency]\nscope = \"batch\"\nsend = {{ header = {} }}", toml(header));
        let _ = writeln!(text, "key = {{ format = \"uuid\" }}\nttl = \"{seconds}s\"");
    }
    text.push_str("\n[[response]]\nwhen = { status = [\"2xx\"] }\nthen = \"ok\"\n");
    text.push_str("\n[[response]]\nwhen = { status = [400, 422] }\nthen = \"bisect\"\n");
    text
}

//! What is a secret, by its name, and what no secret may be made of. No message here ever holds a value.

use crate::error::Error;

/// Words that make a name a secret's wherever they stand in it.
const WORDS: [&str; 7] = ["secret", "token", "password", "passwd", "credential", "cookie", "apikey"];
/// Words before `key` in the name of a secret. A header's key is one whatever stands before.
const KEYS: [&str; 10] =
    ["api", "access", "account", "app", "auth", "client", "license", "private", "subscription", "write"];

/// Whether a header of this name carries a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    WORDS.iter().any(|word| name.contains(word))
        || words.any(|word| word.ends_with("key") || word.ends_with("auth") || word == "authorization")
}

/// Whether a parameter of a query carries one. `primaryKey` and `sort_key` name fields, and are none.
fn is_secret_parameter(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let before_key = name.strip_suffix("key");
    WORDS.iter().any(|word| name.contains(word))
        || matches!(name.as_str(), "key" | "auth" | "authorization" | "sig" | "pwd")
        || name.ends_with("signature")
        || before_key.is_some_and(|before| KEYS.iter().any(|word| before.ends_with(word)))
}

/// An address stands in the history of the shell, in `status.json` and in the line that resumes: no secret may be
/// typed into its query. `what` is the option, with its address.
pub(super) fn refuse_in_query(address: &str, what: &str) -> Result<(), Error> {
    let query = address.split('#').next().and_then(|address| address.split_once('?'));
    let names = query
        .map_or("", |(_, query)| query)
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    match names.into_iter().find(|(name, value)| !value.is_empty() && is_secret_parameter(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::usage(format!("`{name}` in the address of {what} is a secret, and was typed"))
            .hint(format!(
                "name it in a header, if the target takes it there: -H 'Authorization: Bearer ${{env:VAR}}'; else in \
                 a profile, with [auth] scheme = \"query\", name = \"{name}\" and value = \"${{param.token}}\""
            ))),
    }
}

/// A secret that is empty, or that no header can carry, is found here and not by the target, which would call it
/// unknown. `whence` says where the value came from.
pub(super) fn check(value: &str, whence: &str, hint: &str) -> Result<(), Error> {
    if value.is_empty() {
        return Err(Error::failed(format!("{whence} is empty")).hint(hint.to_owned()));
    }
    if value.contains(['\r', '\n']) {
        return Err(Error::failed(format!("{whence} holds a line end"))
            .hint("a secret is one line; the end of a file that was copied whole is the usual cause"));
    }
    if value.contains(char::is_control) {
        return Err(Error::failed(format!("{whence} holds a control character"))
            .hint("a secret is one line of plain characters; see how it came there"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_others_are_left_alone() {
        for name in
            ["X-Token", "x-goog-api-key", "Ocp-Apim-Subscription-Key", "X-Auth", "apikey", "Set-Cookie"]
        {
            assert!(is_secret_header(name), "{name}");
        }
        for name in ["X-Author", "Prefer", "X-Tenant", "Content-Profile", "X-Keyspace"] {
            assert!(!is_secret_header(name), "{name}");
        }
        for name in
            ["api_key", "apiKey", "key", "token", "access_token", "X-Amz-Signature", "client_secret", "sig"]
        {
            assert!(is_secret_parameter(name), "{name}");
        }
        for name in ["primaryKey", "sort_key", "author", "on_conflict", "keyspace", "design"] {
            assert!(!is_secret_parameter(name), "{name}");
        }
        assert!(refuse_in_query("https://a.test/x?a=1&api_key=abc", "`--to`").is_err());
        assert!(refuse_in_query("https://a.test/x?a=1&api_key=", "`--to`").is_ok());
        assert!(refuse_in_query("https://a.test/token/x", "`--to`").is_ok());
    }
}

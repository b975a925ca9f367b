//! Names of headers: what may be one, and which are nobody's to set.

/// Headers that say how the body is framed, or that are about the connection: a false one makes the target read
/// another body than was sent.
const FRAMING: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that carry something else already: a key in their place is no key to the target.
const TAKEN: [&str; 6] =
    ["accept", "authorization", "content-type", "cookie", "proxy-authorization", "user-agent"];

/// Whether this may be the name of a header (a token: RFC 9110, section 5.6.2).
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Why a request can't bring a header of this name, and what to do.
pub fn header_fault(name: &str) -> Option<(String, &'static str)> {
    if !is_header_name(name) {
        return Some((format!("`{name}` is no header name"), "a name is letters, digits and dashes"));
    }
    FRAMING.iter().any(|known| name.eq_ignore_ascii_case(known)).then(|| {
        (
            format!("the header `{name}` is nobody's to set"),
            "it follows from the body and the connection: leave it out",
        )
    })
}

/// Why a profile can't bring a header with this text: a secret is named, never typed.
pub(super) fn typed_secret(name: &str, text: &str) -> Option<(String, &'static str)> {
    let proves =
        ["authorization", "proxy-authorization"].iter().any(|known| name.eq_ignore_ascii_case(known));
    (proves && !text.contains("${")).then(|| {
        let remedy = "declare a parameter with `env`, as in [params.token], and write [auth] with scheme = \"bearer\" \
                      and token = \"${param.token}\"";
        (format!("the header `{name}` holds a secret in plain text"), remedy)
    })
}

/// The same for one that is to carry keys.
pub fn key_header_fault(name: &str) -> Option<(String, &'static str)> {
    let taken = TAKEN.iter().any(|known| name.eq_ignore_ascii_case(known));
    header_fault(name)
        .or_else(|| taken.then(|| (format!("the header `{name}` can carry no key"), "as in Idempotency-Key")))
}

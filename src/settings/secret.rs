//! `${env:VAR}` and `${file:PATH}` in the values of `-H` and `--set`: a secret is named, never typed, so that it
//! stands in no shell history and no process list.

use crate::error::Error;

/// A value with its references filled in.
#[derive(Clone)]
pub(super) struct Filled {
    pub value: String,
    /// What of it came from the environment or a file: no message may hold it, whatever it stands beside.
    pub named: Vec<String>,
}

impl Filled {
    pub(super) fn is_named(&self) -> bool {
        !self.named.is_empty()
    }
}

/// Fills in the references of `text`; `about` says whose value it is.
pub(super) fn fill(text: &str, about: &str) -> Result<Filled, Error> {
    let mut value = String::new();
    let mut named = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        value.push_str(&rest[..start]);
        let end = rest[start..].find('}').ok_or_else(|| {
            Error::usage(format!("{about}: `${{` is never closed")).hint("write ${env:VAR} or ${file:PATH}")
        })?;
        let reference = &rest[start + 2..start + end];
        let found = look_up(reference, about)?;
        value.push_str(&found);
        named.push(found);
        rest = &rest[start + end + 1..];
    }
    value.push_str(rest);
    Ok(Filled { value, named })
}

fn look_up(reference: &str, about: &str) -> Result<String, Error> {
    if let Some(name) = reference.strip_prefix("env:") {
        return std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
            Error::failed(format!("{about}: the environment variable `{name}` is not set"))
                .hint(format!("export {name}=… first"))
        });
    }
    if let Some(path) = reference.strip_prefix("file:") {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::failed(format!("{about}: cannot read `{path}`: {error}")))?;
        let value = text.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return Err(Error::failed(format!("{about}: the file `{path}` is empty"))
                .hint("it holds the secret, in one line"));
        }
        return Ok(value.to_owned());
    }
    Err(Error::usage(format!("{about}: `${{{reference}}}` is unknown"))
        .hint("write ${env:VAR} or ${file:PATH}"))
}

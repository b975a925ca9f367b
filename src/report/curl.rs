//! A request as a command line, for people to look at and to try.

use super::speech::{grouped, visible};
use crate::model::Request;
use crate::settings::Masks;
use serde_json::{Value, json};

/// Letters of a request's body that people are shown.
const BODY_SHOWN: usize = 600;

/// A request as a command line, its secrets masked.
#[derive(Debug)]
pub struct Curl {
    method: String,
    url: String,
    headers: Vec<String>,
    body: String,
    body_bytes: usize,
    /// The words before the body, each quoted for a shell.
    words: Vec<String>,
    quoted_body: String,
}

impl Curl {
    pub fn new(request: &Request, masks: &Masks) -> Self {
        let body = String::from_utf8_lossy(&request.body);
        let mut words = vec![format!("curl -X {} {}", request.method, masks.quote(&request.url))];
        let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        words.extend(headers.clone().map(|header| format!("-H {}", masks.quote(&header))));
        Self {
            method: request.method.clone(),
            url: masks.plain(&request.url),
            headers: headers.map(|header| masks.plain(&header)).collect(),
            body: masks.plain(&body),
            body_bytes: request.body.len(),
            words,
            quoted_body: masks.quote(&body),
        }
    }

    pub(super) fn line(&self) -> String {
        let line = self.words.join(" ");
        if self.body_bytes == 0 { line } else { format!("{line} --data-binary {}", self.quoted_body) }
    }

    /// On several lines, the body cut short unless all of it is wanted.
    pub(super) fn shown(&self, whole: bool) -> String {
        let most = if whole { usize::MAX } else { BODY_SHOWN };
        let cut = self.quoted_body.chars().nth(most).is_some();
        let body = visible(&self.quoted_body, most);
        let mut text = format!("  {}", self.words.join(" \\\n    "));
        if self.body_bytes > 0 {
            text.push_str(&format!(" \\\n    --data-binary {body}"));
        }
        if cut {
            let bytes = grouped(self.body_bytes as u64);
            text.push_str(&format!("\n  (the body has {bytes} bytes; -v shows all of it)"));
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"method": self.method, "url": self.url, "headers": self.headers, "body": self.body})
    }
}

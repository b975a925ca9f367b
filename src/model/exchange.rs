//! What goes over the wire, and what comes back or does not.

use bytes::Bytes;
use std::time::Duration;

/// One request, ready to be sent. Header names are lower case; values are checked (no controls) and may hold
/// secrets, so this has no `Debug` of its own.
#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub timeout: Duration,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} of {} bytes)", self.method, self.body.len())
    }
}

/// How much of an answer's body arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    Whole,
    /// The connection ended before the body did, or its content coding could not be undone.
    Cut,
    /// Larger than we are willing to hold; what is kept is its beginning.
    TooLarge,
}

/// An answer, as far as it came: a status line always, the body perhaps not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case; a name may come several times.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub body_state: BodyState,
}

impl Reply {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn is_whole(&self) -> bool {
        self.body_state == BodyState::Whole
    }
}

/// Why there is no answer. The difference between the first and the others is whether the target can have done
/// anything: it decides whether a request without a key may go again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No byte of the request left: name not found, refused, TLS failed.
    NotSent(String),
    /// No byte of the request left, and none will: whoever answers has no certificate that this machine trusts.
    Untrusted(String),
    /// It may have been carried out: the time ran out.
    TimedOut(String),
    /// It may have been carried out: the connection broke before a status line came.
    Broken(String),
}

impl Fault {
    pub fn why(&self) -> &str {
        match self {
            Self::NotSent(why) | Self::Untrusted(why) | Self::TimedOut(why) | Self::Broken(why) => why,
        }
    }
}

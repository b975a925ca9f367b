//! Requests out, replies or faults back. It follows no redirect and repeats nothing by itself: a hidden second
//! attempt would pass no gate and stand in no ledger.

use crate::model::{BodyState, Fault, Reply, Request};
use bytes::{Bytes, BytesMut};
use reqwest::{Client, ClientBuilder, Response};
use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The way to one target.
#[derive(Clone, Debug)]
pub struct Wire {
    client: Client,
    /// For addresses that begin with `https:`, where `client` trusts nobody; made when the first one comes.
    secure: Option<Secure>,
}

#[derive(Clone, Debug)]
struct Secure {
    user_agent: String,
    way: Way,
    client: Arc<OnceLock<Result<Client, String>>>,
}

/// How the target is reached.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Of one request.
    pub timeout: Duration,
    /// Connections are used again. A server that closes one just as a request leaves on it makes its fate unknown,
    /// so a request that must not be repeated gets a connection of its own.
    pub reuse: bool,
    /// Past any proxy: the target is this machine.
    pub direct: bool,
}

/// Whether a request can be made to this address, and why not.
pub fn check_url(url: &str) -> Result<(), String> {
    reqwest::Url::parse(url).map(drop).map_err(|error| error.to_string())
}

/// How much of an answer is held: 1 MiB, and 4 KiB for each row of the request.
pub const fn answer_max(rows: usize) -> usize {
    (1 << 20) + rows * 4096
}

impl Wire {
    /// The reason why no client can be made is for people.
    pub fn new(user_agent: &str, way: Way) -> Result<Self, String> {
        // Another part of the process may have chosen a provider already; one is enough.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if !way.direct {
            return Ok(Self {
                client: client(user_agent, way).build().map_err(|error| reason(&error))?,
                secure: None,
            });
        }
        // A target on this machine is seldom spoken to over TLS, and reading the system's certificates takes longer
        // than a small import.
        let quick = client(user_agent, way).tls_certs_only([]).build().map_err(|error| reason(&error))?;
        let secure = Secure { user_agent: user_agent.to_owned(), way, client: Arc::default() };
        Ok(Self { client: quick, secure: Some(secure) })
    }

    fn client_for(&self, url: &str) -> Result<&Client, Fault> {
        match &self.secure {
            Some(secure) if !url.starts_with("http:") => {
                let made = secure.client.get_or_init(|| {
                    client(&secure.user_agent, secure.way).build().map_err(|error| reason(&error))
                });
                made.as_ref().map_err(|why| Fault::NotSent(why.clone()))
            }
            _ => Ok(&self.client),
        }
    }

    /// Sends one request and reads its answer, `answer_max` bytes of it at most.
    pub async fn send(&self, request: Request, answer_max: usize) -> Result<Reply, Fault> {
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Fault::NotSent(format!("`{}` is no HTTP method", request.method)))?;
        let client = self.client_for(&request.url)?;
        let mut builder = client.request(method, request.url.as_str()).timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name.as_str(), value.as_str());
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        match builder.send().await {
            Ok(response) => Ok(read(response, answer_max).await),
            Err(error) => Err(fault(&error)),
        }
    }
}

fn client(user_agent: &str, way: Way) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        // Shorter than the whole, so that a connection that never stood is known for one.
        .connect_timeout(Duration::from_secs(20).min(way.timeout.mul_f64(0.9)))
        .pool_idle_timeout(Duration::from_secs(60));
    if !way.reuse {
        builder = builder.pool_max_idle_per_host(0);
    }
    if way.direct {
        builder = builder.no_proxy();
    }
    builder
}

async fn read(mut response: Response, answer_max: usize) -> Reply {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = BytesMut::new();
    let mut body_state = BodyState::Whole;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > answer_max => {
                body_state = BodyState::TooLarge;
                break;
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => {
                body_state = BodyState::Cut;
                break;
            }
        }
    }
    Reply { status, headers, body: Bytes::from(body), body_state }
}

/// Only what failed before the connection stood surely did nothing.
fn fault(error: &reqwest::Error) -> Fault {
    let why = reason(error);
    if error.is_connect() && is_untrusted(error) {
        Fault::Untrusted(format!(
            "the target's certificate is not trusted: {}",
            why.split_once("invalid peer certificate: ").map_or(why.as_str(), |(_, rest)| rest)
        ))
    } else if error.is_builder() || error.is_connect() {
        Fault::NotSent(why)
    } else if error.is_timeout() {
        Fault::TimedOut(why)
    } else {
        Fault::Broken(why)
    }
}

/// Whether the server's certificate was refused, here: by no means a broken handshake, or an alert of its own.
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An I/O error passes over what it wraps when it is asked for its source.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| is_untrusted(inner)) || error.source().is_some_and(is_untrusted)
}

/// The innermost cause: the outer ones say "error sending request" and the URL, which may hold secrets.
fn reason(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut last = None;
    while let Some(inner) = cause {
        last = Some(inner.to_string());
        cause = inner.source();
    }
    // The number that the system has for it tells people nothing.
    let last = last.map(|last| match last.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => last,
    });
    // What speaks no TLS hangs up, or answers in plain text.
    let is_tls = error.is_connect() && error.url().is_some_and(|url| url.scheme() == "https");
    let is_plain = |last: &str| {
        let hung_up = is_tls && (last.contains("Connection reset") || last.contains("Broken pipe"));
        hung_up || last.contains("tls handshake eof") || last.contains("InvalidContentType")
    };
    let asked = |last: String| {
        if is_plain(&last) { format!("{last}; does this port speak http://?") } else { last }
    };
    let last = last.map(asked);
    match last {
        Some(last) if error.is_connect() => match error.url().and_then(address) {
            Some(address) => format!("cannot connect to {address}: {last}"),
            None => format!("cannot connect: {last}"),
        },
        Some(last) if error.is_timeout() => format!("no answer in time: {last}"),
        Some(last) => last,
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => "the request could not be sent".to_owned(),
    }
}

/// Host and port, which hold no secret.
fn address(url: &reqwest::Url) -> Option<String> {
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

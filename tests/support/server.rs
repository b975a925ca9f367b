//! A server that answers as a test says, and keeps what it got.

use flate2::read::GzDecoder;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A status line's end, headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// JSON with this status.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status: format!("{status} Said"), headers, body: body.to_string() }
    }
}

/// A request as it came; the body as it was before it was packed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// What a request gets, seeing those before it; `None` closes the connection without a word.
type Says = dyn Fn(&Got, &[Got]) -> Option<Answer> + Send + Sync;

/// Listens on loopback until the test process ends.
pub(crate) struct Server {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    /// One answer to every request, another to every GET.
    pub(crate) fn start(answer: &Answer, poll: Option<Answer>) -> Self {
        let (answer, poll) = (answer.clone(), poll.unwrap_or_else(|| answer.clone()));
        Self::saying(move |got, _| Some(if got.method == "GET" { poll.clone() } else { answer.clone() }))
    }

    pub(crate) fn saying(says: impl Fn(&Got, &[Got]) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (says, kept): (Arc<Says>, _) = (Arc::new(says), Arc::clone(&got));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (says, kept) = (Arc::clone(&says), Arc::clone(&kept));
                std::thread::spawn(move || serve(&stream.unwrap(), &*says, &kept));
            }
        });
        Self { url, got }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn requests(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, says: &Says, kept: &Mutex<Vec<Got>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let got = read(&mut reader)?;
        let answer = {
            let mut before = kept.lock().unwrap();
            let answer = says(&got, &before);
            before.push(got);
            answer
        }?;
        let mut text = format!("HTTP/1.1 {}\r\n", answer.status);
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !answer.status.starts_with("204") {
            text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
        }
        write!(writer, "{text}\r\n{}", answer.body).ok()?;
    }
}

fn read(reader: &mut impl BufRead) -> Option<Got> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut got = Got { method, path, ..Got::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                got.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => break,
        }
    }
    let length = got.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if got.header("content-encoding") == Some("gzip") {
        GzDecoder::new(body.as_slice()).read_to_string(&mut got.body).ok()?;
    } else {
        got.body = String::from_utf8(body).ok()?;
    }
    Some(got)
}

//! A server that gives one answer to every request, another to every GET, and keeps what it got.

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
}

/// Listens on loopback until the test process ends.
pub(crate) struct Server {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    pub(crate) fn start(answer: &Answer, poll: Option<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let poll = poll.unwrap_or_else(|| answer.clone());
        let (answer, kept) = (answer.clone(), Arc::clone(&got));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, poll, kept) = (answer.clone(), poll.clone(), Arc::clone(&kept));
                std::thread::spawn(move || serve(&stream.unwrap(), &answer, &poll, &kept));
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

fn serve(stream: &TcpStream, answer: &Answer, poll: &Answer, kept: &Mutex<Vec<Got>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let got = read(&mut reader)?;
        let answer = if got.method == "GET" { poll } else { answer };
        kept.lock().unwrap().push(got);
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

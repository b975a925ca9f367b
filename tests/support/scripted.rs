//! A server that answers each request as the test says, in its order, the last answer for ever.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of one request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// This status line's end, with these header lines, and this body.
    Says(&'static str, &'static str, &'static str),
    /// It is read, and the connection is closed without a word.
    Loses,
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Got {
    pub(crate) key: String,
    pub(crate) body: String,
}

/// Listens on loopback until the test process ends.
pub(crate) struct Scripted {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Scripted {
    pub(crate) fn start(steps: &[Step]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (kept, steps) = (Arc::clone(&got), steps.to_vec());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, steps) = (Arc::clone(&kept), steps.clone());
                std::thread::spawn(move || serve(&stream.unwrap(), &steps, &kept));
            }
        });
        Self { url, got }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, steps: &[Step], kept: &Mutex<Vec<Got>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let (mut length, mut got) = (0, Got::default());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let (name, value) = line.trim_end().split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "idempotency-key" => value.clone_into(&mut got.key),
                _ => {}
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        Read::by_ref(&mut reader).take(length).read_to_string(&mut got.body).ok()?;
        let number = {
            let mut kept = kept.lock().unwrap();
            kept.push(got);
            kept.len() - 1
        };
        match &steps[number.min(steps.len() - 1)] {
            Step::Loses => return None,
            Step::Says(status, headers, body) => {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
                writer.write_all(answer.as_bytes()).ok()?;
            }
        }
    }
}

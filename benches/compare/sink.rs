//! A server that takes everything and keeps nothing, as cheap as one can be: one thread, heads read by hand, each
//! body dropped, each answer the same bytes. `GET /count` tells what came.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream as Blocking;
use std::process::{Child, Stdio};
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// Requests and bytes of bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// The sink's own process, until it is dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    child: Child,
    pub(crate) port: u16,
}

impl Sink {
    /// On the last core, where cores can be chosen.
    pub(crate) fn start() -> Self {
        let this = std::env::current_exe().expect("the path of this program");
        let mut command = crate::contest::on_core(crate::contest::last_core(), &this);
        let mut child = command.arg("--sink").stdout(Stdio::piped()).spawn().expect("the sink starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("the sink tells its port");
        Self { child, port: line.trim().parse().expect("a port") }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// What came since it was asked last.
    pub(crate) fn count(&self) -> Count {
        let mut stream = Blocking::connect(("127.0.0.1", self.port)).expect("the sink is there");
        stream.write_all(b"GET /count HTTP/1.1\r\nconnection: close\r\n\r\n").expect("it listens");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
        let mut numbers = body.split(' ').map(|number| number.trim().parse().expect("a number"));
        Count { requests: numbers.next().unwrap_or(0), bytes: numbers.next().unwrap_or(0) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Listens on loopback until the process is ended.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("its address").port());
        let count = Rc::new(Cell::new(Count::default()));
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::task::spawn_local(converse(stream, Rc::clone(&count)));
        }
    });
}

/// One connection, request after request.
async fn converse(mut stream: TcpStream, count: Rc<Cell<Count>>) {
    let mut buffer = vec![0; 512 << 10];
    let (mut start, mut end) = (0, 0);
    loop {
        let head = loop {
            if let Some(head) = head_of(&buffer[start..end]) {
                break head;
            }
            if start > 0 {
                buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
            }
            match stream.read(&mut buffer[end..]).await {
                Ok(read) if read > 0 => end += read,
                _ => return,
            }
        };
        let asks = buffer[start..end].starts_with(b"GET /count");
        start += head.length;
        let mut left = head.body;
        while left > 0 {
            let at_hand = left.min((end - start) as u64);
            start += at_hand as usize;
            left -= at_hand;
            if left > 0 {
                start = 0;
                end = match stream.read(&mut buffer).await {
                    Ok(read) if read > 0 => read,
                    _ => return,
                };
            }
        }
        if asks {
            let Count { requests, bytes } = count.take();
            let text = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{requests} {bytes}");
            let _ = stream.write_all(text.as_bytes()).await;
            return;
        }
        let before = count.get();
        count.set(Count { requests: before.requests + 1, bytes: before.bytes + head.body });
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

struct Head {
    length: usize,
    body: u64,
}

/// The head of a request, if it is there as a whole.
fn head_of(data: &[u8]) -> Option<Head> {
    let end = memchr::memmem::find(data, b"\r\n\r\n")?;
    let head = &data[..end];
    let mut body = 0;
    for line in head.split(|byte| *byte == b'\n') {
        if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
            let digits = std::str::from_utf8(&line[15..]).unwrap_or_default();
            body = digits.trim().parse().unwrap_or(0);
        }
    }
    Some(Head { length: end + 4, body })
}

//! Servers, rows and archives that mean no good.

use super::QUICK;
use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv, peak, said};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The most memory that any of these may take, in KiB.
const MEMORY: u64 = 96 << 10;

/// What is done with a connection on which a request was read.
type Answering = fn(&TcpStream) -> Option<()>;

/// Reads a request to its end.
fn hear_out(stream: &mut impl BufRead) -> Option<()> {
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink()).ok().map(drop)
}

/// Reads each request and hands the connection over.
fn hostile(answer: Answering) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                hear_out(&mut reader)?;
                answer(&stream)
            });
        }
    });
    url
}

/// So many bytes of nothing, packed.
fn bomb(bytes: u64) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut std::io::repeat(b' ').take(bytes), &mut packer).unwrap();
    packer.finish().unwrap()
}

fn packed(mut stream: &TcpStream) -> Option<()> {
    let body = bomb(64 << 20);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(&body).ok()
}

fn endless(mut stream: &TcpStream) -> Option<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[").ok()?;
    loop {
        stream.write_all(&b" ".repeat(65536)).ok()?;
    }
}

fn all_headers(mut stream: &TcpStream) -> Option<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n").ok()?;
    loop {
        stream.write_all(&b"x-more: and more and more and more and more\r\n".repeat(500)).ok()?;
    }
}

fn drops(mut stream: &TcpStream) -> Option<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").ok()?;
    loop {
        stream.write_all(b" ").ok()?;
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_answer_that_never_ends_or_bursts_is_no_verdict_and_takes_no_memory() {
    let servers: [(&str, Answering); 4] =
        [("packed", packed), ("endless", endless), ("all headers", all_headers), ("drops", drops)];
    for (name, server) in servers {
        let bench = Bench::with("x.csv", csv(3));
        bench.write("quick.toml", QUICK);
        let url = hostile(server);
        let begun = Instant::now();
        let send = format!("send x.csv --to ./quick.toml --url {url} --timeout 1s --progress none --json");
        let mut child = bench.start(&send);
        let most = peak(&mut child);
        let said = said(child.wait_with_output().unwrap());
        let rows = said.summary()["rows"].clone();
        assert!([4, 5].contains(&said.exit), "{name}: {said:?}");
        assert_eq!((&rows["delivered"], &rows["rejected"]), (&0.into(), &0.into()), "{name}: {said:?}");
        assert!(most < MEMORY, "{name}: {most} KiB");
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {:?}, {said:?}", begun.elapsed());
    }
}

#[test]
fn an_archive_that_bursts_takes_no_memory() {
    // Of one record its beginning is held, up to its limit; the archive is sixty-four times as large as that.
    let bench = Bench::with("x.ndjson.gz", bomb(512 << 20));
    let mut child = bench.start("send x.ndjson.gz --to sandbox --progress none");
    let most = peak(&mut child);
    let said = said(child.wait_with_output().unwrap());
    assert_eq!(said.exit, 3, "{said:?}");
    assert!(said.stderr.contains("1 record_too_large"), "{said:?}");
    assert!(most < 128 << 10, "{most} KiB");
}

#[test]
fn no_escape_of_a_server_or_a_row_reaches_the_terminal() {
    let escape = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\r\u{8}";
    let server = Server::saying(move |got, _| {
        let rows: serde_json::Value = serde_json::from_str(&got.body).ok()?;
        let results: Vec<_> = rows["operations"]
            .as_array()?
            .iter()
            .map(|row| serde_json::json!({"id": row["id"], "status": "error", "error": format!("{escape}no{escape}")}))
            .collect();
        Some(Answer::json(200, &serde_json::json!({"results": results})))
    });
    let row = |n: u32| serde_json::json!({"id": format!("r{n}{escape}"), "name": escape}).to_string();
    let bench = Bench::with("x.ndjson", format!("{}\n{}\n{{\"{escape}\n", row(1), row(2)));
    bench.write("quick.toml", QUICK);
    let send = format!("send x.ndjson --to ./quick.toml --url {} --progress plain -v", server.url());
    let words = [
        send.as_str(),
        "status",
        "rejects",
        "rejects --reason 1",
        "audit x.ndjson x.ndjson",
        "plan x.ndjson --to sandbox",
    ];
    for command in words {
        let said = bench.run(command);
        assert!([0, 3].contains(&said.exit), "{said:?}");
        let told = format!("{}{}", said.stdout, said.stderr);
        let strange =
            told.chars().find(|c| c.is_control() && *c != '\n' || ['\u{202e}', '\u{200b}'].contains(c));
        assert_eq!(strange, None, "{command}: {told:?}");
    }
    let refused = bench.run(&send).exits(3);
    assert!(!refused.stderr.contains('\u{1b}'));
}

#[test]
fn no_option_leaves_the_check_of_certificates_out() {
    let help = Bench::new().run("send --help").exits(0).stdout.to_ascii_lowercase();
    assert!(!help.contains("insecure") && !help.contains("--no-verify"), "{help}");
    // A server that speaks no TLS is not spoken to, whatever it answers.
    let bench = Bench::with("x.csv", csv(3));
    bench.write("quick.toml", QUICK);
    let server = Server::start(&Answer::json(200, &serde_json::json!({})), None);
    let url = server.url().replace("http://", "https://");
    bench
        .run(&format!("send x.csv --to ./quick.toml --url {url} --progress none --json"))
        .exits(4)
        .books([3, 0, 0, 0, 3]);
    assert!(server.requests().is_empty());
}

/// A certificate of this machine's own making and its key, in files; `None` where there is no openssl to make them.
fn certificate(bench: &Bench, name: &str, constraint: &str) -> Option<()> {
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-addext"])
        .arg(format!("basicConstraints=critical,{constraint}"))
        .arg("-keyout")
        .arg(bench.path(&format!("{name}.key")))
        .arg("-out")
        .arg(bench.path(&format!("{name}.pem")))
        .output();
    made.is_ok_and(|made| made.status.success()).then_some(())
}

/// Speaks TLS under that certificate, and takes whatever is sent.
fn over_tls(bench: &Bench, name: &str) -> String {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let of = |ending: &str| bench.path(&format!("{name}.{ending}"));
    let chain = vec![CertificateDer::from_pem_file(of("pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(of("key")).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(session, stream));
            std::thread::spawn(move || {
                hear_out(&mut stream)?;
                let stream = stream.get_mut();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                    .ok()?;
                stream.flush().ok()
            });
        }
    });
    url
}

#[test]
fn a_certificate_is_trusted_where_it_is_named_and_only_then() {
    let bench = Bench::with("x.csv", csv(3));
    // Where there is no openssl nobody can say.
    let Some(()) = certificate(&bench, "own", "CA:FALSE") else { return };
    let url = over_tls(&bench, "own");
    let send = format!("send x.csv --to {url}/rows --progress none");
    let said = bench.run(&send).exits(1).stderr;
    assert!(said.contains("error: the target's certificate is not trusted: "), "{said}");
    assert!(said.contains("(SSL_CERT_FILE=FILE names a file of certificates to trust)"), "{said}");
    let trusting = |file: &str| said_of(bench.command(&send).env("SSL_CERT_FILE", bench.path(file)));
    trusting("own.pem").exits(0);
    certificate(&bench, "authority", "CA:TRUE").unwrap();
    let url = over_tls(&bench, "authority");
    let send = format!("send x.csv --to {url}/rows --progress none --state other");
    let said =
        said_of(bench.command(&send).env("SSL_CERT_FILE", bench.path("authority.pem"))).exits(1).stderr;
    assert!(
        said.contains("hint: nothing was sent; this is the certificate of an authority (CA:TRUE)"),
        "{said}"
    );
    assert!(said.contains("basicConstraints=critical,CA:FALSE"), "{said}");
}

fn said_of(command: &mut std::process::Command) -> crate::support::Said {
    said(command.output().unwrap())
}

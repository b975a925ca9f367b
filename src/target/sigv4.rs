//! AWS Signature Version 4: a request signed as it leaves, each attempt anew, for a signature is good for minutes only.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html> (read 2026-11-27).
//!
//! The time comes from the caller. The secret itself never stands in a request.

use super::filter::encode;
use super::job::origin;
use super::params::Params;
use super::section::Section;
use super::target::Target;
use crate::model::{Request, WallTime};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SECURITY_TOKEN: &str = "x-amz-security-token";

/// Who signs, and for what. It has no `Debug` of its own: it holds a secret.
#[derive(Clone)]
pub(super) struct Signer {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    region: String,
    service: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}, {})", self.region, self.service)
    }
}

impl Signer {
    /// None where a credential has no value.
    pub(super) fn read(section: &Section<'_>, params: &Params<'_>) -> Option<Self> {
        let text = |key: &'static str, is_needed: bool| -> Option<String> {
            let Some(text) = section.text(key) else {
                if is_needed && !section.has(key) {
                    section.wrong("scheme", format!("[auth] needs `{key}`"), "");
                }
                return None;
            };
            params.fixed(text, &section.spot_of(key))
        };
        let (id, secret) = (text("access_key_id", true), text("secret_access_key", true));
        let (region, service) = (text("region", true), text("service", true));
        let session_token = text("session_token", false).filter(|token| !token.is_empty());
        Some(Self {
            access_key_id: id?,
            secret_access_key: secret?,
            session_token,
            region: region?,
            service: service?,
        })
    }

    fn sign(&self, request: &mut Request, now: WallTime) {
        let time = now.rfc3339().replace(['-', ':'], "");
        let ours = ["authorization", "x-amz-date", SECURITY_TOKEN];
        request.headers.retain(|(name, _)| !ours.contains(&name.as_str()));
        request.headers.push(("x-amz-date".to_owned(), time.clone()));
        if let Some(token) = &self.session_token {
            request.headers.push((SECURITY_TOKEN.to_owned(), token.clone()));
        }
        let scope = format!("{}/{}/{}/aws4_request", &time[..8], self.region, self.service);
        let (canonical, signed) = self.canonical(request);
        let hash = hex(&Sha256::digest(canonical.as_bytes()));
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{hash}");
        let signature = hex(&hmac(&self.key(&time[..8]), text.as_bytes()));
        let id = &self.access_key_id;
        let value =
            format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
        request.headers.push(("authorization".to_owned(), value));
    }

    /// The key of a day, a region and a service.
    fn key(&self, day: &str) -> [u8; 32] {
        let first = hmac(format!("AWS4{}", self.secret_access_key).as_bytes(), day.as_bytes());
        [self.region.as_str(), self.service.as_str(), "aws4_request"]
            .iter()
            .fold(first, |key, word| hmac(&key, word.as_bytes()))
    }

    /// What is signed, and the names of the headers in it.
    fn canonical(&self, request: &Request) -> (String, String) {
        let (home, rest) = origin(&request.url);
        let (scheme, host) = home.split_once("://").unwrap_or(("https", home));
        // No client says the port that goes without saying.
        let host = host.strip_suffix(if scheme == "http" { ":80" } else { ":443" }).unwrap_or(host);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut headers = vec![("host", host.to_owned())];
        for (name, value) in &request.headers {
            if name == "content-type" || name.starts_with("x-amz-") {
                headers.push((name, value.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let signed = names.join(";");
        let path = if path.is_empty() { "/".to_owned() } else { self.encoded_path(path) };
        let mut text = format!("{}\n{path}\n{}\n", request.method, sorted(query));
        for (name, value) in &headers {
            let _ = writeln!(text, "{name}:{value}");
        }
        let _ = write!(text, "\n{signed}\n{}", hex(&Sha256::digest(&request.body)));
        (text, signed)
    }

    /// As it is written on the wire, and encoded once more; S3 alone takes it as it is.
    fn encoded_path(&self, path: &str) -> String {
        if self.service == "s3" {
            return path.to_owned();
        }
        path.split('/').map(encode).collect::<Vec<_>>().join("/")
    }
}

/// A query's parameters in the order of their names.
fn sorted(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// RFC 2104.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Target {
    /// Signs a request of any kind, if the target wants that; `now` is the time at which it leaves.
    pub fn sign(&self, request: &mut Request, now: WallTime) {
        if let Some(signer) = &self.signer {
            signer.sign(request, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Duration;

    /// 2015-08-30T12:36:00Z.
    const NOW: WallTime = WallTime::from_millis(1_440_938_160_000);
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8\
                         YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8\
                         YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICC\
                         R/oLxBA==";

    fn signer(service: &str, token: Option<&str>) -> Signer {
        Signer {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token.map(str::to_owned),
            region: "us-east-1".into(),
            service: service.into(),
        }
    }

    fn signed(signer: &Signer, method: &str, url: &str, kind: Option<&str>, body: &'static str) -> String {
        let headers = kind.map(|kind| ("content-type".to_owned(), kind.to_owned())).into_iter().collect();
        let (method, url, body) = (method.to_owned(), url.to_owned(), Bytes::from_static(body.as_bytes()));
        let mut request = Request { method, url, headers, body, timeout: Duration::ZERO };
        signer.sign(&mut request, NOW);
        request.headers.into_iter().find(|(name, _)| name == "authorization").unwrap().1
    }

    /// The vectors of AWS's test suite (`get-vanilla`, …), and the example of its documentation.
    #[test]
    fn requests_are_signed_as_the_documented_ones() {
        let (suite, form) = (signer("service", None), "application/x-www-form-urlencoded");
        let home = "https://example.amazonaws.com/";
        let said = |signer: &Signer, method, url: &str, kind, body| {
            signed(signer, method, url, kind, body).split_once("Signature=").unwrap().1.to_owned()
        };
        assert_eq!(
            signed(&suite, "GET", home, None, ""),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            said(&suite, "GET", "https://example.amazonaws.com:443?Param2=value2&Param1=value1", None, ""),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
        assert_eq!(
            said(&suite, "POST", home, None, ""),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert_eq!(
            said(&suite, "POST", home, Some(form), "Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        assert_eq!(
            said(&signer("service", Some(TOKEN)), "POST", home, None, ""),
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        );
        let users = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
        assert_eq!(
            said(&signer("iam", None), "GET", users, Some(&format!("{form}; charset=utf-8")), ""),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn a_key_is_made_as_the_documented_one() {
        let key = signer("iam", None).key("20150830");
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
        // RFC 4231, test case 6: a key that is longer than a block.
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn an_attempt_after_another_has_one_signature() {
        let signer = signer("service", Some("t"));
        let url = "http://127.0.0.1:9/a%20b".to_owned();
        let (method, headers, body) = ("POST".to_owned(), Vec::new(), Bytes::new());
        let mut request = Request { method, url, headers, body, timeout: Duration::ZERO };
        signer.sign(&mut request, NOW);
        let first = request.headers.clone();
        signer.sign(&mut request, NOW);
        assert_eq!(request.headers, first);
        assert!(signer.canonical(&request).0.starts_with("POST\n/a%2520b\n\nhost:127.0.0.1:9\n"));
    }
}

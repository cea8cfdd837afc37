//! Requests as clients, and those who attack with them, might write them.
//!
//! Each has an id in its target, so that it is known again in the pool and in the access log.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// The name of request `number` of a stream in the targets.
pub fn id(stream: u64, number: u64) -> String {
    format!("/s{stream}-{number}")
}

/// The id that a target begins with.
pub fn id_of(target: &[u8]) -> Option<(u64, u64)> {
    let text = target.strip_prefix(b"/s")?;
    let is_id = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    let end = text.iter().position(|byte| !is_id(byte)).unwrap_or(text.len());
    let (stream, number) = std::str::from_utf8(&text[..end]).ok()?.split_once('-')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "PURGE"];
const ODD_METHODS: [&str; 6] = ["get", "TRACE", "CONNECT", "PRI", "G\u{e9}T", "M-SEARCH"];

const BEHIND_THE_ID: [&str; 6] = ["", "/a", "?q=1", "//b", "/%2F", "/a;b=c"];
const ODD_BEHIND: [&str; 7] = ["?q=%0d%0a", "/../c", "/%2e%2e/c", "#f", "?a b", "/\\", "/\u{e9}"];

const ODD_VERSIONS: [&str; 7] = ["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/01.1", ""];

const FIELDS: [&str; 9] = [
    "Accept: */*",
    "User-Agent: streams",
    "Cookie: sid=here-1",
    "Connection: keep-alive",
    "Connection: close",
    "X-Forwarded-For: 192.0.2.1",
    "X-Empty:",
    "X-Blank:   ",
    "X-Tab:\tx\t",
];
const ODD_FIELDS: [&str; 13] = [
    "Connection: upgrade, content-length",
    "Connection: transfer-encoding",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Expect: nothing",
    "TE: trailers",
    "Trailer: x",
    "X-Latin: \u{e9}",
    "X_Under: x",
    "X-Fold: a\r\n b",
    "X Space: x",
    "X-Colon : x",
];

/// Ways to say that a body of `N` bytes follows.
const LENGTHS: [&str; 18] = [
    "Content-Length: N",
    "Content-Length: N",
    "content-length:N",
    "Content-Length: 0N",
    "Content-Length: +N",
    "Content-Length: -N",
    "Content-Length: N, N",
    "Content-Length: N\r\nContent-Length: N",
    "Content-Length: N\r\nContent-Length: 0",
    "Content-Length: 0xN",
    "Content-Length : N",
    "Content-Length:\tN ",
    "Content-Length: N.0",
    "Content-Length: N\0",
    "Content_Length: N",
    "X: y\rContent-Length: N",
    "Content-Length: 18446744073709551616N",
    "Content-Length:\r\n N",
];

/// Ways to say that chunks follow.
const CODINGS: [&str; 22] = [
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked",
    "transfer-encoding:chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: chunked ",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding : chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "X: y\nTransfer-Encoding: chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding: ,chunked",
];

/// One of a list.
fn one<'l>(rng: &mut StdRng, of: &[&'l str]) -> &'l str {
    of.choose(rng).copied().unwrap_or_default()
}

/// How often something is rare or wrong: once in so many places.
#[derive(Debug, Clone, Copy)]
pub struct Oddity(pub u32);

impl Oddity {
    fn strikes(self, rng: &mut StdRng) -> bool {
        rng.random_ratio(1, self.0)
    }

    /// One of the usual ones, or, rarely, of the odd ones.
    fn pick<'l>(self, rng: &mut StdRng, usual: &[&'l str], odd: &[&'l str]) -> &'l str {
        let from = if self.strikes(rng) { odd } else { usual };
        one(rng, from)
    }
}

/// A request; `number` is its place in its stream, and is 0 for the first.
pub fn request(rng: &mut StdRng, oddity: Oddity, stream: u64, number: u64) -> Vec<u8> {
    let mut text = String::new();
    if oddity.strikes(rng) {
        text.push_str("\r\n");
    }
    let target = target(rng, oddity, stream, number);
    let (method, version) = (oddity.pick(rng, &METHODS, &ODD_METHODS), oddity.pick(rng, &["HTTP/1.1"], &ODD_VERSIONS));
    text += &format!("{method} {target} {version}\r\n");
    let no_host = ["X-Host: none", "Host: streams.test\r\nHost: other.test", "Host:", "Host: a b"];
    text += &format!("{}\r\n", oddity.pick(rng, &["Host: streams.test"], &no_host));
    for _ in 0..rng.random_range(0..3_u8) {
        text += &format!("{}\r\n", oddity.pick(rng, &FIELDS, &ODD_FIELDS));
    }
    let body = body(rng, stream);
    match rng.random_range(0..9_u8) {
        _ if oddity.strikes(rng) => {
            let coding = oddity.pick(rng, &CODINGS[..1], &CODINGS);
            let body = chunked(rng, oddity, &body);
            let length = said_length(rng, oddity, body.len());
            let (first, second) = if rng.random() { (length.as_str(), coding) } else { (coding, length.as_str()) };
            text += &format!("{first}\r\n{second}\r\n\r\n");
            [text.into_bytes(), body].concat()
        }
        0..3 => [text.as_bytes(), b"\r\n"].concat(),
        3..6 => {
            text += &format!("{}\r\n\r\n", said_length(rng, oddity, body.len()));
            [text.into_bytes(), body].concat()
        }
        _ => {
            text += &format!("{}\r\n\r\n", oddity.pick(rng, &CODINGS[..1], &CODINGS));
            [text.into_bytes(), chunked(rng, oddity, &body)].concat()
        }
    }
}

fn target(rng: &mut StdRng, oddity: Oddity, stream: u64, number: u64) -> String {
    let (id, behind) = (id(stream, number), oddity.pick(rng, &BEHIND_THE_ID, &ODD_BEHIND));
    if !oddity.strikes(rng) {
        return format!("{id}{behind}");
    }
    match rng.random_range(0..4_u8) {
        0 => format!("http://streams.test{id}{behind}"),
        1 => format!("http://other.test{id}"),
        2 => "*".to_owned(),
        _ => format!("{}x", &id[1..]),
    }
}

/// A body: bytes, or what would be a request if somebody took it for one. Its number is 100 and more.
fn body(rng: &mut StdRng, stream: u64) -> Vec<u8> {
    match rng.random_range(0..5_u8) {
        0 => Vec::new(),
        1 => {
            let mut bytes = vec![0; rng.random_range(1..200)];
            rng.fill_bytes(&mut bytes);
            bytes
        }
        2 => format!("GET {} HTTP/1.1\r\nHost: streams.test\r\n\r\n", id(stream, 100)).into_bytes(),
        3 => format!("0\r\n\r\nPOST {} HTTP/1.1\r\nHost: streams.test\r\nContent-Length: 9\r\n\r\n", id(stream, 101))
            .into_bytes(),
        _ => vec![b'x'; rng.random_range(1..3000)],
    }
}

fn said_length(rng: &mut StdRng, oddity: Oddity, right: usize) -> String {
    let is_wrong = oddity.strikes(rng);
    let said = match rng.random_range(0..2_u8) {
        0 if is_wrong => right.saturating_sub(rng.random_range(1..9)),
        1 if is_wrong => right + rng.random_range(1..90),
        _ => right,
    };
    oddity.pick(rng, &LENGTHS[..1], &LENGTHS).replace('N', &said.to_string())
}

/// `body` in chunks; in some bodies with something about them that is rare or wrong.
fn chunked(rng: &mut StdRng, oddity: Oddity, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let odd = oddity.strikes(rng);
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rng.random_range(1..=rest.len()));
        rest = behind;
        let size = match rng.random_range(0..if odd { 9_u8 } else { 1 }) {
            0 => format!("{:x}", chunk.len()),
            1 => format!("{:X}", chunk.len()),
            2 => format!("000{:x}", chunk.len()),
            3 => format!("0x{:x}", chunk.len()),
            4 => format!("{:x} ", chunk.len()),
            5 => format!("+{:x}", chunk.len()),
            6 => format!("{:x}", chunk.len() + rng.random_range(1..5)),
            7 => format!("{:x}", chunk.len() - 1),
            _ => format!("1000000000000000{:x}", chunk.len()),
        };
        let extension = match rng.random_range(0..if odd { 8_u8 } else { 12 }) {
            0 => ";a=b",
            1 => ";a=\"x;y\"",
            2 if odd => ";\n",
            3 if odd => ";a=\"\r\n\"",
            4 if odd => " ;a",
            _ => "",
        };
        let end = if odd && rng.random_ratio(1, 8) { "\n" } else { "\r\n" };
        bytes.extend_from_slice(format!("{size}{extension}{end}").as_bytes());
        bytes.extend_from_slice(chunk);
        let behind = if odd && rng.random_ratio(1, 8) { one(rng, &["", "\n", "\r", "\r\n\r\n"]) } else { "\r\n" };
        bytes.extend_from_slice(behind.as_bytes());
    }
    let last = if odd { one(rng, &["0\r\n", "00000\r\n", "0;x\r\n", "0\n", "\r\n", "-0\r\n", ""]) } else { "0\r\n" };
    bytes.extend_from_slice(last.as_bytes());
    let trailers = match rng.random_range(0..8_u8) {
        0 => "X-Trailer: x\r\n",
        1 => "Content-Length: 5\r\n",
        2 if odd => "no colon\r\n",
        3 if odd => "Transfer-Encoding: chunked\r\n",
        _ => "",
    };
    bytes.extend_from_slice(trailers.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes
}

//! What is refused: the client is told, its connection is closed, and no app server sees a byte of it.

use super::Bench;

const LINE: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a.example\r\n";
/// What would be a request of its own where somebody read the one before it in another way.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[tokio::test]
async fn bodies_whose_end_is_not_clear() {
    let bench = Bench::start().await;
    for fields in [
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 0",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5, 0",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5a",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: 9223372036854775808",
        "Content-Length: 18446744073709551617",
        "Content_Length: 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding : chunked",
        "Transfer_Encoding: chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    ] {
        bench.refused(format!("{POST}{fields}\r\n\r\n0\r\n\r\n{HIDDEN}").as_bytes(), 400).await;
    }
    let old = format!("POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    bench.refused(old.as_bytes(), 400).await;
}

#[tokio::test]
async fn lines_and_names_that_are_none() {
    let bench = Bench::start().await;
    for request in [
        "GET / HTTP/1.1\nHost: a.example\n\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a.example\n\r\n".into(),
        format!("{LINE}X: a\n\r\n"),
        format!("{LINE}X: a\0b\r\n\r\n"),
        format!("{LINE}X: a\u{1}b\r\n\r\n"),
        format!("{LINE}X: a\u{7f}b\r\n\r\n"),
        format!("{LINE}X: a\rb\r\n\r\n"),
        format!("{LINE}X: a\r\n folded\r\n\r\n"),
        format!("{LINE}X: a\r\n\tfolded\r\n\r\n"),
        format!("{LINE}X : a\r\n\r\n"),
        format!("{LINE}X\t: a\r\n\r\n"),
        format!("{LINE}X\r\n\r\n"),
        format!("{LINE}: a\r\n\r\n"),
        format!("{LINE}X(Y): a\r\n\r\n"),
        format!("{LINE}\u{e9}: a\r\n\r\n"),
        format!("{LINE}Homeward_Session: home\r\n\r\n"),
        format!("{LINE}X_Forwarded_For: 192.0.2.1\r\n\r\n"),
        format!("{LINE}Connection: X-Forwarded-For\r\n\r\n"),
        format!("{LINE}Connection: close, Cookie\r\nCookie: sid=east-1\r\n\r\n"),
        format!("{LINE}Connection: Homeward-Region\r\n\r\n"),
        format!("{LINE}Connection: a b\r\n\r\n"),
        "GET / HTTP/1.2\r\nHost: a.example\r\n\r\n".into(),
        "GET / HTTP/2.0\r\nHost: a.example\r\n\r\n".into(),
        "GET / http/1.1\r\nHost: a.example\r\n\r\n".into(),
        "GET /\r\nHost: a.example\r\n\r\n".into(),
        "GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n".into(),
        "GET\t/\tHTTP/1.1\r\nHost: a.example\r\n\r\n".into(),
        "G(T / HTTP/1.1\r\nHost: a.example\r\n\r\n".into(),
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n".into(),
    ] {
        bench.refused(request.as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn hosts_that_are_not_one() {
    let bench = Bench::start().await;
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nhost: b.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example:80:81\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example:x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET http://user@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\n\r\n",
        "GET http:/a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET http://a.example\\b/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ] {
        bench.refused(request.as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn targets_that_mean_more_than_one_thing() {
    let bench = Bench::start().await;
    for target in [
        "*",
        "?a",
        "a",
        "/a#b",
        "/#",
        "/..",
        "/../a",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a%2f..%2fb",
        "/a/..%5cb",
        "/a/..;/b",
        "/a\\b",
        "/a%00b",
        "/a<b>",
        "/a b<c>",
        "/a\tb",
        "/a\tHTTP/1.1",
        "/a\rb",
        "/a\rHTTP/1.1",
        "/a?b\r",
        "/a\u{1}",
        "/a?\u{7f}",
        "/a \u{e9}",
        "/\u{e9}",
    ] {
        bench.refused(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes(), 400).await;
    }
    bench.refused(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 405).await;
    bench.refused(b"TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n", 405).await;
    let long = format!("{LINE}X: {}\r\n\r\n", "x".repeat(70_000));
    bench.refused(long.as_bytes(), 431).await;
}

#[tokio::test]
async fn chunks_that_are_none() {
    let bench = Bench::start().await;
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "g\r\n",
        "10000000000000000\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
    ] {
        let before = bench.app.taken().len();
        let request = format!("{POST}Transfer-Encoding: chunked\r\n\r\n{body}{HIDDEN}");
        let answer = bench.say(request.as_bytes(), 2).await;
        assert!(!answer.contains(" 200 "), "{body:?} got {answer:?}");
        assert_eq!(bench.app.taken().len(), before, "{body:?} came as a whole request");
    }
}

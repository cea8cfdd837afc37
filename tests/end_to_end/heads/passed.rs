//! What is passed on: once, with the same boundaries, and with the target that it came with.

use super::Bench;

const END: &str = "HTTP/1.1\r\nHost: portal.example.com\r\n";

#[tokio::test]
async fn targets_are_passed_on_byte_for_byte() {
    let bench = Bench::start().await;
    for target in [
        "/",
        "/a",
        "/a?b=c&d",
        "/?",
        "//a",
        "/a//b",
        "/a/",
        "/a%2fb",
        "/a%2Fb",
        "/%61",
        "/100%",
        "/%zz",
        "/...",
        "/a..b",
        "/.well-known/a",
        "/a;b=c",
        "/a?/../b",
        "/a?b=%00",
        "/a?b=\\",
        "/a:b@c",
        "/{a}|b^c",
        "/a\"b",
        "/~a!$&'()*+,=",
        "/http://b.example/c",
    ] {
        let taken = bench.passed(format!("GET {target} {END}\r\n").as_bytes()).await;
        assert_eq!(taken.lines[0], format!("GET {target} HTTP/1.1"));
        assert_eq!(taken.header("host"), ["portal.example.com"]);
    }
    let taken = bench.passed(format!("OPTIONS * {END}\r\n").as_bytes()).await;
    assert_eq!(taken.lines[0], "OPTIONS * HTTP/1.1");
    // Spaces are encoded by the engine before anything is decided: app and decision see the same.
    let taken = bench.passed(format!("GET /a b {END}\r\n").as_bytes()).await;
    assert_eq!(taken.lines[0], "GET /a%20b HTTP/1.1");
}

#[tokio::test]
async fn a_url_becomes_the_path_that_was_decided_on() {
    let bench = Bench::start().await;
    for (target, path) in [
        ("http://portal.example.com/a?b", "/a?b"),
        ("http://portal.example.com", "/"),
        ("http://portal.example.com?b", "/?b"),
        ("HTTP://portal.example.com//a", "//a"),
    ] {
        let taken = bench.passed(format!("GET {target} {END}\r\n").as_bytes()).await;
        assert_eq!(taken.lines[0], format!("GET {path} HTTP/1.1"));
        assert_eq!(taken.header("host"), ["portal.example.com"]);
    }
}

#[tokio::test]
async fn methods_are_passed_on_as_they_are() {
    let bench = Bench::start().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "PURGE", "get", "X-Y!"] {
        let taken = bench.passed(format!("{method} / {END}\r\n").as_bytes()).await;
        assert_eq!(taken.lines[0], format!("{method} / HTTP/1.1"));
    }
}

#[tokio::test]
async fn bodies_keep_their_boundaries() {
    let bench = Bench::start().await;
    for (fields, sent, body) in [
        ("Content-Length: 5", "hello", "hello"),
        ("content-length:5 ", "hello", "hello"),
        ("Content-Length: 0", "", ""),
        ("Content-Length: 005", "hello", "hello"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("Transfer-Encoding: Chunked", "2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n", "hello"),
        ("Transfer-Encoding: chunked", "0\r\n\r\n", ""),
        ("Transfer-Encoding: chunked\r\nTrailer: X-End", "1\r\na\r\n0\r\nX-End: 1\r\n\r\n", "a"),
        ("Content-Length: 27", "GET /hidden HTTP/1.1\r\nHost:", "GET /hidden HTTP/1.1\r\nHost:"),
    ] {
        let taken = bench.passed(format!("POST /body {END}{fields}\r\n\r\n{sent}").as_bytes()).await;
        assert_eq!(String::from_utf8(taken.body.clone()).unwrap(), body, "{fields}");
        assert_eq!(taken.lines[0], "POST /body HTTP/1.1");
    }
}

#[tokio::test]
async fn what_is_between_neighbours_stays_there() {
    let bench = Bench::start().await;
    let fields = "Connection: keep-alive, X-Hop, TE\r\nX-Hop: 1\r\nX-Kept: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n\
                  Trailer: X-End\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\n\
                  Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nHomeward-Home: x\r\nX-Forwarded-For: 192.0.2.1\r\n";
    let taken = bench.passed(format!("GET / {END}{fields}\r\n").as_bytes()).await;
    for gone in ["x-hop", "keep-alive", "te", "trailer", "proxy-authorization", "proxy-connection", "http2-settings"] {
        assert!(taken.header(gone).is_empty(), "{gone} in {taken:?}");
    }
    assert!(taken.header("upgrade").is_empty() && taken.header("connection").is_empty(), "{taken:?}");
    assert_eq!(taken.header("x-kept"), ["1"]);
    assert_eq!(taken.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(taken.header("homeward-home"), ["us-east"]);
    // The app server here does not change protocols; what matters is what it is asked.
    let taken = bench.passed(format!("GET / {END}Connection: upgrade\r\nUpgrade: WebSocket\r\n\r\n").as_bytes()).await;
    assert_eq!((taken.header("upgrade"), taken.header("connection")), (vec!["websocket"], vec!["Upgrade"]));
    let taken = bench.passed(format!("GET / {END}X_Own: a\r\n\r\n").as_bytes()).await;
    assert_eq!(taken.header("x_own"), ["a"]);
}

#[tokio::test]
async fn values_are_passed_on_as_they_are() {
    let bench = Bench::start().await;
    let bytes = [format!("GET / {END}X-A:  a\tb  \r\nX-B:\r\nX-C: caf").as_bytes(), b"\xe9\r\n\r\n"].concat();
    let taken = bench.passed(&bytes).await;
    assert_eq!(taken.header("x-a"), ["a\tb"]);
    assert_eq!(taken.header("x-b"), [""]);
    assert_eq!(taken.header("x-c"), ["caf\u{fffd}"]);
    let taken = bench.passed(format!("\r\nGET /a {END}\r\n").as_bytes()).await;
    assert_eq!(taken.lines[0], "GET /a HTTP/1.1");
    let taken = bench.passed(b"GET /old HTTP/1.0\r\nHost: portal.example.com\r\n\r\n").await;
    assert_eq!(taken.lines[0], "GET /old HTTP/1.1");
}

/// The engine takes a line of no digits for the last chunk, and what is behind it for trailers: it ends the body there, and
/// says so to the app in its own words.
#[tokio::test]
async fn chunks_are_read_as_the_engine_reads_them() {
    let bench = Bench::start().await;
    let behind = "GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let taken = bench.passed(format!("POST / {END}Transfer-Encoding: chunked\r\n\r\n\r\n{behind}").as_bytes()).await;
    assert!(taken.body.is_empty() && taken.lines[0] == "POST / HTTP/1.1", "{taken:?}");
    // So with an extension of a chunk: it ends with CR and LF, whatever is in it.
    let body = "5;a\nb\r\nhello\r\n0\r\n\r\n";
    let taken = bench.passed(format!("POST / {END}Transfer-Encoding: chunked\r\n\r\n{body}").as_bytes()).await;
    assert_eq!(taken.body, b"hello");
}

/// Requests in a row on one connection stay requests in a row.
#[tokio::test]
async fn requests_in_a_row_do_not_run_into_each_other() {
    let bench = Bench::start().await;
    let two = format!("POST /one {END}Content-Length: 5\r\n\r\nhelloGET /two {END}\r\n");
    let answers = bench.say(two.as_bytes(), 2).await;
    assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
    let taken = bench.app.taken();
    assert_eq!((&*taken[0].lines[0], &*taken[0].body), ("POST /one HTTP/1.1", &b"hello"[..]));
    assert!(taken.get(1).is_none_or(|second| second.lines[0] == "GET /two HTTP/1.1"), "{taken:?}");
}

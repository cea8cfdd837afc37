//! What is forwarded on the fast path and what the engine forwards is the same, for the app and for the client.

mod hops;
mod http2;

use crate::support::{Block, EdgeProcess, edge, eventually};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// A request and what its server does: how it is called, what the client sends, and what is answered.
const CASES: &[(&str, &str, &str)] = &[
    (
        "a body of a length",
        "GET /a?b=%20 HTTP/1.1\r\nHost: portal.example.com\r\nX-Own-CASE: v\r\n\r\n",
        "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nX-Own-CASE: w\r\n\r\nend",
    ),
    ("no body", "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n", "HTTP/1.1 204 No Content\r\nX-A: end\r\n\r\n"),
    (
        "not modified",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        "a head alone",
        "HEAD / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        "chunks",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: gone\r\n\r\n",
    ),
    (
        "a length that chunks overrule",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "until the end",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nto the end!",
    ),
    (
        "an old server",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "a hint before",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nHomeward-Own: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "a value over two lines",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n  c\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "what is the edge's own",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\nHomeward-Region: moon\r\nX-Request-Id: mine\r\n\r\n",
        "HTTP/1.1 200 OK\r\nHomeward-Own: x\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\nSet-Cookie: sid=new\r\n\r\nend",
    ),
    (
        "who says where they come from",
        "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-Proto: https\r\nHost: portal.example.com\r\nVia: 1.0 other\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "cookies",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\nCookie: a=b\r\nCookie: sid=east-1; c=d\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "the last of a connection",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "a small body",
        "POST / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nend",
    ),
    (
        "a form of its own",
        "GET http://portal.example.com/a HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    (
        "a body in chunks",
        "PUT / HTTP/1.1\r\nHost: portal.example.com\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
    ),
    ("no answer", "POST / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 0\r\n\r\n", ""),
    ("no HTTP", "POST / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 0\r\n\r\n", "ICY 200 OK\r\n\r\n"),
    (
        "two lengths",
        "POST / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nend",
    ),
    (
        "a body that breaks off",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nend",
    ),
    (
        "chunks that break off",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ),
    (
        "chunks that are none",
        "GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ),
    ("no such service", "GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n", ""),
    ("no request", "GET / HTTP/1.1\r\nHost: portal.example.com\r\nHost: portal.example.com\r\n\r\n", ""),
];

/// An app server that gives every connection one answer, whatever is asked, and keeps what was.
struct Server {
    answer: Arc<Mutex<&'static str>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self { answer: Arc::default(), heard: Arc::default() };
        let (answer, heard) = (Arc::clone(&server.answer), Arc::clone(&server.heard));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&heard)));
            }
        });
        server
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Mutex<&'static str>>, heard: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    loop {
        // Whether it is whole: its last bytes are those that all bodies here end with.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let has_body =
            text.contains("content-length: 4") || text.contains("Content-Length: 4") || text.contains("chunked");
        let end = if text.contains("chunked") {
            "0\r\n\r\n"
        } else if has_body {
            "body"
        } else {
            "\r\n\r\n"
        };
        if text.contains("\r\n\r\n") && text.ends_with(end) {
            heard.lock().unwrap().push(text);
            break;
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return, // a probe
            Ok(_) => {}
        }
    }
    let text = *answer.lock().unwrap();
    // The other side may have had enough of it.
    let _ = stream.write_all(text.as_bytes()).await;
}

/// A message without what is another each time, and without how its chunks were cut.
fn plain(message: &str) -> String {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let lines = head.split("\r\n").map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match &*name.to_ascii_lowercase() {
            "date" => "Date: now".to_owned(),
            name @ ("x-request-id" | "homeward-hop" | "homeward-hop-id") => format!("{name}: made"),
            // Of which version of HTTP an answer is, is each connection's own affair (RFC 9110, 2.5).
            _ if line.starts_with("HTTP/1.0") => line.replacen("1.0", "1.1", 1),
            _ if value.is_empty() => line.to_owned(),
            _ => format!("{name}: {}", value.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    });
    let mut lines: Vec<String> = lines.collect();
    // The order of lines of different names says nothing (RFC 9110, 5.3).
    lines[1..].sort_by_key(|line| line.split(':').next().map(str::to_ascii_lowercase));
    let is_error = lines.iter().any(|line| line.starts_with("proxy-status"));
    let body =
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { joined(body) } else { body.into() };
    // A page of an error has the name of the request in it.
    format!("{}\n\n{}", lines.join("\n"), if is_error { "the edge's page" } else { &body })
}

/// The data of chunks, and whether their end was there.
fn joined(mut body: &str) -> String {
    let mut data = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let digits = size.split(';').next().unwrap();
        let Ok(size) = usize::from_str_radix(digits, 16) else { break };
        if size == 0 {
            return data + " and the end";
        }
        let Some(piece) = rest.get(..size) else { break };
        data.push_str(piece);
        body = rest[size..].trim_start_matches("\r\n");
    }
    data
}

/// What the client of an edge got, and what its server heard, in this case.
async fn run(edge: &EdgeProcess, server: &Server, ask: &str, answer: &'static str) -> (Vec<String>, Vec<String>) {
    *server.answer.lock().unwrap() = answer;
    server.heard.lock().unwrap().clear();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(edge::NEW_YORK, 0)).unwrap();
    let mut client = socket.connect(edge.address).await.unwrap();
    client.write_all(ask.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    // Its connection may stay: the next request is one that ends it, and whose answer is known.
    let last = "GET /last HTTP/1.1\r\nHost: nobody.example.com\r\nConnection: close\r\n\r\n";
    let heard = timeout(Duration::from_secs(20), async {
        let mut asked_again = false;
        loop {
            let text = String::from_utf8_lossy(&got).into_owned();
            if !asked_again && is_whole(&text, ask.starts_with("HEAD")) {
                asked_again = true;
                // One that was closed takes no more.
                let _ = client.write_all(last.as_bytes()).await;
            }
            match client.read_buf(&mut got).await {
                Ok(0) | Err(_) => return text,
                Ok(_) => {}
            }
        }
    });
    let text = heard.await.expect("the end of the connection");
    let mut answers = Vec::new();
    let mut rest = &*text;
    while let Some(at) = rest[1.min(rest.len())..].find("HTTP/1.") {
        answers.push(plain(&rest[..=at]));
        rest = &rest[at + 1..];
    }
    answers.push(plain(rest));
    let heard = server.heard.lock().unwrap().iter().map(|heard| plain(heard)).collect();
    (answers, heard)
}

/// Whether an answer has come to its end, where that does not end the connection.
fn is_whole(text: &str, to_head: bool) -> bool {
    let text = match text.split_once("\r\n\r\n") {
        Some((hint, rest)) if hint.starts_with("HTTP/1.1 103") => rest,
        _ => text,
    };
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let is_bodiless = to_head || head.contains(" 204 ") || head.contains(" 304 ");
    match length {
        _ if is_bodiless => true,
        _ if head.contains("chunked") => body.ends_with("0\r\n\r\n"),
        Some(length) => body.len() >= length,
        None => false,
    }
}

#[tokio::test]
async fn both_paths_say_the_same() {
    let mut sides = Vec::new();
    for settings in ["fast_path: true\n", "fast_path: false\n"] {
        let block = Block::new();
        let server = Server::start(SocketAddr::new(block.address(2), 8080)).await;
        let more = "    retries: {attempts: 2}\n    outliers: off\n    breaker: off\n    health: {fall: 100}\n";
        let table = edge::table(&[SocketAddr::new(block.address(2), 8080)], &[], &[], more);
        let plan = edge::Plan { region: "us-east", settings: settings.into(), table };
        sides.push((EdgeProcess::start(&block, 1, &plan).await, server, block));
    }
    let mut served = 0;
    for (name, ask, answer) in CASES {
        let mut said = Vec::new();
        for (edge, server, _) in &sides {
            said.push(run(edge, server, ask, answer).await);
        }
        assert_eq!(said[0], said[1], "{name}: on the fast path, and by the engine");
        // A hint is no answer yet, and what the engine cannot read is no request.
        let is_logged =
            |answer: &&String| !["HTTP/1.1 103", "HTTP/1.1 400"].iter().any(|start| answer.starts_with(start));
        served += said[0].0.iter().filter(is_logged).count();
    }
    let mut logs = Vec::new();
    for (edge, ..) in &sides {
        let log = eventually("the log", async || Some(edge.access_log()).filter(|log| log.len() == served)).await;
        let of_line = |line: &serde_json::Value| {
            // Chunks that are none are a broken connection to the engine.
            let is_cut = line["status"] == 200 && line["error"] == "http_protocol_error";
            let error = if is_cut { "connection_terminated".into() } else { line["error"].clone() };
            (
                error,
                ["status", "attempts", "bytes_sent", "bytes_received", "session", "region", "path", "reasons"]
                    .map(|key| line[key].clone()),
            )
        };
        logs.push(log.iter().map(of_line).collect::<Vec<_>>());
    }
    for (nth, (fast, engine)) in logs[0].iter().zip(&logs[1]).enumerate() {
        assert_eq!(fast, engine, "line {nth}");
    }
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let block = Block::new();
    let server = Server::start(SocketAddr::new(block.address(2), 8080)).await;
    *server.answer.lock().unwrap() = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nend";
    let table = edge::table(&[SocketAddr::new(block.address(2), 8080)], &[], &[], "");
    let plan = edge::Plan { region: "us-east", settings: String::new(), table };
    let edge = EdgeProcess::start(&block, 1, &plan).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(edge::NEW_YORK, 0)).unwrap();
    let mut client = socket.connect(edge.address).await.unwrap();
    let ask = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: portal.example.com\r\n{more}\r\n");
    let all = [ask("/1", ""), ask("/2", ""), ask("/3", "Connection: close\r\n")].concat();
    client.write_all(all.as_bytes()).await.unwrap();
    let mut got = String::new();
    timeout(Duration::from_secs(20), client.read_to_string(&mut got)).await.expect("the end").unwrap();
    assert_eq!(got.matches("\r\n\r\nend").count(), 3, "{got}");
    let heard = server.heard.lock().unwrap().clone();
    let paths: Vec<_> = heard.iter().map(|heard| heard.split(' ').nth(1).unwrap()).collect();
    assert_eq!(paths, ["/1", "/2", "/3"]);
}

#[tokio::test]
async fn no_protocol_is_switched_to_that_nobody_asked_for() {
    let block = Block::new();
    let server = Server::start(SocketAddr::new(block.address(2), 8080)).await;
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    let table = edge::table(&[SocketAddr::new(block.address(2), 8080)], &[], &[], "");
    let plan = edge::Plan { region: "us-east", settings: String::new(), table };
    let edge = EdgeProcess::start(&block, 1, &plan).await;
    let ask = "POST / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 0\r\n\r\n";
    let (answers, _) = run(&edge, &server, ask, answer).await;
    assert!(answers[0].starts_with("HTTP/1.1 502 "), "{answers:?}");
}

//! The same of streams of HTTP/2.

use super::{CASES, Server, plain};
use crate::support::{Block, EdgeProcess, edge, eventually};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// An edge that takes HTTP/2 without TLS too, and where.
async fn start_http2(block: &Block, fast_path: bool, more: &str) -> (EdgeProcess, SocketAddr) {
    let table = edge::table(&[SocketAddr::new(block.address(2), 8080)], &[], &[], more);
    let plan = edge::Plan { region: "us-east", settings: format!("fast_path: {fast_path}\n"), table };
    let mut edge = EdgeProcess::start(block, 1, &plan).await;
    let http2 = edge.and_http2().await;
    (edge, http2)
}

/// The same request as one of HTTP/2; `None` where it has a body, or is said in a way that only HTTP/1.1 knows.
fn of_http2(ask: &str) -> Option<http::Request<()>> {
    let (head, body) = ask.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?, first.next()?);
    let mut hosts = Vec::new();
    let mut request = http::Request::builder().method(method).version(http::Version::HTTP_2);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        match name {
            "Host" => hosts.push(value),
            "Connection" | "Content-Length" | "Transfer-Encoding" => {}
            _ => request = request.header(name, value),
        }
    }
    let [host] = &*hosts else { return None };
    request.uri(format!("http://{host}{path}")).body(()).ok().filter(|_| body.is_empty() && path.starts_with('/'))
}

/// What a client of HTTP/2 got: the answer and its body; `None` where the stream was reset, which may overtake what came before.
async fn ask_http2(edge: SocketAddr, request: http::Request<()>) -> Option<(http::response::Parts, String)> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(edge::NEW_YORK, 0)).unwrap();
    let stream = socket.connect(edge).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let (answer, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
    let (mut head, mut body) = unless_reset(timeout(Duration::from_secs(20), answer).await.unwrap())?.into_parts();
    head.headers.insert("date", http::HeaderValue::from_static("now"));
    if let Some(id) = head.headers.get_mut("x-request-id") {
        *id = http::HeaderValue::from_static("made");
    }
    let mut got = Vec::new();
    while let Some(piece) = timeout(Duration::from_secs(20), body.data()).await.unwrap() {
        let piece = unless_reset(piece)?;
        let _ = body.flow_control().release_capacity(piece.len());
        got.extend_from_slice(&piece);
    }
    let is_page = head.headers.contains_key("proxy-status");
    Some((head, if is_page { "the edge's page".into() } else { String::from_utf8(got).unwrap() }))
}

fn unless_reset<T>(got: Result<T, h2::Error>) -> Option<T> {
    match got {
        Ok(got) => Some(got),
        Err(error) if error.is_reset() => None,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn both_paths_say_the_same_over_http2() {
    let more = "    retries: {attempts: 2}\n    outliers: off\n    breaker: off\n    health: {fall: 100}\n";
    let mut sides = Vec::new();
    for fast_path in [true, false] {
        let block = Block::new();
        let server = Server::start(SocketAddr::new(block.address(2), 8080)).await;
        sides.push((start_http2(&block, fast_path, more).await, server, block));
    }
    let mut asked = 0;
    for (name, ask, answer) in CASES {
        let Some(request) = of_http2(ask) else { continue };
        asked += 1;
        let mut said = Vec::new();
        for ((_, edge), server, _) in &sides {
            *server.answer.lock().unwrap() = answer;
            server.heard.lock().unwrap().clear();
            // White space in a value that stood on two lines is as each has it.
            let words =
                |value: &http::HeaderValue| format!("{value:?}").split_whitespace().collect::<Vec<_>>().join(" ");
            let got = ask_http2(*edge, request.clone()).await.map(|(head, body)| {
                let lines = head.headers.iter().map(|(name, value)| format!("{name}: {}", words(value)));
                let mut fields: Vec<_> = lines.collect();
                fields.sort();
                (head.status, fields, body)
            });
            let heard: Vec<_> =
                server.heard.lock().unwrap().iter().map(|heard| with_one_cookie(&plain(heard))).collect();
            said.push((got, heard));
        }
        assert_eq!(said[0], said[1], "{name}: on the fast path, and by the engine");
    }
    assert!(asked >= 15, "{asked} of them");
    let mut logs = Vec::new();
    for ((edge, _), ..) in &sides {
        let log = eventually("the log", async || Some(edge.access_log()).filter(|log| log.len() == asked)).await;
        let of_line = |line: &serde_json::Value| {
            ["protocol", "status", "attempts", "bytes_sent", "session", "region", "path", "reasons"]
                .map(|key| line[key].clone())
        };
        logs.push(log.iter().map(of_line).collect::<Vec<_>>());
    }
    assert_eq!(logs[0], logs[1]);
}

/// The engine leaves cookies in several lines, which say the same as one (RFC 9113, 8.2.3).
fn with_one_cookie(message: &str) -> String {
    let (cookies, others): (Vec<_>, Vec<_>) =
        message.lines().partition(|line| line.to_ascii_lowercase().starts_with("cookie: "));
    let values: Vec<_> = cookies.iter().filter_map(|line| Some(line.split_once(": ")?.1)).collect();
    format!("{}\ncookies: {}", others.join("\n"), values.join("; "))
}

#[tokio::test]
async fn cookies_of_http2_are_one_line_to_a_server() {
    let block = Block::new();
    let server = Server::start(SocketAddr::new(block.address(2), 8080)).await;
    *server.answer.lock().unwrap() = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend";
    let (_edge, http2) = start_http2(&block, true, "").await;
    let request =
        http::Request::get("http://portal.example.com/").header("cookie", "a=b").header("cookie", "sid=east-1");
    let (head, body) = ask_http2(http2, request.body(()).unwrap()).await.expect("an answer");
    assert_eq!((head.status.as_u16(), &*body), (200, "end"));
    let heard = server.heard.lock().unwrap().concat().to_ascii_lowercase();
    assert!(heard.contains("\r\ncookie: a=b; sid=east-1\r\n"), "{heard}");
    assert_eq!(heard.matches("\nhost: portal.example.com\r\n").count(), 1, "{heard}");
    assert!(heard.contains("via: 2.0 homeward\r\n"), "{heard}");
}

//! WebSockets over HTTP/2 (RFC 8441), to servers that know them by HTTP/1.1 alone.

use crate::support::{Block, EdgeProcess, PATIENCE, edge, eventually};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

#[derive(Default)]
struct Heard {
    heads: Vec<(String, HeaderMap)>,
    ends: Vec<String>,
}

/// A server that says its name first, then sends back what it gets; `bye` makes it close, with 4000.
async fn serve(listener: TcpListener, name: &'static str, heard: Arc<Mutex<Heard>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            #[allow(clippy::result_large_err, reason = "the library wants it so")]
            let take = |request: &server::Request, mut answer: server::Response| {
                heard.lock().unwrap().heads.push((request.uri().to_string(), request.headers().clone()));
                answer.headers_mut().insert("sec-websocket-protocol", "chat".parse().unwrap());
                Ok(answer)
            };
            // A probe connects and says nothing.
            let Ok(mut socket) = accept_hdr_async(stream, take).await else { return };
            let _ = socket.send(Message::text(name)).await;
            let end = loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) if text == "bye" => {
                        let bye = CloseFrame { code: CloseCode::from(4000), reason: "as asked".into() };
                        let _ = socket.close(Some(bye)).await;
                    }
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        let _ = socket.send(message).await;
                    }
                    Some(Ok(Message::Close(frame))) => break format!("{:?}", frame.map(|frame| u16::from(frame.code))),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error.to_string(),
                    None => break "end".to_owned(),
                }
            };
            heard.lock().unwrap().ends.push(end);
        });
    }
}

struct World {
    edge: EdgeProcess,
    http2: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

impl World {
    async fn start() -> Self {
        let block = Block::new();
        let heard = Arc::<Mutex<_>>::default();
        let mut servers = Vec::new();
        for (number, name) in [(2, "us-east"), (3, "us-west")] {
            let app = TcpListener::bind(SocketAddr::new(block.address(number), 8080)).await.unwrap();
            servers.push(app.local_addr().unwrap());
            tokio::spawn(serve(app, name, Arc::clone(&heard)));
        }
        let table = edge::table(&servers[..1], &[], &servers[1..], "");
        let plan = edge::Plan { region: "us-west", settings: String::new(), table };
        let mut edge = EdgeProcess::start(&block, 1, &plan).await;
        let http2 = edge.and_http2().await;
        Self { edge, http2, heard }
    }

    async fn connect(&self) -> SendRequest<Empty<Bytes>> {
        let stream = TcpStream::connect(self.http2).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        // Whether extended CONNECT is offered is in the edge's first frame.
        let hello = Request::get("http://nobody.example.com/").body(Empty::new()).unwrap();
        assert_eq!(sender.send_request(hello).await.unwrap().status(), 404);
        sender
    }

    async fn end(&self, nth: usize) -> String {
        eventually("the end of a socket", async || self.heard.lock().unwrap().ends.get(nth).cloned()).await
    }
}

async fn ask(
    sender: &mut SendRequest<Empty<Bytes>>,
    host: &str,
    cookies: &[&str],
    protocol: &'static str,
) -> Response<Incoming> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{host}/chat?room=1"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat, other")
        .header("origin", "http://portal.example.com");
    for cookie in cookies {
        request = request.header("cookie", *cookie);
    }
    let mut request = request.body(Empty::new()).unwrap();
    request.extensions_mut().insert(Protocol::from_static(protocol));
    timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()
}

async fn open(sender: &mut SendRequest<Empty<Bytes>>, cookies: &[&str]) -> WebSocketStream<TokioIo<Upgraded>> {
    let answer = ask(sender, "portal.example.com", cookies, "websocket").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["sec-websocket-protocol"].as_bytes()), (200, &b"chat"[..]));
    for name in ["connection", "upgrade", "sec-websocket-accept", "transfer-encoding"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let stream = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

async fn hear(socket: &mut WebSocketStream<TokioIo<Upgraded>>) -> Option<Result<Message, Error>> {
    timeout(PATIENCE, socket.next()).await.unwrap()
}

#[tokio::test]
async fn a_stream_is_a_websocket_and_goes_home() {
    let world = World::start().await;
    let mut sender = world.connect().await;
    let mut at_home = open(&mut sender, &["sid=west-1"]).await;
    let mut flopped = open(&mut sender, &["theme=dark", "sid=east-1"]).await;
    assert_eq!(hear(&mut at_home).await.unwrap().unwrap(), Message::text("us-west"));
    assert_eq!(hear(&mut flopped).await.unwrap().unwrap(), Message::text("us-east"));
    let large = Message::binary(vec![7; 4 << 20]);
    for socket in [&mut at_home, &mut flopped] {
        for message in [Message::text("one"), large.clone(), Message::binary(vec![]), Message::text("two")] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(hear(socket).await.unwrap().unwrap(), message);
        }
        socket.send(Message::Ping("are you there?".into())).await.unwrap();
        assert_eq!(hear(socket).await.unwrap().unwrap(), Message::Pong("are you there?".into()));
    }
    let seen = world.heard.lock().unwrap().heads[1].clone();
    assert_eq!((seen.0.as_str(), seen.1["cookie"].as_bytes()), ("/chat?room=1", &b"theme=dark; sid=east-1"[..]));
    assert_eq!(seen.1["homeward-session"], "flopped");
    assert_eq!(seen.1["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen.1["origin"], "http://portal.example.com");

    // A side that leaves says so, and the other hears why.
    at_home.close(Some(CloseFrame { code: CloseCode::Away, reason: "".into() })).await.unwrap();
    assert_eq!(world.end(0).await, "Some(1001)");
    flopped.send(Message::text("bye")).await.unwrap();
    let Message::Close(Some(close)) = hear(&mut flopped).await.unwrap().unwrap() else { panic!("no close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4000, "as asked"));
    assert!(hear(&mut flopped).await.is_none());

    let log = eventually("both lines", async || {
        let log = world.edge.access_log();
        let sockets: Vec<_> = log.into_iter().filter(|line| line["host"] == "portal.example.com").collect();
        (sockets.len() == 2).then_some(sockets)
    })
    .await;
    for line in &log {
        assert_eq!(
            (&line["status"], &line["path"], &line["client"]),
            (&101.into(), &"/chat?room=1".into(), &"127.0.0.1".into())
        );
    }
}

#[tokio::test]
async fn a_drain_that_closes_streams_ends_the_socket_and_no_other() {
    let world = World::start().await;
    let mut sender = world.connect().await;
    let mut west = open(&mut sender, &["sid=west-1"]).await;
    let mut east = open(&mut sender, &["sid=east-1"]).await;
    assert_eq!(hear(&mut west).await.unwrap().unwrap(), Message::text("us-west"));
    assert_eq!(hear(&mut east).await.unwrap().unwrap(), Message::text("us-east"));
    let table = std::fs::read_to_string(world.edge.file("routing.yaml")).unwrap();
    let drain = "drains: [{region: us-west, sessions: keep, streams: {close_after: 0s}}]";
    world.edge.adopt(&format!("{table}{drain}\n")).await;
    // It hears the end of its stream, without a word before it: as in a stop.
    let end = hear(&mut west).await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    east.send(Message::text("still there?")).await.unwrap();
    assert_eq!(hear(&mut east).await.unwrap().unwrap(), Message::text("still there?"));
}

#[tokio::test]
async fn a_client_that_vanishes_takes_its_socket_with_it() {
    let world = World::start().await;
    let mut sender = world.connect().await;
    let mut socket = open(&mut sender, &[]).await;
    assert_eq!(hear(&mut socket).await.unwrap().unwrap(), Message::text("us-west"));
    drop(socket);
    assert_ne!(world.end(0).await, "Some(1000)", "nobody said good-bye");
}

#[tokio::test]
async fn what_is_no_websocket_is_an_answer() {
    let world = World::start().await;
    let mut sender = world.connect().await;
    let answer = ask(&mut sender, "nobody.example.com", &[], "websocket").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["proxy-status"].as_bytes()),
        (404, &b"homeward; error=destination_not_found"[..])
    );
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("No service answers to this address."));
    assert_eq!(ask(&mut sender, "portal.example.com", &[], "connect-udp").await.status(), 405);

    // Nor is it a tunnel to elsewhere.
    let tunnel = Request::connect("portal.example.com:80").body(Empty::new()).unwrap();
    assert_eq!(sender.send_request(tunnel).await.unwrap().status(), 405);
    assert!(world.heard.lock().unwrap().heads.is_empty());
}

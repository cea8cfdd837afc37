//! Load balancers in front of the edge that say by the PROXY protocol whose a connection is; and connections that are too many.

use crate::routing;
use crate::support::{App, Block, EdgeProcess, client, edge, eventually};
use crate::tls::{Authority, get};
use homeward::client::{local_header, proxy_header};
use homeward::model::ProxyVersion;
use std::net::SocketAddr;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The address of the load balancer that is trusted, and of one that is not.
const TRUSTED: &str = "127.98.0.1:0";
const UNTRUSTED: &str = "127.98.0.2:0";

/// An edge in us-west with a plain and a TLS listener, both of which take headers; app servers in us-east and us-west.
struct World {
    edge: EdgeProcess,
    secure: SocketAddr,
    east: App,
    _west: App,
    authority: Authority,
}

impl World {
    async fn start() -> Self {
        let (block, authority) = (Block::new(), Authority::new("Test CA"));
        let at = |number, port| SocketAddr::new(block.address(number), port);
        let (address, admin, secure) = (at(1, 8080), at(1, 9901), at(1, 8443));
        let (east, west) = (App::start("us-east", at(2, 8080)).await, App::start("us-west", at(4, 8080)).await);
        let plan = edge::Plan {
            region: "us-west",
            settings: "trusted_proxies: [127.98.0.1]\nlimits: {connections_per_client: 2}\n".to_owned(),
            table: edge::table(&[east.address], &[], &[west.address], ""),
        };
        let directory = tempfile::tempdir().unwrap();
        edge::write_settings(directory.path(), &plan, address, admin);
        listen(directory.path(), address, secure);
        std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        authority.write(directory.path(), "edge.pem", "portal.example.com");
        Self { edge: EdgeProcess::start_in(directory, address, admin).await, secure, east, _west: west, authority }
    }
}

/// Writes both listeners in place of the one.
fn listen(directory: &Path, plain: SocketAddr, secure: SocketAddr) {
    let file = directory.join("homeward.yaml");
    let one = format!("listen: [{{address: \"{plain}\"}}]");
    let two = format!(
        "listen:\n  - {{address: \"{plain}\", proxy_protocol: true}}\n  - {{address: \"{secure}\", proxy_protocol: true, \
         tls: {{certificate: edge.pem, key: edge.pem}}}}"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&one), "{text}");
    std::fs::write(&file, text.replace(&one, &two)).unwrap();
}

async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from.parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Sends `bytes` in these pieces, and gives back all that is said to that.
async fn say(from: &str, to: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = connect(from, to).await;
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        if stream.write_all(piece).await.is_err() {
            break; // closed before all of it was said
        }
    }
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said).await;
    drop(read); // a reset is a way to close as well
    String::from_utf8_lossy(&said).into_owned()
}

async fn refused(edge: &EdgeProcess, why: &str) -> u32 {
    let line = format!("homeward_connections_refused_total{{why=\"{why}\"}} ");
    let metrics = edge.admin("/metrics").await.body;
    metrics.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap()
}

fn of_visitor(version: ProxyVersion, visitor: &str) -> Vec<u8> {
    proxy_header(version, visitor.parse().unwrap(), "192.0.2.1:80".parse().unwrap()).as_ref().to_vec()
}

const NEW_YORKER: &str = "127.10.0.1:4000";
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: portal.example.com\r\nX-Forwarded-For: 192.0.2.66\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_visitor_behind_a_load_balancer_is_who_that_says() {
    let world = World::start().await;
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let header = of_visitor(version, NEW_YORKER);
        for pieces in [&[&[&header[..], REQUEST].concat()[..]][..], &[&header[..7], &header[7..], REQUEST]] {
            let answer = say(TRUSTED, world.edge.address, pieces).await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("us-east"), "{answer}");
            let seen = world.east.take_seen().pop().unwrap();
            assert_eq!(seen.header("x-forwarded-for"), ["127.10.0.1"], "what the visitor made up is gone");
        }
    }
    // The load balancer's own: from nowhere, and home is the nearest region. What it forwards by a header is believed.
    let own = local_header(ProxyVersion::V2);
    let plain = b"GET / HTTP/1.1\r\nHost: portal.example.com\r\nConnection: close\r\n\r\n";
    let answer = say(TRUSTED, world.edge.address, &[own.as_ref(), plain]).await;
    assert!(answer.ends_with("us-west"), "{answer}");
    let logged = eventually("all lines", async || Some(world.edge.access_log()).filter(|log| log.len() == 5)).await;
    let clients: Vec<_> = logged.iter().map(|line| line["client"].as_str().unwrap()).collect();
    assert_eq!(clients[..4], ["127.10.0.1"; 4]);
}

#[tokio::test]
async fn nobody_else_says_who_it_is() {
    let world = World::start().await;
    let header = of_visitor(ProxyVersion::V1, NEW_YORKER);
    let answer = say(UNTRUSTED, world.edge.address, &[&header, REQUEST]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(world.east.seen().is_empty());
    let direct = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
    assert_eq!((direct.status, direct.body.as_str()), (200, "us-east"), "who comes without one is served");
}

#[tokio::test]
async fn a_load_balancer_that_says_nothing_is_refused() {
    let world = World::start().await;
    for (bytes, why) in
        [(REQUEST, "no_proxy_header"), (b"PROXY TCP4 127.10.0.1 127.10.0.1 0 x\r\n".as_slice(), "bad_proxy_header")]
    {
        assert_eq!(say(TRUSTED, world.edge.address, &[bytes]).await, "");
        assert_eq!(refused(&world.edge, why).await, 1, "{why}");
    }
    let log = world.edge.log();
    assert!(log.contains("does not start with a PROXY protocol header; let the load balancer send one"), "{log}");
    // One that only looks whether the edge is there is no trouble.
    drop(connect(TRUSTED, world.edge.address).await);
    let answer = say(TRUSTED, world.edge.address, &[&of_visitor(ProxyVersion::V2, NEW_YORKER), REQUEST]).await;
    assert!(answer.ends_with("us-east"), "{answer}");
    assert_eq!(refused(&world.edge, "no_proxy_header").await, 1);
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let world = World::start().await;
    for http2 in [false, true] {
        let mut tcp = connect(TRUSTED, world.secure).await;
        tcp.write_all(&of_visitor(ProxyVersion::V2, NEW_YORKER)).await.unwrap();
        let stream = world.authority.speak(tcp, "portal.example.com", http2, None).await.unwrap();
        let answer = get(stream, "https://portal.example.com/", &[]).await;
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"us-east"[..]));
        let seen = world.east.take_seen().pop().unwrap();
        assert_eq!(seen.header("x-forwarded-for"), ["127.10.0.1"]);
        assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    }
}

#[tokio::test]
async fn a_client_has_so_many_connections_whichever_way_it_comes() {
    let world = World::start().await;
    let header = of_visitor(ProxyVersion::V2, NEW_YORKER);
    let mut visitor = client::Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[]).await.status, 200);
    let mut second = connect(TRUSTED, world.edge.address).await;
    second.write_all(&header).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    second.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");

    assert_eq!(say(TRUSTED, world.edge.address, &[&header, REQUEST]).await, "");
    assert_eq!(say("127.10.0.1:0", world.edge.address, &[REQUEST]).await, "");
    assert_eq!(refused(&world.edge, "too_many_of_client").await, 2);
    assert_eq!(visitor.get("/", &[]).await.status, 200, "those that are open go on");
    let other = say(TRUSTED, world.edge.address, &[&of_visitor(ProxyVersion::V2, "127.11.0.1:4000"), REQUEST]).await;
    assert!(other.ends_with("us-west"), "others are served: {other}");
    drop(second);
    eventually("a place for another", async || {
        let answer = say(TRUSTED, world.edge.address, &[&header, REQUEST]).await;
        answer.ends_with("us-east").then_some(())
    })
    .await;
}

#[tokio::test]
async fn there_are_so_many_connections_in_all() {
    let world = routing::World::start("limits: {connections: 3}\n", "").await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut visitor = client::Client::connect(world.edge.address, edge::NEW_YORK).await;
        assert_eq!(visitor.get("/", &[]).await.status, 200);
        open.push(visitor);
    }
    assert_eq!(say("127.11.0.1:0", world.edge.address, &[REQUEST]).await, "");
    assert_eq!(refused(&world.edge, "too_many").await, 1);
    let log = world.edge.log();
    assert!(log.contains("as many connections are open as may be; limits: {connections: ...} says how many"), "{log}");
    for visitor in &mut open {
        assert_eq!(visitor.get("/", &[]).await.status, 200);
    }
    drop(open);
    eventually("a place", async || {
        say("127.11.0.1:0", world.edge.address, &[REQUEST]).await.ends_with("us-west").then_some(())
    })
    .await;
}

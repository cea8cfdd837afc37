//! Servers and regions that fail.

use crate::routing::World;
use crate::support::{App, Block, Client, EdgeProcess, client, edge, eventually};
use std::net::SocketAddr;

#[tokio::test]
async fn a_dead_server_costs_no_request() {
    let block = Block::new();
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let mut first = App::start("first", at(2)).await;
    let second = App::start("second", at(3)).await;
    let table = edge::table(&[first.address, second.address], &[], &[at(4)], "");
    let edge = EdgeProcess::start(&block, 1, &edge::Plan { region: "us-east", settings: String::new(), table }).await;

    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    first.kill().await;
    for _ in 0..100 {
        let answer = visitor.get("/", &[("cookie", "sid=east-1")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "second"));
    }
    first.restart().await;
    eventually("the server to be used again", async || {
        (visitor.get("/", &[("cookie", "sid=east-1")]).await.body == "first").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dead_region_is_away_and_a_substitute_serves() {
    let mut world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[("cookie", "sid=east-1")]).await.body, "us-east");
    world.east.kill().await;
    for _ in 0..20 {
        let answer = visitor.get("/", &[("cookie", "sid=east-1")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-central"), "the first request after it too");
    }
    let seen = world.central.seen().pop().unwrap();
    assert_eq!(seen.header("homeward-session"), ["orphaned"]);
    let reason =
        "SessionNamesRegion;region=us-east, HomeIsAway;why=NoHealthyServer, SubstituteServes;region=us-central";
    assert_eq!(seen.header("homeward-reason"), [reason]);
    assert_eq!(world.edge.admin("/readyz").await.status, 200, "a dead region does not make an edge unready");
    world.east.restart().await;
    eventually("the session to be at home again", async || {
        (visitor.get("/", &[("cookie", "sid=east-1")]).await.body == "us-east").then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_any_healthy_region_the_answer_is_503_and_says_when_to_come_back() {
    let mut world = World::start("", "").await;
    for app in [&mut world.east, &mut world.central, &mut world.west] {
        app.kill().await;
    }
    let answer = eventually("the 503", async || {
        let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
        Some(answer).filter(|answer| answer.header("proxy-status").contains("destination_unavailable"))
    })
    .await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("proxy-status"), "homeward; error=destination_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(world.edge.admin("/readyz").await.status, 200);
}

#[tokio::test]
async fn an_answer_behind_which_the_connection_ends_says_so() {
    let mut world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for app in [&mut world.east, &mut world.central, &mut world.west] {
        app.kill().await;
    }
    // The first one finds out that nobody is there, and is answered when it has been tried already.
    for _ in 0..10 {
        let answer =
            visitor.send("POST", "/", &[("cookie", "sid=east-1")], "x").await.expect("the connection was to last");
        assert_eq!(answer.status, 503);
        if answer.header("connection") == "close" {
            visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_still_sends_gets_to_see_the_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    const LENGTH: usize = 4 << 20;
    let mut world = World::start("", "").await;
    for app in [&mut world.east, &mut world.central, &mut world.west] {
        app.kill().await;
    }
    // The first one finds out that nobody is there when it has been tried already; the others are refused at once.
    for (host, status) in [("portal.example.com", 503), ("portal.example.com", 503), ("no.example.com", 404)] {
        let stream = tokio::net::TcpStream::connect(world.edge.address).await.unwrap();
        let (mut answer, mut request) = stream.into_split();
        let sending = tokio::spawn(async move {
            let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LENGTH}\r\n\r\n");
            request.write_all(head.as_bytes()).await?;
            request.write_all(&vec![b'x'; LENGTH]).await?;
            Ok::<_, std::io::Error>(request)
        });
        let mut got = Vec::new();
        answer.read_to_end(&mut got).await.expect("the connection ends in peace");
        sending.await.unwrap().expect("all of it was taken");
        let got = String::from_utf8(got).unwrap();
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")) && got.ends_with("</html>\n"), "{got}");
    }
}

#[tokio::test]
async fn a_session_that_must_not_be_lost_waits_for_its_home() {
    let mut world = World::start("", "    when_home_is_away: refuse\n").await;
    world.east.kill().await;
    let answer = eventually("the session to wait", async || {
        let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
        Some(answer).filter(|answer| answer.status == 503)
    })
    .await;
    assert_eq!(answer.header("retry-after"), "5");
    assert!(answer.body.contains("login is safe"), "{}", answer.body);
    let new = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
    assert_eq!(new.status, 200, "new visitors have nothing to lose");
}

#[tokio::test]
async fn a_server_that_says_nonsense_is_a_502() {
    let world = World::start("", "").await;
    let block = Block::new();
    let listener = tokio::net::TcpListener::bind((block.address(20), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = listener.accept().await {
            // The client may be a probe that hangs up at once.
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    world.edge.adopt(&edge::table(&[address], &[], &[world.west.address], "")).await;
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(answer.header("proxy-status").starts_with("homeward; error="));
}

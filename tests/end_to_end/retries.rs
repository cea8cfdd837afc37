//! Requests that are tried again, and those that are not; connections to servers that end.

use crate::support::client::Answer;
use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use crate::support::odd::{Manner, Odd};
use crate::support::stepwise::{Spoken, Stepwise};
use crate::support::{App, Block, Client, EdgeProcess, edge, eventually};
use std::net::SocketAddr;
use std::time::Duration;

const EAST_1: (&str, &str) = ("cookie", "sid=east-1");
const KEY: (&str, &str) = ("idempotency-key", "abc");

/// An edge in front of one region, whose servers stand at 2 and 3 of the block.
struct World {
    edge: EdgeProcess,
    visitor: Client,
}

fn at(block: &Block, number: u8) -> SocketAddr {
    SocketAddr::new(block.address(number), 8080)
}

impl World {
    async fn start(block: &Block, servers: &[SocketAddr], more: &str) -> Self {
        let table = edge::table(servers, &[], &[], more);
        let edge =
            EdgeProcess::start(block, 1, &edge::Plan { region: "us-east", settings: String::new(), table }).await;
        let visitor = Client::connect(edge.address, edge::NEW_YORK).await;
        Self { edge, visitor }
    }

    /// Sends a request; on another connection where the one before has ended with its answer.
    async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &'static str) -> Answer {
        let mut all = vec![EAST_1];
        all.extend_from_slice(headers);
        let answer = self.visitor.send(method, path, &all, body).await.unwrap();
        if answer.header("connection") == "close" {
            self.visitor = Client::connect(self.edge.address, edge::NEW_YORK).await;
        }
        answer
    }

    /// The value of a series of the metrics.
    async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.edge.admin("/metrics").await.body;
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    async fn retries(&self, result: &str) -> f64 {
        let series = "homeward_upstream_retries_total{region=\"us-east\",result=\"";
        self.metric(&format!("{series}{result}\",service=\"portal\"}}")).await.unwrap_or(0.0)
    }
}

#[tokio::test]
async fn an_answer_of_failure_is_tried_at_another_server_where_that_is_safe() {
    let block = Block::new();
    let odd = Odd::start(at(&block, 2), Manner::Status(503)).await;
    let good = App::start("good", at(&block, 3)).await;
    let mut world = World::start(&block, &[odd.address, good.address], "").await;
    let (mut good_answers, mut odd_answers) = (0, 0);
    for _ in 0..4 {
        match world.send("POST", "/count", &[], "body").await {
            answer if answer.status == 503 && answer.body == "odd" => odd_answers += 1,
            answer => good_answers += usize::from(answer.body == "4"),
        }
    }
    assert_eq!((good_answers, odd_answers), (2, 2), "by turns");
    assert_eq!(odd.asked(), 2, "once each");
    for (method, headers) in [("GET", &[][..]), ("PUT", &[]), ("DELETE", &[]), ("POST", &[KEY])] {
        for _ in 0..2 {
            let answer = world.send(method, "/count", headers, "body").await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "4"), "{method}: its body too");
        }
    }
    let log = eventually("the whole log", async || Some(world.edge.access_log()).filter(|log| log.len() == 12)).await;
    let retried = log.iter().filter(|line| line["attempts"] == 2 && line["status"] == 200).count();
    assert_eq!(retried, odd.asked() - 2);
    assert_eq!(world.retries("succeeded").await as usize, odd.asked() - 2);
    assert_eq!(world.retries("refused").await as usize, 2, "the two that were passed on");
}

#[tokio::test]
async fn a_body_that_is_not_held_is_not_sent_again() {
    static LARGE: [u8; 200_000] = [b'x'; 200_000];
    let block = Block::new();
    let odd = Odd::start(at(&block, 2), Manner::Status(503)).await;
    let mut world = World::start(&block, &[odd.address], "").await;
    let answer = world.visitor.send("PUT", "/", &[EAST_1], &LARGE[..]).await.unwrap();
    assert_eq!((answer.status, odd.asked()), (503, 1));
    let answer = world.send("PUT", "/", &[], "small").await;
    assert_eq!((answer.status, odd.asked()), (503, 4), "three times where there is nobody else");
}

#[tokio::test]
async fn a_server_that_takes_requests_and_closes_costs_only_what_cannot_be_repeated() {
    let block = Block::new();
    let odd = Odd::start(at(&block, 2), Manner::Close).await;
    let good = App::start("good", at(&block, 3)).await;
    let mut world = World::start(&block, &[odd.address, good.address], "").await;
    for _ in 0..6 {
        let answer = world.send("GET", "/", &[], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "good"));
    }
    let asked = odd.asked();
    assert!(asked > 0);
    let mut failed = 0;
    for _ in 0..4 {
        failed += usize::from(world.send("POST", "/", &[], "once").await.status == 502);
    }
    assert_eq!(failed, odd.asked() - asked, "each was sent once");
}

#[tokio::test]
async fn a_silent_server_is_left_in_time_and_a_slow_body_is_not_cut() {
    let block = Block::new();
    let slow = Odd::start(at(&block, 4), Manner::Drip(Duration::from_millis(900))).await;
    let silent = Odd::start(at(&block, 2), Manner::Silent).await;
    let good = App::start("good", at(&block, 3)).await;
    let limits = "    retries: {try_timeout: 300ms}\n";
    let mut world = World::start(&block, &[silent.address, good.address], limits).await;
    for _ in 0..4 {
        assert_eq!(world.send("GET", "/", &[], "").await.body, "good");
    }
    assert!(silent.asked() > 0);
    let before = silent.asked();
    let mut late = 0;
    for _ in 0..2 {
        let answer = world.send("POST", "/", &[], "once").await;
        if answer.status == 504 {
            assert_eq!(answer.header("proxy-status"), "homeward; error=http_response_timeout");
            late += 1;
        }
    }
    assert_eq!(late, silent.asked() - before, "what may have been carried out is not sent again");
    world.edge.adopt(&edge::table(&[slow.address], &[], &[], limits)).await;
    let answer = world.send("GET", "/", &[], "").await;
    assert_eq!((answer.status, answer.body.as_str(), slow.asked()), (200, "slowbody", 1));
}

#[tokio::test]
async fn a_connection_that_became_a_websocket_has_no_deadline() {
    let block = Block::new();
    let mut server = Stepwise::start(at(&block, 2)).await;
    let world = World::start(&block, &[server.address], "    retries: {try_timeout: 200ms, timeout: 300ms}\n").await;
    let mut client = Spoken::connect(world.edge.address, edge::NEW_YORK).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client.say(&format!("GET / HTTP/1.1\r\nHost: portal.example.com\r\n{upgrade}{key}\r\n")).await;
    let mut asked = server.next().await;
    asked.say(&format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n")).await;
    client.hear("\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(500)).await; // longer than it would have had
    asked.say("still there").await;
    client.hear("still there").await;
    client.say("here too").await;
    asked.hear("here too").await;
}

#[tokio::test]
async fn all_tries_together_have_their_time() {
    let block = Block::new();
    let first = Odd::start(at(&block, 2), Manner::Silent).await;
    let second = Odd::start(at(&block, 3), Manner::Silent).await;
    let limits = "    retries: {attempts: 5, try_timeout: 400ms, timeout: 600ms}\n";
    let mut world = World::start(&block, &[first.address, second.address], limits).await;
    let answer = world.send("GET", "/", &[], "").await;
    assert_eq!((answer.status, answer.header("proxy-status")), (504, "homeward; error=http_response_timeout"));
    assert_eq!((first.asked(), second.asked()), (1, 1), "there was time for two");
}

#[tokio::test]
async fn beyond_the_budget_failures_are_passed_on() {
    let block = Block::new();
    let odd = Odd::start(at(&block, 2), Manner::Status(503)).await;
    let limits = "    retries: {budget: 0%, budget_floor: 0}\n";
    let mut world = World::start(&block, &[odd.address], limits).await;
    for _ in 0..3 {
        assert_eq!(world.send("GET", "/", &[], "").await.body, "odd");
    }
    assert_eq!((odd.asked(), world.retries("budget_exhausted").await), (3, 3.0));
    let left = "homeward_retry_budget_remaining_ratio{region=\"us-east\",service=\"portal\"}";
    assert_eq!(world.metric(left).await, Some(1.0));
}

#[tokio::test]
async fn a_request_that_reached_nobody_is_tried_again_whatever_it_is() {
    let block = Block::new();
    let mut gone = App::start("gone", at(&block, 2)).await;
    let good = App::start("good", at(&block, 3)).await;
    let limits = "    retries: {budget: 0%, budget_floor: 0}\n";
    let mut world = World::start(&block, &[gone.address, good.address], limits).await;
    gone.kill().await;
    for _ in 0..4 {
        assert_eq!(world.send("POST", "/count", &[], "once").await.body, "4");
    }
}

#[tokio::test]
async fn a_kept_connection_that_ends_costs_nobody_anything() {
    let block = Block::new();
    let few = Odd::start(at(&block, 2), Manner::Few(3)).await;
    let mut world = World::start(&block, &[few.address], "").await;
    for nth in 0..300 {
        let method = if nth % 2 == 0 { "GET" } else { "PUT" };
        let answer = world.send(method, "/", &[], "again").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "few"), "{nth}");
    }
    let connections = few.connections();
    assert!(connections.iter().any(|requests| requests.len() == 3), "connections are used again");
    let series = |reused| {
        format!("homeward_upstream_connections_total{{region=\"us-east\",reused=\"{reused}\",service=\"portal\"}}")
    };
    let made = world.metric(&series("false")).await.unwrap();
    let reused = world.metric(&series("true")).await.unwrap();
    assert!(made >= 100.0 && reused > made && made + reused >= 300.0, "{made} {reused}");
}

#[tokio::test]
async fn connections_are_parted_with_when_they_are_old() {
    let block = Block::new();
    let server = Odd::start(at(&block, 2), Manner::Few(usize::MAX)).await;
    // Whatever a probe on a busy machine finds: connections from before a fall are left where they are.
    let more = "    timeouts: {connection_age: 400ms}\n    health: {fall: 100}\n";
    let mut world = World::start(&block, &[server.address], more).await;
    let is_last = |head: &String| head.contains("connection: close");
    let connections = eventually("a third connection", async || {
        assert_eq!(world.send("GET", "/", &[], "").await.status, 200);
        Some(server.connections()).filter(|connections| connections.len() == 3)
    })
    .await;
    for requests in &connections[..2] {
        let (last, others) = requests.split_last().unwrap();
        assert!(!others.is_empty() && is_last(last), "it was used for its time, and ends with a word: {connections:?}");
        assert!(!others.iter().any(is_last), "nothing is sent on a connection behind what says that it ends");
    }
}

#[tokio::test]
async fn a_stream_that_was_refused_is_tried_again_whatever_it_is() {
    let block = Block::new();
    let listener = tokio::net::TcpListener::bind(at(&block, 2)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A probe says nothing and goes.
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                let mut nth = 0;
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    nth += 1;
                    if nth % 2 == 1 {
                        answer.send_reset(h2::Reason::REFUSED_STREAM);
                        continue;
                    }
                    tokio::spawn(async move {
                        // One that answers before it has the whole body resets what is left of it.
                        let mut body = request.into_body();
                        while let Some(Ok(piece)) = body.data().await {
                            body.flow_control().release_capacity(piece.len()).unwrap();
                        }
                        let mut body = answer.send_response(http::Response::new(()), false).unwrap();
                        body.send_data(bytes::Bytes::from_static(b"taken"), true).unwrap();
                    });
                }
            });
        }
    });
    let mut world = World::start(&block, &[at(&block, 30)], "").await;
    let pool = format!("us-east: {{servers: [\"{address}\"], http2: true}}");
    let plain = format!("us-east: [\"{}\"]", at(&block, 30));
    world.edge.adopt(&edge::table(&[at(&block, 30)], &[], &[], "").replace(&plain, &pool)).await;
    for method in ["POST", "PUT"].repeat(4) {
        // Where a refusal meets a body on its way, the engine does not hear that it was one, so that there it is what may be
        // repeated that goes again.
        let body = if method == "PUT" { "again" } else { "" };
        let answer = world.send(method, "/", &[], body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "taken"), "{method}");
    }
}

#[tokio::test]
async fn servers_that_are_not_there_use_up_no_tries() {
    let block = Block::new();
    let server = Odd::start(at(&block, 2), Manner::Few(usize::MAX)).await;
    let mut servers = vec![server.address];
    servers.extend((3..9).map(|nth| at(&block, nth)));
    // As just after they went: nobody has found out yet.
    let more = "    health: {fall: 100}\n    outliers: off\n    breaker: off\n    retries: {back_off: {base: 1ms, \
                longest: 1ms}}\n";
    let mut world = World::start(&block, &servers, more).await;
    for nth in 0..20 {
        let answer = world.send("POST", "/", &[], "once").await;
        assert_eq!(answer.status, 200, "request {nth}: {answer:?}");
    }
}

#[tokio::test]
async fn tries_do_not_multiply_over_a_hop() {
    for reach in [Reach::Edge, Reach::EdgeOrPool] {
        let fleet = Fleet::start(reach).await;
        let mut visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
        let answer = visitor.get("/status/503", &[EAST_1]).await;
        assert_eq!(answer.status, 503);
        let seen = fleet.apps[EAST].seen();
        assert_eq!(seen.iter().filter(|seen| seen.edges_passed() == 2).count(), 3, "by the edge that is nearest");
        assert_eq!(seen.len(), 3, "and by no other");
        let elsewhere: usize = fleet.apps.iter().map(|app| app.seen().len()).sum();
        assert_eq!(elsewhere, 3, "nor anywhere else");
    }
}

//! More than servers can answer, and servers that do not answer well: breakers, limits, and who goes first.

use crate::support::{App, Block, Client, EdgeProcess, client, edge, eventually};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// An edge in us-east, two servers there, one in each other region.
struct Town {
    edge: EdgeProcess,
    first: App,
    second: App,
    west: App,
}

impl Town {
    /// `more` are lines of the service.
    async fn start(more: &str) -> Self {
        let block = Block::new();
        let at = |number| SocketAddr::new(block.address(number), 8080);
        let first = App::start("first", at(2)).await;
        let second = App::start("second", at(3)).await;
        let west = App::start("us-west", at(4)).await;
        let table = edge::table(&[first.address, second.address], &[], &[west.address], more);
        let edge =
            EdgeProcess::start(&block, 1, &edge::Plan { region: "us-east", settings: String::new(), table }).await;
        Self { edge, first, second, west }
    }

    /// A request of a session at home in us-east, or of a new visitor, which is on its way from now on.
    fn ask(&self, path: &'static str, session: bool) -> JoinHandle<client::Answer> {
        let address = self.edge.address;
        tokio::spawn(async move {
            let cookie: &[(&str, &str)] = if session { &[("cookie", "sid=east-1")] } else { &[] };
            client::get(address, edge::NEW_YORK, path, cookie).await
        })
    }

    async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.edge.admin("/metrics").await.body;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    async fn until(&self, series: &str, wanted: f64) {
        eventually(&format!("{series} {wanted}"), async || (self.metric(series).await? == wanted).then_some(())).await;
    }

    /// Lets go of whatever is held.
    fn let_go(&self) {
        self.first.let_go();
        self.second.let_go();
    }
}

/// A server that takes connections and requests, and hangs up without a word.
async fn mute(address: SocketAddr) -> JoinHandle<()> {
    use tokio::io::AsyncReadExt;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1024).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A probe says nothing either.
            let _ = stream.read(&mut [0; 4096]).await;
        }
    })
}

const ACTIVE: &str = "homeward_upstream_active{region=\"us-east\",service=\"portal\"}";
const PENDING: &str = "homeward_upstream_pending{region=\"us-east\",service=\"portal\"}";
const LIMIT: &str = "homeward_upstream_limit{region=\"us-east\",service=\"portal\"}";
const OPEN_SERVERS: &str = "homeward_breaker_open_servers{region=\"us-east\",service=\"portal\"}";
const STATE: &str = "homeward_breaker_state{region=\"us-east\",service=\"portal\"}";

fn rejected(why: &str) -> String {
    format!("homeward_upstream_rejected_total{{region=\"us-east\",service=\"portal\",why=\"{why}\"}}")
}

#[tokio::test]
async fn a_server_that_fails_is_cut_off_and_comes_back_by_a_trickle() {
    let town =
        Town::start("    outliers: off\n    breaker: {least: 5, open: 200ms, longest_open: 400ms, trickle: 2}\n").await;
    let mut visitor = Client::connect(town.edge.address, edge::NEW_YORK).await;
    town.first.answer_all(Some(503));
    eventually("the server to be cut off", async || {
        visitor.get("/", &[("cookie", "sid=east-1")]).await;
        (town.metric(OPEN_SERVERS).await? > 0.0).then_some(())
    })
    .await;
    town.first.take_seen();
    let answers = async |visitor: &mut Client| {
        let mut failed = 0;
        for _ in 0..50 {
            failed += usize::from(visitor.get("/", &[("cookie", "sid=east-1")]).await.status == 503);
        }
        failed
    };
    let failed = answers(&mut visitor).await;
    assert!(failed < 10, "a few are let through, and no more: {failed} of 50");
    let status = town.edge.status().await;
    let east = status["regions"].as_array().unwrap().iter().find(|region| region["name"] == "us-east").unwrap();
    assert_eq!(east["services"][0]["breaker"], "closed", "a pool with answers is open: {east}");
    assert_eq!(east["services"][0]["open_servers"], 1);
    assert_eq!(east["away"], serde_json::json!([]));

    town.first.answer_all(None);
    eventually("the server to be back", async || {
        visitor.get("/", &[("cookie", "sid=east-1")]).await;
        (town.metric(OPEN_SERVERS).await? == 0.0).then_some(())
    })
    .await;
    let log = town.edge.log();
    assert!(log.contains("the breaker of server") && log.contains("attempts failed"), "{log}");
    assert!(log.contains("is closed again"), "{log}");
}

#[tokio::test]
async fn plain_500s_open_no_breaker() {
    let town = Town::start("    breaker: {least: 5}\n").await;
    town.first.answer_all(Some(500));
    town.second.answer_all(Some(500));
    let mut visitor = Client::connect(town.edge.address, edge::NEW_YORK).await;
    for _ in 0..50 {
        assert_eq!(visitor.get("/", &[("cookie", "sid=east-1")]).await.status, 500);
    }
    assert_eq!((town.metric(OPEN_SERVERS).await, town.metric(STATE).await), (Some(0.0), Some(0.0)));
}

#[tokio::test]
async fn a_pool_that_gives_no_answers_is_away_until_it_gives_some() {
    let mut town = Town::start("    breaker: {least: 5, open: 200ms, longest_open: 400ms, trickle: 2}\n").await;
    let mut visitor = Client::connect(town.edge.address, edge::NEW_YORK).await;
    town.first.kill().await;
    town.second.kill().await;
    let mute = [mute(town.first.address).await, mute(town.second.address).await];
    eventually("the substitute to serve", async || {
        let answer = visitor.send("GET", "/", &[("cookie", "sid=east-1")], "").await;
        if answer.is_err() {
            visitor = Client::connect(town.edge.address, edge::NEW_YORK).await;
        }
        (answer.ok()?.body == "us-west").then_some(())
    })
    .await;
    for mute in mute {
        mute.abort();
        assert!(mute.await.unwrap_err().is_cancelled());
    }
    town.first.restart().await;
    town.second.restart().await;
    eventually("the pool to be back", async || {
        let _ = client::get(town.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
        (town.metric(STATE).await? == 0.0).then_some(())
    })
    .await;
    let answer = client::get(town.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert!(["first", "second"].contains(&&*answer.body), "{}", answer.body);
}

#[tokio::test]
async fn beyond_the_limit_the_answer_is_a_fast_503() {
    let town = Town::start("    limits: {requests: 2, pending: 0}\n").await;
    let held = [town.ask("/hold", true), town.ask("/hold", true)];
    town.until(ACTIVE, 2.0).await;
    assert_eq!(town.metric(LIMIT).await, Some(2.0));
    let answer = town.ask("/", true).await.unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("proxy-status"), "homeward; error=connection_limit_reached");
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert_eq!(town.metric(&rejected("requests")).await, Some(1.0));
    town.let_go();
    for held in held {
        assert_eq!(held.await.unwrap().status, 200);
    }
    town.until(ACTIVE, 0.0).await;
    assert_eq!(town.ask("/", true).await.unwrap().status, 200, "a place is free again");
}

#[tokio::test]
async fn sessions_get_the_next_place_before_new_visitors() {
    let town = Town::start("    limits: {requests: 1, pending: 5, wait: 60s}\n").await;
    let held = town.ask("/hold", true);
    town.until(ACTIVE, 1.0).await;
    let visitor = town.ask("/visitor", false);
    town.until(PENDING, 1.0).await;
    let session = town.ask("/session", true);
    town.until(PENDING, 2.0).await;
    let shed = town.ask("/", false).await.unwrap();
    assert_eq!(shed.status, 503, "no new visitor begins to wait while a session does");
    assert_eq!(town.metric(&rejected("shed")).await, Some(1.0));
    town.let_go();
    for asked in [held, visitor, session] {
        assert_eq!(asked.await.unwrap().status, 200);
    }
    let mut seen = town.first.seen();
    seen.extend(town.second.seen());
    assert_eq!(seen.iter().filter(|seen| seen.target == "/session").count(), 1);
    // The access log has the order in which they were over, and one was over before the next began.
    let ended = eventually("three lines", async || {
        let lines = town.edge.access_log();
        let paths: Vec<_> =
            lines.iter().filter(|line| line["status"] == 200).map(|line| line["path"].clone()).collect();
        (paths.len() == 3).then_some(paths)
    })
    .await;
    assert_eq!(ended, ["/hold", "/session", "/visitor"]);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let town = Town::start("    limits: {requests: 1, pending: 5, wait: 60s}\n").await;
    let held = town.ask("/hold", true);
    town.until(ACTIVE, 1.0).await;
    let waits = town.ask("/leaves", true);
    town.until(PENDING, 1.0).await;
    waits.abort();
    town.until(PENDING, 0.0).await;
    assert_eq!(town.metric(ACTIVE).await, Some(1.0));
    town.let_go();
    assert_eq!(held.await.unwrap().status, 200);
    town.until(ACTIVE, 0.0).await;
    let seen = [town.first.seen(), town.second.seen()].concat();
    assert!(seen.iter().all(|seen| seen.target != "/leaves"), "nobody is there to answer");
}

#[tokio::test]
async fn nobody_waits_for_longer_than_is_said() {
    let town = Town::start("    limits: {requests: 1, pending: 5, wait: 50ms}\n").await;
    let held = town.ask("/hold", true);
    town.until(ACTIVE, 1.0).await;
    assert_eq!(town.ask("/", true).await.unwrap().status, 503);
    assert_eq!(town.metric(&rejected("waited")).await, Some(1.0));
    town.let_go();
    assert_eq!(held.await.unwrap().status, 200);
}

#[tokio::test]
async fn no_server_has_more_than_it_may_and_places_outlive_a_table() {
    let town = Town::start("    limits: {server_requests: 2, pending: 0}\n").await;
    let held: Vec<_> = (0..4).map(|_| town.ask("/hold", true)).collect();
    town.until(ACTIVE, 4.0).await;
    assert_eq!((town.first.seen().len(), town.second.seen().len()), (2, 2));
    // The pool is another one in this table, and those who are in are still in.
    let west = town.west.address;
    let table = edge::table(
        &[town.first.address, town.second.address, west],
        &[],
        &[west],
        "    limits: {server_requests: 1, pending: 0}\n",
    );
    town.edge.adopt(&table).await;
    assert_eq!(town.metric(ACTIVE).await, Some(4.0));
    assert_eq!(town.ask("/", true).await.unwrap().status, 503);
    town.let_go();
    for held in held {
        assert_eq!(held.await.unwrap().status, 200);
    }
    town.until(ACTIVE, 0.0).await;
    assert_eq!(town.ask("/", true).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_adaptive_limit_shrinks_with_slow_servers() {
    let town = Town::start("    limits: {adaptive: {least: 4, most: 40}}\n").await;
    town.until(LIMIT, 12.0).await; // the square root of the two, in whole requests
    let load = |slowness: Duration| {
        town.first.answer_after(slowness);
        town.second.answer_after(slowness);
    };
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let address = town.edge.address;
            tokio::spawn(async move {
                let mut client = Client::connect(address, edge::NEW_YORK).await;
                loop {
                    if client
                        .send("GET", "/", &[("cookie", "sid=east-1")], "")
                        .await
                        .map_or(true, |answer| answer.status != 200)
                    {
                        client = Client::connect(address, edge::NEW_YORK).await;
                    }
                }
            })
        })
        .collect();
    load(Duration::from_millis(5));
    eventually("a limit that has grown", async || (town.metric(LIMIT).await? > 14.0).then_some(())).await;
    load(Duration::from_millis(200));
    eventually("a limit that has shrunk", async || (town.metric(LIMIT).await? < 8.0).then_some(())).await;
    clients.into_iter().for_each(|client| client.abort());
}

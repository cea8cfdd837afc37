//! Requests get home, and the app is told how.

use crate::support::{App, Block, Client, EdgeProcess, client, edge};
use std::net::{IpAddr, SocketAddr};

/// An edge in us-west with one app server in each region.
pub(crate) struct World {
    pub edge: EdgeProcess,
    pub east: App,
    pub central: App,
    pub west: App,
    pub block: Block,
}

impl World {
    pub(crate) async fn start(settings: &str, more: &str) -> Self {
        let block = Block::new();
        let at = |number| SocketAddr::new(block.address(number), 8080);
        let east = App::start("us-east", at(2)).await;
        let central = App::start("us-central", at(3)).await;
        let west = App::start("us-west", at(4)).await;
        let table = edge::table(&[east.address], &[central.address], &[west.address], more);
        let plan = edge::Plan { region: "us-west", settings: settings.to_owned(), table };
        let edge = EdgeProcess::start(&block, 1, &plan).await;
        Self { edge, east, central, west, block }
    }

    /// The table with other last sections.
    pub(crate) fn table(&self, more: &str) -> String {
        edge::table(&[self.east.address], &[self.central.address], &[self.west.address], more)
    }
}

fn from(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn visitors_without_a_session_go_where_their_place_points() {
    let world = World::start("", "").await;
    for (visitor, region) in [
        ("127.10.0.1", "us-east"),    // New York
        ("127.11.0.1", "us-west"),    // Los Angeles
        ("127.12.0.1", "us-central"), // Dallas
        ("127.20.0.1", "us-east"),    // Toronto: CA is Canada here, and no rule on US-CA touches it
        ("127.30.0.1", "us-east"),    // Frankfurt
        ("127.40.0.1", "us-west"),    // Tokyo, the nearest of all
        ("127.0.0.1", "us-west"),     // unknown: nearest to where it arrived
    ] {
        let answer = client::get(world.edge.address, from(visitor), "/", &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, region), "{visitor}");
    }
}

#[tokio::test]
async fn a_session_goes_home_from_wherever_it_arrives() {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for (cookie, region, session) in [
        ("sid=west-1", "us-west", "home"),
        ("a=b; sid=east-2; c=d", "us-east", "flopped"),
        ("sid=central-3", "us-central", "flopped"),
        ("sid=north-4", "us-east", "new"),
        ("sid=", "us-east", "new"),
    ] {
        let answer = visitor.get("/", &[("cookie", cookie)]).await;
        assert_eq!(answer.body, region, "{cookie}");
        let all = [world.east.seen(), world.central.seen(), world.west.seen()].concat();
        let seen = all.iter().filter(|seen| seen.header("cookie") == [cookie]).collect::<Vec<_>>();
        assert_eq!(seen.len(), 1, "{cookie}: exactly one server saw it");
        assert_eq!(seen[0].header("homeward-session"), [session], "{cookie}");
        assert_eq!(seen[0].header("homeward-region"), [region], "{cookie}");
    }
}

#[tokio::test]
async fn the_app_is_told_the_truth_and_no_client_can_forge_it() {
    let world = World::start("", "").await;
    let forged = [
        ("homeward-session", "home"),
        ("homeward-region", "moon"),
        ("Homeward-Anything", "x"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=192.0.2.1"),
        ("x-request-id", "chosen"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let answer = client::get(world.edge.address, from("127.11.0.9"), "/a?b=c", &forged).await;
    assert_eq!(answer.body, "us-west");
    let seen = world.west.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/a?b=c"));
    assert_eq!(seen.header("homeward-session"), ["new"]);
    assert_eq!(seen.header("homeward-region"), ["us-west"]);
    assert_eq!(seen.header("homeward-home"), ["us-west"]);
    assert_eq!(seen.header("homeward-reason"), ["SubdivisionIsInRule;rule=1"]);
    assert_eq!(seen.header("homeward-anything"), [""; 0]);
    assert_eq!(seen.header("x-forwarded-for"), ["127.11.0.9"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.header("x-forwarded-host"), ["portal.example.com"]);
    assert_eq!(seen.header("forwarded"), [""; 0]);
    assert_eq!(seen.header("via"), ["1.1 homeward"]);
    assert_eq!(seen.header("traceparent"), [forged[8].1], "trace context is passed on");
    let id = seen.header("x-request-id");
    assert_eq!((id.len(), id[0].len()), (1, 32), "an id of the edge's own: {id:?}");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let world = World::start("trusted_proxies: [127.0.0.1/32]\n", "").await;
    let said = [
        ("x-forwarded-for", "192.0.2.17"), // California, in the documentation's range
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "portal.example.org"),
        ("x-request-id", "kept-1"),
    ];
    let answer = client::get(world.edge.address, from("127.0.0.1"), "/", &said).await;
    assert_eq!(answer.body, "us-west");
    let seen = world.west.seen().pop().unwrap();
    assert_eq!(seen.header("x-forwarded-for"), ["192.0.2.17, 127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.header("x-forwarded-host"), ["portal.example.org"]);
    assert_eq!(seen.header("x-request-id"), ["kept-1"]);

    // The same words from somebody else are worth nothing.
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &said).await;
    assert_eq!(answer.body, "us-east");
}

#[tokio::test]
async fn what_an_app_tells_the_edge_does_not_reach_the_client() {
    let world = World::start("", "").await;
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/secret", &[]).await;
    assert_eq!(answer.header("x-app"), "kept");
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("homeward-")), "{:?}", answer.headers);
}

#[tokio::test]
async fn the_edge_answers_itself_where_nobody_else_can() {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await.host("unknown.example.com");
    let answer = visitor.get("/", &[("accept", "application/json")]).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("proxy-status"), "homeward; error=destination_not_found");
    assert_eq!(answer.header("content-type"), "application/json");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["request_id"], answer.header("x-request-id"));
    let again = visitor.get("/", &[("accept", "text/html")]).await;
    assert_eq!((again.status, again.header("content-type")), (404, "text/html; charset=utf-8"), "same connection");

    for (method, status) in [("TRACE", 405), ("CONNECT", 405)] {
        let mut other = Client::connect(world.edge.address, edge::NEW_YORK).await;
        let target = if method == "CONNECT" { "portal.example.com:443" } else { "/" };
        assert_eq!(other.send(method, target, &[], "").await.unwrap().status, status, "{method}");
    }
    assert_eq!([world.east.seen(), world.central.seen(), world.west.seen()].concat().len(), 0, "no app saw any of it");
}

#[tokio::test]
async fn a_request_leaves_a_line_and_counts() {
    let world = World::start("", "").await;
    let said = [("cookie", "sid=east-secret-key"), ("user-agent", "agent \"quoted\"")];
    client::get(world.edge.address, from("127.11.0.1"), "/a?b", &said).await;
    let line = crate::support::eventually("a line in the access log", async || world.edge.access_log().pop()).await;
    for (field, value) in [
        ("client", "127.11.0.1"),
        ("method", "GET"),
        ("host", "portal.example.com"),
        ("path", "/a?b"),
        ("service", "portal"),
        ("home", "us-east"),
        ("home_by", "session"),
        ("region", "us-east"),
        ("session", "flopped"),
        ("user_agent", "agent \"quoted\""),
        ("reasons", "SessionNamesRegion;region=us-east"),
    ] {
        assert_eq!(line[field], value, "{field} of {line}");
    }
    assert_eq!(line["status"], 200);
    assert_eq!(line["upstream"], world.east.address.to_string());
    assert!(!line.to_string().contains("secret-key"), "a session key is nobody's business: {line}");

    let metrics = world.edge.admin("/metrics").await.body;
    for wanted in [
        "homeward_requests_total{code=\"2xx\",home=\"us-east\",region=\"us-east\",service=\"portal\",session=\"flopped\"} 1",
        "homeward_flops_total{from=\"us-west\",service=\"portal\",to=\"us-east\"} 1",
        "homeward_session_keys_total{result=\"valid\"} 1",
        "homeward_upstream_healthy{region=\"us-west\",service=\"portal\"} 1",
    ] {
        assert!(metrics.contains(wanted), "{wanted}\nis not in\n{metrics}");
    }
}

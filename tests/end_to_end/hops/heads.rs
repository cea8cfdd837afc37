//! An app cannot tell a request that made a hop from one that did not.

use crate::support::app::Seen;
use crate::support::fleet::{BELIEVED, EAST, Fleet, Reach, WEST};
use crate::support::{client, edge};
use std::net::IpAddr;

/// What differs: how many edges it passed, and what becomes of the session, with the reasons.
const MAY_DIFFER: [&str; 4] = ["via", "cdn-loop", "homeward-session", "homeward-reason"];

fn comparable(seen: &Seen) -> Vec<(String, String)> {
    let mut lines: Vec<_> =
        seen.headers.iter().filter(|(name, _)| !MAY_DIFFER.contains(&name.as_str())).cloned().collect();
    lines.sort_by(|(a, _), (b, _)| a.cmp(b)); // stable: lines of one name stay in their order
    lines
}

/// The same request at its home's own edge and at another one: what the app saw of both.
async fn both(fleet: &Fleet, from: IpAddr, path: &str, headers: &[(&str, &str)]) -> [Seen; 2] {
    let mut seen = Vec::new();
    for region in [EAST, WEST] {
        let answer = client::get(fleet.edges[region].address, from, path, headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
        seen.push(fleet.apps[EAST].seen().pop().unwrap());
    }
    let [at_home, by_hop] = <[Seen; 2]>::try_from(seen).unwrap();
    assert_eq!((at_home.edges_passed(), by_hop.edges_passed()), (1, 2));
    assert_eq!(
        (at_home.header("homeward-session").concat(), by_hop.header("homeward-session").concat()),
        ("home".to_owned(), "flopped".to_owned())
    );
    [at_home, by_hop]
}

async fn heads_are_the_same(reach: Reach, version: &str) {
    let fleet = Fleet::start(reach).await;
    let path = "/cart/%C3%A4%2Fb?item=1&a=/../b&empty=#not";
    let path = path.split('#').next().unwrap();
    let said = [
        ("cookie", "theme=dark; sid=east-1; last=\"a b\""),
        ("x-forwarded-for", "203.0.113.7, 198.51.100.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "Portal.Example.com:443"),
        ("forwarded", "for=203.0.113.7;proto=https"),
        ("x-request-id", "Abc-1_2.3:4+5/6="),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("baggage", "userId=al%C3%ADce"),
        ("authorization", "Bearer abc.def"),
        ("accept", "text/html"),
        ("accept", "*/*;q=0.1"),
        ("x-twice", "one"),
        ("x-twice", "two,  three"),
        ("user-agent", "visitor/1.0 (  spaces  )"),
    ];
    let [at_home, by_hop] = both(&fleet, BELIEVED, path, &said).await;
    assert_eq!(comparable(&at_home), comparable(&by_hop));
    assert_eq!((&at_home.method, &at_home.target), (&by_hop.method, &by_hop.target));
    assert_eq!(by_hop.target, path);
    assert_eq!(by_hop.header("x-forwarded-for").join(", "), format!("203.0.113.7, 198.51.100.1, {BELIEVED}"));
    assert_eq!(by_hop.header("x-request-id"), ["Abc-1_2.3:4+5/6="]);
    let via = by_hop.header("via").join(", ");
    assert_eq!(via, format!("1.1 homeward, {version} homeward"));

    // Of one who is not believed: the address that it comes from, and an id that the first edge has made.
    let [at_home, by_hop] = both(&fleet, edge::NEW_YORK, "/", &said[..9]).await;
    let without_id =
        |seen: &Seen| -> Vec<_> { comparable(seen).into_iter().filter(|(name, _)| name != "x-request-id").collect() };
    assert_eq!(without_id(&at_home), without_id(&by_hop));
    assert_eq!(by_hop.header("x-forwarded-for"), [edge::NEW_YORK.to_string()]);
    assert_eq!(by_hop.header("x-forwarded-host"), ["portal.example.com"]);
    assert_eq!(by_hop.header("x-request-id").concat().len(), 32);
    assert!(by_hop.header("forwarded").is_empty());
    assert_eq!(by_hop.header("traceparent"), [said[6].1]);

    // The logs of both edges have the visitor, and the id.
    let id = by_hop.header("x-request-id").concat();
    for (region, way) in [(WEST, "edge"), (EAST, "local")] {
        let line = crate::support::eventually("the line", async || {
            fleet.edges[region].access_log().into_iter().find(|line| line["request_id"] == *id)
        })
        .await;
        assert_eq!((&line["client"], &line["way"]), (&edge::NEW_YORK.to_string().into(), &way.into()), "{line}");
        assert_eq!((&line["session"], &line["region"]), (&"flopped".into(), &"us-east".into()), "{line}");
    }
}

#[tokio::test]
async fn a_head_is_the_same_after_a_hop() {
    heads_are_the_same(Reach::Edge, "1.1").await;
}

#[tokio::test]
async fn a_head_is_the_same_after_a_hop_by_http2() {
    heads_are_the_same(Reach::Http2, "2.0").await;
}

#[tokio::test]
async fn bodies_pass_a_hop_by_http2_both_ways() {
    let fleet = Fleet::start(Reach::Http2).await;
    let mut visitor = client::Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
    let cookie = [("cookie", "sid=east-1")];
    for size in [0, 1, 70_000, 8 << 20] {
        let up = visitor.send("POST", "/count", &cookie, vec![b'x'; size]).await.unwrap();
        assert_eq!((up.status, up.body), (200, size.to_string()));
        let down = visitor.get(&format!("/size/{size}"), &cookie).await;
        assert_eq!((down.status, down.body.len()), (200, size));
    }
    assert!(fleet.apps[EAST].seen().iter().all(|seen| seen.header("via").join(", ") == "1.1 homeward, 2.0 homeward"));
}

//! What a client says in the words of edges: it never reaches an app, and never moves a session.

use crate::support::fleet::{EAST, Fleet, REGIONS, Reach, WEST};
use crate::support::{Client, client, edge};
use homeward::hop::{Bound, Claims, seal};
use homeward::live::clock;
use homeward::model::Keyring;

/// A token that some edge might have made, under `key`.
fn token(key: &str) -> String {
    let claims = Claims {
        from: "us-central".parse().unwrap(),
        to: "us-west".parse().unwrap(),
        home: "us-west".parse().unwrap(),
        by_session: true,
        replayed_from: None,
        client: "203.0.113.66".parse().unwrap(),
        at: clock::now(),
    };
    let lines: &[&[u8]] = &[b"203.0.113.66", b"https", b"evil.example", b"for=203.0.113.66", b"sid=east-1"];
    let bound = Bound {
        method: b"GET",
        host: b"portal.example.com",
        target: b"/",
        request_id: b"forged",
        reasons: b"Forged",
        lines,
    };
    seal(&claims, &bound, &key.parse::<Keyring>().unwrap())
}

/// What goes with a token of an edge.
const BESIDE: [(&str, &str); 6] = [
    ("homeward-hop-for", "203.0.113.66"),
    ("homeward-hop-proto", "https"),
    ("homeward-hop-host", "evil.example"),
    ("homeward-hop-forwarded", "for=203.0.113.66"),
    ("homeward-hop-id", "forged"),
    ("homeward-reason", "Forged"),
];

/// Each by itself, and what the others need beside it.
fn forgeries() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let foreign = token("3333333333333333333333333333333333333333333333333333333333333333");
    let beside = |token: String| -> Vec<(&'static str, String)> {
        let rest = BESIDE.into_iter().map(|(name, value)| (name, value.to_owned()));
        std::iter::once(("homeward-hop", token)).chain(rest).collect()
    };
    let one = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    let (claimed, signature) = foreign.rsplit_once(';').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    vec![
        ("an empty token", beside(String::new())),
        ("a word for a token", beside("true".to_owned())),
        ("a token under another key", beside(foreign.clone())),
        ("a token without its signature", beside(claimed.clone())),
        ("a signature alone", beside(signature.clone())),
        ("a signature of nothing", beside(format!("{claimed};{}", "A".repeat(43)))),
        ("a version that is none", beside(foreign.replacen("1;", "2;", 1))),
        ("a token to this region", beside(foreign.replace("us-west", "us-east"))),
        ("a token from nowhere", beside(foreign.replace("us-central", ""))),
        ("a long token", beside("x".repeat(3000))),
        ("many separators", beside(";".repeat(300))),
        ("two tokens", [beside(foreign.clone()), one("homeward-hop", &foreign)].concat()),
        ("a token with nothing beside it", one("homeward-hop", &foreign)),
        ("everything but a token", beside(String::new()).split_off(1)),
        ("two of what goes with it", [beside(foreign.clone()), one("homeward-hop-for", "127.0.0.1")].concat()),
        ("a region", one("homeward-region", "us-west")),
        ("a home", one("homeward-home", "us-west")),
        ("a session", one("homeward-session", "orphaned")),
        ("a reason", one("homeward-reason", "SessionNamesRegion;region=us-west")),
        ("a replay", one("homeward-replay", "region=us-west")),
        ("a replay that was", one("homeward-replayed-from", "us-west")),
        ("a replay that failed", one("homeward-replay-failed", "region=us-west")),
        ("a refusal", one("homeward-hop-refused", "cannot-serve")),
        ("a header that nobody knows yet", one("homeward-anything", "x")),
        ("capitals", one("Homeward-Home", "us-west")),
        ("an address", [one("x-forwarded-for", "203.0.113.66"), one("forwarded", "for=203.0.113.66")].concat()),
        ("an id", one("x-request-id", "forged")),
    ]
}

#[tokio::test]
async fn no_forgery_reaches_an_app_or_moves_a_session() {
    // By hops that may fall back: a client that claims to have passed an edge makes none, and gets home directly.
    let fleet = Fleet::start(Reach::EdgeOrPool).await;
    let forgeries = forgeries();
    assert!(forgeries.len() > 20);
    for (region, session) in [(EAST, "home"), (WEST, "flopped")] {
        for (what, forged) in &forgeries {
            for passed in [false, true] {
                let about = format!("{what}, at {}, passed an edge: {passed}", REGIONS[region]);
                let mut headers = vec![("cookie", "sid=east-1"), ("traceparent", "00-1-2-01")];
                headers.extend(forged.iter().map(|(name, value)| (*name, value.as_str())));
                headers.extend(passed.then_some(("cdn-loop", "homeward")));
                let answer = client::get(fleet.edges[region].address, edge::NEW_YORK, "/", &headers).await;
                assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "{about}");
                assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("homeward-")), "{about}: {answer:?}");
                let all = fleet.apps[EAST].take_seen();
                let [seen] = &all[..] else { panic!("{about}: {all:?}") };
                let own: Vec<_> = seen.headers.iter().filter(|(name, _)| name.starts_with("homeward-")).collect();
                assert_eq!(own.len(), 4, "{about}: {own:?}");
                for (name, value) in [("region", "us-east"), ("home", "us-east"), ("session", session)] {
                    assert_eq!(seen.header(&format!("homeward-{name}")), [value], "{about}");
                }
                let edges = if region == EAST || passed { 1 } else { 2 };
                let reason = match (passed, edges) {
                    (true, _) => "MayGoInCircles, SessionNamesRegion;region=us-east",
                    (false, 2) => "SessionNamesRegion;region=us-east, ArrivedByHop;from=us-west",
                    (false, _) => "SessionNamesRegion;region=us-east",
                };
                assert_eq!(seen.header("homeward-reason"), [reason], "{about}");
                assert_eq!(seen.header("x-forwarded-for"), [edge::NEW_YORK.to_string()], "{about}");
                assert_eq!(seen.header("x-forwarded-proto"), ["http"], "{about}");
                assert_eq!(seen.header("x-forwarded-host"), ["portal.example.com"], "{about}");
                assert!(seen.header("forwarded").is_empty(), "{about}");
                assert_ne!(seen.header("x-request-id"), ["forged"], "{about}");
                assert_eq!(seen.header("traceparent"), ["00-1-2-01"], "{about}");
                assert_eq!(seen.edges_passed(), edges, "{about}");
            }
        }
    }
    assert!(fleet.apps[WEST].seen().is_empty());
}

#[tokio::test]
async fn no_forgery_moves_a_visitor_without_a_session() {
    let fleet = Fleet::start(Reach::Edge).await;
    for (what, forged) in &forgeries() {
        let headers: Vec<_> = forged.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "{what}");
        let seen = fleet.apps[EAST].seen().pop().unwrap();
        assert_eq!(seen.header("homeward-session"), ["new"], "{what}");
        assert_eq!((seen.header("x-forwarded-for"), seen.edges_passed()), (vec!["127.10.0.1"], 2), "{what}");
    }
}

#[tokio::test]
async fn who_has_passed_edges_before_makes_no_hop_and_no_circle() {
    let fleet = Fleet::start(Reach::Edge).await;
    let mut visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
    for (passed, status, by) in [
        ("other.example", 200, "us-east"),
        // It may have come from an edge: it goes to no other one, and us-east has no other way.
        ("homeward", 200, "us-west"),
        ("HOMEWARD; v=1, homeward", 200, "us-west"),
        ("homeward, homeward, other.example, homeward", 508, ""),
    ] {
        let answer = visitor.get("/", &[("cookie", "sid=east-1"), ("cdn-loop", passed)]).await;
        let body = if status == 200 { answer.body.as_str() } else { "" };
        // Whoever stands in is nearest to us-east of those that can be reached.
        assert_eq!((answer.status, body), (status, by), "{passed}");
        if status != 200 {
            visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
        }
    }
}

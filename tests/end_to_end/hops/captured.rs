//! A token that was caught on its way is good for the request that it was made for, for a moment, at the edge that it was
//! made for; with anything else it is worth nothing.

use crate::support::app::Seen;
use crate::support::fleet::{CENTRAL, EAST, Fleet, KEY, OTHER_KEY, REGIONS, Reach, WEST, edge_addresses};
use crate::support::{App, client::Client, edge};
use homeward::hop::{Bound, Claims, seal};
use homeward::live::clock;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// From where it is tried again.
const THIEF: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 40, 6, 6));

type Headers = Vec<(String, String)>;

/// One more try: what it changes of the request that was caught, and where it goes.
struct Try {
    what: &'static str,
    change: Box<dyn Fn(&mut Request)>,
    /// Which edge, whether it believes, and whose app sees the request.
    expected: (usize, bool, usize),
}

#[derive(Clone)]
struct Request {
    method: String,
    host: String,
    target: String,
    headers: Headers,
}

impl Request {
    fn of(seen: Seen) -> Self {
        let Seen { method, target, mut headers } = seen;
        headers.retain(|(name, _)| !["host", "connection", "content-length"].contains(&name.as_str()));
        Self { method, host: "portal.example.com".to_owned(), target, headers }
    }

    fn value(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(n, _)| n != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// A token for this very request, by somebody who has `key`.
    fn sealed(&self, key: &str, change: impl Fn(&mut Claims)) -> String {
        let mut claims = Claims {
            from: "us-west".parse().unwrap(),
            to: "us-east".parse().unwrap(),
            home: "us-east".parse().unwrap(),
            by_session: true,
            replayed_from: None,
            client: edge::NEW_YORK,
            at: clock::now(),
        };
        change(&mut claims);
        let lines = [
            "homeward-hop-for",
            "homeward-hop-proto",
            "homeward-hop-host",
            "homeward-hop-forwarded",
            "cookie",
            "authorization",
        ];
        let mut lines = lines.map(|name| self.value(name).as_bytes()).to_vec();
        lines.insert(5, b"authorization"); // its name stands in front of a header that may hold a key
        let bound = Bound {
            method: self.method.as_bytes(),
            host: self.host.as_bytes(),
            target: self.target.as_bytes(),
            request_id: self.value("homeward-hop-id").as_bytes(),
            reasons: self.value("homeward-reason").as_bytes(),
            lines: &lines,
        };
        seal(&claims, &bound, &key.parse().unwrap())
    }
}

fn tries() -> Vec<Try> {
    let to = |what, expected, change: Box<dyn Fn(&mut Request)>| Try { what, change, expected };
    let set = |name: &'static str, value: &'static str| -> Box<dyn Fn(&mut Request)> {
        Box::new(move |request| request.set(name, value))
    };
    let (yes, no) = ((EAST, true, EAST), (EAST, false, EAST));
    let sealed = |key: &'static str, change: fn(&mut Claims)| -> Box<dyn Fn(&mut Request)> {
        Box::new(move |request| {
            let token = request.sealed(key, change);
            request.set("homeward-hop", &token);
        })
    };
    vec![
        to("as it was", yes, Box::new(|_| {})),
        to("as it was, once more", yes, Box::new(|_| {})),
        to("with an address that the token goes before", yes, set("x-forwarded-for", "203.0.113.66")),
        to("with an id that the token goes before", yes, set("x-request-id", "other")),
        to("with another method", no, Box::new(|request| request.method = "POST".to_owned())),
        to("with another path", no, Box::new(|request| request.target = "/admin?item=1".to_owned())),
        to("with another query", no, Box::new(|request| request.target = "/cart?item=2".to_owned())),
        to("with another host", no, Box::new(|request| request.host = "portal.example.com:80".to_owned())),
        to("with another session", no, set("cookie", "sid=east-2")),
        to("with the session of another region", (EAST, false, WEST), set("cookie", "sid=west-1")),
        to("with one more cookie", no, Box::new(|request| request.headers.push(("cookie".into(), "a=b".into())))),
        to("without a session", (EAST, false, WEST), Box::new(|r| r.headers.retain(|(name, _)| name != "cookie"))),
        to("for another visitor", no, set("homeward-hop-for", "203.0.113.66")),
        to("by another protocol", no, set("homeward-hop-proto", "https")),
        to("to another host", no, set("homeward-hop-host", "evil.example")),
        to("as forwarded for another", no, set("homeward-hop-forwarded", "for=203.0.113.66")),
        to("with a Forwarded that the token goes before", yes, set("forwarded", "for=203.0.113.66")),
        to("under another id", no, set("homeward-hop-id", "0")),
        to("with an id in a way that no edge writes", no, set("homeward-hop-id", "<script>")),
        to("with other reasons", no, set("homeward-reason", "SessionKeyIsMalformed")),
        to("without reasons", no, Box::new(|r| r.headers.retain(|(name, _)| name != "homeward-reason"))),
        to("with another bearer token", no, set("authorization", "Bearer other")),
        to("without its bearer token", no, Box::new(|r| r.headers.retain(|(name, _)| name != "authorization"))),
        to(
            "with the token twice",
            no,
            Box::new(|request| {
                let token = request.value("homeward-hop").to_owned();
                request.headers.push(("homeward-hop".into(), token));
            }),
        ),
        to(
            "with a part of the token",
            no,
            Box::new(|request| {
                let token = request.value("homeward-hop").to_owned();
                request.set("homeward-hop", &token[..token.len() - 1]);
            }),
        ),
        to(
            "with another address in the token",
            no,
            Box::new(|request| {
                let token = request.value("homeward-hop").replace("127.10.0.1", "203.0.113.66");
                request.set("homeward-hop", &token);
            }),
        ),
        to("at the edge of another region", (CENTRAL, false, EAST), Box::new(|_| {})),
        to("at the edge that made it", (WEST, false, EAST), Box::new(|_| {})),
        to("made anew by one who has the key", yes, sealed(KEY, |_| {})),
        to(
            "made anew, as forwarded for another",
            yes,
            Box::new(|request| {
                request.set("homeward-hop-forwarded", "for=203.0.113.66");
                let token = request.sealed(KEY, |_| {});
                request.set("homeward-hop", &token);
            }),
        ),
        to("made half a minute ago", no, sealed(KEY, |c| c.at -= Duration::from_secs(32))),
        to("made an hour ago", no, sealed(KEY, |c| c.at -= Duration::from_secs(3600))),
        to("made in half a minute", no, sealed(KEY, |c| c.at += Duration::from_secs(33))),
        to("made with another key", no, sealed(OTHER_KEY, |_| {})),
        to("made for another region", no, sealed(KEY, |c| c.to = "us-central".parse().unwrap())),
        to("made by the region itself", no, sealed(KEY, |c| c.from = "us-east".parse().unwrap())),
    ]
}

/// What us-west hands to the edge of us-east, caught by a server that stands in for that.
async fn caught(fleet: &Fleet) -> Request {
    let standing_in = App::start("caught", SocketAddr::new(fleet.block.address(20), 8080)).await;
    let [east, ..] = edge_addresses(&fleet.block);
    let table = fleet
        .table([Reach::EdgeOrPool; 3])
        .replace(&format!("http://{east}"), &format!("http://{}", standing_in.address));
    fleet.edges[WEST].adopt(&table).await;
    let mut visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
    let said = [("cookie", "sid=east-1"), ("authorization", "Bearer abc"), ("x-more", "kept")];
    assert_eq!(visitor.get("/cart?item=1", &said).await.body, "caught");
    let request = Request::of(standing_in.seen().pop().unwrap());
    fleet.edges[WEST].adopt(&fleet.table([Reach::EdgeOrPool; 3])).await;
    request
}

#[tokio::test]
async fn a_captured_token_is_good_for_nothing_else() {
    let fleet = Fleet::start(Reach::EdgeOrPool).await;
    let caught = caught(&fleet).await;
    assert!(
        caught.value("homeward-hop").starts_with("1;us-west;us-east;us-east;session;;127.10.0.1;"),
        "{:?}",
        caught.headers
    );
    let tries = tries();
    assert!(tries.len() > 30);
    for Try { what, change, expected: (at, believed, served_by) } in tries {
        let mut request = caught.clone();
        change(&mut request);
        let mut thief = Client::connect(fleet.edges[at].address, THIEF).await.host(&request.host);
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = thief.send(&request.method, &request.target, &headers, "").await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, REGIONS[served_by]), "{what}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("homeward-")), "{what}: {answer:?}");
        let all: Vec<_> = fleet.apps.iter().flat_map(App::take_seen).collect();
        let [seen] = &all[..] else { panic!("{what}: {all:?}") };
        assert!(!seen.headers.iter().any(|(name, _)| name.starts_with("homeward-hop")), "{what}: {seen:?}");
        for name in ["region", "home", "session", "reason"] {
            assert_eq!(seen.header(&format!("homeward-{name}")).len(), 1, "{what}");
        }
        assert_eq!(seen.header("homeward-region"), [REGIONS[served_by]], "{what}");
        assert_eq!(seen.header("homeward-home"), [REGIONS[served_by]], "{what}");
        let visitor = if believed { edge::NEW_YORK } else { THIEF };
        assert_eq!(seen.header("x-forwarded-for"), [visitor.to_string()], "{what}");
        let forwarded = Some(request.value("homeward-hop-forwarded")).filter(|said| believed && !said.is_empty());
        assert_eq!(seen.header("forwarded"), forwarded.as_slice(), "{what}");
        let id = caught.value("homeward-hop-id");
        assert_eq!(seen.header("x-request-id") == [id], believed, "{what}");
        let arrived_elsewhere = believed || at != served_by;
        let session = match request.value("cookie") {
            "" => "new",
            _ if arrived_elsewhere => "flopped",
            _ => "home",
        };
        assert_eq!(seen.header("homeward-session"), [session], "{what}");
        // It has passed us-west, as it says itself, and the edge that it was tried at, and no other one.
        assert_eq!(seen.edges_passed(), 2, "{what}");
    }
}

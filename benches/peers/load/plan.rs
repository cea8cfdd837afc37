//! What the load is to do, and what comes of it. Pure.

use crate::countries;
use crate::histogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, known to be understood.
    Http2,
    /// Messages that are sent back.
    WebSocket,
}

/// Which home the requests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Homes {
    /// None: whoever answers is right.
    Any,
    /// Three of four requests have a session, at a region by turns; the fourth one's visitor's country decides. So many regions.
    Mixed(usize),
    /// All have a session of this region.
    One(usize),
}

/// The load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The proxy.
    pub target: SocketAddr,
    /// What is spoken to it.
    pub protocol: Protocol,
    /// The certificate that it must show; without one, no TLS.
    pub certificate: Option<PathBuf>,
    /// How many connections.
    pub connections: usize,
    /// How many requests at once on each; more than one with HTTP/2 only.
    pub streams: usize,
    /// Whether each request has a connection of its own.
    pub reconnects: bool,
    /// Requests a second; `None` for the next one as soon as the last one is answered.
    pub pace: Option<f64>,
    /// Whose requests they are.
    pub homes: Homes,
    /// Bytes of the answers' bodies.
    pub download: usize,
    /// Bytes of the requests' bodies.
    pub upload: usize,
    /// Seconds before it is measured.
    pub warm_up: f64,
    /// Seconds in which it is measured.
    pub window: f64,
    /// The processes whose time is measured.
    pub watched: Vec<u32>,
    /// Seconds of each slice that is looked at by itself; `None` where the window is.
    pub slice: Option<f64>,
    /// Whether it stops after an answer on each connection, and holds them until its input ends.
    pub holds: bool,
}

/// What came of it within the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Right answers.
    pub answers: u64,
    /// What went wrong, by kind.
    pub failures: BTreeMap<String, u64>,
    /// Seconds that the window took.
    pub seconds: f64,
    /// Nanoseconds on a core of the processes that were watched.
    pub busy: u64,
    /// Nanoseconds from when a request was due to its whole answer.
    pub times: Histogram,
    /// The same for each slice of the window.
    pub slices: Vec<Histogram>,
    /// Nanoseconds on a core of the load itself.
    pub own: u64,
}

impl Outcome {
    /// How many went wrong.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// The session's cookie, and the host of the app.
pub const COOKIE: &str = "sid";
pub const HOST: &str = "portal.example.com";

/// A request, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Its session.
    pub session: Option<String>,
    /// The region that must serve it; `None` where any may.
    pub region: Option<usize>,
}

/// The requests of a connection, which it sends in turn.
pub fn requests(connection: usize, homes: Homes) -> Vec<Prepared> {
    let session = |region: usize, turn: usize| {
        // As long as a random key of 128 bits.
        let key = (connection as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
        format!("{}-{:032x}", countries::prefix(region), key.wrapping_add(turn as u128))
    };
    let home = countries::home(countries::country(connection), 1);
    match homes {
        Homes::Any => vec![Prepared { session: Some(session(home, 0)), region: None }],
        Homes::One(region) => {
            let of_turn = |turn| Prepared { session: Some(session(region, turn)), region: Some(region) };
            (0..4).map(of_turn).collect()
        }
        Homes::Mixed(regions) => (0..4)
            .map(|turn| {
                let of_session = turn % 4 != 3;
                // Each connection goes on where the one before it ends, so that all regions have their turn.
                let chosen = (connection * 3 + turn) % regions.max(1);
                let home = countries::home(countries::country(connection), regions);
                let region = if of_session { chosen } else { home };
                Prepared { session: of_session.then(|| session(region, turn)), region: Some(region) }
            })
            .collect(),
    }
}

/// What is asked for to get so many bytes.
pub fn path(download: usize) -> String {
    format!("/account/{download}")
}

/// What browsers send beside the host and the cookie.
pub const HEADERS: [(&str, &str); 3] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
];

/// The value of the `Cookie` header: the session's comes behind another.
pub fn cookies(request: &Prepared) -> String {
    match &request.session {
        Some(session) => format!("theme=dark; {COOKIE}={session}"),
        None => "theme=dark".into(),
    }
}

/// The head of a request of HTTP/1.1.
pub fn head(request: &Prepared, plan: &Plan) -> String {
    let method = if plan.upload > 0 { "POST" } else { "GET" };
    let mut head = format!("{method} {} HTTP/1.1\r\nHost: {HOST}\r\n", path(plan.download));
    HEADERS.iter().for_each(|(name, value)| write!(head, "{name}: {value}\r\n").unwrap());
    write!(head, "cookie: {}\r\n", cookies(request)).unwrap();
    match plan.protocol {
        Protocol::WebSocket => head.push_str(
            "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
        _ if plan.reconnects => head.push_str("connection: close\r\n"),
        _ => {}
    }
    if plan.upload > 0 {
        write!(head, "content-length: {}\r\n", plan.upload).unwrap();
    }
    head + "\r\n"
}

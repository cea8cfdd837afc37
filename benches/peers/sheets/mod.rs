//! What is measured: each sheet a table of its own.

use crate::load::plan::{Homes, Plan, Protocol};
use crate::proxies::{HOP, Reload, Scene};
use crate::table::count;

/// How a sheet is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The next request as soon as the last one is answered.
    Closed,
    /// At a constant rate, answered or not.
    Paced(&'static [Pace]),
    /// How much memory connections take.
    Memory,
    /// A new table meanwhile.
    Reload,
    /// How many instructions a request takes, where they can be counted.
    Instructions,
}

/// A constant rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A share of what each proxy can do, in percent.
    Share(u32),
    /// The same for all: requests a second.
    Rate(u32),
}

/// A sheet.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Its name in arguments.
    pub name: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// How.
    pub way: Way,
    /// What is measured, one after the other.
    pub points: Vec<Point>,
    /// How often, and how long each time, in seconds.
    pub rounds: usize,
    /// Seconds.
    pub seconds: f64,
}

impl Sheet {
    /// Whether it is run only where it is named.
    pub fn is_extra(&self) -> bool {
        self.way == Way::Instructions
    }

    /// Whether its rows need the names of their points.
    pub fn has_names(&self) -> bool {
        self.points.len() > 1 || matches!(self.way, Way::Paced(_))
    }
}

/// One thing that is measured.
#[derive(Debug, Clone)]
pub struct Point {
    /// What it is called in the table.
    pub label: String,
    /// The job.
    pub scene: Scene,
    /// The load; its target is filled in, and its window is as long as the sheet says, or longer where it says so itself.
    pub plan: Plan,
}

/// 64 connections, 1 KiB down.
fn plan(homes: Homes) -> Plan {
    Plan {
        target: ([127, 0, 0, 1], 0).into(),
        protocol: Protocol::Http1,
        certificate: None,
        connections: 64,
        streams: 1,
        reconnects: false,
        pace: None,
        homes,
        download: 1024,
        upload: 0,
        warm_up: 0.4,
        window: 0.0,
        watched: Vec::new(),
        slice: None,
        holds: false,
    }
}

fn plain() -> Plan {
    plan(Homes::Any)
}

fn whole() -> Plan {
    plan(Homes::Mixed(3))
}

fn point(label: impl Into<String>, scene: Scene, plan: Plan) -> Point {
    Point { label: label.into(), scene, plan }
}

fn sheet(name: &'static str, about: &'static str, points: Vec<Point>) -> Sheet {
    Sheet { name, about, way: Way::Closed, points, rounds: 7, seconds: 1.5 }
}

/// All of them, in the order of the page, with at most so many connections. Where it is quick, numbers are small.
pub fn all(is_quick: bool, most: usize) -> Vec<Sheet> {
    let long = |sheet: Sheet| Sheet { seconds: 3.0, ..sheet };
    let mut sheets = vec![
        long(sheet(
            "plain",
            "plain forwarding: HTTP/1.1, 64 connections, 1 KiB",
            vec![point("plain", Scene::plain(), plain())],
        )),
        long(sheet(
            "whole",
            "the whole job: the session's prefix, else the country of the client's address, finds one of three regions",
            vec![point("whole", Scene::whole(), whole())],
        )),
        long(sheet(
            "logs",
            "the same with access logs and metrics",
            vec![point("whole, logs", Scene { logs: true, ..Scene::whole() }, whole())],
        )),
        Sheet {
            way: Way::Paced(&[Pace::Share(50), Pace::Share(80), Pace::Rate(8000)]),
            ..long(sheet(
                "latency",
                "the whole job at constant rates, half and four fifths of what each proxy can do and one that all can: times from when a request was due",
                vec![point("whole", Scene::whole(), whole())],
            ))
        },
        sheet("sizes", "plain forwarding of bodies of other sizes, down and up", sizes(is_quick)),
        sheet("connections", "the whole job over other numbers of connections", connections(is_quick, most)),
        sheet(
            "new",
            "the whole job, a new connection for each request",
            vec![point("new connections", Scene::whole(), Plan { reconnects: true, ..whole() })],
        ),
        sheet("tls", "the whole job, TLS 1.3 on connections that are kept, and anew for each request", tls()),
        sheet("http2", "the whole job over HTTP/2: 8 connections, 8 requests at once on each", http2()),
        sheet(
            "websocket",
            "messages of 1 KiB over WebSockets, there and back",
            vec![point(
                "messages",
                Scene { websocket: true, ..Scene::plain() },
                Plan { protocol: Protocol::WebSocket, ..plain() },
            )],
        ),
        sheet("rules", "the whole job with more home rules on networks, which meet nobody", rules(is_quick)),
        sheet("regions", "the whole job with other numbers of regions", regions()),
        sheet(
            "hop",
            "the whole job through two proxies, both on the one core, as from one region's edge to another's",
            vec![point("hop", Scene { hop: true, ..Scene::whole() }, plan(Homes::One(HOP)))],
        ),
        Sheet {
            way: Way::Memory,
            rounds: 1,
            ..sheet(
                "memory",
                "memory without a connection, and for connections that are kept and have had an answer each",
                vec![
                    point("plain", Scene::whole(), Plan { connections: if is_quick { 200 } else { 4000 }, ..whole() }),
                    point(
                        "TLS 1.3",
                        Scene { tls: true, ..Scene::whole() },
                        Plan { connections: if is_quick { 200 } else { 4000 }, ..whole() },
                    ),
                ],
            )
        },
        Sheet {
            way: Way::Reload,
            ..sheet(
                "reload",
                "a new table, mostly of 100,000 rules, under full load: times before and meanwhile",
                [
                    ("a region is drained", Reload::Drain, 100_000),
                    ("one of 100,000 rules changes", Reload::Rule, 100_000),
                    ("100,000 rules change", Reload::Rules, 100_000),
                    ("one of 10 rules changes", Reload::Rule, 10),
                ]
                .map(|(label, reload, rules)| {
                    let rules = if is_quick { rules.min(1000) } else { rules };
                    point(label, Scene { rules, reload: Some(reload), ..Scene::whole() }, whole())
                })
                .into(),
            )
        },
        Sheet {
            way: Way::Instructions,
            rounds: 1,
            ..long(sheet(
                "instructions",
                "instructions of the proxy itself for a request, counted by callgrind; only where it is asked for",
                vec![
                    point("plain", Scene::plain(), Plan { connections: 8, ..plain() }),
                    point("whole", Scene::whole(), Plan { connections: 8, ..whole() }),
                ],
            ))
        },
    ];
    if is_quick {
        sheets.iter_mut().for_each(|sheet| {
            sheet.rounds = sheet.rounds.min(2);
            sheet.seconds = 0.5;
        });
    }
    sheets
}

fn sizes(is_quick: bool) -> Vec<Point> {
    let largest = if is_quick { (1, "1 MiB") } else { (10, "10 MiB") };
    let sizes = [(0, "0 B", 64), (1024, "1 KiB", 64), (100 << 10, "100 KiB", 64), (largest.0 << 20, largest.1, 8)];
    let down = sizes.map(|(download, label, connections)| {
        point(format!("{label} down"), Scene::plain(), Plan { download, connections, ..plain() })
    });
    // There is no upload of nothing.
    let up = sizes[1..].iter().map(|(upload, label, connections)| {
        let plan = Plan { upload: *upload, download: 0, connections: *connections, ..plain() };
        point(format!("{label} up"), Scene::plain(), plan)
    });
    down.into_iter().chain(up).collect()
}

fn connections(is_quick: bool, most: usize) -> Vec<Point> {
    let numbers = if is_quick { [1, 64, 200, 500] } else { [1, 64, 1000, most.min(10_000)] };
    let of = |connections: usize| {
        // All of them are to have their turn, before it is measured and then.
        let (warm_up, window) = match connections {
            0..1000 => (0.4, 0.0),
            1000..5000 => (1.0, 2.0),
            _ => (2.0, 4.0),
        };
        point(count(connections), Scene::whole(), Plan { connections, warm_up, window, ..whole() })
    };
    numbers.map(of).to_vec()
}

fn tls() -> Vec<Point> {
    let scene = Scene { tls: true, ..Scene::whole() };
    vec![point("kept", scene.clone(), whole()), point("a handshake each", scene, Plan { reconnects: true, ..whole() })]
}

fn http2() -> Vec<Point> {
    let plan = Plan { protocol: Protocol::Http2, connections: 8, streams: 8, ..whole() };
    let scene = Scene { http2: true, ..Scene::whole() };
    vec![
        point("HTTP/2 to HTTP/1.1", scene.clone(), plan.clone()),
        point("HTTP/2 to HTTP/2", Scene { http2_servers: true, ..scene.clone() }, plan.clone()),
        point("HTTP/2 over TLS 1.3 to HTTP/1.1", Scene { http2: true, tls: true, ..Scene::whole() }, plan),
    ]
}

fn rules(is_quick: bool) -> Vec<Point> {
    let most = if is_quick { 2000 } else { 100_000 };
    let of = |rules: usize| point(format!("{} rules", count(rules)), Scene { rules, ..Scene::whole() }, whole());
    [10, 1000, most].into_iter().map(of).collect()
}

fn regions() -> Vec<Point> {
    let of = |regions: usize| {
        point(format!("{regions} regions"), Scene { regions, ..Scene::whole() }, plan(Homes::Mixed(regions)))
    };
    [2, 20, 200].map(of).to_vec()
}

//! What visitors notice of a new table: times before it and while it comes, at full load.

use super::left_out;
use crate::countries::PROBE;
use crate::histogram::Histogram;
use crate::load::answer;
use crate::load::plan::{HOST, Plan, path};
use crate::proxies::{Kind, Proxy, Scene};
use crate::results::{Figures, Found, Row};
use crate::sheets::{Point, Sheet};
use crate::stage::Stage;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Seconds of full load before the table is written, and for it to go live.
const BEFORE: f64 = 2.0;
const PATIENCE: f64 = 5.0;

/// How often the visitor asks whose home changes.
const ASKS_EVERY: Duration = Duration::from_millis(20);

/// Seconds that are looked at one by one.
const SLICE: f64 = 0.05;

pub fn row(sheet: &Sheet, point: &Point, kind: &Kind, stage: &Stage, found: &mut Found) -> Option<Row> {
    let mut row = Row { point: point.label.clone(), proxy: kind.name().to_owned(), rounds: Vec::new() };
    let proxy = match Proxy::start(kind, &point.scene, &stage.ground, stage.cores[0]) {
        Ok(proxy) => proxy,
        Err(why) => {
            left_out(found, kind, point, &why);
            return None;
        }
    };
    let mut scene = point.scene.clone();
    for _ in 0..sheet.rounds {
        scene.is_new = !scene.is_new;
        match measure(point, &scene, &proxy, stage) {
            Ok(figures) => row.rounds.push(figures),
            Err(why) => left_out(found, kind, point, &why),
        }
    }
    Some(row)
}

fn measure(point: &Point, scene: &Scene, proxy: &Proxy, stage: &Stage) -> Result<Figures, String> {
    let plan = Plan { slice: Some(SLICE), ..stage.plan(point, proxy, BEFORE + PATIENCE) };
    // The files are made before it is measured: only their change counts.
    let change = proxy.prepare(scene, &stage.ground)?;
    let mut load = stage.load(&plan);
    if !load.says("measuring") {
        return Err("the load has ended".into());
    }
    let began = Instant::now();
    // It asks from the beginning on: what its connections cost is no difference between before and meanwhile.
    while began.elapsed().as_secs_f64() < BEFORE {
        let _ = served_by(proxy.address);
        std::thread::sleep(ASKS_EVERY);
    }
    let from = began.elapsed().as_secs_f64();
    change.carry_out()?;
    let wanted = scene.probe_region();
    while served_by(proxy.address) != Some(wanted) {
        if began.elapsed().as_secs_f64() > BEFORE + PATIENCE {
            let _ = load.outcome();
            return Err(format!("the table was not live after {PATIENCE} s"));
        }
        std::thread::sleep(ASKS_EVERY);
    }
    let until = began.elapsed().as_secs_f64();
    let outcome = load.outcome()?;
    let of = |from: f64, until: f64| {
        let mut all = Histogram::default();
        let slices = outcome.slices.iter().skip((from / SLICE) as usize);
        slices.take((((until - from) / SLICE).ceil() as usize).max(1)).for_each(|slice| all.merge(slice));
        all
    };
    let (before, during) = (of(SLICE, from - SLICE), of(from, until + SLICE));
    let time = |histogram: &Histogram, share: f64| histogram.at(share) as f64 / 1e3;
    let figures = [
        ("ratio", time(&during, 0.99) / time(&before, 0.99)),
        ("before", time(&before, 0.99)),
        ("during", time(&during, 0.99)),
        ("longest", time(&during, 1.0) / 1e3),
        ("took", (until - from) * 1e3),
        ("failed", outcome.failed() as f64),
    ];
    Ok(figures
        .into_iter()
        .filter(|(_, value)| value.is_finite())
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

/// The region that serves a visitor whose home the new table changes.
fn served_by(proxy: SocketAddr) -> Option<usize> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.cloexec(), None).ok()?;
    socket.bind(&SockAddr::from(SocketAddr::from((PROBE, 0)))).ok()?;
    socket.connect_timeout(&proxy.into(), Duration::from_secs(1)).ok()?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let request = format!("GET {} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n", path(0));
    stream.write_all(request.as_bytes()).ok()?;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    answer::read(&said).ok()??.region
}

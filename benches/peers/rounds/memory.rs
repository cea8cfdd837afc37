//! How much memory a proxy takes: without a connection, and with many that are kept.

use super::left_out;
use crate::load::plan::Plan;
use crate::machine;
use crate::proxies::{Kind, Proxy};
use crate::results::{Figures, Found, Row};
use crate::sheets::Point;
use crate::stage::Stage;
use std::time::Duration;

/// How long a proxy has to come to rest.
const REST: Duration = Duration::from_millis(500);

const MIB: f64 = 1_048_576.0;

pub fn row(point: &Point, kind: &Kind, stage: &Stage, found: &mut Found) -> Option<Row> {
    match measure(point, kind, stage) {
        Ok(figures) => Some(Row { point: point.label.clone(), proxy: kind.name().to_owned(), rounds: vec![figures] }),
        Err(why) => {
            left_out(found, kind, point, &why);
            None
        }
    }
}

fn measure(point: &Point, kind: &Kind, stage: &Stage) -> Result<Figures, String> {
    let proxy = Proxy::start(kind, &point.scene, &stage.ground, stage.cores[0])?;
    std::thread::sleep(REST);
    let (idle, idle_own) = machine::memory(&proxy.processes());
    // It ends when all connections are held, or without them.
    let plan = Plan { holds: true, ..stage.plan(point, &proxy, 60.0) };
    let connections = plan.connections as f64;
    let mut load = stage.load(&plan);
    if !load.says("held") {
        return Err("not all connections had an answer".into());
    }
    std::thread::sleep(REST);
    let (held, _) = machine::memory(&proxy.processes());
    load.go_on();
    load.outcome()?;
    let figures = [
        ("connection", held.saturating_sub(idle) as f64 / connections * 1000.0 / MIB),
        ("idle", idle as f64 / MIB),
        ("idle_own", idle_own as f64 / MIB),
        ("held", connections),
    ];
    Ok(figures.map(|(name, value)| (name.to_owned(), value)).into())
}

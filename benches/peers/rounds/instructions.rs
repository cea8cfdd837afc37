//! Instructions that a proxy itself takes for a request, counted by Valgrind's callgrind: the same on a busy machine as on a quiet one. What
//! the kernel does for it is not in them.

use super::left_out;
use crate::proxies::{Kind, Proxy};
use crate::results::{Figures, Found, Row};
use crate::sheets::{Point, Sheet};
use crate::stage::Stage;
use std::process::{Command, Stdio};

/// Counting is off until it is said.
const VALGRIND: [&str; 5] = [
    "valgrind",
    "--tool=callgrind",
    "--trace-children=yes",
    "--instr-atstart=no",
    "--callgrind-out-file=callgrind.out.%p",
];

/// Seconds of load before it counts.
const WARM_UP: f64 = 1.0;

pub fn row(sheet: &Sheet, point: &Point, kind: &Kind, stage: &Stage, found: &mut Found) -> Option<Row> {
    let mut row = Row { point: point.label.clone(), proxy: kind.name().to_owned(), rounds: Vec::new() };
    match measure(sheet, point, kind, stage) {
        Ok(figures) => row.rounds.push(figures),
        Err(why) => {
            left_out(found, kind, point, &why);
            return None;
        }
    }
    Some(row)
}

fn measure(sheet: &Sheet, point: &Point, kind: &Kind, stage: &Stage) -> Result<Figures, String> {
    let mut proxy = Proxy::start_under(&VALGRIND, kind, &point.scene, &stage.ground, stage.cores[0])?;
    let mut plan = stage.plan(point, &proxy, WARM_UP);
    stage.measure(&plan)?;
    let processes = proxy.processes();
    count(&processes, true)?;
    // From its first request to its last one, but for those that are under way when it ends.
    (plan.warm_up, plan.window) = (0.0, sheet.seconds);
    let outcome = stage.measure(&plan);
    count(&processes, false)?;
    let outcome = outcome?;
    let said = proxy.end();
    let counted: Vec<f64> = said.lines().filter_map(collected).collect();
    if counted.is_empty() || outcome.answers == 0 {
        return Err(format!("nothing was counted:\n{said}"));
    }
    let each = counted.iter().sum::<f64>() / outcome.answers as f64 / 1e3;
    Ok([("instructions".to_owned(), each), ("failed".to_owned(), outcome.failed() as f64)].into())
}

/// The number in a line such as `==12== Collected : 345`.
fn collected(line: &str) -> Option<f64> {
    line.split_once("Collected : ")?.1.trim().parse().ok()
}

fn count(processes: &[u32], counts: bool) -> Result<(), String> {
    for process in processes {
        let mut command = Command::new("timeout");
        command.args(["5", "callgrind_control", "-i", if counts { "on" } else { "off" }, &process.to_string()]);
        let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        // Counting some of them only would tell less than nothing.
        if !ended.is_ok_and(|status| status.success()) {
            return Err("callgrind_control is missing or does not reach it".into());
        }
    }
    Ok(())
}

//! A whole region goes wrong at once, in one way or another, and is well again half a minute later.

mod strike;

use super::{Running, Scenario};
use crate::behaviour::{Answering, Behaviour};
use crate::load::Mix;
use crate::table::Service;
use strike::strike;

/// The region that is struck.
const STRUCK: u8 = 0;

const MIX: Mix = Mix { rate: 500.0, homes: [3, 1, 1], sessions: 0.7, sessions_each: 1000, posts: 0.2 };

const USUAL: Behaviour = Behaviour { answering: Answering::Normal, time: 5, workers: 0, queue: 100_000, load: 0 };

/// What happens to all servers of the region.
#[derive(Debug, Clone, Copy)]
enum Strike {
    Killed,
    Behaves(Behaviour),
    /// Killed and started again, by turns of so many seconds.
    Flaps(f64),
}

/// What is asked of an edge.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// The part of all requests that succeeds, in percent.
    success: f64,
    /// The same, for those that come when it has had some seconds to find out.
    success_later: f64,
    found_out: f64,
    /// How many requests that may be sent twice fail; where servers die, none may in any case.
    gets: f64,
    /// How often a session is served by another region than before.
    changes: f64,
    /// After how many seconds an operator is told.
    told: f64,
}

const BOUNDS: Bounds = Bounds {
    success: 0.0,
    success_later: 99.0,
    found_out: 10.0,
    gets: f64::INFINITY,
    changes: 4.0,
    told: f64::INFINITY,
};

/// Where servers look well from outside, operators are told, and an edge that may do so drains the region.
const TOLD: Bounds = Bounds { found_out: 25.0, told: 10.0, ..BOUNDS };

/// What happens, and what the edge is told to do about it.
#[derive(Debug, Clone, Copy)]
struct Case {
    strike: Strike,
    seconds: f64,
    bounds: Bounds,
    service: fn(Service) -> Service,
}

const PLAIN: Case = Case { strike: Strike::Killed, seconds: 30.0, bounds: BOUNDS, service: |service| service };

const fn answering(answering: Answering) -> Strike {
    Strike::Behaves(Behaviour { answering, ..USUAL })
}

/// The edge logs in to each server every 3 s.
fn with_deep_probe(service: Service) -> Service {
    let steps = "[{method: POST, path: /login, body: name=probe, contains: Welcome back}]";
    service.with("health", &format!("{{path: /healthz, interval: 1s, deep: {{interval: 3s, steps: {steps}}}}}"))
}

/// The edge drains a region by itself that has stood out for 5 s.
fn with_drains_of_its_own(service: Service) -> Service {
    service.with_setting("auto_drain", "{after: 5s, for: 1m, sessions: move}")
}

macro_rules! strike {
    ($name:literal, $about:literal, $case:expr) => {
        Scenario {
            name: $name,
            about: $about,
            seeds_of_others: 1,
            run: |run| -> Running<'_> { Box::pin(strike(run, $case)) },
            ..super::PLAIN
        }
    };
}

pub(super) const KILLED: Scenario = strike!(
    "region_killed",
    "all servers of a region are killed by SIGKILL; 30 s later they are started again",
    Case { bounds: Bounds { success_later: 100.0, ..BOUNDS }, ..PLAIN }
);
pub(super) const SILENT: Scenario = strike!(
    "region_silent",
    "all servers of a region take requests and connections, and answer nothing for 30 s, probes neither",
    Case {
        strike: answering(Answering::Silent),
        bounds: Bounds { success: 99.0, success_later: 99.9, ..BOUNDS },
        ..PLAIN
    }
);
pub(super) const SLOW: Scenario = strike!(
    "region_slow",
    "all servers of a region take ten times as long (50 ms in place of 5 ms) for 30 s",
    Case {
        strike: Strike::Behaves(Behaviour { time: 50, ..USUAL }),
        bounds: Bounds { success: 100.0, gets: 0.0, changes: 2.0, ..BOUNDS },
        ..PLAIN
    }
);
pub(super) const HALF: Scenario = strike!(
    "region_half_500",
    "half of what the servers of a region answer is 500 for 60 s, while probes are told that all is well; the edge may drain it",
    Case { strike: answering(Answering::Fails(50)), seconds: 60.0, bounds: TOLD, service: with_drains_of_its_own }
);
pub(super) const RESETS: Scenario = strike!(
    "resets",
    "30 % of the answers of a region's servers are cut by a reset within the body for 60 s; the edge may drain it",
    Case { strike: answering(Answering::Resets(30)), seconds: 60.0, bounds: TOLD, service: with_drains_of_its_own }
);
pub(super) const LOGINS: Scenario = strike!(
    "failed_logins",
    "nobody can log in to a region for 30 s: its pages say so with status 200, and a deep probe logs in at each server",
    Case { strike: answering(Answering::FailsLogins), service: with_deep_probe, ..PLAIN }
);
pub(super) const DECLARED: Scenario = strike!(
    "declared_failures",
    "the same for 60 s without a deep probe; the app declares it in `Homeward-Outcome`, and the edge may drain the region",
    Case {
        strike: answering(Answering::DeclaresFailure),
        seconds: 60.0,
        bounds: TOLD,
        service: with_drains_of_its_own,
    }
);
pub(super) const FLAPPING: Scenario = strike!(
    "flapping",
    "all servers of a region are killed and, 3 s later, started again for 3 s, ten times",
    Case {
        strike: Strike::Flaps(3.0),
        seconds: 60.0,
        bounds: Bounds { success: 99.0, success_later: 0.0, changes: 6.0, ..BOUNDS },
        ..PLAIN
    }
);

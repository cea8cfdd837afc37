//! The loss of a region second by second: reconnects, handshakes, queues.
//!
//! One edge of a region that is left, as all of them are alike. Some thousand clients stand for all that come to it, each for as many as
//! it takes: a discrete-time simulation, the clients' chance from a seed. Work is done in the order in which it came, as an event
//! loop does it.

mod simulation;

use super::{Costs, Load, Machine};
use simulation::Simulation;

/// How much work waits at the most while all is well, in seconds.
const CALM: f64 = 0.05;

/// Ramps that are tried one after the other, in seconds.
pub const RAMPS: [f64; 12] = [0.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0];

/// How a region is lost, and how its clients take it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failure {
    /// What one edge that is left has of its own.
    pub own: Load,
    /// What comes to it from the lost region.
    pub moved: Load,
    /// Its machine.
    pub machine: Machine,
    /// `None`: the region is gone at once. Otherwise it is drained, its clients being moved evenly over so many seconds.
    pub ramp: Option<f64>,
    /// Seconds until all clients are led to another region (DNS, anycast), evenly.
    pub redirect: f64,
    /// Where a client waits before it tries again: up to this, twice as long after each further failure. Seconds, above 0.
    pub back_off: f64,
    /// The longest that it waits.
    pub longest_back_off: f64,
    /// How long a client waits for a connection. Seconds, above 0.
    pub patience: f64,
    /// The share of moved clients whose session can be resumed. Keys of tickets are each edge's own, so that it is none as
    /// Homeward is.
    pub resumed: f64,
    /// Seconds that are looked at, at the most.
    pub longest: f64,
    /// Where chance comes from.
    pub seed: u64,
}

/// One step of the course.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// Seconds after the loss, or after the drain began.
    pub second: f64,
    /// Attempts to connect that arrive, per second.
    pub attempts: f64,
    /// Handshakes and first requests that wait.
    pub waiting: f64,
    /// How busy the edge's cores are, between 0 and 1.
    pub utilisation: f64,
    /// How long what arrives now waits for a core, in seconds.
    pub delay: f64,
    /// The part of moved clients that have a connection.
    pub connected: f64,
}

/// What came of it, for one edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Every step.
    pub moments: Vec<Moment>,
    /// The most attempts in a second.
    pub peak_attempts: f64,
    /// The most handshakes that waited.
    pub peak_waiting: f64,
    /// The busiest that the cores were.
    pub peak_utilisation: f64,
    /// The longest that anything waited for a core, in seconds.
    pub peak_delay: f64,
    /// Connections to servers that were opened beyond those that the pools had.
    pub server_connections: f64,
    /// Seconds until all have a connection and nothing waits any more; `None` where that is not within the time looked at.
    pub steady_after: Option<f64>,
    /// Clients that saw an error: a request of theirs was under way at the loss, or an attempt failed.
    pub errors: f64,
    /// Clients that waited more than a second from their first attempt on until they had a connection.
    pub slow: f64,
    /// Clients that moved.
    pub clients: f64,
}

impl Course {
    /// Whether nobody notices: no error, nobody waits longer than a second for an edge, and the cores keep up.
    #[must_use]
    pub fn is_unnoticed(&self) -> bool {
        self.errors < 0.5 && self.slow < 0.5 && self.peak_delay <= CALM && self.steady_after.is_some()
    }
}

/// The shortest of [`RAMPS`] over which a drain of the same clients goes unnoticed; `None` where none does. Each is looked at for
/// `longest` after its end.
#[must_use]
pub fn gentlest_ramp(costs: &Costs, failure: &Failure) -> Option<f64> {
    let is_unnoticed = |ramp: &f64| {
        let drain = Failure { ramp: Some(*ramp), longest: failure.longest + ramp, ..*failure };
        Simulation::new(&drain, costs).run(true).is_unnoticed()
    };
    RAMPS.iter().copied().find(is_unnoticed)
}

impl Failure {
    /// What comes of it.
    #[must_use]
    pub fn course(&self, costs: &Costs) -> Course {
        Simulation::new(self, costs).run(false)
    }

    fn is_refused(&self, connected: f64) -> bool {
        self.own.connections + connected > self.machine.connections.min(self.machine.file_handles)
    }
}

//! What is told, as data. The form is stable: fields may come, none is renamed or goes.

use serde::Serialize;

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Where the costs were measured.
    pub(super) costs: String,
    pub(super) load: ToldLoad,
    pub(super) edge: ToldEdge,
    /// What each resource needs over all regions, were all edges alike in one place.
    pub(super) resources: Vec<ToldNeed>,
    /// What runs out first.
    pub(super) limit: &'static str,
    /// Cores that are busy as they are meant to be, over all regions.
    pub(super) cores: f64,
    /// The least cores that the work takes, busy all the time.
    pub(super) least_cores: f64,
    pub(super) regions: Vec<ToldRegion>,
    /// Edges of all regions together, for their own visitors; null where no number is enough.
    pub(super) edges: Option<f64>,
    /// The same, where each region carries any other's loss too.
    pub(super) edges_with_loss: Option<f64>,
    /// Who goes where, for each region that may be lost.
    pub(super) losses: Vec<ToldLoss>,
    /// The course of one of them.
    pub(super) loss: Option<ToldCourse>,
    pub(super) fleet: ToldFleet,
    /// Whether all of it is carried.
    pub(super) carried: bool,
    /// What is not, in words.
    pub(super) problems: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldLoad {
    pub(super) requests_per_second: f64,
    pub(super) connections: f64,
    pub(super) new_connections_per_second: f64,
    pub(super) websockets: f64,
    pub(super) messages_per_second: f64,
    pub(super) tls: f64,
    pub(super) http2: f64,
    pub(super) resumed: f64,
    pub(super) hops: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldEdge {
    pub(super) cores: f64,
    pub(super) busy: f64,
    pub(super) memory_gib: f64,
    pub(super) network_gbit: f64,
    pub(super) file_handles: f64,
    pub(super) connections: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldNeed {
    pub(super) resource: &'static str,
    pub(super) needed: f64,
    /// What one edge has of it to give.
    pub(super) each: f64,
    pub(super) edges: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldRegion {
    pub(super) name: String,
    /// Its part of the visitors.
    pub(super) share: f64,
    pub(super) requests_per_second: f64,
    pub(super) connections: f64,
    /// What its servers carry.
    pub(super) capacity_per_second: Option<f64>,
    /// Edges for its own visitors.
    pub(super) edges: Option<f64>,
    /// Edges where the worst other region is lost.
    pub(super) edges_with_loss: Option<f64>,
    /// How many it is counted with from here on: those of --edges, or as many as are needed with a loss.
    pub(super) edges_there: f64,
    /// How busy they are: with their own visitors, and with the worst loss.
    pub(super) utilisation: f64,
    pub(super) utilisation_with_loss: f64,
    /// What an edge adds to its own visitors' requests; null where it does not keep up.
    pub(super) added_p50_seconds: Option<f64>,
    pub(super) added_p99_seconds: Option<f64>,
    /// Its part of each edge's memory.
    pub(super) memory: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldLoss {
    pub(super) lost: String,
    pub(super) to: Vec<Gain>,
    /// What nobody takes.
    pub(super) nowhere_per_second: f64,
    /// Services that no other region has servers of, and those whose sessions get 503 until it is back.
    pub(super) unserved_services: Vec<String>,
    pub(super) waiting_services: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Gain {
    pub(super) region: String,
    pub(super) gains_per_second: f64,
    pub(super) gets_per_second: f64,
    pub(super) capacity_per_second: Option<f64>,
    pub(super) over_capacity: bool,
    /// How busy the cores of its edges are then.
    pub(super) utilisation: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldCourse {
    pub(super) lost: String,
    /// Null where it is lost at once.
    pub(super) ramp_seconds: Option<f64>,
    /// Clients that move to other regions.
    pub(super) clients: f64,
    /// The region whose edges have the hardest time.
    pub(super) hardest: String,
    /// Of one of its edges.
    pub(super) course: ToldFigures,
    /// Over all regions.
    pub(super) errors: f64,
    pub(super) slow: f64,
    pub(super) peak_attempts_per_second: f64,
    pub(super) server_connections: f64,
    /// The latest of all; null where one never gets there.
    pub(super) steady_after_seconds: Option<f64>,
    /// The shortest drain that nobody notices; null where none is.
    pub(super) gentlest_ramp_seconds: Option<f64>,
    pub(super) moments: Vec<ToldMoment>,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldFigures {
    pub(super) peak_attempts_per_second: f64,
    pub(super) peak_waiting: f64,
    pub(super) peak_utilisation: f64,
    pub(super) peak_delay_seconds: f64,
    pub(super) utilisation_before: f64,
    pub(super) utilisation_after: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldMoment {
    pub(super) second: f64,
    pub(super) attempts_per_second: f64,
    pub(super) waiting: f64,
    pub(super) utilisation: f64,
    pub(super) delay_seconds: f64,
    pub(super) connected: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ToldFleet {
    pub(super) edges: f64,
    pub(super) rules: f64,
    pub(super) table_bytes: f64,
    pub(super) reload_core_seconds: f64,
    pub(super) seconds_until_all: f64,
    pub(super) edits_per_hour: f64,
    pub(super) most_edits_per_hour: f64,
    pub(super) most_rules: f64,
    pub(super) cores_of_an_edge: f64,
    pub(super) memory_mib: f64,
    pub(super) network_mbit: f64,
    pub(super) carried: bool,
}

//! What `/api/v1/status` says: one edge at one moment.
//!
//! The JSON form is stable: fields are added, never renamed or removed. Who reads it ignores what it does not know.

mod gather;
mod guard;

pub use guard::{GuardFigures, GuardStatus, HistoryStatus, RefusedStatus, WatchedStatus};

use crate::model::Timestamp;
use crate::resilience::BreakerState;
use serde::{Deserialize, Serialize};

/// One edge at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The region that the edge stands in.
    pub region: String,
    /// The version of Homeward.
    pub version: String,
    /// The edge's clock: what is left of a drain is counted from here.
    pub now: Timestamp,
    /// When the edge started.
    pub started: Timestamp,
    /// How long ago that is.
    pub uptime_seconds: u64,
    /// Whether it should get requests: a table is live, and it is not stopping.
    pub ready: bool,
    /// Requests that are being answered.
    pub open_requests: u64,
    /// The routing table.
    pub table: TableStatus,
    /// The place databases.
    pub places: PlacesStatus,
    /// How other regions are reached.
    #[serde(default)]
    pub hops: HopsStatus,
    /// How the admin address lets somebody in.
    #[serde(default)]
    pub admin: AdminStatus,
    /// What should worry somebody about the files of keys and tokens: that others can get at them.
    #[serde(default)]
    pub secret_warnings: Vec<String>,
    /// The files of certificates of the listeners, each once.
    #[serde(default)]
    pub certificates: Vec<CertificateStatus>,
    /// The certificates that are had by ACME, in the order of the settings.
    #[serde(default)]
    pub acme: Vec<AcmeStatus>,
    /// The table's regions, in its order.
    pub regions: Vec<RegionStatus>,
    /// The table's drains, in its order, and behind them those of operators; those included that are over or have not begun.
    pub drains: Vec<DrainStatus>,
    /// Why drains of operators can neither be read nor changed, where it is so.
    #[serde(default)]
    pub drains_problem: Option<FileStatus>,
    /// How new tables are watched.
    #[serde(default)]
    pub guard: GuardStatus,
    /// What is remembered of tables that were live.
    #[serde(default)]
    pub history: HistoryStatus,
    /// Where requests with a session arrived against where they are at home; pairs without any are left out.
    #[serde(default)]
    pub flop_matrix: Vec<FlopStatus>,
    /// Requests per second that no region could serve: the mean of the last five seconds.
    #[serde(default)]
    pub unserved_per_second: f64,
}

/// What a region gets from an edge, and how that goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrafficStatus {
    /// Requests of visitors without a session: the mean of the last five seconds.
    #[serde(default)]
    pub visitors_per_second: f64,
    /// Requests with a session: the same.
    #[serde(default)]
    pub sessions_per_second: f64,
    /// Streams that are open: WebSockets and other upgrades, streams of events, gRPC streams, and whatever has sent or
    /// received bodies for more than five seconds.
    #[serde(default)]
    pub open_streams: usize,
    /// Answers with 5xx, and those that broke off: the mean of the last ten seconds.
    #[serde(default)]
    pub errors_per_second: f64,
    /// The part of the requests that these are, from 0 to 1; missing where there was no request.
    #[serde(default)]
    pub error_ratio: Option<f64>,
    /// The seconds that half of the answers of the last ten seconds took at most to begin; missing where there was none.
    #[serde(default)]
    pub latency_p50_seconds: Option<f64>,
    /// The same for 99 % of them.
    #[serde(default)]
    pub latency_p99_seconds: Option<f64>,
    /// Since when it gets nothing and has no stream; missing while it does.
    #[serde(default)]
    pub empty_since: Option<Timestamp>,
}

/// Requests with a session that arrived in one region and are at home in one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlopStatus {
    /// The region that they arrived in: the edge's own, or one whose edge handed them to this one.
    pub arrived: String,
    /// The region that is their home. Where it is another, they are flops.
    pub home: String,
    /// The mean of the last five seconds.
    pub requests_per_second: f64,
}

/// What is left of a region under a drain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RemainderStatus {
    /// Requests per second of visitors without a session that still go there from this edge.
    pub visitors_per_second: f64,
    /// Requests per second with a session.
    pub sessions_per_second: f64,
    /// Streams that are open.
    pub open_streams: usize,
    /// Since when all three are at zero.
    pub empty_since: Option<Timestamp>,
}

/// The routing table that is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableStatus {
    /// The name of its content. Missing, like the next three, before the first table.
    pub revision: Option<String>,
    /// When it went live.
    pub since: Option<Timestamp>,
    /// How long ago that is.
    pub age_seconds: Option<u64>,
    /// What brought it: `file`; `last_good` where the file was broken when the edge started; `guard` where errors rose under
    /// the one after it.
    pub origin: Option<String>,
    /// Why the file is not what is live, where it is not.
    pub problem: Option<FileStatus>,
}

/// The place databases that are live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacesStatus {
    /// Their files; none where the settings name none, or none could be loaded.
    pub files: Vec<String>,
    /// When the oldest of them was built.
    pub built: Option<Timestamp>,
    /// Why the files are not what is live, where they are not.
    pub problem: Option<FileStatus>,
}

/// How requests are handed to the edges of other regions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HopsStatus {
    /// Whether they are: there are hop keys.
    pub on: bool,
    /// The other regions whose edge the table names.
    pub edges: Vec<String>,
    /// Why the newest hop keys are not used, where they are not.
    pub problem: Option<FileStatus>,
}

/// How the admin address lets somebody in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AdminStatus {
    /// How many tokens there are.
    pub tokens: usize,
    /// Why the newest tokens are not used, where they are not.
    pub problem: Option<FileStatus>,
}

/// A file of certificates that is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// What it is for: `server`, shown to clients, or `clients`, by which clients are believed.
    pub usage: String,
    /// The names that it is for; the subjects of client CAs.
    pub names: Vec<String>,
    /// The file.
    pub file: String,
    /// When it expires; of several client CAs the first.
    pub expires: Timestamp,
    /// Whole days until then; below zero where it has expired.
    pub days_left: i64,
    /// What should worry somebody though it is used: that it has expired, is not valid yet, or is weak.
    pub warnings: Vec<String>,
    /// Why what is in the files now is not live, where it is not.
    pub problem: Option<FileStatus>,
}

/// A certificate that is had by ACME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcmeStatus {
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// The file that it is in, or will be.
    pub file: String,
    /// Until when the one that is there is valid; missing where there is none.
    pub expires: Option<Timestamp>,
    /// When it is asked for next; missing while it is asked for.
    pub next: Option<Timestamp>,
    /// How often that failed since it was last had.
    pub failures: u32,
    /// Why it failed last, and what to do.
    pub problem: Option<String>,
    /// When that was.
    pub problem_at: Option<Timestamp>,
}

/// A file that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileStatus {
    /// The file.
    pub file: String,
    /// The revision of what was refused; missing where it could not be read, and for databases.
    pub revision: Option<String>,
    /// When it was refused.
    pub since: Timestamp,
    /// The first problem in one line.
    pub summary: String,
    /// All problems as `homeward check` prints them.
    pub text: String,
}

/// A region as this edge sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionStatus {
    /// Its name.
    pub name: String,
    /// Whether the edge stands in it.
    pub local: bool,
    /// What stands in front of its session keys.
    pub prefix: String,
    /// Where it stands.
    pub location: Option<LocationStatus>,
    /// What it can carry, as the table writes it.
    pub capacity: Option<String>,
    /// The same in requests per second.
    pub capacity_per_second: Option<f64>,
    /// The part of new visitors that its drains leave it now, e.g. `30%`.
    pub share: String,
    /// The same from 0 to 1.
    pub share_ratio: f64,
    /// Why it is away; empty where it is not.
    pub away: Vec<AwayStatus>,
    /// Whether each service that has servers there has a healthy one.
    pub healthy: bool,
    /// The part of the new visitors at home there that it has room for, from 0 to 1; missing where it has no capacity.
    #[serde(default)]
    pub room_ratio: Option<f64>,
    /// Why it is worth draining; missing where it does not stand out from the others.
    #[serde(default)]
    pub worth_draining: Option<AdviceStatus>,
    /// Requests that it serves for this edge: the mean of the last five seconds.
    pub requests_per_second: f64,
    /// Of those, the flops.
    pub flops_per_second: f64,
    /// What else it gets from this edge, and how that goes.
    #[serde(default, flatten)]
    pub traffic: TrafficStatus,
    /// The services that have servers there, as far as these are reached directly, and `the edge` where there is a hop.
    pub services: Vec<ServiceStatus>,
}

/// Why a region is worth draining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdviceStatus {
    /// `errors` or `slowness`.
    pub why: String,
    /// The figures, for people.
    pub text: String,
    /// Since when it stands out.
    pub since: Timestamp,
    /// What to type to drain it.
    pub command: String,
    /// Why the edge does not drain it by itself, where the settings want that and something speaks against it.
    #[serde(default)]
    pub not_drained: Option<String>,
}

/// A point on the globe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LocationStatus {
    /// Degrees north of the equator.
    pub latitude: f64,
    /// Degrees east of Greenwich.
    pub longitude: f64,
}

/// Why a region is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwayStatus {
    /// The word of the reasons: `Drained`, `NoHealthyEdge`, `NoHealthyServer`, `TooFewHealthyServers` or `IsFlapping`.
    pub why: String,
    /// The service that this holds for, where it is one alone.
    pub service: Option<String>,
    /// The drain's number, from 1.
    pub drain: Option<usize>,
    /// The same for people.
    pub text: String,
}

/// A service's servers in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service.
    pub service: String,
    /// How many servers are known.
    pub servers: usize,
    /// How many of them are not known to be unhealthy.
    pub healthy: usize,
    /// How many of them get no new requests for a while, for how theirs ended.
    #[serde(default)]
    pub ejected: usize,
    /// The servers that are unhealthy or ejected: the first [`ServiceStatus::MOST_UNWELL`] of them.
    #[serde(default)]
    pub unwell: Vec<UnwellStatus>,
    /// Where the breaker of the pool stands: `closed`, `half_open` or `open`; missing for an edge.
    #[serde(default)]
    pub breaker: Option<BreakerState>,
    /// How many of its servers have a breaker that is not closed.
    #[serde(default)]
    pub open_servers: usize,
    /// How many requests it has from this edge.
    #[serde(default)]
    pub active: usize,
    /// How many requests wait for a place.
    #[serde(default)]
    pub pending: usize,
    /// How many requests it may have; missing where there is no limit.
    #[serde(default)]
    pub limit: Option<u32>,
    /// DNS names that cannot be resolved at the moment, servers that are not well, breakers that are open and places that are
    /// all taken, in words.
    pub problems: Vec<String>,
}

impl ServiceStatus {
    /// How many servers are named that are not well.
    pub const MOST_UNWELL: usize = 20;
}

/// A server that is unhealthy or ejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnwellStatus {
    /// Where it is.
    pub address: String,
    /// Whether its probes say that it is well.
    pub healthy: bool,
    /// Since when it is healthy or unhealthy without a break.
    pub since: Timestamp,
    /// Why its last probe failed, where it is unhealthy and that is known.
    pub why: Option<String>,
    /// Until when it is ejected, where it is.
    pub ejected_until: Option<Timestamp>,
    /// Why it is ejected, where it is.
    pub ejected_why: Option<String>,
}

/// A drain of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrainStatus {
    /// The region that gets less.
    pub region: String,
    /// What becomes of its sessions: `keep` or `move`.
    pub sessions: String,
    /// The part of new visitors that is left to the region in the end, e.g. `0%`.
    pub share: String,
    /// The same from 0 to 1.
    pub share_ratio: f64,
    /// The part that is left to it now.
    pub share_now: String,
    /// The same from 0 to 1.
    pub share_now_ratio: f64,
    /// How long the share takes to get there; missing where it is there at once.
    pub ramp: Option<String>,
    /// When it begins.
    pub since: Option<Timestamp>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Who drains.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who says so: `table`, or `operator` where it comes from the command line or the status page.
    #[serde(default)]
    pub layer: String,
    /// How long before the end people begin to come back; missing where they come back at the end.
    #[serde(default, rename = "return")]
    pub comeback: Option<String>,
    /// After how long open streams are closed; missing where they are kept.
    #[serde(default)]
    pub close_streams_after: Option<String>,
    /// Whether it is a drill.
    #[serde(default)]
    pub practice: bool,
    /// Whether it goes on beyond its end, as the region has no healthy server to come back to.
    #[serde(default)]
    pub held: bool,
    /// Whether the table that is live has the region; the drain waits for one that has.
    #[serde(default = "yes")]
    pub region_is_known: bool,
    /// Whether it has begun and is not over.
    pub in_force: bool,
    /// Whether it has ended by itself.
    pub over: bool,
    /// What the region still gets; missing where the drain is not in force.
    #[serde(default)]
    pub remainder: Option<RemainderStatus>,
}

fn yes() -> bool {
    true
}

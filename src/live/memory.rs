//! What an edge knows that another process may go on with. It holds ages, and no moments: two processes have no clock that
//! never goes back in common.
//!
//! All of it may be missing, and what is unknown is passed over, so that versions can differ.

use super::hash_key::HashKey;
use crate::resilience::Standing;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The most entries of a kind, of rates and of learned homes, that are carried over. They are some megabytes.
pub(super) const MOST_ENTRIES: usize = 100_000;

/// What has to be known before there is a table.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Heritage {
    /// The secret of hashes.
    pub hash_key: Option<HashKey>,
    /// The servers.
    pub servers: Vec<ServerMemory>,
    /// The DNS names.
    pub names: Vec<NameMemory>,
}

/// What is known of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerMemory {
    /// What it is there for, as the log says it.
    pub purpose: String,
    /// The region that it stands in.
    pub region: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Where it stands.
    pub standing: Standing,
    /// How much was seen in a row that speaks against that.
    #[serde(default)]
    pub against: u8,
    /// For how many milliseconds it has stood there.
    #[serde(default)]
    pub standing_for: u64,
    /// What deep probes say: where it stands, and how much was seen in a row that speaks against that.
    #[serde(default)]
    pub deep: Option<(Standing, u8)>,
    /// For how many milliseconds more it is ejected.
    #[serde(default)]
    pub ejected_for: Option<u64>,
    /// How often it was ejected in a row.
    #[serde(default)]
    pub ejections: u32,
    /// For how many milliseconds it has been warmed up; missing where it never was.
    #[serde(default)]
    pub warming_for: Option<u64>,
}

/// What is known of a DNS name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NameMemory {
    /// The name.
    pub name: String,
    /// The last good answer.
    pub addresses: Vec<IpAddr>,
}

/// What was counted, up to the moment at which the other process begins to serve.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// What services were asked for.
    pub limits: Vec<LimitMemory>,
    /// What apps have said of sessions.
    pub homes: Vec<HomesMemory>,
    /// What regions got.
    pub traffic: Vec<TrafficMemory>,
    /// How many entries were left behind, as there were too many.
    pub left_behind: usize,
}

/// What one service was asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct LimitMemory {
    /// The service.
    pub service: String,
    /// Its limit. Only where the new table has the same one does it go on.
    pub rule: String,
    /// By hash: in how many nanoseconds it is paid off.
    pub keys: Vec<(u64, u64)>,
}

/// The learned homes of one service's sessions.
#[derive(Debug, Serialize, Deserialize)]
pub struct HomesMemory {
    /// The service.
    pub service: String,
    /// By what it learns. Only where the new table has the same rules does it go on.
    pub rules: String,
    /// The hash of a session's key, the region, and for how many seconds more it is remembered.
    pub homes: Vec<(u64, String, u64)>,
}

/// What one region got in the last minutes: how many seconds ago, how many requests.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficMemory {
    /// The region.
    pub region: String,
    /// All that were served there.
    pub served: Vec<(u64, u32)>,
    /// Those of visitors without a session.
    pub visitors: Vec<(u64, u32)>,
    /// Those with a session.
    pub sessions: Vec<(u64, u32)>,
    /// Those of them that were flops.
    pub flops: Vec<(u64, u32)>,
    /// Those that failed.
    pub errors: Vec<(u64, u32)>,
}

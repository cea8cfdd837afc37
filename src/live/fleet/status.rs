//! What the fleet tells people: where everything stands, and what has just changed.

use super::pool::PoolState;
use super::purpose::Purpose;
use super::server::Server;
use crate::config::write_duration;
use crate::model::{Presence, RegionName, Timestamp};
use crate::resilience::{BreakerState, Ejection, EjectionWhy, Standing};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A pool at one moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PoolStatus {
    /// What its servers are there for.
    pub purpose: Purpose,
    /// The region.
    pub region: RegionName,
    /// How many of its servers are not known to be unhealthy.
    pub healthy: usize,
    /// Where its breaker stands.
    pub breaker: BreakerState,
    /// How many requests are in it.
    pub active: usize,
    /// How many requests wait for a place in it.
    pub pending: usize,
    /// How many requests may be in it; `None` where there is no limit.
    pub limit: Option<u32>,
    /// Whether that is enough for it to serve.
    pub presence: Presence,
    /// Its servers in the order of the table.
    pub servers: Vec<ServerStatus>,
    /// Its DNS names in the order of the table.
    pub names: Vec<NameStatus>,
}

/// A server at one moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ServerStatus {
    /// Where it is.
    pub address: SocketAddr,
    /// What is known of its health.
    pub standing: Standing,
    /// Since when it is healthy or unhealthy without a break; where it never changed, since it came.
    pub since: Timestamp,
    /// How many requests it serves for this edge.
    pub active: usize,
    /// Why it is unhealthy, where it is and a probe has said why.
    pub why: Option<Box<str>>,
    /// Until when it is ejected, where it is.
    pub ejected_until: Option<Timestamp>,
    /// Why it is ejected, where it is.
    pub ejected_why: Option<&'static str>,
    /// Where its breaker stands.
    pub breaker: BreakerState,
}

/// A DNS name at one moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct NameStatus {
    /// The name.
    pub name: Box<str>,
    /// How many addresses its last good answer gave.
    pub addresses: usize,
    /// Why DNS fails for it at the moment; the addresses of the last good answer are still used.
    pub last_error: Option<Box<str>>,
    /// Since when DNS fails for it.
    pub failing_since: Option<Timestamp>,
}

impl PoolStatus {
    pub(super) fn of(pool: &PoolState) -> Self {
        let servers = pool.servers().iter().map(|server| ServerStatus::of(server)).collect();
        let names = pool.names.iter().map(|name| {
            let answer = name.answer();
            let (last_error, failing_since) = answer.failure.clone().unzip();
            NameStatus { name: name.text().into(), addresses: answer.targets.len(), last_error, failing_since }
        });
        let names = names.collect();
        let (purpose, region) = (pool.purpose.clone(), pool.region.clone());
        let presence = pool.presence();
        let entrance = pool.entrance();
        let (breaker, active) = (entrance.breaker_state(), entrance.active());
        let (pending, limit) = (entrance.pending(), entrance.limit());
        Self { purpose, region, healthy: pool.healthy(), presence, breaker, active, pending, limit, servers, names }
    }
}

impl ServerStatus {
    fn of(server: &Server) -> Self {
        let (ejected_until, ejected_why) = server.ejection().unzip();
        Self {
            address: server.address(),
            standing: server.standing(),
            since: server.since(),
            active: server.active(),
            why: server.reason().map(|why| why.as_str().into()),
            ejected_until,
            ejected_why: ejected_why.map(EjectionWhy::text),
            breaker: server.breaker_state(),
        }
    }
}

/// A change that people and metrics should hear of. Its text reads as a claim.
#[derive(Debug, Clone)]
pub enum Transition {
    /// A server became healthy or unhealthy.
    Server {
        /// Which.
        server: Arc<Server>,
        /// What it became.
        healthy: bool,
    },
    /// A server is left out for a while, for what requests have seen of it.
    Ejected {
        /// Which.
        server: Arc<Server>,
        /// For how long, and why.
        ejection: Ejection,
    },
    /// The ejection of a server has ended.
    Returned {
        /// Which.
        server: Arc<Server>,
    },
    /// A pool of the newest table got its first healthy server or lost its last one.
    Pool {
        /// Which.
        pool: Arc<PoolState>,
        /// Whether it has a healthy server now.
        healthy: bool,
    },
    /// A pool of the newest table that has healthy servers is away all the same, or not any more.
    Presence {
        /// Which.
        pool: Arc<PoolState>,
        /// How it stands now.
        stands: Presence,
    },
}

impl Transition {
    /// That a pool stands otherwise than before, where that does not follow from whether it has a healthy server.
    pub(super) fn presence(pool: Arc<PoolState>, stood: Presence, stands: Presence) -> Option<Self> {
        let is_held = |presence| matches!(presence, Presence::TooFew | Presence::Flapping);
        let is_told = stood != stands && (is_held(stands) || (is_held(stood) && stands == Presence::Present));
        is_told.then_some(Self::Presence { pool, stands })
    }

    /// Whether it is a change for the better.
    #[must_use]
    pub fn healthy(&self) -> bool {
        match self {
            Self::Server { healthy, .. } | Self::Pool { healthy, .. } => *healthy,
            Self::Ejected { .. } => false,
            Self::Returned { .. } => true,
            Self::Presence { stands, .. } => *stands == Presence::Present,
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { server, healthy } => {
                let (address, purpose, region) = (server.address(), server.purpose(), server.region());
                let now = if *healthy { "healthy" } else { "unhealthy" };
                write!(f, "server {address} of {purpose} in {region} is {now}")?;
                match server.reason().filter(|_| !healthy) {
                    Some(why) => write!(f, ": {why}"),
                    None => Ok(()),
                }
            }
            Self::Ejected { server, ejection: Ejection { why, length } } => {
                let (address, purpose, region) = (server.address(), server.purpose(), server.region());
                let (length, why) = (write_duration(*length), why.text());
                write!(f, "server {address} of {purpose} in {region} is ejected for {length}: {why}")
            }
            Self::Returned { server } => {
                let (address, purpose, region) = (server.address(), server.purpose(), server.region());
                write!(f, "server {address} of {purpose} in {region} is no longer ejected")
            }
            Self::Pool { pool, healthy: true } => {
                write!(f, "{} in {} has a healthy server again", pool.purpose, pool.region)
            }
            Self::Pool { pool, healthy: false } => {
                write!(f, "{} in {} has no healthy server", pool.purpose, pool.region)
            }
            Self::Presence { pool, stands } => {
                let (purpose, region) = (&pool.purpose, &pool.region);
                let (healthy, servers) = (pool.healthy(), pool.servers().len());
                match stands {
                    Presence::TooFew => write!(
                        f,
                        "{purpose} in {region} has too few healthy servers ({healthy} of {servers}): others serve"
                    ),
                    Presence::Flapping => write!(
                        f,
                        "{purpose} in {region} has {healthy} of {servers} servers healthy again; it has been away several \
                         times lately, and is held back for {} more",
                        write_duration(pool.held_for().max(Duration::from_millis(1)))
                    ),
                    Presence::Present | Presence::NoneHealthy => {
                        write!(f, "{purpose} in {region} serves again, with {healthy} of {servers} servers healthy")
                    }
                }
            }
        }
    }
}

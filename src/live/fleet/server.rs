//! One server, as the edge knows it.

use super::purpose::Purpose;
use crate::balance::{ServerHash, Weight};
use crate::live::clock;
use crate::live::memory::ServerMemory;
use crate::model::{PeerCredentials, PoolTls, ProxyVersion, RegionName, Timestamp};
use crate::resilience::{Health, HealthLimits, Observation, Standing};
use crate::routing::Credentials;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// What makes a server itself. Two tables whose pools agree on all of it share the server and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ServerKey {
    pub(super) purpose: Purpose,
    pub(super) region: RegionName,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<ServerTls>,
    pub(super) http2: bool,
    pub(super) proxy_protocol: Option<ProxyVersion>,
}

/// How TLS is spoken to a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerTls {
    /// The name to send, and to verify.
    pub sni: Box<str>,
    /// Whether the server's certificate is verified.
    pub verify: bool,
    /// By what it is verified, and what the edge shows; where missing, by what the machine believes, and nothing.
    pub credentials: Option<Arc<PeerCredentials>>,
}

impl ServerTls {
    /// As the table says, with what was in the files that it names. Where these were not read, nobody is believed.
    pub(super) fn new(tls: &PoolTls, read: &Credentials) -> Self {
        let credentials = (!tls.files.is_empty()).then(|| read.get(&tls.files).map(Arc::clone).unwrap_or_default());
        Self { sni: tls.sni.clone(), verify: tls.verify, credentials }
    }
}

/// A server of a pool: an address, how to speak to it, and what is known of it. It outlives the table it came with as
/// long as a request or a newer table uses it. Reading it takes no lock.
#[derive(Debug)]
pub struct Server {
    key: ServerKey,
    hash: ServerHash,
    /// [`Health::to_bits`].
    health: AtomicU32,
    /// Unix time in milliseconds of the last change between healthy and unhealthy.
    since: AtomicI64,
    /// Whether it was healthy when its last change was told.
    told: AtomicBool,
    active: AtomicUsize,
    /// How often it became unhealthy.
    falls: AtomicU32,
    /// When it last began to be warmed up, in milliseconds of [`clock::elapsed`]; [`Server::WARM`] where it never did.
    warming_since: AtomicU64,
    fell: Notify,
}

impl Server {
    const WARM: u64 = u64::MAX;

    pub(super) fn new(key: ServerKey) -> Self {
        Self {
            hash: ServerHash::of(key.address),
            key,
            health: AtomicU32::new(Health::UNTRIED.to_bits()),
            since: AtomicI64::new(clock::now().as_millisecond()),
            told: AtomicBool::new(true),
            active: AtomicUsize::new(0),
            falls: AtomicU32::new(0),
            warming_since: AtomicU64::new(Self::WARM),
            fell: Notify::new(),
        }
    }

    pub(super) fn key(&self) -> &ServerKey {
        &self.key
    }

    /// What it is there for.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.key.purpose
    }

    /// The region that it stands in.
    #[must_use]
    pub fn region(&self) -> &RegionName {
        &self.key.region
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.key.address
    }

    /// How TLS is spoken to it; plain where `None`.
    #[must_use]
    pub fn tls(&self) -> Option<&ServerTls> {
        self.key.tls.as_ref()
    }

    /// Whether it speaks HTTP/2.
    #[must_use]
    pub fn http2(&self) -> bool {
        self.key.http2
    }

    /// With which PROXY protocol header a connection to it begins.
    #[must_use]
    pub fn proxy_protocol(&self) -> Option<ProxyVersion> {
        self.key.proxy_protocol
    }

    /// What is known of its health.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Health::from_bits(self.health.load(Ordering::Acquire)).standing()
    }

    /// Whether requests may go there: it is not known to be unhealthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.standing() != Standing::Unhealthy
    }

    /// Since when it is healthy or unhealthy without a break; where it never changed, since it came.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        Timestamp::from_millisecond(self.since.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// How many requests it serves at the moment for this edge.
    #[must_use]
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// How often it became unhealthy: connections that were made before are not used after.
    #[must_use]
    pub fn falls(&self) -> u32 {
        self.falls.load(Ordering::Relaxed)
    }

    /// The hash of its address.
    pub(super) fn hash(&self) -> ServerHash {
        self.hash
    }

    /// It is cold from now on: it was just found healthy again, or has just come to a pool that had servers before.
    pub(super) fn warm_up(&self) {
        let now = u64::try_from(clock::elapsed().as_millis()).unwrap_or(Self::WARM);
        self.warming_since.store(now, Ordering::Relaxed);
    }

    /// What is known of it, for another process; `None` where that is nothing.
    pub(super) fn memory(&self) -> Option<ServerMemory> {
        let health = Health::from_bits(self.health.load(Ordering::Acquire));
        let since = |then: u64, now: i64| u64::try_from(now).unwrap_or(0).saturating_sub(then);
        let elapsed = i64::try_from(clock::elapsed().as_millis()).unwrap_or(i64::MAX);
        let changed = u64::try_from(self.since.load(Ordering::Relaxed)).unwrap_or(0);
        let warming = self.warming_since.load(Ordering::Relaxed);
        (health != Health::UNTRIED).then(|| ServerMemory {
            purpose: self.purpose().to_string(),
            region: self.region().to_string(),
            address: self.address(),
            standing: health.standing(),
            against: health.against(),
            standing_for: since(changed, clock::now().as_millisecond()),
            warming_for: (warming != Self::WARM).then(|| since(warming, elapsed)),
        })
    }

    /// Takes in what another process knew of it, before anybody has seen it here.
    pub(super) fn recall(&self, memory: &ServerMemory) {
        let health = Health::recalled(memory.standing, memory.against);
        self.health.store(health.to_bits(), Ordering::Release);
        self.told.store(health.is_healthy(), Ordering::Relaxed);
        let standing_for = i64::try_from(memory.standing_for).unwrap_or(i64::MAX);
        self.since.store(clock::now().as_millisecond().saturating_sub(standing_for).max(0), Ordering::Relaxed);
        if let Some(warming_for) = memory.warming_for {
            let now = u64::try_from(clock::elapsed().as_millis()).unwrap_or(Self::WARM);
            self.warming_since.store(now.saturating_sub(warming_for), Ordering::Relaxed);
        }
    }

    /// What is left of `weight` at the moment `now` of [`clock::elapsed`], where a cold server takes `slow_start`.
    pub(super) fn weight(&self, weight: NonZeroU16, now: Duration, slow_start: Duration) -> Weight {
        match self.warming_since.load(Ordering::Relaxed) {
            Self::WARM => Weight::whole(weight),
            since => Weight::ramped(weight, now.saturating_sub(Duration::from_millis(since)), slow_start),
        }
    }

    /// Counts a request as active until what is returned goes.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> ActiveRequest {
        self.active.fetch_add(1, Ordering::Relaxed);
        ActiveRequest(Arc::clone(self))
    }

    /// Completes when the server becomes unhealthy, for the one task that probes it; at once where it became so since
    /// the last time.
    pub async fn fell(&self) {
        self.fell.notified().await;
    }

    /// Takes in an observation; the standing before and after. Where nothing changes, nothing is written.
    pub(super) fn observe(&self, observation: Observation, limits: HealthLimits) -> (Standing, Standing) {
        let mut bits = self.health.load(Ordering::Acquire);
        loop {
            let before = Health::from_bits(bits);
            let after = before.observe(observation, limits);
            if before == after {
                return (before.standing(), after.standing());
            }
            let exchanged =
                self.health.compare_exchange_weak(bits, after.to_bits(), Ordering::AcqRel, Ordering::Acquire);
            match exchanged {
                Ok(_) => {
                    if after.is_healthy() && !before.is_healthy() {
                        self.warm_up();
                    }
                    if before.is_healthy() && !after.is_healthy() {
                        self.falls.fetch_add(1, Ordering::Relaxed);
                    }
                    return (before.standing(), after.standing());
                }
                Err(newer) => bits = newer,
            }
        }
    }

    /// What it became, if it changed between healthy and unhealthy since the last call. For calls under the fleet's
    /// lock, so that of two changes at the same time both are told in the order in which they happened, or none.
    pub(super) fn take_change(&self) -> Option<bool> {
        let healthy = self.is_healthy();
        if self.told.swap(healthy, Ordering::Relaxed) == healthy {
            return None;
        }
        self.since.store(clock::now().as_millisecond(), Ordering::Relaxed);
        if !healthy {
            self.fell.notify_one();
        }
        Some(healthy)
    }
}

/// A request that a server is busy with. It counts until it goes.
#[derive(Debug)]
pub struct ActiveRequest(Arc<Server>);

impl ActiveRequest {
    /// The server that is busy with it.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.0
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

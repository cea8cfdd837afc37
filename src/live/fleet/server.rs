//! One server, as the edge knows it.

mod verdicts;

pub use verdicts::ProbeKind;

use super::care::Care;
use super::purpose::Purpose;
use crate::balance::{ServerHash, Weight};
use crate::live::clock;
use crate::live::memory::ServerMemory;
use crate::model::{PeerCredentials, PoolTls, ProxyVersion, RegionName, Timestamp};
use crate::resilience::{Breaker, BreakerState, Health, OutlierTrack, ProbeFailure};
use crate::routing::Credentials;
use arc_swap::{ArcSwap, ArcSwapOption};
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
    care: ArcSwap<Care>,
    /// [`Health::to_bits`], by what probes and connections say.
    health: AtomicU32,
    /// The same by what deep probes say.
    deep: AtomicU32,
    /// Why the last probe of either kind failed that failed.
    reasons: [ArcSwapOption<ProbeFailure>; 2],
    /// What requests say.
    pub(super) outlier: OutlierTrack,
    /// Unix time in milliseconds of the last change between healthy and unhealthy.
    since: AtomicI64,
    /// Whether it was healthy when its last change was told.
    told: AtomicBool,
    active: AtomicUsize,
    /// How often it became unhealthy.
    falls: AtomicU32,
    /// When it last began to be warmed up, in milliseconds of [`clock::elapsed`]; [`Server::WARM`] where it never did.
    warming_since: AtomicU64,
    /// Whether requests are kept from it, as too many of them fail.
    pub(super) breaker: Breaker,
    stirred: [Notify; 2],
}

impl Server {
    const WARM: u64 = u64::MAX;

    pub(super) fn new(key: ServerKey, care: Arc<Care>) -> Self {
        Self {
            hash: ServerHash::of(key.address),
            key,
            care: ArcSwap::new(care),
            health: AtomicU32::new(Health::UNTRIED.to_bits()),
            deep: AtomicU32::new(Health::UNTRIED.to_bits()),
            reasons: Default::default(),
            outlier: OutlierTrack::default(),
            since: AtomicI64::new(clock::now().as_millisecond()),
            told: AtomicBool::new(true),
            active: AtomicUsize::new(0),
            falls: AtomicU32::new(0),
            warming_since: AtomicU64::new(Self::WARM),
            breaker: Breaker::default(),
            stirred: Default::default(),
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

    /// How the newest table that has it wants it to be looked after.
    #[must_use]
    pub fn care(&self) -> Arc<Care> {
        self.care.load_full()
    }

    /// Whether its breaker keeps requests from it now. While that is closed one atomic load.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.breaker.is_cut(clock::elapsed)
    }

    /// Where its breaker stands.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.breaker.state(clock::elapsed())
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
    ///
    /// `from` is a moment of [`clock::elapsed`], and may lie ahead, where an ejection ends then.
    pub(super) fn warm_up(&self, from: Duration) {
        let from = u64::try_from(from.as_millis()).unwrap_or(Self::WARM);
        self.warming_since.store(from, Ordering::Relaxed);
    }

    /// What is known of it, for another process; `None` where that is nothing.
    pub(super) fn memory(&self) -> Option<ServerMemory> {
        let health = Health::from_bits(self.health.load(Ordering::Acquire));
        let since = |then: u64, now: i64| u64::try_from(now).unwrap_or(0).saturating_sub(then);
        let elapsed = i64::try_from(clock::elapsed().as_millis()).unwrap_or(i64::MAX);
        let changed = u64::try_from(self.since.load(Ordering::Relaxed)).unwrap_or(0);
        let warming = self.warming_since.load(Ordering::Relaxed);
        let deep = Health::from_bits(self.deep.load(Ordering::Acquire));
        let ejected = self.outlier.ejection(clock::elapsed()).map(|(until, _)| until.saturating_sub(clock::elapsed()));
        (health != Health::UNTRIED).then(|| ServerMemory {
            purpose: self.purpose().to_string(),
            region: self.region().to_string(),
            address: self.address(),
            standing: health.standing(),
            against: health.against(),
            standing_for: since(changed, clock::now().as_millisecond()),
            deep: (deep != Health::UNTRIED).then(|| (deep.standing(), deep.against())),
            ejected_for: ejected.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            ejections: self.outlier.ejections(),
            warming_for: (warming != Self::WARM).then(|| since(warming, elapsed)),
        })
    }

    /// Takes in what another process knew of it, before anybody has seen it here.
    pub(super) fn recall(&self, memory: &ServerMemory) {
        let health = Health::recalled(memory.standing, memory.against);
        self.health.store(health.to_bits(), Ordering::Release);
        if let (Some((standing, against)), true) = (memory.deep, self.care.load().health.deep.is_some()) {
            self.deep.store(Health::recalled(standing, against).to_bits(), Ordering::Release);
        }
        if let Some(outliers) = self.care.load().outliers {
            let longest = outliers.longest_ejection.max(outliers.ejection);
            let until = memory.ejected_for.map_or(Duration::ZERO, |left| {
                clock::elapsed().saturating_add(Duration::from_millis(left).min(longest))
            });
            self.outlier.recall(until, memory.ejections);
        }
        self.told.store(self.is_healthy(), Ordering::Relaxed);
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

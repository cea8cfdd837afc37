//! One running edge: what changes while it runs, and what everything in it shares.

use super::acme::AcmeStanding;
use super::advice::Advice;
use super::certificates::LiveCertificate;
use super::challenges::Challenges;
use super::changes::Changes;
use super::clock;
use super::fleet::{Fleet, Pools, Transition};
use super::gate::SessionGate;
use super::hash_key::HashKey;
use super::learned::LearnedHomes;
use super::leases::Leases;
use super::limits::RateLimiter;
use super::memory::{Counts, Heritage};
use super::places::LivePlaces;
use super::sample::Sampler;
use super::table::{LiveTable, Origin};
use super::traffic::{TableTraffic, TrafficBook};
use super::trial::Trial;
use crate::history::breathe;
use crate::model::{AccessTokens, Keyring, Learning, RegionName, Revision, Service, ServiceName, Timestamp};
use crate::resilience::Observation;
use crate::routing::{RoutingTable, TableParts};
use crate::telemetry::{Metrics, RequestMeters};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is wrong with a file that should be live and is not.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FileProblem {
    /// The file.
    pub file: String,
    /// The revision of what was refused; missing where it could not be read.
    pub revision: Option<Revision>,
    /// When it was refused.
    pub since: Timestamp,
    /// The first problem in one line.
    pub summary: String,
    /// All problems with their places and what to do, as `homeward check` prints them.
    pub text: String,
}

/// Secrets that an edge has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secrets {
    /// The keys of the services of the table.
    SessionKeys,
    /// The keys that hops are signed with.
    HopKeys,
    /// The tokens of the admin address.
    AdminTokens,
}

impl Secrets {
    /// What they are called in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionKeys => "session keys",
            Self::HopKeys => "hop keys",
            Self::AdminTokens => "admin tokens",
        }
    }
}

/// A table that is ready to go live: compiled, its pools known to probes and discovery.
pub struct PreparedTable {
    table: RoutingTable,
    pools: Pools,
    revision: Revision,
    origin: Origin,
    trial: Option<Arc<Trial>>,
}

impl PreparedTable {
    /// The same, on trial.
    #[must_use]
    pub fn on(self, trial: Arc<Trial>) -> Self {
        Self { trial: Some(trial), ..self }
    }

    /// Its pools, e.g. to wait until they are settled.
    #[must_use]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }
}

/// One running edge. Shared by everything in it; reading takes no lock.
pub struct Edge {
    local: RegionName,
    started: Timestamp,
    metrics: Arc<Metrics>,
    fleet: Arc<Fleet>,
    pub(super) table: ArcSwapOption<LiveTable>,
    table_problem: ArcSwapOption<FileProblem>,
    places: ArcSwap<LivePlaces>,
    places_problem: ArcSwapOption<FileProblem>,
    hop_keys: ArcSwapOption<Keyring>,
    hop_keys_problem: ArcSwapOption<FileProblem>,
    admin_tokens: ArcSwapOption<AccessTokens>,
    admin_tokens_problem: ArcSwapOption<FileProblem>,
    secret_warnings: Mutex<BTreeMap<Secrets, Vec<String>>>,
    certificates: ArcSwap<Vec<LiveCertificate>>,
    challenges: Challenges,
    acme: ArcSwap<Vec<AcmeStanding>>,
    sampler: Sampler,
    pub(super) advice: ArcSwap<Vec<Advice>>,
    traffic: TrafficBook,
    /// Held by whoever makes a table live.
    pub(super) leases: Mutex<Leases>,
    hash_key: HashKey,
    changes: Changes,
    serving: AtomicBool,
    stopping: AtomicBool,
    stalled: AtomicBool,
}

/// The table does not have the region that the edge stands in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table has no region {local}, in which this edge stands; it has {}", .known.join(", "))]
pub struct LocalRegionMissing {
    /// The edge's region.
    pub local: RegionName,
    /// The table's regions.
    pub known: Vec<String>,
}

impl Edge {
    /// An edge in the region `local`, without a table and without places.
    #[must_use]
    pub fn new(local: RegionName, metrics: Arc<Metrics>) -> Self {
        Self::heir(local, metrics, Heritage::default())
    }

    /// The same, which goes on with what another process knew.
    #[must_use]
    pub fn heir(local: RegionName, metrics: Arc<Metrics>, heritage: Heritage) -> Self {
        let hash_key = heritage.hash_key.unwrap_or_else(HashKey::fresh);
        let fleet = Arc::<Fleet>::default();
        fleet.recall(heritage);
        Self {
            hash_key,
            changes: Changes::default(),
            local,
            started: clock::now(),
            metrics,
            fleet,
            table: ArcSwapOption::empty(),
            table_problem: ArcSwapOption::empty(),
            places: ArcSwap::default(),
            places_problem: ArcSwapOption::empty(),
            hop_keys: ArcSwapOption::empty(),
            hop_keys_problem: ArcSwapOption::empty(),
            admin_tokens: ArcSwapOption::empty(),
            admin_tokens_problem: ArcSwapOption::empty(),
            secret_warnings: Mutex::default(),
            certificates: ArcSwap::default(),
            challenges: Challenges::default(),
            acme: ArcSwap::default(),
            sampler: Sampler::default(),
            advice: ArcSwap::default(),
            traffic: TrafficBook::default(),
            leases: Mutex::default(),
            serving: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
        }
    }

    /// The same, with these changes of its table.
    #[must_use]
    pub fn with_changes(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    /// Changes of its table: what is remembered, and what operators want.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Counts how a request ended that `live` decided on, for who watches tables.
    pub fn count_outcome(&self, live: &LiveTable, failed: bool) {
        let second = clock::second();
        self.changes.outcomes().record(second, failed);
        if let Some(trial) = &live.trial {
            trial.outcomes().record(second, failed);
        }
    }

    /// The region that it stands in.
    #[must_use]
    pub fn local(&self) -> &RegionName {
        &self.local
    }

    /// When it started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Says that it takes requests: from now on it is ready.
    pub fn begin_to_serve(&self) {
        self.fleet.forget();
        self.serving.store(true, Ordering::Release);
    }

    /// Says that it is about to stop: from now on it is not ready.
    pub fn begin_to_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether it should get requests: a table is live, the listeners are open, it is not about to stop, and none of its
    /// threads is stuck.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.table.load().is_some() && self.serving.load(Ordering::Acquire) && !self.is_stopping() && !self.is_stalled()
    }

    /// Says whether a thread of it is stuck: while it is, the edge is not ready.
    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Release);
    }

    /// Whether a thread of it is stuck.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// Whether it is about to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Its metrics.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Its servers.
    #[must_use]
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// A sample of its recent requests.
    #[must_use]
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// The live table; `None` before the first.
    #[must_use]
    pub fn table(&self) -> Option<Arc<LiveTable>> {
        self.table.load_full()
    }

    /// The live place databases.
    #[must_use]
    pub fn places(&self) -> Arc<LivePlaces> {
        self.places.load_full()
    }

    /// Why the routing file is not live, where it is not.
    #[must_use]
    pub fn table_problem(&self) -> Option<Arc<FileProblem>> {
        self.table_problem.load_full()
    }

    /// Why the place databases' files are not live, where they are not.
    #[must_use]
    pub fn places_problem(&self) -> Option<Arc<FileProblem>> {
        self.places_problem.load_full()
    }

    /// Compiles a table and lets probes and discovery hear of its pools. It is not live yet. Where it has thousands of home
    /// rules that the one before has not, this thread sleeps between them, so that requests have its core.
    ///
    /// # Errors
    /// Where the table does not have this edge's region.
    pub fn prepare(
        &self,
        parts: TableParts,
        revision: Revision,
        origin: Origin,
    ) -> Result<PreparedTable, LocalRegionMissing> {
        let before = self.table.load_full();
        let table = RoutingTable::after(before.as_deref().map(|live| &live.table), parts, breathe);
        if table.region_id(self.local.as_str()).is_none() {
            let known = table.regions().iter().map(|region| region.name.to_string()).collect();
            return Err(LocalRegionMissing { local: self.local.clone(), known });
        }
        let local = table.region_id(self.local.as_str()).filter(|_| self.hop_keys.load().is_some());
        let pools = self.fleet.pools_for(&table, local);
        Ok(PreparedTable { table, pools, revision, origin, trial: None })
    }

    /// Makes a table live: each request that begins from now on is decided by it.
    ///
    /// # Errors
    /// Where the table does not have this edge's region.
    pub fn adopt(&self, prepared: PreparedTable) -> Result<Arc<LiveTable>, LocalRegionMissing> {
        let PreparedTable { table, pools, revision, origin, trial } = prepared;
        let Some(local) = table.region_id(self.local.as_str()) else {
            return Err(LocalRegionMissing { local: self.local.clone(), known: Vec::new() });
        };
        let pairs = table.services().len() * table.regions().len();
        // Until the table is live, so that no drain comes in between and is forgotten.
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let table = table.with_drains(leases.drains_on(&table));
        let TableTraffic { regions, matrix, unserved } = self.traffic.of(&table);
        let live = Arc::new(LiveTable {
            meters: Arc::new(RequestMeters::new(&self.metrics, &table, local)),
            traffic: regions,
            flop_matrix: Arc::new(matrix),
            unserved,
            learned: self.learned_of(&table),
            limiters: self.limiters_of(&table),
            gates: self.gates_of(&table),
            edge_refusals: std::iter::repeat_with(AtomicU64::default).take(pairs).collect(),
            budgets: LiveTable::budgets_for(self.table.load().as_deref(), &table),
            hops: self.hop_keys.load().is_some(),
            trial,
            since: clock::now(),
            table,
            revision,
            origin,
            local,
            pools: Arc::new(pools),
        });
        self.table.store(Some(Arc::clone(&live)));
        drop(leases);
        Ok(live)
    }

    /// What is learned goes on across tables as long as a service learns by the same rules.
    fn learned_of(&self, table: &RoutingTable) -> Box<[Option<Arc<LearnedHomes>>]> {
        let before = self.table.load();
        let held = |name: &ServiceName, rules: Learning| {
            let live = before.as_ref()?;
            let (id, _) = live.table.services_by_id().find(|(_, service)| service.name == *name)?;
            live.learned.get(id.index())?.clone().filter(|learned| learned.rules() == rules)
        };
        let of_service = |service: &Service| {
            let rules = service.session.as_ref()?.learn?;
            Some(held(&service.name, rules).unwrap_or_else(|| Arc::new(LearnedHomes::new(rules, self.hash_key))))
        };
        table.services().iter().map(of_service).collect()
    }

    /// What a service was asked for goes on counting across tables as long as its limit is the same.
    fn limiters_of(&self, table: &RoutingTable) -> Box<[Option<Arc<RateLimiter>>]> {
        let before = self.table.load();
        let held: HashMap<_, _> = before
            .iter()
            .flat_map(|live| live.table.services().iter().zip(&live.limiters))
            .filter_map(|(service, limiter)| Some((&service.name, limiter.as_ref()?)))
            .collect();
        let of_service = |service: &Service| {
            let rule = service.rate_limit.as_ref()?;
            let held = held.get(&service.name).filter(|limiter| limiter.rule() == rule);
            let fresh = || Arc::new(RateLimiter::new(rule.clone(), self.hash_key));
            Some(held.map_or_else(fresh, |limiter| Arc::clone(limiter)))
        };
        table.services().iter().map(of_service).collect()
    }

    /// What was settled at a gate stays so across tables as long as its rules are the same.
    fn gates_of(&self, table: &RoutingTable) -> Box<[Option<Arc<SessionGate>>]> {
        let before = self.table.load();
        let of_service = |service: &Service| {
            service.session.as_ref()?;
            let rules = service.resilience.gate;
            let held = before.as_ref().and_then(|live| {
                let (id, _) = live.table.services_by_id().find(|(_, other)| other.name == service.name)?;
                live.gate(id).filter(|gate| gate.rules() == rules)
            });
            held.cloned().or_else(|| SessionGate::new(rules, self.hash_key).map(Arc::new))
        };
        table.services().iter().map(of_service).collect()
    }

    /// What another process has to know before it has a table.
    #[must_use]
    pub fn heritage(&self) -> Heritage {
        Heritage { hash_key: Some(self.hash_key), ..self.fleet.memory() }
    }

    /// What was counted up to now, for another process.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.table().map(|live| live.counts(clock::elapsed())).unwrap_or_default()
    }

    /// Takes in what another process has counted up to now, of what the live table knows too.
    pub fn recall(&self, counts: &Counts) {
        if let Some(live) = self.table() {
            live.recall(counts, clock::elapsed());
        }
    }

    /// The keys that hops are signed with; `None` where hops are off.
    #[must_use]
    pub fn hop_keys(&self) -> Option<Arc<Keyring>> {
        self.hop_keys.load_full()
    }

    /// Turns hops on with these keys, or takes others from now on. Hops can only be turned on before the first table.
    pub fn set_hop_keys(&self, keys: Keyring) {
        self.hop_keys.store(Some(Arc::new(keys)));
        self.hop_keys_problem.store(None);
    }

    /// Why the file of the hop keys is not what is used, where it is not.
    #[must_use]
    pub fn hop_keys_problem(&self) -> Option<Arc<FileProblem>> {
        self.hop_keys_problem.load_full()
    }

    /// Says why newer hop keys are not used. The old ones are.
    pub fn set_hop_keys_problem(&self, problem: FileProblem) {
        self.hop_keys_problem.store(Some(Arc::new(problem)));
    }

    /// The tokens of its admin address; `None` where nobody is let in by one.
    #[must_use]
    pub fn admin_tokens(&self) -> Option<Arc<AccessTokens>> {
        self.admin_tokens.load_full()
    }

    /// Takes these tokens from now on.
    pub fn set_admin_tokens(&self, tokens: AccessTokens) {
        self.admin_tokens.store(Some(Arc::new(tokens)));
        self.admin_tokens_problem.store(None);
    }

    /// Why the newest tokens are not what is used, where they are not.
    #[must_use]
    pub fn admin_tokens_problem(&self) -> Option<Arc<FileProblem>> {
        self.admin_tokens_problem.load_full()
    }

    /// Says why newer tokens are not used. The old ones are.
    pub fn set_admin_tokens_problem(&self, problem: FileProblem) {
        self.admin_tokens_problem.store(Some(Arc::new(problem)));
    }

    /// What should worry somebody about the files of its secrets: one line each, without anything of what is in them.
    #[must_use]
    pub fn secret_warnings(&self) -> Vec<String> {
        let all = self.secret_warnings.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().flatten().cloned().collect()
    }

    /// Says what should worry somebody about these secrets; what was said of them before is forgotten.
    pub fn set_secret_warnings(&self, of: Secrets, warnings: Vec<String>) {
        self.secret_warnings.lock().unwrap_or_else(PoisonError::into_inner).insert(of, warnings);
    }

    /// The files of certificates of its listeners, each once; none where no listener speaks TLS.
    #[must_use]
    pub fn certificates(&self) -> Arc<Vec<LiveCertificate>> {
        self.certificates.load_full()
    }

    /// Says which certificates are live, and shows when they expire.
    pub fn set_certificates(&self, certificates: Vec<LiveCertificate>) {
        let first = |certificate: &LiveCertificate| certificate.names().into_iter().next().unwrap_or_default();
        self.metrics.set_certificates(certificates.iter().map(|each| (first(each), each.expires())));
        self.certificates.store(Arc::new(certificates));
    }

    /// The challenges of authorities that are pending.
    #[must_use]
    pub fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// The certificates that are had by ACME, in the order of the settings.
    #[must_use]
    pub fn acme(&self) -> Arc<Vec<AcmeStanding>> {
        self.acme.load_full()
    }

    /// Says how the certificates stand that are had by ACME.
    pub fn set_acme(&self, standings: Vec<AcmeStanding>) {
        self.acme.store(Arc::new(standings));
    }

    /// Says that the routing file is live again, or why it is not. The live table stays as it is.
    pub fn set_table_problem(&self, problem: Option<FileProblem>) {
        self.table_problem.store(problem.map(Arc::new));
    }

    /// Makes place databases live.
    pub fn set_places(&self, places: LivePlaces) {
        self.places.store(Arc::new(places));
        self.places_problem.store(None);
    }

    /// Says why newer place databases are not live. The live ones stay.
    pub fn set_places_problem(&self, problem: FileProblem) {
        self.places_problem.store(Some(Arc::new(problem)));
    }

    /// Takes in what a probe or a request saw of a server, and logs what that changed.
    pub fn observe(&self, server: &Arc<super::fleet::Server>, observation: Observation) {
        for transition in self.fleet.observe(server, observation) {
            self.tell(&transition);
        }
    }

    /// Says what changed of a server or a pool, in the log and the metrics.
    pub fn tell(&self, transition: &Transition) {
        if let Transition::Ejected { server, ejection } = transition {
            self.metrics.ejection(&server.purpose().to_string(), server.region().as_str(), ejection.why.as_str());
        }
        log_transition(transition);
    }
}

/// Says what changed of a server or a pool.
fn log_transition(transition: &Transition) {
    if transition.healthy() {
        tracing::info!("{transition}");
    } else {
        tracing::warn!("{transition}");
    }
}

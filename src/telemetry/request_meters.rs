//! The counters of requests, found without writing a label.
//!
//! A label is written once: when the first request of its kind comes. From then on the counter is found by the numbers of
//! service and regions, along cells that are filled once and never locked. A table has its own cells, all tables share the
//! series behind them.

use super::metrics::{Families, Metrics};
use super::series::OTHER;
use super::words::{RetryResult, UpstreamResult};
use crate::model::{RegionId, ServiceId};
use crate::routing::{Away, Decision, RoutingTable, SessionKey, SessionState};
use prometheus::{Histogram, IntCounter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The label value of a region that is not there.
const NONE: &str = "none";

/// The classes of status codes; what is no status code is the last.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", OTHER];
/// What can make a home.
const HOME_BY: [&str; 7] = ["session", "network", "subdivision", "country", "continent", "nearest", "otherwise"];
/// What can come out.
const OUTCOMES: [&str; 4] = ["home", "substitute", "wait", "nobody"];
/// What a request can say of a session.
const KEYS: [&str; 4] = ["none", "valid", "malformed", "unknown_prefix"];

/// The most cells of one table: 16 MiB. They are enough for 20,000 routes (service, home, serving region); the rest
/// share `other`.
const MOST_CELLS: usize = 1 << 20;

/// The counters of requests for one routing table, seen from one region.
pub struct RequestMeters {
    families: Arc<Families>,
    local: RegionId,
    service_names: Vec<Box<str>>,
    region_names: Vec<Box<str>>,
    services: Vec<OnceLock<ServiceMeters>>,
    cells: AtomicUsize,
    decisions: Vec<IntCounter>,
    keys: Vec<IntCounter>,
    /// For requests that no service answers to.
    without_service: OnceLock<Route>,
    /// For routes beyond the bound.
    other: OnceLock<Route>,
}

struct ServiceMeters {
    homes: Vec<OnceLock<HomeMeters>>,
    pools: Vec<OnceLock<Box<PoolMeters>>>,
}

struct HomeMeters {
    flops: OnceLock<IntCounter>,
    /// By serving region; the last is nobody.
    routes: Vec<OnceLock<Box<Route>>>,
}

struct Route {
    duration: Histogram,
    /// By session state and class.
    requests: [OnceLock<IntCounter>; SessionState::ALL.len() * CLASSES.len()],
    /// By why home was away.
    substitutions: [OnceLock<IntCounter>; 4],
}

#[derive(Default)]
struct PoolMeters {
    requests: [OnceLock<IntCounter>; UpstreamResult::ALL.len()],
    retries: [OnceLock<IntCounter>; RetryResult::ALL.len()],
}

fn cells<T>(count: usize) -> Vec<OnceLock<T>> {
    std::iter::repeat_with(OnceLock::new).take(count).collect()
}

impl Route {
    fn new(duration: Histogram) -> Self {
        Self { duration, requests: Default::default(), substitutions: Default::default() }
    }
}

impl RequestMeters {
    /// Meters for decisions made from `table` at an edge in `local`.
    #[must_use]
    pub fn new(metrics: &Metrics, table: &RoutingTable, local: RegionId) -> Self {
        let families = Arc::clone(&metrics.families);
        let pairs = HOME_BY.iter().flat_map(|home_by| OUTCOMES.iter().map(move |outcome| [*home_by, *outcome]));
        Self {
            local,
            service_names: table.services().iter().map(|service| service.name.as_str().into()).collect(),
            region_names: table.regions().iter().map(|region| region.name.as_str().into()).collect(),
            services: cells(table.services().len()),
            cells: AtomicUsize::new(0),
            decisions: pairs.map(|pair| families.decisions.get(&pair)).collect(),
            keys: KEYS.iter().map(|key| families.session_keys.get(&[key])).collect(),
            without_service: OnceLock::new(),
            other: OnceLock::new(),
            families,
        }
    }

    /// Counts a request that was decided and answered with `status` after `duration`.
    pub fn record(&self, decision: &Decision, status: u16, duration: Duration) {
        self.count_decision(decision);
        let state = decision.session(self.local);
        let names = [self.service_name(decision.service), self.region_name(decision.home), self.served_name(decision)];
        let (route, [service, home, region]) = match self.route(decision) {
            Some(route) => (route, names),
            None => (self.other_route(), [OTHER; 3]),
        };
        route.duration.observe(duration.as_secs_f64());
        let class = class_of(status);
        count(route.requests.get(state as usize * CLASSES.len() + class), || {
            self.families.requests.get(&[service, home, region, state.as_str(), CLASSES[class]])
        });
        if let (Some(why), Some(to)) = (decision.home_is_away, decision.region())
            && to != decision.home
        {
            count(route.substitutions.get(away_index(why)), || {
                self.families.substitutions.get(&[home, region, why.as_str()])
            });
        }
    }

    /// Counts a request that no service answers to.
    pub fn no_service(&self, status: u16, duration: Duration) {
        let route = self.without_service.get_or_init(|| Route::new(self.families.duration.get(&[OTHER, NONE])));
        route.duration.observe(duration.as_secs_f64());
        let (state, class) = (SessionState::New, class_of(status));
        count(route.requests.get(state as usize * CLASSES.len() + class), || {
            self.families.requests.get(&[OTHER, NONE, NONE, state.as_str(), CLASSES[class]])
        });
    }

    /// Counts one request to a server of `service` in `region`, each try by itself.
    pub fn upstream(&self, service: ServiceId, region: RegionId, result: UpstreamResult) {
        count(self.pool(service, region).and_then(|pool| pool.requests.get(result as usize)), || {
            let labels = [self.service_name(service), self.region_name(region), result.as_str()];
            self.families.upstream_requests.get(&labels)
        });
    }

    /// Counts one retry of a request to the servers of `service` in `region`.
    pub fn retry(&self, service: ServiceId, region: RegionId, result: RetryResult) {
        count(self.pool(service, region).and_then(|pool| pool.retries.get(result as usize)), || {
            let labels = [self.service_name(service), self.region_name(region), result.as_str()];
            self.families.upstream_retries.get(&labels)
        });
    }

    fn count_decision(&self, decision: &Decision) {
        let (home_by, outcome) = (decision.home_by.as_str(), decision.outcome_word());
        let at = position(&HOME_BY, home_by).zip(position(&OUTCOMES, outcome));
        match at.and_then(|(home_by, outcome)| self.decisions.get(home_by * OUTCOMES.len() + outcome)) {
            Some(counter) => counter.inc(),
            None => self.families.decisions.get(&[home_by, outcome]).inc(),
        }
        let key = decision.key.as_str();
        match position(&KEYS, key).and_then(|at| self.keys.get(at)) {
            Some(counter) => counter.inc(),
            None => self.families.session_keys.get(&[key]).inc(),
        }
        if let SessionKey::Names(home) = decision.key
            && home != self.local
        {
            count(self.home(decision.service, home).map(|home| &home.flops), || {
                let labels =
                    [self.service_name(decision.service), self.region_name(self.local), self.region_name(home)];
                self.families.flops.get(&labels)
            });
        }
    }

    /// What is in `cell`, put there where it is still empty and the bound on cells leaves room for `cost` more.
    fn grown<'c, T>(&self, cell: &'c OnceLock<T>, cost: usize, make: impl FnOnce() -> T) -> Option<&'c T> {
        if let Some(found) = cell.get() {
            return Some(found);
        }
        if self.cells.fetch_add(cost, Ordering::Relaxed) >= MOST_CELLS {
            self.cells.fetch_sub(cost, Ordering::Relaxed);
            return None;
        }
        Some(cell.get_or_init(make))
    }

    fn service(&self, service: ServiceId) -> Option<&ServiceMeters> {
        let regions = self.region_names.len();
        let make = || ServiceMeters { homes: cells(regions), pools: cells(regions) };
        self.grown(self.services.get(service.index())?, 8 * regions, make)
    }

    fn home(&self, service: ServiceId, home: RegionId) -> Option<&HomeMeters> {
        let routes = self.region_names.len() + 1;
        let make = || HomeMeters { flops: OnceLock::new(), routes: cells(routes) };
        self.grown(self.service(service)?.homes.get(home.index())?, routes, make)
    }

    /// `None` beyond the bound, and for ids of another table.
    fn route(&self, decision: &Decision) -> Option<&Route> {
        let home = self.home(decision.service, decision.home)?;
        let cell = home.routes.get(decision.region().map_or(self.region_names.len(), RegionId::index))?;
        let labels = [self.service_name(decision.service), self.served_name(decision)];
        self.grown(cell, size_of::<Route>() / size_of::<OnceLock<IntCounter>>(), || {
            Box::new(Route::new(self.families.duration.get(&labels)))
        })
        .map(AsRef::as_ref)
    }

    fn other_route(&self) -> &Route {
        self.other.get_or_init(|| Route::new(self.families.duration.get(&[OTHER, OTHER])))
    }

    fn pool(&self, service: ServiceId, region: RegionId) -> Option<&PoolMeters> {
        let cell = self.service(service)?.pools.get(region.index())?;
        self.grown(cell, 0, || Box::new(PoolMeters::default())).map(AsRef::as_ref)
    }

    fn service_name(&self, service: ServiceId) -> &str {
        self.service_names.get(service.index()).map_or(OTHER, AsRef::as_ref)
    }

    fn region_name(&self, region: RegionId) -> &str {
        self.region_names.get(region.index()).map_or(OTHER, AsRef::as_ref)
    }

    fn served_name(&self, decision: &Decision) -> &str {
        decision.region().map_or(NONE, |region| self.region_name(region))
    }
}

/// Counts with the counter in the cell, which is made where there is none yet; without a cell, with one made for this once.
fn count(cell: Option<&OnceLock<IntCounter>>, make: impl FnOnce() -> IntCounter) {
    match cell {
        Some(cell) => cell.get_or_init(make).inc(),
        None => make().inc(),
    }
}

fn position(words: &[&str], word: &str) -> Option<usize> {
    words.iter().position(|known| *known == word)
}

fn class_of(status: u16) -> usize {
    match status {
        100..600 => usize::from(status / 100) - 1,
        _ => CLASSES.len() - 1,
    }
}

fn away_index(why: Away) -> usize {
    match why {
        Away::Drained { .. } => 0,
        Away::NoHealthyServer => 1,
        Away::NoPool => 2,
        Away::OverCapacity => 3,
    }
}

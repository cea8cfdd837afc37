//! The counters of requests, found without writing a label.
//!
//! A label is written once: when the first request of its kind comes. From then on the counter is found by the numbers of
//! service and regions, along cells that are filled once and never locked. A table has its own cells, all tables share the
//! series behind them.

use super::metrics::{Families, Metrics};
use super::series::OTHER;
use super::words::{GatePassage, Rejection, RetryResult, Reused, UpstreamResult};
use crate::model::{GrpcStatus, RegionId, ServiceId};
use crate::routing::{Arrived, Away, Decision, HomeBy, RoutingTable, SessionKey, SessionState};
use prometheus::{Histogram, IntCounter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The label value of a region that is not there.
const NONE: &str = "none";

/// The classes of status codes; what is no status code is the last.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", OTHER];
/// What can make a home.
const HOME_BY: [&str; HomeBy::WORDS.len()] = HomeBy::WORDS;
/// What can come out.
const OUTCOMES: [&str; 4] = ["home", "substitute", "wait", "nobody"];
/// What a request can say of a session.
const KEYS: [&str; SessionKey::WORDS.len()] = SessionKey::WORDS;

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
    gate: [OnceLock<IntCounter>; GatePassage::ALL.len()],
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
    substitutions: [OnceLock<IntCounter>; Away::WORDS.len()],
}

#[derive(Default)]
struct PoolMeters {
    requests: [OnceLock<IntCounter>; UpstreamResult::ALL.len()],
    retries: [OnceLock<IntCounter>; RetryResult::ALL.len()],
    rejected: [OnceLock<IntCounter>; Rejection::ALL.len()],
    connections: [OnceLock<IntCounter>; Reused::ALL.len()],
    grpc: [OnceLock<IntCounter>; GrpcStatus::ALL.len()],
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
            count(route.substitutions.get(why.index()), || {
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

    /// Counts a request that was kept from the servers of `service` in `region`.
    pub fn rejected(&self, service: ServiceId, region: RegionId, why: Rejection) {
        count(self.pool(service, region).and_then(|pool| pool.rejected.get(why as usize)), || {
            let labels = [self.service_name(service), self.region_name(region), why.as_str()];
            self.families.overload.rejected.get(&labels)
        });
    }

    /// Counts a request of `service` that came to its gate.
    pub fn gate(&self, service: ServiceId, passage: GatePassage) {
        count(self.service(service).and_then(|service| service.gate.get(passage as usize)), || {
            self.families.gate.get(&[self.service_name(service), passage.as_str()])
        });
    }

    /// Counts a connection to a server of `service` in `region` that a request is sent on.
    pub fn connection(&self, service: ServiceId, region: RegionId, reused: Reused) {
        count(self.pool(service, region).and_then(|pool| pool.connections.get(reused as usize)), || {
            let labels = [self.service_name(service), self.region_name(region), reused.as_str()];
            self.families.upstream_connections.get(&labels)
        });
    }

    /// Counts a gRPC call of `service` that was served in `region`.
    pub fn grpc(&self, service: ServiceId, region: RegionId, status: GrpcStatus) {
        count(self.pool(service, region).and_then(|pool| pool.grpc.get(status as usize)), || {
            let labels = [self.service_name(service), self.region_name(region), status.as_str()];
            self.families.grpc_calls.get(&labels)
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
        // A flop is counted where it arrived: not again behind a hop.
        if let Some(home) = decision.key.home()
            && home != self.local
            && !matches!(decision.arrived, Arrived::ByHop(_))
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
        let make = || ServiceMeters { gate: Default::default(), homes: cells(regions), pools: cells(regions) };
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

#[cfg(test)]
mod tests {
    use super::super::metrics::{DrainRow, PoolRow, RegionRow};
    use super::super::overload::LoadRow;
    use super::super::words::{ProbeOutcome, ProbeWord};
    use super::*;
    use crate::model::{Https, PathPrefix, Service, Share, Timeouts, Timestamp, WhenHomeIsAway};
    use crate::routing::{HomeBy, Matched, Outcome, Region, TableParts, Way};
    use crate::session::KeyProblem;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn table(regions: usize) -> RoutingTable {
        let region = |at| {
            let name = format!("r{at}");
            Region::named(name.parse().unwrap(), name.parse().unwrap())
        };
        let service = Service {
            name: "portal".parse().unwrap(),
            hosts: vec!["portal.example.com".parse().unwrap()],
            paths: vec![PathPrefix::root()],
            session: None,
            when_home_is_away: WhenHomeIsAway::default(),
            balance: Default::default(),
            timeouts: Timeouts::default(),
            resilience: Default::default(),
            largest_body: None,
            https: Https::default(),
            rate_limit: None,
            clients: None,
            methods: None,
            pools: Vec::new(),
        };
        RoutingTable::new(TableParts {
            regions: (0..regions).map(region).collect(),
            services: vec![service],
            ..TableParts::default()
        })
    }

    fn region(at: usize) -> RegionId {
        RegionId::at(at).unwrap()
    }

    fn service() -> ServiceId {
        ServiceId::at(0).unwrap()
    }

    fn metrics() -> Metrics {
        Metrics::new("1.2.3", Timestamp::UNIX_EPOCH).unwrap()
    }

    fn meters(metrics: &Metrics) -> RequestMeters {
        RequestMeters::new(metrics, &table(3), region(0))
    }

    fn to(home: usize, by: usize, key: SessionKey) -> Decision {
        let home_by = match key {
            SessionKey::Names(_) => HomeBy::Session,
            _ => HomeBy::Rule { rule: 0, matched: Matched::Country, nearest: None },
        };
        Decision {
            service: service(),
            arrived: Arrived::Here,
            key,
            home: region(home),
            home_by,
            place: None,
            home_is_away: (home != by).then_some(Away::NoHealthyServer),
            passed_over: Default::default(),
            outcome: Outcome::Serve { region: region(by), way: Way::Pool, despite: None },
        }
    }

    fn expect(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.render();
        for line in lines {
            assert!(text.lines().any(|found| found == format!("homeward_{line}")), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_request_is_counted_by_what_became_of_it() {
        let metrics = metrics();
        let meters = meters(&metrics);
        let took = Duration::from_millis(20);
        meters.record(&to(0, 0, SessionKey::Names(region(0))), 200, took);
        meters.record(&to(0, 0, SessionKey::Names(region(0))), 204, took);
        meters.record(&to(1, 1, SessionKey::Names(region(1))), 302, took);
        meters.record(&to(1, 2, SessionKey::Names(region(1))), 200, took);
        meters.record(&to(2, 2, SessionKey::Unusable(KeyProblem::UnknownPrefix)), 999, took);
        let nobody = Decision { outcome: Outcome::Nobody { retry_after: 5 }, ..to(1, 1, SessionKey::Missing) };
        meters.record(&nobody, 503, took);
        meters.no_service(404, took);
        expect(
            &metrics,
            &[
                "requests_total{code=\"2xx\",home=\"r0\",region=\"r0\",service=\"portal\",session=\"home\"} 2",
                "requests_total{code=\"3xx\",home=\"r1\",region=\"r1\",service=\"portal\",session=\"flopped\"} 1",
                "requests_total{code=\"2xx\",home=\"r1\",region=\"r2\",service=\"portal\",session=\"orphaned\"} 1",
                "requests_total{code=\"other\",home=\"r2\",region=\"r2\",service=\"portal\",session=\"new\"} 1",
                "requests_total{code=\"5xx\",home=\"r1\",region=\"none\",service=\"portal\",session=\"new\"} 1",
                "requests_total{code=\"4xx\",home=\"none\",region=\"none\",service=\"other\",session=\"new\"} 1",
                "flops_total{from=\"r0\",service=\"portal\",to=\"r1\"} 2",
                "substitutions_total{from=\"r1\",to=\"r2\",why=\"NoHealthyServer\"} 1",
                "decisions_total{home_by=\"session\",outcome=\"home\"} 3",
                "decisions_total{home_by=\"session\",outcome=\"substitute\"} 1",
                "decisions_total{home_by=\"country\",outcome=\"nobody\"} 1",
                "decisions_total{home_by=\"network\",outcome=\"home\"} 0",
                "session_keys_total{result=\"valid\"} 4",
                "session_keys_total{result=\"unknown_prefix\"} 1",
                "request_duration_seconds_bucket{region=\"r0\",service=\"portal\",le=\"0.01\"} 0",
                "request_duration_seconds_bucket{region=\"r0\",service=\"portal\",le=\"0.025\"} 2",
                "request_duration_seconds_count{region=\"none\",service=\"other\"} 1",
            ],
        );
    }

    #[test]
    fn tries_and_retries_are_counted_by_result() {
        let metrics = metrics();
        let meters = meters(&metrics);
        for result in UpstreamResult::ALL {
            meters.upstream(service(), region(1), *result);
        }
        meters.retry(service(), region(1), RetryResult::Succeeded);
        meters.connection(service(), region(1), Reused::Yes);
        meters.grpc(service(), region(1), GrpcStatus::Unavailable);
        meters.upstream(service(), region(77), UpstreamResult::Answered);
        expect(
            &metrics,
            &[
                "upstream_requests_total{region=\"r1\",result=\"answered\",service=\"portal\"} 1",
                "upstream_requests_total{region=\"r1\",result=\"client_left\",service=\"portal\"} 1",
                "upstream_requests_total{region=\"other\",result=\"answered\",service=\"portal\"} 1",
                "upstream_retries_total{region=\"r1\",result=\"succeeded\",service=\"portal\"} 1",
                "upstream_connections_total{region=\"r1\",reused=\"true\",service=\"portal\"} 1",
                "grpc_calls_total{region=\"r1\",service=\"portal\",status=\"unavailable\"} 1",
            ],
        );
    }

    #[test]
    fn two_tables_share_their_series() {
        let metrics = metrics();
        let took = Duration::from_millis(1);
        meters(&metrics).record(&to(0, 0, SessionKey::Missing), 200, took);
        meters(&metrics).record(&to(0, 0, SessionKey::Missing), 200, took);
        let series = "requests_total{code=\"2xx\",home=\"r0\",region=\"r0\",service=\"portal\",session=\"new\"} 2";
        expect(&metrics, &[series]);
    }

    #[test]
    fn series_and_memory_are_bounded() {
        let metrics = metrics();
        let regions = 250;
        let meters = RequestMeters::new(&metrics, &table(regions), region(0));
        for home in 0..regions {
            for by in 0..regions {
                meters.record(&to(home, by, SessionKey::Missing), 200, Duration::ZERO);
            }
        }
        let text = metrics.render();
        let series: Vec<_> = text.lines().filter(|line| line.starts_with("homeward_requests_total{")).collect();
        assert!(series.len() <= 20_001, "{}", series.len());
        let count = |line: &&str| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
        assert_eq!(series.iter().map(count).sum::<usize>(), regions * regions, "nothing is lost");
        assert!(series.iter().any(|line| line.contains("home=\"other\",region=\"other\",service=\"other\"")));
        assert!(meters.cells.load(Ordering::Relaxed) <= MOST_CELLS + 1000);
    }

    #[test]
    fn counting_allocates_nothing_once_the_kind_of_request_is_known() {
        let metrics = metrics();
        let meters = meters(&metrics);
        let decision = to(1, 2, SessionKey::Names(region(1)));
        let count = || {
            meters.record(&decision, 200, Duration::from_millis(3));
            meters.upstream(service(), region(2), UpstreamResult::Answered);
            drop(metrics.open_request());
        };
        count();
        assert_eq!(allocation_counter::measure(count).count_total, 0);
    }

    #[test]
    fn promtool_finds_nothing_to_complain_of() {
        let metrics = metrics();
        let meters = meters(&metrics);
        meters.record(&to(1, 2, SessionKey::Names(region(1))), 200, Duration::from_millis(3));
        meters.no_service(404, Duration::ZERO);
        meters.upstream(service(), region(2), UpstreamResult::Answered);
        meters.retry(service(), region(2), RetryResult::Failed);
        meters.grpc(service(), region(2), GrpcStatus::Ok);
        meters.gate(service(), GatePassage::Ahead);
        metrics.set_gates([("portal", 1)]);
        metrics.set_retry_budgets([("portal", "r1", 0.5)]);
        meters.connection(service(), region(2), Reused::No);
        metrics.probe("portal", "r1", ProbeWord::Deep, ProbeOutcome::Failed);
        metrics.ejection("portal", "r1", "success_rate");
        metrics.set_ejected([("portal", "r1", 1)]);
        metrics.rate_limited("portal");
        metrics.stalled("control", false);
        metrics.set_edge("r1", true);
        metrics.set_capacities([("r1", 1200.0)]);
        metrics.set_drain_ends([("r1", None, Timestamp::UNIX_EPOCH)]);
        metrics.set_held_drains([("r1", None)]);
        metrics.set_regions([RegionRow {
            region: "r1",
            share: Share::NONE,
            away: &[Away::NoPool],
            room: Some(Share::NONE),
            worth_draining: true,
            remainder: [0.0; 3],
        }]);
        metrics.set_drains([DrainRow { region: "r1", by: Some("on\"call\\\n\u{e9}"), until: None }]);
        metrics.set_pools([PoolRow { service: "portal", region: "r1", servers: 2, healthy: 0 }]);
        meters.rejected(service(), region(1), Rejection::Shed);
        metrics.set_loads([LoadRow {
            service: "portal",
            region: "r1",
            active: 1,
            pending: 2,
            limit: Some(3),
            breaker: 2,
            open_servers: 1,
        }]);
        metrics.table_applied("abc", Timestamp::UNIX_EPOCH);
        metrics.geoip_applied(Some(Timestamp::UNIX_EPOCH));
        metrics.set_certificates([("a.example.com".to_owned(), Timestamp::UNIX_EPOCH)]);
        let text = metrics.render();
        for definition in super::super::names::ALL {
            assert!(text.contains(&format!("# HELP {} {}\n", definition.name, definition.help)), "{}", definition.name);
            assert!(text.contains(&format!("# TYPE {} {}\n", definition.name, definition.kind.as_str())));
        }
        let promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut promtool) = promtool else { return }; // not installed: the checks of names stand in for it
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
    }
}

//! All metrics of one edge.

use super::names;
use super::overload::Overload;
use super::series::Series;
use super::servers::ServerMeters;
use super::standing::Standing;
use super::words::{
    AcmeResult, AdminRefusal, ConnectionRefusal, CutOff, GeoLookup, GuardResult, HandoverResult, HopResult, MintResult,
    ReplayResult, TlsReload,
};
use crate::model::{Share, Timestamp};
use crate::routing::Away;
use prometheus::{Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};
use std::sync::Arc;

/// The most series of a counter that grows with services and regions.
pub(super) const MOST_SERIES: usize = 20_000;
/// The most series of a histogram, each of which is as large as 17 others.
const MOST_HISTOGRAMS: usize = 2_000;
/// The longest label value that an operator writes, in bytes.
const LONGEST_LABEL: usize = 128;

/// What can be left of a region under a drain.
const REMAINDERS: [&str; 3] = ["visitors", "sessions", "streams"];

/// Why the metrics could not be set up: a mistake in their definitions.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be set up: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// The metrics of one edge, in a registry of their own. Clones share everything.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    pub(super) families: Arc<Families>,
}

/// One field a metric, in the order of `names`.
pub(super) struct Families {
    pub(super) requests: Series<IntCounter>,
    open: IntGauge,
    connections_open: IntGauge,
    connections_cut: Vec<IntCounter>,
    handshakes_completed: IntCounter,
    handshakes_failed: IntCounter,
    pub(super) duration: Series<Histogram>,
    pub(super) flops: Series<IntCounter>,
    pub(super) decisions: Series<IntCounter>,
    pub(super) session_keys: Series<IntCounter>,
    minted_keys: Vec<IntCounter>,
    hop_tokens: Vec<IntCounter>,
    connections_refused: Vec<IntCounter>,
    rate_limited: Series<IntCounter>,
    replays: Vec<IntCounter>,
    pub(super) substitutions: Series<IntCounter>,
    geo_lookups: Vec<IntCounter>,
    share: Series<Gauge>,
    away: Series<IntGauge>,
    room: Series<Gauge>,
    worth_draining: Series<IntGauge>,
    remainder: Series<Gauge>,
    drains: Series<IntGauge>,
    pub(super) upstream_requests: Series<IntCounter>,
    pub(super) upstream_retries: Series<IntCounter>,
    pub(super) upstream_connections: Series<IntCounter>,
    retry_budget: Series<Gauge>,
    pub(super) grpc_calls: Series<IntCounter>,
    pub(super) overload: Overload,
    pub(super) gate: Series<IntCounter>,
    healthy: Series<IntGauge>,
    servers: Series<IntGauge>,
    table: Series<IntGauge>,
    table_applied: IntCounter,
    table_unchanged: IntCounter,
    table_refused: IntCounter,
    table_last_success: Series<Gauge>,
    table_stale: IntGauge,
    guard: Vec<IntCounter>,
    geoip_build: Series<Gauge>,
    geoip_applied: IntCounter,
    geoip_refused: IntCounter,
    certificate_expiry: Series<Gauge>,
    tls_reloads: Vec<IntCounter>,
    acme_orders: Vec<IntCounter>,
    admin_refusals: Vec<IntCounter>,
    access_log_dropped: IntCounter,
    handovers: Vec<IntCounter>,
    stalled: Series<IntGauge>,
    pub(super) standing: Standing,
    pub(super) servers_seen: ServerMeters,
}

/// What is shown of one region.
#[derive(Debug, Clone, Copy)]
pub struct RegionRow<'a> {
    /// Its name.
    pub region: &'a str,
    /// The part of new visitors that its drains leave it.
    pub share: Share,
    /// Why it is away; empty where it is not.
    pub away: &'a [Away],
    /// The part of the new visitors at home there that it has room for; `None` where it has no capacity.
    pub room: Option<Share>,
    /// Whether it stands out, so that it is worth draining.
    pub worth_draining: bool,
    /// What it still gets: requests a second of new visitors and of sessions, and open streams.
    pub remainder: [f64; 3],
}

/// What is shown of one drain in force.
#[derive(Debug, Clone, Copy)]
pub struct DrainRow<'a> {
    /// The drained region's name.
    pub region: &'a str,
    /// Who drains. At most 128 bytes of it are shown.
    pub by: Option<&'a str>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// What is shown of one service's servers in one region.
#[derive(Debug, Clone, Copy)]
pub struct PoolRow<'a> {
    /// The service's name.
    pub service: &'a str,
    /// The region's name.
    pub region: &'a str,
    /// How many servers are known.
    pub servers: usize,
    /// How many of them are healthy.
    pub healthy: usize,
}

/// A request or a connection: counted as open until this is dropped.
#[derive(Debug)]
pub struct Open(IntGauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// The metrics of a process of this `version` that `started` then.
    ///
    /// # Errors
    /// Only where a definition in `names` is not valid.
    pub fn new(version: &str, started: Timestamp) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let counters = |definition| Series::<IntCounter>::new(&registry, definition, MOST_SERIES);
        let gauges = |definition| Series::<IntGauge>::new(&registry, definition, MOST_SERIES);
        let reals = |definition| Series::<Gauge>::new(&registry, definition, MOST_SERIES);
        gauges(names::BUILD)?.get(&[version]).set(1);
        reals(names::PROCESS_START)?.get(&[]).set(seconds(started));

        let each = |series: Series<IntCounter>, words: &mut dyn Iterator<Item = &'static str>| {
            words.map(|word| series.get(&[word])).collect::<Vec<_>>()
        };
        let geo_lookups = counters(names::GEO_LOOKUPS)?;
        let handshakes = counters(names::TLS_HANDSHAKES)?;
        let table_reloads = counters(names::TABLE_RELOADS)?;
        let geoip_reloads = counters(names::GEOIP_RELOADS)?;
        let families = Families {
            requests: counters(names::REQUESTS)?,
            open: gauges(names::REQUESTS_OPEN)?.get(&[]),
            connections_open: gauges(names::CONNECTIONS_OPEN)?.get(&[]),
            connections_cut: each(counters(names::CONNECTIONS_CUT)?, &mut CutOff::ALL.iter().map(|word| word.as_str())),
            handshakes_completed: handshakes.get(&["completed"]),
            handshakes_failed: handshakes.get(&["failed"]),
            duration: Series::new(&registry, names::REQUEST_DURATION, MOST_HISTOGRAMS)?,
            flops: counters(names::FLOPS)?,
            decisions: counters(names::DECISIONS)?,
            session_keys: counters(names::SESSION_KEYS)?,
            minted_keys: each(counters(names::MINTED_KEYS)?, &mut MintResult::ALL.iter().map(|word| word.as_str())),
            hop_tokens: each(counters(names::HOP_TOKENS)?, &mut HopResult::ALL.iter().map(|word| word.as_str())),
            rate_limited: counters(names::RATE_LIMITED)?,
            connections_refused: each(
                counters(names::CONNECTIONS_REFUSED)?,
                &mut ConnectionRefusal::ALL.iter().map(|word| word.as_str()),
            ),
            replays: each(counters(names::REPLAYS)?, &mut ReplayResult::ALL.iter().map(|word| word.as_str())),
            substitutions: counters(names::SUBSTITUTIONS)?,
            geo_lookups: each(geo_lookups, &mut GeoLookup::ALL.iter().map(|word| word.as_str())),
            share: reals(names::REGION_SHARE)?,
            away: gauges(names::REGION_AWAY)?,
            room: reals(names::REGION_ROOM)?,
            worth_draining: gauges(names::REGION_WORTH_DRAINING)?,
            remainder: reals(names::REGION_REMAINDER)?,
            drains: gauges(names::DRAIN)?,
            upstream_requests: counters(names::UPSTREAM_REQUESTS)?,
            upstream_retries: counters(names::UPSTREAM_RETRIES)?,
            upstream_connections: counters(names::UPSTREAM_CONNECTIONS)?,
            grpc_calls: counters(names::GRPC_CALLS)?,
            overload: Overload::new(&registry)?,
            gate: counters(names::GATE)?,
            retry_budget: reals(names::RETRY_BUDGET)?,
            healthy: gauges(names::UPSTREAM_HEALTHY)?,
            servers: gauges(names::UPSTREAM_SERVERS)?,
            table: gauges(names::TABLE)?,
            table_applied: table_reloads.get(&["applied"]),
            table_unchanged: table_reloads.get(&["unchanged"]),
            table_refused: table_reloads.get(&["refused"]),
            table_last_success: reals(names::TABLE_LAST_SUCCESS)?,
            table_stale: gauges(names::TABLE_STALE)?.get(&[]),
            guard: each(counters(names::GUARD)?, &mut GuardResult::ALL.iter().map(|word| word.as_str())),
            geoip_build: reals(names::GEOIP_BUILD)?,
            geoip_applied: geoip_reloads.get(&["applied"]),
            geoip_refused: geoip_reloads.get(&["refused"]),
            certificate_expiry: reals(names::CERTIFICATE_EXPIRY)?,
            acme_orders: each(counters(names::ACME_ORDERS)?, &mut AcmeResult::ALL.iter().map(|word| word.as_str())),
            tls_reloads: each(counters(names::TLS_RELOADS)?, &mut TlsReload::ALL.iter().map(|word| word.as_str())),
            admin_refusals: each(
                counters(names::ADMIN_REFUSALS)?,
                &mut AdminRefusal::ALL.iter().map(|word| word.as_str()),
            ),
            access_log_dropped: counters(names::ACCESS_LOG_DROPPED)?.get(&[]),
            handovers: each(counters(names::HANDOVERS)?, &mut HandoverResult::ALL.iter().map(|word| word.as_str())),
            stalled: gauges(names::RUNTIME_STALLED)?,
            standing: Standing::new(&registry)?,
            servers_seen: ServerMeters::new(&registry)?,
        };
        Ok(Self { registry, families: Arc::new(families) })
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|problem| format!("# the metrics cannot be written: {problem}\n"))
    }

    /// Counts a request as open until what this gives is dropped.
    #[must_use]
    pub fn open_request(&self) -> Open {
        self.families.open.inc();
        Open(self.families.open.clone())
    }

    /// Counts a client's connection as open until what this gives is dropped.
    #[must_use]
    pub fn open_connection(&self) -> Open {
        self.families.connections_open.inc();
        Open(self.families.connections_open.clone())
    }

    /// Connections of clients that are open now.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        u64::try_from(self.families.connections_open.get()).unwrap_or(0)
    }

    /// Counts a client's connection that was cut.
    pub fn cut_off(&self, why: CutOff) {
        if let Some(counter) = self.families.connections_cut.get(why as usize) {
            counter.inc();
        }
    }

    /// Counts a TLS handshake with a client.
    pub fn tls_handshake(&self, completed: bool) {
        let Families { handshakes_completed, handshakes_failed, .. } = &*self.families;
        if completed { handshakes_completed } else { handshakes_failed }.inc();
    }

    /// Requests that are open now.
    #[must_use]
    pub fn open_requests(&self) -> u64 {
        u64::try_from(self.families.open.get()).unwrap_or(0)
    }

    /// Counts one look-up of a client address.
    pub fn geo_lookup(&self, result: GeoLookup) {
        if let Some(counter) = self.families.geo_lookups.get(result as usize) {
            counter.inc();
        }
    }

    /// Counts a session cookie that this edge was to mint.
    pub fn minted_key(&self, result: MintResult) {
        if let Some(counter) = self.families.minted_keys.get(result as usize) {
            counter.inc();
        }
    }

    /// Counts a connection that was closed before a request was read from it.
    pub fn connection_refused(&self, why: ConnectionRefusal) {
        if let Some(counter) = self.families.connections_refused.get(why as usize) {
            counter.inc();
        }
    }

    /// Counts a request that is one too many for the limit of this service.
    pub fn rate_limited(&self, service: &str) {
        self.families.rate_limited.get(&[service]).inc();
    }

    /// Counts a request that came with a token of another edge.
    pub fn hop_token(&self, result: HopResult) {
        if let Some(counter) = self.families.hop_tokens.get(result as usize) {
            counter.inc();
        }
    }

    /// Counts a request that an app asked to be replayed.
    pub fn replay(&self, result: ReplayResult) {
        if let Some(counter) = self.families.replays.get(result as usize) {
            counter.inc();
        }
    }

    /// Shows these regions, and no others any longer.
    pub fn set_regions<'a>(&self, rows: impl IntoIterator<Item = RegionRow<'a>>) {
        let rows: Vec<_> = rows.into_iter().collect();
        self.families.share.replace(rows.iter().map(|row| {
            let share = row.share.ratio();
            ([row.region.to_owned()], move |gauge: &Gauge| gauge.set(share))
        }));
        let reasons =
            rows.iter().flat_map(|row| row.away.iter().map(|why| [row.region.to_owned(), why.as_str().into()]));
        self.families.away.replace(reasons.map(|labels| (labels, one)));
        let rooms = rows.iter().filter_map(|row| Some((row.region, row.room?.ratio())));
        self.families
            .room
            .replace(rooms.map(|(region, room)| ([region.to_owned()], move |gauge: &Gauge| gauge.set(room))));
        self.families.worth_draining.replace(rows.iter().map(|row| {
            let worth = i64::from(row.worth_draining);
            ([row.region.to_owned()], move |gauge: &IntGauge| gauge.set(worth))
        }));
        let remainders = rows
            .iter()
            .flat_map(|row| REMAINDERS.iter().zip(row.remainder).map(|(kind, value)| (row.region, kind, value)));
        self.families.remainder.replace(remainders.map(|(region, kind, value)| {
            ([region.to_owned(), (*kind).to_owned()], move |gauge: &Gauge| gauge.set(value))
        }));
    }

    /// Shows these drains, and no others any longer.
    pub fn set_drains<'a>(&self, rows: impl IntoIterator<Item = DrainRow<'a>>) {
        self.families.drains.replace(rows.into_iter().map(|row| {
            let by = row.by.map_or("unknown", cut);
            let until = row.until.map_or_else(|| String::from("none"), |until| until.to_string());
            ([row.region.to_owned(), by.to_owned(), until], one)
        }));
    }

    /// Shows these pools, and no others any longer.
    pub fn set_pools<'a>(&self, rows: impl IntoIterator<Item = PoolRow<'a>>) {
        let rows: Vec<_> = rows.into_iter().collect();
        let shown = |count: fn(&PoolRow<'_>) -> usize| {
            rows.iter().map(move |row| {
                let value = i64::try_from(count(row)).unwrap_or(i64::MAX);
                ([row.service.to_owned(), row.region.to_owned()], move |gauge: &IntGauge| gauge.set(value))
            })
        };
        self.families.healthy.replace(shown(|row| row.healthy));
        self.families.servers.replace(shown(|row| row.servers));
    }

    /// Shows how much of the budget for retries is left, from 0 to 1, by service and region, and no others any longer.
    pub fn set_retry_budgets<'a>(&self, rows: impl IntoIterator<Item = (&'a str, &'a str, f64)>) {
        let rows = rows.into_iter().map(|(service, region, left)| {
            ([service.to_owned(), region.to_owned()], move |gauge: &Gauge| gauge.set(left))
        });
        self.families.retry_budget.replace(rows);
    }

    /// A table was read at `at`, found good, and is live.
    pub fn table_applied(&self, revision: &str, at: Timestamp) {
        self.show_table(revision, false);
        self.families.table_applied.inc();
        self.families.table_last_success.get(&[]).set(seconds(at));
    }

    /// A table was read at `at` and is the one that is live already.
    pub fn table_unchanged(&self, at: Timestamp) {
        self.families.table_stale.set(0);
        self.families.table_unchanged.inc();
        self.families.table_last_success.get(&[]).set(seconds(at));
    }

    /// A table was read and refused; the one that is live stays, and is stale.
    pub fn table_refused(&self) {
        self.families.table_stale.set(1);
        self.families.table_refused.inc();
    }

    /// An older table, kept from before, is live because the newest is refused or missing.
    pub fn table_restored(&self, revision: &str) {
        self.show_table(revision, true);
    }

    /// Requests so far of sessions that are at home in the region `home` and were served elsewhere, as it was away.
    #[must_use]
    pub fn orphaned_requests(&self, home: &str) -> u64 {
        let wanted = [("home", home), ("session", "orphaned")];
        self.families.requests.fold(&wanted, 0, |sum, counter| sum + counter.get())
    }

    /// How many seconds requests took so far, all together, and how many there were.
    #[must_use]
    pub fn latency(&self) -> (f64, u64) {
        let add = |(time, count), histogram: &Histogram| {
            (time + histogram.get_sample_sum(), count + histogram.get_sample_count())
        };
        self.families.duration.fold(&[], (0.0, 0), add)
    }

    /// Counts what became of the watch over a new table.
    pub fn guard(&self, result: GuardResult) {
        if let Some(counter) = self.families.guard.get(result as usize) {
            counter.inc();
        }
    }

    fn show_table(&self, revision: &str, is_stale: bool) {
        self.families.table.replace([([cut(revision).to_owned()], one)]);
        self.families.table_stale.set(is_stale.into());
    }

    /// A place database that was `built` then is in use; `None` where it does not say.
    pub fn geoip_applied(&self, built: Option<Timestamp>) {
        let built = built.map(seconds);
        let set = |built| move |gauge: &Gauge| gauge.set(built);
        self.families.geoip_build.replace(built.map(|built| ([], set(built))));
        self.families.geoip_applied.inc();
    }

    /// A place database was read and refused; the one that is in use stays.
    pub fn geoip_refused(&self) {
        self.families.geoip_refused.inc();
    }

    /// Shows when these certificates expire, each by a name of it, and no others any longer.
    pub fn set_certificates(&self, rows: impl IntoIterator<Item = (String, Timestamp)>) {
        let mut rows: Vec<_> = rows.into_iter().collect();
        // What is set last stays: of several with one name, the one that expires first.
        rows.sort_by_key(|(_, expires)| std::cmp::Reverse(*expires));
        self.families.certificate_expiry.replace(rows.into_iter().map(|(name, expires)| {
            let value = seconds(expires);
            ([cut(&name).to_owned()], move |gauge: &Gauge| gauge.set(value))
        }));
    }

    /// Counts that an authority was asked for a certificate.
    pub fn acme_order(&self, result: AcmeResult) {
        if let Some(counter) = self.families.acme_orders.get(result as usize) {
            counter.inc();
        }
    }

    /// Counts a reading of a certificate with its key, or of a client CA.
    pub fn tls_reload(&self, result: TlsReload) {
        if let Some(counter) = self.families.tls_reloads.get(result as usize) {
            counter.inc();
        }
    }

    /// Counts a request to the admin address, or a connection, that was refused.
    pub fn admin_refused(&self, why: AdminRefusal) {
        if let Some(counter) = self.families.admin_refusals.get(why as usize) {
            counter.inc();
        }
    }

    /// Counts a hand-over.
    pub fn handover(&self, result: HandoverResult) {
        if let Some(counter) = self.families.handovers.get(result as usize) {
            counter.inc();
        }
    }

    /// Shows whether a thread of the edge is stuck.
    pub fn stalled(&self, thread: &str, is_stuck: bool) {
        self.families.stalled.get(&[thread]).set(is_stuck.into());
    }

    /// What counts the lines that the access log lost.
    #[must_use]
    pub(super) fn access_log_dropped(&self) -> IntCounter {
        self.families.access_log_dropped.clone()
    }
}

fn one(gauge: &IntGauge) {
    gauge.set(1);
}

pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// The start of `text`, as long as a label may be.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_LABEL)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn metrics() -> Metrics {
        Metrics::new("1.2.3", Timestamp::from_millisecond(1_700_000_000_500).unwrap()).unwrap()
    }

    /// The value of the one series whose text this is.
    fn value(metrics: &Metrics, series: &str) -> Option<f64> {
        let text = metrics.render();
        let mut found = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        let value = found.next();
        assert_eq!(found.next(), None, "{series} is there twice");
        value
    }

    #[test]
    fn every_metric_is_registered() {
        let registered: HashSet<_> = {
            let metrics = metrics();
            // A name that is taken cannot be registered again.
            let is_taken = |d: &names::Definition| Series::<IntGauge>::new(&metrics.registry, *d, 1).is_err();
            names::ALL.iter().filter(|definition| is_taken(definition)).map(|definition| definition.name).collect()
        };
        assert_eq!(registered, names::ALL.iter().map(|definition| definition.name).collect());
    }

    #[test]
    fn regions_and_drains_vanish_with_their_cause() {
        let metrics = metrics();
        let drained = [Away::Drained { drain: 0 }, Away::NoHealthyServer];
        let region = |region, away| RegionRow {
            region,
            share: Share::from_ratio(0.3).unwrap(),
            away,
            room: Share::from_ratio(0.5).ok(),
            worth_draining: true,
            remainder: [2.5, 0.0, 3.0],
        };
        metrics.set_regions([region("us-west", &drained), region("us-east", &[])]);
        let until = Timestamp::from_second(1_795_336_200).ok();
        metrics.set_drains([DrainRow { region: "us-west", by: Some("on\"call\n"), until }]);
        assert_eq!(value(&metrics, "homeward_region_share_ratio{region=\"us-west\"}"), Some(0.3));
        let drained = "homeward_region_away{region=\"us-west\",why=\"Drained\"}";
        assert_eq!(value(&metrics, drained), Some(1.0));
        assert_eq!(value(&metrics, "homeward_region_room_ratio{region=\"us-west\"}"), Some(0.5));
        assert_eq!(value(&metrics, "homeward_region_worth_draining{region=\"us-west\"}"), Some(1.0));
        let remainder =
            |kind| value(&metrics, &format!("homeward_region_remainder{{kind=\"{kind}\",region=\"us-west\"}}"));
        assert_eq!(REMAINDERS.map(remainder), [Some(2.5), Some(0.0), Some(3.0)]);
        let text = metrics.render();
        let drain = "homeward_drain_info{by=\"on\\\"call\\n\",region=\"us-west\",until=\"2026-11-22T08:30:00Z\"} 1\n";
        assert!(text.contains(drain), "{text}");

        metrics.set_regions([region("us-east", &[])]);
        metrics.set_drains([]);
        let text = metrics.render();
        assert!(!text.contains("us-west"), "{text}");
        assert!(!text.contains("homeward_drain_info"), "{text}");
    }

    #[test]
    fn a_refused_table_is_stale_until_a_good_one_comes() {
        let metrics = metrics();
        let at = |second| Timestamp::from_second(second).unwrap();
        metrics.table_applied("aaaa", at(100));
        metrics.table_refused();
        assert_eq!(value(&metrics, "homeward_routing_table_stale"), Some(1.0));
        assert_eq!(value(&metrics, "homeward_routing_table_info{revision=\"aaaa\"}"), Some(1.0));
        metrics.table_unchanged(at(200));
        assert_eq!(value(&metrics, "homeward_routing_table_stale"), Some(0.0));
        metrics.table_applied("bbbb", at(300));
        assert_eq!(value(&metrics, "homeward_routing_table_info{revision=\"aaaa\"}"), None);
        assert_eq!(value(&metrics, "homeward_routing_last_success_timestamp_seconds"), Some(300.0));
        assert_eq!(value(&metrics, "homeward_routing_reloads_total{result=\"applied\"}"), Some(2.0));
        metrics.table_restored("aaaa");
        assert_eq!(value(&metrics, "homeward_routing_table_stale"), Some(1.0));
    }

    #[test]
    fn open_requests_are_counted_while_they_are_open() {
        let metrics = metrics();
        let (first, second) = (metrics.open_request(), metrics.open_request());
        drop(first);
        assert_eq!(metrics.open_requests(), 1);
        drop(second);
        assert_eq!(value(&metrics, "homeward_requests_open"), Some(0.0));
    }

    #[test]
    fn of_two_certificates_with_one_name_the_first_to_expire_is_shown() {
        let metrics = metrics();
        let at = |second| Timestamp::from_second(second).unwrap();
        let row = |name: &str, second| (name.to_owned(), at(second));
        metrics.set_certificates([row("a.example.com", 300), row("b.example.com", 50), row("a.example.com", 100)]);
        let expiry =
            |name| value(&metrics, &format!("homeward_tls_certificate_expiry_timestamp_seconds{{name=\"{name}\"}}"));
        assert_eq!((expiry("a.example.com"), expiry("b.example.com")), (Some(100.0), Some(50.0)));
        metrics.set_certificates([row("a.example.com", 900)]);
        assert_eq!((expiry("a.example.com"), expiry("b.example.com")), (Some(900.0), None));
    }

    #[test]
    fn what_is_known_at_the_start_is_shown_from_the_start() {
        let metrics = metrics();
        assert_eq!(value(&metrics, "homeward_build_info{version=\"1.2.3\"}"), Some(1.0));
        assert_eq!(value(&metrics, "homeward_process_start_time_seconds"), Some(1_700_000_000.5));
        assert_eq!(value(&metrics, "homeward_geo_lookups_total{result=\"failed\"}"), Some(0.0));
        metrics.geo_lookup(GeoLookup::Failed);
        assert_eq!(value(&metrics, "homeward_geo_lookups_total{result=\"failed\"}"), Some(1.0));
        assert_eq!(value(&metrics, "homeward_geoip_build_timestamp_seconds"), None);
        metrics.geoip_applied(Timestamp::from_second(7).ok());
        assert_eq!(value(&metrics, "homeward_geoip_build_timestamp_seconds"), Some(7.0));
        metrics.tls_reload(TlsReload::Refused);
        assert_eq!(value(&metrics, "homeward_tls_reloads_total{result=\"refused\"}"), Some(1.0));
        assert_eq!(value(&metrics, "homeward_tls_reloads_total{result=\"applied\"}"), Some(0.0));
        metrics.set_pools([PoolRow { service: "portal", region: "us-east", servers: 3, healthy: 2 }]);
        assert_eq!(value(&metrics, "homeward_upstream_healthy{region=\"us-east\",service=\"portal\"}"), Some(2.0));
    }
}

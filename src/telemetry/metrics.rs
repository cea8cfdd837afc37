//! All metrics of one edge.

use super::names;
use super::series::Series;
use super::words::GeoLookup;
use crate::model::{Share, Timestamp};
use crate::routing::Away;
use prometheus::{Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};
use std::sync::Arc;

/// The most series of a counter that grows with services and regions.
const MOST_SERIES: usize = 20_000;
/// The most series of a histogram, each of which is as large as 17 others.
const MOST_HISTOGRAMS: usize = 2_000;
/// The longest label value that an operator writes, in bytes.
const LONGEST_LABEL: usize = 128;

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
    pub(super) duration: Series<Histogram>,
    pub(super) flops: Series<IntCounter>,
    pub(super) decisions: Series<IntCounter>,
    pub(super) session_keys: Series<IntCounter>,
    pub(super) substitutions: Series<IntCounter>,
    geo_lookups: Vec<IntCounter>,
    share: Series<Gauge>,
    away: Series<IntGauge>,
    drains: Series<IntGauge>,
    pub(super) upstream_requests: Series<IntCounter>,
    pub(super) upstream_retries: Series<IntCounter>,
    healthy: Series<IntGauge>,
    servers: Series<IntGauge>,
    table: Series<IntGauge>,
    table_applied: IntCounter,
    table_unchanged: IntCounter,
    table_refused: IntCounter,
    table_last_success: Series<Gauge>,
    table_stale: IntGauge,
    geoip_build: Series<Gauge>,
    geoip_applied: IntCounter,
    geoip_refused: IntCounter,
    access_log_dropped: IntCounter,
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

/// A request that is being answered: counted as open until this is dropped.
#[derive(Debug)]
pub struct OpenRequest(IntGauge);

impl Drop for OpenRequest {
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

        let geo_lookups = counters(names::GEO_LOOKUPS)?;
        let table_reloads = counters(names::TABLE_RELOADS)?;
        let geoip_reloads = counters(names::GEOIP_RELOADS)?;
        let families = Families {
            requests: counters(names::REQUESTS)?,
            open: gauges(names::REQUESTS_OPEN)?.get(&[]),
            duration: Series::new(&registry, names::REQUEST_DURATION, MOST_HISTOGRAMS)?,
            flops: counters(names::FLOPS)?,
            decisions: counters(names::DECISIONS)?,
            session_keys: counters(names::SESSION_KEYS)?,
            substitutions: counters(names::SUBSTITUTIONS)?,
            geo_lookups: GeoLookup::ALL.iter().map(|result| geo_lookups.get(&[result.as_str()])).collect(),
            share: reals(names::REGION_SHARE)?,
            away: gauges(names::REGION_AWAY)?,
            drains: gauges(names::DRAIN)?,
            upstream_requests: counters(names::UPSTREAM_REQUESTS)?,
            upstream_retries: counters(names::UPSTREAM_RETRIES)?,
            healthy: gauges(names::UPSTREAM_HEALTHY)?,
            servers: gauges(names::UPSTREAM_SERVERS)?,
            table: gauges(names::TABLE)?,
            table_applied: table_reloads.get(&["applied"]),
            table_unchanged: table_reloads.get(&["unchanged"]),
            table_refused: table_reloads.get(&["refused"]),
            table_last_success: reals(names::TABLE_LAST_SUCCESS)?,
            table_stale: gauges(names::TABLE_STALE)?.get(&[]),
            geoip_build: reals(names::GEOIP_BUILD)?,
            geoip_applied: geoip_reloads.get(&["applied"]),
            geoip_refused: geoip_reloads.get(&["refused"]),
            access_log_dropped: counters(names::ACCESS_LOG_DROPPED)?.get(&[]),
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
    pub fn open_request(&self) -> OpenRequest {
        self.families.open.inc();
        OpenRequest(self.families.open.clone())
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

    /// What counts the lines that the access log lost.
    #[must_use]
    pub(super) fn access_log_dropped(&self) -> IntCounter {
        self.families.access_log_dropped.clone()
    }
}

fn one(gauge: &IntGauge) {
    gauge.set(1);
}

fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// The start of `text`, as long as a label may be.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_LABEL)]
}

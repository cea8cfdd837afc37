//! What pools have at once, what is kept from them, and where their breakers stand.

use super::metrics::{MOST_SERIES, Metrics};
use super::names;
use super::series::Series;
use prometheus::{IntCounter, IntGauge, Registry};

/// The metrics of this file.
pub(super) struct Overload {
    pub(super) rejected: Series<IntCounter>,
    active: Series<IntGauge>,
    pending: Series<IntGauge>,
    limit: Series<IntGauge>,
    breaker: Series<IntGauge>,
    open_servers: Series<IntGauge>,
}

/// What is shown of how much one pool has.
#[derive(Debug, Clone, Copy)]
pub struct LoadRow<'a> {
    /// The service's name.
    pub service: &'a str,
    /// The region's name.
    pub region: &'a str,
    /// How many requests are in it.
    pub active: usize,
    /// How many wait for a place.
    pub pending: usize,
    /// How many may be in it, where there is a limit.
    pub limit: Option<u32>,
    /// Where its breaker stands: 0 closed, 1 half open, 2 open.
    pub breaker: i64,
    /// How many of its servers have a breaker that is not closed.
    pub open_servers: usize,
}

impl Overload {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauges = |definition| Series::<IntGauge>::new(registry, definition, MOST_SERIES);
        Ok(Self {
            rejected: Series::new(registry, names::UPSTREAM_REJECTED, MOST_SERIES)?,
            active: gauges(names::UPSTREAM_ACTIVE)?,
            pending: gauges(names::UPSTREAM_PENDING)?,
            limit: gauges(names::UPSTREAM_LIMIT)?,
            breaker: gauges(names::BREAKER_STATE)?,
            open_servers: gauges(names::BREAKER_OPEN_SERVERS)?,
        })
    }
}

impl Metrics {
    /// Shows what these pools have, and no others any longer.
    pub fn set_loads<'a>(&self, rows: impl IntoIterator<Item = LoadRow<'a>>) {
        let rows: Vec<_> = rows.into_iter().collect();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let show = |series: &Series<IntGauge>, value: &dyn Fn(&LoadRow<'_>) -> Option<i64>| {
            series.replace(rows.iter().filter_map(|row| {
                let value = value(row)?;
                Some(([row.service.to_owned(), row.region.to_owned()], move |gauge: &IntGauge| gauge.set(value)))
            }));
        };
        let overload = &self.families.overload;
        show(&overload.active, &|row| Some(count(row.active)));
        show(&overload.pending, &|row| Some(count(row.pending)));
        show(&overload.limit, &|row| row.limit.map(i64::from));
        show(&overload.breaker, &|row| Some(row.breaker));
        show(&overload.open_servers, &|row| Some(count(row.open_servers)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn what_is_shown_is_what_is_so_now() {
        let metrics = Metrics::new("1.2.3", Timestamp::UNIX_EPOCH).unwrap();
        let row = LoadRow {
            service: "portal",
            region: "us-east",
            active: 7,
            pending: 2,
            limit: Some(10),
            breaker: 2,
            open_servers: 1,
        };
        metrics.set_loads([row]);
        let text = metrics.render();
        for (name, value) in [
            ("upstream_active", 7),
            ("upstream_pending", 2),
            ("upstream_limit", 10),
            ("breaker_state", 2),
            ("breaker_open_servers", 1),
        ] {
            let line = format!("homeward_{name}{{region=\"us-east\",service=\"portal\"}} {value}");
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
        metrics.set_loads([LoadRow { limit: None, breaker: 0, ..row }]);
        let text = metrics.render();
        assert!(
            !text.contains("homeward_upstream_limit{")
                && text.contains("breaker_state{region=\"us-east\",service=\"portal\"} 0")
        );
    }
}

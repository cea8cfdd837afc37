//! How the edge itself stands, what regions can carry, when drains end, and what becomes of spans.

use super::metrics::{MOST_SERIES, Metrics, cut, seconds};
use super::names;
use super::series::Series;
use super::words::SpanResult;
use crate::model::Timestamp;
use prometheus::{Gauge, IntCounter, IntGauge, Registry};

/// The metrics of this file.
pub(super) struct Standing {
    ready: IntGauge,
    edge: Series<IntGauge>,
    capacity: Series<Gauge>,
    gate_waiting: Series<Gauge>,
    drain_end: Series<Gauge>,
    drain_held: Series<IntGauge>,
    spans: Vec<IntCounter>,
}

impl Standing {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let reals = |definition| Series::<Gauge>::new(registry, definition, MOST_SERIES);
        let gauges = |definition| Series::<IntGauge>::new(registry, definition, MOST_SERIES);
        let spans = Series::<IntCounter>::new(registry, names::SPANS, MOST_SERIES)?;
        Ok(Self {
            ready: gauges(names::READY)?.get(&[]),
            edge: gauges(names::EDGE)?,
            capacity: reals(names::REGION_CAPACITY)?,
            gate_waiting: reals(names::GATE_WAITING)?,
            drain_end: reals(names::DRAIN_END)?,
            drain_held: gauges(names::DRAIN_HELD)?,
            spans: SpanResult::ALL.iter().map(|result| spans.get(&[result.as_str()])).collect(),
        })
    }
}

impl Metrics {
    /// Shows where the edge stands, and whether it should get requests.
    pub fn set_edge(&self, region: &str, is_ready: bool) {
        let Standing { ready, edge, .. } = &self.families.standing;
        edge.get(&[region]).set(1);
        ready.set(is_ready.into());
    }

    /// Shows what these regions can carry, in requests per second, and no others any longer.
    pub fn set_capacities<'a>(&self, rows: impl IntoIterator<Item = (&'a str, f64)>) {
        let rows = rows.into_iter();
        let shown = rows.map(|(region, capacity)| ([region.to_owned()], move |gauge: &Gauge| gauge.set(capacity)));
        self.families.standing.capacity.replace(shown);
    }

    /// Shows how many requests of these services wait at a gate, and of no others any longer.
    pub fn set_gates<'a>(&self, rows: impl IntoIterator<Item = (&'a str, usize)>) {
        let rows = rows.into_iter();
        let shown =
            rows.map(|(service, waiting)| ([service.to_owned()], move |gauge: &Gauge| gauge.set(waiting as f64)));
        self.families.standing.gate_waiting.replace(shown);
    }

    /// Shows when these drains end, each by its region and who drains, and no others any longer.
    pub fn set_drain_ends<'a>(&self, rows: impl IntoIterator<Item = (&'a str, Option<&'a str>, Timestamp)>) {
        let mut rows: Vec<_> = rows.into_iter().collect();
        // What is set last stays: the first to end.
        rows.sort_by_key(|(_, _, end)| std::cmp::Reverse(*end));
        self.families.standing.drain_end.replace(rows.into_iter().map(|(region, by, end)| {
            let end = seconds(end);
            ([region.to_owned(), by.map_or("unknown", cut).to_owned()], move |gauge: &Gauge| gauge.set(end))
        }));
    }
}

impl Metrics {
    /// Shows these drains as held beyond their end, each by its region and who drains, and no others any longer.
    pub fn set_held_drains<'a>(&self, rows: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) {
        let rows = rows.into_iter().map(|(region, by)| [region.to_owned(), by.map_or("unknown", cut).to_owned()]);
        self.families.standing.drain_held.replace(rows.map(|labels| (labels, |gauge: &IntGauge| gauge.set(1))));
    }

    /// Counts so many spans.
    pub fn spans(&self, result: SpanResult, count: usize) {
        if let Some(counter) = self.families.standing.spans.get(result as usize) {
            counter.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_is_so_now() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let metrics = Metrics::new("1.2.3", at(0)).unwrap();
        metrics.set_edge("us-west", true);
        metrics.set_capacities([("us-east", 1200.0), ("us-west", 0.5)]);
        metrics.set_drain_ends([("us-west", Some("oncall"), at(300)), ("us-west", Some("oncall"), at(100))]);
        metrics.set_held_drains([("us-west", None)]);
        let text = metrics.render();
        for line in [
            "homeward_drain_held{by=\"unknown\",region=\"us-west\"} 1",
            "homeward_ready 1",
            "homeward_edge_info{region=\"us-west\"} 1",
            "homeward_region_capacity_requests_per_second{region=\"us-east\"} 1200",
            "homeward_region_capacity_requests_per_second{region=\"us-west\"} 0.5",
            "homeward_drain_end_timestamp_seconds{by=\"oncall\",region=\"us-west\"} 100",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
        metrics.set_edge("us-west", false);
        metrics.set_capacities([("us-east", 1200.0)]);
        metrics.set_drain_ends([]);
        metrics.set_held_drains([]);
        let text = metrics.render();
        assert!(text.contains("\nhomeward_ready 0\n"), "{text}");
        assert!(!text.contains("} 0.5") && !text.contains("homeward_drain_"), "{text}");
    }
}

//! What is counted of servers beside requests: probes and ejections.

use super::metrics::{MOST_SERIES, Metrics};
use super::names;
use super::series::Series;
use super::words::{ProbeOutcome, ProbeWord};
use prometheus::{IntCounter, IntGauge, Registry};

/// The metrics of this file.
pub(super) struct ServerMeters {
    ejected: Series<IntGauge>,
    ejections: Series<IntCounter>,
    probes: Series<IntCounter>,
}

impl ServerMeters {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            ejected: Series::new(registry, names::UPSTREAM_EJECTED, MOST_SERIES)?,
            ejections: Series::new(registry, names::UPSTREAM_EJECTIONS, MOST_SERIES)?,
            probes: Series::new(registry, names::PROBES, MOST_SERIES)?,
        })
    }
}

impl Metrics {
    /// Counts a probe of a server of `service` in `region`.
    pub fn probe(&self, service: &str, region: &str, kind: ProbeWord, outcome: ProbeOutcome) {
        self.families.servers_seen.probes.get(&[service, region, kind.as_str(), outcome.as_str()]).inc();
    }

    /// Counts an ejection of a server of `service` in `region`; `why` is one of a few words.
    pub fn ejection(&self, service: &str, region: &str, why: &'static str) {
        self.families.servers_seen.ejections.get(&[service, region, why]).inc();
    }

    /// Shows how many servers are ejected, by service and region, and no others any longer.
    pub fn set_ejected<'a>(&self, rows: impl IntoIterator<Item = (&'a str, &'a str, usize)>) {
        let rows = rows.into_iter();
        self.families.servers_seen.ejected.replace(rows.map(|(service, region, count)| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ([service.to_owned(), region.to_owned()], move |gauge: &IntGauge| gauge.set(count))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn probes_and_ejections_are_shown() {
        let metrics = Metrics::new("1.2.3", Timestamp::UNIX_EPOCH).unwrap();
        metrics.probe("portal", "us-east", ProbeWord::Deep, ProbeOutcome::Failed);
        metrics.ejection("portal", "us-east", "success_rate");
        metrics.set_ejected([("portal", "us-east", 2)]);
        let text = metrics.render();
        for line in [
            "homeward_probes_total{kind=\"deep\",region=\"us-east\",result=\"failed\",service=\"portal\"} 1",
            "homeward_upstream_ejections_total{region=\"us-east\",service=\"portal\",why=\"success_rate\"} 1",
            "homeward_upstream_ejected{region=\"us-east\",service=\"portal\"} 2",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
        metrics.set_ejected([]);
        assert!(!metrics.render().contains("homeward_upstream_ejected{"));
    }
}

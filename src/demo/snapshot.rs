//! The demo at one moment: everything that is shown, and nothing else.

use super::edge::EdgeStatus;
use super::visitors::Outcomes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The demo at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Snapshot {
    pub(super) regions: Vec<RegionNow>,
    pub(super) places: Vec<PlaceNow>,
    pub(super) flops_per_second: f64,
    pub(super) outcomes: Outcomes,
    pub(super) last_failure: Option<String>,
    pub(super) revision: String,
    pub(super) age: Duration,
    pub(super) problem: Option<String>,
}

/// A region at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RegionNow {
    pub(super) name: String,
    /// The edge stands here.
    pub(super) here: bool,
    pub(super) powered: bool,
    /// What the edge says of it, where its table has such a region.
    pub(super) edge: Option<super::edge::EdgeRegion>,
    pub(super) requests_per_second: f64,
    pub(super) sessions: usize,
    /// The visitors whose last request it served.
    pub(super) visitors: usize,
}

/// The visitors of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PlaceNow {
    pub(super) name: &'static str,
    /// How many are served by each region, in the order of the regions, and last those whom none served.
    pub(super) served_by: Vec<usize>,
}

impl Snapshot {
    /// Takes over what the edge says of itself; what it says of regions stands with them already.
    pub(super) fn with_edge(mut self, edge: EdgeStatus) -> Self {
        for region in &mut self.regions {
            region.edge = edge.regions.iter().find(|known| known.name == region.name).cloned();
        }
        let EdgeStatus { flops_per_second, revision, age, problem, regions: _ } = edge;
        Self { flops_per_second, revision, age, problem, ..self }
    }

    /// The requests a second of all regions.
    pub(super) fn requests_per_second(&self) -> f64 {
        self.regions.iter().map(|region| region.requests_per_second).sum()
    }
}

/// Makes rates of counters, over the last three seconds.
#[derive(Debug, Default)]
pub(super) struct Meter {
    seen: VecDeque<(Instant, Vec<u64>)>,
}

impl Meter {
    const WINDOW: Duration = Duration::from_secs(3);
    /// More observations than this are not kept, however often they come.
    const MOST: usize = 64;

    /// How much each of `counters` grows in a second; 0 until there is something to compare with.
    pub(super) fn rates(&mut self, now: Instant, counters: Vec<u64>) -> Vec<f64> {
        let old = |seen: &VecDeque<(Instant, _)>| seen.front().is_some_and(|(at, _)| now - *at > Self::WINDOW);
        // One observation beyond the window stays, so that a slow look still has something to compare with.
        while self.seen.len() > 1 && old(&self.seen) || self.seen.len() >= Self::MOST {
            self.seen.pop_front();
        }
        let rates = match self.seen.front() {
            Some((at, before)) => {
                let seconds = (now - *at).as_secs_f64();
                let grown = counters.iter().zip(before).map(|(now, before)| now.saturating_sub(*before));
                #[allow(clippy::cast_precision_loss, reason = "a demo does not make 2^53 requests")]
                grown.map(|grown| if seconds > 0.0 { grown as f64 / seconds } else { 0.0 }).collect()
            }
            None => vec![0.0; counters.len()],
        };
        self.seen.push_back((now, counters));
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::clock;

    #[test]
    fn a_rate_is_growth_over_the_window() {
        let (mut meter, start) = (Meter::default(), clock::monotonic());
        assert_eq!(meter.rates(start, vec![100, 5]), [0.0, 0.0]);
        assert_eq!(meter.rates(start, vec![100, 5]), [0.0, 0.0], "no time has passed");
        let at = |tenths: u64| start + Duration::from_millis(tenths * 100);
        assert_eq!(meter.rates(at(20), vec![220, 5]), [60.0, 0.0]);
        assert_eq!(meter.rates(at(20), vec![0, 5]), [0.0, 0.0], "a counter that begins anew is no rate");
        for tenth in 21..1000 {
            meter.rates(at(tenth), vec![tenth * 3, 0]);
        }
        let rate = meter.rates(at(1000), vec![3000, 0])[0];
        assert!((rate - 30.0).abs() < 0.01, "{rate}");
        assert!(meter.seen.len() <= Meter::MOST);
    }
}

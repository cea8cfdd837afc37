//! What regions get from this edge.

use crate::admin::status::{FlopStatus, RemainderStatus, TrafficStatus};
use crate::live::{LiveTable, TrafficNow};
use crate::model::Timestamp;
use jiff::SignedDuration;
use std::time::Duration;

impl TrafficStatus {
    /// `traffic` as it is `now`, which is `elapsed` by the clock that never goes back.
    pub(super) fn of(traffic: &TrafficNow, now: Timestamp, elapsed: Duration) -> Self {
        let [p50, p99] = match traffic.latency {
            Some(latency) => latency.map(|latency| Some(latency.as_secs_f64())),
            None => [None; 2],
        };
        Self {
            visitors_per_second: traffic.visitors_per_second,
            sessions_per_second: traffic.sessions_per_second,
            open_streams: traffic.open_streams,
            errors_per_second: traffic.errors_per_second,
            error_ratio: traffic.error_ratio,
            latency_p50_seconds: p50,
            latency_p99_seconds: p99,
            empty_since: empty_since(traffic, now, elapsed),
        }
    }
}

impl RemainderStatus {
    pub(super) fn of(traffic: &TrafficNow, now: Timestamp, elapsed: Duration) -> Self {
        Self {
            visitors_per_second: traffic.visitors_per_second,
            sessions_per_second: traffic.sessions_per_second,
            open_streams: traffic.open_streams,
            empty_since: empty_since(traffic, now, elapsed),
        }
    }
}

/// The time of day of that second, cut to whole seconds so that it stays the same from one status to the next.
fn empty_since(traffic: &TrafficNow, now: Timestamp, elapsed: Duration) -> Option<Timestamp> {
    let age = elapsed.saturating_sub(Duration::from_secs(traffic.empty_since?));
    let then = now.checked_sub(SignedDuration::try_from(age).ok()?).ok()?;
    Timestamp::from_second(then.as_second()).ok()
}

/// The pairs of regions that there are requests of.
pub(super) fn flops(live: &LiveTable, second: u64) -> Vec<FlopStatus> {
    let pairs = live
        .table
        .regions_by_id()
        .flat_map(|(arrived, from)| live.table.regions_by_id().map(move |(home, to)| (arrived, from, home, to)));
    let rates = pairs.map(|(arrived, from, home, to)| FlopStatus {
        arrived: from.name.to_string(),
        home: to.name.to_string(),
        requests_per_second: live.flop_matrix.per_second(arrived, home, second),
    });
    rates.filter(|pair| pair.requests_per_second > 0.0).collect()
}

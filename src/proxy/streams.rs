//! Ends the streams of a drained region, where its drain says so: those that are still open so long after it began.

use crate::live::{Edge, LiveTable, Stream, clock};
use crate::model::{DrainedStreams, Timestamp};
use jiff::SignedDuration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How often it is looked whether a drain has come so far.
const TICK: Duration = Duration::from_millis(200);

/// Over how long the ends of streams are spread, so that their clients do not all come back in one moment.
const SPREAD: Duration = Duration::from_secs(5);

/// What a drain is known by from one table to the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Known {
    region: String,
    since: Option<Timestamp>,
    after: Duration,
}

/// How far the end of one drain's streams is.
#[derive(Debug)]
struct Ending {
    /// When the drain was seen first: from then on it is counted where it does not say since when it is.
    seen: Timestamp,
    /// The streams that are still to end, once that is known.
    left: Option<Vec<Arc<Stream>>>,
    /// How many end at each tick.
    at_once: usize,
}

/// Ends streams for as long as the edge does not stop; then they end with their connections.
pub(super) async fn end_drained(edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let mut endings = HashMap::new();
    let mut next = Instant::now();
    loop {
        if let Some(live) = edge.table() {
            tick(&live, &mut endings, clock::now(), clock::second());
        }
        next += TICK;
        tokio::select! {
            () = sleep_until(next) => {}
            // An error means that the edge is gone, which is as good as stopped.
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Takes a step with each drain that is in force.
///
/// Only streams that were open when the time had come are ended, and once: with `sessions: keep` a client may come back to the
/// region, and would be thrown out for ever.
fn tick(live: &LiveTable, endings: &mut HashMap<Known, Ending>, now: Timestamp, second: u64) {
    let mut current = HashMap::new();
    for drain in live.table.drains().iter().filter(|drain| drain.in_force_at(now)) {
        let DrainedStreams::CloseAfter(after) = drain.streams else { continue };
        let Some(traffic) = live.traffic(drain.region) else { continue };
        let known = Known { region: live.table.region_name(drain.region).to_owned(), since: drain.since, after };
        let mut ending = endings.remove(&known).unwrap_or(Ending { seen: now, left: None, at_once: 1 });
        let due = SignedDuration::try_from(after)
            .ok()
            .and_then(|after| drain.since.unwrap_or(ending.seen).checked_add(after).ok());
        if ending.left.is_none() && due.is_some_and(|due| due <= now) {
            let left = traffic.streams_since_before(second, second);
            ending.at_once = left.len().div_ceil((SPREAD.as_millis() / TICK.as_millis()) as usize).max(1);
            if !left.is_empty() {
                tracing::info!(
                    "{} is drained: {} open streams are ended over {} s",
                    known.region,
                    left.len(),
                    SPREAD.as_secs()
                );
            }
            ending.left = Some(left);
        }
        if let Some(left) = &mut ending.left {
            let keep = left.len().saturating_sub(ending.at_once);
            left.drain(keep..).for_each(|stream| stream.end());
        }
        current.insert(known, ending);
    }
    *endings = current;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, read_routing};
    use crate::live::{Origin, Revision, StreamKind};
    use crate::telemetry::Metrics;

    const TABLE: &str = "
version: 1
regions: {us-east: {}, us-west: {}}
homes: [{otherwise: us-east}]
services: {portal: {hosts: [a.example], pools: {us-east: ['127.0.0.1:1'], us-west: ['127.0.0.1:2']}}}
drains:
  - {region: us-west, since: 2026-11-22T04:30:00Z, streams: {close_after: 10m}}
";

    fn at(text: &str) -> Timestamp {
        format!("2026-11-22T{text}Z").parse().unwrap()
    }

    fn live(edge: &Edge, table: &str) -> Arc<LiveTable> {
        let parts = read_routing(&Source::new("routing.yaml", table), at("04:30:00")).unwrap();
        edge.adopt(edge.prepare(parts, Revision::of(table.as_bytes()), Origin::File).unwrap()).unwrap()
    }

    fn edge() -> Edge {
        Edge::new("us-east".parse().unwrap(), Arc::new(Metrics::new("0", at("04:00:00")).unwrap()))
    }

    #[test]
    fn streams_end_once_spread_out_and_in_the_drained_region_alone() {
        let edge = edge();
        let live = live(&edge, TABLE);
        let open = |region: &str, count: usize| {
            let traffic = live.traffic(live.table.region_id(region).unwrap()).unwrap();
            (0..count).map(|_| traffic.open_stream(StreamKind::Certain, 100)).collect::<Vec<_>>()
        };
        let (east, west) = (open("us-east", 3), open("us-west", 60));
        let ended =
            |streams: &[crate::live::OpenStream]| streams.iter().filter(|open| open.stream().is_to_end()).count();
        let mut endings = HashMap::new();
        tick(&live, &mut endings, at("04:39:59"), 700);
        assert_eq!(ended(&west), 0, "it is not time");
        let mut ticks = 0;
        while ended(&west) < west.len() {
            let before = ended(&west);
            tick(&live, &mut endings, at("04:40:00"), 701);
            ticks += 1;
            assert!(ended(&west) - before <= 3, "not all in one moment");
        }
        assert_eq!(ticks, 20);
        let later = open("us-west", 1);
        for _ in 0..30 {
            tick(&live, &mut endings, at("04:45:00"), 1000);
        }
        assert_eq!((ended(&east), ended(&later)), (0, 0), "neither others nor those that came back");
        assert_eq!(endings.len(), 1);
    }

    #[test]
    fn a_push_of_the_same_drain_ends_nothing_again_and_one_that_is_gone_is_forgotten() {
        let edge = edge();
        let first = live(&edge, TABLE);
        let mut endings = HashMap::new();
        tick(&first, &mut endings, at("04:50:00"), 700);
        let traffic = Arc::clone(first.traffic(first.table.region_id("us-west").unwrap()).unwrap());
        let open = traffic.open_stream(StreamKind::Certain, 700);
        let second = live(&edge, &format!("{TABLE}# another revision\n"));
        tick(&second, &mut endings, at("04:50:01"), 701);
        assert!(!open.stream().is_to_end());
        let without = live(&edge, TABLE.split("drains:").next().unwrap());
        tick(&without, &mut endings, at("04:50:02"), 702);
        assert!(endings.is_empty());
        let without_since = live(&edge, &TABLE.replace("since: 2026-11-22T04:30:00Z, ", ""));
        tick(&without_since, &mut endings, at("05:00:00"), 800);
        assert!(!open.stream().is_to_end(), "from when it was seen on");
        tick(&without_since, &mut endings, at("05:10:00"), 1400);
        assert!(open.stream().is_to_end());
    }
}

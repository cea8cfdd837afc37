//! What one region gets from this edge.

use super::latency::{Latencies, WINDOW as LATENCY_WINDOW};
use super::load::{Load, Room};
use super::rate::WINDOW as RATE_WINDOW;
use super::seconds::Seconds;
use super::streams::{OpenStreams, Stream, StreamKind};
use crate::live::clock;
use crate::live::memory::TrafficMemory;
use crate::resilience::ErrorCount;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many full seconds the history of a region has.
pub const HISTORY: u64 = 300;

/// A few more, for readers that are slow.
const SLOTS: usize = 304;

/// What one region gets from this edge. It outlives the table, has the same size whatever comes, and never blocks a request.
#[derive(Debug)]
pub struct RegionTraffic {
    served: Seconds<SLOTS>,
    visitors: Seconds<SLOTS>,
    sessions: Seconds<SLOTS>,
    flops: Seconds<SLOTS>,
    errors: Seconds<SLOTS>,
    latencies: Latencies,
    streams: OpenStreams,
    load: Load,
    /// The last second in which something was sent there or a stream ended.
    last_used: AtomicU64,
}

/// A region's traffic at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrafficNow {
    /// Requests per second: the mean of the last five full seconds, as the next three.
    pub requests_per_second: f64,
    /// Requests of visitors without a session.
    pub visitors_per_second: f64,
    /// Requests with a session.
    pub sessions_per_second: f64,
    /// Of those, the flops from here.
    pub flops_per_second: f64,
    /// Answers with 5xx, and those that broke off, in a second: the mean of the last ten full seconds, as the next two.
    pub errors_per_second: f64,
    /// The part of the requests that these are, from 0 to 1; `None` where there was no request.
    pub error_ratio: Option<f64>,
    /// How long half of the answers took at most to begin, and 99 % of them; `None` where there was none.
    pub latency: Option<[Duration; 2]>,
    /// Streams that are open.
    pub open_streams: usize,
    /// The second since which the region gets nothing and has no stream; `None` while it does.
    pub empty_since: Option<u64>,
}

impl TrafficNow {
    /// Whether the region gets nothing any more and has no stream.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.empty_since.is_some()
    }
}

/// The last five minutes of a region, by the full second, the oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrafficHistory {
    /// Requests.
    pub requests: Vec<u32>,
    /// Answers with 5xx, and those that broke off.
    pub errors: Vec<u32>,
}

impl RegionTraffic {
    /// That of a region that is known from `second` on.
    #[must_use]
    pub fn new(second: u64) -> Self {
        Self {
            served: Seconds::default(),
            visitors: Seconds::default(),
            sessions: Seconds::default(),
            flops: Seconds::default(),
            errors: Seconds::default(),
            latencies: Latencies::default(),
            streams: OpenStreams::default(),
            load: Load::default(),
            last_used: AtomicU64::new(second),
        }
    }

    /// Counts a request that the region serves.
    pub fn sent(&self, has_session: bool, is_flop: bool, second: u64) {
        self.served.record(second);
        if has_session { &self.sessions } else { &self.visitors }.record(second);
        if is_flop {
            self.flops.record(second);
        }
        self.touch(second);
    }

    /// Counts a new visitor who is at home there and has this point, let in or not.
    pub fn wanted_at_home(&self, point: f64, is_let_in: bool, second: u64) {
        self.load.record_at_home(point, is_let_in, second);
    }

    /// Counts a visitor of another region, let in or not.
    pub fn wanted_by_others(&self, point: f64, is_let_in: bool, second: u64) {
        self.load.record_others(point, is_let_in, second);
    }

    /// The shares of them that there is room for in `second`, where the region can carry `capacity` requests per second.
    #[must_use]
    pub fn room(&self, capacity: f64, second: u64) -> Room {
        self.load.room(capacity, || self.requests_per_second(second), second)
    }

    /// Requests, and answers that failed, in one full second.
    #[must_use]
    pub fn in_second(&self, second: u64) -> ErrorCount {
        ErrorCount { requests: self.served.in_second(second), errors: self.errors.in_second(second) }
    }

    /// Counts an answer by how long it took to begin.
    pub fn answered(&self, took: Duration, second: u64) {
        self.latencies.record(took, second);
    }

    /// Counts an answer with 5xx, or one that broke off.
    pub fn failed(&self, second: u64) {
        self.errors.record(second);
    }

    /// Counts a stream as open until what this gives is dropped.
    #[must_use]
    pub fn open_stream(self: &Arc<Self>, kind: StreamKind, began: u64) -> OpenStream {
        let (place, stream) = self.streams.open(kind, began);
        OpenStream { traffic: Arc::clone(self), place, stream }
    }

    /// The streams that are open in `second` and began in `until` or before.
    #[must_use]
    pub fn streams_since_before(&self, until: u64, second: u64) -> Vec<Arc<Stream>> {
        self.streams.since_before(until, second)
    }

    /// Requests per second: the mean of the five full seconds before `second`.
    #[must_use]
    pub fn requests_per_second(&self, second: u64) -> f64 {
        self.served.per_second(second, RATE_WINDOW)
    }

    /// The traffic as it is in `second`.
    #[must_use]
    pub fn now(&self, second: u64) -> TrafficNow {
        let rate = |of: &Seconds<SLOTS>| of.per_second(second, RATE_WINDOW);
        let [served, errors] = [&self.served, &self.errors].map(|of| of.before(second, LATENCY_WINDOW) as f64);
        let open_streams = self.streams.count(second);
        let last_used = self.last_used.load(Ordering::Relaxed);
        // As long as the rates tell, so that all three are at zero together.
        let is_empty = open_streams == 0 && last_used.saturating_add(RATE_WINDOW) < second;
        TrafficNow {
            requests_per_second: rate(&self.served),
            visitors_per_second: rate(&self.visitors),
            sessions_per_second: rate(&self.sessions),
            flops_per_second: rate(&self.flops),
            errors_per_second: errors / LATENCY_WINDOW as f64,
            // An answer that breaks off may be one of a request that was counted long ago.
            error_ratio: (served > 0.0 || errors > 0.0).then(|| errors / served.max(errors)),
            latency: self.latencies.quantiles([0.5, 0.99], second),
            open_streams,
            empty_since: is_empty.then(|| last_used.saturating_add(1)),
        }
    }

    /// The five minutes before `second`.
    #[must_use]
    pub fn history(&self, second: u64) -> TrafficHistory {
        let of = |seconds: &Seconds<SLOTS>| seconds.history(second, HISTORY).map(|count| count as u32).collect();
        TrafficHistory { requests: of(&self.served), errors: of(&self.errors) }
    }

    /// What was counted up to `second`, for another process.
    pub(in crate::live) fn memory(&self, region: String, second: u64) -> TrafficMemory {
        let of = |seconds: &Seconds<SLOTS>| seconds.counted(second, HISTORY);
        TrafficMemory {
            region,
            served: of(&self.served),
            visitors: of(&self.visitors),
            sessions: of(&self.sessions),
            flops: of(&self.flops),
            errors: of(&self.errors),
        }
    }

    /// Takes in what another process counted before `second`.
    pub(in crate::live) fn recall(&self, memory: &TrafficMemory, second: u64) {
        self.served.recall(&memory.served, second);
        self.visitors.recall(&memory.visitors, second);
        self.sessions.recall(&memory.sessions, second);
        self.flops.recall(&memory.flops, second);
        self.errors.recall(&memory.errors, second);
        if let Some(age) = memory.served.iter().map(|(age, _)| *age).min() {
            self.last_used.store(second.saturating_sub(age), Ordering::Relaxed);
        }
    }

    fn touch(&self, second: u64) {
        // Written once a second, and not by every request: all threads read it.
        if self.last_used.load(Ordering::Relaxed) < second {
            self.last_used.store(second, Ordering::Relaxed);
        }
    }
}

/// A stream that is open until this is dropped.
#[derive(Debug)]
pub struct OpenStream {
    traffic: Arc<RegionTraffic>,
    place: usize,
    stream: Arc<Stream>,
}

impl OpenStream {
    /// What tells it to end.
    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.traffic.streams.close(self.place);
        self.traffic.touch(clock::second());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_region_gets_is_told_apart() {
        let traffic = RegionTraffic::new(100);
        for second in 100..110 {
            (0..4).for_each(|_| traffic.sent(false, false, second));
            (0..6).for_each(|nth| traffic.sent(true, nth < 3, second));
            traffic.answered(Duration::from_millis(20), second);
            traffic.failed(second);
        }
        let now = traffic.now(110);
        let rates = [now.requests_per_second, now.visitors_per_second, now.sessions_per_second, now.flops_per_second];
        assert_eq!(rates, [10.0, 4.0, 6.0, 3.0]);
        assert_eq!((now.errors_per_second, now.error_ratio), (1.0, Some(0.1)));
        assert!(now.latency.is_some_and(|[half, _]| (18..=22).contains(&half.as_millis())));
        let history = traffic.history(110);
        assert_eq!((history.requests.len(), history.requests[299], history.errors[290]), (300, 10, 1));
        assert_eq!(history.requests[289], 0);
    }

    #[test]
    fn a_region_is_empty_when_all_three_are_at_zero() {
        let traffic = Arc::new(RegionTraffic::new(100));
        assert_eq!(traffic.now(106).empty_since, Some(101), "nothing ever came");
        traffic.sent(true, false, 200);
        assert_eq!(traffic.now(205).empty_since, None);
        assert_eq!((traffic.now(206).empty_since, traffic.now(206).sessions_per_second), (Some(201), 0.0));
        let open = traffic.open_stream(StreamKind::Certain, 200);
        assert_eq!((traffic.now(300).empty_since, traffic.now(300).open_streams), (None, 1));
        drop(open);
        let closed = traffic.last_used.load(Ordering::Relaxed);
        assert_eq!(traffic.now(closed + 6).empty_since, Some(closed + 1));
        assert_eq!(traffic.now(500).error_ratio, None);
    }

    #[test]
    fn another_process_goes_on_with_the_history() {
        let (before, after) = (RegionTraffic::new(0), RegionTraffic::new(360));
        for second in 700..1000 {
            (0..second % 5).for_each(|_| before.sent(true, true, second));
            before.failed(second);
        }
        after.recall(&before.memory("us-east".to_owned(), 1000), 400);
        assert_eq!(after.history(400), before.history(1000));
        assert_eq!(after.now(400).flops_per_second, before.now(1000).flops_per_second);
        assert_eq!(after.now(400).empty_since, None);
    }
}

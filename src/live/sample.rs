//! What the edge keeps of recent requests, so that it can tell what another table would do to them: a sample of what their
//! decisions were made from. No session key, no full address, nothing that a client wrote.

use crate::model::Place;
use crate::routing::VisitorNetwork;
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seconds are kept.
const WINDOW: u64 = 60;

/// About how many requests of a second are kept: enough to tell a part of one percent, and 30,000 in a minute.
const A_SECOND: u64 = 500;

/// The most that is kept, in requests. Where a burst would need more, the oldest seconds go.
const MOST: usize = 30_000;

/// Room for the window, the second that is being counted, and a slow reader.
const SLOTS: usize = 64;

/// The most names that are remembered before those that nothing uses any more are let go.
const MOST_NAMES: usize = 4_096;

/// What is kept of a request.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The service's name.
    pub service: &'a str,
    /// From where the visitor came.
    pub network: VisitorNetwork,
    /// Where that is, if it was looked up.
    pub place: Option<Place>,
    /// The name of the region that the session is at home in, if there is a session.
    pub session: Option<&'a str>,
}

/// The recent requests of an edge. It goes on across tables, as it keeps names.
///
/// A request that is not kept costs a count; one that is takes a lock that it never waits for. Which ones are kept does not
/// depend on what is in them.
#[derive(Debug)]
pub struct Sampler {
    /// By second: its low 32 bits above, how many requests it had below.
    counts: [AtomicU64; SLOTS],
    kept: Mutex<Kept>,
}

/// A request that was kept.
#[derive(Debug, Clone)]
pub struct KeptRequest {
    /// The service's name.
    pub service: Arc<str>,
    /// From where the visitor came.
    pub network: VisitorNetwork,
    /// Where that is, if it was looked up.
    pub place: Option<Place>,
    /// The name of the region that the session is at home in, if there is a session.
    pub session: Option<Arc<str>>,
    /// The requests per second that it stands for.
    pub per_second: f64,
    second: u64,
}

/// What was kept, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// How many full seconds it covers, up to 60; the one that is not over is left out.
    pub seconds: u64,
    /// The requests. Their rates together are what the edge got, in requests per second.
    pub requests: Vec<KeptRequest>,
}

impl Recent {
    /// The same from at most `most` of its requests, which stand for all of them: quicker to look at, and coarser.
    #[must_use]
    pub fn thinned(mut self, most: usize) -> Self {
        let all = self.requests.len();
        let step = all.div_ceil(most.max(1)).max(1);
        let mut nth = 0;
        self.requests.retain(|_| {
            nth += 1;
            (nth - 1_usize).is_multiple_of(step)
        });
        let factor = all as f64 / self.requests.len().max(1) as f64;
        self.requests.iter_mut().for_each(|request| request.per_second *= factor);
        self
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order in which they came; the rates are weights within their second.
    requests: VecDeque<KeptRequest>,
    names: HashSet<Arc<str>>,
    /// The first second of which everything that was kept is still there; `None` before the first request.
    from: Option<u64>,
}

impl Default for Sampler {
    /// Nothing was seen yet.
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::default()), kept: Mutex::default() }
    }
}

impl Sampler {
    /// Counts a request in `second` of [`super::clock::second`], and keeps it or not. `seen` is asked where it is kept.
    pub fn record<'a>(&self, second: u64, seen: impl FnOnce() -> Seen<'a>) {
        let nth = self.count(second);
        // The rate is that of the second before, or of this one where it grows.
        let rate = self.counted(second.wrapping_sub(1)).max(nth).max(A_SECOND);
        if (scattered(second, nth) >> 32).saturating_mul(rate) >= A_SECOND << 32 {
            return;
        }
        if let Some(mut kept) = self.kept.try_lock() {
            kept.keep(second, rate as f64 / A_SECOND as f64, &seen());
        }
    }

    /// What is kept of the 60 seconds before `second`. It holds up nobody: what would have been kept meanwhile is not.
    #[must_use]
    pub fn recent(&self, second: u64) -> Recent {
        let (mut requests, from) = {
            let kept = self.kept.lock();
            let Some(from) = kept.from else { return Recent::default() };
            let from = from.max(second.saturating_sub(WINDOW));
            let in_window = |request: &&KeptRequest| (from..second).contains(&request.second);
            let mut requests = Vec::with_capacity(kept.requests.len());
            requests.extend(kept.requests.iter().filter(in_window).cloned());
            (requests, from)
        };
        let seconds = second.saturating_sub(from);
        // What was kept of a second stands for all that it had.
        for of_second in requests.chunk_by_mut(|a, b| a.second == b.second) {
            let Some(counted) = of_second.first().map(|first| self.counted(first.second)) else { continue };
            let weights: f64 = of_second.iter().map(|request| request.per_second).sum();
            // A slot that another second has taken by now tells nothing; the weights then stand as they are.
            let factor = if counted > 0 { counted as f64 / weights } else { 1.0 };
            of_second.iter_mut().for_each(|request| request.per_second *= factor / seconds as f64);
        }
        Recent { seconds, requests }
    }

    /// Counts one more in `second`, and says which one of the second it is, from 1.
    fn count(&self, second: u64) -> u64 {
        let Some(slot) = self.counts.get((second % SLOTS as u64) as usize) else { return 1 };
        let stamp = second << 32;
        let held = slot.load(Ordering::Relaxed);
        let is_old = held & !0xffff_ffff != stamp;
        if is_old && slot.compare_exchange(held, stamp | 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return 1;
        }
        (slot.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff) + 1
    }

    /// How many requests `second` had.
    fn counted(&self, second: u64) -> u64 {
        let held = self.counts.get((second % SLOTS as u64) as usize).map_or(0, |slot| slot.load(Ordering::Relaxed));
        if held >> 32 == second & 0xffff_ffff { held & 0xffff_ffff } else { 0 }
    }
}

impl Kept {
    fn keep(&mut self, second: u64, weight: f64, seen: &Seen<'_>) {
        let from = *self.from.get_or_insert(second);
        let too_old = second.saturating_sub(WINDOW);
        while let Some(oldest) = self.requests.front() {
            let is_full = self.requests.len() >= MOST;
            if oldest.second >= too_old && !is_full {
                break;
            }
            // Of a second of which something goes, nothing counts any more.
            let gone = oldest.second;
            self.requests.pop_front();
            self.from = Some(self.from.unwrap_or(from).max(gone + 1));
        }
        let service = self.name(seen.service);
        let session = seen.session.map(|home| self.name(home));
        let Seen { network, place, .. } = *seen;
        self.requests.push_back(KeptRequest { service, network, place, session, per_second: weight, second });
    }

    /// One copy of each name for all requests.
    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        if self.names.len() >= MOST_NAMES {
            self.names.retain(|name| Arc::strong_count(name) > 1);
        }
        let name: Arc<str> = text.into();
        self.names.insert(Arc::clone(&name));
        name
    }
}

/// A number that looks like chance, so that what is kept has no rhythm that visitors might have too (splitmix64).
fn scattered(second: u64, nth: u64) -> u64 {
    let mut z = (second << 32 ^ nth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn seen(nth: u64) -> Seen<'static> {
        let network = VisitorNetwork::of(IpAddr::V4(Ipv4Addr::new(10, 0, (nth % 40) as u8, 1)));
        let session = nth.is_multiple_of(4).then_some("us-east");
        Seen { service: if nth % 10 < 7 { "portal" } else { "shop" }, network, place: None, session }
    }

    fn rate(recent: &Recent, of: impl Fn(&KeptRequest) -> bool) -> f64 {
        recent.requests.iter().filter(|request| of(request)).map(|request| request.per_second).sum()
    }

    #[test]
    fn a_known_mix_has_its_rates_whatever_the_load() {
        for per_second in [1, 20, 400, 3_000, 40_000] {
            let sampler = Sampler::default();
            for second in 100..130 {
                (0..per_second).for_each(|nth| sampler.record(second, || seen(nth)));
            }
            let recent = sampler.recent(130);
            assert_eq!(recent.seconds, 30);
            let all = rate(&recent, |_| true);
            assert!((all - per_second as f64).abs() < 1e-6 * all, "{per_second}/s: {all}");
            if per_second < 400 {
                assert_eq!(recent.requests.len() as u64, 30 * per_second, "all are kept");
                continue;
            }
            assert!((9_000..=18_000).contains(&recent.requests.len()), "{per_second}: {}", recent.requests.len());
            for (part, of) in [
                (0.7, rate(&recent, |request| &*request.service == "portal")),
                (0.25, rate(&recent, |request| request.session.is_some())),
                (0.025, rate(&recent, |request| request.network == seen(3).network)),
            ] {
                assert!((of / all - part).abs() < 0.01, "{per_second}/s: {part} is {}", of / all);
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_old_ones_go() {
        let sampler = Sampler::default();
        for second in 1_000..1_300 {
            // Bursts out of silence are the worst: the rate before them says nothing.
            let count = if second % 2 == 0 { 20_000 } else { 1 };
            (0..count).for_each(|nth| sampler.record(second, || seen(nth)));
            assert!(sampler.kept.lock().requests.len() <= MOST);
        }
        let recent = sampler.recent(1_300);
        assert!((10..=60).contains(&recent.seconds), "{}", recent.seconds);
        let all = rate(&recent, |_| true);
        assert!((9_000.0..11_500.0).contains(&all), "{all}");
        assert!(recent.requests.iter().all(|request| request.second >= 1_240));

        assert_eq!(
            sampler.recent(1_359).requests.len(),
            sampler.recent(1_359).requests.iter().filter(|r| r.second == 1_299).count()
        );
        let silent = sampler.recent(2_000);
        assert_eq!((silent.seconds, silent.requests.len()), (60, 0), "a minute without requests is one");
        sampler.record(2_000, || seen(0));
        assert_eq!(sampler.kept.lock().requests.len(), 1);
    }

    #[test]
    fn silence_counts_and_the_second_that_is_not_over_does_not() {
        let sampler = Sampler::default();
        assert_eq!(sampler.recent(10).seconds, 0);
        (0..30).for_each(|nth| sampler.record(100, || seen(nth)));
        assert_eq!(sampler.recent(100).seconds, 0);
        assert_eq!(rate(&sampler.recent(101), |_| true), 30.0);
        assert!((rate(&sampler.recent(110), |_| true) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_kept_allocates_nothing() {
        let sampler = Sampler::default();
        for second in 100..102 {
            (0..50_000).for_each(|nth| sampler.record(second, || seen(nth)));
        }
        let mut kept = 0;
        let measured = allocation_counter::measure(|| {
            for nth in 0..50_000 {
                sampler.record(102, || {
                    kept += 1;
                    seen(nth)
                });
            }
        });
        assert!((400..600).contains(&kept), "{kept}");
        assert!(measured.count_total < 10, "names are known and the list grows now and then: {measured:?}");
    }

    #[test]
    fn threads_never_wait_for_each_other() {
        let sampler = Sampler::default();
        let held = sampler.kept.lock();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|nth| sampler.record(100, || seen(nth))));
            }
        });
        drop(held);
        assert_eq!(sampler.counted(100), 4_000);
    }
}

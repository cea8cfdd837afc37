use super::*;
use crate::model::{LimitKey, Rate, RateLimit};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn limit(rate: f64, burst: u32) -> RateLimit {
    RateLimit { key: LimitKey::Client, rate: Rate::new(rate).unwrap(), burst }
}

fn table(rate: f64, burst: u32) -> RateTable {
    RateTable::new(LimitPace::new(&limit(rate, burst)))
}

#[test]
fn a_burst_and_then_the_rate() {
    let table = table(2.0, 3);
    let now = 50 * SECOND;
    assert_eq!([0; 3].map(|_| table.take(7, now)), [Verdict::Allowed; 3]);
    assert_eq!(table.take(7, now), Verdict::Wait(SECOND / 2));
    assert_eq!(table.take(7, now + SECOND / 2 - 1), Verdict::Wait(1), "what is refused costs nothing");
    assert_eq!(table.take(7, now + SECOND / 2), Verdict::Allowed);
    assert_eq!(table.take(8, now), Verdict::Allowed, "another key");
    assert_eq!([0; 3].map(|_| table.take(7, now + 9 * SECOND)), [Verdict::Allowed; 3], "never more than a burst");
    assert!(matches!(table.take(7, now + 9 * SECOND), Verdict::Wait(_)));
}

#[test]
fn the_slowest_and_the_fastest() {
    let slow = table(1e-300, u32::MAX);
    assert_eq!(slow.take(1, 5), Verdict::Allowed);
    let fast = table(1e300, 1);
    assert_eq!(
        (fast.take(1, 5), fast.take(1, 5), fast.take(1, 6)),
        (Verdict::Allowed, Verdict::Wait(1), Verdict::Allowed)
    );
    assert_eq!(LimitPace::new(&limit(20.0, 40)).window(), 2);
    assert_eq!(LimitPace::new(&limit(3.0, 1)).window(), 1);
}

#[test]
fn memory_has_a_bound_and_a_flood_forgets_only_its_own() {
    let table = table(1.0, 10);
    for _ in 0..10 {
        assert_eq!(table.take(3, SECOND), Verdict::Allowed);
    }
    // Keys that come once are paid off before the one that has used up its burst.
    for key in 0..2_000_000_u64 {
        table.take(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), SECOND);
    }
    assert!(table.keys(SECOND) <= RateTable::KEYS);
    assert!(matches!(table.take(3, SECOND), Verdict::Wait(_)));
}

#[test]
fn threads_share_one_burst() {
    let table = table(0.001, 500);
    let allowed = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    if table.take(9, SECOND) == Verdict::Allowed {
                        allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 500);
}

proptest! {
    /// In no window there are more than a burst and what the rate gives in it, and who waits as long as is said goes.
    #[test]
    fn never_more_than_burst_and_rate(
        rate in prop_oneof![0.1..2_000.0_f64, Just(0.5), Just(1.0), Just(3.0), Just(1000.0)],
        burst in 1..50_u32,
        gaps in prop::collection::vec(prop_oneof![Just(0), 0..SECOND / 1000, 0..SECOND, 0..30 * SECOND], 1..300),
    ) {
        let table = table(rate, burst);
        let mut now = SECOND;
        let mut allowed: Vec<u64> = Vec::new();
        for gap in gaps {
            now += gap;
            match table.take(1, now) {
                Verdict::Allowed => allowed.push(now),
                Verdict::Wait(wait) => {
                    prop_assert!(wait > 0);
                    let pace = table.pace();
                    // The same past, and one more request: a moment too early, or in time.
                    for (early, verdict) in [(1, false), (0, true)] {
                        let other = RateTable::new(pace);
                        allowed.iter().for_each(|at| { other.take(1, *at); });
                        prop_assert_eq!(other.take(1, now + wait - early) == Verdict::Allowed, verdict);
                    }
                }
            }
        }
        for (from, start) in allowed.iter().enumerate() {
            for (to, end) in allowed.iter().enumerate().skip(from) {
                let count = (to - from + 1) as f64;
                let window = (end - start) as f64 / SECOND as f64;
                prop_assert!(count <= f64::from(burst) + rate * window + 1e-6, "{count} in {window} s");
            }
        }
    }
}

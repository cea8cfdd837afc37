use crate::upstream::dns::DiscoveryPace;
use crate::upstream::lookup::Said;
use crate::upstream::memory::{Memory, Verdict};
use std::net::IpAddr;
use std::time::{Duration, Instant};

fn addresses(text: &str, ttl: u64) -> Said {
    Said::Addresses(vec![text.parse().unwrap()], Duration::from_secs(ttl))
}

fn no_answer() -> Said {
    Said::NoAnswer("silence".into())
}

const NOTHING: Said = Said::Nothing("the name has no address");

/// A memory, a clock at a standstill, and the usual pace.
fn fresh() -> (Memory<IpAddr, 2>, Instant, DiscoveryPace) {
    (Memory::default(), crate::live::clock::monotonic(), DiscoveryPace::default())
}

#[test]
fn a_ttl_is_kept_between_floor_and_ceiling() {
    let (mut memory, now, pace) = fresh();
    for (ttl, wait) in [(0, 1), (1, 1), (60, 60), (300, 300), (86_400, 300)] {
        let verdict = memory.judge([addresses("10.0.0.1", ttl), NOTHING], now, &pace);
        assert_eq!(verdict.wait, Duration::from_secs(wait));
    }
    let verdict = memory.judge([addresses("10.0.0.1", 60), addresses("fd00::1", 20)], now, &pace);
    assert_eq!(verdict.wait, Duration::from_secs(20), "the shorter of two");
}

#[test]
fn failures_wait_longer_and_longer_until_an_answer() {
    let (mut memory, now, pace) = fresh();
    let mut waits = Vec::new();
    for _ in 0..100 {
        let verdict = memory.judge([no_answer(), no_answer()], now, &pace);
        assert_eq!((verdict.addresses, verdict.failure.as_deref()), (None, Some("silence")));
        waits.push(verdict.wait.as_secs());
    }
    assert_eq!(waits[..7], [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(waits[99], 30);
    assert!(memory.is_failing());
    memory.judge([addresses("10.0.0.1", 60), NOTHING], now, &pace);
    assert!(!memory.is_failing());
    assert_eq!(memory.judge([no_answer(), no_answer()], now, &pace).wait, Duration::from_secs(1));
}

#[test]
fn half_a_failure_keeps_its_half_and_is_asked_again_soon() {
    let (mut memory, now, pace) = fresh();
    memory.judge([addresses("10.0.0.1", 60), addresses("fd00::1", 60)], now, &pace);
    let verdict = memory.judge([no_answer(), addresses("fd00::2", 300)], now, &pace);
    let both: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "fd00::2".parse().unwrap()];
    assert_eq!(verdict, Verdict { addresses: Some(both), failure: None, wait: Duration::from_secs(30) });
    let verdict = memory.judge([NOTHING, addresses("fd00::2", 300)], now, &pace);
    assert_eq!(verdict.addresses, Some(vec!["fd00::2".parse().unwrap()]), "a half that is gone is gone");
}

#[test]
fn emptiness_is_believed_only_when_it_lasts() {
    let (mut memory, now, pace) = fresh();
    memory.judge([addresses("10.0.0.1", 60), NOTHING], now, &pace);
    let at = |seconds| now + Duration::from_secs(seconds);
    for seconds in [0, 30, 59] {
        assert_eq!(memory.judge([NOTHING, NOTHING], at(seconds), &pace).addresses, None);
    }
    assert_eq!(memory.judge([NOTHING, no_answer()], at(61), &pace).addresses, None, "that is no clear word");
    assert_eq!(memory.judge([NOTHING, NOTHING], at(62), &pace).addresses, None, "counted anew");
    let verdict = memory.judge([NOTHING, NOTHING], at(122), &pace);
    assert_eq!(verdict.addresses, Some(Vec::new()));
    assert_eq!(verdict.failure.as_deref(), Some("the name has no address"));
    let verdict = memory.judge([no_answer(), addresses("fd00::1", 60)], at(123), &pace);
    assert_eq!(verdict.addresses, Some(vec!["fd00::1".parse().unwrap()]), "what was given up does not come back");
}

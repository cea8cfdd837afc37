#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::model::{OutlierRules, Share};
use proptest::prelude::*;
use std::time::Duration;

const START: Duration = Duration::from_mins(6);

fn tracks(count: usize) -> Vec<OutlierTrack> {
    (0..count).map(|_| OutlierTrack::default()).collect()
}

fn members(tracks: &[OutlierTrack]) -> Vec<Member<'_>> {
    tracks.iter().map(|track| Member { track, is_healthy: true }).collect()
}

/// What the way of a request does: takes it in, and ejects where it is time.
fn request(tracks: &[OutlierTrack], place: usize, seen: Seen, now: Duration, rules: &OutlierRules) -> Option<Ejection> {
    tracks[place].record(seen, now, rules).then(|| eject_for_failures(&members(tracks), place, now, rules)).flatten()
}

fn counts(of: &[(u64, u64)]) -> Vec<IntervalCounts> {
    of.iter().map(|(requests, errors)| IntervalCounts { requests: *requests, errors: *errors }).collect()
}

#[test]
fn failures_in_a_row_eject_and_the_ejection_ends_by_itself() {
    let (rules, tracks) = (OutlierRules::default(), tracks(2));
    let fail = |now| request(&tracks, 0, Seen::Failure, now, &rules);
    assert!((0..4).all(|_| fail(START).is_none()));
    assert!(request(&tracks, 0, Seen::Error, START, &rules).is_none(), "an error of the app ends the row");
    assert!((0..4).all(|_| fail(START).is_none()));
    let ejection = fail(START).unwrap();
    assert_eq!(ejection, Ejection { why: EjectionWhy::ConsecutiveFailures, length: Duration::from_secs(30) });
    assert!(tracks[0].is_ejected(START + Duration::from_millis(29_999)));
    assert!((0..20).all(|_| fail(START).is_none()), "what ends while it is out says nothing");
    let back = START + Duration::from_secs(30);
    assert!(!tracks[0].is_ejected(back) && tracks[0].has_returned(back) && !tracks[0].has_returned(back));
    assert!((0..4).all(|_| fail(back).is_none()));
    assert_eq!(fail(back).unwrap().length, Duration::from_secs(60), "the second in a row is twice as long");
}

#[test]
fn the_only_one_and_those_that_fail_together_stay() {
    let rules = OutlierRules::default();
    let alone = tracks(1);
    assert!((0..100).all(|_| request(&alone, 0, Seen::Failure, START, &rules).is_none()));
    let all = tracks(4);
    for round in 0..100 {
        for place in 0..4 {
            assert_eq!(request(&all, place, Seen::Failure, START, &rules), None, "in round {round}");
        }
    }
    let two = tracks(2);
    let unhealthy = [Member { track: &two[0], is_healthy: true }, Member { track: &two[1], is_healthy: false }];
    assert_eq!(eject_for_failures(&unhealthy, 0, START, &rules), None, "the other one is no help");
}

#[test]
fn a_success_rate_is_held_against_the_others() {
    let rules = OutlierRules::default().success_rate;
    for (seen, worse) in [
        (&[(1000, 400), (1000, 10)][..], &[0][..]),
        (&[(1000, 10), (1000, 15), (1000, 700), (1000, 300)], &[2]),
        (&[(100, 40), (100, 0), (100, 60)], &[2]),
        // All of them alike, all well, all broken.
        (&[(1000, 500), (1000, 490), (1000, 510)], &[]),
        (&[(1000, 0), (1000, 0)], &[]),
        (&[(1000, 1000), (1000, 1000)], &[]),
        // Below the others, but by less than asked.
        (&[(10_000, 1500), (10_000, 0)], &[]),
        // Too few to say so.
        (&[(99, 99), (1000, 0)], &[]),
        (&[(1000, 1000), (99, 0)], &[]),
        (&[(1000, 1000)], &[]),
        (&[], &[]),
        // More than asked, but chance may have done it: 26 of 100 against 5 of 100 is, 25 of 100 against 30 is not.
        (&[(100, 26), (100, 5)], &[0]),
        (&[(100, 25), (100, 30)], &[]),
    ] {
        assert_eq!(worse_than_others(&counts(seen), &rules), worse, "{seen:?}");
    }
}

#[test]
fn a_round_ejects_the_worst_as_far_as_it_may_and_forgets() {
    let (rules, tracks) = (OutlierRules::default(), tracks(4));
    for _ in 0..200 {
        for (place, seen) in [Seen::Error, Seen::Good, Seen::Error, Seen::Good].into_iter().enumerate() {
            request(&tracks, place, seen, START, &rules);
        }
    }
    let ejected: Vec<_> = judge(&members(&tracks), START, &rules).into_iter().map(|(place, _)| place).collect();
    assert_eq!(ejected, [0, 2]);
    assert_eq!(judge(&members(&tracks), START, &rules), [], "the counts were taken");
    let back = START + Duration::from_secs(30);
    assert_eq!(tracks[0].ejections(), 1);
    judge(&members(&tracks), back, &rules);
    assert_eq!(tracks[0].ejections(), 0);
}

#[test]
fn ejections_are_ignored_where_too_few_are_left() {
    let rules = OutlierRules::default();
    assert!(panics(10, 2, &rules) && !panics(10, 3, &rules) && !panics(1, 1, &rules) && panics(1, 0, &rules));
    let never = OutlierRules { panic_below: Share::NONE, ..rules };
    assert!(!panics(10, 0, &never));
}

#[test]
fn counts_are_whole_under_threads() {
    let (rules, track) = (OutlierRules::default(), OutlierTrack::default());
    let taken = std::sync::Mutex::new(IntervalCounts::default());
    std::thread::scope(|scope| {
        for seen in [Seen::Good, Seen::Error, Seen::Good, Seen::Error] {
            let (track, rules) = (&track, &rules);
            scope.spawn(move || (0..10_000).for_each(|_| _ = track.record(seen, START, rules)));
        }
        for _ in 0..100 {
            let counts = track.take_counts();
            let mut taken = taken.lock().unwrap();
            *taken =
                IntervalCounts { requests: taken.requests + counts.requests, errors: taken.errors + counts.errors };
        }
    });
    let (taken, last) = (taken.into_inner().unwrap(), track.take_counts());
    assert_eq!((taken.requests + last.requests, taken.errors + last.errors), (40_000, 20_000));
}

/// A pool whose servers fail and get well at random, in virtual time.
#[derive(Debug, Clone)]
struct Weather {
    /// How often of a hundred times each server fails, by phases.
    failing: Vec<Vec<u32>>,
    healthy: Vec<Vec<bool>>,
    draws: Vec<u32>,
    rules: OutlierRules,
}

fn weather() -> impl Strategy<Value = Weather> {
    let rules = (1_u32..8, 1_u32..50, 0.0_f64..1.0, 0.0_f64..1.0, 1_u64..40, 1_u64..400);
    let rules = rules.prop_map(|(row, least, most, below, ejection, longest)| OutlierRules {
        consecutive_failures: row.try_into().unwrap(),
        success_rate: crate::model::SuccessRateRules {
            least_requests: least.try_into().unwrap(),
            below: Share::from_ratio(below).unwrap(),
        },
        ejection: Duration::from_secs(ejection),
        longest_ejection: Duration::from_secs(longest.max(ejection)),
        most_ejected: Share::from_ratio(most).unwrap(),
        ..OutlierRules::default()
    });
    (1_usize..12, 1_usize..6, rules).prop_flat_map(|(servers, phases, rules)| {
        let chance = prop_oneof![Just(0_u32), Just(100), 0_u32..100];
        let failing = prop::collection::vec(prop::collection::vec(chance, servers), phases);
        let healthy = prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.8), servers), phases);
        let draws = prop::collection::vec(0_u32..100, 64..65);
        (failing, healthy, draws).prop_map(move |(failing, healthy, draws)| Weather { failing, healthy, draws, rules })
    })
}

proptest! {
    #[test]
    fn no_weather_empties_a_pool(weather in weather()) {
        let Weather { failing, healthy, draws, rules } = weather;
        let servers = failing[0].len();
        let tracks = tracks(servers);
        let most = ((servers as f64 * rules.most_ejected.ratio()) as usize).max(1);
        let (mut now, mut turn) = (START, 0_usize);
        for (failing, healthy) in failing.iter().zip(&healthy) {
            let members: Vec<_> = tracks.iter().zip(healthy).map(|(track, is_healthy)| Member { track, is_healthy: *is_healthy }).collect();
            for second in 0..60_u64 {
                now += Duration::from_secs(1);
                for _ in 0..servers * 8 {
                    turn += 1;
                    let place = turn % servers;
                    let seen = if draws[(turn * 7 + turn / 64) % draws.len()] < failing[place] { Seen::Failure } else { Seen::Good };
                    let open_before = members.iter().filter(|member| member.is_healthy && !member.track.is_ejected(now)).count();
                    let out_before = members.iter().filter(|member| member.track.is_ejected(now)).count();
                    let ejected = if members[place].track.record(seen, now, &rules) {
                        eject_for_failures(&members, place, now, &rules)
                    } else {
                        None
                    };
                    if let Some(ejection) = ejected {
                        prop_assert!(members[place].is_healthy && open_before >= 2, "another one stays");
                        prop_assert!(out_before < most, "no more than the share");
                        prop_assert!(ejection.length >= rules.ejection && ejection.length <= rules.longest_ejection);
                    }
                }
                if second % 10 == 0 {
                    let open_before = members.iter().filter(|member| member.is_healthy && !member.track.is_ejected(now)).count();
                    let ejected = judge(&members, now, &rules);
                    prop_assert!(ejected.is_empty() || open_before > ejected.len());
                    prop_assert!(members.iter().filter(|member| member.track.is_ejected(now)).count() <= most.max(1));
                }
                let latest = tracks.iter().filter_map(|track| track.ejection(now)).map(|(until, _)| until).max();
                prop_assert!(latest.is_none_or(|until| until <= now + rules.longest_ejection));
            }
        }
        // Every ejection ends, and what is behind a server is forgotten.
        now += rules.longest_ejection;
        prop_assert!(tracks.iter().all(|track| !track.is_ejected(now)));
        let bound = rules.longest_ejection.as_secs().div_ceil(rules.ejection.as_secs());
        for _ in 0..bound {
            judge(&members(&tracks), now, &rules);
            now += rules.longest_ejection; // so that whom this very round ejects is back
        }
        prop_assert!(tracks.iter().all(|track| u64::from(track.ejections()) <= bound));
    }
}

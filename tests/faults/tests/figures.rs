//! What figures.rs promises.

use crate::figures::*;
use crate::record::{Ask, End, Record, SECOND, ServerId, Sight};

fn server(number: u8) -> ServerId {
    ServerId { region: 0, number }
}

fn record(due: u64, over: u64, end: End) -> Record {
    Record { ask: Ask { id: 0, home: 0, session: None, is_post: false, due }, over, end }
}

#[test]
fn percentiles_are_values_that_were_there() {
    let values: Vec<u64> = (1..=100).collect();
    assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| percentile(&values, share)), [1, 50, 99, 100]);
    assert_eq!(percentile(&[], 0.5), 0);
    assert_eq!(percentile(&[7], 0.99), 7);
}

#[test]
fn a_summary_counts_and_times_from_when_a_request_was_due() {
    let records = [
        record(0, SECOND, End::Answered(server(0))),
        record(0, 3 * SECOND, End::Failed(503, Some("destination_unavailable".into()))),
        record(SECOND, 11 * SECOND, End::Stuck),
        record(0, 2 * SECOND, End::LoginFailed(server(1))),
    ];
    let summary = Summary::of(&records);
    assert_eq!((summary.requests, summary.good, summary.failed()), (4, 1, 3));
    assert_eq!((summary.p50, summary.max), (2.0, 10.0));
    assert_eq!(summary.kinds(), "1 × 503 destination_unavailable, 1 × login failed, 1 × stuck");
    assert_eq!(Summary::of(&[]).success(), 1.0);
}

#[test]
fn it_is_quiet_when_the_last_failure_has_ended() {
    let good = End::Answered(server(0));
    let records = [record(5, 20, good.clone()), record(5, SECOND + 10, End::Broken), record(9, 3 * SECOND, good)];
    assert_eq!(quiet_after(&records, 10), 1.0);
    assert_eq!(quiet_after(&records[2..], 10), 0.0);
}

/// Ten requests a second to each server, to the second one only from `joins` on.
fn sights(joins: u64) -> Vec<Sight> {
    let mut sights = Vec::new();
    for at in (0..10 * SECOND).step_by(SECOND as usize / 10) {
        for number in 0..3 {
            if number != 1 || at >= joins {
                sights.push(Sight { id: 0, server: server(number), at });
            }
        }
    }
    sights
}

#[test]
fn load_is_even_from_when_the_last_one_has_its_part() {
    let servers = [0, 1, 2].map(server);
    let even = |joins| even_after(&sights(joins), &servers, SECOND, 2 * SECOND, 0.2);
    assert_eq!(even(0), Some(0.0));
    let late = even(4 * SECOND).unwrap();
    assert!((2.4..=3.0).contains(&late), "{late}");
    assert_eq!(even(9 * SECOND), None, "two spans no longer fit");
    assert_eq!(even_after(&[], &servers, 0, SECOND, 0.2), None);
    let no_load = even_after(&sights(0), &[server(8)], 0, SECOND, 0.2);
    assert_eq!(no_load, None, "nothing is not even");
}

#[test]
fn a_median_is_one_of_them() {
    assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[2.0, 1.0]), median(&[])), (2.0, 2.0, 0.0));
}

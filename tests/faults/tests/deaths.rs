//! What deaths.rs promises.

use crate::deaths::*;
use crate::record::{Ask, End, Record, SECOND, ServerId, Sight};

const ONE: ServerId = ServerId { region: 0, number: 1 };
const OTHER: ServerId = ServerId { region: 0, number: 2 };

fn record(id: u32, is_post: bool, due: u64, over: u64, end: End) -> Record {
    Record { ask: Ask { id, home: 0, session: Some(1), is_post, due }, over, end }
}

fn sight(id: u32, server: ServerId, at: u64) -> Sight {
    Sight { id, server, at }
}

#[test]
fn every_failure_is_on_one_bill() {
    let at = |seconds: f64| (seconds * SECOND as f64) as u64;
    let death = Death { server: ONE, at: 10 * SECOND, gone: at(10.5) };
    let failed = |id, is_post, due, over| record(id, is_post, at(due), at(over), End::Failed(502, None));
    let records = [
        failed(1, false, 9.9, 10.1),
        failed(2, true, 9.9, 10.1),                                // seen by the dead one
        failed(3, true, 9.9, 10.1),                                // on its way
        failed(4, true, 12.0, 12.1),                               // long after
        failed(5, true, 9.9, 10.1),                                // seen by one that lives
        record(6, true, at(9.9), at(10.1), End::Answered(OTHER)),  // twice
        record(7, false, at(9.9), at(10.1), End::Answered(OTHER)), // may be
        failed(8, true, 5.0, 5.1),                                 // long before
        failed(9, true, 10.4, 10.6),                               // seen by the dead one, which took its time to die
        failed(10, true, 10.5, 10.7),                              // seen by it once it had come back
    ];
    let sights = [
        sight(2, ONE, at(9.95)),
        sight(9, ONE, at(10.45)),
        sight(10, ONE, at(10.6)),
        sight(5, OTHER, at(9.95)),
        sight(6, ONE, at(9.95)),
        sight(6, OTHER, at(10.0)),
        sight(7, ONE, at(9.95)),
        sight(7, OTHER, at(10.0)),
    ];
    let toll = Toll::of(&records, &sights, &[death]);
    let wanted = Toll { gets: 1, posts_taken_along: 2, posts_unread: 1, posts_without_reason: 4, posts_seen_twice: 1 };
    assert_eq!(toll, wanted);
}

#[test]
fn changes_are_counted_by_session() {
    let answered = |region| End::Answered(ServerId { region, number: 0 });
    let records = [0, 0, 1, 1, 0].map(|region| record(0, false, 0, 0, answered(region)));
    assert_eq!(changes_of_region(&records), (2.0, 2.0));
    assert_eq!(changes_of_region(&[]), (0.0, 0.0));
}

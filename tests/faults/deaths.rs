//! What deaths of servers may cost, judged by the records of both sides. Pure.

use crate::record::{Record, SECOND, ServerId, Sight};
use std::collections::HashMap;

/// A server was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// Which one.
    pub server: ServerId,
    /// When the kill was about to be sent.
    pub at: u64,
    /// When it was known to be gone: on a busy machine that may take a while.
    pub gone: u64,
}

/// Until so long after its end bytes may still have been on their way to the dead one.
const DYING: u64 = SECOND / 5;

/// What became of requests under deaths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toll {
    /// Requests that may be sent twice, and failed.
    pub gets: usize,
    /// Requests that may not, and failed after a server had them that died.
    pub posts_taken_along: usize,
    /// Those that no server has written down, and that were on their way when one died: they may have lain unread in it.
    pub posts_unread: usize,
    /// Those that failed without any such reason.
    pub posts_without_reason: usize,
    /// Those that more than one server saw.
    pub posts_seen_twice: usize,
}

impl Toll {
    /// Counts them.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>, sights: &[Sight], deaths: &[Death]) -> Self {
        let mut seen: HashMap<u32, Vec<&Sight>> = HashMap::new();
        for sight in sights {
            seen.entry(sight.id).or_default().push(sight);
        }
        let mut toll = Self::default();
        for record in records {
            let sights = seen.get(&record.ask.id).map_or(&[][..], Vec::as_slice);
            if record.ask.is_post && sights.len() > 1 {
                toll.posts_seen_twice += 1;
            }
            if record.end.is_good() {
                continue;
            }
            if !record.ask.is_post {
                toll.gets += 1;
                continue;
            }
            let died_with_it = |death: &Death| {
                sights.iter().any(|sight| sight.server == death.server && sight.at <= death.gone)
                    && record.over + DYING >= death.at
            };
            let was_on_its_way =
                |death: &Death| record.ask.due <= death.gone + DYING && record.over + DYING >= death.at;
            if deaths.iter().any(died_with_it) {
                toll.posts_taken_along += 1;
            } else if sights.is_empty() && deaths.iter().any(was_on_its_way) {
                toll.posts_unread += 1;
            } else {
                toll.posts_without_reason += 1;
            }
        }
        toll
    }
}

/// How often each session was served by another region than the time before: the most of all sessions, and the mean.
pub fn changes_of_region<'a>(records: impl IntoIterator<Item = &'a Record>) -> (f64, f64) {
    let mut last: HashMap<u32, (u8, u32)> = HashMap::new();
    for record in records {
        let (Some(session), crate::record::End::Answered(server)) = (record.ask.session, &record.end) else { continue };
        let (region, changes) = last.entry(session).or_insert((server.region, 0));
        if *region != server.region {
            (*region, *changes) = (server.region, *changes + 1);
        }
    }
    let most = last.values().map(|(_, changes)| *changes).max().unwrap_or(0);
    let sum: u32 = last.values().map(|(_, changes)| *changes).sum();
    (f64::from(most), f64::from(sum) / last.len().max(1) as f64)
}

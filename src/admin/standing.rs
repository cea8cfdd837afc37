//! How a region stands: the share that its drains leave it, and why it is away.

use crate::live::LiveTable;
use crate::model::{RegionId, ServiceId, Share, Timestamp};
use crate::routing::Away;

/// How one region stands at one moment.
#[derive(Debug)]
pub(super) struct Standing {
    /// The smallest share that a drain in force leaves it: the part of new visitors that it gets.
    pub share: Share,
    /// Why it is away, with the service where the reason holds for one alone; empty where it is not away.
    pub away: Vec<(Away, Option<ServiceId>)>,
}

impl Standing {
    /// How `region` of `live` stands at `now`.
    pub(super) fn of(live: &LiveTable, region: RegionId, now: Timestamp) -> Self {
        let mut standing = Self { share: Share::ALL, away: Vec::new() };
        let mut closed_by = None;
        for (number, drain) in live.table.drains_of(region) {
            let share = drain.share_at(now);
            if share == Share::NONE && closed_by.is_none() {
                closed_by = Some(number);
            }
            standing.share = standing.share.min(share);
        }
        standing.away.extend(closed_by.map(|drain| (Away::Drained { drain }, None)));
        standing.away.extend(live.failures(region));
        standing
    }
}

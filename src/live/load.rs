//! Who would come to the regions of a table, so that each gets what it can carry.

use super::table::LiveTable;
use super::traffic::Room;
use crate::model::{RegionId, Share};
use crate::routing::{Arrived, Away, Decision, HomeBy};
use std::net::IpAddr;

impl LiveTable {
    /// Counts a request of `client` that `served_by` got: for its home, where the visitor is a new one, and for each region
    /// that was to stand in. Only regions with a capacity are counted for.
    pub fn count_demand(&self, decision: &Decision, client: IpAddr, served_by: RegionId, second: u64) {
        // What another edge has sent here was let in there.
        if matches!(decision.arrived, Arrived::ByHop(_)) {
            return;
        }
        let home = decision.home;
        let is_new = matches!(decision.home_by, HomeBy::Rule { .. });
        if is_new && matches!(decision.home_is_away, None | Some(Away::OverCapacity)) {
            self.count_for(home, client, |traffic, point| traffic.wanted_at_home(point, served_by == home, second));
        }
        let full = decision.passed_over.iter().filter(|passed| passed.why == Away::OverCapacity);
        let mut is_told = false;
        for passed in full {
            let is_in = served_by == passed.region;
            is_told |= is_in;
            self.count_for(passed.region, client, |traffic, point| traffic.wanted_by_others(point, is_in, second));
        }
        if served_by != home && !is_told {
            self.count_for(served_by, client, |traffic, point| traffic.wanted_by_others(point, true, second));
        }
    }

    fn count_for(&self, region: RegionId, client: IpAddr, count: impl Fn(&super::RegionTraffic, f64)) {
        let has_capacity = self.table.region(region).is_some_and(|region| region.capacity.is_some());
        if let (true, Some(traffic)) = (has_capacity, self.traffic(region)) {
            count(traffic, self.table.point_of(region, client));
        }
    }

    /// The shares that `region` has room for in `second`; `None` where it has no capacity, and so room for everybody.
    #[must_use]
    pub fn room(&self, region: RegionId, second: u64) -> Option<Room> {
        let capacity = self.table.region(region)?.capacity?;
        Some(self.traffic(region)?.room(capacity.per_second(), second))
    }

    pub(super) fn room_at_home(&self, region: RegionId, second: u64) -> Share {
        self.room(region, second).map_or(Share::ALL, |room| room.at_home)
    }

    pub(super) fn room_for_others(&self, region: RegionId, second: u64) -> Share {
        self.room(region, second).map_or(Share::ALL, |room| room.for_others)
    }
}

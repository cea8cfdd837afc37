//! What is counted of regions, kept by name across tables.

use super::matrix::{FlopMatrix, Pairs};
use super::rate::RateMeter;
use super::region::RegionTraffic;
use crate::live::clock;
use crate::model::RegionName;
use crate::routing::RoutingTable;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Gives each table the counters of its regions: those that are counted already, as long as their region is there.
#[derive(Debug, Default)]
pub(in crate::live) struct TrafficBook {
    regions: Mutex<HashMap<RegionName, Weak<RegionTraffic>>>,
    pairs: Pairs,
    unserved: Arc<RateMeter>,
}

/// The counters of one table.
pub(in crate::live) struct TableTraffic {
    /// By region.
    pub regions: Box<[Arc<RegionTraffic>]>,
    /// Where sessions arrived against where they are at home.
    pub matrix: FlopMatrix,
    /// Requests that no region could serve.
    pub unserved: Arc<RateMeter>,
}

impl TrafficBook {
    pub(in crate::live) fn of(&self, table: &RoutingTable) -> TableTraffic {
        let mut kept = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, traffic| traffic.strong_count() > 0);
        let names = table.regions().iter().map(|region| &region.name);
        let of_region = |name: &RegionName| {
            let held = kept.get(name).and_then(Weak::upgrade);
            let held = held.unwrap_or_else(|| Arc::new(RegionTraffic::new(clock::second())));
            kept.insert(name.clone(), Arc::downgrade(&held));
            held
        };
        TableTraffic {
            regions: names.clone().map(of_region).collect(),
            matrix: self.pairs.matrix(names),
            unserved: Arc::clone(&self.unserved),
        }
    }
}

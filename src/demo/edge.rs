//! What the demo needs of an edge, which others start.

use crate::live::{Edge, LiveTable, clock};
use crate::model::{RegionId, Share, Timestamp};
use std::path::Path;
use std::time::Duration;

/// What an edge for the demo is started with.
#[derive(Debug, Clone, Copy)]
pub struct EdgeStart<'a> {
    /// The settings file, ready to be read.
    pub settings: &'a Path,
    /// Where the process log must go: a file, while the live view has the terminal; the standard error otherwise.
    pub log: Option<&'a Path>,
}

/// An edge that runs in this process.
pub trait EdgeHandle: Send {
    /// How it is now. Asked about four times a second, so it must not block.
    fn status(&self) -> EdgeStatus;
    /// Stops it and gives up its sockets; waits until that is done.
    fn stop(self: Box<Self>);
}

/// An edge at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeStatus {
    /// The regions of the live table, in any order.
    pub regions: Vec<EdgeRegion>,
    /// Flops from this edge in a second, to all regions.
    pub flops_per_second: f64,
    /// The revision of the live table.
    pub revision: String,
    /// How long this table has been live.
    pub age: Duration,
    /// What is wrong with the file, where it was refused and the last good table serves: the whole message for people,
    /// in as many lines as it has.
    pub problem: Option<String>,
}

/// A region as the edge sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeRegion {
    /// Its name.
    pub name: String,
    /// The part of its new visitors that it gets now, 0 to 1.
    pub share: f64,
    /// How many of its servers are healthy.
    pub healthy: usize,
    /// How many servers it has.
    pub servers: usize,
    /// Why it is away, in a word or two such as `drained`; `None` where it is not.
    pub away: Option<String>,
}

impl EdgeStatus {
    /// How `edge` is now.
    #[must_use]
    pub fn of(edge: &Edge) -> Self {
        let problem = edge.table_problem().map(|problem| problem.text.clone());
        let Some(live) = edge.table() else { return Self { problem, ..Self::default() } };
        let (now, second) = (clock::now(), clock::second());
        let regions = live.table.regions_by_id().filter_map(|(id, _)| live.traffic(id));
        let flops_per_second = regions.map(|traffic| traffic.now(second).flops_per_second).sum();
        Self {
            regions: live
                .table
                .regions_by_id()
                .map(|(id, region)| EdgeRegion::of(&live, id, region.name.as_str(), now))
                .collect(),
            flops_per_second,
            revision: live.revision.to_string(),
            age: now.duration_since(live.since).try_into().unwrap_or_default(),
            problem,
        }
    }
}

impl EdgeRegion {
    fn of(live: &LiveTable, region: RegionId, name: &str, now: Timestamp) -> Self {
        let share = live.table.drains_of(region).map(|(_, drain)| drain.share_at(now)).fold(Share::ALL, Share::min);
        let pools = live.table.services_by_id().filter_map(|(service, _)| live.pools.get(service, region));
        let (healthy, servers) =
            pools.fold((0, 0), |(healthy, servers), pool| (healthy + pool.healthy(), servers + pool.servers().len()));
        let away = if healthy == 0 {
            Some("no server")
        } else if share == Share::NONE {
            Some("drained")
        } else {
            None
        };
        Self { name: name.to_owned(), share: share.ratio(), healthy, servers, away: away.map(str::to_owned) }
    }
}

//! The drains that operators have put on this edge, beside those of the table: leases, with an end.
//!
//! They are a layer of their own: no push of the table ends one, and a region that the table does not have for a while is
//! still drained when it is back.

use super::clock;
use super::edge::{Edge, FileProblem};
use super::table::LiveTable;
use crate::model::{Drain, DrainLayer, RegionName, Timestamp};
use crate::routing::RoutingTable;
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// A drain of an operator, whatever table is live.
pub type Lease = Drain<RegionName>;

/// How long a region must have been healthy before a drain that was held for its sake ends.
const RECOVERED: Duration = Duration::from_secs(10);

/// How long servers that were not tried yet are waited for, as nobody knows whether there is anybody to come back to.
const UNTRIED: Duration = Duration::from_secs(5);

/// Where leases outlive the process.
pub trait LeaseStore: Send + Sync {
    /// Keeps these, in place of what was kept. Afterwards all of them are on disk, or what was there before.
    ///
    /// # Errors
    /// Those of the file system, e.g. a full disk.
    fn keep(&self, leases: &[Lease]) -> io::Result<()>;

    /// Where they are, for people.
    fn place(&self) -> String;
}

/// The leases of one edge.
#[derive(Default)]
pub(super) struct Leases {
    all: Vec<Lease>,
    held: Vec<Hold>,
    store: Option<Arc<dyn LeaseStore>>,
    problem: Option<Arc<FileProblem>>,
    /// When it was last looked which are over.
    looked: Option<Timestamp>,
}

/// That a drain is in force beyond its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hold {
    layer: DrainLayer,
    region: RegionName,
    until: Option<Timestamp>,
    /// Since when the region is healthy.
    healthy_since: Option<Timestamp>,
}

impl Hold {
    fn is_of(&self, drain: &Drain, region: &RegionName) -> bool {
        self.layer == drain.layer && self.until == drain.until && self.region == *region
    }
}

impl Leases {
    /// All drains on `table`: its own and, behind them, those of operators.
    pub(super) fn drains_on(&self, table: &RoutingTable) -> Vec<Drain> {
        let of_operators = self.all.iter().filter_map(|lease| {
            let region = table.region_id(lease.region.as_str())?;
            Some(lease.clone().with_region(region))
        });
        let all = table.parts().drains.iter().cloned().chain(of_operators);
        all.map(|drain| Drain { held: self.holds(table, &drain), ..drain }).collect()
    }

    fn holds(&self, table: &RoutingTable, drain: &Drain) -> bool {
        let region = table.region(drain.region);
        region.is_some_and(|region| self.held.iter().any(|hold| hold.is_of(drain, &region.name)))
    }
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum NotChanged<E> {
    /// Whoever was asked what the change is has refused.
    Refused(E),
    /// The edge is stopping: another process is, or will be, in its place.
    Stopping,
    /// There is no table yet.
    NoTable,
    /// What is on disk cannot be read, and is not overwritten.
    Unreadable(Arc<FileProblem>),
    /// It cannot be kept, and what does not survive a restart is not done.
    NotKept {
        /// Where.
        place: String,
        /// Why.
        error: io::Error,
    },
}

/// What the clock, or the health of a region, did to a drain.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseEvent {
    /// It is over.
    Ended(Lease),
    /// Its time is up, and it goes on: its region has no healthy server to come back to.
    Held(Lease),
    /// Its region is back, and so it is over.
    Released(Lease),
}

impl LeaseEvent {
    /// The drain.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        match self {
            Self::Ended(lease) | Self::Held(lease) | Self::Released(lease) => lease,
        }
    }
}

impl fmt::Display for LeaseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = &self.lease().region;
        match self {
            Self::Ended(_) => write!(f, "the drain of {region} is over: its time is up"),
            Self::Held(_) => write!(
                f,
                "the drain of {region} is held beyond its end: a service has no healthy server there; it ends when all have \
                 one again, or with 'homeward undrain {region} --force'"
            ),
            Self::Released(_) => {
                write!(f, "the drain of {region} is over: it was held beyond its end, and {region} is back")
            }
        }
    }
}

impl Edge {
    /// The drains of operators, in the order in which they came.
    #[must_use]
    pub fn leases(&self) -> Vec<Lease> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// Why drains of operators can neither be read nor changed, where it is so.
    #[must_use]
    pub fn leases_problem(&self) -> Option<Arc<FileProblem>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// Takes in what was kept by `store`; or why it cannot be read, and then what is there stays as it is.
    pub fn restore_leases(&self, kept: Result<Vec<Lease>, FileProblem>, store: Arc<dyn LeaseStore>) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.store = Some(store);
        match kept {
            Ok(all) => {
                leases.all = all;
                leases.problem = None;
            }
            Err(problem) => leases.problem = Some(Arc::new(problem)),
        }
        self.put_on(&leases);
    }

    /// Makes of the leases what `change` makes of them: on disk first, then live. It is handed the table that is live, and
    /// nobody else changes table or leases meanwhile. It blocks for as long as the disk takes.
    ///
    /// # Errors
    /// Why all is as it was.
    pub fn change_leases<E>(
        &self,
        change: impl FnOnce(&[Lease], &LiveTable) -> Result<Vec<Lease>, E>,
    ) -> Result<Duration, NotChanged<E>> {
        if self.is_stopping() {
            return Err(NotChanged::Stopping);
        }
        let began = clock::monotonic();
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = &leases.problem {
            return Err(NotChanged::Unreadable(Arc::clone(problem)));
        }
        let live = self.table().ok_or(NotChanged::NoTable)?;
        let all = change(&leases.all, &live).map_err(NotChanged::Refused)?;
        if let Some(store) = &leases.store {
            store.keep(&all).map_err(|error| NotChanged::NotKept { place: store.place(), error })?;
        }
        leases.all = all;
        self.put_on(&leases);
        Ok(clock::monotonic().duration_since(began))
    }

    /// Lets those leases end whose time is up, holds those whose region cannot serve, and says what that changed.
    ///
    /// Who goes where does not wait for this: a share depends on the clock alone. A drain of the table is held as well, where
    /// its end is seen.
    pub fn tend_leases(&self, now: Timestamp) -> Vec<LeaseEvent> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = self.table() else { return Vec::new() };
        if !live.pools.is_settled() && now.duration_since(live.since).unsigned_abs() < UNTRIED {
            return Vec::new();
        }
        let before = leases.looked.replace(now).unwrap_or(now);
        let mut events = Vec::new();
        let mut held = Vec::new();
        for drain in live.table.drains() {
            let (Some(until), Some(region)) = (drain.until, live.table.region(drain.region)) else { continue };
            if until > now {
                continue;
            }
            let name = || drain.clone().with_region(region.name.clone());
            let is_healthy = live.failures(drain.region).next().is_none();
            let hold = leases.held.iter().find(|hold| hold.is_of(drain, &region.name)).cloned();
            match hold {
                // What was over before anybody looked is over, unless an operator's lease says that nobody has ended it.
                None if !is_healthy && (until > before || drain.layer == DrainLayer::Operator) => {
                    let (layer, region) = (drain.layer, region.name.clone());
                    held.push(Hold { layer, region, until: Some(until), healthy_since: None });
                    events.push(LeaseEvent::Held(name()));
                }
                None if until > before || drain.layer == DrainLayer::Operator => events.push(LeaseEvent::Ended(name())),
                None => {}
                Some(hold) if !is_healthy => held.push(Hold { healthy_since: None, ..hold }),
                Some(hold) => {
                    let since = *hold.healthy_since.as_ref().unwrap_or(&now);
                    if now.duration_since(since).unsigned_abs() < RECOVERED {
                        held.push(Hold { healthy_since: Some(since), ..hold });
                    } else {
                        events.push(LeaseEvent::Released(name()));
                    }
                }
            }
        }
        // Of a region that the table does not have nobody can say how it is.
        let is_gone = |lease: &Lease| {
            let is_over = lease.until.is_some_and(|until| until <= now);
            let is_held = |hold: &Hold| {
                hold.layer == DrainLayer::Operator && hold.region == lease.region && hold.until == lease.until
            };
            is_over && !held.iter().any(is_held)
        };
        let (gone, all): (Vec<_>, Vec<_>) = leases.all.iter().cloned().partition(is_gone);
        let has_changed = !gone.is_empty() || !events.is_empty();
        leases.held = held;
        if !gone.is_empty() {
            // Those that are over have no effect, so that it does no harm where they stay in the file.
            // Whoever is in the place of an edge that stops has the file.
            let store = leases.store.as_ref().filter(|_| !self.is_stopping());
            if let Some(Err(error)) = store.map(|store| store.keep(&all)) {
                tracing::warn!("drains that are over stay in their file: {error}");
            }
            leases.all = all;
        }
        if has_changed {
            self.put_on(&leases);
        }
        events
    }

    /// Puts the drains of both layers on the table that is live.
    fn put_on(&self, leases: &Leases) {
        if let Some(live) = self.table() {
            let drains = leases.drains_on(&live.table);
            if drains != live.table.drains() {
                self.table.store(Some(Arc::new(live.with_drains(drains))));
            }
        }
    }

    /// The same at the time that it is.
    pub fn tend_leases_now(&self) -> Vec<LeaseEvent> {
        self.tend_leases(clock::now())
    }
}

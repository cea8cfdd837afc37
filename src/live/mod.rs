//! Floor 5: what changes while the edge runs, and the clock and the randomness that it changes by.

mod acme;
mod advice;
mod certificates;
mod challenges;
mod changes;
pub mod clock;
mod edge;
pub mod entropy;
pub mod fleet;
mod gate;
mod hash_key;
mod learned;
mod leases;
mod limits;
mod load;
mod memory;
mod outcomes;
mod places;
mod preview;
mod sample;
mod table;
mod traffic;
mod trial;

pub use crate::model::Revision;
pub use acme::{AcmeProblem, AcmeStanding};
pub use advice::Advice;
pub use certificates::{CertificateUse, LiveCertificate};
pub use challenges::Challenges;
pub use changes::{
    Announced, Answer, Changes, Desk, GuardStanding, RefusedTable, RollBack, RollBackRefused, RolledBack, WatchedTable,
};
pub use edge::{Edge, FileProblem, LocalRegionMissing, PreparedTable, Secrets};
pub use gate::{GoesAhead, Passage, SessionGate};
pub use hash_key::HashKey;
pub use learned::LearnedHomes;
pub use leases::{Lease, LeaseEvent, LeaseStore, NotChanged};
pub use limits::RateLimiter;
pub use memory::{Counts, Heritage};
pub use outcomes::Outcomes;
pub use places::{CountingFinder, LivePlaces};
pub use preview::{NoPreview, preview_of, preview_of_parts, quick_preview_of};
pub use sample::{KeptRequest, Recent, Sampler, Seen};
pub use table::{LiveTable, Origin};
pub use traffic::{
    FlopMatrix, HISTORY, LONG_STREAM, OpenStream, RateMeter, RegionTraffic, Room, Stream, StreamKind, TrafficHistory,
    TrafficNow,
};
pub use trial::Trial;

pub use fleet::{
    ActiveRequest, Care, DnsName, Entered, Entrance, Fleet, Heard, Judged, NameStatus, Place, PoolState, PoolStatus,
    Pools, ProbeKind, Purpose, Server, ServerStatus, ServerTls, Target, Transition, Waiter,
};

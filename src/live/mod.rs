//! Floor 5: what changes while the edge runs, and the clock and the randomness that it changes by.

mod acme;
mod certificates;
mod challenges;
pub mod clock;
mod edge;
pub mod entropy;
pub mod fleet;
mod hash_key;
mod learned;
mod leases;
mod limits;
mod memory;
mod places;
mod preview;
mod revision;
mod sample;
mod table;
mod traffic;

pub use acme::{AcmeProblem, AcmeStanding};
pub use certificates::{CertificateUse, LiveCertificate};
pub use challenges::Challenges;
pub use edge::{Edge, FileProblem, LocalRegionMissing, PreparedTable, Secrets, log_transition};
pub use hash_key::HashKey;
pub use learned::LearnedHomes;
pub use leases::{Lease, LeaseEvent, LeaseStore, NotChanged};
pub use limits::RateLimiter;
pub use memory::{Counts, Heritage};
pub use places::{CountingFinder, LivePlaces};
pub use preview::{NoPreview, preview_of, preview_of_parts, quick_preview_of};
pub use revision::Revision;
pub use sample::{KeptRequest, Recent, Sampler, Seen};
pub use table::{LiveTable, Origin};
pub use traffic::{
    FlopMatrix, HISTORY, LONG_STREAM, OpenStream, RateMeter, RegionTraffic, Stream, StreamKind, TrafficHistory,
    TrafficNow,
};

pub use fleet::{
    ActiveRequest, DnsName, Fleet, NameStatus, PoolState, PoolStatus, Pools, Purpose, Server, ServerStatus, ServerTls,
    Transition,
};

//! Floor 5: what changes while the edge runs, and the clock and the randomness that it changes by.

mod certificates;
pub mod clock;
mod edge;
pub mod entropy;
pub mod fleet;
mod learned;
mod limits;
mod places;
mod rate;
mod revision;
mod table;

pub use certificates::{CertificateUse, LiveCertificate};
pub use edge::{Edge, FileProblem, LocalRegionMissing, PreparedTable, Secrets, log_transition};
pub use learned::LearnedHomes;
pub use limits::RateLimiter;
pub use places::{CountingFinder, LivePlaces};
pub use rate::RateMeter;
pub use revision::Revision;
pub use table::{LiveTable, Origin};

pub use fleet::{
    ActiveRequest, DnsName, Fleet, NameStatus, PoolState, PoolStatus, Pools, Purpose, Server, ServerStatus, Transition,
};

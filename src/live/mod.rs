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
mod limits;
mod memory;
mod places;
mod rate;
mod table;

pub use acme::{AcmeProblem, AcmeStanding};
pub use certificates::{CertificateUse, LiveCertificate};
pub use challenges::Challenges;
pub use edge::{Edge, FileProblem, LocalRegionMissing, PreparedTable, Secrets, log_transition};
pub use hash_key::HashKey;
pub use learned::LearnedHomes;
pub use limits::RateLimiter;
pub use memory::{Counts, Heritage};
pub use places::{CountingFinder, LivePlaces};
pub use rate::RateMeter;
pub use crate::model::Revision;
pub use table::{LiveTable, Origin};

pub use fleet::{
    ActiveRequest, DnsName, Fleet, NameStatus, PoolState, PoolStatus, Pools, Purpose, Server, ServerStatus, ServerTls,
    Transition,
};

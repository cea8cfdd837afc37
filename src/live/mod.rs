//! Floor 4: what changes while the edge runs, and the clock and the randomness that it changes by.

pub mod clock;
pub mod entropy;
pub mod fleet;

pub use fleet::{
    ActiveRequest, DnsName, Fleet, NameStatus, PoolState, PoolStatus, Pools, Server, ServerStatus, Transition,
};

//! Floor 2: which of a pool's servers gets the next request.
//!
//! [`choose()`] is a pure function of the [`Rule`], a turn and the servers that may get it. Keys go to servers by rendezvous
//! hashing (Thaler and Ravishankar, 1998) with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016): each server has
//! a score for each key, and the best score that has room wins. Nothing is built or kept for it, so that a server that comes
//! or goes changes nothing between a key and the other servers; a pick costs one look at each server.

mod choose;
mod hash;
#[cfg(test)]
mod tests;
mod weight;

pub use choose::{ALWAYS_ROOM, Candidate, Rule, choose};
pub use hash::{KeyHash, ServerHash};
pub use weight::Weight;

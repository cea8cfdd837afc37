//! Floor 6: how an edge comes to be in the place of another, and what looks after it.
//!
//! | file | what it holds |
//! |---|---|
//! | `sockets` | listening sockets that another process has bound |
//! | `activation` | those that systemd passes |
//! | `message`, `channel` | what two processes of an edge say to each other, and how |
//! | `giver` | the running process: it hands over |
//! | `heir` | the new process: it takes over |
//! | `successor` | the new process, as the running one starts it |
//! | `service_manager` | what systemd is told |
//! | `watchdog` | whether all threads still turn |

mod activation;
mod channel;
mod giver;
mod heir;
mod message;
pub mod service_manager;
mod sockets;
mod successor;
#[cfg(test)]
mod tests;
mod watchdog;

pub use activation::{ActivationError, passed_sockets};
pub use giver::{Giver, GiverError, Offer};
pub use heir::{Heir, HeirError, Verdict};
pub use sockets::{SocketUse, Sockets};
pub use successor::Command;
pub use watchdog::Watchdog;

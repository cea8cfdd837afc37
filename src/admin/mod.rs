//! Floor 6: what operators and their tools read of a running edge, over TCP and over a Unix socket.
//!
//! | file | what it holds |
//! |---|---|
//! | `server` | the sockets, and how they are bound |
//! | `connections` | a bounded number of connections, each bounded in time |
//! | `routes` | the answers |
//! | `page` | the status page, and its events |
//! | `changes` | what operators change |
//! | `access` | who may do what: by door, host and token |
//! | `origin` | which names a request may have in `Host` |
//! | `status` | what `/api/v1/status` says |
//! | `preview` | what `/api/v1/preview` answers |
//! | `question` | what `/api/v1/explain` answers |
//! | `history` | what `/api/v1/history` says |
//! | `gauges` | the metrics that show a state |
//! | `standing` | the share of a region, and why it is away |

mod access;
mod changes;
mod connections;
mod gauges;
mod history;
mod origin;
mod page;
mod preview;
mod problem;
mod question;
mod routes;
mod server;
mod standing;
pub mod status;
#[cfg(test)]
mod tests;

pub use changes::{Announcement, DrainAnswer, DrainOrder, RollbackAnswer, RollbackOrder, UndrainOrder, Warning};
pub use history::{DiffAnswer, DrillsAnswer, HistoryAnswer, HistoryLine, TableAnswer, Untold};
pub use question::{BadQuestion, Question};
pub use server::{AdminError, AdminServer, GivenSockets};
pub use status::Status;

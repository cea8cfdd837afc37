//! What two processes of an edge say to each other.
//!
//! ```text
//! new                          running
//!  hello ────────────────────▶
//!        ◀──────────────────── offer, and the sockets      (or no)
//!  … reads its files, probes its servers …
//!  ready ────────────────────▶                             (or failed)
//!        ◀──────────────────── counts                      (or no)
//!  … takes connections …
//!  serving ──────────────────▶
//!        ◀──────────────────── farewell                    (or no)
//! ```
//!
//! Whoever hears `no` ends. A running process that is gone without a word is no reason to end: then there is nobody else.

use super::sockets::SocketName;
use crate::live::{Counts, Heritage};
use serde::{Deserialize, Serialize};

/// The version of this conversation. What is added to a message needs no other one: unknown fields are passed over, and
/// missing ones have a default.
pub(super) const PROTOCOL: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(super) enum Message {
    /// The new process is there.
    Hello {
        protocol: u32,
        /// Its version, for the log.
        homeward: String,
    },
    /// What the new process needs to become ready. The sockets come with it.
    Offer {
        protocol: u32,
        /// The running process's version, for the log.
        homeward: String,
        /// Of each socket, in the order in which they come.
        sockets: Vec<SocketName>,
        #[serde(default)]
        heritage: Heritage,
    },
    /// Nothing is missing any more but connections.
    Ready,
    /// The new process cannot take over.
    Failed { why: String },
    /// What was counted up to now.
    Counts {
        #[serde(default)]
        counts: Counts,
    },
    /// The new process takes connections.
    Serving,
    /// The running process takes no more.
    Farewell,
    /// The running process goes on.
    No { why: String },
}

impl Message {
    pub(super) fn hello() -> Self {
        Self::Hello { protocol: PROTOCOL, homeward: env!("CARGO_PKG_VERSION").to_owned() }
    }

    pub(super) fn no(why: impl Into<String>) -> Self {
        Self::No { why: why.into() }
    }

    /// What it is, for a message that tells of an unexpected one.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Offer { .. } => "offer",
            Self::Ready => "ready",
            Self::Failed { .. } => "failed",
            Self::Counts { .. } => "counts",
            Self::Serving => "serving",
            Self::Farewell => "farewell",
            Self::No { .. } => "no",
        }
    }
}

//! Listening sockets that another process has bound.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// What a socket is there for. A newer version may know of more: what is unknown is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketUse {
    /// Requests of clients.
    Listen,
    /// The admin address.
    Admin,
    /// The Unix socket of the admin API.
    AdminSocket,
    /// Whatever the settings say of its address.
    Any,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A socket's use and its address or path, as they stand in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SocketName {
    pub what: SocketUse,
    pub at: String,
}

impl SocketName {
    pub(super) fn new(what: SocketUse, at: impl fmt::Display) -> Self {
        Self { what, at: at.to_string() }
    }
}

/// Sockets that wait to be taken. Those that nobody takes are closed with it.
#[derive(Debug, Default)]
pub struct Sockets {
    held: Vec<(SocketName, OwnedFd)>,
}

impl Sockets {
    pub(super) fn new(held: Vec<(SocketName, OwnedFd)>) -> Self {
        Self { held }
    }

    /// The socket for this use of `address`.
    pub fn take_tcp(&mut self, what: SocketUse, address: SocketAddr) -> Option<TcpListener> {
        self.take(&SocketName::new(what, address)).map(TcpListener::from)
    }

    /// The admin API's socket at `path`.
    pub fn take_unix(&mut self, path: &Path) -> Option<UnixListener> {
        self.take(&SocketName::new(SocketUse::AdminSocket, path.display())).map(UnixListener::from)
    }

    fn take(&mut self, name: &SocketName) -> Option<OwnedFd> {
        let is_it = |held: &SocketName| held.at == name.at && (held.what == name.what || held.what == SocketUse::Any);
        let at = self.held.iter().position(|(held, _)| is_it(held))?;
        Some(self.held.remove(at).1)
    }

    /// The addresses and paths of those that nobody has taken.
    #[must_use]
    pub fn left(&self) -> Vec<&str> {
        self.held.iter().map(|(name, _)| name.at.as_str()).collect()
    }
}

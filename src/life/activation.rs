//! Sockets that systemd has bound (`LISTEN_FDS`), e.g. for a port below 1024 that this process may not bind.

use super::sockets::{SocketName, SocketUse, Sockets};
use listenfd::ListenFd;
use std::io;

/// The most sockets that are taken; as many as there can be listeners, and those of the admin address.
const MOST: usize = 72;

/// A socket that was passed is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// It is no listening TCP or Unix socket.
    #[error(
        "the service manager passes as file descriptor {0} what is no stream socket: {1}; the socket unit may have \
         ListenStream= only"
    )]
    NotAListener(usize, io::Error),
    /// There are too many.
    #[error("the service manager passes {0} sockets, and {MOST} can be used; take some out of the socket unit")]
    TooMany(usize),
}

/// The sockets that systemd passes to this process, by their addresses; none, where it passes none. The environment forgets
/// them, so that no child takes them for its own: to be called first of all, while there is one thread.
///
/// # Errors
/// Where one of them cannot be used.
pub fn passed_sockets() -> Result<Sockets, ActivationError> {
    let mut passed = ListenFd::from_env();
    let count = passed.len();
    if count > MOST {
        return Err(ActivationError::TooMany(count));
    }
    let mut held = Vec::new();
    for nth in 0..count {
        let failed = |error| ActivationError::NotAListener(nth + 3, error);
        let tcp = passed.take_tcp_listener(nth).and_then(|tcp| match tcp {
            Some(tcp) => Ok((SocketName::new(SocketUse::Any, tcp.local_addr()?), tcp.into())),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        let mut unix = || {
            let unix = passed.take_unix_listener(nth)?.ok_or(io::ErrorKind::NotFound)?;
            let address = unix.local_addr()?;
            let path = address.as_pathname().ok_or(io::ErrorKind::InvalidInput)?;
            Ok((SocketName::new(SocketUse::Any, path.display()), unix.into()))
        };
        held.push(tcp.or_else(|_| unix()).map_err(failed)?);
    }
    Ok(Sockets::new(held))
}

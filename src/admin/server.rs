//! The sockets of the admin address.

use super::access::{Access, Peer};
use super::connections::{Service, serve};
use super::routes::routes;
use crate::config::{Admin, SocketUsers};
use crate::live::Edge;
use crate::tls::ListenerTls;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why operators could not reach the edge, so that it does not start. The message says where, why and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address cannot be had.
    #[error("cannot listen on the admin address {address}: {error}; {}", address_hint(.error))]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Others than this machine could connect, and nothing would keep them from it.
    #[error(
        "the admin address {address} is one that others can reach, and {missing} missing: add tls: and token_file: under \
         admin:, or keep to this machine: 127.0.0.1:9901"
    )]
    Open {
        /// The address.
        address: SocketAddr,
        /// What is missing.
        missing: &'static str,
    },
    /// The Unix socket cannot be made.
    #[error("cannot make the admin socket {}: {error}; {}", .path.display(), socket_hint(.error))]
    Socket {
        /// The path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another edge answers at the socket.
    #[error(
        "cannot make the admin socket {}: another edge answers there; stop that one, or give this one another \
         path under admin.socket",
        .path.display()
    )]
    SocketInUse {
        /// The path.
        path: PathBuf,
    },
    /// Something that is no socket lies where the socket should be.
    #[error(
        "cannot make the admin socket {}: a file lies there that is no socket; move it away, or choose another path \
         under admin.socket",
        .path.display()
    )]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
}

fn address_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process has it: stop that one, or choose another under admin.address",
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has that address: correct it under admin.address"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one",
        _ => "correct it under admin.address",
    }
}

fn socket_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user that runs homeward write to that directory",
        io::ErrorKind::InvalidInput => "a socket's path has at most 107 bytes: choose a shorter one under admin.socket",
        _ => "check the directory, or choose another path under admin.socket",
    }
}

/// Sockets that another process has bound.
#[derive(Debug, Default)]
pub struct GivenSockets {
    /// That of the admin address.
    pub address: Option<StdTcpListener>,
    /// The Unix socket; its file is there already.
    pub socket: Option<StdUnixListener>,
}

/// The servers of the admin address and of the Unix socket. They run until they are told to stop.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    opened: watch::Sender<bool>,
    /// Whether the file of the Unix socket is another process's from now on.
    is_given_away: Arc<AtomicBool>,
    tcp: OwnedFd,
    unix: Option<OwnedFd>,
    serving: Vec<JoinHandle<()>>,
}

impl AdminServer {
    /// Binds both, and serves them on the runtime that this is called in until `stopped` turns true. `tls` is what is spoken
    /// at the address; tokens are the edge's.
    ///
    /// The socket is made for its owner alone (mode 0600) or for its group too, and its directory where that is missing.
    /// What a dead process left at its path is replaced.
    ///
    /// # Errors
    /// Where one of them cannot be had, or the address is one that others can reach and there is no TLS or no token; then
    /// neither is bound.
    pub fn start(
        admin: &Admin,
        edge: Arc<Edge>,
        tls: Option<Arc<ListenerTls>>,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, AdminError> {
        let server = Self::prepare(admin, GivenSockets::default(), edge, tls, stopped)?;
        server.open();
        Ok(server)
    }

    /// The same with sockets that may be `given`. Whoever connects waits in the queues of the sockets until [`Self::open`].
    ///
    /// # Errors
    /// As above.
    pub fn prepare(
        admin: &Admin,
        given: GivenSockets,
        edge: Arc<Edge>,
        tls: Option<Arc<ListenerTls>>,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, AdminError> {
        let missing = match (&tls, edge.admin_tokens()) {
            (Some(_), Some(_)) => None,
            (None, _) => Some("TLS is"),
            (Some(_), None) => Some("a token is"),
        };
        if let (true, Some(missing)) = (admin.is_public(), missing) {
            return Err(AdminError::Open { address: admin.address, missing });
        }
        let failed = |error| AdminError::Address { address: admin.address, error };
        let (listener, address) = bind(admin.address, given.address).map_err(failed)?;
        let tcp = listener.as_fd().try_clone_to_owned().map_err(failed)?;
        let is_given_away = Arc::new(AtomicBool::new(false));
        let bind_socket = |path| Socket::bind(path, admin.socket_for, given.socket, &is_given_away);
        let socket = admin.socket.as_deref().map(bind_socket).transpose()?;
        let unix = match &socket {
            Some(socket) => Some(socket.listener.as_fd().try_clone_to_owned().map_err(failed)?),
            None => None,
        };

        let (opened, shut) = watch::channel(false);
        let mut serving = Vec::new();
        let access = Arc::new(Access::new(Arc::clone(&edge), tls.clone(), admin.is_public()));
        let router = routes(edge, Arc::clone(&access), stopped.clone());
        if let Some(socket) = socket {
            let (stopped, shut) = (stopped.clone(), shut.clone());
            let service = Service { router: router.clone(), access: Arc::clone(&access), tls: None };
            serving.push(tokio::spawn(async move {
                let accept = async || {
                    let (stream, _) = socket.listener.accept().await?;
                    let user = stream.peer_cred().ok().map(|credentials| credentials.uid());
                    Ok((stream, Peer::Socket(user)))
                };
                serve_once(shut, accept, service, stopped).await;
            }));
        }
        let service = Service { router, access, tls };
        serving.push(tokio::spawn(async move {
            let accept = async || listener.accept().await.map(|(stream, peer)| (stream, Peer::Tcp(peer.ip())));
            serve_once(shut, accept, service, stopped).await;
        }));
        Ok(Self { address, opened, is_given_away, tcp, unix, serving })
    }

    /// Begins to answer.
    pub fn open(&self) {
        self.opened.send_replace(true);
    }

    /// What ends when everybody has been answered, after it was told to stop; once.
    pub fn take_serving(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.serving)
    }

    /// Its sockets, to be handed to another process: that of the admin address, and the Unix socket.
    #[must_use]
    pub fn into_sockets(self) -> (OwnedFd, Option<OwnedFd>) {
        (self.tcp, self.unix)
    }

    /// Says, if it is set, that the file of the Unix socket is another process's, and stays at the end.
    #[must_use]
    pub fn given_away(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_given_away)
    }

    /// Where it listens; with the port that the system chose, where the settings leave that to it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves from the moment on that `shut` says that the doors are open; never, where whoever says so is gone before.
async fn serve_once<S, A>(
    mut shut: watch::Receiver<bool>,
    accept: impl FnMut() -> A,
    service: Service,
    stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Future<Output = io::Result<(S, Peer)>>,
{
    if shut.wait_for(|opened| *opened).await.is_ok() {
        serve(accept, service, stopped).await;
    }
}

fn bind(address: SocketAddr, given: Option<StdTcpListener>) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = given.map_or_else(|| StdTcpListener::bind(address), Ok)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, bound))
}

/// The Unix socket, and which file it is.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    identity: Option<(u64, u64)>,
    is_given_away: Arc<AtomicBool>,
}

impl Socket {
    fn bind(
        path: &Path,
        users: SocketUsers,
        given: Option<StdUnixListener>,
        is_given_away: &Arc<AtomicBool>,
    ) -> Result<Self, AdminError> {
        let failed = |error| AdminError::Socket { path: path.to_owned(), error };
        if let Some(listener) = given {
            return Self::of(listener, path, is_given_away).map_err(failed);
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(AdminError::NoSocket { path: path.to_owned() });
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                return Err(AdminError::SocketInUse { path: path.to_owned() });
            }
            Ok(_) | Err(_) => {}
        }
        Self::make(path, users).and_then(|listener| Self::of(listener, path, is_given_away)).map_err(failed)
    }

    fn of(listener: StdUnixListener, path: &Path, is_given_away: &Arc<AtomicBool>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let is_given_away = Arc::clone(is_given_away);
        Ok(Self { listener, path: path.to_owned(), identity: identity(path), is_given_away })
    }

    /// Makes the socket beside its place and moves it there, so that it is never there with wider permissions, and what
    /// a dead process left gives way in one step.
    fn make(path: &Path, users: SocketUsers) -> io::Result<StdUnixListener> {
        let (mode, mode_of_directory) = match users {
            SocketUsers::Owner => (0o600, 0o700),
            SocketUsers::Group => (0o660, 0o750),
        };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(mode_of_directory).create(directory)?;
        }
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        // What a dead process of the same number left is in the way; that nothing is there is the usual case.
        let _ = fs::remove_file(&beside);
        let listener = StdUnixListener::bind(&beside)?;
        let placed = (|| {
            fs::set_permissions(&beside, Permissions::from_mode(mode))?;
            fs::rename(&beside, path)
        })();
        if let Err(error) = placed {
            // The first error is the one that matters.
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        Ok(listener)
    }
}

impl Drop for Socket {
    /// Takes the socket away, unless another one is in its place by now. A start that fails later leaves nothing behind.
    fn drop(&mut self) {
        let is_given_away = self.is_given_away.load(Ordering::Acquire);
        if !is_given_away && self.identity.is_some() && identity(&self.path) == self.identity {
            // A file that stays behind is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

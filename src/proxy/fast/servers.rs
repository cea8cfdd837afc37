//! Connections to servers: made, kept for the next request, and let go.
//!
//! Each thread has its own: a connection stays on the event loop that it was made on.

use crate::live::{Server, clock};
use crate::model::Timestamp;
use crate::proxy::peer::keepalive;
use pingora::BError;
use pingora::connectors::TransportConnector;
use pingora::protocols::{Stream, TcpKeepalive};
use pingora::upstreams::peer::{HttpPeer, Peer};
use rustix::io::Errno;
use rustix::net::{RecvFlags, sockopt};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How many idle connections a thread keeps, over all servers.
const MOST_IDLE: usize = 1024;

/// How often those are let go that were idle for too long, or that their servers have closed.
const SWEEP: Duration = Duration::from_secs(2);

thread_local! {
    static IDLE: RefCell<Idle> = RefCell::default();
}

/// Makes connections by TLS. It is one for all threads, as it holds the certificates that this machine believes.
static TLS: LazyLock<TransportConnector> = LazyLock::new(|| TransportConnector::new(None));

/// Has everything read that connections need, on a thread of its own: the first one need not wait for it.
pub(in crate::proxy) fn make_ready() {
    // Where there is no thread for it, the first one waits.
    let _ = std::thread::Builder::new().name("certificates".into()).spawn(|| _ = LazyLock::force(&TLS));
}

/// A connection to a server.
#[derive(Debug)]
pub(super) struct ServerConnection {
    bytes: ServerBytes,
    /// When it was made.
    pub since: Timestamp,
    key: Key,
}

/// How the bytes go to a server and back.
#[derive(Debug)]
enum ServerBytes {
    Plain(TcpStream),
    /// Over TLS, as the engine makes it.
    Tls(Stream),
}

/// Whose connections are alike: those to a server, since it last fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    address: SocketAddr,
    falls: u32,
    /// By TLS: who is believed to be that server, and what this edge shows it, by the engine's own hash.
    credentials: Option<u64>,
}

#[derive(Default)]
struct Idle {
    kept: BTreeMap<Key, Vec<Kept>>,
    count: usize,
    is_swept: bool,
}

struct Kept {
    connection: ServerConnection,
    until: Instant,
}

impl Kept {
    /// Whether a request may be sent on it: its server has neither closed it nor said anything that nobody asked for, as far as
    /// the event loop has heard.
    fn is_good(&mut self, now: Instant) -> bool {
        let is_silent = match &mut self.connection.bytes {
            ServerBytes::Plain(tcp) => {
                tcp.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            ServerBytes::Tls(stream) => {
                // What is TLS's own is taken on the way: session tickets come when they like.
                let mut nobody = Context::from_waker(Waker::noop());
                Pin::new(stream).poll_read(&mut nobody, &mut ReadBuf::new(&mut [0])).is_pending()
            }
        };
        is_silent && now < self.until
    }

    /// The same, as far as the system has; by TLS that is not known.
    fn is_surely_good(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match &self.connection.bytes {
            ServerBytes::Plain(tcp) => {
                rustix::net::recv(tcp, &mut [0_u8][..], flags).is_err_and(|error| error == Errno::WOULDBLOCK)
            }
            ServerBytes::Tls(_) => true,
        }
    }
}

impl Key {
    /// Of the connections to a server. `peer` is what the engine is told of one that is reached by TLS.
    pub(super) fn of(server: &Server, peer: Option<&HttpPeer>) -> Self {
        Self { address: server.address(), falls: server.falls(), credentials: peer.map(Peer::reuse_hash) }
    }
}

/// A kept connection to a server; the one that was used last, so that those that are not needed end. Where the request `is_safe`
/// to be sent once more, that its server has closed the connection a moment ago is found out by sending it.
pub(super) fn kept(key: Key, is_safe: bool) -> Option<ServerConnection> {
    let now = clock::tick();
    IDLE.with_borrow_mut(|idle| {
        let Idle { kept, count, .. } = idle;
        let of_server = kept.get_mut(&key)?;
        while let Some(mut kept) = of_server.pop() {
            *count -= 1;
            if kept.is_good(now) && (is_safe || kept.is_surely_good()) {
                return Some(kept.connection);
            }
        }
        None
    })
}

/// Makes a connection to a server.
///
/// # Errors
/// Where that is not possible, or not within `patience`.
pub(super) async fn connect(key: Key, patience: Duration, unreachable: Duration) -> io::Result<ServerConnection> {
    let tcp = timeout(patience, TcpStream::connect(key.address)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    // What cannot be set is as the system has it.
    let _ = tcp.set_nodelay(true);
    let _ = watch_over(&tcp, unreachable);
    Ok(ServerConnection { bytes: ServerBytes::Plain(tcp), since: clock::now(), key })
}

/// Makes a connection by TLS.
///
/// # Errors
/// Those of the engine: where there is no connection in the time that `peer` has for it, or no server that is believed.
pub(super) async fn connect_by_tls(key: Key, peer: &HttpPeer) -> Result<ServerConnection, BError> {
    let stream = TLS.new_stream(peer).await?;
    Ok(ServerConnection { bytes: ServerBytes::Tls(stream), since: clock::now(), key })
}

/// Has the kernel watch over a connection, as over those of the engine.
fn watch_over(tcp: &TcpStream, unreachable: Duration) -> io::Result<()> {
    let TcpKeepalive { idle, interval, count, user_timeout } = keepalive(unreachable);
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, idle)?;
    sockopt::set_tcp_keepintvl(tcp, interval)?;
    sockopt::set_tcp_keepcnt(tcp, u32::try_from(count).unwrap_or(u32::MAX))?;
    sockopt::set_tcp_user_timeout(tcp, u32::try_from(user_timeout.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

impl ServerConnection {
    /// Reads more of what the server says, behind what was heard of it.
    pub(super) fn poll_hear(&mut self, heard: &mut Vec<u8>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match &mut self.bytes {
            ServerBytes::Plain(tcp) => pin!(tcp.read_buf(heard)).poll(context),
            ServerBytes::Tls(stream) => pin!(stream.read_buf(heard)).poll(context),
        }
    }

    /// Writes as many bytes as can go at once.
    ///
    /// # Errors
    /// Where none can, or the connection has broken.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.bytes {
            ServerBytes::Plain(tcp) => tcp.try_write(bytes),
            ServerBytes::Tls(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes some bytes.
    ///
    /// # Errors
    /// Where the connection has broken.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.bytes {
            ServerBytes::Plain(tcp) => tcp.write(bytes).await,
            ServerBytes::Tls(stream) => stream.write(bytes).await,
        }
    }

    /// Whether what is written may not be on its way until [`Self::flush`].
    pub(super) fn holds_back(&self) -> bool {
        matches!(self.bytes, ServerBytes::Tls(_))
    }

    /// Sees what was written on its way.
    ///
    /// # Errors
    /// Where the connection has broken.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        match &mut self.bytes {
            ServerBytes::Plain(tcp) => tcp.flush().await,
            ServerBytes::Tls(stream) => stream.flush().await,
        }
    }

    /// Keeps it for another request, for so long.
    pub(super) fn keep(self, patience: Duration) {
        let (key, until) = (self.key, clock::tick() + patience);
        let starts = IDLE.with_borrow_mut(|idle| {
            if idle.count >= MOST_IDLE {
                return false; // it ends here
            }
            idle.count += 1;
            idle.kept.entry(key).or_default().push(Kept { connection: self, until });
            !std::mem::replace(&mut idle.is_swept, true)
        });
        if starts {
            tokio::spawn(sweep());
        }
    }
}

/// Lets go of connections that are of no more use, until there are none.
async fn sweep() {
    loop {
        sleep(SWEEP).await;
        let now = clock::tick();
        let is_over = IDLE.with_borrow_mut(|idle| {
            for kept in idle.kept.values_mut() {
                kept.retain_mut(|kept| kept.is_good(now));
            }
            idle.kept.retain(|_, kept| !kept.is_empty());
            idle.count = idle.kept.values().map(Vec::len).sum();
            idle.is_swept = idle.count > 0;
            !idle.is_swept
        });
        if is_over {
            return;
        }
    }
}

//! Connections to servers: made, kept for the next request, and let go.
//!
//! Each thread has its own: a connection stays on the event loop that it was made on.

use crate::live::{Server, clock};
use crate::model::Timestamp;
use crate::proxy::peer::keepalive;
use pingora::protocols::TcpKeepalive;
use rustix::io::Errno;
use rustix::net::{RecvFlags, sockopt};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How many idle connections a thread keeps, over all servers.
const MOST_IDLE: usize = 1024;

/// How often those are let go that were idle for too long, or that their servers have closed.
const SWEEP: Duration = Duration::from_secs(2);

thread_local! {
    static IDLE: RefCell<Idle> = RefCell::default();
}

/// A connection to a server.
#[derive(Debug)]
pub(super) struct ServerConnection {
    /// The bytes.
    pub tcp: TcpStream,
    /// When it was made.
    pub since: Timestamp,
    key: Key,
}

/// Whose connections are alike: those to a server, since it last fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    address: SocketAddr,
    falls: u32,
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
    fn is_good(&self, now: Instant) -> bool {
        let heard = self.connection.tcp.try_read(&mut [0]);
        now < self.until && heard.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The same, as far as the system has.
    fn is_surely_good(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(&self.connection.tcp, &mut [0_u8][..], flags).is_err_and(|error| error == Errno::WOULDBLOCK)
    }
}

impl Key {
    fn of(server: &Server) -> Self {
        Self { address: server.address(), falls: server.falls() }
    }
}

/// A kept connection to a server; the one that was used last, so that those that are not needed end. Where the request `is_safe`
/// to be sent once more, that its server has closed the connection a moment ago is found out by sending it.
pub(super) fn kept(server: &Server, is_safe: bool) -> Option<ServerConnection> {
    let key = Key::of(server);
    let now = clock::tick();
    IDLE.with_borrow_mut(|idle| {
        let Idle { kept, count, .. } = idle;
        let of_server = kept.get_mut(&key)?;
        while let Some(kept) = of_server.pop() {
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
pub(super) async fn connect(
    server: &Server,
    patience: Duration,
    unreachable: Duration,
) -> io::Result<ServerConnection> {
    let key = Key::of(server);
    let tcp = timeout(patience, TcpStream::connect(key.address)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    // What cannot be set is as the system has it.
    let _ = tcp.set_nodelay(true);
    let _ = watch_over(&tcp, unreachable);
    Ok(ServerConnection { tcp, since: clock::now(), key })
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
                kept.retain(|kept| kept.is_good(now));
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

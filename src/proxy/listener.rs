//! From a listening socket to the engine: a task for each connection.

use super::connection::{Connection, ConnectionState, Phase, Tempo};
use super::door::{Door, Guest};
use super::http1::RequestLines;
use super::http2::Frames;
use super::layer::Layered;
use super::server::REQUESTS_PER_CONNECTION;
use super::websocket::WayIn;
use super::{CLIENT_KEEPALIVE, Proxy, fast};
use crate::client::HTTP2_PREFACE;
use crate::live::clock;
use crate::resilience::OpenConnection;
use crate::telemetry::{Metrics, Occasionally};
use crate::tls::{ACME_PROTOCOL, ListenerTls};
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::tls::TlsRef;
use pingora::protocols::{ALPN, Peek, Ssl, Stream};
use pingora::proxy::HttpProxy;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a client may take for its part of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long no connection is taken after the system gave none, e.g. for want of file handles: until some are closed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long no connection is taken after one was refused. Whoever connects over and over again waits for the end of each, and
/// so costs as many wake-ups of the edge as there are such breaths, and not as many as it can make connections.
const BREATH: Duration = Duration::from_millis(2);

/// The most connections that are taken between two breaths: thirty thousand a second.
const AT_ONCE: usize = 64;

/// The most connections that are taken out of a socket's queue once it is to be closed. More than that were not waiting
/// when the stop began.
const MOST_WAITING: usize = super::server::BACKLOG as usize;

/// What listeners do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doors {
    /// Nothing yet: connections wait in the queues of the sockets.
    Shut,
    /// They take connections.
    Open,
    /// No more, and nobody else does. Those that wait to be taken are; they would be reset otherwise.
    Closed,
    /// No more: another process takes them from the same sockets.
    Left,
}

/// What becomes of the connections of one listener.
#[derive(Clone)]
pub(super) struct Front {
    pub proxy: Arc<HttpProxy<Proxy>>,
    /// By what the fast path forwards, where it is taken.
    pub fast: Option<Arc<Proxy>>,
    pub door: Arc<Door>,
    /// Whether trusted proxies begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    pub tls: Option<Arc<ListenerTls>>,
    /// Whether HTTP/2 is taken without TLS.
    pub is_h2c: bool,
    pub tempo: Tempo,
    pub metrics: Arc<Metrics>,
    /// Whether the edge stops. Nobody waits on this one, so that each connection that gets a clone of it hears of a stop
    /// that began before it came.
    pub stop: watch::Receiver<bool>,
    /// Whether the time for that is over for connections on which nothing is asked.
    pub quiet: watch::Receiver<bool>,
    /// Whether it is over for all.
    pub cut: watch::Receiver<bool>,
}

/// Who serves the requests of a connection.
enum Way {
    /// The fast path, as far as it can.
    Http1(Box<Layered<RequestLines>>),
    /// The engine, and the fast path those streams of it that are plain.
    Http2(Stream),
}

/// A connection on which requests are waited for.
struct Begun {
    way: Way,
    state: Arc<ConnectionState>,
    /// Counts it as open.
    open: OpenConnection,
}

/// Takes connections while the doors are open.
pub(super) async fn listen(listener: TcpListener, front: Front, mut doors: watch::Receiver<Doors>) {
    // Where whoever opens them is gone, they never will be.
    if doors.wait_for(|doors| *doors != Doors::Shut).await.is_err() {
        return;
    }
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            closed = doors.wait_for(|doors| *doors != Doors::Open) => {
                drop(closed);
                break;
            }
        };
        let is_refused = match accepted {
            Ok((tcp, peer)) => !front.open(tcp, peer),
            Err(error) => {
                not_accepted(&error).await;
                continue;
            }
        };
        if is_refused {
            // Others that wait do not wait for it.
            for _ in 0..AT_ONCE {
                let Ok(Ok((tcp, peer))) = timeout(Duration::ZERO, listener.accept()).await else { break };
                front.open(tcp, peer);
            }
            sleep(BREATH).await;
        }
    }
    if *doors.borrow() == Doors::Closed {
        for (tcp, peer) in waiting(listener) {
            front.open(tcp, peer);
        }
    }
}

/// Those that wait as a socket is closed: the system has told each that it is connected. The system is asked, and not the event
/// loop, which may not have heard of the last of them yet.
fn waiting(listener: TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    // Where the socket cannot be had, nothing is known of who waits.
    let listener = listener.into_std().ok();
    let taken = std::iter::from_fn(move || listener.as_ref()?.accept().ok()).take(MOST_WAITING);
    taken.filter_map(|(tcp, peer)| {
        let tcp = tcp.set_nonblocking(true).and_then(|()| TcpStream::from_std(tcp));
        Some((tcp.ok()?, peer))
    })
}

async fn not_accepted(error: &io::Error) {
    static WARNED: Occasionally = Occasionally::once_a_second();
    // A client that left before it was taken is nobody's trouble.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    if let Some(more) = WARNED.at(clock::now()) {
        tracing::warn!(
            "cannot take a connection: {error} ({more} more since the last warning); where it is file handles, raise the \
             limit (ulimit -n, LimitNOFILE=)"
        );
    }
    sleep(PAUSE).await;
}

impl Front {
    /// Serves a connection, on another thread each time: connections are spread over all of them. `false` where it is refused.
    fn open(&self, tcp: TcpStream, peer: SocketAddr) -> bool {
        let Some(guest) = self.door.let_in(peer) else { return false };
        let front = self.clone();
        let open = self.metrics.open_connection();
        pingora_runtime::current_handle().spawn(async move {
            front.serve(tcp, guest).await;
            drop(open);
        });
        true
    }

    async fn serve(self, tcp: TcpStream, guest: Guest) {
        // In a box that is gone when requests are waited for: to begin takes more room than to serve, and most connections idle.
        let Some(Begun { way, state, open: _open }) = Box::pin(self.begin(tcp, guest)).await else { return };
        let mut cut = self.cut.clone();
        tokio::select! {
            biased;
            () = self.serve_requests(way, &state) => {}
            () = async { drop(cut.wait_for(|cut| *cut).await) } => {}
        }
        let stops = *self.stop.borrow();
        state.end(stops || state.is_parting()).await;
    }

    /// Finds out who a connection is of and what is spoken on it. `None` where it has ended before that was known.
    async fn begin(&self, mut tcp: TcpStream, guest: Guest) -> Option<Begun> {
        let introduced = if self.proxy_protocol { self.door.introduce(guest, &mut tcp).await } else { Some(guest) };
        let Guest { peer, open } = introduced?;
        // Without it, small answers would wait for acknowledgements; where it cannot be set, they do.
        let _ = tcp.set_nodelay(true);
        let state = Arc::new(ConnectionState::new(peer, self.tls.is_some()));
        let (stop, metrics) = (self.stop.clone(), Arc::clone(&self.metrics));
        let connection = Connection::new(tcp, Arc::clone(&state), self.tempo, metrics, stop).ok()?;
        let way = match &self.tls {
            None if self.is_h2c => {
                let mut connection = connection;
                // What is no HTTP/2 is known by its first byte, and a client that sends none is as an idle one.
                state.enter(Phase::Idle);
                let mut preface = [0; HTTP2_PREFACE.len()];
                let mut quiet = self.quiet.clone();
                tokio::select! {
                    biased;
                    peeked = timeout(CLIENT_KEEPALIVE, connection.try_peek(&mut preface)) => {
                        let Ok(Ok(_)) = peeked else { return None };
                    }
                    () = async { drop(quiet.wait_for(|quiet| *quiet).await) } => return None,
                }
                if preface == *HTTP2_PREFACE {
                    Way::Http2(self.http2(Box::new(connection), &state, None))
                } else {
                    Way::Http1(http1(Box::new(connection), &state, None))
                }
            }
            None => {
                state.enter(Phase::Idle);
                Way::Http1(http1(Box::new(connection), &state, None))
            }
            Some(tls) => {
                let acceptor = Acceptor::from_server_config(tls.config());
                let Ok(Ok(mut stream)) = timeout(HANDSHAKE, acceptor.tls_handshake(connection)).await else {
                    self.metrics.tls_handshake(false);
                    return None;
                };
                self.metrics.tls_handshake(true);
                if matches!(stream.selected_alpn_proto(), Some(ALPN::Custom(other)) if other.protocol() == ACME_PROTOCOL)
                {
                    // An authority has seen what it came for. Whether it hears of the end is its own affair.
                    let _ = timeout(HANDSHAKE, stream.shutdown()).await;
                    return None;
                }
                state.identify(stream.get_ssl().and_then(TlsRef::peer_cert_chain_der));
                let heir = Some(Arc::clone(&state));
                if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
                    Way::Http2(self.http2(Box::new(stream), &state, heir))
                } else {
                    state.enter(Phase::Idle);
                    Way::Http1(http1(Box::new(stream), &state, heir))
                }
            }
        };
        Some(Begun { way, state, open })
    }

    /// Serves all requests of a connection.
    async fn serve_requests(&self, stream: Way, state: &Arc<ConnectionState>) {
        match (stream, &self.fast) {
            (Way::Http1(stream), Some(policy)) => {
                let ends = (self.stop.clone(), self.quiet.clone());
                fast::serve(policy, &self.proxy, stream, state, ends, REQUESTS_PER_CONNECTION).await;
            }
            // The engine serves them all, and gives nothing back.
            (Way::Http1(stream), None) => drop(self.proxy.process_new(stream, &self.stop).await),
            (Way::Http2(stream), Some(policy)) => {
                let streams = fast::Http2 {
                    policy: Arc::clone(policy),
                    engine: Arc::clone(&self.proxy),
                    state: Arc::clone(state),
                    edge: fast::taken_at(&*stream),
                };
                drop(Arc::new(streams).process_new(stream, &self.stop).await);
            }
            (Way::Http2(stream), None) => drop(self.proxy.process_new(stream, &self.stop).await),
        }
    }

    /// Many requests are on it at once, so that it is its frames that are timed.
    fn http2(&self, stream: Stream, state: &ConnectionState, heir: Option<Arc<ConnectionState>>) -> Stream {
        state.enter(Phase::Any);
        let way_in = WayIn { engine: Arc::clone(&self.proxy), stop: self.stop.clone() };
        // It is said once: a connection is of one version.
        let _ = state.way_in.set(way_in);
        let frames = Frames::of(state.peer, self.tempo, Arc::clone(&self.door), Arc::clone(&self.metrics));
        Box::new(Layered::over(stream, frames, heir))
    }
}

/// One request at a time is on it.
fn http1(
    stream: Stream,
    state: &Arc<ConnectionState>,
    heir: Option<Arc<ConnectionState>>,
) -> Box<Layered<RequestLines>> {
    Box::new(Layered::over(stream, RequestLines::of(Arc::clone(state)), heir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn who_came_at_the_last_moment_is_taken_before_the_event_loop_hears_of_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = async || timeout(Duration::ZERO, listener.accept()).await;
        assert!(heard().await.is_err(), "nobody is there, and the event loop knows that");
        let clients = [(); 3].map(|()| std::net::TcpStream::connect(address).unwrap());
        let taken: Vec<_> = waiting(listener).map(|(tcp, peer)| (tcp.local_addr().unwrap(), peer)).collect();
        assert_eq!(taken, clients.map(|client| (address, client.local_addr().unwrap())));
    }
}

//! The sockets and the threads of the proxy.

use super::connection::Tempo;
use super::door::Door;
use super::farewell::Farewell;
use super::intake::HeadLimits;
use super::listener::{Doors, Front, listen};
use super::peer::EngineCredentials;
use super::{Proxy, fast, http2, streams};
use crate::config::Settings;
use crate::live::{Edge, clock};
use crate::model::RetryRules;
use crate::resilience::{ConnectionRate, Connections, Pace};
use crate::telemetry::{AccessLog, Tracer};
use crate::tls::ListenerTls;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora_runtime::Runtime;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How many connections may wait to be accepted on one socket.
pub(super) const BACKLOG: u32 = 4096;

/// How many idle connections to servers are kept, over all servers, on each thread.
const IDLE_SERVER_CONNECTIONS: usize = 1024;

/// After how many requests a client's connection is closed, so that none lives for ever.
pub(super) const REQUESTS_PER_CONNECTION: u32 = 10_000;

/// A listener's address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}; {}", hint(.error))]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process has it: stop that one, or choose another address under listen:",
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address: correct it under listen:",
        io::ErrorKind::PermissionDenied => "ports below 1024 need root or CAP_NET_BIND_SERVICE",
        _ => "correct it under listen:",
    }
}

/// How often a stop looks at what is left.
const TICK: Duration = Duration::from_millis(5);

/// How long the listeners may take to notice that they are to end, and connections to part once they are cut.
const MOMENT: Duration = Duration::from_secs(1);

/// The proxy, and the threads that it runs on.
pub struct ProxyServer {
    edge: Arc<Edge>,
    runtime: Runtime,
    engines: Vec<Arc<HttpProxy<Proxy>>>,
    listening: Vec<JoinHandle<()>>,
    doors: watch::Sender<Doors>,
    stop: watch::Sender<bool>,
    quiet: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    sockets: Vec<ListeningSocket>,
    addresses: Vec<SocketAddr>,
}

/// A socket that connections are taken from, to be handed to another process.
#[derive(Debug)]
pub struct ListeningSocket {
    /// The address in the settings. Its port may be 0, where the socket has the one that the system chose.
    pub address: SocketAddr,
    /// The socket.
    pub socket: OwnedFd,
}

impl ProxyServer {
    /// Makes everything ready to serve on `threads` threads; `tls` is that of each listener, in their order. Listeners that
    /// are `given` are taken over, by the address in the settings, the others are bound. Connections wait in the queues of
    /// the sockets until [`Self::open`].
    ///
    /// # Errors
    /// The first listener that cannot be bound; then none is.
    pub fn start(
        settings: &Settings,
        threads: usize,
        edge: Arc<Edge>,
        (access_log, tracer): (Arc<AccessLog>, Option<Arc<Tracer>>),
        tls: &[Option<Arc<ListenerTls>>],
        mut given: impl FnMut(SocketAddr) -> Option<StdListener>,
    ) -> Result<Self, BindError> {
        let conf = Arc::new(ServerConf {
            threads,
            work_stealing: false,
            max_retries: usize::from(RetryRules::MOST_IN_ALL) + 1, // one more for a replay
            upstream_keepalive_pool_size: IDLE_SERVER_CONNECTIONS,
            ..ServerConf::default()
        });
        let tempo = Tempo {
            head: settings.limits.head_time,
            body: Pace { grace: settings.limits.patience, rate: settings.limits.slowest_body },
        };
        let proxy = || Proxy {
            edge: Arc::clone(&edge),
            access_log: Arc::clone(&access_log),
            tracer: tracer.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            forwarded_header: settings.forwarded_header,
            credentials: EngineCredentials::default(),
            head_limits: HeadLimits { bytes: settings.limits.head, lines: settings.limits.headers },
            body_pace: tempo.body,
        };
        let policy = Arc::new(proxy());
        if settings.fast_path {
            fast::make_ready();
        }
        // Whether HTTP/2 is taken holds for all connections of an engine's proxy, so that there are two.
        let engine = |is_h2c| {
            let mut options = HttpServerOptions::default();
            options.keepalive_request_limit = Some(REQUESTS_PER_CONNECTION);
            options.h2_idle_timeout = Some(super::CLIENT_KEEPALIVE);
            options.h2c = is_h2c;
            options.allow_connect_method_proxying = true; // for WebSockets over HTTP/2; any other is refused by our own hand
            let mut engine = http_proxy(&conf, proxy());
            engine.server_options = Some(options);
            engine.h2_options = Some(http2::options(settings.limits.streams, settings.limits.head));
            Arc::new(engine)
        };
        // Each reads the certificates that this machine believes, which takes time: only those that are needed are made.
        let mut engines: [Option<Arc<HttpProxy<Proxy>>>; 2] = [None, None];
        let door = Arc::new(Door::new(
            Connections::new(settings.limits.connections),
            ConnectionRate::new(settings.limits.connection_rate_per_client),
            settings.trusted_proxies.clone(),
            Arc::clone(edge.metrics()),
        ));

        // Each thread has an event loop of its own, without work stealing: a request stays where it began.
        let runtime = Runtime::new_no_steal(threads, "proxy");
        let listeners = {
            let _inside = runtime.get_handle().enter();
            let bound: Result<Vec<_>, _> =
                settings.listen.iter().map(|listener| Ok((listener, bind(listener.address, &mut given)?))).collect();
            bound?
        };
        let (doors, shut) = watch::channel(Doors::Shut);
        let [(stop, stopped), (quiet, not_quiet), (cut, not_cut)] = [(); 3].map(|()| watch::channel(false));
        runtime.get_handle().spawn(streams::end_drained(Arc::clone(&edge), stopped.clone()));
        let (mut addresses, mut sockets, mut listening) = (Vec::new(), Vec::new(), Vec::new());
        for ((of_settings, bound), tls) in listeners.into_iter().zip(tls) {
            // With TLS the two sides settle on a version of HTTP by ALPN.
            let is_h2c = of_settings.http2 && tls.is_none();
            let front = Front {
                proxy: Arc::clone(engines[usize::from(is_h2c)].get_or_insert_with(|| engine(is_h2c))),
                fast: settings.fast_path.then(|| Arc::clone(&policy)),
                door: Arc::clone(&door),
                proxy_protocol: of_settings.proxy_protocol,
                tls: tls.clone(),
                is_h2c,
                tempo,
                metrics: Arc::clone(edge.metrics()),
                stop: stopped.clone(),
                quiet: not_quiet.clone(),
                cut: not_cut.clone(),
            };
            listening.push(runtime.get_handle().spawn(listen(bound.listener, front, shut.clone())));
            addresses.push(bound.address);
            sockets.push(ListeningSocket { address: of_settings.address, socket: bound.socket });
        }
        let engines = engines.into_iter().flatten().collect();
        Ok(Self { edge, runtime, engines, listening, doors, stop, quiet, cut, sockets, addresses })
    }

    /// Begins to take connections.
    pub fn open(&self) {
        self.doors.send_replace(Doors::Open);
    }

    /// Its sockets, in the order of the settings; once. Each stays open for as long as it is held.
    pub fn take_sockets(&mut self) -> Vec<ListeningSocket> {
        std::mem::take(&mut self.sockets)
    }

    /// The event loop of each of its threads.
    #[must_use]
    pub fn event_loops(&self) -> Vec<Handle> {
        match &self.runtime {
            Runtime::NoSteal(runtime) => {
                (0..runtime.threads()).map(|nth| runtime.get_runtime_at(nth).clone()).collect()
            }
            runtime @ Runtime::Steal { .. } => vec![runtime.get_handle().clone()],
        }
    }

    /// Where it listens, in the order of the settings; with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops: takes no new connection, lets the requests in flight finish for as long as the `farewell` says, and gives back
    /// how many did not. Clients hear that their connection ends: by `Connection: close`, or a GOAWAY.
    ///
    /// It blocks; not to be called from a task.
    #[must_use]
    pub fn stop(self, farewell: &Farewell) -> usize {
        drop(self.sockets);
        // Before the doors: whoever finds them closed can rely on it that the connections have been told.
        self.stop.send_replace(true);
        self.doors.send_replace(if farewell.has_successor() { Doors::Left } else { Doors::Closed });
        let metrics = self.edge.metrics();
        // A connection that waited to be taken is not counted before it was.
        let ended = async {
            for listener in self.listening {
                // It ends when it is told to; one that panicked has said so.
                let _ = listener.await;
            }
        };
        // Where they take longer, they go with their threads.
        let _ = self.runtime.get_handle().block_on(async { timeout(MOMENT, ended).await });

        let mut engines = self.engines;
        // A connection may bring a request that is not counted yet, so that it is connections that are waited for.
        while metrics.open_connections() > 0 {
            let (now, ends) = (clock::monotonic(), farewell.ends());
            if now >= ends.all {
                break;
            }
            if now >= ends.idle {
                self.quiet.send_replace(true);
                for engine in engines.drain(..) {
                    // Connections on which nothing is asked are closed.
                    self.runtime.get_handle().spawn(async move { engine.cleanup().await });
                }
            }
            std::thread::sleep(TICK);
        }
        let left = metrics.open_requests();
        self.cut.send_replace(true);
        let end = clock::monotonic() + MOMENT;
        while metrics.open_connections() > 0 && clock::monotonic() < end {
            std::thread::sleep(TICK);
        }
        self.runtime.shutdown_timeout(Duration::ZERO);
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

/// A listener, the address that it has, and its socket once more.
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    socket: OwnedFd,
}

/// Takes a listener over or binds it; where the port is 0, with the one that the system chose.
fn bind(address: SocketAddr, given: &mut impl FnMut(SocketAddr) -> Option<StdListener>) -> Result<Bound, BindError> {
    let listener = match given(address) {
        Some(listener) => listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)),
        None => fresh(address),
    };
    let bound = |listener: TcpListener| {
        Ok(Bound { address: listener.local_addr()?, socket: listener.as_fd().try_clone_to_owned()?, listener })
    };
    listener.and_then(bound).map_err(|error| BindError { address, error })
}

fn fresh(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // a restart need not wait for the connections of the last run to be forgotten
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

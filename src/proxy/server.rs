//! The sockets and the threads of the proxy.

use super::connection::Tempo;
use super::door::Door;
use super::intake::HeadLimits;
use super::listener::{Front, listen};
use super::peer::EngineCredentials;
use super::{Proxy, http2};
use crate::config::Settings;
use crate::live::{Edge, clock};
use crate::resilience::{Connections, Pace};
use crate::telemetry::AccessLog;
use crate::tls::ListenerTls;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora_runtime::Runtime;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// How many connections may wait to be accepted on one socket.
const BACKLOG: u32 = 4096;

/// How many idle connections to servers are kept, over all servers, on each thread.
const IDLE_SERVER_CONNECTIONS: usize = 1024;

/// After how many requests a client's connection is closed, so that none lives for ever.
const REQUESTS_PER_CONNECTION: u32 = 10_000;

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

/// The running proxy.
pub struct ProxyServer {
    edge: Arc<Edge>,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    addresses: Vec<SocketAddr>,
}

impl ProxyServer {
    /// Binds the listeners and begins to serve on `threads` threads; `tls` is that of each listener, in their order.
    ///
    /// # Errors
    /// The first listener that cannot be bound; then none is.
    pub fn start(
        settings: &Settings,
        threads: usize,
        edge: Arc<Edge>,
        access_log: Arc<AccessLog>,
        tls: &[Option<Arc<ListenerTls>>],
    ) -> Result<Self, BindError> {
        let conf = Arc::new(ServerConf {
            threads,
            work_stealing: false,
            max_retries: usize::from(super::route::MOST_ATTEMPTS) + 1, // one more for a replay
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
            trusted_proxies: settings.trusted_proxies.clone(),
            forwarded_header: settings.forwarded_header,
            credentials: EngineCredentials::default(),
            head_limits: HeadLimits { bytes: settings.limits.head, lines: settings.limits.headers },
            body_pace: tempo.body,
        };
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
        let engines = [engine(false), engine(true)];
        let door = Arc::new(Door::new(
            Connections::new(settings.limits.connections),
            settings.trusted_proxies.clone(),
            Arc::clone(edge.metrics()),
        ));

        // Each thread has an event loop of its own, without work stealing: a request stays where it began.
        let runtime = Runtime::new_no_steal(threads, "proxy");
        let listeners = {
            let _inside = runtime.get_handle().enter();
            let bound: Result<Vec<_>, _> =
                settings.listen.iter().map(|listener| Ok((listener, bind(listener.address)?))).collect();
            bound?
        };
        let (stop, stopped) = watch::channel(false);
        let (mut addresses, mut listening) = (Vec::new(), Vec::new());
        for ((of_settings, (address, listener)), tls) in listeners.into_iter().zip(tls) {
            // With TLS the two sides settle on a version of HTTP by ALPN.
            let is_h2c = of_settings.http2 && tls.is_none();
            let proxy = Arc::clone(&engines[usize::from(is_h2c)]);
            let front = Front {
                proxy,
                door: Arc::clone(&door),
                proxy_protocol: of_settings.proxy_protocol,
                tls: tls.clone(),
                is_h2c,
                tempo,
                metrics: Arc::clone(edge.metrics()),
            };
            listening.push(runtime.get_handle().spawn(listen(listener, front, stopped.clone())));
            addresses.push(address);
        }
        runtime.get_handle().spawn(async move {
            for listener in listening {
                // It ends when it is told to stop; one that panicked has said so.
                let _ = listener.await;
            }
            for engine in engines {
                engine.cleanup().await; // connections on which nothing is asked are closed
            }
        });
        Ok(Self { edge, runtime, stop, addresses })
    }

    /// Where it listens, in the order of the settings; with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops: takes no new connection, lets the requests in flight finish for up to `grace`, and gives back how many did
    /// not.
    ///
    /// It blocks; not to be called from a task.
    #[must_use]
    pub fn stop(self, grace: Duration) -> usize {
        // The listeners hear of it; nobody else needs to.
        let _ = self.stop.send(true);
        let deadline = clock::monotonic() + grace;
        // A connection may bring a request that is not counted yet, so that it is connections that are waited for.
        while self.edge.metrics().open_connections() > 0 && clock::monotonic() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = self.edge.metrics().open_requests();
        self.runtime.shutdown_timeout(Duration::ZERO);
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

/// Binds a listener; where the port is 0, with the one that the system chose.
fn bind(address: SocketAddr) -> Result<(SocketAddr, TcpListener), BindError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?; // a restart need not wait for the connections of the last run to be forgotten
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        Ok((listener.local_addr()?, listener))
    };
    listen().map_err(|error| BindError { address, error })
}

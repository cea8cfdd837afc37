//! The sockets and the threads of the proxy.

use super::Proxy;
use super::intake::HeadLimits;
use crate::config::Settings;
use crate::live::{Edge, clock};
use crate::telemetry::AccessLog;
use parking_lot::Mutex;
use pingora::apps::HttpServerOptions;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::proxy::ProxyServiceBuilder;
use pingora::server::configuration::ServerConf;
use pingora::server::{Fds, ListenFds};
use pingora::services::Service;
use pingora_runtime::Runtime;
use std::io;
use std::net::SocketAddr;
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::watch;

/// How many connections may wait to be accepted on one socket.
const BACKLOG: u32 = 4096;

/// How many idle connections to servers are kept, over all servers, on each thread.
const IDLE_SERVER_CONNECTIONS: usize = 1024;

/// After how many requests a client's connection is closed, so that none lives for ever.
const REQUESTS_PER_CONNECTION: u32 = 10_000;

/// The read and write buffers of a client's connection, in bytes. The engine's own defaults hold 90 KiB for each idle one.
const CLIENT_BUFFERS: (usize, usize) = (4096, 1460);

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
    /// Binds the listeners and begins to serve on `threads` threads.
    ///
    /// # Errors
    /// The first listener that cannot be bound; then none is.
    pub fn start(
        settings: &Settings,
        threads: usize,
        edge: Arc<Edge>,
        access_log: Arc<AccessLog>,
    ) -> Result<Self, BindError> {
        let conf = Arc::new(ServerConf {
            threads,
            work_stealing: false,
            max_retries: super::route::MOST_ATTEMPTS.into(),
            upstream_keepalive_pool_size: IDLE_SERVER_CONNECTIONS,
            ..ServerConf::default()
        });
        let proxy = || Proxy {
            edge: Arc::clone(&edge),
            access_log: Arc::clone(&access_log),
            trusted_proxies: settings.trusted_proxies.clone(),
            head_limits: HeadLimits { bytes: settings.limits.head, lines: settings.limits.headers },
        };
        // Whether HTTP/2 is taken holds for all listeners of a service, so that there are two.
        let service = |http2| {
            let mut options = HttpServerOptions::default();
            options.keepalive_request_limit = Some(REQUESTS_PER_CONNECTION);
            options.h2c = http2;
            ProxyServiceBuilder::new(&conf, proxy()).name("proxy").server_options(options).build()
        };
        let (mut plain, mut http2) = (service(false), service(true));

        // Each thread has an event loop of its own, without work stealing: a request stays where it began.
        let runtime = Runtime::new_no_steal(threads, "proxy");
        let (mut fds, mut addresses) = (Fds::new(), Vec::new());
        let listeners = {
            let _inside = runtime.get_handle().enter();
            let bound: Result<Vec<_>, _> =
                settings.listen.iter().map(|listener| Ok((listener.http2, bind(listener.address)?))).collect();
            bound?
        };
        for (is_http2, (address, socket)) in listeners {
            // The engine takes the socket over by its address, rather than binding one where nobody hears of a failure.
            fds.add(address.to_string(), socket.into_raw_fd());
            let (read, write) = CLIENT_BUFFERS;
            let service = if is_http2 { &mut http2 } else { &mut plain };
            service
                .add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::new(read, write)));
            addresses.push(address);
        }
        let fds: ListenFds = Arc::new(Mutex::new(fds));
        let (stop, stopped) = watch::channel(false);
        let any = |http2| settings.listen.iter().any(|listener| listener.http2 == http2);
        for mut service in [(plain, any(false)), (http2, any(true))].into_iter().filter_map(|(s, any)| any.then_some(s))
        {
            let (fds, stopped) = (Arc::clone(&fds), stopped.clone());
            runtime.get_handle().spawn(async move { service.start_service(Some(fds), stopped, 1).await });
        }
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
        while self.edge.metrics().open_requests() > 0 && clock::monotonic() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = self.edge.metrics().open_requests();
        self.runtime.shutdown_timeout(Duration::ZERO);
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

/// Binds a listener; where the port is 0, with the one that the system chose.
fn bind(address: SocketAddr) -> Result<(SocketAddr, std::net::TcpListener), BindError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?; // a restart need not wait for the connections of the last run to be forgotten
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?.into_std()?;
        Ok((listener.local_addr()?, listener))
    };
    listen().map_err(|error| BindError { address, error })
}

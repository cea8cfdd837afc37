//! From a listening socket to the engine: a task for each connection.

use super::connection::{Connection, ConnectionState, Phase, Tempo};
use super::door::{Door, Guest};
use super::http2::Http2Connection;
use super::websocket::WayIn;
use super::{CLIENT_KEEPALIVE, Proxy};
use crate::client::HTTP2_PREFACE;
use crate::live::clock;
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

/// What becomes of the connections of one listener.
#[derive(Clone)]
pub(super) struct Front {
    pub proxy: Arc<HttpProxy<Proxy>>,
    pub door: Arc<Door>,
    /// Whether trusted proxies begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    pub tls: Option<Arc<ListenerTls>>,
    /// Whether HTTP/2 is taken without TLS.
    pub is_h2c: bool,
    pub tempo: Tempo,
    pub metrics: Arc<Metrics>,
}

/// Takes connections until `stop` says `true` or its sender is gone.
pub(super) async fn listen(listener: TcpListener, front: Front, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            stopped = stop.wait_for(|stop| *stop) => {
                // Whoever could say it is gone: there is nothing more to wait for.
                drop(stopped);
                break;
            }
        };
        match accepted {
            Ok((tcp, peer)) => front.open(tcp, peer, &stop),
            Err(error) => not_accepted(&error).await,
        }
    }
    // Those that have been waiting to be taken are; they would be reset otherwise.
    while let Ok(Ok((tcp, peer))) = timeout(Duration::ZERO, listener.accept()).await {
        front.open(tcp, peer, &stop);
    }
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
    /// Serves a connection, on another thread each time: connections are spread over all of them.
    fn open(&self, tcp: TcpStream, peer: SocketAddr, stop: &watch::Receiver<bool>) {
        let Some(guest) = self.door.let_in(peer) else { return };
        let (front, stop) = (self.clone(), stop.clone());
        let open = self.metrics.open_connection();
        pingora_runtime::current_handle().spawn(async move {
            front.serve(tcp, guest, stop).await;
            drop(open);
        });
    }

    async fn serve(self, mut tcp: TcpStream, guest: Guest, stop: watch::Receiver<bool>) {
        let introduced = if self.proxy_protocol { self.door.introduce(guest, &mut tcp).await } else { Some(guest) };
        let Some(Guest { peer, open: _open }) = introduced else { return };
        // Without it, small answers would wait for acknowledgements; where it cannot be set, they do.
        let _ = tcp.set_nodelay(true);
        let state = Arc::new(ConnectionState::new(peer, self.tls.is_some()));
        let Ok(connection) = Connection::new(tcp, Arc::clone(&state), self.tempo, Arc::clone(&self.metrics)) else {
            return;
        };
        let stream: Stream = match &self.tls {
            None if self.is_h2c => {
                let mut connection = connection;
                // What is no HTTP/2 is known by its first byte, and a client that sends none is as an idle one.
                state.enter(Phase::Idle);
                let mut preface = [0; HTTP2_PREFACE.len()];
                let Ok(Ok(_)) = timeout(CLIENT_KEEPALIVE, connection.try_peek(&mut preface)).await else { return };
                if preface == *HTTP2_PREFACE {
                    self.http2(Box::new(connection), &state, &stop)
                } else {
                    Box::new(connection)
                }
            }
            None => {
                state.enter(Phase::Idle);
                Box::new(connection)
            }
            Some(tls) => {
                let acceptor = Acceptor::from_server_config(tls.config());
                let Ok(Ok(mut stream)) = timeout(HANDSHAKE, acceptor.tls_handshake(connection)).await else {
                    self.metrics.tls_handshake(false);
                    return;
                };
                self.metrics.tls_handshake(true);
                if matches!(stream.selected_alpn_proto(), Some(ALPN::Custom(other)) if other.protocol() == ACME_PROTOCOL)
                {
                    // An authority has seen what it came for. Whether it hears of the end is its own affair.
                    let _ = timeout(HANDSHAKE, stream.shutdown()).await;
                    return;
                }
                state.identify(stream.get_ssl().and_then(TlsRef::peer_cert_chain_der));
                if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
                    self.http2(Box::new(stream), &state, &stop)
                } else {
                    state.enter(Phase::Idle);
                    Box::new(stream)
                }
            }
        };
        // The engine serves all requests of the connection, and gives nothing back.
        let _ = self.proxy.process_new(stream, &stop).await;
    }

    /// Many requests are on it at once, so that it is its frames that are timed.
    fn http2(&self, stream: Stream, state: &ConnectionState, stop: &watch::Receiver<bool>) -> Stream {
        state.enter(Phase::Any);
        let way_in = WayIn { engine: Arc::clone(&self.proxy), stop: stop.clone() };
        // It is said once: a connection is of one version.
        let _ = state.way_in.set(way_in);
        Box::new(Http2Connection::new(stream, self.tempo, Arc::clone(&self.metrics)))
    }
}

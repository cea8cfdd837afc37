//! Serves connections: at most so many at once, and none for ever.

use super::access::{Access, Peer};
use crate::resilience::{ConnectionLimits, Connections};
use crate::telemetry::AdminRefusal;
use crate::tls::ListenerTls;
use axum::extract::Request;
use axum::middleware::map_request;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// How many connections are served at once through one door. More wait to be accepted.
const MOST_CONNECTIONS: usize = 256;

/// How many of them one IPv4 address or IPv6 /64 may have, of those that are not on this machine: so that no other machine
/// keeps everybody out.
const MOST_OF_CLIENT: u32 = 32;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a request's head may take; an idle connection is closed after it too.
const HEAD: Duration = Duration::from_secs(10);

/// After how long a connection is closed, whatever it does.
const LONGEST: Duration = Duration::from_mins(10);

/// How long an answer in flight may take once the connection is to be closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often it is looked whether somebody has asked in that moment.
const LOOK: Duration = Duration::from_millis(5);

/// How long to wait where the system cannot give a connection, e.g. for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(100);

/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 32 << 10;

/// What one door needs to serve.
pub(super) struct Service {
    pub(super) router: Router,
    pub(super) access: Arc<Access>,
    pub(super) tls: Option<Arc<ListenerTls>>,
}

/// Takes connections from `accept` and answers them, until `stopped` says so; then answers in flight get a moment to be
/// finished, and so do clients that have connected and not asked yet. It ends with the last of them.
pub(super) async fn serve<S, A>(mut accept: impl FnMut() -> A, service: Service, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Future<Output = io::Result<(S, Peer)>>,
{
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let open = Connections::new(ConnectionLimits { total: u32::MAX, per_client: MOST_OF_CLIENT });
    loop {
        let until_stopped = stopped.clone();
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((accept().await?, place))
        };
        let next = tokio::select! {
            next = next => next,
            // An error means that the edge is gone, which is as good as stopped.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match next {
            Ok(((stream, peer), place)) => {
                let counted = match peer {
                    Peer::Tcp(client) if !client.to_canonical().is_loopback() => match open.try_open(client) {
                        Ok(open) => Some(open),
                        Err(_) => {
                            service.access.refuse(AdminRefusal::TooManyConnections, client);
                            continue;
                        }
                    },
                    _ => None,
                };
                let router = service.router.clone().layer(Extension(peer));
                let (access, tls) = (Arc::clone(&service.access), service.tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => converse(stream, router, until_stopped).await,
                        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                            Ok(Ok(stream)) => converse(stream, router, until_stopped).await,
                            Ok(Err(_)) | Err(_) => access.refuse(AdminRefusal::Handshake, peer.address()),
                        },
                    }
                    drop((place, counted));
                });
            }
            Err(error) => {
                tracing::debug!("an admin connection could not be accepted: {error}");
                sleep(BREATHER).await;
            }
        }
    }
    // Each has a bound of its own.
    drop(places.acquire_many(MOST_CONNECTIONS as u32).await);
}

async fn converse<S>(stream: S, router: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LARGEST_HEAD).max_headers(64);
    let asked = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&asked);
    let router = router.layer(map_request(move |request: Request| {
        heard.store(true, Ordering::Relaxed);
        std::future::ready(request)
    }));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    tokio::select! {
        // How it ended matters to nobody: the client has its answer, or has left.
        _ = connection.as_mut() => return,
        () = sleep(LONGEST) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    // Whoever has just connected is about to ask.
    let until_asked = async {
        while !asked.load(Ordering::Relaxed) {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = timeout(FAREWELL, until_asked) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(FAREWELL, connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A connection to a server that answers `ok`; the other half says when the connection is over.
    fn connected() -> (tokio::io::DuplexStream, tokio::task::JoinHandle<()>, watch::Sender<bool>) {
        let (client, server) = tokio::io::duplex(256 << 10);
        let (stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", get(async || "ok"));
        (client, tokio::spawn(converse(server, router, stopped)), stop)
    }

    async fn answer(mut client: tokio::io::DuplexStream) -> String {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_not_waited_for() {
        let (mut client, served, _stop) = connected();
        let began = tokio::time::Instant::now();
        let drip = async {
            client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
            // A byte every second keeps nothing alive: the head as a whole has its time.
            while client.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! { () = drip => {}, served = served => served.unwrap() }
        assert!((HEAD..HEAD * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed() {
        let (mut client, served, _stop) = connected();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let began = tokio::time::Instant::now();
        served.await.unwrap();
        assert!(began.elapsed() < HEAD * 2, "{:?}", began.elapsed());
        assert!(answer(client).await.ends_with("ok"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_closed_in_the_end() {
        // Room for so little that the answer to many requests stays with the server.
        let (mut client, server) = tokio::io::duplex(64);
        let (_stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", get(async || "x".repeat(1 << 20)));
        let served = tokio::spawn(converse(server, router, stopped));
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let began = tokio::time::Instant::now();
        served.await.unwrap();
        assert!(began.elapsed() >= LONGEST && began.elapsed() <= LONGEST + FAREWELL * 2, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_large_head_gets_431() {
        for head in [
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(2 * LARGEST_HEAD)),
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(65)),
        ] {
            let (mut client, served, _stop) = connected();
            client.write_all(head.as_bytes()).await.unwrap();
            let answer = answer(client).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{} bytes: {answer}", head.len());
            served.await.unwrap();
        }
    }

    #[tokio::test]
    async fn one_machine_keeps_no_other_out() {
        let metrics = Arc::new(crate::telemetry::Metrics::new("0.0.0", crate::live::clock::now()).unwrap());
        let edge = Arc::new(crate::live::Edge::new("us-east".parse().unwrap(), Arc::clone(&metrics)));
        let access = Arc::new(Access::new(edge, None, false));
        let router = Router::new().route("/", get(async || "ok"));
        let (new, arriving) = tokio::sync::mpsc::channel::<(tokio::io::DuplexStream, Peer)>(8);
        let arriving = Arc::new(tokio::sync::Mutex::new(arriving));
        let (_stop, stopped) = watch::channel(false);
        let accept = move || {
            let arriving = Arc::clone(&arriving);
            async move { arriving.lock().await.recv().await.ok_or_else(|| io::Error::other("no more")) }
        };
        let server = tokio::spawn(serve(accept, Service { router, access, tls: None }, stopped));
        let far = |text: &str| Peer::Tcp(text.parse().unwrap());
        let connect = async |peer| {
            let (client, server) = tokio::io::duplex(4096);
            new.send((server, peer)).await.unwrap();
            client
        };
        let mut held = Vec::new();
        for _ in 0..MOST_OF_CLIENT {
            held.push(connect(far("2001:db8::1")).await);
        }
        let mut one_more = connect(far("2001:db8::2")).await;
        assert_eq!(one_more.read(&mut [0; 1]).await.unwrap(), 0, "the same /64: closed at once");
        for peer in [far("2001:db8:0:1::1"), far("127.0.0.1"), Peer::Socket(None)] {
            let mut client = connect(peer).await;
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
            assert!(answer(client).await.ends_with("ok"), "{peer:?}");
        }
        let line = "homeward_admin_refusals_total{why=\"too_many_connections\"} 1\n";
        assert!(metrics.render().contains(line));
        server.abort();
    }
}

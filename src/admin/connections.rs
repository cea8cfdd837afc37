//! Serves connections: at most so many at once, and none for ever.

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
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

/// Takes connections from `accept` and answers them with `router`, until `stopped` says so; then answers in flight get a
/// moment to be finished, and so do clients that have connected and not asked yet. It ends with the last of them.
pub(super) async fn serve<S, A>(mut accept: impl FnMut() -> A, router: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Future<Output = io::Result<S>>,
{
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
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
            Ok((stream, place)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    converse(stream, router, until_stopped).await;
                    drop(place);
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

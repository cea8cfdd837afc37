//! Visitors who listen to events that a server sends (`text/event-stream`), and miss none.

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const HOST: &str = "events.example.com";

/// How many events a feed has, and how far apart they are.
const EVENTS: usize = 200;
const APART: Duration = Duration::from_millis(50);

/// The section of a table that leads to the server at `address`.
pub(super) fn section(address: SocketAddr) -> String {
    format!("  events:\n    hosts: [{HOST}]\n    pools:\n      us-west: [\"{address}\"]\n")
}

/// Sends a feed to whoever asks.
pub(super) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // How connections end is what listeners judge; probes say nothing.
        tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), service_fn(feed)));
    }
}

async fn feed(
    _: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let events = stream::unfold(0, |number| async move {
        if number == EVENTS {
            return None;
        }
        tokio::time::sleep(APART).await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(event(number)))), number + 1))
    });
    Ok(Response::builder().header("content-type", "text/event-stream").body(StreamBody::new(events)).unwrap())
}

fn event(number: usize) -> String {
    format!("id: {number}\ndata: news\n\n")
}

/// What listeners heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Events, each at its place.
    pub(super) events: usize,
    /// Feeds that came to their end.
    pub(super) feeds: usize,
    /// What went wrong.
    pub(super) failures: Vec<String>,
}

/// Those who listen, one feed after the other.
pub(super) struct Listeners {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Heard>>,
}

impl Listeners {
    /// This many of them, at the proxy.
    pub(super) fn start(proxy: SocketAddr, count: usize) -> Self {
        let stop: Arc<AtomicBool> = Arc::default();
        let tasks = (0..count).map(|_| tokio::spawn(listen(proxy, Arc::clone(&stop)))).collect();
        Self { stop, tasks }
    }

    /// What they heard, each to the end of the feed that they are at.
    pub(super) async fn stop(self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Heard::default();
        for task in self.tasks {
            let heard = task.await.unwrap();
            all.events += heard.events;
            all.feeds += heard.feeds;
            all.failures.extend(heard.failures);
        }
        all
    }
}

async fn listen(proxy: SocketAddr, stop: Arc<AtomicBool>) -> Heard {
    let mut heard = Heard::default();
    while !stop.load(Ordering::Relaxed) {
        match hear(proxy, &mut heard.events).await {
            Ok(()) => heard.feeds += 1,
            Err(why) => {
                heard.failures.push(why.to_string());
                tokio::time::sleep(APART).await;
            }
        }
    }
    heard
}

/// One feed, of which nothing may be missing.
async fn hear(proxy: SocketAddr, events: &mut usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = client::handshake(TokioIo::new(TcpStream::connect(proxy).await?)).await?;
    tokio::spawn(connection);
    let request = Request::get("/events").header("host", HOST).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    if answer.status() != 200 {
        return Err(format!("a feed was answered {}", answer.status()).into());
    }
    let mut body = answer.into_body();
    let (mut text, mut next) = (String::new(), 0);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            text.push_str(std::str::from_utf8(&data)?);
        }
        while let Some(rest) = text.strip_prefix(&event(next)) {
            text = rest.to_owned();
            next += 1;
            *events += 1;
        }
    }
    if next == EVENTS && text.is_empty() { Ok(()) } else { Err(format!("a feed ended after {next} events").into()) }
}

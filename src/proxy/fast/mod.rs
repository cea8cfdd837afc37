//! The fast path: plain requests to servers and edges of HTTP/1.1, in a loop of our own.
//!
//! The engine can do far more than most requests need, and each pays for it: two tasks with channels between them, heads that
//! are copied, a buffer of 64 KiB for each answer. A request that is of one plain form ([`request`]) and goes to a server, or
//! to another region's edge, that is spoken to in HTTP/1.1 is forwarded here, by the same decision and the same hooks. Wherever it turns out to be more
//! than that, before a byte of an answer has gone to its client, it goes on in the engine, from where it is: its bytes are read
//! once more, and what is known of it goes along ([`Prepared`]). So nothing is done in two ways but to read and write what is
//! plain.

mod answer;
mod body;
mod chunks;
mod client;
mod edits;
mod exchange;
mod http2;
mod lines;
mod request;
mod serve;
mod servers;
mod visitor;
mod wire;

use super::connection::{ConnectionState, PARTING};
use super::context::RequestContext;
use super::http1::RequestLines;
use super::layer::Layered;
use super::refusal::Refusal;
use super::{CLIENT_KEEPALIVE, Proxy};
use crate::live::clock;
use bytes::Bytes;
use client::{Client, Next};
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::{GetSocketDigest, Stream};
use pingora::proxy::HttpProxy;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

pub(super) use http2::{Http2, take_prepared};
pub(super) use servers::make_ready;

/// A request that was begun on the fast path, and goes on in the engine.
pub(super) struct Prepared {
    /// What is known of it.
    pub context: RequestContext,
    /// Whether it is forwarded, or how it is answered.
    pub decided: Result<(), Refusal>,
}

/// What becomes of a connection after a request.
pub(super) enum After {
    /// Another one may come.
    Next,
    /// It ends.
    Close,
    /// The request goes on in the engine; these bytes are its own.
    Engine { taken: Bytes, prepared: Option<Box<Prepared>> },
}

/// Serves all requests of a connection of HTTP/1.1, as many as may come on one.
pub(super) async fn serve(
    proxy: &Proxy,
    engine: &Arc<HttpProxy<Proxy>>,
    stream: Box<Layered<RequestLines>>,
    state: &Arc<ConnectionState>,
    (stop, mut quiet): (watch::Receiver<bool>, watch::Receiver<bool>),
    most_requests: u32,
) {
    let edge = taken_at(&*stream);
    let mut client = Client::new(stream, Arc::clone(state), edge);
    let mut quiet = pin!(async { drop(quiet.wait_for(|quiet| *quiet).await) });
    for left in (0..most_requests).rev() {
        let next = tokio::select! {
            biased;
            next = client.next(clock::tick() + CLIENT_KEEPALIVE) => next,
            () = &mut quiet => return,
        };
        let may_stay = left > 0 && !*stop.borrow();
        let after = match next {
            Next::Request(request) => Box::pin(serve::serve(proxy, &mut client, &request, may_stay)).await,
            Next::Other => After::Engine { taken: Bytes::new(), prepared: None },
            Next::Over => return,
        };
        match after {
            After::Next => {}
            After::Close => {
                // A client that is gone, or takes its time, need not hear of the end.
                let _ = timeout(PARTING, client.stream.shutdown()).await;
                return;
            }
            After::Engine { taken, prepared } => {
                if let Some(prepared) = prepared {
                    state.prepare(prepared);
                }
                // Not kept in a name, which would have room of its own while connections idle.
                let reused = engine
                    .process_new_http(session_of(client.into_stream(&taken), may_stay.then_some(left)), &stop)
                    .await;
                let Some(stream) = reused.and_then(back) else { return };
                client = Client::new(stream, Arc::clone(state), edge);
            }
        }
    }
}

/// Where a connection was taken.
pub(super) fn taken_at(stream: &(impl GetSocketDigest + ?Sized)) -> Option<SocketAddr> {
    stream.get_socket_digest().and_then(|digest| digest.local_addr()?.as_inet().copied())
}

/// A stream as the engine has it. `left`: how many requests may come behind this one; `None` where none may.
fn session_of(stream: Stream, left: Option<u32>) -> ServerSession {
    let mut session = ServerSession::new_http1(stream);
    session.set_keepalive(left.map(|_| CLIENT_KEEPALIVE.as_secs()));
    session.set_keepalive_reuses_remaining(Some(left.unwrap_or(0)));
    session
}

/// The stream that the engine was given.
fn back(reused: ReusedHttpStream) -> Option<Box<Layered<RequestLines>>> {
    reused.consume().0.into_any().downcast().ok()
}

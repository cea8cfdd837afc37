//! One request, from its decision to its line in the access log.

use super::client::give_buffer;
use super::exchange::{Ended, Exchange};
use super::request::Request;
use super::servers::{self, Key, ServerConnection};
use super::visitor::Visitor;
use super::{After, Prepared};
use crate::live::Server;
use crate::proxy::Proxy;
use crate::proxy::answer::{failure_of, refusal_of};
use crate::proxy::connection::Phase;
use crate::proxy::context::{Decided, Ends, RequestContext};
use crate::proxy::peer::warn_of_certificate;
use crate::proxy::record::{Served, upstream_result};
use crate::proxy::refusal::{Refusal, UpstreamFailure};
use crate::proxy::retry::{is_repeatable, mishap_of};
use crate::proxy::route::{begin_attempt, servers as servers_of};
use crate::proxy::{deadline, https};
use crate::resilience::Mishap;
use pingora::BError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why a request is not answered here.
pub(super) enum Stop {
    /// It goes on in the engine: it is forwarded, or answered with a refusal.
    Engine(Result<(), Refusal>),
    /// It is over: its client has gone, or its answer broke off when its head was out.
    Over(BError),
}

/// What has gone to the client.
#[derive(Default)]
pub(super) struct Out {
    /// The status of the answer; 0 where none has.
    pub status: u16,
    /// The bytes of its body.
    pub body: u64,
}

/// Serves a request. `may_stay`: whether another one may come on its connection.
pub(super) async fn serve<V: Visitor>(proxy: &Proxy, client: &mut V, request: &Request, may_stay: bool) -> After {
    let mut context = RequestContext::new(&proxy.edge);
    context.connection = Some(Arc::clone(client.state()));
    context.has_connection = V::HAS_CONNECTION;
    context.ends = Ends { client: Some(client.state().peer), edge: client.edge() };
    context.whole_since = Some(context.began);
    context.enter(Phase::Any);
    let mut out = Out::default();
    let keeps = may_stay && !request.is_last;
    let stop = forward(proxy, client, request, keeps, &mut context, &mut out).await;
    let (after, error) = match stop {
        Ok(true) => (After::Next, None),
        Ok(false) => (After::Close, None),
        Err(Stop::Over(error)) => (After::Close, Some(error)),
        Err(Stop::Engine(decided)) => {
            let prepared = Some(Box::new(Prepared { context, decided }));
            return After::Engine { taken: request.wire().clone(), prepared };
        }
    };
    let served = Served { request, status: out.status, bytes_sent: out.body };
    proxy.record(&served, error.as_deref(), &mut context);
    context.stream = None;
    if V::HAS_CONNECTION {
        client.state().carries(None);
    }
    after
}

/// Forwards a request and its answer. Gives back whether its connection stays.
async fn forward<V: Visitor>(
    proxy: &Proxy,
    client: &mut V,
    request: &Request,
    keeps: bool,
    context: &mut RequestContext,
    out: &mut Out,
) -> Result<bool, Stop> {
    let server = choose(proxy, request, context).await?;
    let mut connection = connect(proxy, &server, request, context).await?;
    let mut exchange =
        Exchange { proxy, client, request, connection: &mut connection, heard: Vec::new(), context, out };
    let answered = exchange.run(keeps).await;
    give_buffer(std::mem::take(&mut exchange.heard));
    let Ended { keeps, reuse } = answered?;
    if reuse && !context.attempts.is_worn {
        let idle = context.service().map_or(Duration::ZERO, |service| service.timeouts.idle);
        connection.keep(idle);
    }
    Ok(keeps)
}

/// Decides, and picks a server that the fast path can speak to.
async fn choose(proxy: &Proxy, request: &Request, context: &mut RequestContext) -> Result<Arc<Server>, Stop> {
    let decided = proxy.decide(request, &[], context.peer(), context);
    let is_plain = decided.is_ok()
        && proxy.challenge_of(request, &decided).is_none()
        && https::redirect(request, context).is_none()
        && context.decided.as_ref().is_some_and(leads_to_http1);
    if !is_plain || !Proxy::takes_free_place(context) {
        return Err(Stop::Engine(decided));
    }
    let server = proxy.pick_server(request, context).map_err(|refusal| Stop::Engine(Err(refusal)))?;
    let body = request.body_bytes().len();
    begin_attempt(&server, context);
    if let Err(refusal) = proxy.take_body(body, true, context) {
        return Err(Stop::Engine(Err(refusal)));
    }
    proxy.pass_gate(request, context).await;
    Ok(server)
}

/// Whether the servers of the way, or the edges of the other region, are spoken to in HTTP/1.1.
fn leads_to_http1(Decided { live, decision }: &Decided) -> bool {
    let pool = decision.way().and_then(|(region, way)| servers_of(live, decision.service, region, way));
    pool.is_some_and(|pool| pool.speaks_http1())
}

/// A connection to the server: a kept one, or a new one.
async fn connect(
    proxy: &Proxy,
    server: &Server,
    request: &Request,
    context: &mut RequestContext,
) -> Result<ServerConnection, Stop> {
    let service = context.service().ok_or(Stop::Engine(Err(Refusal::Internal)))?;
    let timeouts = service.timeouts;
    let by_tls = server.tls().map(|_| Box::new(proxy.credentials.peer_of(server, service, false)));
    let key = Key::of(server, by_tls.as_deref());
    if let Some(kept) = servers::kept(key, is_repeatable(request)) {
        proxy.took_connection(true, Some(kept.since), context);
        return Ok(kept);
    }
    let time_left = context.time_left();
    let patience = time_left.map_or(timeouts.connect, |left| left.min(timeouts.connect));
    // In boxes of their own: few requests need them, and those of all others are smaller without them.
    let made = match by_tls {
        None => Box::pin(servers::connect(key, patience, timeouts.unreachable)).await.map_err(|error| {
            let is_late = error.kind() == io::ErrorKind::TimedOut;
            if is_late { UpstreamFailure::ConnectionTimeout } else { UpstreamFailure::ConnectionRefused }
        }),
        Some(mut peer) => {
            let total = &mut peer.options.total_connection_timeout;
            *total = [*total, time_left].into_iter().flatten().min();
            Box::pin(servers::connect_by_tls(key, &peer)).await.map_err(|error| {
                let failure = failure_of(&error);
                if failure == UpstreamFailure::Certificate {
                    warn_of_certificate(context, &error);
                }
                failure
            })
        }
    };
    match made {
        Ok(connection) => {
            proxy.took_connection(false, Some(connection.since), context);
            Ok(connection)
        }
        Err(failure) => {
            let is_late = failure == UpstreamFailure::ConnectionTimeout;
            if is_late && context.time_left().is_some_and(|left| left.is_zero()) {
                // The server may have had less than its time for it, and is not to blame.
                context.attempts.server = None;
                return Err(fails(proxy, request, deadline::passed(), context));
            }
            proxy.end_without_connection(context, failure);
            let again = proxy.is_tried_again(request, Mishap::NoConnection, true, context);
            Err(Stop::Engine(if again { Ok(()) } else { Err(Refusal::Upstream(failure)) }))
        }
    }
}

/// What becomes of a request whose attempt broke off before an answer had begun.
pub(super) fn fails(proxy: &Proxy, request: &Request, error: BError, context: &mut RequestContext) -> Stop {
    let mishap = mishap_of(&error, context.attempts.is_reused);
    if let Some(mishap) = mishap.filter(|mishap| proxy.is_tried_again(request, *mishap, true, context)) {
        proxy.end_broken(context, &error, mishap);
        return Stop::Engine(Ok(()));
    }
    let failure = failure_of(&error);
    context.hear_failure(failure);
    proxy.end_attempt(context, upstream_result(failure), Some(failure.as_str()));
    Stop::Engine(Err(refusal_of(&error).unwrap_or(Refusal::Internal)))
}

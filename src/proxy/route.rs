//! From a request head to a decision, and from a decision to a server.

use super::Proxy;
use super::context::{Attempts, Decided, RequestContext};
use super::headers::X_REQUEST_ID;
use super::intake::{checked_host, declared_length};
use super::record::upstream_result;
use super::refusal::{Refusal, UpstreamFailure};
use super::request_id;
use crate::balance::KeyHash;
use crate::client::client_address;
use crate::live::{CountingFinder, LiveTable, Server, clock, entropy};
use crate::model::{Balance, RegionId, Service};
use crate::resilience::Observation;
use crate::routing::{Decision, Outcome, RequestFacts, decide};
use crate::session::cookie_values;
use http::header::COOKIE;
use pingora::http::RequestHeader;
use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::sync::Arc;

/// How often a request is tried, on whatever servers, as long as no server has had a byte of it.
pub(super) const MOST_ATTEMPTS: u8 = 5;

/// How many streams are opened at once on one HTTP/2 connection to a server.
const H2_STREAMS: usize = 100;

impl Proxy {
    /// Reads the facts out of a head and decides.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn decide(
        &self,
        head: &RequestHeader,
        peer: IpAddr,
        context: &mut RequestContext,
    ) -> Result<(), Refusal> {
        self.identify(head, peer, context);
        let host = checked_host(head, self.head_limits)?;
        let live = self.edge.table().ok_or(Refusal::NoRegion { retry_after: 1 })?;
        let decision = self.decision(&live, head, host, context).ok_or(Refusal::NoService)?;
        let largest_body = live.table.service(decision.service).and_then(|service| service.largest_body);
        let outcome = decision.outcome;
        context.decided = Some(Decided { live, decision });
        if largest_body.is_some_and(|largest| declared_length(head).is_some_and(|length| length > largest)) {
            return Err(Refusal::BodyTooLarge);
        }
        refused(outcome)
    }

    /// Who asks, and under which name: before anything can be refused, so that every line of the log has both.
    fn identify(&self, head: &RequestHeader, peer: IpAddr, context: &mut RequestContext) {
        let peer = peer.to_canonical();
        context.is_trusted = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        context.client = if context.is_trusted {
            let lines: SmallVec<[&[u8]; 4]> =
                head.headers.get_all("x-forwarded-for").iter().map(|value| value.as_bytes()).collect();
            client_address(peer, &lines, &self.trusted_proxies)
        } else {
            peer
        };
        let given = head.headers.get(X_REQUEST_ID).filter(|_| context.is_trusted);
        context.request_id = match given.and_then(|id| request_id::accepted(id.as_bytes())) {
            Some(id) => id.to_owned(),
            None => request_id::made([entropy::random_u64(), entropy::random_u64()]),
        };
    }

    fn decision(
        &self,
        live: &LiveTable,
        head: &RequestHeader,
        host: &str,
        context: &RequestContext,
    ) -> Option<Decision> {
        let cookies: SmallVec<[&[u8]; 2]> = head.headers.get_all(COOKIE).iter().map(|value| value.as_bytes()).collect();
        let facts =
            RequestFacts { host, path: head.uri.path(), client: context.client, cookies: &cookies, now: context.time };
        let finder = CountingFinder::new(self.edge.places(), Some(Arc::clone(self.edge.metrics())));
        decide(&live.table, &facts, &live.view(clock::second()), &finder)
    }

    /// The server for the next attempt.
    ///
    /// Where the region's last healthy server has just failed, the decision is made anew from the same table: to the view
    /// of the fleet, home is away now.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn next_server(&self, head: &RequestHeader, context: &mut RequestContext) -> Result<HttpPeer, Refusal> {
        if context.attempts.count > 0 && !is_region_healthy(context.decided.as_ref()) {
            let decided = context.decided.as_ref().ok_or(Refusal::Internal)?;
            let live = Arc::clone(&decided.live);
            let host = checked_host(head, self.head_limits)?;
            let decision = self.decision(&live, head, host, context).ok_or(Refusal::Internal)?;
            let outcome = decision.outcome;
            context.decided = Some(Decided { live, decision });
            refused(outcome)?;
        }
        let RequestContext { decided: Some(Decided { live, decision }), attempts, client, .. } = context else {
            return Err(Refusal::Internal);
        };
        let region = decision.region().ok_or(Refusal::Internal)?;
        let pool = live.pools.get(decision.service, region).ok_or(Refusal::Internal)?;
        let service = live.table.service(decision.service).ok_or(Refusal::Internal)?;
        attempts.move_to(region);
        let key = affinity_key(service, head, *client);
        let server = pool.pick(&service.balance, key, &attempts.failed).or_else(|| {
            // Each one failed once, and none of them is known to be dead: once more around.
            attempts.failed.clear();
            pool.pick(&service.balance, key, &attempts.failed)
        });
        let server = server.ok_or(Refusal::NoRegion { retry_after: 1 })?;
        let peer = peer_of(&server, service);
        attempts.count = attempts.count.saturating_add(1);
        attempts.began = Some(clock::monotonic());
        attempts.server = Some(server.begin());
        Ok(peer)
    }

    /// Takes in that no connection could be made to the server of the last attempt. Whether another attempt may follow.
    pub(super) fn connection_failed(&self, context: &mut RequestContext, failure: UpstreamFailure) -> bool {
        let RequestContext { decided: Some(Decided { live, decision }), attempts, .. } = context else { return false };
        let Some(active) = attempts.server.take() else { return false };
        let server = active.server();
        self.edge.observe(server, Observation::Unreachable);
        if failure == UpstreamFailure::ConnectionRefused {
            // Nothing listens there: that is as sure as several timeouts.
            self.edge.observe(server, Observation::Unreachable);
        }
        if let Some(region) = attempts.region {
            live.meters.upstream(decision.service, region, upstream_result(failure));
        }
        attempts.failed.push(server.address());
        attempts.count < MOST_ATTEMPTS
    }
}

impl Attempts {
    /// Begins with a region's servers, or goes on with them.
    fn move_to(&mut self, region: RegionId) {
        if self.region != Some(region) {
            self.region = Some(region);
            self.failed.clear();
        }
    }
}

fn is_region_healthy(decided: Option<&Decided>) -> bool {
    decided.is_some_and(|Decided { live, decision }| {
        decision
            .region()
            .and_then(|region| live.pools.get(decision.service, region))
            .is_some_and(|pool| pool.any_healthy())
    })
}

/// What of the request names its server, where the service balances by something and the request has it.
fn affinity_key(service: &Service, head: &RequestHeader, client: IpAddr) -> Option<KeyHash> {
    let value = match &service.balance.by {
        Balance::RoundRobin | Balance::LeastRequests => None,
        Balance::Client => return Some(KeyHash::of_address(client)),
        Balance::Session => first_cookie(head, &service.session.as_ref()?.cookie),
        Balance::Cookie(name) => first_cookie(head, name),
        Balance::Header(name) => head.headers.get(&**name).map(|value| value.as_bytes()),
    };
    value.filter(|value| !value.is_empty()).map(KeyHash::of_bytes)
}

fn first_cookie<'a>(head: &'a RequestHeader, name: &'a str) -> Option<&'a [u8]> {
    let headers = head.headers.get_all(COOKIE).iter();
    headers.flat_map(|header| cookie_values(header.as_bytes(), name.as_bytes())).next()
}

fn refused(outcome: Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Serve { .. } => Ok(()),
        Outcome::Wait { retry_after } => Err(Refusal::SessionWaits { retry_after }),
        Outcome::Nobody { retry_after } => Err(Refusal::NoRegion { retry_after }),
    }
}

fn peer_of(server: &Server, service: &Service) -> HttpPeer {
    let sni = server.sni();
    let mut peer = HttpPeer::new(server.address(), sni.is_some(), sni.unwrap_or_default().to_owned());
    let timeouts = service.timeouts;
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    // TCP and TLS together: a server that accepts and then says nothing is as gone as one that does not accept.
    options.total_connection_timeout = Some(timeouts.connect.saturating_mul(2));
    options.read_timeout = Some(timeouts.read);
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.idle);
    if server.http2() {
        options.alpn = ALPN::H2;
        options.max_h2_streams = H2_STREAMS;
    }
    peer
}

//! From a request head to a decision, and from a decision to a server.

use super::Proxy;
use super::connect::Connecting;
use super::context::{Attempts, Decided, RequestContext, Told};
use super::head::Head;
use super::headers::{X_FORWARDED_FOR, X_REQUEST_ID};
use super::hop::{MOST_PASSES, passes};
use super::intake::{checked_host, declared_length, host};
use super::refusal::{Refusal, UpstreamFailure};
use super::request_id;
use crate::balance::KeyHash;
use crate::client::{client_address, client_of_forwarded, is_trusted};
use crate::config::ForwardedHeader;
use crate::live::{CountingFinder, Judged, LiveTable, PoolState, Server, clock, entropy};
use crate::model::{Balance, Balancing, RegionId, ServiceId};
use crate::resilience::RetryBudget;
use crate::routing::{Arrival, Decision, FleetView, Outcome, RequestFacts, Way, decide};
use crate::session::{CookieName, cookie_values};
use http::header::{COOKIE, FORWARDED, UPGRADE};
use pingora::upstreams::peer::HttpPeer;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// Edges are taken in turn: which server a request goes to is for the edge to say that stands before it.
static IN_TURN: LazyLock<Balancing> = LazyLock::new(Balancing::default);

impl Proxy {
    /// Reads the facts out of a head and decides. `wire` are the bytes that the engine read it from; none
    /// where it came in frames, or was read by somebody who drops nothing.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn decide(
        &self,
        head: &dyn Head,
        wire: &[u8],
        peer: IpAddr,
        context: &mut RequestContext,
    ) -> Result<(), Refusal> {
        let live = self.edge.table();
        context.forwarded = live.as_ref().and_then(|live| self.forwarded(head, live));
        self.identify(head, peer, context);
        self.begin_trace(head, context);
        if context.connection.as_ref().is_some_and(|connection| connection.line().is_odd(head.target())) {
            return Err(Refusal::BadRequest("The request line has characters that must be percent-encoded."));
        }
        let host = checked_host(head, wire, self.head_limits)?;
        if context.told.as_ref().is_some_and(|told| told.is_malformed) {
            return Err(Refusal::BadRequest("The Forwarded header is not of its form."));
        }
        let live = live.ok_or(Refusal::NoRegion { retry_after: 1 })?;
        if context.forwarded.is_none() {
            let passes = passes(head);
            context.in_circle = passes > 0;
            if passes >= MOST_PASSES {
                return Err(Refusal::Circle);
            }
        }
        let Some(decision) = self.decision(&live, head, host, context) else {
            context.is_lost = Self::has_lost_service(&live, host, head.path());
            return Err(Refusal::NoService);
        };
        context.is_lost = decision.key.home().is_none() && self.has_lost_session(&live, head, host, context);
        let largest_body = live.table.service(decision.service).and_then(|service| service.largest_body);
        let outcome = decision.outcome;
        let decided = Decided { live, decision };
        let admitted = self.admit(head, &decided, context);
        context.decided = Some(decided);
        admitted?;
        if largest_body.is_some_and(|largest| declared_length(head).is_some_and(|length| length > largest)) {
            return Err(Refusal::BodyTooLarge);
        }
        refused(outcome)?;
        self.limit(head, context)
    }

    /// Who asks, and under which name: before anything can be refused, so that every line of the log has both.
    fn identify(&self, head: &dyn Head, peer: IpAddr, context: &mut RequestContext) {
        if let Some(forwarded) = &context.forwarded {
            context.is_trusted = true;
            context.client = forwarded.claims.client.to_canonical();
            context.request_id.clone_from(&forwarded.request_id);
            return;
        }
        let peer = peer.to_canonical();
        context.is_trusted = is_trusted(peer, &self.trusted_proxies);
        context.client = if context.is_trusted {
            let in_forwarded = match self.forwarded_header {
                ForwardedHeader::XForwardedFor => false,
                ForwardedHeader::Forwarded => true,
                ForwardedHeader::Both => !head.has(&X_FORWARDED_FOR),
            };
            if in_forwarded {
                let read = client_of_forwarded(peer, &head.all(&FORWARDED), &self.trusted_proxies);
                let is_malformed = read.is_err();
                let (client, proto) = read.unwrap_or((peer, None));
                let proto = proto.filter(|proto| matches!(&**proto, "http" | "https"));
                context.told = Some(Told { proto, is_malformed });
                client
            } else {
                client_address(peer, &head.all(&X_FORWARDED_FOR), &self.trusted_proxies)
            }
        } else {
            peer
        };
        let given = if context.is_trusted { head.first(&X_REQUEST_ID) } else { None };
        context.request_id = match given.and_then(request_id::accepted) {
            Some(id) => id.to_owned(),
            None => request_id::made([entropy::random_u64(), entropy::random_u64()]),
        };
    }

    fn decision(&self, live: &LiveTable, head: &dyn Head, host: &str, context: &RequestContext) -> Option<Decision> {
        let finder = CountingFinder::new(self.edge.places(), Some(Arc::clone(self.edge.metrics())));
        let view = live.view(clock::second());
        self.with_facts(live, head, host, context, |facts| decide(&live.table, facts, &view, &finder))
    }

    /// Hands `then` what the head says that decisions are made from.
    pub(super) fn with_facts<T>(
        &self,
        live: &LiveTable,
        head: &dyn Head,
        host: &str,
        context: &RequestContext,
        then: impl FnOnce(&RequestFacts<'_>) -> T,
    ) -> T {
        let cookies = head.all(&COOKIE);
        let key_headers = live.table.key_headers().iter().map(AsRef::as_ref);
        let headers: SmallVec<[(&str, &[u8]); 2]> =
            key_headers.flat_map(|name| head.named(name).into_iter().map(move |value| (name, value))).collect();
        let arrival = match &context.forwarded {
            Some(forwarded) => forwarded.arrival(),
            None if context.in_circle => Arrival::Circle,
            None => Arrival::Client,
        };
        then(&RequestFacts {
            host,
            path: head.path(),
            client: context.client,
            cookies: &cookies,
            headers: &headers,
            arrival,
            now: context.time,
        })
    }

    /// Sees to it that the way of the next attempt leads somewhere.
    ///
    /// Where the region's last healthy server has just failed, the decision is made anew from the same table: to the view
    /// of the fleet, home is away now.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn keep_way(&self, head: &dyn Head, context: &mut RequestContext) -> Result<(), Refusal> {
        if context.attempts.count > 0 && !context.decided.as_ref().is_some_and(is_open) {
            if context.replay.as_ref().is_some_and(|replayed| !replayed.has_failed) {
                self.give_replay_back(context)?;
            }
            if !context.decided.as_ref().is_some_and(is_open) {
                self.decide_anew(head, context)?;
            }
        }
        Ok(())
    }

    /// Decides anew, from the same table.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn decide_anew(&self, head: &dyn Head, context: &mut RequestContext) -> Result<(), Refusal> {
        let decided = context.decided.as_ref().ok_or(Refusal::Internal)?;
        let live = Arc::clone(&decided.live);
        let decision = self.decision(&live, head, host(head)?, context).ok_or(Refusal::Internal)?;
        let outcome = decision.outcome;
        context.decided = Some(Decided { live, decision });
        refused(outcome)
    }

    /// The server for the next attempt, as the engine is told of it.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn next_server(&self, head: &dyn Head, context: &mut RequestContext) -> Result<HttpPeer, Refusal> {
        let server = self.pick_server(head, context)?;
        let time_left = context.time_left();
        let service = context.service().ok_or(Refusal::Internal)?;
        let mut peer = self.credentials.peer_of(&server, service, head.has(&UPGRADE));
        let retries = &service.resilience.retries;
        let has_deadline = retries.timeout.is_some() || retries.try_timeout.is_some();
        Connecting::of(&server, has_deadline, context.client, context.ends, service.timeouts.connect)
            .prepare(&mut peer);
        if let Some(left) = time_left {
            let total = peer.options.total_connection_timeout.map_or(left, |total| total.min(left));
            peer.options.total_connection_timeout = Some(total);
        }
        begin_attempt(&server, context);
        Ok(peer)
    }

    /// The server for the next attempt. Nothing is counted yet.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn pick_server(&self, head: &dyn Head, context: &mut RequestContext) -> Result<Arc<Server>, Refusal> {
        let key = self.affinity_key(head, context);
        if context.time_left().is_some_and(|left| left.is_zero()) {
            return Err(Refusal::Upstream(UpstreamFailure::ResponseTimeout));
        }
        let RequestContext { decided: Some(Decided { live, decision }), attempts, .. } = context else {
            return Err(Refusal::Internal);
        };
        let (region, way) = decision.way().ok_or(Refusal::Internal)?;
        let pool = servers(live, decision.service, region, way).ok_or(Refusal::Internal)?;
        let service = live.table.service(decision.service).ok_or(Refusal::Internal)?;
        attempts.move_to(region, way);
        let balancing = if way == Way::Edge { &IN_TURN } else { &service.balance };
        let untried = pool.pick(balancing, key, &attempts.failed);
        let server = untried.filter(|server| server.is_healthy() || !pool.any_healthy()).or_else(|| {
            // Each one failed once that is not known to be dead: once more around.
            attempts.failed.clear();
            pool.pick(balancing, key, &attempts.failed)
        });
        server.ok_or_else(|| self.no_server(context))
    }

    /// What of the request names its server, where the service balances by something and the request has it.
    pub(super) fn affinity_key(&self, head: &dyn Head, context: &RequestContext) -> Option<KeyHash> {
        let Decided { live, decision } = context.decided.as_ref()?;
        let first_cookie = |name: &str| {
            let name = CookieName { name: name.as_bytes(), chunks: false };
            let value = head.all(&COOKIE).into_iter().find_map(|line| cookie_values(line, name).next());
            value.filter(|value| !value.is_empty()).map(KeyHash::of_bytes)
        };
        match &live.table.service(decision.service)?.balance.by {
            Balance::RoundRobin | Balance::LeastRequests => None,
            Balance::Client => Some(KeyHash::of_address(context.client)),
            Balance::Session => {
                let sessions = live.table.sessions(decision.service)?;
                self.with_facts(live, head, "", context, |facts| sessions.key_of(facts).map(KeyHash::of_bytes))
            }
            Balance::Cookie(name) => first_cookie(name),
            Balance::Header(name) => {
                let value = head.named(name).first().copied()?;
                (!value.is_empty()).then(|| KeyHash::of_bytes(value))
            }
        }
    }
}

/// Counts that `server`, which was picked for it, is tried next.
pub(super) fn begin_attempt(server: &Arc<Server>, context: &mut RequestContext) {
    let RequestContext { decided: Some(Decided { live, decision }), attempts, body_received, .. } = context else {
        return;
    };
    let (Some(region), Some(way)) = (attempts.region, attempts.way) else { return };
    let pool = servers(live, decision.service, region, way).filter(|_| way != Way::Edge);
    attempts.judged = pool.map(|pool| Judged::begin(server, pool.entrance()));
    *body_received = 0; // what was read of the body so far is counted once more as it is sent once more
    attempts.count = attempts.count.saturating_add(1);
    attempts.in_region = attempts.in_region.saturating_add(1);
    attempts.budgeted = live.retry_budget(decision.service, region).map(RetryBudget::begin);
    attempts.began = Some(clock::monotonic());
    (attempts.is_under_way, attempts.is_reused) = (true, false);
    (attempts.answered, attempts.first_byte) = (None, None);
    attempts.server = Some(server.begin());
    context.begin_try(server.address(), region, way);
}

impl Attempts {
    /// Begins with a region's servers, or goes on with them.
    fn move_to(&mut self, region: RegionId, way: Way) {
        if (self.region, self.way) != (Some(region), Some(way)) {
            (self.region, self.way) = (Some(region), Some(way));
            self.failed.clear();
            (self.in_region, self.unreached) = (0, 0);
        }
    }
}

/// Whether the way that was decided on still leads somewhere.
pub(super) fn is_open(Decided { live, decision }: &Decided) -> bool {
    match decision.way() {
        Some((region, Way::Edge)) => live.view(clock::second()).is_edge_healthy(decision.service, region) == Some(true),
        Some((region, Way::Local | Way::Pool)) => {
            live.pools.get(decision.service, region).is_some_and(|pool| pool.is_open())
        }
        None => false,
    }
}

/// The servers at the end of a way.
pub(super) fn servers(live: &LiveTable, service: ServiceId, region: RegionId, way: Way) -> Option<&Arc<PoolState>> {
    match way {
        Way::Edge => live.pools.edge(region),
        Way::Local | Way::Pool => live.pools.get(service, region),
    }
}

fn refused(outcome: Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Serve { .. } => Ok(()),
        Outcome::Wait { retry_after } => Err(Refusal::SessionWaits { retry_after }),
        Outcome::Nobody { retry_after } => Err(Refusal::NoRegion { retry_after }),
    }
}

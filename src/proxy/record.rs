//! What is kept of a request when it is over: its counters, its line in the access log.

use super::Proxy;
use super::answer::failure_of;
use super::attempt::last_result;
use super::context::{Decided, RequestContext};
use super::head::Head;
use super::headers::host;
use super::outcome;
use super::refusal::UpstreamFailure;
use crate::live::{Seen, clock};
use crate::model::{GrpcStatus, Timestamp};
use crate::routing::{Arrived, Despite, HomeBy, Outcome, SessionKey, VisitorNetwork, Way};
use crate::telemetry::{Entry, Occasionally, RetryResult, UpstreamResult};
use http::Version;
use http::header::{REFERER, USER_AGENT};
use pingora::{Error, ErrorSource};
use std::fmt;
use std::net::IpAddr;

/// A request that is over.
pub(super) struct Served<'a> {
    /// Its head, as it came.
    pub request: &'a dyn Head,
    /// The status that it was answered with; 0 where it was not.
    pub status: u16,
    /// How many bytes of a body it was answered with.
    pub bytes_sent: u64,
}

impl Proxy {
    /// Counts the request and writes its line.
    pub(super) fn record(&self, served: &Served<'_>, error: Option<&Error>, context: &mut RequestContext) {
        let duration = clock::monotonic().duration_since(context.began);
        let status = served.status;
        context.hear_end(error);
        self.end_attempt(context, last_result(context, status, error), error_word(context, error));
        match &context.decided {
            Some(decided) => {
                warn_of_ignored_drain(decided, context.time);
                decided.live.meters.record(&decided.decision, status, duration);
                count_retry(decided, context, status, error);
                if let (Some(grpc), Some(region)) = (context.grpc_status, decided.decision.region()) {
                    decided.live.meters.grpc(decided.decision.service, region, grpc);
                }
                context.count_end(status, error);
                // One that admission refused goes nowhere, by any table; one that a hop brought is its first edge's.
                let was_refused = context.attempts.count == 0 && decided.decision.region().is_some();
                if decided.decision.arrived == Arrived::Here && !was_refused {
                    self.edge.sampler().record(clock::second(), || seen(decided, context.client));
                }
            }
            None => {
                if let Some(live) = self.edge.table() {
                    live.meters.no_service(status, duration);
                }
            }
        }
        if let Some(failed) = outcome::failed(context, status) {
            match (&context.decided, self.edge.table()) {
                (Some(decided), _) => self.edge.count_outcome(&decided.live, failed),
                (None, Some(live)) => self.edge.count_outcome(&live, failed),
                (None, None) => {}
            }
        }
        self.write_line(served, context, duration, error);
        self.end_trace(served.request, context, status, duration, error_word(context, error));
    }

    fn write_line(
        &self,
        served: &Served<'_>,
        context: &RequestContext,
        duration: std::time::Duration,
        error: Option<&Error>,
    ) {
        if self.access_log.is_off() {
            return; // most of what is in a line is looked up for it alone
        }
        let head = served.request;
        let decided = context.decided.as_ref();
        let name = |region| decided.map(|decided| decided.live.table.region_name(region));
        let decision = decided.map(|decided| &decided.decision);
        let reasons = decided.map(|decided| context.reasons(decided));
        let service = decided.and_then(|decided| decided.live.table.service_name(decided.decision.service));
        let attempts = &context.attempts;
        self.access_log.record(&Entry {
            time: context.time,
            client: context.client,
            method: head.method().as_str().as_bytes(),
            host: host(head).unwrap_or_default(),
            path: head.target(),
            protocol: protocol(head.version()),
            status: served.status,
            grpc_status: context.grpc_status.map(GrpcStatus::as_str),
            bytes_sent: served.bytes_sent,
            bytes_received: context.body_received,
            duration,
            service: service.map(|name| name.as_str()),
            home: decision.and_then(|decision| name(decision.home)),
            home_by: decision.map(|decision| decision.home_by.as_str()),
            region: decision.and_then(|decision| decision.region()).and_then(name),
            way: attempts.way.map(Way::as_str),
            session: decided.map(Decided::session),
            reasons: reasons.as_ref().map(|reasons| reasons as &dyn fmt::Display),
            upstream: attempts.server.as_ref().map(|active| active.server().address()),
            upstream_duration: attempts.first_byte,
            attempts: attempts.count.into(),
            request_id: context.request_id.as_bytes(),
            user_agent: head.first(&USER_AGENT),
            referer: head.first(&REFERER),
            error: error_word(context, error),
        });
    }
}

/// What a sample keeps of a request.
fn seen(decided: &Decided, client: IpAddr) -> Seen<'_> {
    let Decided { live, decision } = decided;
    // An app that had it replayed elsewhere has said where the session is.
    let home = match decision.home_by {
        HomeBy::Replay if decision.key != SessionKey::Missing => Some(decision.home),
        _ => decision.key.home(),
    };
    Seen {
        service: live.table.service_name(decision.service).map_or("?", |name| name.as_str()),
        network: VisitorNetwork::of(client),
        place: decision.place,
        session: home.map(|home| live.table.region_name(home)),
    }
}

/// Why the request failed, in one word; `None` where it did not.
fn error_word(context: &RequestContext, error: Option<&Error>) -> Option<&'static str> {
    match (context.refusal, error) {
        (_, Some(_)) if context.stream_ends() => Some("stream_ended_by_drain"),
        (Some(refusal), _) => Some(refusal.proxy_error()),
        (None, Some(error)) if error.esource() == &ErrorSource::Downstream => Some("client_left"),
        (None, Some(error)) => Some(failure_of(error).as_str()),
        (None, None) => None,
    }
}

/// Says aloud that a drain is ignored, as the operator who drained expects otherwise.
fn warn_of_ignored_drain(decided: &Decided, now: Timestamp) {
    static IGNORED: Occasionally = Occasionally::once_a_second();
    let Outcome::Serve { region, despite: Some(Despite::Drain { drain }), .. } = decided.decision.outcome else {
        return;
    };
    if let Some(more) = IGNORED.at(now) {
        let (table, drain) = (&decided.live.table, drain + 1);
        let (region, service) = (table.region_name(region), table.service_name(decided.decision.service));
        let service = service.map_or("?", |service| service.as_str());
        tracing::warn!(
            "{region} serves {service} though drain {drain} is on it ({more} requests more since the last warning): no \
             other region that may stand in can serve; bring one back, or end the drain"
        );
    }
}

/// Counts what became of a request that was tried again.
fn count_retry(Decided { live, decision }: &Decided, context: &RequestContext, status: u16, error: Option<&Error>) {
    let Some(region) = context.attempts.region.filter(|_| context.attempts.retries > 0) else { return };
    let is_good = error.is_none() && status < 500;
    let retried = if is_good { RetryResult::Succeeded } else { RetryResult::Failed };
    live.meters.retry(decision.service, region, retried);
}

/// The word in metrics for what went wrong with a server.
pub(super) fn upstream_result(failure: UpstreamFailure) -> UpstreamResult {
    match failure {
        UpstreamFailure::ConnectionRefused | UpstreamFailure::Tls | UpstreamFailure::Certificate => {
            UpstreamResult::ConnectFailed
        }
        UpstreamFailure::ConnectionTimeout => UpstreamResult::ConnectTimedOut,
        UpstreamFailure::Terminated => UpstreamResult::Closed,
        UpstreamFailure::ResponseTimeout => UpstreamResult::TimedOut,
        UpstreamFailure::Protocol => UpstreamResult::Malformed,
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

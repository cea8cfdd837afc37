//! The spans of a request: one for the request, one for each try of it.
//!
//! Nothing of this is done while tracing is off. No key of a session, no cookie and no query goes into a span.

use super::Proxy;
use super::context::{Decided, RequestContext};
use super::fields::Fields;
use super::head::Head;
use super::headers::host;
use crate::live::{clock, entropy};
use crate::model::RegionId;
use crate::routing::Way;
use crate::telemetry::{Span, SpanKind, TraceContext, Tracer};
use http::{HeaderName, Version};
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Which trace a request belongs to, and its tries so far.
#[derive(Debug)]
pub(super) struct Trace {
    /// The span of the request.
    own: TraceContext,
    /// The span that it is a part of: of a trusted proxy or another edge.
    parent: Option<TraceContext>,
    /// What a client said that is not believed.
    said: Option<TraceContext>,
    tries: SmallVec<[Try; 2]>,
}

/// One try of a request.
#[derive(Debug)]
struct Try {
    context: TraceContext,
    began: Instant,
    ended: Option<Instant>,
    server: SocketAddr,
    region: RegionId,
    way: Way,
    status: Option<u16>,
    error: Option<&'static str>,
}

impl Trace {
    /// What came of the last try, where it is over; `status` without an end is the head of an answer.
    fn last(&mut self) -> Option<&mut Try> {
        self.tries.last_mut().filter(|last| last.ended.is_none())
    }
}

impl Proxy {
    /// Finds out which trace a request belongs to. Who asks must be known.
    pub(super) fn begin_trace(&self, head: &dyn Head, context: &mut RequestContext) {
        let Some(tracer) = &self.tracer else { return };
        // Two of them say nothing.
        let said = head.only(&TRACEPARENT).and_then(TraceContext::parse);
        let (parent, said) = if context.is_trusted { (said, None) } else { (None, said) };
        let random = std::array::from_fn(|_| entropy::random_u64());
        let own = tracer.begin(parent.as_ref(), random);
        context.trace = Some(Box::new(Trace { own, parent, said, tries: SmallVec::new() }));
    }

    /// Sends what is recorded of a request on its way.
    pub(super) fn end_trace(
        &self,
        head: &dyn Head,
        context: &RequestContext,
        status: u16,
        duration: Duration,
        error: Option<&str>,
    ) {
        let (Some(tracer), Some(trace)) = (&self.tracer, &context.trace) else { return };
        if !trace.own.is_sampled {
            return;
        }
        for number in 0..trace.tries.len() {
            self.record_try(tracer, context, trace, number, head, duration);
        }
        tracer.record(request_span(head, context, trace, status, duration, error));
    }

    fn record_try(
        &self,
        tracer: &Tracer,
        context: &RequestContext,
        trace: &Trace,
        number: usize,
        head: &dyn Head,
        duration: Duration,
    ) {
        let Some(one) = trace.tries.get(number) else { return };
        let began = one.began.saturating_duration_since(context.began);
        let ended = one.ended.map_or(duration, |ended| ended.saturating_duration_since(context.began));
        let (name, _) = method(head);
        let mut span = Span {
            context: one.context,
            parent: Some(trace.own.span),
            link: None,
            kind: SpanKind::Client,
            name,
            began: nanoseconds(context, began),
            ended: nanoseconds(context, ended.max(began)),
            attributes: Vec::with_capacity(9),
            is_error: one.error.is_some() || one.status.is_some_and(|status| status >= 400),
        };
        span.text("http.request.method", method(head).1);
        span.text("server.address", one.server.ip().to_string());
        span.number("server.port", one.server.port());
        if let Some(status) = one.status {
            span.number("http.response.status_code", status);
        }
        if number > 0 {
            span.number("http.request.resend_count", i64::try_from(number).unwrap_or(i64::MAX));
        }
        if let Some(error) = one.error {
            span.text("error.type", error);
        }
        if let Some(decided) = &context.decided {
            span.text("homeward.region", decided.live.table.region_name(one.region));
        }
        span.text("homeward.way", one.way.as_str());
        tracer.record(span);
    }
}

/// The span of the request itself, with the decision.
fn request_span(
    head: &dyn Head,
    context: &RequestContext,
    trace: &Trace,
    status: u16,
    duration: Duration,
    error: Option<&str>,
) -> Span {
    let (name, word) = method(head);
    let mut span = Span {
        context: trace.own,
        parent: trace.parent.map(|parent| parent.span),
        link: trace.said,
        kind: SpanKind::Server,
        name,
        began: nanoseconds(context, Duration::ZERO),
        ended: nanoseconds(context, duration),
        attributes: Vec::with_capacity(18),
        is_error: status >= 500,
    };
    span.text("http.request.method", word);
    if word == OTHER {
        span.text("http.request.method_original", head.method().as_str());
    }
    let is_tls = context.connection.as_ref().is_some_and(|connection| connection.is_tls);
    span.text("url.scheme", if is_tls { "https" } else { "http" });
    let path = head.target().split(|byte| *byte == b'?').next().unwrap_or_default();
    span.text("url.path", String::from_utf8_lossy(path));
    if let Some(host) = host(head) {
        span.text("server.address", String::from_utf8_lossy(host));
    }
    span.text("client.address", context.client.to_string());
    let version = match head.version() {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    span.text("network.protocol.version", version);
    if status > 0 {
        span.number("http.response.status_code", status);
    }
    match error {
        Some(error) => span.text("error.type", error),
        None if status >= 500 => span.text("error.type", status.to_string()),
        None => {}
    }
    span.text("homeward.request_id", &*context.request_id);
    if let Some(decided @ Decided { live, decision }) = &context.decided {
        if let Some(service) = live.table.service_name(decision.service) {
            span.text("homeward.service", service.as_str());
        }
        span.text("homeward.home", live.table.region_name(decision.home));
        span.text("homeward.home_by", decision.home_by.as_str());
        if let Some(region) = decision.region() {
            span.text("homeward.region", live.table.region_name(region));
        }
        if let Some(way) = context.attempts.way {
            span.text("homeward.way", way.as_str());
        }
        span.text("homeward.session", decided.session().as_str());
        span.text("homeward.reasons", context.reasons(decided).to_string());
    }
    span
}

impl RequestContext {
    /// A try of the request begins.
    pub(super) fn begin_try(&mut self, server: SocketAddr, region: RegionId, way: Way) {
        let Some(trace) = &mut self.trace else { return };
        let context = TraceContext { span: entropy::random_u64().max(1).to_be_bytes(), ..trace.own };
        let began = clock::monotonic();
        trace.tries.push(Try { context, began, ended: None, server, region, way, status: None, error: None });
    }

    /// The last try has got the head of an answer.
    pub(super) fn try_answered(&mut self, status: u16) {
        if let Some(last) = self.trace.as_mut().and_then(|trace| trace.last()) {
            last.status = Some(status);
        }
    }

    /// The last try is over, though the request is not.
    pub(super) fn end_try(&mut self, error: Option<&'static str>) {
        if let Some(last) = self.trace.as_mut().and_then(|trace| trace.last()) {
            last.ended = Some(clock::monotonic());
            last.error = error;
        }
    }

    /// Writes into `head` which trace it belongs to from here on: the span of the try, or of the request where none is
    /// recorded. What a client said is not passed on, as it has begun nothing that this edge is a part of.
    ///
    /// # Errors
    /// Where a value is no header value; by its form it is one.
    pub(super) fn say_trace(&self, fields: &mut impl Fields) -> pingora::Result<()> {
        let Some(trace) = &self.trace else { return Ok(()) };
        if trace.parent.is_some() && !trace.own.is_sampled {
            return Ok(()); // it is passed on as it is: this edge is no part of that trace
        }
        if trace.parent.is_none() {
            fields.take_out(&TRACESTATE);
        }
        let context = trace.tries.last().map_or(trace.own, |last| last.context);
        fields.set(&TRACEPARENT, context.to_string().as_bytes())
    }
}

/// The word for a method that is none of those that are known.
const OTHER: &str = "_OTHER";

/// What spans of this method are called, and its word. Clients do not make up names.
fn method(head: &dyn Head) -> (&'static str, &'static str) {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    let known = KNOWN.iter().find(|known| **known == head.method().as_str());
    known.map_or(("HTTP", OTHER), |known| (known, known))
}

/// The moment so long after the request came, in nanoseconds of Unix time.
fn nanoseconds(context: &RequestContext, after: Duration) -> u64 {
    let began = u64::try_from(context.time.as_nanosecond()).unwrap_or(0);
    began.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
}

//! Spans as OTLP has them.

use crate::telemetry::{Span, SpanKind, SpanValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as proto, ResourceSpans, ScopeSpans, span};
use prost::Message;

/// The flag of a span that is recorded (W3C Trace Context).
const SAMPLED: u32 = 1;

/// A request to the collector: `spans` of the edge in `region`.
pub(super) fn encode(spans: Vec<Span>, region: &str) -> Vec<u8> {
    let name = env!("CARGO_PKG_NAME");
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource {
        attributes: vec![
            text("service.name", name.to_owned()),
            text("service.version", version.to_owned()),
            text("homeward.edge.region", region.to_owned()),
        ],
        ..Resource::default()
    };
    let scope =
        InstrumentationScope { name: name.to_owned(), version: version.to_owned(), ..InstrumentationScope::default() };
    let spans = spans.into_iter().map(one).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn one(span: Span) -> proto::Span {
    let attributes = span.attributes.into_iter().map(|(key, value)| match value {
        SpanValue::Text(value) => text(key, value),
        SpanValue::Number(value) => attribute(key, any_value::Value::IntValue(value)),
    });
    proto::Span {
        trace_id: span.context.trace.to_vec(),
        span_id: span.context.span.to_vec(),
        parent_span_id: span.parent.map(Vec::from).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name.to_owned(),
        kind: match span.kind {
            SpanKind::Server => span::SpanKind::Server,
            SpanKind::Client => span::SpanKind::Client,
        } as i32,
        start_time_unix_nano: span.began,
        end_time_unix_nano: span.ended,
        attributes: attributes.collect(),
        links: Vec::from_iter(span.link.map(|link| span::Link {
            trace_id: link.trace.to_vec(),
            span_id: link.span.to_vec(),
            ..span::Link::default()
        })),
        status: span
            .is_error
            .then(|| proto::Status { code: proto::status::StatusCode::Error as i32, ..proto::Status::default() }),
        ..proto::Span::default()
    }
}

fn text(key: &'static str, value: String) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value))
}

fn attribute(key: &'static str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

//! Spans of traces: what is recorded of a request for those who look at it across programs.
//!
//! Whoever records hands spans over and never waits. A collector that is slow or gone costs spans, which are counted, and
//! nothing else.

mod context;

pub use context::TraceContext;

use super::metrics::Metrics;
use super::words::SpanResult;
use crate::model::Share;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The most spans that wait to be sent: some ten seconds of a thousand recorded requests a second, and at most about 16 MiB.
const MOST_WAITING: usize = 8192;

/// The longest text of a span, in bytes. Clients write some of them.
const LONGEST_TEXT: usize = 1024;

/// Whose work a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A request that this edge answered.
    Server,
    /// One try of it, on a server or another edge.
    Client,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanValue {
    /// A text, cut to 1 KiB.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// What is recorded of one piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its own name.
    pub context: TraceContext,
    /// The span in the same trace that it is a part of.
    pub parent: Option<[u8; 8]>,
    /// A span in another trace that led to it.
    pub link: Option<TraceContext>,
    /// Whose work it is.
    pub kind: SpanKind,
    /// What it is called; one of few.
    pub name: &'static str,
    /// When it began, in nanoseconds of Unix time.
    pub began: u64,
    /// When it ended, in the same.
    pub ended: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// Whether it failed.
    pub is_error: bool,
}

impl Span {
    /// Adds a text, or what of it is not too long.
    pub fn text(&mut self, key: &'static str, text: impl Into<String>) {
        let mut text = text.into();
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        self.attributes.push((key, SpanValue::Text(text)));
    }

    /// Adds a number.
    pub fn number(&mut self, key: &'static str, number: impl Into<i64>) {
        self.attributes.push((key, SpanValue::Number(number.into())));
    }
}

/// Decides what is recorded, and takes it.
pub struct Tracer {
    sample: Share,
    waiting: mpsc::Sender<Span>,
    metrics: Arc<Metrics>,
}

/// The spans that wait to be sent.
pub type Spans = mpsc::Receiver<Span>;

impl Tracer {
    /// Records this part of the traces that begin here. The other end is for whoever sends the spans.
    #[must_use]
    pub fn new(sample: Share, metrics: Arc<Metrics>) -> (Self, Spans) {
        let (waiting, spans) = mpsc::channel(MOST_WAITING);
        (Self { sample, waiting, metrics }, spans)
    }

    /// The span of a request: a part of the trace of `parent`, recorded if that is, or the first of a new trace.
    #[must_use]
    pub fn begin(&self, parent: Option<&TraceContext>, random: [u64; 4]) -> TraceContext {
        let [trace_high, trace_low, span, dice] = random;
        let trace = u128::from(trace_high) << 64 | u128::from(trace_low);
        TraceContext {
            trace: parent.map_or(trace.max(1).to_be_bytes(), |parent| parent.trace),
            span: span.max(1).to_be_bytes(),
            is_sampled: parent.map_or_else(|| is_in(self.sample, dice), |parent| parent.is_sampled),
        }
    }

    /// Hands a span over to be sent. Never waits: where too many wait, it is dropped and counted.
    pub fn record(&self, span: Span) {
        if self.waiting.try_send(span).is_err() {
            self.metrics.spans(SpanResult::Dropped, 1);
        }
    }
}

/// Whether this throw of the dice is in the share.
fn is_in(share: Share, dice: u64) -> bool {
    share > Share::NONE && dice <= (share.ratio() * u64::MAX as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn tracer(sample: f64) -> (Tracer, Spans, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new("1.2.3", Timestamp::UNIX_EPOCH).unwrap());
        let (tracer, spans) = Tracer::new(Share::from_ratio(sample).unwrap(), Arc::clone(&metrics));
        (tracer, spans, metrics)
    }

    #[test]
    fn a_part_of_new_traces_is_recorded_and_parents_decide_for_theirs() {
        for (sample, dice, is_sampled) in
            [(0.0, 0, false), (1.0, u64::MAX, true), (0.25, u64::MAX / 5, true), (0.25, u64::MAX / 3, false)]
        {
            let (tracer, _spans, _) = tracer(sample);
            let begun = tracer.begin(None, [1, 2, 3, dice]);
            assert_eq!(begun.is_sampled, is_sampled, "{sample} {dice}");
            assert_eq!(begun.to_string()[..52], *"00-00000000000000010000000000000002-0000000000000003");
            let parent = TraceContext { trace: [7; 16], span: [8; 8], is_sampled: !is_sampled };
            let begun = tracer.begin(Some(&parent), [0, 0, 0, dice]);
            assert_eq!((begun.trace, begun.is_sampled), ([7; 16], !is_sampled));
            assert_ne!(begun.span, [0; 8]);
        }
    }

    #[test]
    fn what_nobody_sends_is_dropped_and_counted() {
        let (tracer, spans, metrics) = tracer(1.0);
        let mut span = Span {
            context: tracer.begin(None, [1, 2, 3, 4]),
            parent: None,
            link: None,
            kind: SpanKind::Server,
            name: "GET",
            began: 1,
            ended: 2,
            attributes: Vec::new(),
            is_error: false,
        };
        span.text("url.path", "é".repeat(5000));
        assert!(matches!(&span.attributes[0].1, SpanValue::Text(text) if text.len() == LONGEST_TEXT));
        for _ in 0..MOST_WAITING + 3 {
            tracer.record(span.clone());
        }
        assert!(metrics.render().contains("homeward_spans_total{result=\"dropped\"} 3\n"));
        drop(spans);
        tracer.record(span);
        assert!(metrics.render().contains("homeward_spans_total{result=\"dropped\"} 4\n"));
    }
}

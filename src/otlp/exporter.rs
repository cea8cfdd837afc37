//! Sends spans in batches, in the background.

use super::encode::encode;
use super::post::{CannotExport, Endpoint, NotTaken};
use crate::config::{Problems, Tracing};
use crate::live::clock;
use crate::model::RegionName;
use crate::telemetry::{Metrics, Occasionally, Span, SpanResult, Spans};
use bytes::Bytes;
use http::HeaderValue;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

/// The most spans of one batch.
const LARGEST_BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what is left may take when the edge stops.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// Between the tries of a batch; there is one more try than there are pauses.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Reads the token for the collector, each time anew; `None` where it wants none.
pub type ReadToken = Box<dyn Fn() -> Result<Option<Zeroizing<Vec<u8>>>, Problems> + Send + Sync>;

/// Sends spans to a collector.
pub struct Exporter {
    endpoint: Endpoint,
    shown: String,
    region: RegionName,
    spans: Spans,
    read_token: ReadToken,
    token: Option<HeaderValue>,
    metrics: Arc<Metrics>,
}

impl Exporter {
    /// Sends `spans` of the edge in `region` to where `tracing` says.
    ///
    /// # Errors
    /// Where that is nowhere, or nobody's certificate could be verified.
    pub fn new(
        tracing: &Tracing,
        region: RegionName,
        spans: Spans,
        read_token: ReadToken,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CannotExport> {
        let endpoint = Endpoint::new(&tracing.endpoint)?;
        Ok(Self { endpoint, shown: tracing.endpoint.clone(), region, spans, read_token, token: None, metrics })
    }

    /// Sends what comes until `stopped`, and then what is left.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        loop {
            let has_ended = tokio::select! {
                _ = stopped.wait_for(|is_stopped| *is_stopped) => true,
                () = gather(&mut self.spans, &mut batch) => false,
            };
            if has_ended {
                break;
            }
            let sent = std::mem::take(&mut batch);
            let count = sent.len();
            let is_sent = {
                let mut sending = pin!(self.send(sent));
                let has_ended = tokio::select! {
                    _ = stopped.wait_for(|is_stopped| *is_stopped) => true,
                    () = &mut sending => false,
                };
                // What is on its way gets the time that the last ones get.
                if has_ended { Some(timeout(LAST_PATIENCE, sending).await.is_ok()) } else { None }
            };
            match is_sent {
                None => {}
                Some(true) => break,
                Some(false) => {
                    self.metrics.spans(SpanResult::Failed, count);
                    break;
                }
            }
        }
        self.spans.close();
        while let Ok(span) = self.spans.try_recv() {
            batch.push(span);
        }
        while !batch.is_empty() {
            let rest = batch.split_off(batch.len().min(LARGEST_BATCH));
            let count = batch.len();
            let body = Bytes::from(encode(std::mem::replace(&mut batch, rest), self.region.as_str()));
            let sent = timeout(LAST_PATIENCE, self.endpoint.post(body, self.token.as_ref())).await;
            let is_sent = matches!(sent, Ok(Ok(())));
            self.metrics.spans(if is_sent { SpanResult::Exported } else { SpanResult::Failed }, count);
            if !is_sent {
                self.metrics.spans(SpanResult::Failed, batch.len());
                return;
            }
        }
    }

    /// Sends one batch, and again where the collector may take it later.
    async fn send(&mut self, batch: Vec<Span>) {
        let count = batch.len();
        self.renew_token();
        let body = Bytes::from(encode(batch, self.region.as_str()));
        let mut pauses = PAUSES.into_iter();
        let problem = loop {
            let tried = timeout(PATIENCE, self.endpoint.post(body.clone(), self.token.as_ref())).await;
            let problem = match tried.unwrap_or(Err(NotTaken::TooSlow)) {
                Ok(()) => return self.metrics.spans(SpanResult::Exported, count),
                Err(problem) => problem,
            };
            match pauses.next() {
                Some(pause) if problem.may_pass() => sleep(pause).await,
                _ => break problem,
            }
        };
        self.metrics.spans(SpanResult::Failed, count);
        static WARNED: Occasionally = Occasionally::once_in(Duration::from_mins(1));
        if let Some(more) = WARNED.at(clock::now()) {
            tracing::warn!(
                "the collector at {} does not take spans: {problem} ({more} batches more since the last warning); requests \
                 are served as always, their spans are lost",
                self.shown
            );
        }
    }

    /// Reads the token; where that fails, the last one stays.
    fn renew_token(&mut self) {
        static WARNED: Occasionally = Occasionally::once_in(Duration::from_mins(1));
        match (self.read_token)() {
            Ok(token) => self.token = token.and_then(|token| bearer(&token)),
            Err(problems) => {
                if WARNED.at(clock::now()).is_some() {
                    tracing::warn!("the token for the collector cannot be read:\n{}", problems.render(false));
                }
            }
        }
    }
}

/// Waits for a span, and then a moment for others.
async fn gather(spans: &mut Spans, batch: &mut Vec<Span>) {
    if batch.is_empty() && spans.recv_many(batch, LARGEST_BATCH).await == 0 {
        // Nobody records any more: the edge is about to stop.
        return std::future::pending().await;
    }
    let more = async {
        while batch.len() < LARGEST_BATCH {
            let room = LARGEST_BATCH - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                break;
            }
        }
    };
    let _ = timeout(GATHERING, more).await;
}

fn bearer(token: &[u8]) -> Option<HeaderValue> {
    let whole = Zeroizing::new([b"Bearer ", token.trim_ascii()].concat());
    let mut value = HeaderValue::from_bytes(&whole).ok()?;
    value.set_sensitive(true);
    Some(value)
}

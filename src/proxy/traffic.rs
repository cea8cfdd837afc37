//! What of a request is counted as its region's traffic, and when it is a stream.

use super::context::{Decided, RequestContext};
use super::fields::Fields;
use super::grpc;
use super::head::Head;
use crate::live::{LONG_STREAM, OpenStream, RegionTraffic, StreamKind, clock};
use crate::model::{GrpcStatus, RegionId};
use crate::routing::{Arrived, SessionState};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use pingora::{Error, ErrorSource, ErrorType};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The type of streams of events, as far as it is looked at.
const EVENTS: &[u8] = b"text/event-stream";

/// Why a stream ends before its app has ended it.
const ENDS: ErrorType = ErrorType::Custom("StreamEnds");

impl Decided {
    /// The traffic of the region that a request was sent to; `None` where it was sent nowhere.
    fn traffic(&self, sent_to: Option<RegionId>) -> Option<&Arc<RegionTraffic>> {
        self.live.traffic(sent_to?)
    }

    /// Counts the request as one that `region` gets.
    fn count(&self, region: RegionId, client: IpAddr, second: u64) {
        self.live.count_demand(&self.decision, client, region, second);
        let state = self.session();
        if let Some(traffic) = self.live.traffic(region) {
            traffic.sent(state != SessionState::New, state == SessionState::Flopped, second);
        }
        let arrived = match self.decision.arrived {
            Arrived::Here | Arrived::InCircle => Some(self.live.local),
            Arrived::ByHop(from) => from,
        };
        if let (Some(arrived), true) = (arrived, state != SessionState::New) {
            self.live.flop_matrix.record(arrived, self.decision.home, second);
        }
    }
}

impl RequestContext {
    /// The region that it was sent to.
    fn sent_to(&self) -> Option<RegionId> {
        self.attempts.region.filter(|_| self.attempts.count > 0)
    }

    /// Takes in that the answer begins with `head`.
    pub(super) fn answer_begins(&mut self, request: &dyn Head, (status, answer): (StatusCode, &impl Fields)) {
        let second = clock::second();
        let (Some(decided), Some(region)) = (&self.decided, self.sent_to()) else { return };
        decided.count(region, self.client, second);
        self.is_counted = true;
        if let Some(traffic) = decided.traffic(Some(region)) {
            let attempts = &self.attempts;
            let at = attempts.began.zip(attempts.first_byte).map(|(began, first_byte)| began + first_byte);
            traffic.answered(at.unwrap_or_else(clock::monotonic).duration_since(self.began), second);
        }
        let is_stream = status == StatusCode::SWITCHING_PROTOCOLS || answer.first(&CONTENT_TYPE).is_some_and(is_events);
        if is_stream {
            self.open_stream(StreamKind::Certain);
        } else if grpc::is_call(request) {
            self.open_stream(StreamKind::IfLong);
        }
    }

    /// Takes in that a body runs. `Err` where the request is to end.
    ///
    /// # Errors
    /// Where its stream was told to end.
    pub(super) fn body_runs(&mut self) -> pingora::Result<()> {
        match &self.stream {
            Some(open) if open.stream().is_to_end() => Error::e_explain(ENDS, "the region is drained"),
            Some(_) => Ok(()),
            None => {
                if clock::monotonic().duration_since(self.began) >= Duration::from_secs(LONG_STREAM) {
                    self.open_stream(StreamKind::Certain);
                }
                Ok(())
            }
        }
    }

    /// Whether its stream was told to end.
    pub(super) fn stream_ends(&self) -> bool {
        self.stream.as_ref().is_some_and(|open| open.stream().is_to_end())
    }

    /// Counts the end of the request, with its `status` and what went wrong.
    pub(super) fn count_end(&self, status: u16, error: Option<&Error>) {
        let Some(decided) = &self.decided else { return };
        let second = clock::second();
        let Some(region) = self.sent_to() else {
            if decided.decision.region().is_none() {
                decided.live.unserved.record(second);
            }
            return;
        };
        if !self.is_counted {
            decided.count(region, self.client, second);
        }
        let broke_off = error.is_some_and(|error| error.esource() == &ErrorSource::Upstream);
        let has_failed = status >= 500
            || self.attempts.is_declared_failure()
            || self.grpc_status.is_some_and(GrpcStatus::is_server_error)
            || (broke_off && self.refusal.is_none_or(|refusal| refusal.status() >= 500));
        if let (Some(traffic), true) = (decided.traffic(Some(region)), has_failed) {
            traffic.failed(second);
        }
    }

    fn open_stream(&mut self, kind: StreamKind) {
        let Some(traffic) = self.decided.as_ref().and_then(|decided| decided.traffic(self.sent_to())) else { return };
        let age = clock::monotonic().duration_since(self.began).as_secs();
        let open: OpenStream = traffic.open_stream(kind, clock::second().saturating_sub(age));
        if let Some(connection) = self.connection.as_ref().filter(|_| self.has_connection) {
            connection.carries(Some(Arc::clone(open.stream())));
        }
        self.stream = Some(open);
    }
}

fn is_events(content_type: &[u8]) -> bool {
    let kind = content_type.split(|b| *b == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(EVENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_events_is_known_by_its_type() {
        for (value, is) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream-of-mine", false),
            ("text/html", false),
            ("", false),
        ] {
            assert_eq!(is_events(value.as_bytes()), is, "{value}");
        }
    }
}

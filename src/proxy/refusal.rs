//! The answers that the edge gives by itself, where no app server gives one.

use crate::telemetry::ReplayResult;
use std::fmt;

/// Why the edge answers a request itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request breaks a rule of HTTP; which one.
    BadRequest(&'static str),
    /// The method is one that never goes through an edge.
    Method,
    /// The method is none by which the service may be asked.
    MethodOfService,
    /// The service may not be asked from there.
    Denied,
    /// The service was asked too often.
    TooManyRequests { retry_after: u32 },
    /// The head has more bytes or more lines than the edge takes.
    HeadTooLarge,
    /// The body is larger than the service takes.
    BodyTooLarge,
    /// The body comes too slowly.
    BodyTooSlow,
    /// No service answers to host and path.
    NoService,
    /// The session's home is away, and its service says that it waits.
    SessionWaits { retry_after: u32 },
    /// No region can serve.
    NoRegion { retry_after: u32 },
    /// All places of the pool are taken.
    Overloaded { retry_after: u32 },
    /// The pool gives no answers, and is asked by a few requests only to see whether it does again.
    BreakerOpen { retry_after: u32 },
    /// The request has passed this fleet's edges too often.
    Circle,
    /// The app asked for a replay that cannot be.
    Replay(ReplayProblem),
    /// A server was chosen and failed.
    Upstream(UpstreamFailure),
    /// The edge itself failed.
    Internal,
}

/// Why a request cannot be replayed where its app says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplayProblem {
    /// The app's header is none that says where to.
    Unreadable,
    /// The table has no such region.
    UnknownRegion,
    /// It is the region that was asking.
    SameRegion,
    /// The region does not serve.
    RegionIsAway,
    /// More of the body has passed than is held.
    BodyNotHeld,
    /// It was replayed once.
    AlreadyReplayed,
}

impl ReplayProblem {
    /// The word in metrics.
    pub(super) fn result(self) -> ReplayResult {
        match self {
            Self::Unreadable => ReplayResult::Unreadable,
            Self::UnknownRegion => ReplayResult::UnknownRegion,
            Self::SameRegion => ReplayResult::SameRegion,
            Self::RegionIsAway => ReplayResult::RegionIsAway,
            Self::BodyNotHeld => ReplayResult::BodyNotHeld,
            Self::AlreadyReplayed => ReplayResult::AlreadyReplayed,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Unreadable => "The service asked for this request to be sent elsewhere, in words that say nothing.",
            Self::UnknownRegion => "The service asked for this request to be sent to a region that does not exist.",
            Self::SameRegion => "The service asked for this request to be sent to where it already was.",
            Self::RegionIsAway => {
                "The place that this request belongs to cannot be reached just now. Please try again in a moment."
            }
            Self::BodyNotHeld => "What was sent is too large to be sent on to the place that it belongs to.",
            Self::AlreadyReplayed => "The service asked twice for this request to be sent elsewhere.",
        }
    }
}

/// What went wrong with the server that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpstreamFailure {
    /// It refused the connection.
    ConnectionRefused,
    /// It did not take the connection in time.
    ConnectionTimeout,
    /// TLS with it failed.
    Tls,
    /// Its certificate is not believed.
    Certificate,
    /// It ended the connection before it had answered.
    Terminated,
    /// It did not answer in time.
    ResponseTimeout,
    /// What it said is not HTTP.
    Protocol,
}

impl UpstreamFailure {
    /// The word in metrics, and RFC 9209's type of error.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTimeout => "connection_timeout",
            Self::Tls => "tls_protocol_error",
            Self::Certificate => "tls_certificate_error",
            Self::Terminated => "connection_terminated",
            Self::ResponseTimeout => "http_response_timeout",
            Self::Protocol => "http_protocol_error",
        }
    }
}

impl Refusal {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Method | Self::MethodOfService => 405,
            Self::Denied => 403,
            Self::TooManyRequests { .. } => 429,
            Self::HeadTooLarge => 431,
            Self::BodyTooLarge => 413,
            Self::BodyTooSlow => 408,
            Self::NoService => 404,
            Self::SessionWaits { .. }
            | Self::NoRegion { .. }
            | Self::Overloaded { .. }
            | Self::BreakerOpen { .. }
            | Self::Replay(ReplayProblem::RegionIsAway) => 503,
            Self::Circle => 508,
            Self::Replay(_) => 502,
            Self::Upstream(UpstreamFailure::ConnectionTimeout | UpstreamFailure::ResponseTimeout) => 504,
            Self::Upstream(_) => 502,
            Self::Internal => 500,
        }
    }

    /// When to try again, in seconds, where waiting helps.
    pub(super) fn retry_after(self) -> Option<u32> {
        match self {
            Self::SessionWaits { retry_after }
            | Self::NoRegion { retry_after }
            | Self::Overloaded { retry_after }
            | Self::BreakerOpen { retry_after }
            | Self::TooManyRequests { retry_after } => Some(retry_after),
            Self::Replay(ReplayProblem::RegionIsAway) => Some(5),
            Self::Upstream(UpstreamFailure::ConnectionRefused | UpstreamFailure::ConnectionTimeout) => Some(1),
            _ => None,
        }
    }

    /// The type of error of RFC 9209, 2.3.
    pub(super) fn proxy_error(self) -> &'static str {
        match self {
            Self::BadRequest(_)
            | Self::Method
            | Self::MethodOfService
            | Self::HeadTooLarge
            | Self::BodyTooLarge
            | Self::BodyTooSlow => "http_request_error",
            Self::Denied | Self::TooManyRequests { .. } => "http_request_denied",
            Self::NoService => "destination_not_found",
            Self::SessionWaits { .. }
            | Self::NoRegion { .. }
            | Self::BreakerOpen { .. }
            | Self::Replay(ReplayProblem::RegionIsAway) => "destination_unavailable",
            Self::Overloaded { .. } => "connection_limit_reached",
            Self::Circle => "proxy_loop_detected",
            Self::Replay(_) => "http_protocol_error",
            Self::Upstream(failure) => failure.as_str(),
            Self::Internal => "proxy_internal_error",
        }
    }

    /// Whether the connection to the client can be used on: not where its next bytes may belong to this request.
    pub(super) fn keeps_connection(self) -> bool {
        matches!(
            self,
            Self::NoService
                | Self::SessionWaits { .. }
                | Self::NoRegion { .. }
                | Self::Overloaded { .. }
                | Self::BreakerOpen { .. }
                | Self::MethodOfService
                | Self::Denied
                | Self::TooManyRequests { .. }
        )
    }

    fn title(self) -> &'static str {
        match self {
            Self::BadRequest(_) => "Bad request",
            Self::Method | Self::MethodOfService => "Method not allowed",
            Self::Denied => "Forbidden",
            Self::TooManyRequests { .. } => "Too many requests",
            Self::HeadTooLarge => "Request header fields too large",
            Self::BodyTooLarge => "Content too large",
            Self::BodyTooSlow => "Request timeout",
            Self::NoService => "Not found",
            Self::SessionWaits { .. } => "Back in a moment",
            Self::NoRegion { .. }
            | Self::Overloaded { .. }
            | Self::BreakerOpen { .. }
            | Self::Replay(ReplayProblem::RegionIsAway) => "Service unavailable",
            Self::Circle => "Loop detected",
            Self::Replay(_) => "Bad gateway",
            Self::Upstream(UpstreamFailure::ConnectionTimeout | UpstreamFailure::ResponseTimeout) => "Gateway timeout",
            Self::Upstream(_) => "Bad gateway",
            Self::Internal => "Internal error",
        }
    }

    /// What people are told.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::BadRequest(why) => why,
            Self::Method => "This method is not forwarded.",
            Self::MethodOfService => "This service does not take this method.",
            Self::Denied => "This service may not be used from your network.",
            Self::TooManyRequests { .. } => {
                "That was more than this service takes in so short a time. Please try again in a moment."
            }
            Self::HeadTooLarge => "The request's header fields are larger than this server takes.",
            Self::BodyTooLarge => "The request's body is larger than this service takes.",
            Self::BodyTooSlow => "The request's body came too slowly.",
            Self::NoService => "No service answers to this address.",
            Self::SessionWaits { .. } => {
                "The place that keeps your session cannot be reached just now. Your login is safe and will be back; \
                 please try again in a moment."
            }
            Self::Circle => "This request goes round in circles between servers.",
            Self::Replay(problem) => problem.detail(),
            Self::Overloaded { .. } => {
                "The service has more requests just now than it can answer. Please try again in a moment."
            }
            Self::NoRegion { .. } | Self::BreakerOpen { .. } => {
                "The service cannot be reached just now. Please try again in a moment."
            }
            Self::Upstream(UpstreamFailure::ConnectionTimeout | UpstreamFailure::ResponseTimeout) => {
                "The service did not answer in time. Please try again."
            }
            Self::Upstream(_) => "The service could not answer. Please try again.",
            Self::Internal => "Something went wrong on the way to the service. Please try again.",
        }
    }

    /// The body for a client whose `Accept` header is `accept`: JSON where it asks for JSON before HTML.
    ///
    /// `request_id` must be one that [`super::request_id`] let through: it goes in as it is.
    pub(super) fn body(self, accept: &[u8], request_id: &str) -> (&'static str, String) {
        let status = self.status();
        let (title, detail) = (self.title(), self.detail());
        if wants_json(accept) {
            let error = self.proxy_error();
            let text = format!(
                "{{\"status\":{status},\"error\":\"{error}\",\"title\":\"{title}\",\"detail\":\"{detail}\",\
                 \"request_id\":\"{request_id}\"}}\n"
            );
            return ("application/json", text);
        }
        let text = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
             <title>{title}</title><style>body{{font:1.1rem/1.5 system-ui;max-width:34rem;margin:15vh auto;\
             padding:0 1rem}}small{{opacity:.6}}</style><h1>{title}</h1><p>{detail}</p>\
             <p><small>{status} · {request_id}</small></p></html>\n"
        );
        ("text/html; charset=utf-8", text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.proxy_error(), self.detail())
    }
}

/// Whether `accept` names JSON, and HTML (or anything) not before it. Weights are not read: no client that a person uses
/// prefers JSON by weight alone.
fn wants_json(accept: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&accept[..accept.len().min(1024)]).to_ascii_lowercase();
    for range in text.split(',') {
        let range = range.split(';').next().unwrap_or_default().trim();
        if range == "application/json" || range.ends_with("+json") {
            return true;
        }
        if range == "text/html" || range == "text/*" {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Refusal; 25] = [
        Refusal::BadRequest("Why."),
        Refusal::Method,
        Refusal::MethodOfService,
        Refusal::Denied,
        Refusal::TooManyRequests { retry_after: 1 },
        Refusal::HeadTooLarge,
        Refusal::BodyTooLarge,
        Refusal::BodyTooSlow,
        Refusal::NoService,
        Refusal::SessionWaits { retry_after: 60 },
        Refusal::NoRegion { retry_after: 5 },
        Refusal::Overloaded { retry_after: 1 },
        Refusal::BreakerOpen { retry_after: 5 },
        Refusal::Circle,
        Refusal::Replay(ReplayProblem::RegionIsAway),
        Refusal::Replay(ReplayProblem::BodyNotHeld),
        Refusal::Replay(ReplayProblem::AlreadyReplayed),
        Refusal::Upstream(UpstreamFailure::ConnectionRefused),
        Refusal::Upstream(UpstreamFailure::ConnectionTimeout),
        Refusal::Upstream(UpstreamFailure::Tls),
        Refusal::Upstream(UpstreamFailure::Certificate),
        Refusal::Upstream(UpstreamFailure::Terminated),
        Refusal::Upstream(UpstreamFailure::ResponseTimeout),
        Refusal::Upstream(UpstreamFailure::Protocol),
        Refusal::Internal,
    ];

    #[test]
    fn accept_picks_the_form() {
        assert!(wants_json(b"application/json"));
        assert!(wants_json(b"application/problem+json; q=0.9, text/html"));
        assert!(!wants_json(b"text/html,application/json"));
        assert!(!wants_json(b"*/*"));
        assert!(!wants_json(b"\xff\xfe"));
    }

    #[test]
    fn every_answer_is_whole() {
        for refusal in ALL {
            let (kind, json) = refusal.body(b"application/json", "abc");
            assert_eq!(kind, "application/json");
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["status"], refusal.status());
            assert_eq!(value["request_id"], "abc");
            let (_, html) = refusal.body(b"text/html", "abc");
            assert!(html.contains(refusal.title()) && html.contains(refusal.detail()) && html.contains("abc"));
            assert!((400..600).contains(&refusal.status()));
            assert!(refusal.status() != 503 || refusal.retry_after().is_some(), "{refusal}");
        }
    }
}

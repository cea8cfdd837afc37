//! What the end of an attempt says of the server that had it.

use super::Proxy;
use super::context::{Attempts, RequestContext};
use super::fields::Fields;
use super::headers::{HOMEWARD_OUTCOME, OUTCOME_FAILED};
use crate::model::GrpcStatus;
use crate::resilience::Seen;
use crate::routing::Way;
use crate::telemetry::UpstreamResult;

/// What an app or an edge has answered to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answered {
    /// Its status.
    pub status: u16,
    /// Whether it calls itself a failure, whatever its status.
    pub is_declared_failure: bool,
}

impl Proxy {
    /// Takes in what the end of the attempt says of its server. Of another edge it says nothing: what was answered behind it
    /// is not its own.
    pub(super) fn judge_server(&self, context: &RequestContext, result: UpstreamResult) {
        let attempts = &context.attempts;
        let (Some(Way::Local | Way::Pool), Some(active)) = (attempts.way, &attempts.server) else { return };
        let is_grpc_error = context.grpc_status.is_some_and(GrpcStatus::is_server_error);
        if let Some(seen) = seen(result, attempts.answered, attempts.is_reused, is_grpc_error)
            && let Some(transition) = self.edge.fleet().ended(active.server(), seen)
        {
            self.edge.tell(&transition);
        }
    }
}

impl Attempts {
    /// Whether the last answer calls itself a failure.
    pub(super) fn is_declared_failure(&self) -> bool {
        self.answered.is_some_and(|answered| answered.is_declared_failure)
    }
}

/// Whether an answer calls itself a failure. Every other value of the header says nothing.
pub(super) fn declares_failure(answer: &impl Fields) -> bool {
    answer.lines(&HOMEWARD_OUTCOME).iter().any(|value| value.trim_ascii() == OUTCOME_FAILED.as_bytes())
}

/// What an attempt says of its server; `None` where that is nothing.
fn seen(result: UpstreamResult, answered: Option<Answered>, is_reused: bool, is_grpc_error: bool) -> Option<Seen> {
    let by_answer = |answered: Answered| match answered {
        Answered { is_declared_failure: true, .. } | Answered { status: 502..=504, .. } => Seen::Failure,
        Answered { status: 500.., .. } => Seen::Error,
        _ if is_grpc_error => Seen::Error,
        _ => Seen::Good,
    };
    match result {
        UpstreamResult::Answered | UpstreamResult::ServerError | UpstreamResult::DeclaredFailed => {
            answered.map(by_answer)
        }
        // It had answered before its client went.
        UpstreamResult::ClientLeft => answered.map(by_answer).filter(|seen| *seen != Seen::Good),
        // A server may close a connection that lies idle, in the very moment in which a request is sent.
        UpstreamResult::Closed if is_reused && answered.is_none() => None,
        UpstreamResult::Closed
        | UpstreamResult::ConnectFailed
        | UpstreamResult::ConnectTimedOut
        | UpstreamResult::TimedOut
        | UpstreamResult::Malformed => Some(Seen::Failure),
        UpstreamResult::Failed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora::http::ResponseHeader;

    #[test]
    fn what_an_attempt_says_of_its_server() {
        use UpstreamResult::*;
        let answer = |status| Some(super::Answered { status, is_declared_failure: false });
        let declared = |status| Some(super::Answered { status, is_declared_failure: true });
        for (result, answered, is_reused, grpc, says) in [
            (Answered, answer(200), false, false, Some(Seen::Good)),
            (Answered, answer(404), true, false, Some(Seen::Good)),
            (Answered, answer(200), false, true, Some(Seen::Error)),
            (Answered, None, false, false, None), // an answer that was left behind
            (ServerError, answer(500), false, false, Some(Seen::Error)),
            (ServerError, answer(501), false, false, Some(Seen::Error)),
            (ServerError, answer(502), false, false, Some(Seen::Failure)),
            (ServerError, answer(503), false, false, Some(Seen::Failure)),
            (ServerError, answer(504), false, false, Some(Seen::Failure)),
            (ServerError, answer(505), false, false, Some(Seen::Error)),
            (DeclaredFailed, declared(200), false, false, Some(Seen::Failure)),
            (DeclaredFailed, declared(500), true, false, Some(Seen::Failure)),
            (ConnectFailed, None, false, false, Some(Seen::Failure)),
            (ConnectTimedOut, None, false, false, Some(Seen::Failure)),
            (TimedOut, None, true, false, Some(Seen::Failure)),
            (Malformed, None, false, false, Some(Seen::Failure)),
            (Closed, None, false, false, Some(Seen::Failure)),
            (Closed, None, true, false, None),
            (Closed, answer(200), true, false, Some(Seen::Failure)),
            (ClientLeft, None, false, false, None),
            (ClientLeft, answer(200), false, false, None),
            (ClientLeft, answer(503), false, false, Some(Seen::Failure)),
            (Failed, None, false, false, None),
        ] {
            assert_eq!(seen(result, answered, is_reused, grpc), says, "{result:?} {answered:?} {is_reused}");
        }
    }

    #[test]
    fn a_failure_is_declared_by_one_word() {
        for (values, declares) in [
            (&["failed"][..], true),
            (&[" failed "], true),
            (&["ok"], false),
            (&["FAILED"], false),
            (&["ok", "failed"], true),
            (&[], false),
        ] {
            let mut answer = ResponseHeader::build(200, None).unwrap();
            values.iter().for_each(|value| answer.add(&HOMEWARD_OUTCOME, value.as_bytes()).unwrap());
            assert_eq!(declares_failure(&answer), declares, "{values:?}");
        }
    }
}

//! The end of an attempt: what is counted and said of it, once, however it ended.

use super::Proxy;
use super::answer::failure_of;
use super::context::{Decided, RequestContext};
use super::record::upstream_result;
use super::refusal::{Refusal, UpstreamFailure};
use crate::model::GrpcStatus;
use crate::resilience::{Mishap, Observation};
use crate::telemetry::UpstreamResult;
use pingora::{Error, ErrorSource};

impl Proxy {
    /// Takes in how the attempt ended that is under way; nothing where none is. `error` is a word for traces.
    pub(super) fn end_attempt(
        &self,
        context: &mut RequestContext,
        result: UpstreamResult,
        error: Option<&'static str>,
    ) {
        if !std::mem::take(&mut context.attempts.is_under_way) {
            return;
        }
        context.end_try(error);
        self.judge_server(context, result);
        context.attempts.judged = None; // where nothing was heard yet, nothing is said
        context.attempts.goes_ahead = None; // the next request of its session goes ahead, where it was not answered
        let (Some(Decided { live, decision }), Some(region)) = (&context.decided, context.attempts.region) else {
            return;
        };
        live.meters.upstream(decision.service, region, result);
    }

    /// Takes in that no connection could be made to the server of the attempt.
    pub(super) fn end_without_connection(&self, context: &mut RequestContext, failure: UpstreamFailure) {
        context.hear_failure(failure);
        self.end_attempt(context, upstream_result(failure), Some(failure.as_str()));
        context.attempts.unreached = context.attempts.unreached.saturating_add(1);
        let Some(active) = context.attempts.server.take() else { return };
        let server = active.server();
        self.edge.observe(server, Observation::Unreachable);
        if failure == UpstreamFailure::ConnectionRefused {
            // Nothing listens there: that is as sure as several timeouts.
            self.edge.observe(server, Observation::Unreachable);
        }
        context.attempts.failed.push(server.address());
    }

    /// Takes in that the attempt broke off, and the request goes once more: to another server, unless it is no more than
    /// that a kept connection was at its end.
    pub(super) fn end_broken(&self, context: &mut RequestContext, error: &Error, mishap: Mishap) {
        let failure = failure_of(error);
        context.hear_failure(failure);
        self.end_attempt(context, upstream_result(failure), Some(failure.as_str()));
        let Some(active) = context.attempts.server.take() else { return };
        if !matches!(mishap, Mishap::Broken { is_reused: true } | Mishap::NotSent { is_reused: true }) {
            context.attempts.failed.push(active.server().address());
        }
    }

    /// Takes in that the server's answer is left behind for what it says, and the request goes to another one.
    pub(super) fn end_with_failure(&self, context: &mut RequestContext) {
        self.end_attempt(context, UpstreamResult::ServerError, None);
        if let Some(active) = context.attempts.server.take() {
            context.attempts.failed.push(active.server().address());
        }
    }
}

/// How the last attempt of a request ended that is over with `status`.
pub(super) fn last_result(context: &RequestContext, status: u16, error: Option<&Error>) -> UpstreamResult {
    match error {
        None if context.attempts.is_declared_failure() => UpstreamResult::DeclaredFailed,
        None if status >= 500 || context.grpc_status.is_some_and(GrpcStatus::is_server_error) => {
            UpstreamResult::ServerError
        }
        None => UpstreamResult::Answered,
        // It was the answer that asked for what cannot be.
        Some(_) if matches!(context.refusal, Some(Refusal::Replay(_))) => UpstreamResult::Answered,
        Some(_) if context.stream_ends() => UpstreamResult::Answered,
        Some(error) if error.esource() == &ErrorSource::Downstream => UpstreamResult::ClientLeft,
        Some(error) => upstream_result(failure_of(error)),
    }
}

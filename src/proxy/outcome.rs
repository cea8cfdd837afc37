//! How a request ended, for who watches tables: whether it failed by what this edge or the apps did. What a client can bring
//! about by itself counts nowhere, so that nobody outside can make a table look bad, or good.

use super::Proxy;
use super::context::{Decided, RequestContext};
use super::head::Head;
use super::refusal::Refusal;
use crate::live::LiveTable;
use crate::model::GrpcStatus;
use crate::routing::Away;

impl Proxy {
    /// Whether the table before `live` has a service for a request that `live` has none for, while `live` is on trial.
    pub(super) fn has_lost_service(live: &LiveTable, host: &str, path: &str) -> bool {
        let before = live.trial.as_ref().and_then(|trial| trial.before());
        before.is_some_and(|before| before.table.service_at(host, path).is_some())
    }

    /// Whether the table before `live` can read a session key of a request that `live` reads none of, while `live` is on trial.
    pub(super) fn has_lost_session(
        &self,
        live: &LiveTable,
        head: &dyn Head,
        host: &str,
        context: &RequestContext,
    ) -> bool {
        let Some(before) = live.trial.as_ref().and_then(|trial| trial.before()) else { return false };
        self.with_facts(&before, head, host, context, |facts| before.table.reads_session_key(facts))
    }
}

/// Whether a request that was answered with `status` failed; `None` where it says nothing of the table.
pub(super) fn failed(context: &RequestContext, status: u16) -> Option<bool> {
    if context.is_lost {
        return Some(true);
    }
    let decided = context.decided.as_ref()?;
    match context.refusal {
        None | Some(Refusal::Upstream(_) | Refusal::NoRegion { .. } | Refusal::Replay(_) | Refusal::Internal) => {}
        // Where its home is drained, that is what the operator wants of it.
        Some(Refusal::SessionWaits { .. }) if !waits_for_a_drain(decided) => {}
        Some(_) => return None,
    }
    match status {
        // The client left before there was an answer.
        0 => None,
        status => Some(
            status >= 500
                || context.attempts.is_declared_failure()
                || context.grpc_status.is_some_and(GrpcStatus::is_server_error),
        ),
    }
}

fn waits_for_a_drain(decided: &Decided) -> bool {
    matches!(decided.decision.home_is_away, Some(Away::Drained { .. }))
}

//! Whether a request goes once more, and what its connection is for that.

use super::context::{Decided, RequestContext};
use super::fields::Fields;
use super::head::Head;
use super::refusal::{Refusal, UpstreamFailure};
use super::route::is_open;
use super::{Proxy, deadline, grpc};
use crate::live::entropy;
use crate::model::Timestamp;
use crate::resilience::{Mishap, NoRetry, Observation, RetryBudget, RetryVerdict, Tried, back_off, is_worn, retry};
use crate::routing::Way;
use crate::telemetry::{RetryResult, Reused};
use http::{HeaderName, StatusCode};
use pingora::protocols::Digest;
use pingora::proxy::Session;
use pingora::{BError, Error, ErrorSource, ErrorType, RetryType};

/// How often a retry looks whether there is room for it, a back-off between each.
const LOOKS_AT_BUDGET: u32 = 8;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Proxy {
    /// Takes in the connection of a try: counts it, sees how old it is, and begins to wait for its server.
    pub(super) fn connected(&self, reused: bool, digest: Option<&Digest>, context: &mut RequestContext) {
        let established = digest.and_then(|digest| digest.timing_digest.first()?.as_ref()).map(|at| at.established_ts);
        self.took_connection(reused, established.and_then(|at| Timestamp::try_from(at).ok()), context);
        context.begin_to_wait(digest);
    }

    /// The same of a connection that was made at a time; `None` where that is not known.
    pub(super) fn took_connection(&self, reused: bool, since: Option<Timestamp>, context: &mut RequestContext) {
        context.attempts.is_reused = reused;
        context.attempts.is_worn = reused && is_old(since, context);
        if let (Some(Decided { live, decision }), Some(region)) = (&context.decided, context.attempts.region) {
            live.meters.connection(decision.service, region, if reused { Reused::Yes } else { Reused::No });
        }
        if let (false, Some(active)) = (reused, &context.attempts.server) {
            self.edge.observe(active.server(), Observation::Reached);
        }
    }

    /// Whether a request goes once more after this `mishap`. Then the next try is counted, and its wait is known.
    pub(super) fn goes_again(&self, session: &Session, mishap: Mishap, context: &mut RequestContext) -> bool {
        let is_held = !session.as_ref().retry_buffer_truncated();
        self.is_tried_again(session.req_header(), mishap, is_held, context)
    }

    /// Whether this answer is left behind for what it says, and the request goes to another server of the region.
    pub(super) fn is_tried_elsewhere(
        &self,
        request: &dyn Head,
        (status, answer): (StatusCode, &impl Fields),
        is_held: bool,
        context: &mut RequestContext,
    ) -> bool {
        let mishap = Mishap::Answered { status: status.as_u16(), grpc: grpc::status_in(answer) };
        // Where nobody else is left, it is the answer of this region: another one does not know the session.
        context.decided.as_ref().is_some_and(is_open) && self.is_tried_again(request, mishap, is_held, context)
    }

    /// The same of a request whose head is `request`.
    pub(super) fn is_tried_again(
        &self,
        request: &dyn Head,
        mishap: Mishap,
        is_held: bool,
        context: &mut RequestContext,
    ) -> bool {
        let (time_left, attempts) = (context.time_left(), &mut context.attempts);
        let (Some(decided), Some(region)) = (&context.decided, attempts.region) else { return false };
        let Decided { live, decision } = decided;
        let Some(service) = live.table.service(decision.service) else { return false };
        let rules = &service.resilience.retries;
        let tried = Tried {
            mishap,
            has_answered: attempts.has_answered,
            is_repeatable: is_repeatable(request),
            is_body_held: is_held,
            is_hop: attempts.way == Some(Way::Edge),
            // Where the region has just lost its last server, it is another region that would be tried.
            tries: if is_open(decided) { attempts.in_region } else { 0 },
            unreached: attempts.unreached,
            tries_in_all: attempts.count,
            time_left,
        };
        let after = match retry(rules, &tried, entropy::random_u64()) {
            RetryVerdict::Retry { after } => after,
            RetryVerdict::PassOn(NoRetry::NotNamed | NoRetry::IsAnotherEdges | NoRetry::HasAnswered) => return false,
            RetryVerdict::PassOn(_) => {
                live.meters.retry(decision.service, region, RetryResult::Refused);
                return false;
            }
        };
        attempts.budgeted_retry = None; // where the try that has failed was a retry, that is over
        let budget = live.retry_budget(decision.service, region);
        let granted = budget.and_then(|budget| RetryBudget::acquire(budget, rules.budget, rules.budget_floor));
        if granted.is_none() {
            match without_a_retry(mishap) {
                // A server that was not reached has had no work of it, so that trying another multiplies none: it counts where
                // there is room, and is made in any case.
                Instead::Nothing => {}
                // There is nothing better to be had for the client than the next try, which waits for room.
                Instead::Failure(failure) => attempts.awaits_budget = Some(failure),
                Instead::Answer => {
                    live.meters.retry(decision.service, region, RetryResult::BudgetExhausted);
                    return false;
                }
            }
        }
        attempts.budgeted_retry = granted;
        attempts.wait = after;
        attempts.retries = attempts.retries.saturating_add(1);
        true
    }

    /// Waits until the next try may begin: for its back-off, and then for room in the budget, so that the servers of a pool are
    /// asked no faster than it lets them be, and nobody fails for what a moment mends.
    ///
    /// # Errors
    /// Where there was no room for as long as one waits: what the try before failed by.
    pub(super) async fn wait_for_retry(&self, context: &mut RequestContext) -> Result<(), Refusal> {
        let wait = std::mem::take(&mut context.attempts.wait);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let Some(failure) = context.attempts.awaits_budget.take() else { return Ok(()) };
        for nth in 1..=LOOKS_AT_BUDGET {
            let (Some(decided), Some(region)) = (&context.decided, context.attempts.region) else { break };
            if !is_open(decided) {
                return Ok(()); // another region is asked, which has had no work of it
            }
            let Decided { live, decision } = decided;
            let (Some(service), Some(budget)) =
                (live.table.service(decision.service), live.retry_budget(decision.service, region))
            else {
                break;
            };
            let rules = &service.resilience.retries;
            if let Some(granted) = RetryBudget::acquire(budget, rules.budget, rules.budget_floor) {
                context.attempts.budgeted_retry = Some(granted);
                return Ok(());
            }
            let pause = back_off(rules.back_off, nth, entropy::random_u64());
            if context.time_left().is_some_and(|left| left <= pause) {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        context.attempts.retries = context.attempts.retries.saturating_sub(1); // it is not made
        if let (Some(Decided { live, decision }), Some(region)) = (&context.decided, context.attempts.region) {
            live.meters.retry(decision.service, region, RetryResult::BudgetExhausted);
        }
        Err(Refusal::Upstream(failure))
    }

    /// Takes in that a try ended by an error, and says in the error whether the request goes once more.
    pub(super) fn broke_off(
        &self,
        session: &Session,
        mut error: BError,
        reused: bool,
        context: &mut RequestContext,
    ) -> BError {
        let was_cut = context.is_too_late();
        if was_cut && error.esource() == &ErrorSource::Upstream {
            error = deadline::passed();
        }
        let mishap = mishap_of(&error, reused);
        let mishap = mishap.filter(|mishap| self.goes_again(session, *mishap, context));
        error.set_retry(mishap.is_some());
        if let Some(mishap) = mishap {
            self.end_broken(context, &error, mishap);
        }
        error
    }
}

/// Whether a request does the same where it is done twice (RFC 9110, 9.2.2), or says by which name its server knows that.
pub(super) fn is_repeatable(request: &dyn Head) -> bool {
    request.method().is_idempotent() || request.has(&IDEMPOTENCY_KEY)
}

/// What a client gets that is not tried again.
enum Instead {
    /// The answer that there is.
    Answer,
    /// That its try failed.
    Failure(UpstreamFailure),
    /// It is tried again in any case.
    Nothing,
}

fn without_a_retry(mishap: Mishap) -> Instead {
    match mishap {
        Mishap::NoConnection => Instead::Nothing,
        Mishap::Answered { .. } => Instead::Answer,
        Mishap::Silent => Instead::Failure(UpstreamFailure::ResponseTimeout),
        Mishap::Refused | Mishap::NotSent { .. } | Mishap::Broken { .. } => {
            Instead::Failure(UpstreamFailure::Terminated)
        }
    }
}

/// What happened to a try on a connection that was there; `None` where it is not its server that failed.
pub(super) fn mishap_of(error: &Error, is_reused: bool) -> Option<Mishap> {
    if error.esource() != &ErrorSource::Upstream {
        return None;
    }
    Some(match error.etype() {
        // The engine says so of streams that were refused, and of those that a server's GOAWAY leaves out.
        ErrorType::H2Error if matches!(error.retry, RetryType::Decided(true)) => Mishap::Refused,
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Mishap::Silent,
        // Where the whole head was not written, no server can have acted on it. In HTTP/2, no stream was opened then.
        ErrorType::WriteError if context_of(error).contains("request header") => Mishap::NotSent { is_reused },
        ErrorType::H2Error if context_of(error) == "while sending request" => Mishap::NotSent { is_reused },
        _ => Mishap::Broken { is_reused },
    })
}

fn context_of(error: &Error) -> &str {
    error.context.as_ref().map_or("", |context| context.as_str())
}

/// Whether the connection was used for as long as the service says.
fn is_old(since: Option<Timestamp>, context: &RequestContext) -> bool {
    let Some(since) = since else { return false };
    let service = context.decided.as_ref().and_then(|decided| decided.live.table.service(decided.decision.service));
    let Some(service) = service else { return false };
    // As the request came, which is soon enough. Where the machine's clock was set back, it is none.
    let age = context.time.duration_since(since).try_into().unwrap_or_default();
    let seed = u64::try_from(since.as_nanosecond()).unwrap_or_default();
    is_worn(age, service.timeouts.connection_age, seed)
}

//! Whether a request may go to the servers that it was decided for: a place among them, and what their breakers are told.

use super::Proxy;
use super::answer::failure_of;
use super::context::{Decided, RequestContext};
use super::refusal::{Refusal, UpstreamFailure};
use super::route::servers;
use crate::live::{Entered, Heard, PoolState, Waiter, clock, entropy};
use crate::resilience::Class;
use crate::routing::Way;
use crate::telemetry::Rejection;
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::sync::Arc;
use std::time::Duration;

/// How much later than the others a client is asked to come back at the most, in seconds: not all at one moment.
const SPREAD: u64 = 3;

impl Proxy {
    /// Takes a place in the pool that the request goes to, and waits for one where it may; keeps it where it has one there.
    /// Another edge counts its own.
    ///
    /// # Errors
    /// Where there is none; the context says what is answered then. Or where the client left in the meantime.
    pub(super) async fn take_place(&self, session: &mut Session, context: &mut RequestContext) -> Result<()> {
        for may_decide_anew in [true, false] {
            let Some(pool) = pool_of(context) else {
                context.place = None;
                return Ok(());
            };
            if context.place.as_ref().is_some_and(|place| place.is_at(pool.entrance())) {
                return Ok(());
            }
            context.place = None; // it was at another pool
            let (why, after) = match pool.entrance().enter(class_of(context), pool.healthy()) {
                Entered::In(place) => {
                    context.place = Some(place);
                    return Ok(());
                }
                Entered::Waits(waiter) => match wait(session, waiter, context).await? {
                    Ok(()) => return Ok(()),
                    Err(rejection) => rejection,
                },
                // It was open when that was decided; to a decision of now the region is away.
                Entered::No(Rejection::BreakerOpen, _) if may_decide_anew && context.attempts.count == 0 => {
                    match self.decide_anew(session.req_header(), context) {
                        Ok(()) => continue,
                        Err(refusal) => return refuse(context, refusal),
                    }
                }
                Entered::No(why, after) => (why, after),
            };
            let refusal = self.overloaded(context, why, after);
            return refuse(context, refusal);
        }
        Ok(())
    }

    /// Takes a place in the pool that the request goes to, where one is free. `false` where [`Self::take_place`] has more to say.
    pub(super) fn takes_free_place(context: &mut RequestContext) -> bool {
        let Some(pool) = pool_of(context) else { return true };
        match pool.entrance().enter(class_of(context), pool.healthy()) {
            Entered::In(place) => {
                context.place = Some(place);
                true
            }
            Entered::Waits(_) | Entered::No(..) => false,
        }
    }

    /// The answer where no server can be picked: each has as many as it may have, or there is none.
    pub(super) fn no_server(&self, context: &RequestContext) -> Refusal {
        match pool_of(context) {
            Some(pool) if pool.is_full() => self.overloaded(context, Rejection::Servers, Duration::from_secs(1)),
            _ => Refusal::NoRegion { retry_after: 1 },
        }
    }

    fn overloaded(&self, context: &RequestContext, why: Rejection, after: Duration) -> Refusal {
        if let Some(Decided { live, decision }) = &context.decided
            && let Some(region) = decision.region()
        {
            live.meters.rejected(decision.service, region, why);
        }
        let seconds = after.as_millis().div_ceil(1000).max(1) as u64 + entropy::random_u64() % SPREAD;
        let retry_after = u32::try_from(seconds).unwrap_or(u32::MAX);
        match why {
            Rejection::BreakerOpen => Refusal::BreakerOpen { retry_after },
            _ => Refusal::Overloaded { retry_after },
        }
    }
}

impl RequestContext {
    /// Tells the breakers, once for each attempt, what was heard of the server.
    pub(super) fn hear(&mut self, heard: Heard) {
        if let Some(judged) = self.attempts.judged.take() {
            let so_far = || self.attempts.began.map(|began| clock::monotonic().duration_since(began));
            let took = self.attempts.first_byte.or_else(so_far).unwrap_or_default();
            judged.heard(heard, took, self.place.as_mut());
        }
    }

    /// The same of the head of an answer.
    pub(super) fn hear_status(&mut self, status: u16) {
        self.hear(if matches!(status, 502..=504) { Heard::CannotServe } else { Heard::Answer });
    }

    /// The same of what went wrong. A kept connection that was closed before a byte of an answer says nothing.
    pub(super) fn hear_failure(&mut self, failure: UpstreamFailure) {
        match failure {
            UpstreamFailure::Terminated if self.attempts.is_reused => self.attempts.judged = None,
            UpstreamFailure::ConnectionTimeout | UpstreamFailure::ResponseTimeout => self.hear(Heard::NothingInTime),
            _ => self.hear(Heard::Nothing),
        }
    }

    /// The same of how the request ended, where nothing was heard yet.
    pub(super) fn hear_end(&mut self, error: Option<&Error>) {
        let of_server = matches!(self.refusal, None | Some(Refusal::Upstream(_))) && !self.stream_ends();
        match error.filter(|error| of_server && error.esource() != &ErrorSource::Downstream) {
            Some(error) => self.hear_failure(failure_of(error)),
            None => self.attempts.judged = None,
        }
    }
}

fn refuse(context: &mut RequestContext, refusal: Refusal) -> Result<()> {
    context.refusal = Some(refusal);
    Error::e_explain(ErrorType::HTTPStatus(refusal.status()), "no place to serve it")
}

/// Waits for a place: the request's then, or why there is none.
///
/// # Errors
/// Where the client leaves. One that has not sent all of its body yet is not watched: its next bytes are for the server.
async fn wait(
    session: &mut Session,
    waiter: Waiter,
    context: &mut RequestContext,
) -> Result<Result<(), (Rejection, Duration)>> {
    let placed = waiter.place();
    let placed = if session.is_http2() || session.as_mut().is_body_done() {
        tokio::select! {
            biased;
            placed = placed => placed,
            left = session.as_mut().read_body_or_idle(true) => {
                let error = left.err().unwrap_or_else(|| Error::new(ErrorType::ConnectionClosed));
                return Err(error.into_down());
            }
        }
    } else {
        placed.await
    };
    Ok(placed.map(|place| context.place = Some(place)))
}

/// The pool that the request goes to, where that is one of app servers.
fn pool_of(context: &RequestContext) -> Option<Arc<PoolState>> {
    let Decided { live, decision } = context.decided.as_ref()?;
    let (region, way) = decision.way().filter(|(_, way)| *way != Way::Edge)?;
    servers(live, decision.service, region, way).map(Arc::clone)
}

/// Who has something to lose goes first: a session that names its home, whatever edge it came by.
fn class_of(context: &RequestContext) -> Class {
    let is_session = context.decided.as_ref().is_some_and(|decided| decided.decision.key.home().is_some());
    if is_session { Class::Session } else { Class::Visitor }
}

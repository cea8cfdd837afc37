//! Whether a request may go to the service that it is for: from where it comes, how it asks, and how often.

use super::Proxy;
use super::context::{Decided, RequestContext};
use super::head::Head;
use super::refusal::Refusal;
use crate::live::clock;
use crate::model::{LimitKey, Method};
use http::header::ALLOW;
use pingora::Result;
use pingora::http::ResponseHeader;

impl Proxy {
    /// Whether the service may be asked from there, and in this way.
    ///
    /// # Errors
    /// The answer that the edge gives itself.
    pub(super) fn admit(&self, head: &dyn Head, decided: &Decided, context: &RequestContext) -> Result<(), Refusal> {
        let Decided { live, decision } = decided;
        live.table.check_access(decision.service, context.client).map_err(|_| Refusal::Denied)?;
        let service = live.table.service(decision.service);
        if service.is_some_and(|service| !service.takes_method(head.method().as_str())) {
            return Err(Refusal::MethodOfService);
        }
        Ok(())
    }

    /// Counts the request against the limit of its service. One that another edge has forwarded was counted there.
    ///
    /// # Errors
    /// Where it is one too many.
    pub(super) fn limit(&self, head: &dyn Head, context: &RequestContext) -> Result<(), Refusal> {
        let Some(Decided { live, decision }) = &context.decided else { return Ok(()) };
        let Some(limiter) = live.rate_limiter(decision.service).filter(|_| context.forwarded.is_none()) else {
            return Ok(());
        };
        let now = clock::elapsed();
        let taken = match &limiter.rule().key {
            LimitKey::Client => limiter.take(None, context.client, now),
            LimitKey::Session => self.with_facts(live, head, "", context, |facts| {
                let key = live.table.sessions(decision.service).and_then(|sessions| sessions.key_of(facts));
                limiter.take(key, context.client, now)
            }),
            LimitKey::Header(name) => {
                let value = head.named(name).first().copied();
                limiter.take(value.filter(|value| !value.is_empty()), context.client, now)
            }
        };
        taken.map_err(|retry_after| {
            let service = live.table.service_name(decision.service).map_or("other", |name| name.as_str());
            self.edge.metrics().rate_limited(service);
            Refusal::TooManyRequests { retry_after }
        })
    }
}

/// Says in the head of the answer to a refused request what would not have been refused.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn explain(head: &mut ResponseHeader, refusal: Refusal, context: &RequestContext) -> Result<()> {
    let service = context.decided.as_ref().and_then(|Decided { live, decision }| {
        let limiter = live.rate_limiter(decision.service);
        Some((live.table.service(decision.service)?, limiter))
    });
    match (refusal, service) {
        (Refusal::Method, _) => head.insert_header(ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        (Refusal::MethodOfService, Some((service, _))) => {
            head.insert_header(ALLOW, allowed(service.methods.as_deref().unwrap_or_default()))
        }
        (Refusal::TooManyRequests { retry_after }, Some((service, Some(limiter)))) => {
            // As draft-ietf-httpapi-ratelimit-headers-10 has them. The name of a service is one that a string can hold.
            let (name, burst, window) = (&service.name, limiter.rule().burst, limiter.window());
            head.insert_header("RateLimit-Policy", format!("\"{name}\";q={burst};w={window}"))?;
            head.insert_header("RateLimit", format!("\"{name}\";r=0;t={retry_after}"))
        }
        _ => Ok(()),
    }
}

fn allowed(methods: &[Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let (Some(get), false) = (names.iter().position(|name| *name == "GET"), names.contains(&"HEAD")) {
        names.insert(get + 1, "HEAD");
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_brings_head_with_it() {
        let all = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Method>>();
        assert_eq!(allowed(&all(&["POST", "GET", "PUT"])), "POST, GET, HEAD, PUT");
        assert_eq!(allowed(&all(&["HEAD", "GET"])), "HEAD, GET");
        assert_eq!(allowed(&all(&["PURGE"])), "PURGE");
    }
}

//! Services that are to be had by HTTPS alone.

use super::context::RequestContext;
use super::fields::Fields;
use super::head::Head;
use super::headers::{X_FORWARDED_PROTO, host};
use crate::model::Https;
use http::header::STRICT_TRANSPORT_SECURITY;

/// What the service of the request says of HTTPS.
fn https(context: &RequestContext) -> Option<Https> {
    let decided = context.decided.as_ref()?;
    Some(decided.live.table.service(decided.decision.service)?.https)
}

/// Whether the visitor's request came by TLS: to this edge or, as far as it is believed, to a proxy before it.
fn came_by_tls(head: &dyn Head, context: &RequestContext) -> bool {
    let by_proxy = || head.first(&X_FORWARDED_PROTO) == Some(b"https");
    context.connection.as_ref().is_some_and(|connection| connection.is_tls) || (context.is_trusted && by_proxy())
}

/// Where the request is sent instead, where it came without TLS to a service that wants it. Never for one that another edge
/// has forwarded: that is for the first edge to say.
pub(super) fn redirect(head: &dyn Head, context: &RequestContext) -> Option<String> {
    https(context).filter(|https| https.redirect && context.forwarded.is_none())?;
    if came_by_tls(head, context) {
        return None;
    }
    let (host, target) = (std::str::from_utf8(host(head)?).ok()?, head.path_and_query()?);
    Https::redirect_location(host, target)
}

/// Says to browsers that they are to come by TLS, where the service says so and the app has not.
///
/// # Errors
/// Where the value is no header value; by its type it is one.
pub(super) fn say_hsts(request: &dyn Head, answer: &mut impl Fields, context: &RequestContext) -> pingora::Result<()> {
    let hsts = https(context).and_then(|https| https.hsts).filter(|_| context.forwarded.is_none());
    match hsts {
        Some(hsts) if came_by_tls(request, context) && !answer.has(&STRICT_TRANSPORT_SECURITY) => {
            answer.set(&STRICT_TRANSPORT_SECURITY, hsts.header_value().as_bytes())
        }
        _ => Ok(()),
    }
}

//! gRPC: a call ends with a status of its own, in a header where nothing else is said, and else in a trailer.

use super::context::RequestContext;
use super::fields::Fields;
use super::head::Head;
use super::refusal::{Refusal, ReplayProblem};
use crate::model::{GrpcStatus, is_grpc};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::Result;
use pingora::http::ResponseHeader;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: &str = "grpc-message";

/// Whether a request is a gRPC call.
pub(super) fn is_call(head: &dyn Head) -> bool {
    head.first(&CONTENT_TYPE).is_some_and(is_grpc)
}

/// How a call ended, where the head of its answer says so: then there is nothing but trailers.
pub(super) fn status_in(fields: &impl Fields) -> Option<GrpcStatus> {
    fields.first(&GRPC_STATUS).map(GrpcStatus::parse)
}

/// Takes in the status of a call that is in the head of its answer, if it is.
pub(super) fn take_status(fields: &impl Fields, context: &mut RequestContext) {
    if let Some(status) = status_in(fields) {
        context.grpc_status = Some(status);
    }
}

/// The same of its trailers.
pub(super) fn take_trailers(trailers: &HeaderMap, context: &mut RequestContext) {
    if let Some(status) = trailers.get(GRPC_STATUS) {
        context.grpc_status = Some(GrpcStatus::parse(status.as_bytes()));
    }
}

/// Makes of `head` the answer to a call that is nothing but trailers (gRPC's `PROTOCOL-HTTP2.md`): libraries make of any
/// other only a guess.
///
/// # Errors
/// None: what is written are header values.
pub(super) fn refuse(head: &mut ResponseHeader, refusal: Refusal, context: &mut RequestContext) -> Result<()> {
    let status = status_of(refusal);
    context.grpc_status = Some(status);
    head.set_status(200)?;
    head.insert_header(CONTENT_TYPE, "application/grpc")?;
    head.insert_header(GRPC_STATUS, (status as u8).to_string())?;
    // No character of it would have to be escaped but `%`, which none has.
    head.insert_header(GRPC_MESSAGE, format!("homeward: {}", refusal.detail()))?;
    Ok(())
}

/// The trailers of a call that is ended because its region is drained: it may be made again, and goes elsewhere then.
pub(super) fn ended_by_drain() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(GRPC_STATUS, HeaderValue::from(GrpcStatus::Unavailable as u16));
    trailers.insert(GRPC_MESSAGE, HeaderValue::from_static("homeward: the region is drained"));
    trailers
}

/// The status that says the same as a refusal does.
fn status_of(refusal: Refusal) -> GrpcStatus {
    match refusal {
        Refusal::Replay(ReplayProblem::RegionIsAway) => GrpcStatus::Unavailable,
        Refusal::BadRequest(_) | Refusal::Method | Refusal::Replay(_) | Refusal::Internal | Refusal::Circle => {
            GrpcStatus::Internal
        }
        Refusal::MethodOfService | Refusal::NoService => GrpcStatus::Unimplemented,
        Refusal::Denied => GrpcStatus::PermissionDenied,
        Refusal::TooManyRequests { .. } | Refusal::HeadTooLarge | Refusal::BodyTooLarge => {
            GrpcStatus::ResourceExhausted
        }
        Refusal::BodyTooSlow => GrpcStatus::Cancelled,
        Refusal::SessionWaits { .. }
        | Refusal::NoRegion { .. }
        | Refusal::Overloaded { .. }
        | Refusal::BreakerOpen { .. }
        | Refusal::Upstream(_) => GrpcStatus::Unavailable,
    }
}

//! Whether a request that failed is tried again.
//!
//! What is always so, whatever a table says: nothing is sent twice that may have been carried out and must not be carried out
//! twice. Where no whole request can have reached a server, anything may be sent again; everything else only where its method
//! is idempotent (RFC 9110, 9.2.2) or it carries an `Idempotency-Key`, and its body is still there.

#[cfg(test)]
mod tests;

use super::back_off;
use crate::model::{GrpcStatus, RetryCause, RetryOn, RetryRules};
use std::time::Duration;

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// No connection could be made.
    NoConnection,
    /// The server has said by its protocol that it did not begin with it.
    Refused,
    /// The connection broke before the whole head of the request was written.
    NotSent {
        /// Whether the connection had been kept from an earlier request.
        is_reused: bool,
    },
    /// The connection ended or broke before an answer had begun, or what came is no answer.
    Broken {
        /// Whether the connection had been kept from an earlier request.
        is_reused: bool,
    },
    /// There was no answer in time.
    Silent,
    /// There was an answer.
    Answered {
        /// Its status.
        status: u16,
        /// How the call ended, where it is a gRPC call whose answer is nothing but trailers.
        grpc: Option<GrpcStatus>,
    },
}

impl Mishap {
    /// Whether no whole request can have reached a server.
    #[must_use]
    pub fn was_not_sent(self) -> bool {
        matches!(self, Self::NoConnection | Self::Refused | Self::NotSent { .. })
    }

    /// Whether it is no more than that a server has come or gone, so that the next one need not be waited for.
    fn is_passing(self) -> bool {
        matches!(
            self,
            Self::NoConnection | Self::Refused | Self::NotSent { is_reused: true } | Self::Broken { is_reused: true }
        )
    }

    /// Whether `rules` name it.
    fn is_named(self, rules: &RetryRules) -> bool {
        let any = |causes: &[RetryCause]| causes.iter().any(|cause| rules.retry_on.has(*cause));
        match self {
            Self::NoConnection => any(&[RetryCause::ConnectFailure, RetryCause::ServerError]),
            Self::Refused => any(&[RetryCause::RefusedStream, RetryCause::Reset, RetryCause::ServerError]),
            Self::NotSent { .. } => any(&[RetryCause::ResetBeforeRequest, RetryCause::Reset, RetryCause::ServerError]),
            Self::Broken { .. } | Self::Silent => any(&[RetryCause::Reset, RetryCause::ServerError]),
            Self::Answered { status, grpc } => {
                let of_grpc = grpc.and_then(|status| match status {
                    GrpcStatus::Cancelled => Some(RetryCause::GrpcCancelled),
                    GrpcStatus::DeadlineExceeded => Some(RetryCause::GrpcDeadlineExceeded),
                    GrpcStatus::Internal => Some(RetryCause::GrpcInternal),
                    GrpcStatus::ResourceExhausted => Some(RetryCause::GrpcResourceExhausted),
                    GrpcStatus::Unavailable => Some(RetryCause::GrpcUnavailable),
                    _ => None,
                });
                of_grpc.is_some_and(|cause| rules.retry_on.has(cause))
                    || is_named_status(status, rules.retry_on, &rules.statuses)
            }
        }
    }
}

fn is_named_status(status: u16, retry_on: RetryOn, statuses: &[u16]) -> bool {
    (matches!(status, 502..=504) && retry_on.has(RetryCause::GatewayError))
        || ((500..600).contains(&status) && retry_on.has(RetryCause::ServerError))
        || (status == 409 && retry_on.has(RetryCause::RetriableClientError))
        || (retry_on.has(RetryCause::NamedStatus) && statuses.contains(&status))
}

/// A request after a try.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    /// What became of the last try.
    pub mishap: Mishap,
    /// Whether any of an answer has gone to the client.
    pub has_answered: bool,
    /// Whether sending it twice does what sending it once does: by its method, or by a key that its app knows it by.
    pub is_repeatable: bool,
    /// Whether all of its body that was read is still there.
    pub is_body_held: bool,
    /// Whether it was handed to another edge, which tries for itself.
    pub is_hop: bool,
    /// How often it was tried where it would be tried again, at least once unless that is another region.
    pub tries: u8,
    /// How many of these found no server there.
    pub unreached: u8,
    /// How often it was tried, at least once.
    pub tries_in_all: u8,
    /// How long it may still take; for ever where missing.
    pub time_left: Option<Duration>,
}

/// Whether a request is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryVerdict {
    /// It is, after so long.
    Retry {
        /// How long is waited before.
        after: Duration,
    },
    /// It is not: what there is goes to the client.
    PassOn(NoRetry),
}

/// Why a request is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRetry {
    /// The rules do not name what happened; an answer that is none of a failure, for example.
    NotNamed,
    /// Another edge has tried for itself, or still does.
    IsAnotherEdges,
    /// The client has a part of an answer already.
    HasAnswered,
    /// A server may have begun with it, and must not do so twice.
    NotRepeatable,
    /// Its body is not there any more.
    BodyIsGone,
    /// It was tried as often as it may be.
    NoTriesLeft,
    /// Its time would be over.
    NoTimeLeft,
}

/// Whether a request is tried again by these `rules`. `random` is any number.
///
/// A request is tried no more than [`RetryRules::attempts`] times in one region and [`RetryRules::MOST_IN_ALL`] in all. Where a
/// whole region goes, its servers are found missing one after the other, which is no work for any of them: such tries count among
/// the latter alone.
#[must_use]
pub fn retry(rules: &RetryRules, tried: &Tried, random: u64) -> RetryVerdict {
    match refused(rules, tried) {
        Some(why) => RetryVerdict::PassOn(why),
        None => {
            let nth = u32::from(tried.tries_in_all.saturating_sub(1));
            // At once only at first: where many come and go, time is what helps.
            let after = if nth == 0 && tried.mishap.is_passing() {
                Duration::ZERO
            } else {
                back_off(rules.back_off, nth, random)
            };
            match tried.time_left {
                Some(left) if after >= left => RetryVerdict::PassOn(NoRetry::NoTimeLeft),
                _ => RetryVerdict::Retry { after },
            }
        }
    }
}

fn refused(rules: &RetryRules, tried: &Tried) -> Option<NoRetry> {
    let Tried { mishap, .. } = *tried;
    if !mishap.is_named(rules) {
        return Some(NoRetry::NotNamed);
    }
    if tried.is_hop && matches!(mishap, Mishap::Answered { .. } | Mishap::Silent) {
        return Some(NoRetry::IsAnotherEdges);
    }
    if tried.has_answered {
        return Some(NoRetry::HasAnswered);
    }
    if !mishap.was_not_sent() && !tried.is_repeatable {
        return Some(NoRetry::NotRepeatable);
    }
    if !tried.is_body_held {
        return Some(NoRetry::BodyIsGone);
    }
    let counted = if rules.attempts == 1 { tried.tries } else { tried.tries.saturating_sub(tried.unreached) };
    if counted >= rules.attempts || tried.tries_in_all >= RetryRules::MOST_IN_ALL {
        return Some(NoRetry::NoTriesLeft);
    }
    None
}

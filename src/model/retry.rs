//! Which failures of servers are tried again, and how often.

use super::Share;
use std::time::Duration;

macro_rules! causes {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*) => {
        /// What a request may be tried again for. The words are Envoy's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum RetryCause {
            $($(#[doc = $doc])* $variant,)*
        }

        impl RetryCause {
            /// All of them, in the order in which they are explained.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in a table.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

causes! {
    /// No connection could be made.
    ConnectFailure = "connect-failure",
    /// The server has said that it did not begin with the request.
    RefusedStream = "refused-stream",
    /// The server gave no answer: the connection ended, broke, or was silent.
    Reset = "reset",
    /// The same, before the whole head of the request was written.
    ResetBeforeRequest = "reset-before-request",
    /// 502, 503 or 504.
    GatewayError = "gateway-error",
    /// Any status from 500 on, or no answer.
    ServerError = "5xx",
    /// 409.
    RetriableClientError = "retriable-4xx",
    /// One of the statuses that the rules name.
    NamedStatus = "retriable-status-codes",
    /// A gRPC call that was cancelled.
    GrpcCancelled = "cancelled",
    /// A gRPC call whose time was over.
    GrpcDeadlineExceeded = "deadline-exceeded",
    /// A gRPC call in which something broke.
    GrpcInternal = "internal",
    /// A gRPC call for which something is used up.
    GrpcResourceExhausted = "resource-exhausted",
    /// A gRPC call that cannot be served now.
    GrpcUnavailable = "unavailable",
}

/// A set of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryOn(u16);

impl RetryOn {
    /// None of them.
    pub const NOTHING: Self = Self(0);

    /// The same and `cause`.
    #[must_use]
    pub const fn with(self, cause: RetryCause) -> Self {
        Self(self.0 | 1 << cause as u8)
    }

    /// Whether `cause` is in it.
    #[must_use]
    pub const fn has(self, cause: RetryCause) -> bool {
        self.0 & (1 << cause as u8) != 0
    }

    /// Those that are in it, in their order.
    pub fn iter(self) -> impl Iterator<Item = RetryCause> {
        RetryCause::ALL.iter().copied().filter(move |cause| self.has(*cause))
    }
}

impl FromIterator<RetryCause> for RetryOn {
    fn from_iter<T: IntoIterator<Item = RetryCause>>(causes: T) -> Self {
        causes.into_iter().fold(Self::NOTHING, Self::with)
    }
}

/// How long is waited before a request is tried again: at random up to `base`, then up to twice that, and so on up to
/// `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOffRules {
    /// The most before the first retry. Above zero.
    pub base: Duration,
    /// The most before any. Not below `base`.
    pub longest: Duration,
}

/// Which requests are tried again, and within what bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryRules {
    /// How often a request is tried within one region, the first time counted; 1 to [`RetryRules::MOST_ATTEMPTS`]. With more than
    /// one, tries that found no server there are not counted.
    pub attempts: u8,
    /// For what.
    pub retry_on: RetryOn,
    /// The statuses of [`RetryCause::NamedStatus`]; 400 to 599.
    pub statuses: Box<[u16]>,
    /// How long is waited before.
    pub back_off: BackOffRules,
    /// How long a server has for the head of its answer in one try; above zero.
    pub try_timeout: Option<Duration>,
    /// How long all tries have together, and the waits between them, for the head of an answer; above zero.
    pub timeout: Option<Duration>,
    /// Which part of the active requests of a region may be retries.
    pub budget: Share,
    /// How many retries may be under way in any case.
    pub budget_floor: u32,
}

impl RetryRules {
    /// The most that `attempts` may be.
    pub const MOST_ATTEMPTS: u8 = 5;

    /// How often a request is tried at the most, over all regions, those tries counted that found no server.
    pub const MOST_IN_ALL: u8 = 8;

    /// What is tried again where a table says nothing.
    pub const USUAL: RetryOn = RetryOn::NOTHING
        .with(RetryCause::ConnectFailure)
        .with(RetryCause::RefusedStream)
        .with(RetryCause::Reset)
        .with(RetryCause::GatewayError);
}

impl Default for RetryRules {
    /// Three tries, with up to 25 ms and then up to 50 ms between them; a fifth of the requests, or three.
    fn default() -> Self {
        Self {
            attempts: 3,
            retry_on: Self::USUAL,
            statuses: Box::default(),
            back_off: BackOffRules { base: Duration::from_millis(25), longest: Duration::from_millis(250) },
            try_timeout: None,
            timeout: None,
            budget: Share::from_ratio(0.2).unwrap_or(Share::NONE),
            budget_floor: 3,
        }
    }
}

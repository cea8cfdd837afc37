//! The label values that are results.

use crate::client::ProxyProblem;
use crate::hop::HopProblem;
use crate::resilience::TooManyConnections;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident {$($(#[$variant_doc:meta])* $variant:ident = $word:literal,)*}) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in metrics and logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// How one request to a server ended.
    UpstreamResult {
        /// With an answer of a status below 500.
        Answered = "answered",
        /// With an answer of status 500 or above.
        ServerError = "server_error",
        /// No connection was made: refused, unreachable, or no TLS.
        ConnectFailed = "connect_failed",
        /// No connection was made in time.
        ConnectTimedOut = "connect_timed_out",
        /// The server took or gave no bytes in time.
        TimedOut = "timed_out",
        /// The server closed the connection before its answer was complete.
        Closed = "closed",
        /// The server's answer was not valid HTTP.
        Malformed = "malformed",
        /// The client went away before the answer was complete.
        ClientLeft = "client_left",
        /// In some other way.
        Failed = "failed",
        /// With an answer that calls itself a failure.
        DeclaredFailed = "declared_failed",
    }
}

words! {
    /// A kind of probe.
    ProbeWord {
        /// A connection.
        Connection = "connection",
        /// One request.
        Http = "http",
        /// The steps of a visitor.
        Deep = "deep",
    }
}

words! {
    /// How a probe ended.
    ProbeOutcome {
        /// The server is well.
        Passed = "passed",
        /// It is not.
        Failed = "failed",
        /// It was not made, by a fault of this machine, and says nothing.
        NotMade = "not_made",
    }
}

words! {
    /// Why a request was kept from the servers that it was for.
    Rejection {
        /// All places of the pool were taken, and none may wait.
        Requests = "requests",
        /// Too many waited for a place already.
        Pending = "pending",
        /// It waited for a place for as long as it may.
        Waited = "waited",
        /// It is of a new visitor, and sessions waited.
        Shed = "shed",
        /// Each server had as many as it may have.
        Servers = "servers",
        /// The pool's breaker was open.
        BreakerOpen = "breaker_open",
    }
}

words! {
    /// Whether a connection to a server had been kept from an earlier request.
    Reused {
        /// It was made for this one.
        No = "false",
        /// It had been kept.
        Yes = "true",
    }
}

words! {
    /// What became of a retry.
    RetryResult {
        /// It brought an answer.
        Succeeded = "succeeded",
        /// It failed as well.
        Failed = "failed",
        /// It was not made: the tries or the time are used up, or the request cannot be sent twice.
        Refused = "refused",
        /// It was not made: as many others as may be were under way.
        BudgetExhausted = "budget_exhausted",
    }
}

words! {
    /// How a request got through the gate before a server that had to load its session.
    GatePassage {
        /// Ahead of the others of its session.
        Ahead = "ahead",
        /// After the one that had gone ahead was answered.
        Followed = "followed",
        /// After it had waited for as long as one waits.
        TimedOut = "timed_out",
    }
}

words! {
    /// What became of a hand-over to a new process.
    HandoverResult {
        /// The new process serves.
        Completed = "completed",
        /// It did not become ready, and the running one goes on.
        Failed = "failed",
        /// It was not its turn.
        Refused = "refused",
    }
}

words! {
    /// What was found of a token between edges.
    HopResult {
        /// It is good.
        Valid = "valid",
        /// It is no token.
        Malformed = "malformed",
        /// It is signed by nobody who may, or for another request.
        BadSignature = "bad_signature",
        /// It is for another region.
        Foreign = "foreign",
        /// It is too old, or from the future.
        Stale = "stale",
        /// This edge has no hop keys.
        HopsAreOff = "hops_are_off",
    }
}

impl From<HopProblem> for HopResult {
    fn from(problem: HopProblem) -> Self {
        match problem {
            HopProblem::Malformed => Self::Malformed,
            HopProblem::BadSignature => Self::BadSignature,
            HopProblem::Foreign => Self::Foreign,
            HopProblem::Stale => Self::Stale,
        }
    }
}

words! {
    /// What became of a replay that an app asked for.
    ReplayResult {
        /// The request was sent to the region that the app named.
        Replayed = "replayed",
        /// The app's header says no region.
        Unreadable = "unreadable",
        /// The table has no such region.
        UnknownRegion = "unknown_region",
        /// The app named its own region.
        SameRegion = "same_region",
        /// The region does not serve.
        RegionIsAway = "region_is_away",
        /// More of the body had passed than is held.
        BodyNotHeld = "body_not_held",
        /// The request had been replayed once.
        AlreadyReplayed = "already_replayed",
    }
}

words! {
    /// Why a connection of a client was closed before a request was read from it.
    ConnectionRefusal {
        /// As many are open as may be.
        TooMany = "too_many",
        /// As many of its client's are open as may be.
        TooManyOfClient = "too_many_of_client",
        /// Its client connects too often.
        TooOften = "too_often",
        /// Its client has flooded others, again and again.
        Flooding = "flooding",
        /// It is a trusted proxy's, and does not begin with a PROXY protocol header.
        NoProxyHeader = "no_proxy_header",
        /// It is a trusted proxy's, and its PROXY protocol header is not of its form.
        BadProxyHeader = "bad_proxy_header",
        /// It is a trusted proxy's, and its PROXY protocol header did not come in time.
        SlowProxyHeader = "slow_proxy_header",
    }
}

impl From<TooManyConnections> for ConnectionRefusal {
    fn from(too_many: TooManyConnections) -> Self {
        match too_many {
            TooManyConnections::InAll => Self::TooMany,
            TooManyConnections::OfClient => Self::TooManyOfClient,
        }
    }
}

impl From<ProxyProblem> for ConnectionRefusal {
    fn from(problem: ProxyProblem) -> Self {
        match problem {
            ProxyProblem::Missing => Self::NoProxyHeader,
            _ => Self::BadProxyHeader,
        }
    }
}

words! {
    /// What became of a session cookie that the edge was to mint.
    MintResult {
        /// It has its home's prefix.
        Minted = "minted",
        /// It was passed on without: it would have been longer than browsers take.
        TooLong = "too_long",
    }
}

words! {
    /// Why a client's connection was cut.
    CutOff {
        /// Its head took too long.
        SlowHead = "slow_head",
        /// A body came too slowly.
        SlowBody = "slow_body",
        /// An answer was taken too slowly.
        SlowReader = "slow_reader",
        /// Frames of HTTP/2 that carry nothing were too many.
        Flood = "flood",
    }
}

words! {
    /// What a look-up of a client address found.
    GeoLookup {
        /// A place.
        Found = "found",
        /// Nothing about this address.
        NotFound = "not_found",
        /// No database is loaded.
        NoDatabase = "no_database",
        /// The database could not be read there.
        Failed = "failed",
    }
}

words! {
    /// What became of a reading of a certificate with its key, or of a client CA.
    TlsReload {
        /// It is live.
        Applied = "applied",
        /// It was live already.
        Unchanged = "unchanged",
        /// It cannot be used; what was live stays.
        Refused = "refused",
    }
}

words! {
    /// What became of the watch over a new table.
    GuardResult {
        /// Errors did not rise.
        Passed = "passed",
        /// Errors rose, and the table before it was put back.
        PutBack = "put_back",
        /// There were too few requests to say anything.
        TooFewRequests = "too_few_requests",
        /// Another table came before the watch was over.
        Superseded = "superseded",
    }
}

words! {
    /// What became of asking an authority for a certificate by ACME.
    AcmeResult {
        /// It is there.
        Issued = "issued",
        /// The authority did not issue it, or something that cannot be used.
        Refused = "refused",
        /// The authority could not be asked.
        Unreachable = "unreachable",
    }
}

words! {
    /// Why a request to the admin address was refused, or its connection.
    AdminRefusal {
        /// Its `Host` is somebody else's name.
        Host = "host",
        /// Its body is too large.
        BodyTooLarge = "body_too_large",
        /// It needs a token and has none.
        NoToken = "no_token",
        /// Its token is none that is known.
        WrongToken = "wrong_token",
        /// Too many wrong tokens came from there.
        TooManyTokens = "too_many_tokens",
        /// Its token is not for that.
        Role = "role",
        /// Its client has too many connections.
        TooManyConnections = "too_many_connections",
        /// No TLS came about.
        Handshake = "handshake",
    }
}

words! {
    /// What became of a span.
    SpanResult {
        /// The collector has it.
        Exported = "exported",
        /// Too many waited to be sent.
        Dropped = "dropped",
        /// The collector did not take it.
        Failed = "failed",
    }
}

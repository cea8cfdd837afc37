//! What was decided, and why, as data.

use crate::model::{Place, RegionId, ServiceId};
use crate::session::KeyProblem;
use smallvec::SmallVec;

/// Where a request goes, and every reason for it. Nothing is left to choose after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The service that host and path lead to.
    pub service: ServiceId,
    /// Where the request comes from.
    pub arrived: Arrived,
    /// What the request said of a session.
    pub key: SessionKey,
    /// The region that should serve.
    pub home: RegionId,
    /// What made it home.
    pub home_by: HomeBy,
    /// Where the visitor is; `None` where it did not matter and was not looked up.
    pub place: Option<Place>,
    /// Why home does not serve; `None` where it could.
    pub home_is_away: Option<Away>,
    /// The substitutes that were passed over, in their order.
    pub passed_over: SmallVec<[PassedOver; 4]>,
    /// Who serves, or that nobody does.
    pub outcome: Outcome,
}

/// Where a request comes from, in the words of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// From a client.
    Here,
    /// From the edge of this region; `None` where the table does not know it.
    ByHop(Option<RegionId>),
    /// From behind an edge, without a good token.
    InCircle,
}

/// What a request said of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKey {
    /// The service has no sessions, or the request did not carry a key.
    Missing,
    /// A key that names this region.
    Names(RegionId),
    /// A key that names this region, signed with a key that is on its way out.
    NamesByOlderKey(RegionId),
    /// A value that names no region, of a session that an app has said to be at home in this one.
    Learned(RegionId),
    /// A value that names no region: the visitor counts as a new one.
    Unusable(KeyProblem),
}

impl SessionKey {
    /// All words of [`SessionKey::as_str`].
    pub const WORDS: [&'static str; 7] =
        ["none", "valid", "older_key", "learned", "malformed", "unknown_prefix", "bad_signature"];

    /// The word in metrics, one of [`SessionKey::WORDS`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "none",
            Self::Names(_) => "valid",
            Self::NamesByOlderKey(_) => "older_key",
            Self::Learned(_) => "learned",
            Self::Unusable(KeyProblem::Malformed) => "malformed",
            Self::Unusable(KeyProblem::UnknownPrefix) => "unknown_prefix",
            Self::Unusable(KeyProblem::BadSignature) => "bad_signature",
        }
    }

    /// The home of the session, where there is one.
    #[must_use]
    pub fn home(self) -> Option<RegionId> {
        match self {
            Self::Names(home) | Self::NamesByOlderKey(home) | Self::Learned(home) => Some(home),
            Self::Missing | Self::Unusable(_) => None,
        }
    }
}

/// What made a region home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeBy {
    /// The session.
    Session,
    /// The edge that the request came from.
    Hop,
    /// The app, which asked for the request to be replayed there.
    Replay,
    /// A home rule.
    Rule {
        /// The rule's position in the table, from 0.
        rule: usize,
        /// What the rule matched.
        matched: Matched,
        /// How the nearest region was found, where the rule asks for the nearest.
        nearest: Option<NearestTo>,
    },
}

impl HomeBy {
    /// All words of [`HomeBy::as_str`].
    pub const WORDS: [&'static str; 9] =
        ["session", "hop", "replay", "network", "subdivision", "country", "continent", "nearest", "otherwise"];

    /// The word in metrics and logs, one of [`HomeBy::WORDS`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Hop => "hop",
            Self::Replay => "replay",
            Self::Rule { matched: Matched::Network, .. } => "network",
            Self::Rule { matched: Matched::Subdivision, .. } => "subdivision",
            Self::Rule { matched: Matched::Country, .. } => "country",
            Self::Rule { matched: Matched::Continent, .. } => "continent",
            Self::Rule { matched: Matched::Otherwise, nearest: Some(_), .. } => "nearest",
            Self::Rule { matched: Matched::Otherwise, nearest: None, .. } => "otherwise",
        }
    }
}

/// What in a visitor a home rule matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// The address.
    Network,
    /// The subdivision.
    Subdivision,
    /// The country.
    Country,
    /// The continent.
    Continent,
    /// Nothing: the rule is for everyone.
    Otherwise,
}

/// From where the nearest region was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NearestTo {
    /// From the visitor's place.
    Place,
    /// From the region where the request arrived, because nothing is known of the visitor's place.
    Arrival,
}

/// Why a region does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// A drain leaves this visitor, or this session, out.
    Drained {
        /// The drain's position in the table, from 0.
        drain: usize,
    },
    /// The service has a pool there, and none of its servers is healthy.
    NoHealthyServer,
    /// The region's edge cannot be reached, and its pools are not to be tried directly.
    NoHealthyEdge,
    /// The service has no servers there.
    NoPool,
    /// It has no room left for this visitor: it gets as much as its capacity. Said of substitutes, and of a home for a new
    /// visitor.
    OverCapacity,
    /// Servers of the pool are healthy, but fewer than the table wants.
    TooFewHealthyServers,
    /// Enough servers of the pool are healthy, and not for long enough yet: it has been away several times lately.
    IsFlapping,
}

impl Away {
    /// All words of [`Away::as_str`], in the order of [`Away::index`].
    pub const WORDS: [&'static str; 7] =
        ["Drained", "NoHealthyServer", "NoHealthyEdge", "NoPool", "OverCapacity", "TooFewHealthyServers", "IsFlapping"];

    /// The position of its word in [`Away::WORDS`].
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Drained { .. } => 0,
            Self::NoHealthyServer => 1,
            Self::NoHealthyEdge => 2,
            Self::NoPool => 3,
            Self::OverCapacity => 4,
            Self::TooFewHealthyServers => 5,
            Self::IsFlapping => 6,
        }
    }

    /// The word in reasons, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self.index()]
    }

    /// Whether healthy servers are there, and it is caution alone that keeps requests from them.
    #[must_use]
    pub fn is_caution(self) -> bool {
        matches!(self, Self::TooFewHealthyServers | Self::IsFlapping)
    }
}

/// A substitute that was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedOver {
    /// The region.
    pub region: RegionId,
    /// Why.
    pub why: Away,
}

/// Who serves a request, or that nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `region` serves.
    Serve {
        /// The region.
        region: RegionId,
        /// How the request gets there.
        way: Way,
        /// What would have spoken against it, had there been another region.
        despite: Option<Despite>,
    },
    /// The session's home is away and the service's sessions wait for it: 503.
    Wait {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// No region can serve: 503.
    Nobody {
        /// When to try again, in seconds.
        retry_after: u32,
    },
}

impl Outcome {
    fn served_by(self) -> Option<RegionId> {
        match self {
            Self::Serve { region, .. } => Some(region),
            Self::Wait { .. } | Self::Nobody { .. } => None,
        }
    }
}

/// How a request gets to the region that serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the pool in the local region.
    Local,
    /// To the edge of another region: a hop.
    Edge,
    /// To the pool of another region, directly.
    Pool,
}

impl Way {
    /// The word in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Edge => "edge",
            Self::Pool => "pool",
        }
    }
}

/// What a region serves despite, because no other one could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Despite {
    /// Its drain: it is the last healthy region.
    Drain {
        /// The drain's position in the table, from 0.
        drain: usize,
    },
    /// Its capacity: every other region is away or over its capacity too.
    Capacity,
    /// That its servers are few, or come and go: no other region may serve, and some are healthy.
    Caution,
}

/// What became of a request's session: the value of `Homeward-Session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// There is none yet.
    New,
    /// It arrived at home.
    Home,
    /// It arrived elsewhere and is served at home.
    Flopped,
    /// Home is away: a substitute serves it, or nobody does.
    Orphaned,
}

impl SessionState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::New, Self::Home, Self::Flopped, Self::Orphaned];

    /// The word in headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Home => "home",
            Self::Flopped => "flopped",
            Self::Orphaned => "orphaned",
        }
    }
}

impl Decision {
    /// The region that serves, if one does.
    #[must_use]
    pub fn region(&self) -> Option<RegionId> {
        self.outcome.served_by()
    }

    /// The region that serves, and how the request gets there.
    #[must_use]
    pub fn way(&self) -> Option<(RegionId, Way)> {
        match self.outcome {
            Outcome::Serve { region, way, .. } => Some((region, way)),
            Outcome::Wait { .. } | Outcome::Nobody { .. } => None,
        }
    }

    /// What becomes of the session, seen from an edge in `local`.
    #[must_use]
    pub fn session(&self, local: RegionId) -> SessionState {
        // An app that asks for a replay says where the session is, whatever the key names.
        let is_session = match self.home_by {
            HomeBy::Replay => self.key != SessionKey::Missing,
            _ => self.key.home().is_some(),
        };
        let arrived = match self.arrived {
            Arrived::ByHop(from) => from,
            Arrived::Here | Arrived::InCircle => Some(local),
        };
        match self.region() {
            _ if !is_session => SessionState::New,
            Some(region) if region != self.home => SessionState::Orphaned,
            None => SessionState::Orphaned,
            Some(_) if arrived == Some(self.home) => SessionState::Home,
            Some(_) => SessionState::Flopped,
        }
    }

    /// The word for what came out, in metrics and logs: `home`, `substitute`, `wait` or `nobody`.
    #[must_use]
    pub fn outcome_word(&self) -> &'static str {
        match self.outcome {
            Outcome::Serve { region, .. } if region == self.home => "home",
            Outcome::Serve { .. } => "substitute",
            Outcome::Wait { .. } => "wait",
            Outcome::Nobody { .. } => "nobody",
        }
    }

    /// When a client that got no answer should try again, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        match self.outcome {
            Outcome::Serve { .. } => None,
            Outcome::Wait { retry_after } | Outcome::Nobody { retry_after } => Some(retry_after),
        }
    }
}

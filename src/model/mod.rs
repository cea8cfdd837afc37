//! Floor 0: the words of the domain as types that cannot hold a wrong value.
//!
//! Nothing here knows of files, clocks, sockets or of each other's users. A value of one of these types has been
//! checked once, where it was made, and is never checked again.

mod balance;
mod credentials;
mod drain;
mod failover;
mod grpc;
mod health;
mod https;
mod keyring;
mod limit;
mod limits;
mod name;
mod name_index;
mod outliers;
mod place;
mod pool;
mod resilience;
mod retry;
mod revision;
mod secret;
mod service;
mod session;
mod share;
#[cfg(test)]
mod tests;
mod token;

pub use balance::{BadBalance, BadFactor, Balance, BalanceFactor, Balancing};
pub use credentials::{IdentityFiles, PeerCredentials, PeerFiles, PeerIdentity};
pub use drain::{Drain, DrainLayer, DrainedSessions, DrainedStreams};
pub use failover::{BadFewest, FailoverRules, Fewest, Presence};
pub use grpc::{GrpcStatus, is_grpc};
pub use health::{
    BadProbePath, BadStatus, DeepProbe, Expected, HealthRules, HttpProbe, ProbeBody, ProbePace, ProbePath, ProbeStep,
    StatusPattern,
};
pub use https::{Hsts, Https};
pub use ipnet::IpNet as Network;
pub use jiff::Timestamp;
pub use keyring::{BadKeyring, Keyring, SignedWith};
pub use limit::{BadLimitKey, BadMethod, ClientRules, LimitKey, Method, RateLimit};
pub use limits::{AdaptiveRules, BreakerRules, PoolLimits};
pub use name::{BadName, RegionId, RegionName, ServiceId, ServiceName, SessionPrefix};
pub use name_index::NameIndex;
pub use outliers::{OutlierRules, SuccessRateRules};
pub use place::{BadPlace, Continent, Country, Location, Place, Subdivision};
pub use pool::{BadEdge, BadServer, Pool, PoolServer, PoolTls, ProxyVersion, RegionEdge, ServerAddress, ServerHost};
pub use resilience::{GateRules, GatedSessions, Resilience};
pub use retry::{BackOffRules, RetryCause, RetryOn, RetryRules};
pub use revision::{BadRevision, Revising, Revision};
pub use secret::{Secret, SecretSource};
pub use service::{BadHost, BadPath, HostPattern, PathPrefix, Service, Timeouts, WhenHomeIsAway};
pub use session::{Learning, MintedBy, SessionKeys};
pub use share::{BadShare, Rate, Share};
pub use token::{AccessTokens, Role};

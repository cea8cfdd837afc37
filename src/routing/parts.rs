//! What a routing table is made of.

use super::home_list::Homes;
use crate::model::{
    Continent, Country, Drain, Keyring, Location, Network, PeerCredentials, PeerFiles, Rate, RegionEdge, RegionId,
    RegionName, SecretSource, Service, SessionPrefix, Subdivision,
};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keyrings by where they are kept.
pub type Keyrings = BTreeMap<SecretSource, Arc<Keyring>>;

/// Credentials toward servers by the files that hold them.
pub type Credentials = BTreeMap<PeerFiles, Arc<PeerCredentials>>;

/// A region of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Its name.
    pub name: RegionName,
    /// What stands in front of the keys of the sessions that are at home here.
    pub session_prefix: SessionPrefix,
    /// The prefixes of regions that are no more, whose sessions are at home here now.
    pub retired_prefixes: Vec<SessionPrefix>,
    /// Where it stands.
    pub location: Option<Location>,
    /// What it can carry.
    pub capacity: Option<Rate>,
    /// The regions that stand in for it, in this order. `None` is all the others, nearest first.
    pub failover: Option<Vec<RegionId>>,
    /// The region's own edge, through which the others reach it where hops are on.
    pub edge: Option<RegionEdge>,
}

impl Region {
    /// A region of which nothing more is known than its name and its prefix.
    #[must_use]
    pub fn named(name: RegionName, session_prefix: SessionPrefix) -> Self {
        Self {
            name,
            session_prefix,
            retired_prefixes: Vec::new(),
            location: None,
            capacity: None,
            failover: None,
            edge: None,
        }
    }
}

/// The networks of a home rule. Nearly always it is one, so that 100,000 rules are one piece of memory and not as many more.
pub type Networks = SmallVec<[Network; 1]>;

/// Which visitors a home rule is for.
#[derive(Debug, Clone, PartialEq)]
pub enum HomeCondition {
    /// Those whose address lies in one of these networks.
    Networks(Networks),
    /// Those in one of these subdivisions.
    Subdivisions(Vec<Subdivision>),
    /// Those in one of these countries.
    Countries(Vec<Country>),
    /// Those on one of these continents.
    Continents(Vec<Continent>),
    /// Everyone.
    Otherwise,
}

/// Where a home rule sends its visitors.
#[derive(Debug, Clone, PartialEq)]
pub enum HomeTarget {
    /// To this region.
    Region(RegionId),
    /// To the nearest of these regions, all of which have a location. Never empty.
    Nearest(Vec<RegionId>),
}

/// A rule of `homes:`, by which a visitor without a session gets a home.
#[derive(Debug, Clone, PartialEq)]
pub struct HomeRule {
    /// Whom it is for.
    pub condition: HomeCondition,
    /// Where they go.
    pub target: HomeTarget,
}

/// What a routing table is made of. The reader of the file makes it, and has checked what the fields promise:
/// every id is a position in `regions`, names and prefixes are unique, the last home rule (and no other) is `Otherwise`,
/// hosts and paths lead to one service each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableParts {
    /// At least one.
    pub regions: Vec<Region>,
    /// At least one; the last is `Otherwise`. Tables that come one after the other may share them.
    pub homes: Arc<Homes>,
    /// At least one.
    pub services: Vec<Service>,
    /// In the order of the file.
    pub drains: Vec<Drain>,
    /// Those that services name. A service whose keyring is not among them takes no key for good.
    pub keyrings: Keyrings,
    /// Those of the files that pools and edges name for TLS. Where the files of a pool are not among them, nobody is taken
    /// for one of its servers.
    pub credentials: Credentials,
}

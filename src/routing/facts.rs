//! What a decision is made from, besides the table.

use crate::model::{Place, Presence, RegionId, ServiceId, Share, Timestamp};
use std::net::IpAddr;

/// What a request says, and when it came.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The host, as it came: any case, perhaps with a port.
    pub host: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The visitor's address, after trusted proxies.
    pub client: IpAddr,
    /// The values of the `Cookie` header lines, in their order.
    pub cookies: &'a [&'a [u8]],
    /// The lines of those headers that the table reads session keys from ([`RoutingTable::key_headers`]): names in lower
    /// case and values.
    ///
    /// [`RoutingTable::key_headers`]: super::RoutingTable::key_headers
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Where the request comes from.
    pub arrival: Arrival<'a>,
    /// When the request came.
    pub now: Timestamp,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrival<'a> {
    /// From a client.
    #[default]
    Client,
    /// From another edge, which has decided and says so in a token that was verified.
    Hop {
        /// The name of the region that the other edge stands in.
        from: &'a str,
        /// The name of the region that it found to be home.
        home: &'a str,
        /// Why that is home.
        by: FoundBy,
    },
    /// From somewhere behind an edge, without a good token: it may be going in circles. It makes no hop.
    Circle,
}

/// By what the edge that forwards a request found its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// By the visitor's place.
    Place,
    /// By the session.
    Session,
    /// By the word of an app, which asked for a replay there.
    Replay,
}

/// What an edge knows of itself and of the regions at the moment of a decision.
pub trait FleetView {
    /// The region that this edge stands in.
    fn local_region(&self) -> RegionId;
    /// Whether the pool of `service` in `region` has at least one healthy server. Only asked where there is a pool.
    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool;
    /// How the pool of `service` in `region` stands. Only asked where there is a pool.
    fn presence(&self, service: ServiceId, region: RegionId) -> Presence {
        if self.is_healthy(service, region) { Presence::Present } else { Presence::NoneHealthy }
    }
    /// Whether `region` gets more than its capacity.
    fn is_over_capacity(&self, region: RegionId) -> bool;
    /// The share of the new visitors who are at home in `region` that it has room for.
    fn room_at_home(&self, _region: RegionId) -> Share {
        Share::ALL
    }
    /// The share of the visitors of other regions, with a session or without, that `region` has room for.
    fn room_for_others(&self, region: RegionId) -> Share {
        if self.is_over_capacity(region) { Share::NONE } else { Share::ALL }
    }
    /// Whether requests for `service` can be handed to the edge of `region`; `None` where hops are off. Only asked where
    /// the table names an edge.
    fn is_edge_healthy(&self, _service: ServiceId, _region: RegionId) -> Option<bool> {
        None
    }
    /// The region that an app has said a session of `service` is at home in, where this edge remembers it. `key` names no
    /// region itself.
    fn learned_home(&self, _service: ServiceId, _key: &[u8]) -> Option<RegionId> {
        None
    }
}

/// Finds where an address is. A decision asks at most once, and not at all where it does not matter.
pub trait PlaceFinder {
    /// The place of `address`; all parts of it are missing where nothing is known.
    fn place_of(&self, address: IpAddr) -> Place;
}

//! What a decision is made from, besides the table.

use crate::model::{Place, RegionId, ServiceId, Timestamp};
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
    /// When the request came.
    pub now: Timestamp,
}

/// What an edge knows of itself and of the regions at the moment of a decision.
pub trait FleetView {
    /// The region that this edge stands in.
    fn local_region(&self) -> RegionId;
    /// Whether the pool of `service` in `region` has at least one healthy server. Only asked where there is a pool.
    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool;
    /// Whether `region` gets more than its capacity.
    fn is_over_capacity(&self, region: RegionId) -> bool;
}

/// Finds where an address is. A decision asks at most once, and not at all where it does not matter.
pub trait PlaceFinder {
    /// The place of `address`; all parts of it are missing where nothing is known.
    fn place_of(&self, address: IpAddr) -> Place;
}

//! Floor 2: from a routing table, the facts of a request and a view of the fleet to a decision.
//!
//! Pure: no clock, no files, no sockets, no proxy engine.

mod access;
mod decide;
mod decision;
mod explain;
mod facts;
mod hazard;
mod home_list;
mod homes;
mod hosts;
mod nearest;
mod network_index;
mod parts;
mod pieces;
pub mod preview;
mod reason;
mod replay;
mod sessions;
mod table;
mod visitor;

pub use access::Denied;
pub use decide::{decide, decide_from};
pub use decision::{
    Arrived, Away, Decision, Despite, HomeBy, Matched, NearestTo, Outcome, PassedOver, SessionKey, SessionState, Way,
};
pub use explain::{Explanation, Step};
pub use facts::{Arrival, FleetView, FoundBy, PlaceFinder, RequestFacts};
pub use hazard::{Hazard, hazards};
pub use home_list::Homes;
pub use parts::{Credentials, HomeCondition, HomeRule, HomeTarget, Keyrings, Networks, Region, TableParts};
pub(crate) use pieces::in_pieces;
pub use reason::{Reason, Reasons};
pub use replay::{NoReplay, ReplayOrder, replay};
pub use sessions::ServiceSessions;
pub use table::RoutingTable;
pub use visitor::VisitorNetwork;

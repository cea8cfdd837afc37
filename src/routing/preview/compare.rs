//! The table of today and the new one, and what a request is to each of them.

use super::health::{FleetHealth, Loaded, Seen};
use super::{Sample, VisitorNetwork};
use crate::model::{Place, RegionId, ServiceId, Timestamp};
use crate::routing::decide_from;
use crate::routing::decision::{Outcome, SessionKey};
use crate::routing::facts::{Arrival, PlaceFinder, RequestFacts};
use crate::routing::table::RoutingTable;
use crate::session::KeyProblem;
use std::net::IpAddr;

/// The service of a request in each of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Services {
    pub(super) today: Option<ServiceId>,
    pub(super) new: Option<ServiceId>,
}

impl Services {
    /// Whether neither table has one.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.today.is_none() && self.new.is_none()
    }
}

/// The home that a session's key names in each of the two tables. At least one of them knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHome {
    pub(super) today: Option<RegionId>,
    pub(super) new: Option<RegionId>,
}

/// One request, or some that are alike, as both tables take it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    pub(super) services: Services,
    pub(super) session: Option<SessionHome>,
    pub(super) network: VisitorNetwork,
    pub(super) place: Place,
}

/// Where a request ends, by one of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// This region serves it.
    Region(RegionId),
    /// Its session waits for its home: 503.
    Waits,
    /// No region can serve it: 503.
    Nobody,
    /// The table has no service for it: 404.
    NoService,
}

/// One of the tables at one moment.
pub(super) struct Side<'a> {
    pub(super) table: &'a RoutingTable,
    at: Timestamp,
    seen: Seen,
}

/// The table of today beside the new one, with a fleet whose health is the same for both.
pub struct Comparison<'a> {
    pub(super) today: Side<'a>,
    pub(super) new: Side<'a>,
    /// By region of today's table: the region of the new one that its session prefix names.
    heirs: Vec<Option<RegionId>>,
}

impl<'a> Comparison<'a> {
    /// Compares each table at its moment. `None` where one of them does not have the region that the edge stands in.
    #[must_use]
    pub fn new(
        today: (&'a RoutingTable, Timestamp),
        new: (&'a RoutingTable, Timestamp),
        fleet: &FleetHealth,
    ) -> Option<Self> {
        let side = |(table, at): (&'a RoutingTable, Timestamp)| Some(Side { table, at, seen: fleet.seen_by(table)? });
        let heirs = today.0.regions().iter().map(|region| new.0.region_of_prefix(&region.session_prefix));
        Some(Self { heirs: heirs.collect(), today: side(today)?, new: side(new)? })
    }

    /// The table of today.
    #[must_use]
    pub fn today(&self) -> &'a RoutingTable {
        self.today.table
    }

    /// The new table.
    #[must_use]
    pub fn new_table(&self) -> &'a RoutingTable {
        self.new.table
    }

    /// The service of this name.
    #[must_use]
    pub fn service_named(&self, name: &str) -> Services {
        let find = |table: &RoutingTable| {
            table.services_by_id().find(|(_, service)| service.name.as_str() == name).map(|(id, _)| id)
        };
        Services { today: find(self.today.table), new: find(self.new.table) }
    }

    /// The service that `host` (any case, perhaps with a port) and `path` (without a query) lead to.
    #[must_use]
    pub fn service_of(&self, host: &str, path: &str) -> Services {
        Services { today: self.today.table.hosts().find(host, path), new: self.new.table.hosts().find(host, path) }
    }

    /// The session of a request for one of `services` that was at home in the region `home`; `None` where neither table
    /// knows of it, so that its visitor is a new one.
    ///
    /// A session key names its home by a prefix: the same key may name another region by the new table, or none.
    #[must_use]
    pub fn session_at(&self, home: &str, services: Services) -> Option<SessionHome> {
        let today = self.today.table.region_id(home);
        let named = self.new.table.region_id(home);
        let new = match today {
            None => named,
            Some(id) => {
                let heir = self.heirs.get(id.index()).copied().flatten();
                // A home that an app has told the edge of is kept by name.
                heir.or_else(|| named.filter(|_| self.new.learns(services.new)))
            }
        };
        (today.is_some() || new.is_some()).then_some(SessionHome { today, new })
    }

    /// What `sample` is to both tables. `places` is asked where no place is known and one may matter.
    #[must_use]
    pub fn input(&self, sample: &Sample<'_>, places: &impl PlaceFinder) -> Input {
        let services = self.service_named(sample.service);
        let session = sample.session.and_then(|home| self.session_at(home, services));
        self.input_of(services, session, sample.network, sample.place, places)
    }

    /// The same of parts that are known already.
    #[must_use]
    pub fn input_of(
        &self,
        services: Services,
        session: Option<SessionHome>,
        network: VisitorNetwork,
        place: Option<Place>,
        places: &impl PlaceFinder,
    ) -> Input {
        let input = Input { services, session, network, place: place.unwrap_or_default() };
        let by_session = |side: &Side<'_>, service, home| side.key(service, home).home().is_some();
        let matters = place.is_none()
            && !(by_session(&self.today, services.today, session.map(|home| home.today))
                && by_session(&self.new, services.new, session.map(|home| home.new)));
        if matters { Input { place: places.place_of(network.address()), ..input } } else { input }
    }

    /// Where a request ends while no region is over its capacity: by the table of today, by the new one.
    #[must_use]
    pub fn ends(&self, input: &Input) -> (End, End) {
        (self.end_today(input, |_| false), self.end_new(input, |_| false))
    }

    pub(super) fn end_today(&self, input: &Input, is_over: impl Fn(RegionId) -> bool) -> End {
        self.today.end(input, input.services.today, input.session.map(|home| home.today), is_over)
    }

    pub(super) fn end_new(&self, input: &Input, is_over: impl Fn(RegionId) -> bool) -> End {
        self.new.end(input, input.services.new, input.session.map(|home| home.new), is_over)
    }
}

impl Side<'_> {
    /// What the request says of a session, as this table reads it. `None` of `home`: there is no session.
    fn key(&self, service: Option<ServiceId>, home: Option<Option<RegionId>>) -> SessionKey {
        let reads = service.is_some_and(|service| self.table.sessions(service).is_some());
        match home.filter(|_| reads) {
            None => SessionKey::Missing,
            Some(None) => SessionKey::Unusable(KeyProblem::UnknownPrefix),
            Some(Some(home)) => SessionKey::Names(home),
        }
    }

    fn learns(&self, service: Option<ServiceId>) -> bool {
        service.and_then(|service| self.table.sessions(service)).is_some_and(|sessions| sessions.learns())
    }

    fn end(
        &self,
        input: &Input,
        service: Option<ServiceId>,
        home: Option<Option<RegionId>>,
        is_over: impl Fn(RegionId) -> bool,
    ) -> End {
        let Some(service) = service else { return End::NoService };
        let facts = RequestFacts {
            host: "",
            path: "",
            client: input.network.address(),
            cookies: &[],
            headers: &[],
            arrival: Arrival::Client,
            now: self.at,
        };
        let view = Loaded { seen: &self.seen, is_over };
        let key = self.key(Some(service), home);
        match decide_from(self.table, &facts, service, key, &view, &Known(input.place)).map(|made| made.outcome) {
            Some(Outcome::Serve { region, .. }) => End::Region(region),
            Some(Outcome::Wait { .. }) => End::Waits,
            Some(Outcome::Nobody { .. }) | None => End::Nobody,
        }
    }
}

/// The place that is known already.
struct Known(Place);

impl PlaceFinder for Known {
    fn place_of(&self, _: IpAddr) -> Place {
        self.0
    }
}

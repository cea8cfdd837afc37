//! The decision: one pure function that the proxy, `explain`, tests, fuzzers and benchmarks all call.

use super::decision::{Arrived, Away, Decision, Despite, HomeBy, NearestTo, Outcome, PassedOver, SessionKey, Way};
use super::facts::{Arrival, FleetView, FoundBy, PlaceFinder, RequestFacts};
use super::table::RoutingTable;
use super::visitor;
use crate::model::{DrainedSessions, Place, RegionId, Service, ServiceId, WhenHomeIsAway};
use crate::session::KeyProblem;
use smallvec::SmallVec;

/// How long a client waits for a region to come back, in seconds, where nothing better is known.
const USUAL_WAIT: u32 = 5;

/// The longest wait that is asked of a client, in seconds: a drain may be ended before its time.
const LONGEST_WAIT: u32 = 60;

/// Decides where a request goes. `None`: no service answers to its host and path.
///
/// The outcome depends on nothing but the arguments. It never blocks, never panics, and allocates only where more than
/// four substitutes are passed over. `places` is asked at most once, and not at all where a session or a rule on networks
/// decides.
#[must_use]
pub fn decide(
    table: &RoutingTable,
    facts: &RequestFacts<'_>,
    view: &impl FleetView,
    places: &impl PlaceFinder,
) -> Option<Decision> {
    // Step 1, service.
    let id = table.hosts().find(facts.host, facts.path)?;
    let asked = Question::new(table, facts, view, id)?;

    // Step 2, hop; it needs step 3 to know what becomes of the session.
    let key = asked.session_key();
    if let Arrival::Hop { from, home, by } = facts.arrival {
        return Some(asked.forwarded_by(from, home, by, key));
    }

    asked.for_key(key, places)
}

/// The decision for a request whose service and session key are known: steps 4 to 7 of [`decide`], for those who look at
/// what was kept of a request. Of `facts` it takes the client, the moment and whether the request may be in a circle; one
/// that came by a hop is decided as if it had come from a client.
///
/// `None` where the table has no such service. Promises what [`decide`] does.
#[must_use]
pub fn decide_from(
    table: &RoutingTable,
    facts: &RequestFacts<'_>,
    service: ServiceId,
    key: SessionKey,
    view: &impl FleetView,
    places: &impl PlaceFinder,
) -> Option<Decision> {
    Question::new(table, facts, view, service)?.for_key(key, places)
}

/// One request at one moment: what each step of the decision looks at.
pub(super) struct Question<'a, V> {
    table: &'a RoutingTable,
    facts: &'a RequestFacts<'a>,
    view: &'a V,
    id: ServiceId,
    service: &'a Service,
}

impl<'a, V: FleetView> Question<'a, V> {
    /// `None` only where the table has no such service.
    pub(super) fn new(
        table: &'a RoutingTable,
        facts: &'a RequestFacts<'a>,
        view: &'a V,
        id: ServiceId,
    ) -> Option<Self> {
        Some(Self { table, facts, view, id, service: table.service(id)? })
    }

    /// Steps 4 to 7; step 3 has given the `key`.
    fn for_key(&self, key: SessionKey, places: &impl PlaceFinder) -> Option<Decision> {
        // Step 4, place, where the session does not say it.
        let (home, home_by, place) = match key.home() {
            Some(home) => (home, HomeBy::Session, None),
            None => self.home_by_place(places)?,
        };

        // Step 5, away?
        let is_session = key.home().is_some();
        let arrived = if self.facts.arrival == Arrival::Circle { Arrived::InCircle } else { Arrived::Here };
        let mut passed_over = SmallVec::new();
        let (home_is_away, outcome) = match self.way_unless_away(home, is_session) {
            Ok(way) => (None, Outcome::Serve { region: home, way, despite: None }),
            Err(why) => (Some(why), self.without_home(home, why, is_session, &mut passed_over)),
        };
        Some(Decision { service: self.id, arrived, key, home, home_by, place, home_is_away, passed_over, outcome })
    }

    /// What the request says of a session.
    fn session_key(&self) -> SessionKey {
        let Some(sessions) = self.table.sessions(self.id) else { return SessionKey::Missing };
        let key = sessions.key_in(self.facts);
        let names_none = matches!(key, SessionKey::Unusable(KeyProblem::Malformed | KeyProblem::UnknownPrefix));
        if names_none && sessions.learns() {
            let learned = sessions.values(self.facts).find_map(|value| self.view.learned_home(self.id, value));
            return learned.map_or(key, SessionKey::Learned);
        }
        key
    }

    /// A request that another edge has decided on and forwarded is served here, drained or not, or by nobody: it never
    /// goes on from here.
    ///
    /// Home is where the key says, as that is where the session's data is; where the key says nothing, or an app has said
    /// otherwise, it is what the first edge says.
    fn forwarded_by(&self, from: &str, home: &str, by: FoundBy, key: SessionKey) -> Decision {
        let local = self.view.local_region();
        let told = self.table.region_id(home).unwrap_or(local);
        let (key, home, home_by) = match (by, key.home()) {
            (FoundBy::Replay, _) => (key, told, HomeBy::Replay),
            (_, Some(home)) => (key, home, HomeBy::Hop),
            (FoundBy::Session, None) => (SessionKey::Learned(told), told, HomeBy::Hop),
            (FoundBy::Place, None) => (key, told, HomeBy::Hop),
        };
        let mut passed_over = SmallVec::new();
        let (home_is_away, outcome) = match self.way_to(local) {
            Ok(way) => (None, Outcome::Serve { region: local, way, despite: None }),
            Err(why) => {
                if home != local {
                    passed_over.push(PassedOver { region: local, why });
                }
                ((home == local).then_some(why), Outcome::Nobody { retry_after: USUAL_WAIT })
            }
        };
        Decision {
            service: self.id,
            arrived: Arrived::ByHop(self.table.region_id(from)),
            key,
            home,
            home_by,
            place: None,
            home_is_away,
            passed_over,
            outcome,
        }
    }

    /// The home that the rules give; `None` only for a table without the rule `otherwise`, which no reader lets pass.
    fn home_by_place(&self, places: &impl PlaceFinder) -> Option<(RegionId, HomeBy, Option<Place>)> {
        let homes = self.table.homes();
        let mut looked_up: Option<Place> = None;
        let mut place = || *looked_up.get_or_insert_with(|| places.place_of(self.facts.client));
        let (rule, matched) = homes.first_match(self.facts.client, &mut place)?;
        if !homes.is_nearest(rule) {
            let home = homes.target(rule, None)?;
            return Some((home, HomeBy::Rule { rule, matched, nearest: None }, looked_up));
        }
        // Where nothing is known of the visitor, the edge that was reached is the best sign of where it is.
        let (location, nearest) = match place().location {
            Some(location) => (Some(location), NearestTo::Place),
            None => (self.table.region(self.view.local_region()).and_then(|r| r.location), NearestTo::Arrival),
        };
        let home = homes.target(rule, location)?;
        Some((home, HomeBy::Rule { rule, matched, nearest: Some(nearest) }, looked_up))
    }

    /// Step 7, way: how `region` is reached; or why it does not serve this visitor. A session goes home through a drain
    /// that keeps sessions.
    fn way_unless_away(&self, region: RegionId, is_session: bool) -> Result<Way, Away> {
        let way = self.way_to(region)?;
        self.drain_that_excludes(region, is_session).map_or(Ok(way), Err)
    }

    /// How `region` is reached, drained or not; or why it cannot serve anybody.
    pub(super) fn way_to(&self, region: RegionId) -> Result<Way, Away> {
        if !self.table.has_pool(self.id, region) {
            return Err(Away::NoPool);
        }
        let pool_is_healthy = || self.view.is_healthy(self.id, region);
        let by = |way| if pool_is_healthy() { Ok(way) } else { Err(Away::NoHealthyServer) };
        if region == self.view.local_region() {
            return by(Way::Local);
        }
        // A request that may be going in circles makes no hop: an app server sends it nowhere.
        let edge = self.table.edge_of(region).filter(|_| self.facts.arrival == Arrival::Client);
        match edge.and_then(|edge| Some((self.view.is_edge_healthy(self.id, region)?, edge.direct))) {
            None => by(Way::Pool),
            Some((true, _)) => Ok(Way::Edge),
            Some((false, true)) if pool_is_healthy() => Ok(Way::Pool),
            Some((false, _)) => Err(Away::NoHealthyEdge),
        }
    }

    /// The first drain of `region` whose share leaves this visitor out.
    pub(super) fn drain_that_excludes(&self, region: RegionId, is_session: bool) -> Option<Away> {
        self.table
            .drains_of(region)
            .filter(|(_, drain)| !is_session || drain.sessions == DrainedSessions::Move)
            .find(|(_, drain)| {
                let share = drain.share_at(self.facts.now);
                !visitor::is_inside(share, self.table.region_name(region), self.facts.client)
            })
            .map(|(drain, _)| Away::Drained { drain })
    }

    /// Step 6, substitute: what happens when home is away because of `why`.
    fn without_home(
        &self,
        home: RegionId,
        why: Away,
        is_session: bool,
        passed_over: &mut SmallVec<[PassedOver; 4]>,
    ) -> Outcome {
        // There is nothing to wait for where the service has no servers at home at all.
        let refuses = self.service.when_home_is_away == WhenHomeIsAway::Refuse;
        let waits = is_session && refuses && why != Away::NoPool;
        if waits && !matches!(why, Away::Drained { .. }) {
            return Outcome::Wait { retry_after: USUAL_WAIT };
        }

        // The first that is not away and not over its capacity, then the first that is not away. To a substitute a
        // session is a new visitor: a drain that keeps sessions keeps this one out too.
        let mut over_capacity = None;
        for region in self.table.substitutes_of(home).iter().copied() {
            let why = match self.way_unless_away(region, false) {
                Err(why) => why,
                Ok(_) if self.view.is_over_capacity(region) => {
                    over_capacity = over_capacity.or(Some(region));
                    Away::OverCapacity
                }
                Ok(_) if waits => return self.wait_for(why),
                Ok(way) => return Outcome::Serve { region, way, despite: None },
            };
            passed_over.push(PassedOver { region, why });
        }
        if let Some(region) = over_capacity {
            return if waits { self.wait_for(why) } else { self.serve(region, Despite::Capacity) };
        }

        // Every region is away. A drain never makes a service unreachable: the last healthy region ignores its own.
        if let Away::Drained { drain } = why {
            return self.serve(home, Despite::Drain { drain });
        }
        let drained = passed_over.iter().find_map(|passed| match passed.why {
            Away::Drained { drain } => Some((passed.region, drain)),
            _ => None,
        });
        match drained {
            Some((region, drain)) => self.serve(region, Despite::Drain { drain }),
            None => Outcome::Nobody { retry_after: USUAL_WAIT },
        }
    }

    /// The session waits until its home is no longer away; where the drain has an end, about that long.
    fn wait_for(&self, why: Away) -> Outcome {
        let end = match why {
            Away::Drained { drain } => self.table.drains().get(drain).and_then(|drain| drain.until),
            _ => None,
        };
        let seconds = end.map(|end| end.duration_since(self.facts.now).as_secs().clamp(1, LONGEST_WAIT.into()));
        Outcome::Wait { retry_after: seconds.and_then(|s| u32::try_from(s).ok()).unwrap_or(LONGEST_WAIT) }
    }

    /// `region` serves all the same.
    fn serve(&self, region: RegionId, despite: Despite) -> Outcome {
        match self.way_to(region) {
            Ok(way) => Outcome::Serve { region, way, despite: Some(despite) },
            // It was found able a moment ago; a view that has changed its mind since finds nobody.
            Err(_) => Outcome::Nobody { retry_after: USUAL_WAIT },
        }
    }
}

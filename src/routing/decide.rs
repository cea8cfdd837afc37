//! The decision: one pure function that the proxy, `explain`, tests, fuzzers and benchmarks all call.

use super::decision::{Arrived, Away, Decision, Despite, HomeBy, NearestTo, Outcome, PassedOver, SessionKey, Way};
use super::facts::{Arrival, FleetView, FoundBy, PlaceFinder, RequestFacts};
use super::homes::Target;
use super::table::RoutingTable;
use super::visitor;
use crate::model::{DrainedSessions, Place, Presence, RegionId, Service, ServiceId, Share, WhenHomeIsAway};
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
        let at_home = self.way_unless_away(home, is_session);
        let (home_is_away, outcome) = match at_home.and_then(|way| self.unless_full(home, is_session).map(|()| way)) {
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
        // Caution is for the edge that decides: what arrives here has nowhere else to go.
        let (home_is_away, outcome) = match self.able_way_to(local) {
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
        let nearest = match homes.target(rule)? {
            Target::Region(home) => return Some((home, HomeBy::Rule { rule, matched, nearest: None }, looked_up)),
            Target::Nearest(nearest) => nearest,
        };
        // Where nothing is known of the visitor, the edge that was reached is the best sign of where it is.
        let (location, to) = match place().location {
            Some(location) => (Some(location), NearestTo::Place),
            None => (self.table.region(self.view.local_region()).and_then(|r| r.location), NearestTo::Arrival),
        };
        let home = location.map_or_else(|| nearest.first(), |location| nearest.to(location))?;
        Some((home, HomeBy::Rule { rule, matched, nearest: Some(to) }, looked_up))
    }

    /// Step 7, way: how `region` is reached; or why it does not serve this visitor. A session goes home through a drain
    /// that keeps sessions.
    fn way_unless_away(&self, region: RegionId, is_session: bool) -> Result<Way, Away> {
        let way = self.way_to(region)?;
        self.drain_that_excludes(region, is_session).map_or(Ok(way), Err)
    }

    /// Whether `home` has room for this visitor. Sessions go home however full it is: that is where their data is.
    fn unless_full(&self, home: RegionId, is_session: bool) -> Result<(), Away> {
        let room = if is_session { Share::ALL } else { self.view.room_at_home(home) };
        self.is_inside(room, home).then_some(()).ok_or(Away::OverCapacity)
    }

    fn is_inside(&self, share: Share, region: RegionId) -> bool {
        visitor::is_inside(share, self.table.region_name(region), self.facts.client)
    }

    /// How `region` is reached, drained or not; or why it does not serve anybody.
    fn way_to(&self, region: RegionId) -> Result<Way, Away> {
        self.way_by(region, |stands| match stands {
            Presence::Present => None,
            Presence::NoneHealthy => Some(Away::NoHealthyServer),
            Presence::TooFew => Some(Away::TooFewHealthyServers),
            Presence::Flapping => Some(Away::IsFlapping),
        })
    }

    /// The same without any caution: whoever has a healthy server serves.
    pub(super) fn able_way_to(&self, region: RegionId) -> Result<Way, Away> {
        self.way_by(region, |stands| (!stands.is_able()).then_some(Away::NoHealthyServer))
    }

    fn way_by(&self, region: RegionId, objection: impl Fn(Presence) -> Option<Away>) -> Result<Way, Away> {
        if !self.table.has_pool(self.id, region) {
            return Err(Away::NoPool);
        }
        let pool = || objection(self.view.presence(self.id, region)).map_or(Ok(()), Err);
        let by = |way| pool().map(|()| way);
        if region == self.view.local_region() {
            return by(Way::Local);
        }
        // A request that may be going in circles makes no hop: an app server sends it nowhere.
        let edge = self.table.edge_of(region).filter(|_| self.facts.arrival == Arrival::Client);
        match edge.and_then(|edge| Some((self.view.is_edge_healthy(self.id, region)?, edge.direct))) {
            None => by(Way::Pool),
            Some((true, _)) => Ok(Way::Edge),
            Some((false, true)) => {
                by(Way::Pool).map_err(|why| if why.is_caution() { why } else { Away::NoHealthyEdge })
            }
            Some((false, false)) => Err(Away::NoHealthyEdge),
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
        // Caution makes nobody wait: what could serve a session before there was any can serve it now, unless a drain says
        // otherwise.
        let why = match (waits && why.is_caution()).then(|| self.drain_that_excludes(home, true)).flatten() {
            Some(drained) => drained,
            None if waits && why.is_caution() => return self.serve(home, Despite::Caution),
            None => why,
        };
        if waits && !matches!(why, Away::Drained { .. }) {
            return Outcome::Wait { retry_after: USUAL_WAIT };
        }

        // The first that is not away and not over its capacity, then the first that is not away. To a substitute a
        // session is a new visitor: a drain that keeps sessions keeps this one out too.
        let mut over_capacity = None;
        for region in self.table.substitutes_of(home).iter().copied() {
            let why = match self.way_unless_away(region, false) {
                Err(why) => why,
                Ok(_) if !self.is_inside(self.view.room_for_others(region), region) => {
                    over_capacity = over_capacity.or(Some(region));
                    Away::OverCapacity
                }
                Ok(_) if waits => return self.wait_for(why),
                Ok(way) => return Outcome::Serve { region, way, despite: None },
            };
            passed_over.push(PassedOver { region, why });
        }
        // A home that is full takes its visitor all the same before others go over what they can carry.
        if why == Away::OverCapacity {
            return self.serve(home, Despite::Capacity);
        }
        if let Some(region) = over_capacity {
            return if waits { self.wait_for(why) } else { self.serve(region, Despite::Capacity) };
        }

        // Every region is away. One that caution alone keeps away serves before a drain is ignored.
        let is_open = |region, is_session| self.drain_that_excludes(region, is_session).is_none();
        let cautious = |drained: bool| {
            let of_home = (why.is_caution() && (drained || is_open(home, is_session))).then_some(home);
            let substitute = || {
                let cautious = passed_over.iter().filter(|passed| passed.why.is_caution());
                let mut regions = cautious.map(|passed| passed.region);
                regions.find(|region| drained || is_open(*region, false))
            };
            of_home.or_else(substitute)
        };
        if let Some(region) = cautious(false) {
            return if waits { self.wait_for(why) } else { self.serve(region, Despite::Caution) };
        }

        // A drain never makes a service unreachable: the last healthy region ignores its own.
        if let Away::Drained { drain } = why {
            return self.serve(home, Despite::Drain { drain });
        }
        let drained = passed_over.iter().find_map(|passed| match passed.why {
            Away::Drained { drain } => Some((passed.region, drain)),
            _ => None,
        });
        match drained {
            Some((region, drain)) => self.serve(region, Despite::Drain { drain }),
            None => match cautious(true) {
                Some(region) => self.serve(region, Despite::Caution),
                None => Outcome::Nobody { retry_after: USUAL_WAIT },
            },
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
        match self.able_way_to(region) {
            Ok(way) => Outcome::Serve { region, way, despite: Some(despite) },
            // It was found able a moment ago; a view that has changed its mind since finds nobody.
            Err(_) => Outcome::Nobody { retry_after: USUAL_WAIT },
        }
    }
}

//! The decision: one pure function that the proxy, `explain`, tests, fuzzers and benchmarks all call.

use super::decision::{Away, Decision, Despite, HomeBy, NearestTo, Outcome, PassedOver, SessionKey, Way};
use super::facts::{FleetView, PlaceFinder, RequestFacts};
use super::table::RoutingTable;
use super::visitor;
use crate::model::{DrainedSessions, Place, RegionId, Service, ServiceId, WhenHomeIsAway};
use crate::session::{KeyProblem, cookie_values};
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
    // Step 1, service. (Step 2, the hop, stands between this and the session: a request that was forwarded once is
    // served where it arrives.)
    let id = table.hosts().find(facts.host, facts.path)?;
    let asked = Question { table, facts, view, id, service: table.service(id)? };

    // Step 3, session; step 4, place.
    let key = asked.session_key();
    let (home, home_by, place) = match key {
        SessionKey::Names(home) => (home, HomeBy::Session, None),
        SessionKey::Missing | SessionKey::Unusable(_) => asked.home_by_place(places)?,
    };

    // Step 5, away?
    let is_session = matches!(key, SessionKey::Names(_));
    let home_is_away = asked.why_away(home, is_session);
    let mut passed_over = SmallVec::new();
    let outcome = match home_is_away {
        None => asked.serve(home, None),
        Some(why) => asked.without_home(home, why, is_session, &mut passed_over),
    };
    Some(Decision { service: id, key, home, home_by, place, home_is_away, passed_over, outcome })
}

/// One request at one moment: what each step of the decision looks at.
struct Question<'a, V> {
    table: &'a RoutingTable,
    facts: &'a RequestFacts<'a>,
    view: &'a V,
    id: ServiceId,
    service: &'a Service,
}

impl<V: FleetView> Question<'_, V> {
    /// The first session key that names a region or, where none does, what is wrong with the first value.
    fn session_key(&self) -> SessionKey {
        let Some(session) = &self.service.session else { return SessionKey::Missing };
        let mut problem: Option<KeyProblem> = None;
        for header in self.facts.cookies {
            for value in cookie_values(header, session.cookie.as_bytes()) {
                match self.table.prefixes().home_of(value, session.separator.as_bytes()) {
                    Ok(home) => return SessionKey::Names(home),
                    Err(found) => problem = problem.or(Some(found)),
                }
            }
        }
        problem.map_or(SessionKey::Missing, SessionKey::Unusable)
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

    /// Why `region` does not serve this visitor. A session goes home through a drain that keeps sessions.
    fn why_away(&self, region: RegionId, is_session: bool) -> Option<Away> {
        self.why_unable(region).or_else(|| self.drain_that_excludes(region, is_session))
    }

    /// Why `region` cannot serve anybody.
    fn why_unable(&self, region: RegionId) -> Option<Away> {
        if !self.table.has_pool(self.id, region) {
            Some(Away::NoPool)
        } else if !self.view.is_healthy(self.id, region) {
            Some(Away::NoHealthyServer)
        } else {
            None
        }
    }

    /// The first drain of `region` whose share leaves this visitor out.
    fn drain_that_excludes(&self, region: RegionId, is_session: bool) -> Option<Away> {
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
            let why = match self.why_away(region, false) {
                Some(why) => why,
                None if self.view.is_over_capacity(region) => {
                    over_capacity = over_capacity.or(Some(region));
                    Away::OverCapacity
                }
                None if waits => return self.wait_for(why),
                None => return self.serve(region, None),
            };
            passed_over.push(PassedOver { region, why });
        }
        if let Some(region) = over_capacity {
            return if waits { self.wait_for(why) } else { self.serve(region, Some(Despite::Capacity)) };
        }

        // Every region is away. A drain never makes a service unreachable: the last healthy region ignores its own.
        if let Away::Drained { drain } = why {
            return self.serve(home, Some(Despite::Drain { drain }));
        }
        let drained = passed_over.iter().find_map(|passed| match passed.why {
            Away::Drained { drain } => Some((passed.region, drain)),
            _ => None,
        });
        match drained {
            Some((region, drain)) => self.serve(region, Some(Despite::Drain { drain })),
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

    /// Step 7, way.
    fn serve(&self, region: RegionId, despite: Option<Despite>) -> Outcome {
        let way = if region == self.view.local_region() { Way::Local } else { Way::Pool };
        Outcome::Serve { region, way, despite }
    }
}

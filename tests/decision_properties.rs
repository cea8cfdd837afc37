//! What holds for every decision, in random worlds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod world;

use homeward::geo::distance_km;
use homeward::model::{Drain, DrainedSessions, Location, Place, RegionId, Share, WhenHomeIsAway};
use homeward::routing::{
    Arrived, Away, Decision, Despite, Explanation, FoundBy, HomeBy, HomeCondition, HomeTarget, NearestTo, NoReplay,
    Outcome, RoutingTable, SessionKey, SessionState, Way, replay,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use world::{From, Request, World, client, drain, world};

fn is_session(decision: &Decision) -> bool {
    decision.key.home().is_some()
}

/// The share that the drains of `region` leave this visitor: a session goes home through a drain that keeps sessions.
fn share_for(world: &World, decision: &Decision, region: RegionId) -> f64 {
    let comes_home = is_session(decision) && region == decision.home;
    world.share_of(region, |drain| !comes_home || drain.sessions == DrainedSessions::Move)
}

/// Whether sessions of the service wait rather than move, and this is one that has something to wait for.
fn may_wait(world: &World, decision: &Decision) -> bool {
    let service = &world.parts.services[decision.service.index()];
    let refuses = service.when_home_is_away == WhenHomeIsAway::Refuse;
    is_session(decision) && refuses && service.pool(decision.home).is_some()
}

/// The position of the first rule that takes the visitor, found by reading the rules one after the other.
fn first_rule(world: &World) -> usize {
    let (client, place) = (world.request.client.to_canonical(), world.place);
    let matches = |condition: &HomeCondition| match condition {
        HomeCondition::Networks(networks) => networks.iter().any(|network| network.contains(&client)),
        HomeCondition::Subdivisions(codes) => place.subdivision.is_some_and(|code| codes.contains(&code)),
        HomeCondition::Countries(codes) => place.country.is_some_and(|code| codes.contains(&code)),
        HomeCondition::Continents(codes) => place.continent.is_some_and(|code| codes.contains(&code)),
        HomeCondition::Otherwise => true,
    };
    world.parts.homes.iter().position(|rule| matches(&rule.condition)).unwrap()
}

fn texts(table: &RoutingTable, decision: &Decision) -> String {
    decision.reasons(table).to_string()
}

proptest! {
    // PROPTEST_CASES=10000 asks for 40,000 worlds.
    #![proptest_config({
        let usual = ProptestConfig::default();
        ProptestConfig { cases: 4 * usual.cases, failure_persistence: None, ..usual }
    })]

    #[test]
    fn a_drained_region_serves_only_where_no_other_can(world in world()) {
        let Some(decision) = world.decide() else { return Ok(()) };
        let Some(region) = decision.region() else { return Ok(()) };
        if share_for(&world, &decision, region) == 0.0 {
            for other in world.allowed(&decision) {
                let serves = world.is_present(decision.service, other) && share_for(&world, &decision, other) == 1.0;
                prop_assert!(!serves, "{other:?} could serve in place of {region:?}: {decision:?}");
            }
        }
    }

    #[test]
    fn nobody_serves_only_where_nobody_can(world in world()) {
        let Some(decision) = world.decide() else { return Ok(()) };
        let some_can = world.allowed(&decision).into_iter().any(|region| world.is_able(decision.service, region));
        match decision.outcome {
            Outcome::Serve { region, .. } => {
                prop_assert!(world.is_able(decision.service, region));
                prop_assert!(world.allowed(&decision).contains(&region));
                prop_assert!(region == decision.home || !may_wait(&world, &decision));
            }
            Outcome::Wait { retry_after } => {
                prop_assert!(may_wait(&world, &decision) && decision.home_is_away.is_some());
                prop_assert!((1..=60).contains(&retry_after));
            }
            Outcome::Nobody { retry_after } => {
                prop_assert!(!some_can);
                prop_assert!((1..=60).contains(&retry_after));
            }
        }
    }

    #[test]
    fn caution_makes_no_error_and_sends_nobody_away_from_where_there_is_none(world in world()) {
        let mut bold = world.clone();
        bold.fleet.held.iter_mut().flatten().for_each(|held| *held = None);
        let (Some(careful), Some(bold)) = (world.decide(), bold.decide()) else { return Ok(()) };
        prop_assert_eq!(careful.region().is_some(), bold.region().is_some(), "{:?} {:?}", careful, bold);
        let Some(region) = careful.region() else { return Ok(()) };
        if !world.is_present(careful.service, region) && !matches!(careful.arrived, Arrived::ByHop(_)) {
            let says_so = matches!(
                careful.outcome,
                Outcome::Serve { despite: Some(Despite::Caution | Despite::Drain { .. }), .. }
            );
            prop_assert!(says_so, "{careful:?}");
        }
    }

    #[test]
    fn only_new_visitors_are_sent_away_from_a_home_that_is_full(world in world()) {
        let mut roomy = world.clone();
        roomy.fleet.room.fill(Share::ALL);
        let (Some(full), Some(roomy)) = (world.decide(), roomy.decide()) else { return Ok(()) };
        if full.home_is_away == Some(Away::OverCapacity) {
            prop_assert!(!is_session(&full));
            prop_assert_eq!((roomy.home_is_away, roomy.region()), (None, Some(roomy.home)));
            // Where nobody has room, home serves.
            let by_home = full.region() == Some(full.home);
            let over = matches!(full.outcome, Outcome::Serve { despite: Some(Despite::Capacity), .. });
            prop_assert!(!by_home || over, "{full:?}");
            prop_assert!(full.region().is_some());
        } else {
            prop_assert_eq!(full, roomy);
        }
    }

    #[test]
    fn every_edge_decides_the_same(world in world(), other in any::<Index>()) {
        // Where nothing is known of a visitor's location, 'nearest' measures from the edge: the one thing that differs.
        let mut world = world;
        world.place.location = world.place.location.or(Location::new(25.0, -30.0).ok());
        world.fleet.edges = None; // each edge sees its own pools, and the others' through their edges
        let mut there = world.clone();
        there.fleet.local = RegionId::at(other.index(world.parts.regions.len())).unwrap();
        let (Some(a), Some(b)) = (world.decide(), there.decide()) else { return Ok(()) };
        prop_assert_eq!((a.home, a.home_by, a.region()), (b.home, b.home_by, b.region()));
        prop_assert_eq!(texts(&world.table(), &a), texts(&there.table(), &b));
    }

    #[test]
    fn raising_a_share_moves_visitors_only_into_the_region(
        world in world(), added in drain(6), raised in 0.0..=1.0_f64, client in client(),
    ) {
        let region = RegionId::at(added.region.index() % world.parts.regions.len()).unwrap();
        let added = Drain { region, ..added };
        let (mut low, mut high) = (world.clone(), world);
        let (a, b) = (added.share.ratio().min(raised), added.share.ratio().max(raised));
        for (world, ratio) in [(&mut low, a), (&mut high, b)] {
            let drain = Drain { share: Share::from_ratio(ratio).unwrap(), ..added.clone() };
            world.parts.drains.push(drain);
            world.request.client = client;
        }
        let (Some(before), Some(after)) = (low.decide(), high.decide()) else { return Ok(()) };
        prop_assert!(before.region() != Some(region) || after.region() == Some(region), "{before:?} {after:?}");
        if after.region() != Some(region) && after.region().is_some() {
            prop_assert_eq!(after.region(), before.region());
        }
    }

    #[test]
    fn a_drain_touches_only_who_needs_its_region(world in world(), added in drain(6)) {
        let region = RegionId::at(added.region.index() % world.parts.regions.len()).unwrap();
        let mut drained = world.clone();
        drained.parts.drains.push(Drain { region, ..added });
        let (Some(before), Some(after)) = (world.decide(), drained.decide()) else { return Ok(()) };
        if before.home == region || before.region().is_none_or(|serves| serves == region) {
            return Ok(());
        }
        prop_assert_eq!(before.outcome, after.outcome);
        if !before.passed_over.iter().any(|passed| passed.region == region) {
            prop_assert_eq!(before, after, "to the last reason");
        }
    }

    #[test]
    fn what_an_edge_forwarded_is_served_where_it_arrives_or_by_nobody(
        world in world(),
        from in 0..6_usize,
        home in 0..6_usize,
        by in prop::sample::select(vec![FoundBy::Place, FoundBy::Session, FoundBy::Replay]),
    ) {
        let mut world = world;
        world.request.from = From::Edge(format!("r{from}"), format!("r{home}"), by);
        let (decision, asked) = world.decide_and_count();
        let Some(decision) = decision else { return Ok(()) };
        let home_by = if by == FoundBy::Replay { HomeBy::Replay } else { HomeBy::Hop };
        prop_assert_eq!((asked, decision.home_by), (0, home_by));
        let local = world.fleet.local;
        match decision.outcome {
            Outcome::Serve { region, way, despite } => {
                prop_assert_eq!((region, way, despite), (local, Way::Local, None));
                prop_assert!(world.is_able(decision.service, local));
            }
            Outcome::Nobody { .. } => prop_assert!(!world.is_able(decision.service, local)),
            Outcome::Wait { .. } => prop_assert!(false, "sessions wait at the first edge only"),
        }
        let told = world.table().region_id(&format!("r{home}")).unwrap_or(local);
        let is_session = by != FoundBy::Replay || decision.key != SessionKey::Missing;
        let session_home = if by == FoundBy::Replay { is_session.then_some(told) } else { decision.key.home() };
        prop_assert!(by != FoundBy::Session || session_home.is_some());
        let expected = match session_home {
            None => SessionState::New,
            Some(key) if decision.region() != Some(key) => SessionState::Orphaned,
            Some(key) if world.table().region_name(key) == format!("r{from}") => SessionState::Home,
            Some(_) => SessionState::Flopped,
        };
        prop_assert_eq!(decision.session(local), expected);
    }

    #[test]
    fn a_hop_is_made_at_most_once_and_only_where_there_is_an_edge(world in world()) {
        let Some(decision) = world.decide() else { return Ok(()) };
        let Outcome::Serve { region, way, .. } = decision.outcome else { return Ok(()) };
        prop_assert_eq!(way == Way::Local, region == world.fleet.local);
        if way == Way::Edge {
            let edges = world.fleet.edges.as_ref().expect("hops are on");
            prop_assert!(edges[decision.service.index()][region.index()]);
            prop_assert!(world.parts.regions[region.index()].edge.is_some());
            prop_assert_eq!(&world.request.from, &From::Client);
        }
    }

    #[test]
    fn a_replay_goes_where_the_app_says_or_nowhere(world in world(), to in any::<Index>()) {
        let Some(first) = world.decide() else { return Ok(()) };
        let to = RegionId::at(to.index(world.parts.regions.len())).unwrap();
        let table = world.table();
        let again = world.with_facts(|facts| replay(&table, facts, &world.fleet, &first, to));
        match again {
            Ok(decision) => {
                prop_assert_eq!((decision.home, decision.region()), (to, Some(to)));
                prop_assert!(world.is_able(first.service, to) && first.region() != Some(to));
                prop_assert!(decision.session(world.fleet.local) != SessionState::Orphaned);
            }
            Err(NoReplay::SameRegion) => prop_assert_eq!(first.region(), Some(to)),
            Err(NoReplay::Away(Away::Drained { .. })) => {
                prop_assert!(world.share_of(to, |drain| drain.sessions == DrainedSessions::Move) < 1.0);
            }
            Err(NoReplay::Away(_)) => prop_assert!(!world.is_able(first.service, to)),
            Err(NoReplay::UnknownRegion) => prop_assert!(false, "it is known"),
        }
    }

    #[test]
    fn a_place_is_looked_up_at_most_once_and_never_for_a_session(world in world()) {
        let (decision, asked) = world.decide_and_count();
        prop_assert!(asked <= 1);
        match decision {
            None => prop_assert_eq!(asked, 0),
            Some(decision) => {
                prop_assert!(asked == 0 || !is_session(&decision));
                prop_assert_eq!(decision.place.is_some(), asked == 1);
            }
        }
    }

    #[test]
    fn a_home_that_can_serve_its_session_does(world in world()) {
        let Some(decision) = world.decide() else { return Ok(()) };
        let home = decision.home;
        if is_session(&decision) && world.is_present(decision.service, home) && world.share_of(home, |_| true) == 1.0 {
            prop_assert_eq!(decision.home_is_away, None);
            let Outcome::Serve { region, despite, .. } = decision.outcome else { panic!("{decision:?}") };
            prop_assert_eq!((region, despite), (home, None));
        }
    }

    #[test]
    fn the_home_is_that_of_the_first_rule_that_matches(world in world()) {
        let Some(decision) = world.decide() else { return Ok(()) };
        let HomeBy::Rule { rule, nearest, .. } = decision.home_by else { return Ok(()) };
        prop_assert_eq!(rule, first_rule(&world));
        let locate = |region: RegionId| world.parts.regions[region.index()].location;
        match &world.parts.homes[rule].target {
            HomeTarget::Region(region) => prop_assert_eq!((decision.home, nearest), (*region, None)),
            HomeTarget::Nearest(regions) => {
                let (here, to) = match world.place.location {
                    Some(here) => (Some(here), NearestTo::Place),
                    None => (locate(world.fleet.local), NearestTo::Arrival),
                };
                prop_assert_eq!(nearest, Some(to));
                if let Some(here) = here {
                    let distance = |region: RegionId| distance_km(here, locate(region).unwrap());
                    let least = regions.iter().map(|region| distance(*region)).fold(f64::INFINITY, f64::min);
                    prop_assert!(distance(decision.home) < least + 0.001, "within a metre");
                }
            }
        }
    }

    #[test]
    fn the_same_facts_give_the_same_decision(world in world()) {
        prop_assert_eq!(world.decide(), world.decide());
    }

    #[test]
    fn any_bytes_are_decided_and_explained(
        world in world(),
        host in any::<String>(),
        path in any::<String>(),
        cookies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
        known_host: bool,
    ) {
        let mut world = world;
        let host = if known_host { world.request.host.clone() } else { host };
        world.request = Request { host, path, cookies, ..world.request };
        let table = world.table();
        let decision = world.decide();
        let told =
            world.with_facts(|facts| Explanation::new(&table, facts, world.fleet.local, decision.as_ref()));
        prop_assert_eq!(told.service.is_some(), decision.is_some());
        if let Some(decision) = decision {
            prop_assert_eq!(told.reasons.join(", "), texts(&table, &decision));
        }
    }

    #[test]
    fn reasons_can_stand_in_a_header(world in world()) {
        let Some(decision) = world.decide() else { return Ok(()) };
        let text = texts(&world.table(), &decision);
        let safe = |b: u8| b.is_ascii_alphanumeric() || b";=, ._~-".contains(&b);
        prop_assert!(!text.is_empty() && text.bytes().all(safe), "{text}");
    }

    #[test]
    fn the_place_matters_only_without_a_session(world in world()) {
        let mut nowhere = world.clone();
        nowhere.place = Place::default();
        let (Some(here), Some(there)) = (world.decide(), nowhere.decide()) else { return Ok(()) };
        if is_session(&here) {
            prop_assert_eq!(here, there);
        }
    }
}

/// The properties say something only where the worlds differ enough.
#[test]
fn the_worlds_show_every_kind_of_decision() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..2000 {
        let world = world().new_tree(&mut runner).unwrap().current();
        let Some(decision) = world.decide() else { continue };
        let despite = match decision.outcome {
            Outcome::Serve { despite: Some(Despite::Drain { .. }), .. } => "despite its drain",
            Outcome::Serve { despite: Some(Despite::Capacity), .. } => "despite its capacity",
            Outcome::Serve { despite: Some(Despite::Caution), .. } => "despite its servers",
            _ => "as usual",
        };
        let way = match decision.outcome {
            Outcome::Serve { way, .. } => way.as_str(),
            _ => "no way",
        };
        *seen.entry(way).or_default() += 1;
        let away = decision.home_is_away.map_or("home is there", Away::as_str);
        for word in [decision.outcome_word(), decision.home_by.as_str(), decision.key.as_str(), despite, away] {
            *seen.entry(word).or_default() += 1;
        }
        for passed in &decision.passed_over {
            *seen.entry(passed.why.as_str()).or_default() += 1;
        }
    }
    for word in [
        "home",
        "substitute",
        "wait",
        "nobody",
        "session",
        "network",
        "subdivision",
        "country",
        "continent",
        "nearest",
        "otherwise",
        "none",
        "valid",
        "malformed",
        "unknown_prefix",
        "despite its drain",
        "despite its capacity",
        "despite its servers",
        "TooFewHealthyServers",
        "IsFlapping",
        "Drained",
        "NoHealthyServer",
        "NoHealthyEdge",
        "learned",
        "local",
        "edge",
        "pool",
        "NoPool",
        "OverCapacity",
    ] {
        assert!(seen.get(word).is_some_and(|count| *count >= 10), "{word}: {seen:?}");
    }
    println!("{seen:?}");
}

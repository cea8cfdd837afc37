//! Random worlds to decide in: a table, the state of a fleet, a request and where its visitor is.

use homeward::model::{
    Continent, Country, Drain, DrainedSessions, HostPattern, Https, Learning, Location, Network, Place, Pool, Presence,
    RegionEdge, RegionId, Service, ServiceId, SessionKeys, Share, Subdivision, Timeouts, Timestamp, WhenHomeIsAway,
};
use homeward::routing::{
    Arrival, Decision, FleetView, FoundBy, HomeCondition, HomeRule, HomeTarget, PlaceFinder, Region, RequestFacts,
    RoutingTable, TableParts, decide,
};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The moment of every request; drains begin and end around it.
pub(crate) const NOW: i64 = 1_800_000_000;

const HOSTS: [&str; 5] = ["a.test", "b.a.test", "*.a.test", "*.b.a.test", "*"];
const PATHS: [&str; 3] = ["/", "/x", "/x/y"];
/// Inner ones first: a table in which an outer network stands before an inner one is refused.
const NETWORKS: [&str; 5] = ["203.0.113.0/28", "203.0.113.0/24", "198.51.100.0/24", "2001:db8:1::/48", "2001:db8::/32"];
const SUBDIVISIONS: [&str; 3] = ["US-CA", "US-NY", "CA-ON"];
const COUNTRIES: [&str; 4] = ["US", "CA", "DE", "NO"];

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) client: IpAddr,
    pub(crate) cookies: Vec<Vec<u8>>,
    /// The values of `x-session-id`.
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) from: From,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    /// The edge of this region, which found that one to be home, and by what.
    Edge(String, String, FoundBy),
    Circle,
}

/// The state of a fleet, seen from one edge.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) local: RegionId,
    /// By service and region.
    pub(crate) healthy: Vec<Vec<bool>>,
    /// By service and region: what healthy pools are away for all the same, where they are.
    pub(crate) held: Vec<Vec<Option<Presence>>>,
    /// By region.
    pub(crate) over_capacity: Vec<bool>,
    /// By region: for which share of the new visitors at home there it has room.
    pub(crate) room: Vec<Share>,
    /// By service and region; `None` where hops are off.
    pub(crate) edges: Option<Vec<Vec<bool>>>,
    /// Where every session is at home whose key names no region, as apps have said.
    pub(crate) learned: Option<RegionId>,
}

impl FleetView for Fleet {
    fn local_region(&self) -> RegionId {
        self.local
    }
    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool {
        self.healthy[service.index()][region.index()]
    }
    fn presence(&self, service: ServiceId, region: RegionId) -> Presence {
        match self.held[service.index()][region.index()] {
            _ if !self.is_healthy(service, region) => Presence::NoneHealthy,
            held => held.unwrap_or_default(),
        }
    }
    fn room_at_home(&self, region: RegionId) -> Share {
        self.room[region.index()]
    }
    fn is_over_capacity(&self, region: RegionId) -> bool {
        self.over_capacity[region.index()]
    }
    fn is_edge_healthy(&self, service: ServiceId, region: RegionId) -> Option<bool> {
        Some(self.edges.as_ref()?[service.index()][region.index()])
    }
    fn learned_home(&self, _service: ServiceId, _key: &[u8]) -> Option<RegionId> {
        self.learned
    }
}

/// Everything that a decision is made from.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) parts: TableParts,
    pub(crate) fleet: Fleet,
    pub(crate) request: Request,
    pub(crate) place: Place,
}

/// Answers always the same, and counts how often it was asked.
struct Counting {
    place: Place,
    asked: Cell<usize>,
}

impl PlaceFinder for Counting {
    fn place_of(&self, _: IpAddr) -> Place {
        self.asked.set(self.asked.get() + 1);
        self.place
    }
}

impl World {
    pub(crate) fn table(&self) -> RoutingTable {
        RoutingTable::new(self.parts.clone())
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    /// Calls `then` with the facts of the request.
    pub(crate) fn with_facts<T>(&self, then: impl FnOnce(&RequestFacts<'_>) -> T) -> T {
        let Request { host, path, client, cookies, keys, from } = &self.request;
        let cookies: Vec<_> = cookies.iter().map(Vec::as_slice).collect();
        let headers: Vec<_> = keys.iter().map(|key| ("x-session-id", key.as_slice())).collect();
        let arrival = match from {
            From::Client => Arrival::Client,
            From::Edge(from, home, by) => Arrival::Hop { from, home, by: *by },
            From::Circle => Arrival::Circle,
        };
        let (client, now) = (*client, self.now());
        then(&RequestFacts { host, path, client, cookies: &cookies, headers: &headers, arrival, now })
    }

    pub(crate) fn decide(&self) -> Option<Decision> {
        self.decide_and_count().0
    }

    /// The decision, and how often the place was looked up for it.
    pub(crate) fn decide_and_count(&self) -> (Option<Decision>, usize) {
        let places = Counting { place: self.place, asked: Cell::new(0) };
        let decision = self.with_facts(|facts| decide(&self.table(), facts, &self.fleet, &places));
        (decision, places.asked.get())
    }

    /// The home of the decision and the regions that may stand in for it.
    pub(crate) fn allowed(&self, decision: &Decision) -> Vec<RegionId> {
        [&[decision.home], self.table().substitutes_of(decision.home)].concat()
    }

    /// Whether `region` has servers of `service`, and a healthy one can be reached from here.
    pub(crate) fn is_able(&self, service: ServiceId, region: RegionId) -> bool {
        let healthy = self.fleet.is_healthy(service, region);
        let reached = match (&self.parts.regions[region.index()].edge, &self.fleet.edges) {
            (Some(edge), Some(edges)) if self.request.from == From::Client && region != self.fleet.local => {
                edges[service.index()][region.index()] || (edge.direct && healthy)
            }
            _ => healthy,
        };
        self.parts.services[service.index()].pool(region).is_some() && reached
    }

    /// The same, and no caution keeps requests from it.
    pub(crate) fn is_present(&self, service: ServiceId, region: RegionId) -> bool {
        let by_edge = self.parts.regions[region.index()].edge.is_some()
            && region != self.fleet.local
            && self.request.from == From::Client
            && self.fleet.edges.as_ref().is_some_and(|edges| edges[service.index()][region.index()]);
        self.is_able(service, region) && (by_edge || self.fleet.held[service.index()][region.index()].is_none())
    }

    /// The smallest share that the drains of `region` leave it, of those that `counts`.
    pub(crate) fn share_of(&self, region: RegionId, counts: impl Fn(&Drain) -> bool) -> f64 {
        let drains = self.parts.drains.iter().filter(|drain| drain.region == region && counts(drain));
        drains.map(|drain| drain.share_at(self.now()).ratio()).fold(1.0, f64::min)
    }
}

fn id(at: usize) -> RegionId {
    RegionId::at(at).unwrap()
}

fn some_of<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    subsequence(all.to_vec(), 1..=all.len())
}

/// Points of a coarse grid, so that equal distances happen.
fn location() -> impl Strategy<Value = Location> {
    (-3..=3_i8, -6..=6_i8).prop_map(|(lat, lon)| Location::new(f64::from(lat) * 25.0, f64::from(lon) * 30.0).unwrap())
}

fn regions() -> impl Strategy<Value = Vec<Region>> {
    (1..=6_usize).prop_flat_map(|count| {
        let failover = weighted(0.3, subsequence((0..count).map(id).collect::<Vec<_>>(), 0..=count).prop_shuffle());
        let edge = weighted(0.4, any::<bool>());
        vec((weighted(0.9, location()), failover, edge), count).prop_map(|all| {
            let region = |(at, (location, failover, edge)): (usize, (_, Option<Vec<RegionId>>, Option<bool>))| Region {
                location,
                retired_prefixes: vec![format!("old{at}").parse().unwrap()],
                failover: failover.map(|list| list.into_iter().filter(|other| *other != id(at)).collect()),
                edge: edge.map(|direct| RegionEdge { direct, .."http://127.0.0.1:80".parse().unwrap() }),
                ..Region::named(format!("r{at}").parse().unwrap(), format!("p{at}").parse().unwrap())
            };
            all.into_iter().enumerate().map(region).collect()
        })
    })
}

fn homes(regions: &[Region]) -> impl Strategy<Value = Vec<HomeRule>> + use<> {
    let all: Vec<_> = (0..regions.len()).map(id).collect();
    let located: Vec<_> = all.iter().copied().filter(|r| regions[r.index()].location.is_some()).collect();
    let condition = prop_oneof![
        some_of(&NETWORKS).prop_map(|n| HomeCondition::Networks(n.iter().map(|n| n.parse().unwrap()).collect())),
        some_of(&SUBDIVISIONS)
            .prop_map(|s| HomeCondition::Subdivisions(s.iter().map(|s| s.parse().unwrap()).collect())),
        some_of(&COUNTRIES).prop_map(|c| HomeCondition::Countries(c.iter().map(|c| c.parse().unwrap()).collect())),
        some_of(&Continent::ALL).prop_map(HomeCondition::Continents),
    ];
    let target = move || {
        let one = select(all.clone()).prop_map(HomeTarget::Region);
        if located.is_empty() {
            return one.boxed();
        }
        let nearest = subsequence(located.clone(), 1..=located.len()).prop_shuffle().prop_map(HomeTarget::Nearest);
        prop_oneof![one, nearest].boxed()
    };
    (vec((condition, target()), 0..5), target()).prop_map(|(rules, last)| {
        let mut seen: Vec<Network> = Vec::new();
        let mut homes: Vec<_> = rules.into_iter().map(|(condition, target)| HomeRule { condition, target }).collect();
        for rule in &mut homes {
            if let HomeCondition::Networks(networks) = &mut rule.condition {
                networks.retain(|network| !seen.iter().any(|earlier| earlier.contains(&*network)));
                seen.extend(networks.iter());
            }
        }
        homes.push(HomeRule { condition: HomeCondition::Otherwise, target: last });
        homes
    })
}

fn services(regions: usize) -> impl Strategy<Value = Vec<Service>> {
    let pools = subsequence((0..regions).map(id).collect::<Vec<_>>(), regions.div_ceil(2)..=regions);
    let one = (
        pools,
        any::<bool>(),
        weighted(0.8, select(vec!["-", "-", "-", "..", "~~~"])),
        some_of(&HOSTS),
        some_of(&PATHS),
    );
    let service =
        |(pools, refuse, separator, hosts, paths): (Vec<RegionId>, bool, Option<&str>, Vec<&str>, Vec<&str>)| {
            let server = || vec!["127.0.0.1:8080".parse().unwrap()];
            let cookie = |separator: &str| SessionKeys {
                header: Some("x-session-id".into()),
                separator: separator.into(),
                learn: refuse.then_some(Learning { entries: 1, ttl: Duration::from_secs(1) }),
                ..SessionKeys::in_cookie("sid")
            };
            Service {
                name: "service".parse().unwrap(),
                hosts: hosts.iter().map(|host| host.parse::<HostPattern>().unwrap()).collect(),
                paths: paths.iter().map(|path| path.parse().unwrap()).collect(),
                session: separator.map(cookie),
                when_home_is_away: if refuse { WhenHomeIsAway::Refuse } else { WhenHomeIsAway::Rehome },
                balance: Default::default(),
                timeouts: Timeouts::default(),
                resilience: Default::default(),
                largest_body: None,
                https: Https::default(),
                rate_limit: None,
                clients: None,
                methods: None,
                pools: pools
                    .into_iter()
                    .map(|r| {
                        (r, Pool { servers: server(), tls: None, http2: false, proxy_protocol: None, health: None })
                    })
                    .collect(),
            }
        };
    vec(one.prop_map(service), 1..3).prop_map(|mut services| {
        for (at, service) in services.iter_mut().enumerate() {
            service.name = format!("s{at}").parse().unwrap();
        }
        services
    })
}

pub(crate) fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        2 => Just(Share::NONE),
        1 => Just(Share::ALL),
        2 => (0.0..=1.0_f64).prop_map(|ratio| Share::from_ratio(ratio).unwrap()),
    ]
}

pub(crate) fn drain(regions: usize) -> impl Strategy<Value = Drain> {
    let moment = || of((-600..=600_i64).prop_map(|seconds| Timestamp::from_second(NOW + seconds).unwrap()));
    let sessions = select(vec![DrainedSessions::Keep, DrainedSessions::Move]);
    (0..regions, sessions, share(), 0..600_u64, moment(), moment()).prop_map(
        |(region, sessions, share, ramp, since, until)| Drain {
            sessions,
            share,
            ramp: Duration::from_secs(ramp),
            since,
            until,
            ..Drain::of(id(region))
        },
    )
}

pub(crate) fn client() -> impl Strategy<Value = IpAddr> {
    let near = |base: u32, bits: u32| (0..1_u32 << bits).prop_map(move |n| IpAddr::from((base + n).to_be_bytes()));
    prop_oneof![
        near(0xCB00_7100, 8),
        near(0xC633_6400, 8),
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u32>().prop_map(|bits| IpAddr::from((0xFFFF_0000_0000_u128 | u128::from(bits)).to_be_bytes())),
        (0..1_u128 << 96).prop_map(|bits| IpAddr::from((0x2001_0db8_u128 << 96 | bits).to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let known = (
        select(COUNTRIES.to_vec()),
        of(select(SUBDIVISIONS.to_vec())),
        select(Continent::ALL.to_vec()),
        of(location()),
    )
        .prop_map(|(country, subdivision, continent, location)| {
            let subdivision: Option<Subdivision> = subdivision.map(|code| code.parse().unwrap());
            let country: Country = subdivision.map_or_else(|| country.parse().unwrap(), |code| code.country());
            Place { continent: Some(continent), country: Some(country), subdivision, location }
        });
    prop_oneof![1 => Just(Place::default()), 4 => known]
}

fn request(regions: usize) -> impl Strategy<Value = Request> {
    let key = (select(vec!["p", "p", "old"]), 0..regions + 1, select(vec!["-", "-", "-", "..", "~~~"]))
        .prop_map(|(prefix, at, separator)| format!("{prefix}{at}{separator}9f2c"));
    let named = key.clone().prop_map(|key| format!("sid={key}"));
    let cookie =
        prop_oneof![4 => named, 1 => "sid=[a-z.~-]{0,8}", 1 => "[a-z]{1,3}=[a-z]{0,3}"].prop_map(String::into_bytes);
    let keys = vec(key.prop_map(String::into_bytes), 0..2);
    let from = prop_oneof![9 => Just(From::Client), 1 => Just(From::Circle)];
    let host = select(vec!["a.test", "A.test:80", "b.a.test", "c.b.a.test", "a.test.", "other", ""]);
    let path = select(vec!["/", "/x", "/x/y/z", "/xy", "*"]);
    (host, path, client(), vec(cookie, 0..3), keys, from).prop_map(|(host, path, client, cookies, keys, from)| {
        Request { host: host.to_owned(), path: path.to_owned(), client, cookies, keys, from }
    })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    regions().prop_flat_map(|regions| {
        let count = regions.len();
        let health = vec(vec(prop::bool::weighted(0.7), count), 2);
        let edges = weighted(0.6, vec(vec(prop::bool::weighted(0.7), count), 2));
        let learned = weighted(0.2, (0..count).prop_map(id));
        let held = prop_oneof![8 => Just(None), 1 => Just(Some(Presence::TooFew)), 1 => Just(Some(Presence::Flapping))];
        let held = vec(vec(held, count), 2);
        let load =
            (vec(prop::bool::weighted(0.2), count), vec(prop_oneof![3 => Just(Share::ALL), 1 => share()], count));
        let fleet = (0..count, health, held, load, edges, learned).prop_map(
            |(local, healthy, held, (over_capacity, room), edges, learned)| Fleet {
                local: id(local),
                healthy,
                held,
                over_capacity,
                room,
                edges,
                learned,
            },
        );
        (homes(&regions), services(count), vec(drain(count), 0..4), fleet, request(count), place()).prop_map(
            move |(homes, services, drains, fleet, request, place)| World {
                parts: TableParts {
                    regions: regions.clone(),
                    homes: Arc::new(homes.into()),
                    services,
                    drains,
                    ..TableParts::default()
                },
                fleet,
                request,
                place,
            },
        )
    })
}

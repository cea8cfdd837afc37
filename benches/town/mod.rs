//! Tables of any size, and who visits them.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use homeward::model::{
    Continent, Country, Drain, DrainedSessions, HostPattern, Https, Keyring, Location, Network, PathPrefix, Place,
    Pool, RegionId, SecretSource, Service, ServiceId, SessionKeys, Share, Timeouts, Timestamp, WhenHomeIsAway,
};
use homeward::routing::{
    FleetView, HomeCondition, HomeRule, HomeTarget, PlaceFinder, Region, RoutingTable, TableParts,
};
use homeward::session::KeyFormat;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// How large a table is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Home rules on networks, besides five others.
    pub(crate) rules: usize,
    /// Regions; each has a pool of the one service.
    pub(crate) regions: usize,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rules, {} regions", self.rules, self.regions)
    }
}

/// The sizes that are measured.
pub(crate) const SIZES: [Size; 5] = [
    Size { rules: 10, regions: 2 },
    Size { rules: 10, regions: 20 },
    Size { rules: 10, regions: 200 },
    Size { rules: 1_000, regions: 20 },
    Size { rules: 100_000, regions: 20 },
];

/// The host of the service.
pub(crate) const HOST: &str = "portal.example.com";

fn id(at: usize) -> RegionId {
    RegionId::at(at).unwrap()
}

/// The moment of every request.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// The network of the rule at `at`: a /24 somewhere in 1.0.0.0 to 126.255.255.0, scattered.
fn network(at: usize) -> Network {
    let scattered = (at as u32).wrapping_mul(0x9E37_79B1) % (126 << 16);
    let address = Ipv4Addr::from((scattered + (1 << 16)) << 8);
    Network::new(IpAddr::V4(address), 24).unwrap()
}

/// A visitor out of the network of some rule.
pub(crate) fn in_a_network(size: Size, at: usize) -> IpAddr {
    network(at % size.rules).addr()
}

/// A visitor in no network of any rule.
pub(crate) fn elsewhere(at: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0xC000_0000 | (at as u32).wrapping_mul(0x9E37_79B1) >> 4))
}

fn region(at: usize) -> Region {
    let latitude = (at * 37 % 140) as f64 - 70.0;
    let longitude = (at * 101 % 360) as f64 - 180.0;
    let named = Region::named(format!("region-{at}").parse().unwrap(), format!("r{at}").parse().unwrap());
    Region { location: Location::new(latitude, longitude).ok(), ..named }
}

fn service(regions: usize) -> Service {
    let pool = || Pool {
        servers: vec!["127.0.0.1:8080".parse().unwrap()],
        tls: None,
        http2: false,
        proxy_protocol: None,
        health: None,
    };
    Service {
        name: "portal".parse().unwrap(),
        hosts: vec![HOST.parse().unwrap(), "*.portal.example.com".parse::<HostPattern>().unwrap()],
        paths: vec![PathPrefix::root()],
        session: Some(SessionKeys::in_cookie("sid")),
        when_home_is_away: WhenHomeIsAway::Rehome,
        balance: Default::default(),
        timeouts: Timeouts::default(),
        resilience: Default::default(),
        largest_body: None,
        https: Https::default(),
        rate_limit: None,
        clients: None,
        methods: None,
        pools: (0..regions).map(|at| (id(at), pool())).collect(),
    }
}

/// Networks, two subdivisions, a country, a continent and the nearest of all regions; no drains.
pub(crate) fn parts(size: Size) -> TableParts {
    let to = |at: usize| HomeTarget::Region(id(at % size.regions));
    let rule = |condition, target| HomeRule { condition, target };
    let mut homes: Vec<_> =
        (0..size.rules).map(|at| rule(HomeCondition::Networks([network(at)].into_iter().collect()), to(at))).collect();
    homes.extend([
        rule(HomeCondition::Subdivisions(vec!["US-CA".parse().unwrap(), "US-OR".parse().unwrap()]), to(1)),
        rule(HomeCondition::Countries(vec!["US".parse().unwrap(), "CA".parse().unwrap()]), to(0)),
        rule(HomeCondition::Continents(vec![Continent::Asia]), to(1)),
        rule(HomeCondition::Otherwise, HomeTarget::Nearest((0..size.regions).map(id).collect())),
    ]);
    TableParts {
        regions: (0..size.regions).map(region).collect(),
        homes: Arc::new(homes.into()),
        services: vec![service(size.regions)],
        ..TableParts::default()
    }
}

/// The table of this size.
pub(crate) fn table(size: Size) -> RoutingTable {
    RoutingTable::new(parts(size))
}

/// The same with a drain of the first region that leaves it a third of the visitors, in the middle of its ramp.
pub(crate) fn drained_table(size: Size) -> RoutingTable {
    let drain = Drain {
        sessions: DrainedSessions::Move,
        share: Share::from_ratio(0.1).unwrap(),
        ramp: Duration::from_secs(600),
        since: Some(now() - Duration::from_secs(450)),
        until: Some(now() + Duration::from_secs(3600)),
        ..Drain::of(id(0))
    };
    RoutingTable::new(TableParts { drains: vec![drain], ..parts(size) })
}

/// The same table with signed session keys, and how they are written.
pub(crate) fn signed_table(size: Size) -> (RoutingTable, KeyFormat) {
    let source = SecretSource::Environment("KEYS".into());
    let keyring: Arc<Keyring> = Arc::new("7".repeat(64).parse().unwrap());
    let mut parts = parts(size);
    for keys in parts.services.iter_mut().filter_map(|service| service.session.as_mut()) {
        keys.keyring = Some(source.clone());
    }
    parts.keyrings.insert(source, keyring.clone());
    (RoutingTable::new(parts), KeyFormat::new("-", Some(keyring)))
}

/// A fleet in which everything is healthy, seen from the first region.
pub(crate) struct Healthy;

impl FleetView for Healthy {
    fn local_region(&self) -> RegionId {
        id(0)
    }
    fn is_healthy(&self, _: ServiceId, _: RegionId) -> bool {
        true
    }
    fn is_over_capacity(&self, _: RegionId) -> bool {
        false
    }
}

/// Knows one place, and finds it for every address.
pub(crate) struct Everywhere(pub(crate) Place);

impl PlaceFinder for Everywhere {
    fn place_of(&self, _: IpAddr) -> Place {
        self.0
    }
}

/// In a country by this code, at its middle more or less.
pub(crate) fn place(country: &str, continent: Continent, latitude: f64, longitude: f64) -> Place {
    Place {
        continent: Some(continent),
        country: country.parse::<Country>().ok(),
        subdivision: None,
        location: Location::new(latitude, longitude).ok(),
    }
}

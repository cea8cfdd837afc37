//! Random tables over three regions with edges of their own, and what such a table says of a visitor.

use super::super::fleet::{REGIONS, Reach};
use fastrand::Rng;
use homeward::config::{Source, read_routing};
use homeward::live::clock;
use std::fmt::Write as _;
use std::net::SocketAddr;

const LOCATIONS: [&str; 3] = ["{latitude: 39.04, longitude: -77.49}", "{latitude: 41.26, longitude: -95.86}", ""];

/// A place that visitors come from: one of those of the fixture database, or one that it does not know.
#[derive(Clone)]
pub(super) struct Place {
    /// The second byte of its addresses in 127.0.0.0/8.
    byte: u8,
    subdivision: String,
    country: String,
    continent: String,
}

impl Place {
    pub(super) fn all() -> Vec<Self> {
        let text = include_str!("../../../../geoip/fixture.csv");
        let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        let known = lines.map(|line| {
            let cells: Vec<_> = line.split(',').map(str::to_owned).collect();
            let byte = cells[0].split('.').nth(1).unwrap().parse().unwrap();
            Self { byte, continent: cells[1].clone(), country: cells[2].clone(), subdivision: cells[3].clone() }
        });
        let unknown = Self { byte: 0, subdivision: String::new(), country: String::new(), continent: String::new() };
        known.chain([unknown]).collect()
    }

    /// An address there.
    pub(super) fn address(&self, rng: &mut Rng) -> String {
        format!("127.{}.{}.{}", self.byte, rng.u8(..), rng.u8(1..))
    }
}

/// What decides where a request belongs: the same at all edges that agree.
#[derive(Clone)]
pub(super) struct Words {
    pub(super) prefixes: Vec<String>,
    pub(super) separator: &'static str,
    pub(super) cookie: &'static str,
    /// Key, item and region.
    rules: Vec<(&'static str, String, usize)>,
    otherwise: usize,
}

impl Words {
    pub(super) fn random(rng: &mut Rng, places: &[Place]) -> Self {
        let mut of = [0, 1, 2];
        rng.shuffle(&mut of); // so that what was one region's prefix in a table is another's in the next
        let prefix = |at: usize| match rng.u8(..4) {
            0 => REGIONS[at].to_owned(),
            1 => format!("p{at}"),
            2 => REGIONS[at].split('-').next_back().unwrap().to_owned(),
            _ => format!("{}.{at}", REGIONS[at]),
        };
        let prefixes = of.map(prefix).to_vec();
        let mut rules: Vec<(&'static str, String, usize)> = Vec::new();
        for key in ["networks", "subdivisions", "countries", "continents"] {
            for _ in 0..rng.usize(..4) {
                let place = rng.choice(places).unwrap();
                let item = match key {
                    "networks" => format!("127.{}.0.0/16", place.byte),
                    "subdivisions" => place.subdivision.clone(),
                    "countries" => place.country.clone(),
                    _ => place.continent.clone(),
                };
                if !item.is_empty() && !rules.iter().any(|rule| (rule.0, &rule.1) == (key, &item)) {
                    rules.push((key, item, rng.usize(..3)));
                }
            }
        }
        let separator = *rng.choice(&["-", ".", "--", "~"]).unwrap();
        let cookie = *rng.choice(&["sid", "SESSIONID", "__Host-sid"]).unwrap();
        Self { prefixes, separator, cookie, rules, otherwise: rng.usize(..3) }
    }

    /// Three of four with a cookie and prefixes that others have too, though not always for the same regions.
    pub(super) fn mostly_common(mut self, rng: &mut Rng) -> Self {
        if rng.u8(..4) > 0 {
            (self.cookie, self.separator) = ("sid", "-");
            self.prefixes = ["east", "central", "west"].map(str::to_owned).to_vec();
            if rng.bool() {
                rng.shuffle(&mut self.prefixes);
            }
        }
        self
    }

    /// The home of a visitor without a session.
    pub(super) fn home_of(&self, place: &Place) -> usize {
        let matches = |key: &str, item: &str| match key {
            "networks" => item == format!("127.{}.0.0/16", place.byte),
            "subdivisions" => item == place.subdivision,
            "countries" => item == place.country,
            _ => item == place.continent,
        };
        let rule = self.rules.iter().find(|(key, item, _)| matches(key, item));
        rule.map_or(self.otherwise, |(_, _, region)| *region)
    }
}

/// Where servers and edges are, and how they are reached.
#[derive(Clone)]
pub(super) struct Layout {
    /// The servers of each service in each region; a service without any is missing.
    pub(super) services: Vec<(&'static str, [Vec<SocketAddr>; 3])>,
    pub(super) reach: [Reach; 3],
    pub(super) edges: [SocketAddr; 3],
}

const REACHES: [Reach; 4] = [Reach::Pool, Reach::Edge, Reach::EdgeOrPool, Reach::Http2];

/// Some of `all`, at least one, in any order.
fn some(rng: &mut Rng, all: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut all = all.to_vec();
    rng.shuffle(&mut all);
    all.truncate(rng.usize(1..=all.len()));
    all
}

impl Layout {
    /// One that is true: each region has some of its `servers`, and its own edge.
    pub(super) fn truthful(rng: &mut Rng, servers: &[Vec<SocketAddr>], edges: [SocketAddr; 3]) -> Self {
        let pools = [0, 1, 2].map(|region| some(rng, &servers[region]));
        let reach = [(); 3].map(|()| *rng.choice(&REACHES).unwrap());
        Self { services: vec![("portal", pools)], reach, edges }
    }

    /// One that may be wrong in everything: servers of other regions, or where nobody listens, or none; the edges of
    /// others, or this very edge, as those of a region; a service that is missing.
    pub(super) fn wrong(rng: &mut Rng, servers: &[Vec<SocketAddr>], edges: [SocketAddr; 3], dead: SocketAddr) -> Self {
        let all = servers.concat();
        let mut services = Vec::new();
        for name in ["portal", "shop"] {
            let mut pools = [(); 3].map(|()| match rng.u8(..8) {
                0 => Vec::new(),
                1 => vec![dead],
                2 => vec![dead, all[rng.usize(..all.len())]],
                _ => some(rng, &all),
            });
            if pools.iter().all(Vec::is_empty) {
                pools[rng.usize(..3)] = some(rng, &all);
            }
            services.push((name, pools));
        }
        if rng.u8(..3) == 0 {
            services.remove(usize::from(rng.u8(..4) > 0)); // mostly the second
        }
        let reach = [(); 3].map(|()| *rng.choice(&REACHES).unwrap());
        let edges = match rng.u8(..4) {
            0 => edges,
            1 => [edges[1], edges[2], edges[0]],
            2 => [edges[0]; 3],
            _ => [(); 3].map(|()| edges[rng.usize(..3)]),
        };
        Self { services, reach, edges }
    }
}

/// The table, where the reader takes it.
pub(super) fn written(words: &Words, layout: &Layout) -> Option<String> {
    let mut text = "version: 1\nregions:\n".to_owned();
    for (at, name) in REGIONS.iter().enumerate() {
        let mut parts = vec![format!("session_prefix: \"{}\"", words.prefixes[at])];
        parts.extend((!LOCATIONS[at].is_empty()).then(|| format!("location: {}", LOCATIONS[at])));
        parts.push(layout.reach[at].written(layout.edges[at]));
        parts.retain(|part| !part.is_empty());
        writeln!(text, "  {name}: {{{}}}", parts.join(", ")).unwrap();
    }
    text.push_str("homes:\n");
    for (key, item, region) in &words.rules {
        writeln!(text, "  - {{{key}: [\"{item}\"], region: {}}}", REGIONS[*region]).unwrap();
    }
    writeln!(text, "  - otherwise: {}\nservices:", REGIONS[words.otherwise]).unwrap();
    let Words { cookie, separator, .. } = words;
    for (service, pools) in &layout.services {
        writeln!(text, "  {service}:\n    hosts: [{service}.example.com]").unwrap();
        writeln!(text, "    session: {{cookie: {cookie}, separator: \"{separator}\"}}\n    pools:").unwrap();
        for (name, servers) in REGIONS.iter().zip(pools).filter(|(_, servers)| !servers.is_empty()) {
            let quoted: Vec<_> = servers.iter().map(|server| format!("\"{server}\"")).collect();
            writeln!(text, "      {name}: [{}]", quoted.join(", ")).unwrap();
        }
    }
    read_routing(&Source::new("routing.yaml", text.as_str()), clock::now()).is_ok().then_some(text)
}

//! Random routing tables that are valid, and what a visit to them is made from.

use super::places::{Places, Row};
use fastrand::Rng;
use homeward::config::{Source, read_routing};
use homeward::live::clock;
use ipnet::IpNet;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The region that the edge stands in; every table has it.
pub(super) const LOCAL: &str = "us-west";

/// The regions that a table may have, with their places.
pub(super) const REGIONS: [(&str, &str); 6] = [
    (LOCAL, "{latitude: 45.6, longitude: -121.18}"),
    ("us-east", "{latitude: 39.04, longitude: -77.49}"),
    ("us-central", "{latitude: 41.26, longitude: -95.86}"),
    ("eu-west", "{latitude: 53.35, longitude: -6.26}"),
    ("ap-south", "{latitude: 1.29, longitude: 103.85}"),
    ("sa-east", "{latitude: -23.55, longitude: -46.63}"),
];

const HOSTS: [&str; 8] = [
    "portal.example.com",
    "*.portal.example.com",
    "*.example.com",
    "example.com",
    "api.example.com",
    "*.eu.portal.example.com",
    "shop.example.org",
    "*",
];

const PATHS: [&str; 7] = ["/", "/api", "/api/v2", "/a", "/shop/cart", "/API", "/%61pi"];

/// A table, and the words that its visitors use.
#[derive(Default)]
pub(super) struct Table {
    pub(super) text: String,
    pub(super) hosts: Vec<&'static str>,
    pub(super) cookies: Vec<(&'static str, &'static str)>,
    pub(super) prefixes: Vec<String>,
    /// The networks that its rules name.
    pub(super) networks: Vec<IpNet>,
}

struct Region {
    name: &'static str,
    location: Option<&'static str>,
}

/// A random table that the reader takes, over servers at these addresses: the nth is of the nth region.
pub(super) fn random(rng: &mut Rng, servers: &[SocketAddr], places: &Places) -> Table {
    for _ in 0..1_000 {
        let table = draft(rng, servers, places);
        if read_routing(&Source::new("routing.yaml", table.text.as_str()), clock::now()).is_ok() {
            return table;
        }
    }
    panic!("a thousand tables in a row were refused; the last one:\n{}", draft(rng, servers, places).text);
}

fn draft(rng: &mut Rng, servers: &[SocketAddr], places: &Places) -> Table {
    let mut others: Vec<_> = REGIONS[1..].to_vec();
    rng.shuffle(&mut others);
    others.truncate(rng.usize(1..REGIONS.len()));
    others.insert(rng.usize(..=others.len()), REGIONS[0]);
    let regions: Vec<_> = others
        .into_iter()
        .map(|(name, location)| Region { name, location: (rng.u8(..10) < 8).then_some(location) })
        .collect();
    let mut table = Table::default();
    table.text.push_str("version: 1\n");
    write_regions(rng, &regions, &mut table);
    write_homes(rng, &regions, places, &mut table);
    write_services(rng, &regions, servers, &mut table);
    write_drains(rng, &regions, &mut table.text);
    table
}

fn write_regions(rng: &mut Rng, regions: &[Region], table: &mut Table) {
    table.text.push_str("regions:\n");
    for (at, region) in regions.iter().enumerate() {
        let mut parts = Vec::new();
        let prefix = match rng.u8(..4) {
            0 => region.name.to_owned(),
            1 => format!("p{at}"),
            2 => region.name.split('-').next_back().unwrap_or_default().to_owned(),
            _ => format!("{}.{at}", region.name),
        };
        if prefix != region.name {
            parts.push(format!("session_prefix: \"{prefix}\""));
        }
        table.prefixes.push(prefix);
        parts.extend(region.location.map(|location| format!("location: {location}")));
        let mut others: Vec<_> = regions.iter().map(|other| other.name).filter(|name| *name != region.name).collect();
        if rng.bool() {
            rng.shuffle(&mut others);
            others.truncate(rng.usize(1..=others.len()));
            parts.push(format!("failover: [{}]", others.join(", ")));
        }
        writeln!(table.text, "  {}: {{{}}}", region.name, parts.join(", ")).unwrap();
    }
}

/// Some of `all`, at least one where there is one, in any order.
fn some<T: Clone>(rng: &mut Rng, all: &[T], most: usize) -> Vec<T> {
    let mut all = all.to_vec();
    rng.shuffle(&mut all);
    all.truncate(rng.usize(1..=most));
    all
}

/// What is claimed by the rules so far, so that no rule is behind one that takes all of it.
#[derive(Default)]
struct Claimed {
    networks: Vec<IpNet>,
    others: HashSet<String>,
}

impl Claimed {
    // A code of two letters may be a country and a continent: SA, NA, AF, AS.
    fn has_continent_of(&self, place: &Row) -> bool {
        self.others.contains(&format!("continent {}", place.continent))
    }
}

fn write_homes(rng: &mut Rng, regions: &[Region], places: &Places, table: &mut Table) {
    let text = &mut table.text;
    text.push_str("homes:\n");
    let located: Vec<_> = regions.iter().filter(|region| region.location.is_some()).map(|r| r.name).collect();
    let mut claimed = Claimed::default();
    for _ in 0..rng.usize(..=6) {
        let (key, items) = items_of_a_rule(rng, places, &mut claimed);
        if items.is_empty() {
            continue;
        }
        let target = match &*located {
            [] => format!("region: {}", regions[rng.usize(..regions.len())].name),
            _ if rng.bool() => format!("region: {}", regions[rng.usize(..regions.len())].name),
            located => format!("nearest: [{}]", some(rng, located, located.len()).join(", ")),
        };
        writeln!(text, "  - {{{key}: [{}], {target}}}", items.join(", ")).unwrap();
    }
    let otherwise = if rng.bool() { "nearest" } else { regions[rng.usize(..regions.len())].name };
    writeln!(text, "  - otherwise: {otherwise}").unwrap();
    table.networks = claimed.networks;
}

fn items_of_a_rule(rng: &mut Rng, places: &Places, claimed: &mut Claimed) -> (&'static str, Vec<String>) {
    let mut items = Vec::new();
    let key = match rng.u8(..4) {
        0 => {
            for network in some(rng, &places.networks, 5) {
                // The whole, or a part of it.
                let longer = (network.prefix_len() + rng.u8(..=4)).min(network.max_prefix_len());
                let Some(part) = network.subnets(longer).unwrap().nth(rng.usize(..2)).or(Some(network)) else {
                    continue;
                };
                if !claimed.networks.iter().any(|other| other.contains(&part)) {
                    claimed.networks.push(part);
                    items.push(format!("\"{part}\""));
                }
            }
            "networks"
        }
        1 => {
            for place in some(rng, &places.rows, 5) {
                let is_taken = claimed.others.contains(&place.country) || claimed.has_continent_of(&place);
                if !place.subdivision.is_empty() && !is_taken && claimed.others.insert(place.subdivision.clone()) {
                    items.push(place.subdivision);
                }
            }
            "subdivisions"
        }
        2 => {
            for place in some(rng, &places.rows, 5) {
                let is_taken = place.country.is_empty() || claimed.has_continent_of(&place);
                if !is_taken && claimed.others.insert(place.country.clone()) {
                    // Norway is a country, and NO is no to some readers.
                    items.push(if rng.bool() { place.country } else { format!("\"{}\"", place.country) });
                }
            }
            "countries"
        }
        _ => {
            for place in some(rng, &places.rows, 2) {
                if claimed.others.insert(format!("continent {}", place.continent)) {
                    items.push(place.continent);
                }
            }
            "continents"
        }
    };
    (key, items)
}

fn write_services(rng: &mut Rng, regions: &[Region], servers: &[SocketAddr], table: &mut Table) {
    table.text.push_str("services:\n");
    let mut taken = HashSet::new();
    for name in &["portal", "shop", "api"][..rng.usize(1..=3)] {
        let (mut hosts, mut paths) = (some(rng, &HOSTS, 3), some(rng, &PATHS, 3));
        if rng.u8(..4) > 0 {
            paths = vec!["/"];
        }
        hosts.retain(|host| !paths.iter().any(|path| taken.contains(&(*host, *path))));
        if hosts.is_empty() {
            continue;
        }
        taken.extend(hosts.iter().flat_map(|host| paths.iter().map(|path| (*host, *path))));
        let quoted: Vec<_> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
        writeln!(table.text, "  {name}:\n    hosts: [{}]", quoted.join(", ")).unwrap();
        writeln!(table.text, "    paths: [{}]", paths.join(", ")).unwrap();
        table.hosts.extend(hosts);
        if rng.u8(..10) < 8 {
            let cookie = *rng.choice(&["sid", "SESSIONID", "__Host-sid"]).unwrap();
            let separator = *rng.choice(&["-", ".", "--", "~"]).unwrap();
            writeln!(table.text, "    session: {{cookie: {cookie}, separator: \"{separator}\"}}").unwrap();
            table.cookies.push((cookie, separator));
        }
        if rng.bool() {
            table.text.push_str("    when_home_is_away: refuse\n");
        }
        table.text.push_str("    pools:\n");
        let density = rng.u8(1..=4);
        let mut with_pool: Vec<_> = regions.iter().filter(|_| rng.u8(..4) < density).collect();
        if with_pool.is_empty() {
            with_pool.push(&regions[rng.usize(..regions.len())]);
        }
        for region in with_pool {
            let at = REGIONS.iter().position(|(name, _)| *name == region.name).unwrap();
            writeln!(table.text, "      {}: [\"{}\"]", region.name, servers[at]).unwrap();
        }
    }
}

fn write_drains(rng: &mut Rng, regions: &[Region], text: &mut String) {
    for nth in 0..rng.usize(..=3) {
        if nth == 0 {
            text.push_str("drains:\n");
        }
        let mut parts = vec![format!("region: {}", regions[rng.usize(..regions.len())].name)];
        if rng.bool() {
            parts.push(format!("sessions: {}", rng.choice(["keep", "move"]).unwrap()));
        }
        parts.extend(rng.choice([None, Some("0%"), Some("30%"), Some("100%")]).unwrap().map(|s| format!("share: {s}")));
        // Begun long ago, or in a time that no run of this test will see; never in the middle of a ramp.
        match rng.u8(..6) {
            0 => parts.push("since: 2020-01-01T00:00:00Z".to_owned()),
            1 => parts.push("since: 2020-01-01T00:00:00Z, ramp: 10m".to_owned()),
            2 => parts.push("since: 2090-01-01T00:00:00Z".to_owned()),
            3 => parts.push("since: 2020-01-01T00:00:00Z, until: 2021-01-01T00:00:00Z".to_owned()),
            _ => {}
        }
        if rng.u8(..4) == 0 && !parts.iter().any(|part| part.contains("until") || part.contains("2090")) {
            parts.push("until: 2090-01-01T00:00:00Z".to_owned());
        }
        writeln!(text, "  - {{{}, by: oncall, reason: INC-{nth}}}", parts.join(", ")).unwrap();
    }
}

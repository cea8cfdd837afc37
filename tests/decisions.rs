//! The cases of `tests/decisions/`: a table and the facts of a request, and what must be decided from them.
//!
//! A case is one file. Everything above `decision:` is its question, the rest the answer, as [`Explanation`] writes it;
//! `steps` are compared only in cases that have them. `UPDATE_GOLDEN=1 cargo test --test decisions` writes the answers
//! of today into the files; read the diff before you keep it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

use homeward::config::{Source, read_routing};
use homeward::geo::country_centre;
use homeward::model::{Keyring, Location, Place, Presence, RegionId, SecretSource, ServiceId, Share, Timestamp};
use homeward::routing::{Arrival, Explanation, FleetView, FoundBy, PlaceFinder, RequestFacts, RoutingTable, decide};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    table: String,
    edge: Edge,
    #[serde(default)]
    fleet: Fleet,
    now: Timestamp,
    request: Request,
    #[serde(default)]
    places: HashMap<IpAddr, KnownPlace>,
    /// What stands in the key files that the table names: keys by file.
    #[serde(default)]
    keyrings: HashMap<String, Vec<String>>,
    decision: Option<Map<String, Value>>,
}

fn keyring(file: &str, keys: &[String]) -> Result<(SecretSource, Arc<Keyring>), String> {
    let keyring = keys.join("\n").parse().map_err(|error| format!("{file}: {error}"))?;
    Ok((SecretSource::File(file.into()), Arc::new(keyring)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edge {
    region: String,
}

/// What is wrong in the fleet; everything else is healthy and has room.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Fleet {
    /// Pools without a healthy server: service, region.
    #[serde(default)]
    unhealthy: Vec<(String, String)>,
    /// Pools with healthy servers that are away all the same: service, region, and `few` or `flapping`.
    #[serde(default)]
    held: Vec<(String, String, String)>,
    /// The share of the new visitors at home in a region that it has room for, by region.
    #[serde(default)]
    room: HashMap<String, String>,
    #[serde(default)]
    over_capacity: Vec<String>,
    /// Hops are on, and these regions' edges cannot be reached.
    edges_down: Option<Vec<String>>,
    /// Session keys whose homes apps have told, by service, key and region.
    #[serde(default)]
    learned: Vec<(String, String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    host: String,
    path: String,
    client: IpAddr,
    #[serde(default)]
    cookies: Vec<String>,
    /// Those that the table reads keys from, in lower case.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// That another edge has forwarded it: the region that it stands in, the home that it found, and by what: `place`,
    /// `session` or `replay`.
    hop: Option<(String, String, String)>,
    /// That it comes from behind an edge, without a good token.
    #[serde(default)]
    in_circle: bool,
}

impl Request {
    fn arrival(&self) -> Arrival<'_> {
        match &self.hop {
            Some((from, home, by)) => {
                let by = match &**by {
                    "place" => FoundBy::Place,
                    "session" => FoundBy::Session,
                    "replay" => FoundBy::Replay,
                    other => panic!("{other} is none of place, session and replay"),
                };
                Arrival::Hop { from, home, by }
            }
            None if self.in_circle => Arrival::Circle,
            None => Arrival::Client,
        }
    }
}

/// Stands for a record of a database. Like there, a country's centre stands for coordinates that are missing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownPlace {
    country: Option<String>,
    subdivision: Option<String>,
    continent: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl KnownPlace {
    fn place(&self) -> Place {
        let country = self.country.as_ref().map(|code| code.parse().expect("a country"));
        let location = self.latitude.zip(self.longitude).map(|(lat, lon)| Location::new(lat, lon).expect("a location"));
        Place {
            continent: self.continent.as_ref().map(|code| code.parse().expect("a continent")),
            country,
            subdivision: self.subdivision.as_ref().map(|code| code.parse().expect("a subdivision")),
            location: location.or_else(|| country.and_then(country_centre)),
        }
    }
}

struct View<'a> {
    table: &'a RoutingTable,
    local: RegionId,
    fleet: &'a Fleet,
}

impl FleetView for View<'_> {
    fn local_region(&self) -> RegionId {
        self.local
    }

    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool {
        let service = self.table.service_name(service).unwrap().as_str();
        let region = self.table.region_name(region);
        !self.fleet.unhealthy.iter().any(|(s, r)| s == service && r == region)
    }

    fn presence(&self, service: ServiceId, region: RegionId) -> Presence {
        let named = self.table.service_name(service).unwrap().as_str();
        let name = self.table.region_name(region);
        match self.fleet.held.iter().find(|(s, r, _)| s == named && r == name) {
            _ if !self.is_healthy(service, region) => Presence::NoneHealthy,
            None => Presence::Present,
            Some((_, _, how)) if how == "few" => Presence::TooFew,
            Some((_, _, how)) if how == "flapping" => Presence::Flapping,
            Some((_, _, how)) => panic!("{how} is neither few nor flapping"),
        }
    }

    fn room_at_home(&self, region: RegionId) -> Share {
        self.fleet.room.get(self.table.region_name(region)).map_or(Share::ALL, |share| share.parse().expect("a share"))
    }

    fn is_over_capacity(&self, region: RegionId) -> bool {
        self.fleet.over_capacity.iter().any(|name| name == self.table.region_name(region))
    }

    fn is_edge_healthy(&self, _service: ServiceId, region: RegionId) -> Option<bool> {
        let down = self.fleet.edges_down.as_ref()?;
        Some(!down.iter().any(|name| name == self.table.region_name(region)))
    }

    fn learned_home(&self, service: ServiceId, key: &[u8]) -> Option<RegionId> {
        let service = self.table.service_name(service).unwrap().as_str();
        let known = self.fleet.learned.iter().find(|(s, k, _)| s == service && k.as_bytes() == key);
        known.and_then(|(_, _, region)| self.table.region_id(region))
    }
}

impl PlaceFinder for Case {
    fn place_of(&self, address: IpAddr) -> Place {
        self.places.get(&address.to_canonical()).map(KnownPlace::place).unwrap_or_default()
    }
}

impl Case {
    /// What is decided today, without what the question says already and without what is not there.
    fn decide(&self, name: &str) -> Result<Map<String, Value>, String> {
        let source = Source::new(name, self.table.as_str());
        let mut parts = read_routing(&source, self.now).map_err(|problems| problems.to_string())?;
        parts.keyrings = self.keyrings.iter().map(|(file, keys)| keyring(file, keys)).collect::<Result<_, _>>()?;
        let table = RoutingTable::new(parts);
        let region = |name: &str| table.region_id(name).ok_or(format!("the table has no region {name}"));
        let local = region(&self.edge.region)?;
        for (service, name) in &self.fleet.unhealthy {
            region(name)?;
            if !table.services().iter().any(|known| known.name.as_str() == service) {
                return Err(format!("the table has no service {service}"));
            }
        }
        self.fleet.room.keys().try_for_each(|name| region(name).map(|_| ()))?;
        self.fleet.held.iter().try_for_each(|(_, name, _)| region(name).map(|_| ()))?;
        self.fleet.over_capacity.iter().try_for_each(|name| region(name).map(|_| ()))?;
        let cookies: Vec<_> = self.request.cookies.iter().map(|line| line.as_bytes()).collect();
        let headers: Vec<_> = self.request.headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
        let facts = RequestFacts {
            host: &self.request.host,
            path: &self.request.path,
            client: self.request.client,
            cookies: &cookies,
            headers: &headers,
            arrival: self.request.arrival(),
            now: self.now,
        };
        let decision = decide(&table, &facts, &View { table: &table, local, fleet: &self.fleet }, self);
        let told = Explanation::new(&table, &facts, local, decision.as_ref());
        let Value::Object(mut told) = serde_json::to_value(told).unwrap() else { panic!("not a map") };
        told.retain(|key, value| !["host", "path", "client"].contains(&key.as_str()) && !value.is_null());
        Ok(told)
    }
}

/// A decision as the case files have it.
fn written(decision: &Map<String, Value>) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let yaml = serde_saphyr::to_string_with_options(decision, options).unwrap();
    yaml.lines().fold("decision:\n".to_owned(), |text, line| text + "  " + line + "\n")
}

/// The lines of both texts, those that only one has marked.
fn diff(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let mut text = String::new();
    for line in &expected {
        let mark = if found.contains(line) { ' ' } else { '-' };
        writeln!(text, "    {mark} {line}").unwrap();
    }
    for line in found.iter().filter(|line| !expected.contains(line)) {
        writeln!(text, "    + {line}").unwrap();
    }
    text
}

/// Compares one case, or writes today's answer into its file; the difference is the error.
fn run(path: &Path, update: bool) -> Result<(), String> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let case: Case = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    let mut found = case.decide(name)?;
    let expected = case.decision.clone().unwrap_or_default();
    if !expected.contains_key("steps") {
        found.remove("steps");
    }
    let (expected, found) = (written(&expected), written(&found));
    if expected == found {
        return Ok(());
    }
    if update {
        let question = text.split_inclusive('\n').take_while(|line| !line.starts_with("decision:")).collect::<String>();
        fs::write(path, question + &found).unwrap();
        return Ok(());
    }
    Err(format!("{}\n{}", case.why, diff(&expected, &found)))
}

#[test]
fn every_case_is_decided_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 70, "only {} cases", cases.len());
    let failures: Vec<_> = cases
        .iter()
        .filter_map(|path| run(path, update).err().map(|error| format!("{}: {error}", path.display())))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases fail ('-' expected, '+' found; UPDATE_GOLDEN=1 keeps what was found):\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

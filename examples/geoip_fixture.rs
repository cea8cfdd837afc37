//! Makes the fixture databases `geoip/fixture*.mmdb` from their readable source, `geoip/fixture.csv`:
//!
//! ```text
//! cargo run --example geoip_fixture
//! ```
//!
//! The same source gives the same bytes; a test compares the checked-in files with what it would write.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use mmdb_writer::{IpVersion, Value, Writer};

/// 2026-01-01T00:00:00Z; fixed, so that the bytes depend on the source alone.
const BUILD_EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// A file, the schema of its records, and the networks that it holds.
const FILES: [(&str, Schema, Holds); 4] = [
    ("fixture.mmdb", Schema::Nested, Holds::Both),
    ("fixture-flat.mmdb", Schema::Flat, Holds::Both),
    ("fixture-flat-ipv4.mmdb", Schema::Flat, Holds::Ipv4),
    ("fixture-flat-ipv6.mmdb", Schema::Flat, Holds::Ipv6),
];

#[derive(Clone, Copy)]
enum Schema {
    /// MaxMind's nested schema: codes and names, coordinates of double precision.
    Nested,
    /// ip-location-db's flat schema: subdivisions by name alone, no continent, coordinates of single precision.
    Flat,
}

#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Both,
    Ipv4,
    Ipv6,
}

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip");
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot make the fixture databases in {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let source = fs::read_to_string(folder.join("fixture.csv"))?;
    for (name, schema, holds) in FILES {
        let bytes = build(&source, schema, holds)?;
        fs::write(folder.join(name), &bytes)?;
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}

/// The bytes of the database with this schema, of the networks that it holds.
fn build(source: &str, schema: Schema, holds: Holds) -> Result<Vec<u8>, Box<dyn Error>> {
    let (kind, description) = match schema {
        Schema::Nested => ("Homeward-Fixture-City", "Invented networks for tests and demonstrations, nested schema"),
        Schema::Flat => ("homeward fixture flat", "Invented networks for tests and demonstrations, flat schema"),
    };
    let version = if holds == Holds::Ipv4 { IpVersion::V4 } else { IpVersion::V6 };
    let mut writer = Writer::builder(kind)
        .ip_version(version)
        .description(&[("en", description)])
        .build_epoch(SystemTime::UNIX_EPOCH + BUILD_EPOCH)
        .build();
    let lines = source.lines().enumerate().filter(|(_, line)| !line.starts_with('#')).skip(1);
    for (index, line) in lines {
        let row = Row::parse(line).map_err(|why| format!("fixture.csv:{}: {why}", index + 1))?;
        let record = match schema {
            Schema::Nested => Some(row.nested()),
            Schema::Flat => row.flat(),
        };
        let Some(record) = record else { continue };
        for network in &row.networks {
            if holds == Holds::Both || (holds == Holds::Ipv4) == network.addr().is_ipv4() {
                writer.insert_value(*network, record.clone())?;
            }
        }
    }
    Ok(writer.to_bytes()?)
}

/// One line of the source. An empty cell is an empty text here.
struct Row<'a> {
    networks: Vec<IpNet>,
    continent: &'a str,
    country: &'a str,
    subdivision: &'a str,
    subdivision_name: &'a str,
    coordinates: Option<(f64, f64)>,
    city: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Result<Self, Box<dyn Error>> {
        let cells: Vec<_> = line.split(',').collect();
        let [networks, continent, country, subdivision, subdivision_name, latitude, longitude, city] = cells[..] else {
            return Err(format!("a line has 8 cells, this one {}", cells.len()).into());
        };
        let networks = networks.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let coordinates = match (latitude, longitude) {
            ("", "") => None,
            _ => Some((latitude.parse()?, longitude.parse()?)),
        };
        Ok(Self { networks, continent, country, subdivision, subdivision_name, coordinates, city })
    }

    fn nested(&self) -> Value {
        let named = |name: &str| ("names", Value::map([("en", name)]));
        let mut record = vec![("continent", Value::map([("code", self.continent)]))];
        if !self.city.is_empty() {
            record.push(("city", Value::map([named(self.city)])));
        }
        if !self.country.is_empty() {
            record.push(("country", Value::map([("iso_code", self.country)])));
            record.push(("registered_country", Value::map([("iso_code", self.country)])));
        }
        if let Some((latitude, longitude)) = self.coordinates {
            let location = Value::map([("latitude", latitude), ("longitude", longitude)]);
            record.push(("location", location));
        }
        if let Some((_, code)) = self.subdivision.split_once('-') {
            let subdivision = Value::map([("iso_code", Value::from(code)), named(self.subdivision_name)]);
            record.push(("subdivisions", Value::array([subdivision])));
        }
        Value::map(record)
    }

    /// Nothing where only the continent is known: the schema has no key for it.
    fn flat(&self) -> Option<Value> {
        if self.country.is_empty() {
            return None;
        }
        let mut record = vec![("country_code", Value::from(self.country))];
        for (key, cell) in [("state1", self.subdivision_name), ("city", self.city)] {
            if !cell.is_empty() {
                record.push((key, Value::from(cell)));
            }
        }
        if let Some((latitude, longitude)) = self.coordinates {
            record.push(("latitude", Value::from(latitude as f32)));
            record.push(("longitude", Value::from(longitude as f32)));
        }
        Some(Value::map(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_databases_are_those_of_the_source() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip");
        let source = fs::read_to_string(folder.join("fixture.csv")).unwrap();
        for (name, schema, holds) in FILES {
            let made = build(&source, schema, holds).unwrap();
            assert!(fs::read(folder.join(name)).unwrap() == made, "{name}: run `cargo run --example geoip_fixture`");
        }
    }
}

//! Files: the settings, the routing table, a database of places.

use crate::decision::decide_and_explain;
use crate::now;
use homeward::config::{Problems, RoutingReader, Source, read_routing, read_settings};
use homeward::geo::Database;
use homeward::routing::RoutingTable;
use std::net::IpAddr;

/// The text of a file; one with bytes that are no text is refused before it is read.
fn source(name: &str, data: &[u8]) -> Option<Source> {
    std::str::from_utf8(data).ok().map(|text| Source::new(name, text))
}

/// A refusal says something.
fn refused(problems: &Problems) {
    assert!(!problems.to_string().is_empty());
}

/// A routing table: it is refused with a message, or every request can be decided from it. Who reads it in pieces reads the
/// same, the second time as well.
pub fn routing_file(data: &[u8]) {
    let Some(source) = source("routing.yaml", data) else { return };
    let (read, mut reader) = (read_routing(&source, now()), RoutingReader::default());
    for _ in 0..2 {
        assert_eq!(reader.read(&source, now()), read);
    }
    match read {
        Err(problems) => refused(&problems),
        Ok(parts) => {
            let table = RoutingTable::new(parts);
            for host in ["portal.example.com", "a.example.com", "[2001:db8::1]:80", ""] {
                decide_and_explain(&table, host, "/shop", "203.0.113.7".parse().expect("an address"), &[b"sid=a-1"]);
            }
        }
    }
}

/// The settings: they are refused with a message, or are there.
pub fn settings_file(data: &[u8]) {
    let Some(source) = source("homeward.yaml", data) else { return };
    if let Err(problems) = read_settings(&source) {
        refused(&problems);
    }
}

/// A database of places: it is refused, or every address can be looked up, with a place or an error.
pub fn place_database(data: &[u8]) {
    let Ok(database) = Database::from_bytes(data.to_vec()) else { return };
    for address in ["127.0.0.1", "203.0.113.7", "255.255.255.255", "::", "2001:db8::1", "::ffff:192.0.2.1"] {
        let address: IpAddr = address.parse().expect("an address");
        if let Ok(Some(place)) = database.place(address) {
            assert!(place.subdivision.is_none_or(|part| place.country == Some(part.country())));
        }
    }
    let _ = (database.schema(), database.database_type(), database.built(), database.ip_version());
}

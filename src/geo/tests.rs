//! The floor as a whole, on the fixture databases, the real one, and broken ones.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use mmdb_writer::{IpVersion, Value, Writer};
use proptest::prelude::*;

use super::*;
use crate::model::Place;

const FIXTURES: [&str; 2] = ["fixture.mmdb", "fixture-flat.mmdb"];

fn bytes(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip").join(file)).unwrap()
}

fn database(file: &str) -> Database {
    Database::from_bytes(bytes(file)).unwrap()
}

fn place(database: &Database, address: &str) -> Option<Place> {
    database.place(address.parse().unwrap()).unwrap()
}

/// A database of one record, for 192.0.2.0/24.
fn holding(record: Value) -> Result<Database, DatabaseError> {
    let mut writer = Writer::new("Test");
    writer.insert_value("192.0.2.0/24".parse::<ipnet::IpNet>().unwrap(), record).unwrap();
    Database::from_bytes(writer.to_bytes().unwrap())
}

/// The place of one record, as text with its coordinates.
fn read(record: Value) -> String {
    let place = place(&holding(record).unwrap(), "192.0.2.7").unwrap();
    format!("{place} {}", place.location.map_or("nowhere".to_owned(), |location| location.to_string()))
}

fn code(key: &'static str, code: &'static str) -> Value {
    Value::map([(key, code)])
}

#[test]
fn the_fixture_says_where_its_networks_are() {
    for file in FIXTURES {
        let database = database(file);
        for address in ["127.11.7.9", "192.0.2.17", "2001:db8:11::5", "::ffff:127.11.0.1", "::ffff:192.0.2.31"] {
            let place = place(&database, address).unwrap();
            assert_eq!(place.to_string(), "US-CA", "{address} in {file}");
            assert_eq!(place.continent.unwrap().as_str(), "NA");
            let location = place.location.unwrap();
            assert!((location.latitude() - 34.05).abs() < 1e-5 && (location.longitude() + 118.24).abs() < 1e-5);
        }
        assert_eq!(place(&database, "127.20.0.1").unwrap().to_string(), "CA-ON");
        assert_eq!(place(&database, "127.21.0.1").unwrap().to_string(), "CA-QC");
        for address in ["127.0.0.1", "127.255.0.1", "192.0.3.1", "203.0.113.160", "::1", "2001:db8::1", "8.8.8.8"] {
            assert_eq!(place(&database, address), None, "{address} in {file}");
        }
    }
    let nested = database("fixture.mmdb");
    assert_eq!(place(&nested, "127.40.0.1").unwrap().to_string(), "JP-13");
    assert_eq!(place(&nested, "127.80.0.1").unwrap().to_string(), "EU");
    assert_eq!(place(&nested, "127.80.0.1").unwrap().location, None);
    assert_eq!(place(&database("fixture-flat.mmdb"), "127.40.0.1").unwrap().to_string(), "JP", "no code for the name");
}

#[test]
fn what_a_database_leaves_out_comes_from_the_country() {
    for file in FIXTURES {
        let norway = place(&database(file), "127.71.0.1").unwrap();
        assert_eq!((norway.to_string().as_str(), norway.continent.unwrap().as_str()), ("NO", "EU"));
        assert_eq!(norway.location, country_centre("NO".parse().unwrap()));
    }
}

#[test]
fn metadata_tells_schema_version_and_build() {
    let nested = database("fixture.mmdb");
    assert_eq!((nested.schema(), nested.ip_version()), (Schema::Nested, 6));
    assert_eq!(nested.built().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(nested.database_type(), "Homeward-Fixture-City");
    assert_eq!(database("fixture-flat-ipv4.mmdb").schema(), Schema::Flat);
    assert_eq!(database("fixture-flat-ipv4.mmdb").ip_version(), 4);
}

#[test]
fn two_files_answer_as_one() {
    let one = Places::new(vec![database("fixture-flat.mmdb")]);
    let two = Places::new(vec![database("fixture-flat-ipv4.mmdb"), database("fixture-flat-ipv6.mmdb")]);
    for n in 0..=255 {
        for address in [format!("127.{n}.3.4"), format!("198.51.100.{n}"), format!("2001:db8:{n}::1")] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(one.place(address), two.place(address), "{address}");
        }
    }
    assert!(matches!(two.place("2001:db8:10::1".parse().unwrap()), Lookup::Found(_)));
    assert_eq!(two.place("127.0.0.1".parse().unwrap()), Lookup::Unknown);
    assert_eq!(two.build_timestamp(), Some(one.databases()[0].built()));
    assert_eq!(Places::default().place("127.10.0.1".parse().unwrap()), Lookup::Unknown);
    assert_eq!(Places::default().build_timestamp(), None);
}

#[test]
fn the_real_country_database_knows_the_world() {
    let database = database("country.mmdb");
    assert_eq!(database.schema(), Schema::Flat);
    for (address, country) in [
        ("17.0.0.1", "US"),        // Apple
        ("193.0.6.139", "NL"),     // RIPE NCC
        ("133.11.0.1", "JP"),      // The University of Tokyo
        ("200.160.2.3", "BR"),     // NIC.br
        ("131.188.3.220", "DE"),   // The University of Erlangen
        ("2001:67c:2e8::1", "NL"), // RIPE NCC
        ("2001:200::1", "JP"),     // WIDE
    ] {
        let place = place(&database, address).unwrap();
        assert_eq!(place.to_string(), country, "{address}");
        assert_eq!(place.location, country_centre(country.parse().unwrap()));
    }
    for address in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fe80::1", "2001:db8::1"] {
        assert_eq!(place(&database, address), None, "{address}");
    }
}

#[test]
fn the_nested_schema_is_read_as_far_as_it_goes() {
    let us = || code("iso_code", "US");
    let names = |name| Value::map([("names", code("en", name))]);
    let at = |latitude: Value, longitude: Value| Value::map([("latitude", latitude), ("longitude", longitude)]);
    assert_eq!(
        read(Value::map([("country", us()), ("subdivisions", Value::array([names("cAlifornia")]))])),
        "US-CA 39.89,-98.82"
    );
    let two = Value::array([code("iso_code", "ENG"), code("iso_code", "LND")]);
    assert_eq!(read(Value::map([("country", code("iso_code", "GB")), ("subdivisions", two)])), "GB-ENG 53.84,-2.42");
    assert_eq!(
        read(Value::map([("registered_country", us())])),
        "US 39.89,-98.82",
        "only where nothing better is known"
    );
    assert_eq!(read(Value::map([("country", code("iso_code", "FR")), ("registered_country", us())])), "FR 46.57,2.46");
    assert_eq!(read(Value::map([("continent", code("code", "EU"))])), "EU nowhere");
    let precise = at(Value::from(1.5_f64), Value::from(-2.25_f64));
    assert_eq!(read(Value::map([("country", us()), ("location", precise)])), "US 1.50,-2.25");
    let single = at(Value::from(1.5_f32), Value::from(-2.25_f32));
    assert_eq!(read(Value::map([("country", us()), ("location", single)])), "US 1.50,-2.25");
}

#[test]
fn wrong_values_count_as_missing() {
    let us = || ("country_code", Value::from("US"));
    for (latitude, longitude) in [(91.0, 0.0), (0.0, -180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
        let record = Value::map([us(), ("latitude", Value::from(latitude)), ("longitude", Value::from(longitude))]);
        assert_eq!(read(record), "US 39.89,-98.82");
    }
    let typed_wrongly = Value::map([
        us(),
        ("state1", Value::from(7_u16)),
        ("latitude", Value::from("north")),
        ("longitude", Value::from(true)),
        ("location", Value::from("Springfield")),
        ("subdivisions", Value::map([("0", "CA")])),
        ("continent", Value::array(["EU"])),
    ]);
    assert_eq!(read(typed_wrongly), "US 39.89,-98.82");
    assert_eq!(read(Value::map([us(), ("state1", Value::from("Atlantis"))])), "US 39.89,-98.82");
}

#[test]
fn what_gives_no_place_is_refused_with_the_reason() {
    let refusal = |result: Result<Database, DatabaseError>| result.unwrap_err().to_string();
    let asn = holding(Value::map([("autonomous_system_number", Value::from(64_512_u32))]));
    let message = refusal(asn);
    assert!(message.contains("'Test'") && message.contains("'autonomous_system_number'"), "{message}");
    let unknown = refusal(holding(code("country_code", "ZZ")));
    assert!(unknown.contains("the keys 'country_code'"), "{unknown}");
    let empty = refusal(Database::from_bytes(Writer::new("Empty").to_bytes().unwrap()));
    assert!(empty.contains("it has no records"), "{empty}");
    let text = refusal(Database::from_bytes(b"networks,country\n".to_vec()));
    assert!(text.starts_with("this is not a MaxMind database"), "{text}");
    let half = bytes("fixture.mmdb");
    assert!(matches!(Database::from_bytes(half[..half.len() / 2].to_vec()), Err(DatabaseError::NotADatabase(_))));
}

#[test]
fn a_name_from_a_file_is_printed_safely() {
    let writer = Writer::builder(format!("\u{1b}[2J{}", "x".repeat(500))).ip_version(IpVersion::V4).build();
    let message = Database::from_bytes(writer.to_bytes().unwrap()).unwrap_err().to_string();
    assert!(message.len() < 400 && !message.contains('\u{1b}'), "{message}");
}

#[test]
fn a_damaged_record_fails_its_own_look_ups_only() {
    // The city is in the record of California alone, and the byte before its name says how long a text it is.
    let mut broken = bytes("fixture.mmdb");
    let name = broken.windows(11).position(|window| window == b"Los Angeles").unwrap();
    broken[name - 1] = 0xFF; // a map of millions of entries, where a short text was
    let broken = || Database::from_bytes(broken.clone()).unwrap();
    let places = Places::new(vec![broken()]);
    assert_eq!(places.place("127.11.0.1".parse().unwrap()), Lookup::Failed);
    assert_eq!(places.place("127.11.0.1".parse().unwrap()).place(), Place::default());
    assert!(matches!(places.place("127.10.0.1".parse().unwrap()), Lookup::Found(_)));
    assert_eq!(places.place("127.0.0.1".parse().unwrap()), Lookup::Unknown);
    let backed = Places::new(vec![broken(), database("fixture-flat.mmdb")]);
    assert!(matches!(backed.place("127.11.0.1".parse().unwrap()), Lookup::Found(_)), "the next database answers");
}

#[test]
fn a_look_up_allocates_nothing() {
    let files = [vec!["fixture.mmdb"], vec!["fixture-flat-ipv4.mmdb", "fixture-flat-ipv6.mmdb"], vec!["country.mmdb"]];
    for files in files {
        let places = Places::new(files.iter().map(|file| database(file)).collect());
        let addresses: Vec<IpAddr> = (0..=255)
            .flat_map(|n| {
                [format!("127.{n}.0.1"), format!("{n}.8.8.8"), format!("2001:db8:{n}::1"), format!("2{n:03}::1")]
            })
            .map(|address| address.parse().unwrap())
            .collect();
        let mut found = 0;
        let count = allocation_counter::measure(|| {
            found = addresses.iter().filter(|address| matches!(places.place(**address), Lookup::Found(_))).count();
        });
        assert!(found > 50, "{files:?}: {found}");
        assert_eq!(count.count_total, 0, "{files:?}");
    }
}

/// Reads the bytes and looks up addresses in whatever comes of them.
fn try_bytes(bytes: Vec<u8>, addresses: &[IpAddr]) {
    if let Ok(database) = Database::from_bytes(bytes) {
        let every = (0..=255)
            .flat_map(|n| [IpAddr::from([127, n, 1, 1]), IpAddr::from([0x2001, 0xdb8, n.into(), 0, 0, 0, 0, 1])]);
        for address in every.chain(addresses.iter().copied()) {
            if let Ok(Some(place)) = database.place(address) {
                assert!(place.subdivision.is_none_or(|subdivision| place.country == Some(subdivision.country())));
            }
        }
        let _ = format!("{database:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_bytes_never_panic(
        file in prop::sample::select(vec!["fixture.mmdb", "fixture-flat.mmdb", "fixture-flat-ipv4.mmdb", "fixture-flat-ipv6.mmdb"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        from_end in prop::collection::vec((0_usize..400, any::<u8>()), 0..4),
        addresses in prop::collection::vec(any::<IpAddr>(), 8),
    ) {
        let mut bytes = bytes(file);
        let length = bytes.len();
        for (index, byte) in changes {
            bytes[index.index(length)] = byte;
        }
        for (index, byte) in from_end {
            bytes[length - 1 - index] = byte;
        }
        try_bytes(bytes, &addresses);
    }

    #[test]
    fn cut_and_joined_bytes_never_panic(
        start in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
        put in prop::collection::vec(any::<u8>(), 0..64),
        addresses in prop::collection::vec(any::<IpAddr>(), 8),
    ) {
        let mut bytes = bytes("fixture.mmdb");
        let (a, b) = (start.index(bytes.len()), end.index(bytes.len()));
        bytes.splice(a.min(b)..a.max(b), put);
        try_bytes(bytes, &addresses);
    }

    #[test]
    fn random_bytes_with_sound_metadata_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..6000),
        addresses in prop::collection::vec(any::<IpAddr>(), 8),
    ) {
        let fixture = bytes("fixture.mmdb");
        let marker = fixture.windows(14).rposition(|window| window == b"\xab\xcd\xefMaxMind.com").unwrap();
        let mut bytes = body;
        bytes.resize(marker, 0x42);
        bytes.extend_from_slice(&fixture[marker..]);
        try_bytes(bytes, &addresses);
    }
}

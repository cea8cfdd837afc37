//! Where visitors come from: 60 countries, each with a network of loopback addresses of its own. Pure.

use std::net::Ipv4Addr;

/// Their codes. Those of a region are every so manieth of them.
pub const COUNTRIES: [&str; 60] = [
    "US", "DE", "JP", "CA", "FR", "CN", "MX", "GB", "IN", "BR", "IT", "AU", "AR", "ES", "KR", "CL", "PL", "SG", "CO",
    "NL", "NZ", "PE", "SE", "TH", "EC", "NO", "VN", "UY", "FI", "PH", "PY", "DK", "MY", "BO", "BE", "ID", "CR", "CH",
    "TW", "PA", "AT", "HK", "GT", "CZ", "PK", "CU", "PT", "BD", "DO", "IE", "LK", "HN", "GR", "NP", "SV", "HU", "KZ",
    "JM", "RO", "UZ",
];

/// The second byte of the first country's network.
const FIRST: u8 = 10;

/// A visitor whose home a rule of its own says.
pub const PROBE: Ipv4Addr = Ipv4Addr::new(127, 250, 0, 1);

/// The network of a country: all of 127.FIRST.0.0/16 and so on.
pub fn network(country: usize) -> String {
    format!("127.{}.0.0/16", usize::from(FIRST) + country)
}

/// The country that a connection comes from.
pub fn country(connection: usize) -> usize {
    connection % COUNTRIES.len()
}

/// The address that it comes from: no two of the first 15,000 share one.
pub fn address(connection: usize) -> Ipv4Addr {
    let host = connection / COUNTRIES.len() % 250 + 1;
    Ipv4Addr::new(127, FIRST + country(connection) as u8, host as u8, 1)
}

/// The region, of so many, at which a country is at home.
pub fn home(country: usize, regions: usize) -> usize {
    country % regions.max(1)
}

/// The countries of a region, of so many.
pub fn of_region(region: usize, regions: usize) -> impl Iterator<Item = &'static str> {
    let is_home = move |(country, _): &(usize, &&str)| home(*country, regions) == region;
    COUNTRIES.iter().enumerate().filter(is_home).map(|(_, code)| *code)
}

/// The name of a region.
pub fn region(region: usize) -> String {
    match region {
        0 => "us-east".into(),
        1 => "us-central".into(),
        2 => "us-west".into(),
        more => format!("region-{more}"),
    }
}

/// The prefix of its sessions.
pub fn prefix(region: usize) -> String {
    match region {
        0 => "east".into(),
        1 => "central".into(),
        2 => "west".into(),
        more => format!("r{more}"),
    }
}

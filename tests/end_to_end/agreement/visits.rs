//! Random requests, of the kinds that tell good readers of heads from bad ones.

use super::places::Places;
use super::tables::Table;
use fastrand::Rng;
use std::fmt::Write as _;

/// A request of a visitor.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// Its `X-Request-Id`.
    pub(super) id: String,
    pub(super) ip: String,
    pub(super) host: String,
    /// With a query, perhaps.
    pub(super) path: String,
    pub(super) cookie: Option<String>,
}

const PATHS: [&str; 14] = [
    "/",
    "/api",
    "/api/",
    "/apix",
    "/api/v2/x?y=/a",
    "/a?b",
    "/A",
    "/a/..api",
    "//api",
    "/shop/cart/1",
    "/shop",
    "/%61pi",
    "/api%2Fv2",
    "/?/api",
];

impl Visit {
    pub(super) fn random(rng: &mut Rng, id: String, table: &Table, places: &Places) -> Self {
        let ip = places.visitor(rng, &table.networks);
        let path = (*rng.choice(&PATHS).unwrap()).to_owned();
        Self { id, ip, host: host(rng, &table.hosts), path, cookie: cookies(rng, table) }
    }

    /// What the edge is asked about it.
    pub(super) fn question(&self) -> String {
        let mut target = format!("/api/v1/explain?ip={}", encoded(&self.ip));
        let rest = [("host", Some(&self.host)), ("path", Some(&self.path)), ("cookie", self.cookie.as_ref())];
        for (key, value) in rest.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            write!(target, "&{key}={}", encoded(value)).unwrap();
        }
        target
    }

    /// The same as arguments of the program.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut all =
            vec![format!("--ip={}", self.ip), format!("--host={}", self.host), format!("--path={}", self.path)];
        all.extend(self.cookie.iter().map(|cookie| format!("--cookie={cookie}")));
        all
    }
}

fn host(rng: &mut Rng, patterns: &[&str]) -> String {
    let pattern = *rng.choice(patterns).unwrap_or(&"*");
    if pattern.starts_with('[') {
        return if rng.bool() { pattern.to_owned() } else { format!("{pattern}:8080") }; // nothing else is one
    }
    let mut host = match (pattern.strip_prefix("*."), rng.u8(..12)) {
        (_, 0) => return "[2001:db8::1]:8080".to_owned(),
        (_, 1) => "unknown.test".to_owned(),
        (None, 2) => format!("www.{pattern}"),
        (Some(domain), 2) => domain.to_owned(),
        (Some(domain), 3) => format!("a.b.{domain}"),
        (Some(domain), 4) => format!("not{domain}"),
        (Some(domain), _) => format!("any.{domain}"),
        (None, _) => pattern.to_owned(),
    };
    match rng.u8(..8) {
        0 => host.make_ascii_uppercase(),
        1 => host.push('.'),
        2 => host.push_str(":8080"),
        3 => host.push_str(".:443"),
        _ => {}
    }
    host
}

fn cookies(rng: &mut Rng, table: &Table) -> Option<String> {
    if rng.u8(..3) == 0 {
        return None;
    }
    let mut pairs = Vec::new();
    for _ in 0..rng.usize(1..=3) {
        let (name, separator) = rng.choice(&table.cookies).copied().unwrap_or(("sid", "-"));
        let prefix = &table.prefixes[rng.usize(..table.prefixes.len())];
        let value = match rng.u8(..20) {
            0 => String::new(),
            1 => prefix.clone(),
            2 => format!("{prefix}{separator}"),
            3 => format!("north{separator}1"),
            4 => format!("\"{prefix}{separator}1\""),
            5 => format!("{}{separator}1", prefix.to_ascii_uppercase()),
            6 => format!("{separator}{prefix}{separator}1"),
            7 => format!("{prefix}{separator}{}", "x".repeat(rng.usize(100..2000))),
            8 => format!("{prefix}={separator}1"),
            _ => format!("{prefix}{separator}{:08x}", rng.u32(..)),
        };
        pairs.push(match rng.u8(..12) {
            0 => format!("{}={value}", name.to_ascii_lowercase()),
            1 => format!(" {name}={value} "),
            2 => format!("{name} = {value}"),
            3 => name.to_owned(),
            4 => format!("x{name}={value}"),
            5 => format!("theme=dark; {name}={value}"),
            _ => format!("{name}={value}"),
        });
    }
    let between = *rng.choice(&["; ", ";", ";; "]).unwrap();
    Some(pairs.join(between).trim().to_owned())
}

/// `text` as a value in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

//! The kinds of values.

use crate::config::problem::quoted;
use crate::config::quantity;
use crate::geo;
use crate::model::{
    Continent, Country, HostPattern, Network, PathPrefix, Rate, RegionName, ServerAddress, ServerHost, ServiceName,
    SessionPrefix, Share, Subdivision, Timestamp,
};
use serde_json::{Value as Json, json};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// What one value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) enum Scalar {
    /// The number of the form of the file, which is 1.
    Version,
    /// The name that a region is given.
    NewRegion,
    /// The name that a service is given.
    NewService,
    /// The name of a region that is defined elsewhere.
    Region,
    /// `nearest`, or the name of a region.
    RegionOrNearest,
    SessionPrefix,
    /// Degrees from minus this to this.
    Degrees(f64),
    Rate,
    Share,
    Duration {
        zero: bool,
    },
    /// Bytes.
    Size {
        least: u64,
        most: u64,
    },
    Count {
        least: u32,
        most: u32,
    },
    /// A point in time.
    Time,
    Network,
    Subdivision,
    Country,
    Continent,
    Host,
    PathPrefix,
    CookieName,
    Separator,
    /// One of these words, each with what it means.
    Word(&'static [(&'static str, &'static str)]),
    Server,
    /// A DNS name.
    DnsName,
    Flag,
    /// An IP address and a port.
    SocketAddress,
    File,
    /// A file, or `-` for the standard output.
    FileOrStdout,
    /// A line of text for people.
    Note,
}

/// The longest note, in bytes: it goes into logs, metrics and pages.
const LONGEST_NOTE: usize = 500;

impl Scalar {
    /// What it is, with its article.
    pub(in crate::config) fn noun(self) -> String {
        let noun = match self {
            Self::Version => "a version of this form",
            Self::NewRegion | Self::Region => "the name of a region",
            Self::NewService => "the name of a service",
            Self::RegionOrNearest => "'nearest' or the name of a region",
            Self::SessionPrefix => "a session prefix",
            Self::Degrees(most) => return format!("a number of degrees from -{most} to {most}"),
            Self::Rate => "a rate",
            Self::Share => "a share",
            Self::Duration { zero: true } => "a duration",
            Self::Duration { zero: false } => "a duration above zero",
            Self::Size { least, most } => return format!("a size from {} to {}", size_text(least), size_text(most)),
            Self::Count { least, most } => return format!("a number from {least} to {most}"),
            Self::Time => "a point in time",
            Self::Network => "a network",
            Self::Subdivision => "a subdivision",
            Self::Country => "a country",
            Self::Continent => "a continent",
            Self::Host => "a host",
            Self::PathPrefix => "a path prefix",
            Self::CookieName => "the name of a cookie",
            Self::Separator => "a separator",
            Self::Word(_) => "one of the words for this key",
            Self::Server => "a server",
            Self::DnsName => "a DNS name",
            Self::Flag => "a boolean",
            Self::SocketAddress => "an IP address with a port",
            Self::File => "a path of a file",
            Self::FileOrStdout => "a path of a file, or '-'",
            Self::Note => "a text",
        };
        noun.into()
    }

    /// Whether `text` is one; if not, what to do.
    pub(in crate::config) fn check(self, text: &str, quotes: bool) -> Result<(), String> {
        match self {
            Self::Version if text == "1" => Ok(()),
            Self::Version => Err("this program reads version 1: write version: 1".into()),
            Self::NewRegion if text == "nearest" => {
                Err("'nearest' has a meaning of its own in home rules: give the region another name".into())
            }
            Self::NewRegion => name::<RegionName>(text),
            Self::NewService => name::<ServiceName>(text),
            // Whether there is such a region is found out later, with better words than 'not a name'.
            Self::Region | Self::RegionOrNearest => Ok(()),
            Self::SessionPrefix => read::<SessionPrefix>(text),
            Self::Degrees(most) => degrees(text, most).map(drop),
            Self::Rate => read::<Rate>(text),
            Self::Share => read::<Share>(text),
            Self::Duration { zero } => match quantity::duration(text) {
                Err(bad) => Err(bad.to_string()),
                Ok(duration) if duration.is_zero() && !zero => Err("nothing happens in no time: write e.g. 1s".into()),
                Ok(_) => Ok(()),
            },
            Self::Size { least, most } => match quantity::size(text) {
                Err(bad) => Err(bad.to_string()),
                Ok(size) if (least..=most).contains(&size) => Ok(()),
                Ok(_) => Err(format!("write a size between {} and {}", size_text(least), size_text(most))),
            },
            Self::Count { least, most } => match text.parse::<u32>() {
                Ok(count) if (least..=most).contains(&count) && text.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
                _ => Err(format!("write a whole number between {least} and {most}")),
            },
            Self::Time => text
                .parse::<Timestamp>()
                .map(drop)
                .map_err(|_| "a point in time has a date, a time and a zone, e.g. 2026-11-22T04:30:00Z".into()),
            Self::Network => network(text).map(drop),
            Self::Subdivision => {
                upper::<Subdivision>(text)?;
                text.parse().map_or(Ok(()), |subdivision: Subdivision| exists(subdivision.country()))
            }
            Self::Country => {
                upper::<Country>(text)?;
                text.parse().map_or(Ok(()), exists)
            }
            Self::Continent => upper::<Continent>(text),
            Self::Host => read::<HostPattern>(text),
            Self::PathPrefix => read::<PathPrefix>(text),
            Self::CookieName => cookie_name(text),
            Self::Separator => separator(text),
            Self::Word(words) => word(text, words),
            Self::Server => read::<ServerAddress>(text),
            Self::DnsName => match format!("{text}:1").parse() {
                Ok(ServerAddress { host: ServerHost::Name(_), .. }) => Ok(()),
                _ => Err("a DNS name has letters, digits, '-' and dots, e.g. app.internal".into()),
            },
            Self::Flag => match text {
                "true" | "false" if quotes => Err(format!("take the quotes away: {text}")),
                "true" | "false" => Ok(()),
                _ => Err("write true or false".into()),
            },
            Self::SocketAddress => socket_address(text),
            Self::File | Self::FileOrStdout => path(text),
            Self::Note if text.len() > LONGEST_NOTE => Err(format!("it has at most {LONGEST_NOTE} bytes")),
            Self::Note if text.chars().any(char::is_control) => {
                Err("it is one line, without control characters".into())
            }
            Self::Note => Ok(()),
        }
    }

    /// The value in a JSON schema (draft 2020-12).
    pub(in crate::config) fn schema(self) -> Json {
        match self {
            Self::Version => json!({"const": 1}),
            Self::NewRegion | Self::NewService | Self::Region | Self::RegionOrNearest => {
                json!({"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"})
            }
            Self::SessionPrefix => json!({"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,32}$"}),
            Self::Degrees(most) => json!({"type": "number", "minimum": -most, "maximum": most}),
            Self::Rate => json!({"type": "string", "pattern": r"^[0-9.]+/s$"}),
            Self::Share => json!({"type": "string", "pattern": "^[0-9.]+%$"}),
            Self::Duration { .. } => json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}),
            Self::Size { .. } => json!({"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"}),
            Self::Count { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Network => json!({"type": "string", "pattern": "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"}),
            Self::Subdivision => json!({"type": "string", "pattern": "^[A-Z]{2}-[A-Z0-9]{1,3}$"}),
            Self::Country => json!({"type": "string", "pattern": "^[A-Z]{2}$"}),
            Self::Continent => json!({"enum": Continent::ALL.map(Continent::as_str)}),
            Self::PathPrefix => json!({"type": "string", "pattern": "^/", "maxLength": 1024}),
            Self::Word(words) => json!({"enum": words.iter().map(|(word, _)| word).collect::<Vec<_>>()}),
            Self::Server | Self::SocketAddress => json!({"type": "string", "pattern": ":[0-9]{1,5}$"}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Separator => json!({"type": "string", "minLength": 1, "maxLength": 8}),
            Self::Note => json!({"type": "string", "maxLength": LONGEST_NOTE}),
            Self::Host | Self::CookieName | Self::DnsName | Self::File | Self::FileOrStdout => {
                json!({"type": "string", "minLength": 1})
            }
        }
    }

    /// What it looks like, for the reference.
    pub(in crate::config) fn description(self) -> String {
        match self {
            Self::Version => "`1`".into(),
            Self::NewRegion | Self::NewService => {
                "name: up to 63 lower-case letters, digits and `-`, neither first nor last a `-`".into()
            }
            Self::Region => "name of a region".into(),
            Self::RegionOrNearest => "`nearest` or the name of a region".into(),
            Self::SessionPrefix => "1 to 32 letters, digits and `.` `_` `~` `-`".into(),
            Self::Degrees(most) => format!("degrees from -{most} to {most}"),
            Self::Rate => "rate, e.g. `1200/s`".into(),
            Self::Share => "share, `0%` to `100%`".into(),
            Self::Duration { zero: true } => "duration: `ms`, `s`, `m` or `h`".into(),
            Self::Duration { zero: false } => "duration above zero: `ms`, `s`, `m` or `h`".into(),
            Self::Size { least, most } => format!("size from `{}` to `{}`", size_text(least), size_text(most)),
            Self::Count { least, most } => format!("number from {least} to {most}"),
            Self::Time => "time with its zone (RFC 3339)".into(),
            Self::Network => "network or address, IPv4 or IPv6".into(),
            Self::Subdivision => "ISO 3166-2 code with its country, e.g. `US-CA`".into(),
            Self::Country => "ISO 3166-1 code of two letters, e.g. `US`".into(),
            Self::Continent => "one of `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA`".into(),
            Self::Host => "host name, `*.` and a domain for every host below it, or `*` for all".into(),
            Self::PathPrefix => "path of whole segments, starts with `/`".into(),
            Self::CookieName => "name of a cookie".into(),
            Self::Separator => "1 to 8 characters that may stand in a cookie".into(),
            Self::Word(words) => {
                let words: Vec<_> = words.iter().map(|(word, doc)| format!("`{word}` ({doc})")).collect();
                words.join(", ")
            }
            Self::Server => "`host:port` with an IP address or a DNS name".into(),
            Self::DnsName => "DNS name".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::SocketAddress => "IP address and port; an IPv6 address in brackets".into(),
            Self::File => "path".into(),
            Self::FileOrStdout => "path, or `-` for the standard output".into(),
            Self::Note => format!("one line of text, up to {LONGEST_NOTE} bytes"),
        }
    }
}

fn read<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|bad| bad.to_string())
}

/// Reads what is written in capitals, and says so where only that is wrong.
fn upper<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    let capitals = text.to_ascii_uppercase();
    match text.parse::<T>() {
        Ok(_) => Ok(()),
        Err(_) if capitals.parse::<T>().is_ok() => Err(format!("write it in capitals: {capitals}")),
        Err(bad) => Err(bad.to_string()),
    }
}

/// Reads a name, and shows a near one that is good.
fn name<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    let near = text.to_lowercase().replace(['_', ' ', '.'], "-");
    match text.parse::<T>() {
        Ok(_) => Ok(()),
        Err(bad) if near.parse::<T>().is_ok() => Err(format!("{bad}: write {near}")),
        Err(bad) => Err(bad.to_string()),
    }
}

/// Reads degrees from minus `most` to `most`.
pub(in crate::config) fn degrees(text: &str, most: f64) -> Result<f64, String> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    match text.parse::<f64>() {
        Ok(degrees) if plain && (-most..=most).contains(&degrees) => Ok(degrees),
        Ok(degrees) if plain && degrees.is_finite() => Err("look whether latitude and longitude are swapped, e.g. {latitude: 39.04, longitude: -77.49} is near Washington".into()),
        _ => Err("degrees are a decimal number, e.g. 39.04, with a '-' for south and west".into()),
    }
}

/// Reads a network, or an address as the network of it alone.
pub(in crate::config) fn network(text: &str) -> Result<Network, String> {
    let network: Network = match text.parse::<IpAddr>() {
        Ok(address) => Network::from(address),
        Err(_) => text.parse().map_err(|_| "a network is an address and the length of its prefix, e.g. 10.0.0.0/8")?,
    };
    match network {
        Network::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
            let v4 = v6.addr().to_ipv4_mapped().map(|address| format!("{address}/{}", v6.prefix_len() - 96));
            Err(format!("IPv4 is written as IPv4: {}", v4.unwrap_or_default()))
        }
        _ if network.trunc() != network => {
            let inside = network.prefix_len();
            Err(format!("the address has bits set behind the first {inside}: the network is {}", network.trunc()))
        }
        _ => Ok(network),
    }
}

/// Whether a country has this code: no visitor is ever in one that has not.
fn exists(country: Country) -> Result<(), String> {
    if geo::continent_of(country).is_some() {
        return Ok(());
    }
    let code = country.as_str();
    Err(match code {
        "UK" => "the code of the United Kingdom is GB".into(),
        "EL" => "the code of Greece is GR".into(),
        _ if code.parse::<Continent>().is_ok() => format!("that is a continent: write continents: [{code}]"),
        _ => format!("ISO 3166-1 has no country {code}: look up the code of the one that you mean"),
    })
}

fn socket_address(text: &str) -> Result<(), String> {
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    Err(if let Ok(address) = text.parse::<IpAddr>() {
        format!("add a port, e.g. {}", SocketAddr::new(address, 8080))
    } else if let Some(port) = text.strip_prefix(':').or_else(|| text.strip_prefix("*:")) {
        format!("name the address too: 0.0.0.0:{port} for all of IPv4, [::]:{port} for all of IPv6")
    } else if text.starts_with("localhost:") {
        text.replacen("localhost", "write 127.0.0.1", 1)
    } else {
        "an address is ip:port, e.g. 0.0.0.0:8080 or [::]:8080, with a port up to 65535".into()
    })
}

/// A token of RFC 9110, 5.6.2.
fn cookie_name(text: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || text.len() > 128 || !text.bytes().all(token) {
        return Err("it has up to 128 letters, digits and '-', '_', '.' and the like, e.g. sid".into());
    }
    Ok(())
}

/// What may stand in a cookie without quotes (RFC 6265, 4.1.1).
fn separator(text: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'\\');
    if text.is_empty() || text.len() > 8 || !text.bytes().all(allowed) {
        return Err(
            "it has 1 to 8 visible characters, none of them a quote, a comma, a semicolon or a backslash".into()
        );
    }
    Ok(())
}

fn word(text: &str, words: &'static [(&'static str, &'static str)]) -> Result<(), String> {
    let all = || words.iter().map(|(word, _)| *word);
    if all().any(|word| word == text) {
        return Ok(());
    }
    let all_words = all().collect::<Vec<_>>().join(", ");
    Err(match crate::config::did_you_mean(text, all()) {
        Some(near) => format!("did you mean {}? It is one of: {all_words}", quoted(near)),
        None => format!("it is one of: {all_words}"),
    })
}

fn path(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 4096 || text.chars().any(char::is_control) {
        return Err("a path has 1 to 4096 bytes, without control characters".into());
    }
    Ok(())
}

fn size_text(bytes: u64) -> String {
    match bytes {
        n if n % (1 << 30) == 0 && n > 0 => format!("{}GiB", n >> 30),
        n if n % (1 << 20) == 0 && n > 0 => format!("{}MiB", n >> 20),
        n if n % (1 << 10) == 0 && n > 0 => format!("{}KiB", n >> 10),
        n => format!("{n}B"),
    }
}

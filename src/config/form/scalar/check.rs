//! Whether a text is a value of its kind.

use super::words::size_text;
use super::{LONGEST_BODY, LONGEST_FIELD, LONGEST_NOTE, Scalar};
use crate::config::masking;
use crate::config::problem::quoted;
use crate::config::quantity;
use crate::geo;
use crate::model::{
    Balance, BalanceFactor, Continent, Country, Fewest, HostPattern, LimitKey, Method, Network, PathPrefix, ProbePath,
    Rate, RegionEdge, RegionName, ServerAddress, ServerHost, ServiceName, SessionPrefix, Share, StatusPattern,
    Subdivision, Timestamp,
};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// What to do with a secret that stands where its place should.
const PUT_AWAY: &str = "put it into a file that only homeward's user can read, and name that file; a secret that stood in a \
                        file for everybody is none any more: better make a new one with homeward key generate";

impl Scalar {
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
            Self::Fewest => read::<Fewest>(text),
            Self::Duration { zero } => match quantity::duration(text) {
                Err(bad) => Err(bad.to_string()),
                Ok(duration) if duration.is_zero() && !zero => Err("nothing happens in no time: write e.g. 1s".into()),
                Ok(_) => Ok(()),
            },
            Self::Age => quantity::age(text).map(drop).map_err(|bad| bad.to_string()),
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
            Self::HeaderName => header_name(text),
            Self::Separator => separator(text),
            Self::Word(words) => word(text, words),
            Self::Server => read::<ServerAddress>(text),
            Self::EdgeUrl => read::<RegionEdge>(text),
            Self::Status => read::<StatusPattern>(text),
            Self::ProbePath => read::<ProbePath>(text),
            Self::FieldName if is_token(text) => Ok(()),
            Self::FieldName => {
                Err("it has up to 128 letters, digits and '-', '_' and the like, e.g. Content-Type".into())
            }
            Self::FieldValue if text.len() > LONGEST_FIELD => Err(format!("it has at most {LONGEST_FIELD} bytes")),
            Self::FieldValue if !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') => {
                Err("it is one line of ASCII, without control characters".into())
            }
            Self::FieldValue => Ok(()),
            Self::Body if (1..=LONGEST_BODY).contains(&text.len()) => Ok(()),
            Self::Body => Err("it has 1 byte to 16 KiB; what is longer goes into a body_file".into()),
            Self::Balance => balance(text),
            Self::BalanceFactor => balance_factor(text),
            Self::LimitKey => read::<LimitKey>(text),
            Self::Method => method(text),
            Self::DnsName => match format!("{text}:1").parse() {
                Ok(ServerAddress { host: ServerHost::Name(_), .. }) => Ok(()),
                _ => Err("a DNS name has letters, digits, '-' and dots, e.g. app.internal".into()),
            },
            Self::ServiceName => ServerAddress::of_service(text).map(drop).map_err(|bad| bad.to_string()),
            Self::CertificateName => certificate_name(text),
            Self::HttpsUrl => {
                url(text, &[("https://", 443)], "write it in full, e.g. https://acme-v02.api.letsencrypt.org/directory")
            }
            Self::HttpUrl if text.contains(['?', '#']) => Err("write it without ? and #".into()),
            Self::HttpUrl => {
                url(text, &[("http://", 80), ("https://", 443)], "write it in full, e.g. http://127.0.0.1:4318")
            }
            Self::MailAddress => mail_address(text),
            Self::Flag => match text {
                "true" | "false" if quotes => Err(format!("take the quotes away: {text}")),
                "true" | "false" => Ok(()),
                _ => Err("write true or false".into()),
            },
            Self::SocketAddress => socket_address(text),
            Self::File | Self::FileOrStdout => path(text),
            Self::SecretFile | Self::Variable if masking::is_secret(text) => Err(PUT_AWAY.into()),
            Self::SecretFile => path(text),
            Self::Variable => variable(text),
            Self::Note if text.len() > LONGEST_NOTE => Err(format!("it has at most {LONGEST_NOTE} bytes")),
            Self::Note if text.chars().any(char::is_control) => {
                Err("it is one line, without control characters".into())
            }
            Self::Note => Ok(()),
        }
    }
}

fn certificate_name(text: &str) -> Result<(), String> {
    if text.starts_with("*.") {
        return Err("an authority proves a wildcard by DNS-01 alone, which the edge does not do: name the hosts".into());
    }
    match format!("{text}:1").parse() {
        Ok(ServerAddress { host: ServerHost::Name(name), .. }) if name.contains('.') && !name.contains('_') => Ok(()),
        _ => Err("write a host in full, e.g. portal.example.com".into()),
    }
}

/// A URL of one of these schemes, each with its port.
fn url(text: &str, schemes: &[(&str, u16)], help: &str) -> Result<(), String> {
    let found = schemes.iter().find_map(|(scheme, port)| Some((text.strip_prefix(scheme)?, port)));
    let (rest, port) = found.ok_or(help)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic()) && !authority.contains('@');
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:{port}") };
    (visible && with_port.parse::<ServerAddress>().is_ok()).then_some(()).ok_or_else(|| help.into())
}

fn mail_address(text: &str) -> Result<(), String> {
    let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'?' | b'<' | b'>'));
    match parts {
        Some(_) if visible && !text.starts_with("mailto:") => Ok(()),
        _ => Err("write it as ops@example.com".into()),
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
    let network = if text.contains('/') { text.parse().ok() } else { text.parse::<IpAddr>().ok().map(Network::from) };
    let network = network.ok_or("a network is an address and the length of its prefix, e.g. 10.0.0.0/8")?;
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

/// A name as POSIX has it, in any case.
fn variable(text: &str) -> Result<(), String> {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if (1..=128).contains(&text.len()) && text.bytes().all(is_part) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(match text.strip_prefix('$') {
        Some(name) if variable(name).is_ok() => format!("write it without the '$': {name}"),
        _ => "a variable has letters, digits and '_', e.g. HOMEWARD_HOP_KEY; what it holds stands nowhere in this file"
            .into(),
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
fn is_token(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(token)
}

fn cookie_name(text: &str) -> Result<(), String> {
    if is_token(text) {
        return Ok(());
    }
    Err("it has up to 128 letters, digits and '-', '_', '.' and the like, e.g. sid".into())
}

/// A header that clients send with their session key: none that has a meaning of its own on the way.
fn header_name(text: &str) -> Result<(), String> {
    const TAKEN: [&str; 8] =
        ["connection", "content-length", "cookie", "host", "set-cookie", "te", "transfer-encoding", "upgrade"];
    let lower = text.to_ascii_lowercase();
    if lower == "authorization" {
        return Err("write bearer: true for the token in Authorization".into());
    }
    if TAKEN.contains(&&*lower) || lower.starts_with("homeward-") || lower.starts_with("x-forwarded-") {
        return Err("that header has another meaning: choose one of the app's own, e.g. X-Session-Id".into());
    }
    if is_token(text) {
        return Ok(());
    }
    Err("it has up to 128 letters, digits and '-', '_' and the like, e.g. X-Session-Id".into())
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

fn balance(text: &str) -> Result<(), String> {
    let Err(bad) = text.parse::<Balance>() else { return Ok(()) };
    Err(match crate::config::did_you_mean(text, Balance::WORDS) {
        Some(near) => format!("did you mean {}? {}", quoted(near), capitalised(&bad.to_string())),
        None => bad.to_string(),
    })
}

/// Reads a method, and shows it in capitals where only that is wrong.
fn method(text: &str) -> Result<(), String> {
    upper::<Method>(text)
}

/// Reads a factor, and turns what other programs write (`125`, `1.25`) into one.
fn balance_factor(text: &str) -> Result<(), String> {
    let Err(bad) = text.parse::<BalanceFactor>() else { return Ok(()) };
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let near = text.parse::<f64>().ok().filter(|_| plain).map(|number| {
        let percent = if number < 10.0 { number * 100.0 } else { number };
        format!("{}%", percent.round())
    });
    match near {
        Some(near) if near.parse::<BalanceFactor>().is_ok() => Err(format!("write it in percent: {near}")),
        _ => Err(bad.to_string()),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
}

fn path(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 4096 || text.chars().any(char::is_control) {
        return Err("a path has 1 to 4096 bytes, without control characters".into());
    }
    Ok(())
}

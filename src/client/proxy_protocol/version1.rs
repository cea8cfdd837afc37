//! Version 1: one line of text.

use super::{ProxyHeader, ProxyOrigin, ProxyProblem, ProxyReading, Tlvs};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest line with its end: the specification counts it out for `UNKNOWN` with two long addresses.
const LONGEST: usize = 107;
/// The shortest: `PROXY UNKNOWN` and its end. A header of version 2 is longer.
pub(super) const SHORTEST: usize = START.len() + b"UNKNOWN\r\n".len();
const START: &[u8] = b"PROXY ";

pub(super) fn read(bytes: &[u8]) -> ProxyReading<'_> {
    if !bytes.iter().zip(START).all(|(byte, wanted)| byte == wanted) {
        return ProxyReading::Invalid(ProxyProblem::Missing);
    }
    let looked_at = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = looked_at.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return if bytes.len() >= LONGEST {
            ProxyReading::Invalid(ProxyProblem::NoEnd)
        } else {
            ProxyReading::NeedMore(SHORTEST.saturating_sub(bytes.len()).max(2))
        };
    };
    match (looked_at[end], looked_at.get(end + 1)) {
        (b'\r', Some(b'\n')) => {}
        (b'\r', None) if end + 1 < LONGEST => return ProxyReading::NeedMore(1),
        (b'\r', None) => return ProxyReading::Invalid(ProxyProblem::NoEnd),
        _ => return ProxyReading::Invalid(ProxyProblem::Line),
    }
    match origin(bytes.get(START.len()..end).unwrap_or_default()) {
        Some(origin) => ProxyReading::Parsed(ProxyHeader { length: end + 2, origin, tlvs: Tlvs::default() }),
        None => ProxyReading::Invalid(ProxyProblem::Line),
    }
}

/// What stands between `PROXY ` and the end of the line.
fn origin(line: &[u8]) -> Option<ProxyOrigin> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let protocol = words.next()?;
    if protocol == "UNKNOWN" {
        return Some(ProxyOrigin::Unknown); // whatever stands behind it says nothing
    }
    let [source, destination] = [words.next()?, words.next()?].map(|word| match protocol {
        "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    });
    let [source_port, destination_port] = [words.next()?, words.next()?].map(port);
    if words.next().is_some() {
        return None;
    }
    Some(ProxyOrigin::Client {
        source: SocketAddr::new(source?, source_port?),
        destination: SocketAddr::new(destination?, destination_port?),
    })
}

/// A port as the specification writes it: decimal, without a sign and without leading zeros.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

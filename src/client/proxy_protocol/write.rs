//! Writing headers.

use super::version2::{HEAD, SIGNATURE};
use crate::model::ProxyVersion;
use smallvec::SmallVec;
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The bytes of a header; none that is written here is longer than what needs no allocation.
pub type ProxyHeaderBytes = SmallVec<[u8; 128]>;

/// The header for a connection from `source` to `destination`.
///
/// An IPv4 address beside an IPv6 address is written as the IPv6 address that holds it: a header has one family.
#[must_use]
pub fn proxy_header(version: ProxyVersion, source: SocketAddr, destination: SocketAddr) -> ProxyHeaderBytes {
    let (from, to) = (source.ip().to_canonical(), destination.ip().to_canonical());
    let ports = (source.port(), destination.port());
    match (version, from, to) {
        (ProxyVersion::V1, IpAddr::V4(from), IpAddr::V4(to)) => line(format_args!("TCP4 {from} {to}"), ports),
        (ProxyVersion::V1, from, to) => line(format_args!("TCP6 {} {}", v6(from), v6(to)), ports),
        (ProxyVersion::V2, IpAddr::V4(from), IpAddr::V4(to)) => binary(0x11, &from.octets(), &to.octets(), ports),
        (ProxyVersion::V2, from, to) => binary(0x21, &v6(from).octets(), &v6(to).octets(), ports),
    }
}

/// The header for a connection of the edge's own, e.g. a probe.
#[must_use]
pub fn local_header(version: ProxyVersion) -> ProxyHeaderBytes {
    match version {
        ProxyVersion::V1 => SmallVec::from_slice(b"PROXY UNKNOWN\r\n"),
        ProxyVersion::V2 => head(0x20, 0, 0),
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn line(addresses: std::fmt::Arguments<'_>, (source, destination): (u16, u16)) -> ProxyHeaderBytes {
    let mut line = ProxyHeaderBytes::new();
    // Memory does not fail to be written to.
    let _ = write!(line, "PROXY {addresses} {source} {destination}\r\n");
    line
}

fn binary(family: u8, from: &[u8], to: &[u8], (source, destination): (u16, u16)) -> ProxyHeaderBytes {
    let length = from.len() + to.len() + 4;
    let mut header = head(0x21, family, length as u16);
    for part in [from, to, &source.to_be_bytes(), &destination.to_be_bytes()] {
        header.extend_from_slice(part);
    }
    header
}

fn head(command: u8, family: u8, length: u16) -> ProxyHeaderBytes {
    let mut head = ProxyHeaderBytes::with_capacity(HEAD);
    head.extend_from_slice(SIGNATURE);
    head.extend_from_slice(&[command, family]);
    head.extend_from_slice(&length.to_be_bytes());
    head
}

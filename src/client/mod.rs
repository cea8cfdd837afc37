//! Floor 1: who the client is, through trusted proxies.

use crate::model::Network;
use std::net::{IpAddr, SocketAddr};

/// The most entries of `X-Forwarded-For` that are looked at, from the right.
const MOST_HOPS: usize = 32;

/// The visitor's address: that of the `peer`, or where the peer is a trusted proxy, the last address in the
/// `X-Forwarded-For` lines that is not a trusted proxy's.
///
/// Entries are read from the right: each is what the proxy behind it saw, so one is believed only as long as all behind
/// it are trusted. One that is no address ends the walk: the visitor is then whoever named it. Any bytes are taken.
#[must_use]
pub fn client_address(peer: IpAddr, forwarded_for: &[&[u8]], trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let entries = forwarded_for.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for entry in entries.take(MOST_HOPS) {
        if !is_trusted(&client) {
            break;
        }
        match address(entry) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

//! Floor 1: who the client is, through trusted proxies, and what it sends before any of it is a request.

mod forwarded;
mod frames;
mod proxy_protocol;
mod source;

pub use forwarded::{ForwardedElement, Node, forwarded_element, forwarded_from_the_right};
pub use frames::{FrameHead, FrameHeads, FrameKind, HTTP2_PREFACE};
pub use proxy_protocol::{
    LONGEST_PROXY_HEADER, ProxyHeader, ProxyHeaderBytes, ProxyOrigin, ProxyProblem, ProxyReading, Tlv, Tlvs,
    local_header, proxy_header, read_proxy_header,
};
pub use source::ClientSource;

use crate::model::Network;
use std::net::{IpAddr, SocketAddr};

/// The most entries of `X-Forwarded-For` that are looked at, from the right.
const MOST_HOPS: usize = 32;

/// Whether `address` is one of a proxy that is believed; IPv4 in IPv6 is IPv4.
#[must_use]
pub fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The visitor's address: that of the `peer`, or where the peer is a trusted proxy, the last address in the
/// `X-Forwarded-For` lines that is not a trusted proxy's.
///
/// Entries are read from the right: each is what the proxy behind it saw, so one is believed only as long as all behind
/// it are trusted. One that is no address ends the walk: the visitor is then whoever named it. Any bytes are taken.
#[must_use]
pub fn client_address(peer: IpAddr, forwarded_for: &[&[u8]], trusted: &[Network]) -> IpAddr {
    let mut client = peer.to_canonical();
    let entries = forwarded_for.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for entry in entries.take(MOST_HOPS) {
        if !is_trusted(client, trusted) {
            break;
        }
        match address(entry) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// The same, where proxies say it in `Forwarded` (RFC 7239); and the protocol by which that visitor asked, where it is said.
///
/// An element whose `for` is no address ends the walk: the visitor is then whoever named it.
///
/// # Errors
/// Where the walk comes to what is not of the form. A visitor could write the half of a quotation before what the proxy
/// adds, and would pass for the proxy itself.
pub fn client_of_forwarded(
    peer: IpAddr,
    lines: &[&[u8]],
    trusted: &[Network],
) -> Result<(IpAddr, Option<Box<str>>), MalformedForwarded> {
    let (mut client, mut proto) = (peer.to_canonical(), None);
    for element in forwarded_from_the_right(lines) {
        if !is_trusted(client, trusted) {
            break;
        }
        let element = element.ok_or(MalformedForwarded)?;
        let Some(Node::Address(address, _)) = element.by_client else { break };
        (client, proto) = (address, element.proto);
    }
    Ok((client, proto))
}

/// A `Forwarded` header of a trusted proxy cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Forwarded header is not of its form")]
pub struct MalformedForwarded;

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The client behind `peer` where 10/8 and fd00::/8 are trusted.
    fn behind(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_address(peer.parse().unwrap(), &lines, &trusted).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(behind("203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(behind("::ffff:203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        assert_eq!(behind("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(behind("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(behind("::ffff:10.0.0.1", &["192.0.2.1"]), "192.0.2.1", "IPv4 in IPv6 is trusted alike");
        assert_eq!(behind("fd00::1", &["2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn what_the_visitor_wrote_itself_is_not_believed() {
        assert_eq!(behind("10.0.0.1", &["198.51.100.66, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(behind("10.0.0.1", &["10.9.9.9, 192.0.2.1, 10.0.0.2"]), "192.0.2.1", "proxies in a row");
        assert_eq!(behind("10.0.0.1", &["198.51.100.66", "192.0.2.1 , 10.0.0.2"]), "192.0.2.1", "two lines");
        assert_eq!(behind("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "all are trusted: the farthest");
    }

    #[test]
    fn forwarded_is_believed_as_far_as_x_forwarded_for() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let of = |peer: &str, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            match client_of_forwarded(peer.parse().unwrap(), &lines, &trusted) {
                Ok((client, proto)) => format!("{client} {}", proto.as_deref().unwrap_or("-")),
                Err(MalformedForwarded) => "malformed".to_owned(),
            }
        };
        assert_eq!(of("203.0.113.9", &["for=192.0.2.1"]), "203.0.113.9 -", "a stranger");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1 -");
        assert_eq!(of("10.0.0.1", &["for=192.0.2.1;proto=HTTPS"]), "192.0.2.1 https");
        assert_eq!(of("10.0.0.1", &["for=198.51.100.6;proto=a, for=192.0.2.1, for=10.0.0.2;proto=b"]), "192.0.2.1 -");
        assert_eq!(of("10.0.0.1", &["for=198.51.100.6", "For=\"[2001:db8::7]:80\""]), "2001:db8::7 -");
        for end in ["for=unknown", "for=_hidden", "proto=http"] {
            assert_eq!(of("10.0.0.1", &[&format!("for=192.0.2.1, {end}, for=10.0.0.2")]), "10.0.0.2 -", "{end}");
        }
        for half in ["for=\"", "for=a", "x"] {
            assert_eq!(of("10.0.0.1", &[&format!("{half}, for=192.0.2.1")]), "malformed", "{half}");
            assert_eq!(
                of("10.0.0.1", &[half, "for=192.0.2.1"]),
                "192.0.2.1 -",
                "{half}: in a line that is not come to"
            );
            assert_eq!(of("203.0.113.9", &[half]), "203.0.113.9 -");
        }
    }

    #[test]
    fn entries_have_many_forms() {
        for (entry, address) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("\t192.0.2.1 ", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(behind("10.0.0.1", &[entry]), address, "{entry}");
        }
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_reading() {
        for entry in ["", "unknown", "_hidden", "192.0.2", "192.0.2.1:", "192.0.2.1:99999", "[::1", "::1]", "1.2.3.4 5"]
        {
            let line = format!("192.0.2.1, {entry}, 10.0.0.2");
            assert_eq!(behind("10.0.0.1", &[&line]), "10.0.0.2", "{entry}");
        }
    }

    #[test]
    fn a_long_line_is_read_to_its_bound_only() {
        let line = format!("192.0.2.1{}", ", 10.0.0.2".repeat(MOST_HOPS - 1));
        assert_eq!(behind("10.0.0.1", &[&line]), "192.0.2.1");
        let line = format!("192.0.2.1{}", ", 10.0.0.2".repeat(MOST_HOPS));
        assert_eq!(behind("10.0.0.1", &[&line]), "10.0.0.2");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4)) {
            let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
            let everyone = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
            let peer = "10.0.0.1".parse().unwrap();
            let client = client_address(peer, &lines, &everyone);
            prop_assert_eq!(client, client.to_canonical());
            prop_assert_eq!(client_address(peer, &lines, &[]), peer);
        }
    }
}

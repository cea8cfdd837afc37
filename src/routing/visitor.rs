//! Who is inside a share: the same visitors on every edge and after every restart.

use crate::model::Share;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The keys of the hash. They are no secret: their only use is that every edge has the same ones, for ever. Changing them
/// moves visitors.
const KEYS: (u64, u64) = (0x686f_6d65_7761_7264, 0x7669_7369_746f_7273);

/// Whether the visitor at `client` is in the `share` that `region` gets.
///
/// Each network of visitors (IPv4 /24, IPv6 /56: what one household or office is given) has a fixed point between 0 and 1
/// for each region, SipHash-2-4 of both, and is inside while its point is below the share. So raising a share never moves
/// out a network that was in, and the drains of two regions pick independently.
pub(super) fn is_inside(share: Share, region: &str, client: IpAddr) -> bool {
    if share == Share::ALL || share == Share::NONE {
        return share == Share::ALL;
    }
    point_of(region, client) < share.ratio()
}

/// The fixed point between 0 and 1 that the visitor at `client` has for `region`.
pub(super) fn point_of(region: &str, client: IpAddr) -> f64 {
    let mut hasher = SipHasher24::new_with_keys(KEYS.0, KEYS.1);
    hasher.write(region.as_bytes());
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            hasher.write(&[0, 4, a, b, c]);
        }
        IpAddr::V6(address) => {
            hasher.write(&[0, 6]);
            hasher.write(&network_of(address));
        }
    }
    // The upper 53 bits: every such integer is exact in an f64, on every machine.
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The network that a visitor comes from: IPv4 /24, IPv6 /56. By it shares are given, and it is all that is kept of an
/// address where requests are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VisitorNetwork(IpAddr);

impl VisitorNetwork {
    /// The network of the visitor at `client`.
    #[must_use]
    pub fn of(client: IpAddr) -> Self {
        Self(match client.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(u32::from(address) & !0xff)),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 72 << 72)),
        })
    }

    /// Its first address, which stands for all of them.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }
}

fn network_of(address: Ipv6Addr) -> [u8; 7] {
    let [a, b, c, d, e, f, g, ..] = address.octets();
    [a, b, c, d, e, f, g]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(ratio: f64) -> Share {
        Share::from_ratio(ratio).unwrap()
    }

    #[test]
    fn the_points_of_known_visitors_never_change() {
        // Values of this release: where they change, running edges of two releases disagree and visitors move.
        let inside = |client: &str| {
            (1..100).find(|p| is_inside(share(f64::from(*p) / 100.0), "us-west", client.parse().unwrap()))
        };
        let points: Vec<_> = ["192.0.2.1", "198.51.100.7", "2001:db8::1", "2001:db8:0:100::"].map(inside).into();
        assert_eq!(points, [Some(58), Some(87), Some(89), Some(59)]);
        assert_eq!(inside("192.0.2.1"), inside("192.0.2.254"), "one /24");
        assert_eq!(inside("192.0.2.1"), inside("::ffff:192.0.2.77"), "IPv4 in IPv6");
        assert_eq!(inside("2001:db8::1"), inside("2001:db8:0:ff:1::2"), "one /56");
    }

    #[test]
    fn a_share_takes_that_part_of_the_networks() {
        let networks = 20_000_u32;
        let inside = (0..networks)
            .filter(|n| is_inside(share(0.3), "us-west", IpAddr::from((0x0b00_0000 + (n << 8)).to_be_bytes())))
            .count();
        let part = inside as f64 / f64::from(networks);
        assert!((part - 0.3).abs() < 0.01, "{part}");
    }

    #[test]
    fn a_network_stands_for_its_visitors() {
        for (client, network) in [
            ("192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2ff:3::4", "2001:db8:1:200::"),
        ] {
            assert_eq!(VisitorNetwork::of(client.parse().unwrap()).address().to_string(), network, "{client}");
        }
    }

    proptest! {
        #[test]
        fn a_network_is_inside_as_its_visitors_are(ratio in 0.0..=1.0_f64, address: u128) {
            let client = IpAddr::from(address.to_be_bytes());
            let network = VisitorNetwork::of(client);
            prop_assert_eq!(is_inside(share(ratio), "a", client), is_inside(share(ratio), "a", network.address()));
            prop_assert_eq!(network, VisitorNetwork::of(network.address()));
        }

        #[test]
        fn raising_a_share_moves_nobody_out(a in 0.0..=1.0_f64, b in 0.0..=1.0_f64, address: u128) {
            let client = IpAddr::from(address.to_be_bytes());
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(!is_inside(share(low), "us-east", client) || is_inside(share(high), "us-east", client));
            prop_assert!(is_inside(Share::ALL, "us-east", client));
            prop_assert!(!is_inside(Share::NONE, "us-east", client));
        }
    }
}

//! The hashes of keys and servers, and the score of one for the other.

use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};

/// The keys of the hashes. They are no secret: their only use is that every edge has the same ones, for ever. Changing
/// them moves every session to another server.
const FOR_KEYS: (u64, u64) = (0x686f_6d65_7761_7264, 0x6166_6669_6e69_7479);
const FOR_SERVERS: (u64, u64) = (0x686f_6d65_7761_7264, 0x6120_7365_7276_6572);

/// The hash of what names a server: a session key, an address, the value of a header or a cookie. SipHash-2-4 under
/// constant keys: the same on every edge and in every release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(u64);

impl KeyHash {
    /// The hash of a value.
    #[must_use]
    pub fn of_bytes(value: &[u8]) -> Self {
        let mut hasher = SipHasher24::new_with_keys(FOR_KEYS.0, FOR_KEYS.1);
        hasher.write(value);
        Self(hasher.finish())
    }

    /// The hash of a visitor's address; IPv4 in IPv6 is IPv4.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_bytes(&address.octets()),
            IpAddr::V6(address) => Self::of_bytes(&address.octets()),
        }
    }
}

/// The hash of a server, by its address and port. As stable as a [`KeyHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHash(u64);

impl ServerHash {
    /// The hash of the server at `address`; IPv4 in IPv6 is IPv4.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        let mut hasher = SipHasher24::new_with_keys(FOR_SERVERS.0, FOR_SERVERS.1);
        match address.ip().to_canonical() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.write(&address.port().to_be_bytes());
        Self(hasher.finish())
    }

    /// How much this server is the one for `key`, from 1 to 2^53, evenly: the most is first in the key's order of servers.
    pub(super) fn score(self, key: KeyHash) -> u64 {
        // Both are well mixed already. What is left is to mix the two, so that a server's scores for two keys and two
        // servers' scores for one key have nothing to do with each other: the finaliser of SplitMix64 does that.
        let mut mixed = self.0 ^ key.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper 53 bits: every such integer is exact in an f64, on every machine. Never zero: its logarithm is needed.
        (mixed >> 11) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes_never_change() {
        // Values of this release: where they change, two releases disagree on every session's server.
        let key = KeyHash::of_bytes(b"east-933ca3495fa178d6ae0c08ddeb96ef4c");
        let servers = ["10.1.0.10:8080", "10.1.0.11:8080", "[2001:db8::1]:8080"];
        let servers = servers.map(|server| ServerHash::of(server.parse().unwrap()));
        assert_eq!(key.0, 0x2e62_2754_ad10_a2b6);
        assert_eq!(
            servers.map(|server| server.0),
            [0x1d83_af00_d15c_631e, 0xf2df_b43b_121e_b231, 0xc1e6_b599_efba_cf11]
        );
        assert_eq!(
            servers.map(|server| server.score(key)),
            [0x000c_9938_ce69_b535, 0x0005_b447_91b4_ae98, 0x000d_b06e_700b_d13b]
        );
        assert_eq!(KeyHash::of_bytes(b"").0, 0xd8e5_70d0_c3c0_3b9b);
    }

    #[test]
    fn an_address_is_what_it_is_however_it_is_written() {
        let address = |text: &str| KeyHash::of_address(text.parse().unwrap());
        assert_eq!(address("192.0.2.1"), address("::ffff:192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("192.0.2.1").0, 0x1cbf_5e34_bf22_69ce);
        let server = |text: &str| ServerHash::of(text.parse().unwrap());
        assert_eq!(server("10.1.0.10:80"), server("[::ffff:10.1.0.10]:80"));
        assert_ne!(server("10.1.0.10:80"), server("10.1.0.10:81"));
    }
}

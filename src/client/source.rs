//! Whom connections and requests are counted for.

use std::net::IpAddr;

/// What is counted as one client: an IPv4 address, or the /64 that an IPv6 address lies in, which one client has all of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientSource {
    /// The address.
    V4(u32),
    /// The first 64 bits of the address.
    V6(u64),
}

impl From<IpAddr> for ClientSource {
    /// IPv4 in IPv6 is IPv4.
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

//! The PROXY protocol, versions 1 and 2: how a proxy that forwards connections says whose they are.
//!
//! As HAProxy's specification has it (`doc/proxy-protocol.txt`). Nothing here knows of sockets: a reader is handed the bytes
//! that came so far, and a writer gives the bytes to be sent.

mod crc32c;
mod tlv;
mod version1;
mod version2;
mod write;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use tlv::{Tlv, Tlvs};
pub use write::{ProxyHeaderBytes, local_header, proxy_header};

/// The longest header that is read, in bytes. Version 2 could say 64 KiB; what proxies send of a connection, certificates'
/// names included, is some hundred bytes.
pub const LONGEST_PROXY_HEADER: usize = 4096;

/// What the first bytes of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyReading<'b> {
    /// The beginning of a header. At least this many of its bytes have not come yet: who reads no more of them takes
    /// nothing away from what is behind the header. Never zero.
    NeedMore(usize),
    /// A header, which may have more bytes behind it.
    Parsed(ProxyHeader<'b>),
    /// No header. More bytes would change nothing.
    Invalid(ProxyProblem),
}

/// A whole header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader<'b> {
    /// How many bytes it has; what is behind them is the connection's own.
    pub length: usize,
    /// Whose the connection is.
    pub origin: ProxyOrigin,
    /// What else it says; empty with version 1, and where the origin is not a client.
    pub tlvs: Tlvs<'b>,
}

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyOrigin {
    /// The proxy's own, e.g. to see whether somebody is there: the connection's own addresses are the ones.
    Local,
    /// A client's, of which the proxy knows no address of the internet: the connection's own addresses must do.
    Unknown,
    /// A client's.
    Client {
        /// Its address.
        source: SocketAddr,
        /// The address that it connected to.
        destination: SocketAddr,
    },
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProblem {
    /// They do not start as one.
    #[error("the connection does not start with a PROXY protocol header")]
    Missing,
    /// The line of version 1 does not end within 107 bytes.
    #[error("the PROXY protocol line has no end within 107 bytes")]
    NoEnd,
    /// The line of version 1 is not made of protocol, two addresses and two ports.
    #[error("the PROXY protocol line is not 'PROXY', a protocol, two addresses and two ports")]
    Line,
    /// Version 2 with another command than LOCAL and PROXY, or another version.
    #[error("the PROXY protocol header has a version or a command that does not exist")]
    Command,
    /// Version 2 with a family or a transport that does not exist.
    #[error("the PROXY protocol header has an address family that does not exist")]
    Family,
    /// Version 2 with more than [`LONGEST_PROXY_HEADER`] bytes.
    #[error("the PROXY protocol header has more than 4096 bytes")]
    TooLong,
    /// Version 2 whose length has no place for its addresses.
    #[error("the PROXY protocol header is shorter than its addresses")]
    TooShort,
    /// Version 2 whose further values do not fill it, or are not of their form.
    #[error("the PROXY protocol header has values that are not of their form")]
    Values,
    /// Version 2 whose checksum is not that of its bytes.
    #[error("the PROXY protocol header does not have its own checksum")]
    Checksum,
}

/// Reads the header at the start of `bytes`, which is what came of a connection so far.
///
/// It may be asked again with every byte that comes: what is settled stays so. It looks at no more than
/// [`LONGEST_PROXY_HEADER`] bytes, and allocates nothing.
#[must_use]
pub fn read_proxy_header(bytes: &[u8]) -> ProxyReading<'_> {
    match bytes.first() {
        Some(b'P') => version1::read(bytes),
        Some(b'\r') => version2::read(bytes),
        Some(_) => ProxyReading::Invalid(ProxyProblem::Missing),
        None => ProxyReading::NeedMore(version1::SHORTEST),
    }
}

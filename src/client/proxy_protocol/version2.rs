//! Version 2: a binary head, two addresses, and values behind them.

use super::{LONGEST_PROXY_HEADER, ProxyHeader, ProxyOrigin, ProxyProblem, ProxyReading, Tlvs, tlv};
use std::net::{IpAddr, SocketAddr};

/// What every header starts with; no text protocol does.
pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
pub(super) const HEAD: usize = 16;

/// The lengths of the two addresses of a family: IPv4 and IPv6 with ports, paths of Unix sockets.
const INET: usize = 12;
const INET6: usize = 36;
const UNIX: usize = 216;

pub(super) fn read(bytes: &[u8]) -> ProxyReading<'_> {
    if !bytes.iter().zip(SIGNATURE).all(|(byte, wanted)| byte == wanted) {
        return ProxyReading::Invalid(ProxyProblem::Missing);
    }
    // What is wrong is said as soon as it has come: nobody waits for the rest of it.
    let is_local = match bytes.get(12) {
        None => return ProxyReading::NeedMore(HEAD.saturating_sub(bytes.len())),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return ProxyReading::Invalid(ProxyProblem::Command),
    };
    let family = match bytes.get(13) {
        None => return ProxyReading::NeedMore(HEAD.saturating_sub(bytes.len())),
        // With LOCAL the family says nothing.
        Some(family) if is_local || (family >> 4 <= 3 && family & 0xf <= 2) => *family,
        Some(_) => return ProxyReading::Invalid(ProxyProblem::Family),
    };
    let (Some(high), Some(low)) = (bytes.get(14), bytes.get(15)) else {
        return ProxyReading::NeedMore(HEAD.saturating_sub(bytes.len()));
    };
    let length = HEAD + usize::from(u16::from_be_bytes([*high, *low]));
    if length > LONGEST_PROXY_HEADER {
        return ProxyReading::Invalid(ProxyProblem::TooLong);
    }
    let addresses = match family {
        _ if is_local => 0,
        0x11 | 0x12 => INET,
        0x21 | 0x22 => INET6,
        0x31 | 0x32 => UNIX,
        _ => 0,
    };
    if length < HEAD + addresses {
        return ProxyReading::Invalid(ProxyProblem::TooShort);
    }
    let Some(header) = bytes.get(..length) else {
        return ProxyReading::NeedMore(length.saturating_sub(bytes.len()));
    };
    let whole = |origin, tlvs| ProxyReading::Parsed(ProxyHeader { length, origin, tlvs });
    if is_local || addresses == 0 {
        // What stands behind a family that is not known cannot be told from its addresses: all of it is passed over.
        let origin = if is_local { ProxyOrigin::Local } else { ProxyOrigin::Unknown };
        return whole(origin, Tlvs::default());
    }
    let (addresses, values) = header[HEAD..].split_at(addresses);
    match tlv::checked(values, header) {
        Ok(tlvs) => whole(origin(family, addresses), tlvs),
        Err(problem) => ProxyReading::Invalid(problem),
    }
}

/// The two addresses of a stream; of anything else, a connection over TCP has no use for them.
fn origin(family: u8, addresses: &[u8]) -> ProxyOrigin {
    let pair = match family {
        0x11 => pair::<4>(addresses),
        0x21 => pair::<16>(addresses),
        _ => None,
    };
    match pair {
        Some((source, destination)) => ProxyOrigin::Client { source, destination },
        None => ProxyOrigin::Unknown,
    }
}

/// Source, destination, the source's port, the destination's.
fn pair<const N: usize>(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)>
where
    [u8; N]: Into<IpAddr>,
{
    let (source, rest) = bytes.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let (destination_port, _) = rest.split_first_chunk::<2>()?;
    let address = |bytes: &[u8; N], port: &[u8; 2]| SocketAddr::new((*bytes).into(), u16::from_be_bytes(*port));
    Some((address(source, source_port), address(destination, destination_port)))
}

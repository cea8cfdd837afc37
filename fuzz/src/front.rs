//! What a proxy in front of the edge may say.

use homeward::client::{LONGEST_PROXY_HEADER, ProxyOrigin, ProxyReading, proxy_header, read_proxy_header};
use homeward::model::ProxyVersion;

/// The first bytes of a connection.
pub fn proxy_protocol(bytes: &[u8]) {
    let whole = read_proxy_header(bytes);
    for so_far in 0..bytes.len().min(LONGEST_PROXY_HEADER + 20) {
        match read_proxy_header(&bytes[..so_far]) {
            ProxyReading::NeedMore(more) => {
                assert!(more > 0, "nothing is asked for after {so_far} bytes");
                if let ProxyReading::Parsed(header) = &whole {
                    assert!(so_far + more <= header.length, "more is asked for than there is");
                }
            }
            settled => assert_eq!(settled, whole, "what was settled after {so_far} bytes has changed"),
        }
    }
    let ProxyReading::Parsed(header) = whole else { return };
    assert!(header.length <= bytes.len() && header.length <= LONGEST_PROXY_HEADER);
    let values: usize = header.tlvs.iter().map(|tlv| tlv.value.len() + 3).sum();
    assert!(values < header.length);
    assert!(header.tlvs.unique_id().is_none_or(|id| (1..=128).contains(&id.len())));
    if let ProxyOrigin::Client { source, destination } = header.origin {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let written = proxy_header(version, source, destination);
            let ProxyReading::Parsed(again) = read_proxy_header(&written) else {
                panic!("what is written is not read")
            };
            let ProxyOrigin::Client { source: from, destination: to } = again.origin else { panic!("no client") };
            assert_eq!((from.ip().to_canonical(), from.port()), (source.ip().to_canonical(), source.port()));
            assert_eq!((to.ip().to_canonical(), to.port()), (destination.ip().to_canonical(), destination.port()));
        }
    }
}

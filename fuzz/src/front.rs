//! What a proxy in front of the edge may say.

use homeward::client::{
    ForwardedElement, LONGEST_PROXY_HEADER, Node, ProxyOrigin, ProxyReading, client_of_forwarded, forwarded_element,
    forwarded_from_the_right, proxy_header, read_proxy_header,
};
use homeward::model::{Network, ProxyVersion};
use std::net::{IpAddr, SocketAddr};

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

/// The lines of a `Forwarded` header.
pub fn forwarded(bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let elements: Vec<_> = forwarded_from_the_right(&lines).collect();
    assert!(elements.len() <= 32);
    assert!(elements.iter().rev().skip(1).all(Option::is_some), "nothing is read behind what is not of the form");
    for element in elements.iter().flatten() {
        written_is_read(element);
    }
    let proxy: IpAddr = [10, 0, 0, 1].into();
    let everyone: Vec<Network> = ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a network")).into();
    assert_eq!(client_of_forwarded(proxy, &lines, &[]), Ok((proxy, None)));
    if let Ok((client, _)) = client_of_forwarded(proxy, &lines, &everyone) {
        assert_eq!(client, client.to_canonical());
        assert!(elements.iter().all(Option::is_some) || elements.iter().flatten().any(|element| element.by_client.is_none()
            || !matches!(element.by_client, Some(Node::Address(..)))));
    }
}

fn written_is_read(element: &ForwardedElement) {
    let Some(Node::Address(address, port)) = &element.by_client else { return };
    let host = element.host.as_deref();
    let text = forwarded_element(SocketAddr::new(*address, port.unwrap_or(0)), host.map(str::as_bytes), "http");
    let line: &[&[u8]] = &[text.as_bytes()];
    let again: Vec<_> = forwarded_from_the_right(line).collect();
    let Some(Some(again)) = again.first() else { panic!("{text} is not read") };
    assert_eq!(again.by_client, Some(Node::Address(*address, port.filter(|port| *port > 0))));
    assert!(again.host.is_none() || again.host.as_deref() == host);
}

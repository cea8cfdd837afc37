use super::*;
use crate::model::ProxyVersion;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SIGNATURE: &[u8; 12] = version2::SIGNATURE;

fn client(source: &str, destination: &str) -> ProxyOrigin {
    ProxyOrigin::Client { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family][..], &length, rest].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

const INET: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];

#[track_caller]
fn parsed(bytes: &[u8]) -> ProxyHeader<'_> {
    match read_proxy_header(bytes) {
        ProxyReading::Parsed(header) => header,
        other => panic!("{other:?} of {}", bytes.escape_ascii()),
    }
}

/// The examples of the specification, section 2.1.
#[test]
fn lines_of_the_specification() {
    let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for (line, origin) in [
        ("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n".into(), client("192.168.0.1:56324", "192.168.0.11:443")),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".into(),
            client("255.255.255.255:65535", "255.255.255.255:65535"),
        ),
        (
            format!("PROXY TCP6 {long} {long} 65535 65535\r\n"),
            client(&format!("[{long}]:65535"), &format!("[{long}]:65535")),
        ),
        ("PROXY UNKNOWN\r\n".into(), ProxyOrigin::Unknown),
        (format!("PROXY UNKNOWN {long} {long} 65535 65535\r\n"), ProxyOrigin::Unknown),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n".into(), client("0.0.0.0:0", "0.0.0.0:0")),
        ("PROXY TCP6 ::1 2001:db8::1 1 2\r\n".into(), client("[::1]:1", "[2001:db8::1]:2")),
    ] {
        let whole = format!("{line}GET / HTTP/1.1\r\n");
        let header = parsed(whole.as_bytes());
        assert_eq!((header.length, header.origin), (line.len(), origin), "{line}");
        assert_eq!(header.tlvs.iter().count(), 0);
    }
    assert_eq!(format!("PROXY UNKNOWN {long} {long} 65535 65535\r\n").len(), 107, "the specification's worst case");
}

#[test]
fn lines_that_are_none() {
    use ProxyProblem::{Line, Missing, NoEnd};
    for (line, problem) in [
        ("GET / HTTP/1.1\r\n", Missing),
        ("POST / HTTP/1.1\r\n", Missing),
        ("PROXZ TCP4 1.1.1.1 2.2.2.2 1 2\r\n", Missing),
        ("proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", Missing),
        (" PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", Missing),
        ("PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", Missing),
        ("PROXY \r\n", Line),
        ("PROXY TCP4\r\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", Line),
        ("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", Line),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", Line),
        ("PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n", Line),
        ("PROXY TCP4 ::1 ::2 1 2\r\n", Line),
        ("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", Line),
        ("PROXY TCP6 [::1] ::2 1 2\r\n", Line),
        ("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", Line),
        ("PROXY UNKNOWNX\r\n", Line),
        ("PROXY TCP4 1.1.1.1\u{e9} 2.2.2.2 1 2\r\n", Line),
    ] {
        assert_eq!(read_proxy_header(line.as_bytes()), ProxyReading::Invalid(problem), "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(93));
    assert_eq!(read_proxy_header(endless.as_bytes()), ProxyReading::Invalid(NoEnd));
    assert_eq!(read_proxy_header(format!("{}\r\n", &endless[..106]).as_bytes()), ProxyReading::Invalid(NoEnd));
    assert_eq!(parsed(format!("{}\r\n", &endless[..105]).as_bytes()).length, 107);
}

#[test]
fn headers_of_version_2() {
    let header = v2(0x21, 0x11, &INET);
    assert_eq!(parsed(&header).origin, client("192.0.2.1:56324", "198.51.100.2:443"));
    let mut inet6 = [0; 36];
    inet6[..16].copy_from_slice(&Ipv6Addr::from(0x2001_0db8_u128 << 96 | 7).octets());
    inet6[31] = 1;
    inet6[32..].copy_from_slice(&[0, 80, 1, 187]);
    assert_eq!(parsed(&v2(0x21, 0x21, &inet6)).origin, client("[2001:db8::7]:80", "[::1]:443"));
    for (command, family, rest, origin) in [
        (0x20, 0x00, &[][..], ProxyOrigin::Local),
        (0x20, 0x11, &INET, ProxyOrigin::Local),
        (0x20, 0xff, b"whatever", ProxyOrigin::Local),
        (0x21, 0x00, &[], ProxyOrigin::Unknown),
        (0x21, 0x00, b"whatever", ProxyOrigin::Unknown),
        (0x21, 0x12, &INET, ProxyOrigin::Unknown),
        (0x21, 0x31, &[b'/'; 216], ProxyOrigin::Unknown),
    ] {
        let whole = [v2(command, family, rest), b"GET".to_vec()].concat();
        let header = parsed(&whole);
        assert_eq!((header.length, header.origin), (16 + rest.len(), origin), "{command:x} {family:x}");
    }
}

#[test]
fn headers_of_version_2_that_are_none() {
    use ProxyProblem::{Command, Family, Missing, TooLong, TooShort, Values};
    let with = |values: &[u8]| v2(0x21, 0x11, &[&INET[..], values].concat());
    for (bytes, problem) in [
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), Missing),
        (b"\r\nGET / HTTP/1.1\r\n".to_vec(), Missing),
        (v2(0x11, 0x11, &INET), Command),
        (v2(0x22, 0x11, &INET), Command),
        (v2(0x01, 0x11, &INET), Command),
        (v2(0x21, 0x13, &INET), Family),
        (v2(0x21, 0x41, &INET), Family),
        (v2(0x21, 0x11, &INET[..11]), TooShort),
        (v2(0x21, 0x21, &INET), TooShort),
        (v2(0x21, 0x31, &[0; 215]), TooShort),
        (v2(0x21, 0x11, &[0; 4081]), TooLong),
        (with(&[4, 0]), Values),
        (with(&[4, 0, 2, 0]), Values),
        (with(&tlv(0x05, &[b'x'; 129])), Values),
        (with(&tlv(0x05, b"")), Values),
        (with(&tlv(0x03, b"123")), Values),
    ] {
        assert_eq!(read_proxy_header(&bytes), ProxyReading::Invalid(problem), "{}", bytes.escape_ascii());
    }
    // What is wrong is said before the rest has come.
    assert_eq!(read_proxy_header(&v2(0x21, 0x41, b"")[..14]), ProxyReading::Invalid(Family));
    assert_eq!(
        read_proxy_header(&[&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat()),
        ProxyReading::Invalid(TooLong)
    );
}

#[test]
fn values_are_read() {
    let values = [tlv(1, b"h2"), tlv(2, b"example.com"), tlv(4, &[0; 7]), tlv(5, b"id-1"), tlv(0xea, b"vpce")].concat();
    let whole = v2(0x21, 0x11, &[&INET[..], &values].concat());
    let tlvs = parsed(&whole).tlvs;
    assert_eq!(tlvs.alpn(), Some(&b"h2"[..]));
    assert_eq!(tlvs.authority(), Some(&b"example.com"[..]));
    assert_eq!(tlvs.unique_id(), Some(&b"id-1"[..]));
    assert_eq!(tlvs.iter().map(|tlv| tlv.kind).collect::<Vec<_>>(), [1, 2, 4, 5, 0xea]);
}

#[test]
fn the_checksum_must_be_that_of_the_header() {
    let mut whole = v2(0x21, 0x11, &[&INET[..], &tlv(2, b"a"), &tlv(3, &[0; 4]), &tlv(4, b"zz")].concat());
    let sum = crc32c::of(&[&whole]).to_be_bytes();
    let at = whole.len() - 9;
    assert_eq!(read_proxy_header(&whole), ProxyReading::Invalid(ProxyProblem::Checksum));
    whole[at..at + 4].copy_from_slice(&sum);
    assert_eq!(parsed(&[&whole[..], b"GET"].concat()).length, whole.len());
    let kind = 16 + INET.len() + tlv(2, b"a").len(); // with another kind it is no checksum
    for byte in (16..whole.len()).filter(|byte| *byte != kind) {
        let mut changed = whole.clone();
        changed[byte] ^= 1;
        assert!(!matches!(read_proxy_header(&changed), ProxyReading::Parsed(_)), "byte {byte} was changed");
    }
}

/// At every beginning of a header more is asked for, never more than there is.
#[track_caller]
fn comes_byte_by_byte(whole: &[u8]) {
    for so_far in 0..whole.len() {
        match read_proxy_header(&whole[..so_far]) {
            ProxyReading::NeedMore(more) => assert!(more > 0 && so_far + more <= whole.len(), "{more} after {so_far}"),
            other => panic!("{other:?} after {so_far} of {}", whole.escape_ascii()),
        }
    }
    assert_eq!(parsed(whole).length, whole.len());
}

#[test]
fn bytes_come_one_by_one() {
    comes_byte_by_byte(b"PROXY UNKNOWN\r\n");
    comes_byte_by_byte(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
    comes_byte_by_byte(&v2(0x20, 0, b""));
    comes_byte_by_byte(&v2(0x21, 0x11, &[&INET[..], &tlv(2, b"example.com")].concat()));
}

#[test]
fn two_families_are_written_as_one() {
    let (four, six) = ("192.0.2.1:1".parse().unwrap(), "[2001:db8::1]:2".parse().unwrap());
    let text = proxy_header(ProxyVersion::V1, four, six);
    assert_eq!(&text[..], b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n");
    let mapped = "[::ffff:192.0.2.1]:1".parse().unwrap();
    assert_eq!(&proxy_header(ProxyVersion::V1, mapped, four)[..], b"PROXY TCP4 192.0.2.1 192.0.2.1 1 1\r\n");
    let binary = proxy_header(ProxyVersion::V2, four, six);
    assert_eq!(parsed(&binary).origin, client("[::ffff:192.0.2.1]:1", "[2001:db8::1]:2"));
}

#[test]
fn connections_of_the_edges_own_are_written() {
    let (one, two) = (local_header(ProxyVersion::V1), local_header(ProxyVersion::V2));
    assert_eq!(parsed(&one).origin, ProxyOrigin::Unknown, "version 1 has no word for it");
    assert_eq!(parsed(&two).origin, ProxyOrigin::Local);
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(from in address(), to in address(), ports in any::<(u16, u16)>(), behind in any::<[u8; 4]>()) {
        let (source, destination) = (SocketAddr::new(from, ports.0), SocketAddr::new(to, ports.1));
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let written = proxy_header(version, source, destination);
            prop_assert!(!written.spilled());
            comes_byte_by_byte(&written);
            let whole = [&written[..], &behind[..]].concat();
            let ProxyOrigin::Client { source: s, destination: d } = parsed(&whole).origin else { panic!("no client") };
            let plain = |at: SocketAddr| (at.ip().to_canonical(), at.port());
            prop_assert_eq!((plain(s), plain(d)), (plain(source), plain(destination)));
            prop_assert_eq!(parsed(&whole).length, written.len());
        }
    }

    #[test]
    fn any_bytes_are_read(
        start in prop_oneof![
            Just(b"PROXY ".to_vec()), Just(SIGNATURE.to_vec()), Just(v2(0x21, 0x11, b"")[..14].to_vec()), Just(vec![])
        ],
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let whole = [start, rest].concat();
        let settled = (0..=whole.len()).find(|end| !matches!(read_proxy_header(&whole[..*end]), ProxyReading::NeedMore(_)));
        if let Some(settled) = settled {
            // More bytes change nothing in what is settled.
            prop_assert_eq!(read_proxy_header(&whole[..settled]), read_proxy_header(&whole));
        }
        if let ProxyReading::Parsed(header) = read_proxy_header(&whole) {
            prop_assert!(header.length <= whole.len().min(LONGEST_PROXY_HEADER));
            prop_assert!(header.tlvs.iter().map(|tlv| tlv.value.len() + 3).sum::<usize>() <= header.length);
        }
    }
}

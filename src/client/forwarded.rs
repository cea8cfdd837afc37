//! `Forwarded` (RFC 7239): who asked, by whom it was passed on, under which host and protocol.

use super::MOST_HOPS;
use std::net::{IpAddr, SocketAddr};

/// One element: what one proxy says of where a request came to it from. What it does not say is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardedElement {
    /// Who asked it.
    pub by_client: Option<Node>,
    /// Which of its addresses was asked.
    pub by: Option<Node>,
    /// The `Host` that it was asked for.
    pub host: Option<Box<str>>,
    /// By which protocol, in lower case.
    pub proto: Option<Box<str>>,
}

/// One end of a connection, as a proxy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An address, and maybe a port.
    Address(IpAddr, Option<u16>),
    /// It does not know.
    Unknown,
    /// It does not say: a name of its own, with its `_`.
    Obfuscated(Box<str>),
}

/// The longest value of a parameter, in bytes: that of a host.
const LONGEST_VALUE: usize = 255;

/// Reads the lines of a `Forwarded` header from the right: each element is what the proxy behind it saw. Ends behind the
/// first that is not of the form of RFC 7239, which is `None`: what stands before it could be read in more than one way.
pub fn forwarded_from_the_right<'l>(lines: &'l [&'l [u8]]) -> impl Iterator<Item = Option<ForwardedElement>> + 'l {
    let mut is_over = false;
    let elements = lines.iter().rev().flat_map(|line| elements_of(line).into_iter().rev());
    elements.take(MOST_HOPS).take_while(move |element| !std::mem::replace(&mut is_over, element.is_none()))
}

/// The elements of one line. Where a part of it is not of the form, that is `None`, and nothing before it is given: a
/// quotation mark that is missing makes one of all that follows.
fn elements_of(line: &[u8]) -> Vec<Option<ForwardedElement>> {
    let mut rest = Reader(line);
    let mut elements = Vec::new();
    loop {
        rest.space();
        if rest.0.is_empty() {
            return elements;
        }
        if rest.take(b',') {
            continue; // an empty element of a list says nothing (RFC 9110, 5.6.1)
        }
        let Some(element) = rest.element() else { return vec![None] };
        elements.push(Some(element));
        if elements.len() > MOST_HOPS {
            elements.remove(0); // so many are looked at, from the right
        }
    }
}

struct Reader<'l>(&'l [u8]);

impl<'l> Reader<'l> {
    fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    /// Parameters up to a comma or the end.
    fn element(&mut self) -> Option<ForwardedElement> {
        let mut element = ForwardedElement::default();
        let mut seen = [false; 4];
        loop {
            self.space();
            if matches!(self.0.first(), None | Some(b',')) {
                break;
            }
            if self.take(b';') {
                continue;
            }
            let name = self.token()?;
            if !self.take(b'=') {
                return None;
            }
            let value = if self.take(b'"') { self.quoted()? } else { self.token()?.to_vec() };
            let value = String::from_utf8(value).ok().filter(|value| value.len() <= LONGEST_VALUE)?;
            self.space();
            if !matches!(self.0.first(), None | Some(b',' | b';')) {
                return None;
            }
            let known =
                [&b"for"[..], b"by", b"host", b"proto"].iter().position(|known| name.eq_ignore_ascii_case(known));
            let Some(known) = known else { continue };
            if std::mem::replace(&mut seen[known], true) {
                return None; // a parameter stands once (RFC 7239, 4)
            }
            match known {
                0 => element.by_client = Some(node(&value)?),
                1 => element.by = Some(node(&value)?),
                2 => element.host = Some(value.into()),
                _ => element.proto = Some(value.to_ascii_lowercase().into()),
            }
        }
        Some(element)
    }

    fn token(&mut self) -> Option<&'l [u8]> {
        let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        let end = self.0.iter().position(|byte| !is_token(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// What stands up to the second quotation mark, where the first has been taken.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => return Some(value),
                b'\\' => {
                    let (escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    value.push(*escaped);
                }
                b'\t' | b' '..=b'~' | 0x80.. => value.push(*byte),
                _ => return None,
            }
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`, `unknown`, `_name`; the last two may have a port as well,
/// which may be a name.
fn node(text: &str) -> Option<Node> {
    let is_name = |text: &str| {
        let rest = text.strip_prefix('_').filter(|rest| !rest.is_empty());
        rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)))
    };
    let (name, port) = match text.rfind(']') {
        Some(end) => (text.get(..=end)?, text.get(end + 1..).filter(|rest| !rest.is_empty())),
        None => text.find(':').map_or((text, None), |colon| (&text[..colon], text.get(colon..))),
    };
    let port = port.map(|port| port.strip_prefix(':').unwrap_or("?"));
    let number = port.filter(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()));
    let number = number.and_then(|port| port.parse().ok());
    if port.is_some_and(|port| number.is_none() && !is_name(port)) {
        return None;
    }
    if name.eq_ignore_ascii_case("unknown") {
        return Some(Node::Unknown);
    }
    if is_name(name) {
        return Some(Node::Obfuscated(name.into()));
    }
    let address = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => IpAddr::V6(inside.parse().ok()?),
        None => IpAddr::V4(name.parse().ok()?),
    };
    Some(Node::Address(address.to_canonical(), number))
}

/// The element that an edge adds: who asked it, for which host and by which protocol. What cannot be said is left out.
#[must_use]
pub fn forwarded_element(client: SocketAddr, host: Option<&[u8]>, proto: &str) -> String {
    // A port that is not known is 0 here, and nowhere else.
    let element = match (client.ip().to_canonical(), client.port()) {
        (IpAddr::V4(address), 0) => format!("for={address};proto={proto}"),
        (IpAddr::V4(address), port) => format!("for=\"{address}:{port}\";proto={proto}"),
        (IpAddr::V6(address), 0) => format!("for=\"[{address}]\";proto={proto}"),
        (IpAddr::V6(address), port) => format!("for=\"[{address}]:{port}\";proto={proto}"),
    };
    let harmless = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    match host.filter(|host| host.len() <= LONGEST_VALUE && host.iter().all(harmless)) {
        Some(host) => format!("{element};host=\"{}\"", String::from_utf8_lossy(host)),
        None => element,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> Vec<Option<ForwardedElement>> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        forwarded_from_the_right(&lines).collect()
    }

    fn of_client(text: &str) -> Option<ForwardedElement> {
        Some(ForwardedElement { by_client: node(text), ..ForwardedElement::default() })
    }

    /// RFC 7239, 4 and 7.
    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(read(&["for=\"_gazonk\""]), [of_client("_gazonk")]);
        assert_eq!(read(&["For=\"[2001:db8:cafe::17]:4711\""]), [of_client("[2001:db8:cafe::17]:4711")]);
        let whole = ForwardedElement {
            by_client: node("192.0.2.60"),
            by: node("203.0.113.43"),
            proto: Some("http".into()),
            host: None,
        };
        assert_eq!(read(&["for=192.0.2.60;proto=http;by=203.0.113.43"]), [Some(whole)]);
        let two = [of_client("198.51.100.17"), of_client("192.0.2.43")];
        assert_eq!(read(&["for=192.0.2.43, for=198.51.100.17"]), two);
        assert_eq!(read(&["for=192.0.2.43", "for=198.51.100.17"]), two);
        assert_eq!(read(&["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"])[0], of_client("unknown"));
        let host = read(&["for=_hidden, for=_SEVKISEK;host=\"a.example:80\";ext=1"]);
        assert_eq!(host[0].as_ref().unwrap().host.as_deref(), Some("a.example:80"));
        assert_eq!(host[1], of_client("_hidden"));
    }

    #[test]
    fn nodes() {
        let address = |text: &str, port| Some(Node::Address(text.parse().unwrap(), port));
        for (text, wanted) in [
            ("192.0.2.1", address("192.0.2.1", None)),
            ("192.0.2.1:80", address("192.0.2.1", Some(80))),
            ("192.0.2.1:_p", address("192.0.2.1", None)),
            ("[::1]", address("::1", None)),
            ("[::ffff:192.0.2.1]:1", address("192.0.2.1", Some(1))),
            ("UNKNOWN", Some(Node::Unknown)),
            ("unknown:80", Some(Node::Unknown)),
            ("_a.b-c", Some(Node::Obfuscated("_a.b-c".into()))),
            ("", None),
            ("_", None),
            ("::1", None),
            ("[192.0.2.1]", None),
            ("[::1]80", None),
            ("[::1", None),
            ("192.0.2.1:", None),
            ("192.0.2.1:99999", None),
            ("192.0.2.1:+1", None),
            ("a.example", None),
        ] {
            assert_eq!(node(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_of_the_form_ends_the_reading() {
        for line in [
            "for",
            "for=",
            "for=\"a",
            "for=a.example",
            "=a",
            "for=1.1.1.1;for=2.2.2.2",
            "for=1.1.1.1 x",
            "for=\"\u{1}\"",
        ] {
            assert_eq!(read(&[line]), [None], "{line}");
            assert_eq!(read(&["for=192.0.2.1", line, "for=192.0.2.2"]), [of_client("192.0.2.2"), None], "{line}");
        }
        assert_eq!(read(&["", " , ,", ";"]), [Some(ForwardedElement::default())], "nothing is said");
        let quoted = "for=192.0.2.9, for=\"192.0.2.1, for=192.0.2.2";
        assert_eq!(read(&[quoted]), [None], "a comma may be quoted");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bits in any::<u128>(), is_v4 in any::<bool>(), port in any::<u16>(), host in "[ -~]{0,40}") {
            let ip = if is_v4 { IpAddr::from((bits as u32).to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) };
            let element = forwarded_element(SocketAddr::new(ip, port), Some(host.as_bytes()), "https");
            let read = read(&[&format!("for=192.0.2.1, {element}")]);
            let read = read[0].clone().unwrap();
            prop_assert_eq!(read.by_client, Some(Node::Address(ip.to_canonical(), Some(port).filter(|port| *port > 0))));
            prop_assert_eq!(read.proto.as_deref(), Some("https"));
            if let Some(said) = read.host {
                prop_assert_eq!(&*said, &*host);
            }
        }

        #[test]
        fn any_bytes_are_read(lines in prop::collection::vec("[fFor=\";, \\\\_0-9.:\\[\\]]{0,60}", 0..4)) {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            let elements: Vec<_> = forwarded_from_the_right(&lines).collect();
            prop_assert!(elements.len() <= MOST_HOPS);
            prop_assert!(elements.iter().rev().skip(1).all(Option::is_some));
        }
    }
}

//! The values of one cookie in a request's `Cookie` header.

use memchr::memchr;

/// The values of the cookies that are called `name` (a token) in one `Cookie` header value, in the order of the header.
///
/// It reads as servers do rather than as RFC 6265, 4.2.1 tells clients to write: pairs end at `;`, white space around
/// names and values is dropped, and one pair of double quotes around a value is taken off. Names are compared byte for
/// byte. Any bytes are taken; nothing is allocated.
pub fn cookie_values<'a>(header: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let (pair, after) = match memchr(b';', text) {
                Some(end) => (&text[..end], Some(&text[end + 1..])),
                None => (text, None),
            };
            rest = after;
            // A token holds neither '=' nor white space, so what follows it decides whether it is the whole name.
            let pair = trim_start(pair);
            if pair.first() != name.first() {
                continue; // most cookies are others: no call for them
            }
            let Some((start, after_name)) = pair.split_at_checked(name.len()) else { continue };
            // Names are short: a look at each byte is quicker than a call.
            if start.iter().eq(name)
                && let [b'=', value @ ..] = trim_start(after_name)
            {
                return Some(unquote(trim(value)));
            }
        }
    })
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    trim_start(bytes)
}

fn unquote(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'"', inner @ .., b'"'] => inner,
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(header: &str) -> Vec<&str> {
        cookie_values(header.as_bytes(), b"sid").map(|v| std::str::from_utf8(v).unwrap()).collect()
    }

    #[test]
    fn the_value_is_found_wherever_it_stands() {
        assert_eq!(values("sid=east-1"), ["east-1"]);
        assert_eq!(values("a=1; sid=east-1; b=2"), ["east-1"]);
        assert_eq!(values("a=1;sid=east-1"), ["east-1"]);
        assert_eq!(values("  sid = east-1  "), ["east-1"]);
        assert_eq!(values("sid=\"east-1\""), ["east-1"]);
        assert_eq!(values("sid=a=b"), ["a=b"], "a value may hold '='");
    }

    #[test]
    fn several_come_in_order() {
        assert_eq!(values("sid=1; x=2; sid=3"), ["1", "3"]);
    }

    #[test]
    fn other_names_are_not_taken_for_it() {
        for header in ["xsid=1", "sid2=1", "SID=1", "a=sid=1", "sid", "", ";;;", "=", "\"sid\"=1"] {
            assert_eq!(values(header), [""; 0], "{header}");
        }
        assert_eq!(values("sid="), [""]);
        assert_eq!(values("sid=\""), ["\""], "half a pair of quotes is no pair");
    }
}

//! The target of a request: the path that a decision is made from is, byte for byte, the path that is forwarded.

use crate::proxy::head::Head;
use crate::proxy::refusal::Refusal;
use http::Method;

/// Whether the target has one of the forms that are forwarded, and a path that means the same to everybody.
pub(super) fn check(head: &dyn Head) -> Result<(), Refusal> {
    let target = head.target();
    if !target.iter().all(u8::is_ascii_graphic) {
        return Err(Refusal::BadRequest("The request target has characters that must be percent-encoded."));
    }
    match target.first() {
        Some(b'/') => {}
        Some(b'*') if target.len() == 1 && *head.method() == Method::OPTIONS => return Ok(()),
        _ if is_absolute(target) => {}
        _ => return Err(Refusal::BadRequest("The request target is neither a path nor a URL.")),
    }
    check_path(head.path().as_bytes())
}

/// Whether a target is in absolute form: a URL, as it is sent to a proxy. Its host is compared with `Host` by the engine.
fn is_absolute(target: &[u8]) -> bool {
    [&b"http://"[..], b"https://"]
        .iter()
        .any(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Clients resolve `.` and `..` before they ask. Where they come all the same, some apps resolve them and others do not: a
/// path could be routed to one service, and be that of another. So it is with what some take for a slash.
fn check_path(path: &[u8]) -> Result<(), Refusal> {
    // As most are.
    if !path.iter().fold(false, |found, byte| found | matches!(byte, b'.' | b'%' | b'\\' | b'\0')) {
        return Ok(());
    }
    let mut rest = path;
    // Where the segment begins that is looked at, as far as it may still be one of dots.
    let mut dots = Some(0_u8);
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => (decoded(*high, *low), behind),
            (b'\\', _) => return Err(Refusal::BadRequest("The path has a backslash.")),
            _ => (Some(byte), behind),
        };
        match byte {
            Some(0) => return Err(Refusal::BadRequest("The path has a NUL character.")),
            Some(b'/' | b'\\') if matches!(dots, Some(1 | 2)) => return Err(DOTS),
            // Some servers cut parameters off a segment first.
            Some(b';') if matches!(dots, Some(1 | 2)) => return Err(DOTS),
            Some(b'/' | b'\\') => dots = Some(0),
            Some(b'.') => dots = dots.map(|dots| dots.saturating_add(1)),
            _ => dots = None,
        }
        rest = behind;
    }
    if matches!(dots, Some(1 | 2)) { Err(DOTS) } else { Ok(()) }
}

const DOTS: Refusal = Refusal::BadRequest("The path has segments of dots, which must be resolved before it is sent.");

fn decoded(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::head;
    use super::*;

    #[test]
    fn paths_of_one_meaning_pass() {
        for target in [
            "/",
            "/a?b=c",
            "/a//b",
            "//a",
            "/...",
            "/a/.well-known/x",
            "/a..b/..c/d..",
            "/%2f",
            "/a%2Fb",
            "/100%",
            "/%zz",
            "/%2e%2e%2e",
            "/a?/../b\\%00",
            "/{a}|b",
            "http://a.example",
            "http://a.example/b",
            "HTTPS://a.example?c",
        ] {
            assert_eq!(check(&head("GET", target, &[])), Ok(()), "{target}");
        }
        assert_eq!(check(&head("OPTIONS", "*", &[])), Ok(()));
    }

    #[test]
    fn other_targets_do_not() {
        for target in [
            "*",
            "**",
            "?a",
            "a",
            "a.example:80",
            "ftp://a.example/",
            "http:/a",
            "/.",
            "/..",
            "/../a",
            "/a/./b",
            "/a/..",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a%2f..%2fb",
            "/a%5c..",
            "/a/..;x/b",
            "/a/..%3bx",
            "/a\\b",
            "/a%00",
            "/é",
            "http://a.example/../b",
        ] {
            assert_eq!(check(&head("GET", target, &[])).map_err(Refusal::status), Err(400), "{target}");
        }
    }
}

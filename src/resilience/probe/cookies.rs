//! The cookies of one run of a deep probe. There is one host and no time to speak of: of what RFC 6265 says, names, values,
//! paths and the wish to be forgotten count.

use super::expect::ProbeAnswer;

/// The most cookies that are kept. Further ones are passed over.
const MOST: usize = 32;
/// The longest name and value together, in bytes. A longer one is passed over.
const LONGEST: usize = 4 << 10;

/// The cookies that a server has set.
#[derive(Debug, Clone, Default)]
pub(super) struct CookieJar {
    cookies: Vec<Cookie>,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: Box<[u8]>,
    value: Box<[u8]>,
    path: Box<[u8]>,
}

impl CookieJar {
    /// Takes in what the answer to a request for `path` sets.
    pub(super) fn take(&mut self, path: &str, answer: &ProbeAnswer) {
        for line in answer.values("set-cookie") {
            self.take_line(path.as_bytes(), line);
        }
    }

    fn take_line(&mut self, asked: &[u8], line: &[u8]) {
        let mut parts = line.split(|b| *b == b';');
        let Some((name, value)) = parts.next().and_then(pair) else { return };
        if name.is_empty() || name.len() + value.len() > LONGEST {
            return;
        }
        let (mut path, mut is_gone) = (None, false);
        for (name, value) in parts.filter_map(|part| pair(part).or(Some((part.trim_ascii(), b"")))) {
            if name.eq_ignore_ascii_case(b"path") {
                path = Some(value).filter(|path| path.starts_with(b"/"));
            } else if name.eq_ignore_ascii_case(b"max-age") {
                is_gone = value.starts_with(b"-") || (!value.is_empty() && value.iter().all(|b| *b == b'0'));
            } else if name.eq_ignore_ascii_case(b"expires") {
                // The date that servers take to delete one; any other is ahead.
                is_gone |= value.windows(4).any(|year| year == b"1970");
            }
        }
        let path = path.unwrap_or_else(|| directory(asked));
        self.cookies.retain(|known| *known.name != *name || *known.path != *path);
        if !is_gone && self.cookies.len() < MOST {
            self.cookies.push(Cookie { name: name.into(), value: value.into(), path: path.into() });
        }
    }

    /// The `Cookie` header of a request for `path`; `None` without a cookie for it.
    pub(super) fn header(&self, path: &str) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        for Cookie { name, value, .. } in self.cookies.iter().filter(|cookie| is_below(path.as_bytes(), &cookie.path)) {
            if !line.is_empty() {
                line.extend_from_slice(b"; ");
            }
            line.extend_from_slice(name);
            line.push(b'=');
            line.extend_from_slice(value);
        }
        Some(line).filter(|line| !line.is_empty())
    }
}

fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|b| *b == b'=')?;
    Some((part[..at].trim_ascii(), part[at + 1..].trim_ascii()))
}

fn without_query(path: &[u8]) -> &[u8] {
    path.split(|b| *b == b'?').next().unwrap_or_default()
}

/// The path that a cookie is for which names none (RFC 6265, 5.1.4).
fn directory(asked: &[u8]) -> &[u8] {
    let path = without_query(asked);
    match path.iter().rposition(|b| *b == b'/') {
        Some(0) | None => b"/",
        Some(last) => &path[..last],
    }
}

fn is_below(asked: &[u8], path: &[u8]) -> bool {
    let asked = without_query(asked);
    asked.strip_prefix(path).is_some_and(|rest| rest.is_empty() || path.ends_with(b"/") || rest.starts_with(b"/"))
}

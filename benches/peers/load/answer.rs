//! As much of an answer of HTTP/1.1 as it takes to know that it is the right one. Pure.

use memchr::{memchr, memmem};

/// What its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Bytes of the head, with the empty line behind it.
    pub length: usize,
    /// Bytes of the body; `None` where the head does not say.
    pub body: Option<u64>,
    /// The region that served it, where the app says so.
    pub region: Option<usize>,
    /// Whether the connection ends with it.
    pub closes: bool,
}

/// Reads a head; `None` while its end has not come.
///
/// # Errors
/// What is no answer of HTTP/1.1.
pub fn read(bytes: &[u8]) -> Result<Option<Head>, &'static str> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() < 16 * 1024 { Ok(None) } else { Err("an endless head") };
    };
    if !bytes.starts_with(b"HTTP/1.1 ") {
        return Err("no HTTP");
    }
    let status = number(&bytes[9..end.min(12)]).ok_or("no status")?;
    let mut head = Head { status: status as u16, length: end + 4, body: None, region: None, closes: false };
    let mut rest = &bytes[..end + 2];
    while let Some(line_end) = memchr(b'\n', rest) {
        let line = &rest[..line_end.saturating_sub(1)];
        match line.first() {
            Some(b'c' | b'C') => {
                head.body = value(line, b"content-length").and_then(number).or(head.body);
                head.closes |= value(line, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
            }
            Some(b'x' | b'X') => {
                head.region = value(line, b"x-region").and_then(number).map(|region| region as usize).or(head.region);
            }
            _ => {}
        }
        rest = &rest[line_end + 1..];
    }
    Ok(Some(head))
}

fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let is_it = line.len() > name.len() && line[name.len()] == b':' && line[..name.len()].eq_ignore_ascii_case(name);
    is_it.then(|| line[name.len() + 1..].trim_ascii())
}

/// A decimal number of nothing but digits.
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

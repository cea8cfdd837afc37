//! Apache's common and combined formats: `%h %l %u %t "%r" …`. What comes behind the request is not looked at.

use super::{BadLine, LoggedRequest, without_query};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

pub(super) fn read(line: &[u8]) -> Result<LoggedRequest<'_>, BadLine> {
    let (client, rest) = split(line, b' ').ok_or(BadLine::Neither)?;
    let (_, rest) = split(rest, b'[').ok_or(BadLine::Neither)?;
    let (time, rest) = split(rest, b']').ok_or(BadLine::Neither)?;
    let (_, rest) = split(rest, b'"').ok_or(BadLine::Neither)?;
    let request = quoted(rest).ok_or(BadLine::Neither)?;
    let client = std::str::from_utf8(client).ok().and_then(|client| client.parse().ok()).ok_or(BadLine::Client)?;
    // METHOD SP target SP protocol; what has no target is no request that went anywhere.
    let target = split(request, b' ').map(|(_, rest)| split(rest, b' ').map_or(rest, |(target, _)| target));
    let target = target.filter(|target| !target.is_empty()).ok_or(BadLine::Path)?;
    let (host, path) = parts(target);
    let second = second(time).ok_or(BadLine::Time)?;
    Ok(LoggedRequest { second, client, host, path: without_query(path), decided: None })
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let end = memchr(at, text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Up to the quotation mark that ends it; one behind a `\` does not.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return text.get(..at);
        }
        from = at + 2;
    }
}

/// Host and path of a target, which may be a whole URL.
fn parts(target: &[u8]) -> (Option<Cow<'_, str>>, Cow<'_, str>) {
    let target = String::from_utf8_lossy(target);
    let authority = |text: &str| -> Option<(usize, usize)> {
        let start = text.find("://").filter(|at| *at <= 8)? + 3;
        let length = text.get(start..)?.find(['/', '?', '#']).unwrap_or(text.len() - start);
        Some((start, start + length))
    };
    let is_path = target.starts_with('/');
    match (is_path, authority(&target), target) {
        (false, Some((start, end)), Cow::Borrowed(whole)) => {
            (whole.get(start..end).map(Cow::Borrowed), Cow::Borrowed(whole.get(end..).unwrap_or_default()))
        }
        (false, Some((start, end)), Cow::Owned(whole)) => {
            let piece = |range: std::ops::Range<usize>| whole.get(range).unwrap_or_default().to_owned();
            (Some(Cow::Owned(piece(start..end))), Cow::Owned(piece(end..whole.len())))
        }
        (_, _, target) => (None, target),
    }
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// `22/Nov/2026:04:30:00 +0000` in seconds since 1970.
fn second(text: &[u8]) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0_i32, |number, digit| number * 10 + i32::from(digit - b'0')))
    };
    let small = |range| number(range).and_then(|number| i8::try_from(number).ok());
    let stands = |at: usize, byte: u8| text.get(at) == Some(&byte);
    let marks = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if text.len() != 26 || !marks.into_iter().all(|(at, byte)| stands(at, byte)) {
        return None;
    }
    let month = MONTHS.iter().position(|month| text.get(3..6) == Some(&month[..]))? + 1;
    let year = i16::try_from(number(7..11)?).ok()?;
    // A leap second counts to the one before.
    let seconds = small(18..20)?.min(59);
    let local =
        DateTime::new(year, i8::try_from(month).ok()?, small(0..2)?, small(12..14)?, small(15..17)?, seconds, 0);
    let offset = number(22..24)? * 3_600 + number(24..26)? * 60;
    let offset = match text.get(21)? {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    Some(Offset::from_seconds(offset).ok()?.to_timestamp(local.ok()?).ok()?.as_second())
}

//! The header fields that say where a request ends, and those that could be taken for others.

use crate::proxy::head::Head;
use crate::proxy::refusal::Refusal;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};

/// The most options in `Connection`: the engine takes no more, and no client sends as many.
const MOST_OPTIONS: usize = 9;

/// Names that are never between two neighbours only: who has them removed on the way changes what is decided, or what the
/// app is told.
const TO_THE_END: [&str; 9] = [
    "authorization",
    "cdn-loop",
    "content-length",
    "cookie",
    "forwarded",
    "host",
    "transfer-encoding",
    "via",
    "x-request-id",
];

/// The starts of names that the edge sets.
const OWN_STARTS: [&str; 2] = ["homeward-", "x-forwarded-"];

pub(super) fn check(head: &dyn Head) -> Result<(), Refusal> {
    check_length(head)?;
    check_encoding(head)?;
    check_connection(head)?;
    let mut is_other = false;
    head.each_line(&mut |name, _| {
        // CGI and all that came of it cannot tell '-' from '_'.
        let may_be = name.first().is_some_and(|first| INITIALS[usize::from(*first)]);
        is_other |= may_be && name.contains(&b'_') && is_ours(&lower_with_hyphens(name));
    });
    if is_other {
        return Err(Refusal::BadRequest("A header field's name is another's with '_' in place of '-'."));
    }
    Ok(())
}

/// What those names begin with that have a `-`, in either case: other header lines are not looked at any further.
const INITIALS: [bool; 256] = with_initials(with_initials([false; 256], &TO_THE_END), &OWN_STARTS);

const fn with_initials(mut initials: [bool; 256], names: &[&str]) -> [bool; 256] {
    let mut nth = 0;
    while nth < names.len() {
        let (name, mut at) = (names[nth].as_bytes(), 0);
        while at < name.len() {
            if name[at] == b'-' {
                initials[name[0] as usize] = true;
                initials[name[0].to_ascii_uppercase() as usize] = true;
            }
            at += 1;
        }
        nth += 1;
    }
    initials
}

fn lower_with_hyphens(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-")
}

fn is_ours(name: &str) -> bool {
    TO_THE_END.contains(&name) || OWN_STARTS.iter().any(|start| name.starts_with(start))
}

/// One length, in digits, that every program can hold.
fn check_length(head: &dyn Head) -> Result<(), Refusal> {
    match *head.all(&CONTENT_LENGTH) {
        [] => Ok(()),
        [line] => length(line).map(drop).ok_or(Refusal::BadRequest("The Content-Length is no length.")),
        _ => Err(Refusal::BadRequest("The request has more than one Content-Length.")),
    }
}

fn length(value: &[u8]) -> Option<u64> {
    // 2^63 has 19 digits: beyond it, programs begin to disagree.
    let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let length: u64 = std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()?;
    i64::try_from(length).is_ok().then_some(length)
}

/// The length that the head declares for its body, where it declares one.
pub(in crate::proxy) fn declared_length(head: &dyn Head) -> Option<u64> {
    length(head.first(&CONTENT_LENGTH)?)
}

/// `chunked`, once, and nothing else: the engine would take other codings off without undoing them.
fn check_encoding(head: &dyn Head) -> Result<(), Refusal> {
    match *head.all(&TRANSFER_ENCODING) {
        [] => Ok(()),
        [only] if only.eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Refusal::BadRequest("The Transfer-Encoding is not chunked alone.")),
    }
}

/// What is named there is removed before the request goes on.
fn check_connection(head: &dyn Head) -> Result<(), Refusal> {
    let lines = head.all(&CONNECTION);
    let options = lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut count = 0;
    for option in options.filter(|option| !option.is_empty()) {
        count += 1;
        let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        if count > MOST_OPTIONS || !option.iter().all(is_token) {
            return Err(Refusal::BadRequest("The Connection header is not a short list of names."));
        }
        let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
        let starts = |start: &str| option.get(..start.len()).is_some_and(|o| o.eq_ignore_ascii_case(start.as_bytes()));
        if TO_THE_END.iter().any(|name| is(name)) || OWN_STARTS.iter().any(|start| starts(start)) {
            return Err(Refusal::BadRequest("The Connection header names a field that is not the connection's."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::head;
    use super::*;

    #[test]
    fn fields_of_one_meaning_pass() {
        for headers in [
            &[][..],
            &[("Content-Length", "0")],
            &[("Content-Length", "9223372036854775807")],
            &[("Transfer-Encoding", "Chunked")],
            &[("Connection", "keep-alive, Upgrade,TE"), ("Connection", "X-Hop")],
            &[("X_Own", "1"), ("X-Forwarded-For", "192.0.2.1")],
        ] {
            assert_eq!(check(&head("PUT", "/", headers)), Ok(()), "{headers:?}");
        }
    }

    #[test]
    fn other_fields_do_not() {
        let many = "a,".repeat(10);
        for headers in [
            &[("Content-Length", "1"), ("Content-Length", "1")][..],
            &[("Content-Length", "1, 1")],
            &[("Content-Length", "")],
            &[("Content-Length", "+1")],
            &[("Content-Length", "-1")],
            &[("Content-Length", "0x1")],
            &[("Content-Length", "1 ")],
            &[("Content-Length", "9223372036854775808")],
            &[("Content-Length", "00000000000000000001")],
            &[("Transfer-Encoding", "gzip, chunked")],
            &[("Transfer-Encoding", "chunked, chunked")],
            &[("Transfer-Encoding", "identity")],
            &[("Transfer-Encoding", "xchunked")],
            &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
            &[("Connection", &many)],
            &[("Connection", "a b")],
            &[("Connection", "close, Cookie")],
            &[("Connection", "X-Forwarded-For")],
            &[("Connection", "homeward-hop")],
            &[("Homeward_Session", "home")],
            &[("X_Forwarded-For", "192.0.2.1")],
            &[("Content_Length", "1")],
            &[("transfer_ENCODING", "chunked")],
            &[("CDN_Loop", "homeward")],
            &[("x-Request_Id", "1")],
        ] {
            assert_eq!(check(&head("PUT", "/", headers)).map_err(Refusal::status), Err(400), "{headers:?}");
        }
    }

    #[test]
    fn a_declared_length_is_read() {
        assert_eq!(declared_length(&head("PUT", "/", &[("Content-Length", "12")])), Some(12));
        assert_eq!(declared_length(&head("PUT", "/", &[])), None);
    }
}

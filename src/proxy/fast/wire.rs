//! Heads as they are written.

use super::answer::{AnswerHead, Framing};
use super::edits::Edits;
use super::request::Request;
use crate::live::clock;
use crate::proxy::fields::Fields;
use crate::proxy::head::Head;
use http::header::DATE;
use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

/// Writes the head of a request as its server gets it. `is_last`: whether no other request comes on the connection.
pub(super) fn request(request: &Request, edits: &Edits<'_>, is_last: bool, into: &mut Vec<u8>) {
    into.extend_from_slice(request.method().as_str().as_bytes());
    into.push(b' ');
    into.extend_from_slice(request.target());
    into.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(authority) = request.authority() {
        line(b"Host", authority.as_bytes(), into);
    }
    edits.write(into);
    if is_last {
        line(b"connection", b"close", into);
    }
    into.extend_from_slice(b"\r\n");
}

/// Writes the head of an answer as its client gets it.
pub(super) fn answer(head: &AnswerHead, edits: &Edits<'_>, keeps: bool, into: &mut Vec<u8>) {
    status_line(head, into);
    edits.write(into);
    if head.passed_on == Framing::Chunked && head.framing != Framing::Chunked {
        line(b"Transfer-Encoding", b"chunked", into);
    }
    if !edits.has(&DATE) {
        with_date(|date| line(b"Date", date, into));
    }
    line(b"Connection", if keeps { b"keep-alive" } else { b"close" }, into);
    into.extend_from_slice(b"\r\n");
}

/// Writes the head of an answer that another one follows.
pub(super) fn informational(head: &AnswerHead, edits: &Edits<'_>, into: &mut Vec<u8>) {
    status_line(head, into);
    edits.write(into);
    into.extend_from_slice(b"\r\n");
}

fn status_line(head: &AnswerHead, into: &mut Vec<u8>) {
    into.extend_from_slice(b"HTTP/1.1 ");
    into.extend_from_slice(head.status.as_str().as_bytes());
    into.push(b' ');
    into.extend_from_slice(head.reason());
    into.extend_from_slice(b"\r\n");
}

fn line(name: &[u8], value: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(name);
    into.extend_from_slice(b": ");
    into.extend_from_slice(value);
    into.extend_from_slice(b"\r\n");
}

/// Writes a piece of a body, as its client gets it that has it in this framing.
pub(super) fn piece(framing: Framing, bytes: &[u8], into: &mut Vec<u8>) {
    if framing == Framing::Chunked && !bytes.is_empty() {
        // At most sixteen digits.
        let _ = std::io::Write::write_fmt(into, format_args!("{:x}\r\n", bytes.len()));
        into.extend_from_slice(bytes);
        into.extend_from_slice(b"\r\n");
    } else {
        into.extend_from_slice(bytes);
    }
}

/// The end of a body in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Hands on the moment as HTTP writes it (RFC 9110, 5.6.7); it is written out once a second.
fn with_date(then: impl FnOnce(&[u8])) {
    thread_local! {
        static WRITTEN: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let second = clock::unix_second();
    WRITTEN.with_borrow_mut(|(of, text)| {
        if *of != second {
            *of = second;
            *text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        then(text.as_bytes());
    });
}

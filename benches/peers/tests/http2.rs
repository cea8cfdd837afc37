use crate::http2::{self, Frame, Memory, put, put_header};

#[test]
fn frames_are_taken_as_they_were_put() {
    let mut bytes = Vec::new();
    put(&mut bytes, http2::HEADERS, http2::END_HEADERS, 1, b"\x88");
    put(&mut bytes, http2::DATA, http2::END_STREAM, 1, b"body");
    let mut rest = &bytes[..];
    let head = Frame::take(&mut rest).unwrap().unwrap();
    assert!(head.kind == http2::HEADERS && !head.ends_stream() && http2::is_ok(head.content()));
    let body = Frame::take(&mut rest).unwrap().unwrap();
    assert!(body.ends_stream() && body.stream == 1 && body.content() == b"body");
    assert_eq!(Frame::take(&mut rest), Ok(None));
    for end in 0..9 {
        assert_eq!(Frame::take(&mut &bytes[..end]), Ok(None));
    }
    assert!(Frame::take(&mut &[0xff; 9][..]).is_err());
}

#[test]
fn padding_and_priority_are_no_content() {
    let padded = Frame { kind: http2::DATA, flags: 8, stream: 1, payload: b"\x02body\0\0" };
    assert_eq!(padded.content(), b"body");
    let prior = Frame { kind: http2::HEADERS, flags: 32, stream: 1, payload: b"12345\x88" };
    assert_eq!(prior.content(), b"\x88");
    let wrong = Frame { kind: http2::DATA, flags: 8, stream: 1, payload: b"\xff" };
    assert_eq!(wrong.content(), b"");
}

#[test]
fn settings_and_numbers_are_read() {
    let settings = Frame { kind: http2::SETTINGS, flags: 0, stream: 0, payload: b"\0\x04\0\0\xff\xff\0\x03\0\0\0\x64" };
    assert_eq!(settings.settings().collect::<Vec<_>>(), [(4, 65_535), (3, 100)]);
    let more = Frame { kind: http2::WINDOW_UPDATE, flags: 0, stream: 0, payload: &[0x80, 0, 1, 0] };
    assert_eq!(more.number(), 256);
}

#[test]
fn a_status_is_found_behind_changes_of_the_memory() {
    assert!(http2::is_ok(b"\x20\x88"));
    assert!(http2::is_ok(b"\x3f\xe1\x1f\x88"));
    assert!(!http2::is_ok(b"\x8d"));
    assert!(!http2::is_ok(b"\x3f\xff"));
    assert!(!http2::is_ok(b""));
}

#[test]
fn headers_are_written_with_their_lengths() {
    let mut out = Vec::new();
    put_header(&mut out, Memory::Kept, "a", "bc");
    assert_eq!(out, b"\x40\x01a\x02bc");
    out.clear();
    put_header(&mut out, Memory::Passing, "n", &"v".repeat(300));
    // 300 is 127, and 173 in two bytes of seven bits.
    assert_eq!(out[..6], [0, 1, b'n', 127, 173 | 128, 1]);
    assert_eq!(out.len(), 6 + 300);
}

use crate::apps::http1::Connection;
use crate::http2;
use crate::load::answer;
use proptest::prelude::*;

/// What a connection says to these bytes, which come in pieces that end at these places.
fn said(region: usize, bytes: &[u8], ends: &[usize]) -> Option<(Vec<u8>, usize)> {
    let mut connection = Connection::new(region);
    let (mut out, mut zeros, mut start) = (Vec::new(), 0, 0);
    for end in ends.iter().copied().chain([bytes.len()]) {
        let end = end.clamp(start, bytes.len());
        connection.take(&bytes[start..end], &mut out, &mut zeros)?;
        start = end;
    }
    Some((out, zeros))
}

const GET: &[u8] = b"GET /account/12 HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn an_answer_has_the_length_and_the_region() {
    let (out, zeros) = said(2, GET, &[]).unwrap();
    let head = answer::read(&out).unwrap().unwrap();
    assert_eq!((head.status, head.body, head.region), (200, Some(12), Some(2)));
    assert_eq!((out.len() - head.length, out[head.length], zeros), (12, b'2', 0));
}

#[test]
fn large_answers_are_zeros_behind_their_heads() {
    let (out, zeros) = said(0, b"GET /account/10485760 HTTP/1.1\r\n\r\n", &[]).unwrap();
    let head = answer::read(&out).unwrap().unwrap();
    assert_eq!((out.len(), zeros), (head.length, 10_485_760));
}

#[test]
fn what_cannot_be_followed_ends_the_connection() {
    assert!(said(0, b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &[]).is_none());
    assert!(said(0, b"POST /1 HTTP/1.1\r\nContent-Length: many\r\n\r\n", &[]).is_none());
    assert!(said(0, &[b'x'; 70_000], &[]).is_none());
}

#[test]
fn messages_come_back_without_their_mask() {
    let mut bytes = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
    let short = [&[0x82, 0x80 | 3, 0, 0, 0, 0][..], b"abc"].concat();
    let long = [&[0x82, 0x80 | 126, 1, 0, 0, 0, 0, 0][..], &[7; 256]].concat();
    bytes.extend_from_slice(&[short, long].concat());
    let (out, _) = said(0, &bytes, &[10, 70, 75]).unwrap();
    let echo = [&[0x82, 3][..], b"abc", &[0x82, 126, 1, 0], &[7; 256]].concat();
    assert!(out.starts_with(b"HTTP/1.1 101 ") && out.ends_with(&echo));
}

#[test]
fn http2_is_spoken_where_a_client_begins_with_it() {
    let mut bytes = http2::PREFACE.to_vec();
    http2::put(&mut bytes, http2::SETTINGS, 0, 0, &[]);
    http2::put(&mut bytes, http2::HEADERS, http2::END_HEADERS | http2::END_STREAM, 1, b"\x82");
    // Only 63 answers have room until there is more.
    (1..70).for_each(|nth| {
        http2::put(&mut bytes, http2::HEADERS, http2::END_HEADERS | http2::END_STREAM, 2 * nth + 1, b"\x82");
    });
    let answers = |bytes: &[u8], ends: &[usize]| {
        let (out, _) = said(1, bytes, ends).unwrap();
        let (mut rest, mut bodies) = (&out[..], 0);
        while let Some(frame) = http2::Frame::take(&mut rest).unwrap() {
            bodies += usize::from(frame.kind == http2::DATA && frame.ends_stream() && frame.content()[0] == b'1');
        }
        bodies
    };
    assert_eq!(answers(&bytes, &[]), 63);
    http2::put(&mut bytes, http2::WINDOW_UPDATE, 0, 0, &100_000_u32.to_be_bytes());
    assert_eq!(answers(&bytes, &[5, 24, 30, 200]), 70);
}

proptest! {
    #[test]
    fn pieces_make_no_difference(mut ends in prop::collection::vec(0..400_usize, 0..8)) {
        ends.sort_unstable();
        let post = [b"POST /account/3 HTTP/1.1\r\nContent-Length: 200\r\n\r\n", &[1; 200][..], GET].concat();
        prop_assert_eq!(said(1, &post, &ends), said(1, &post, &[]));
    }
}

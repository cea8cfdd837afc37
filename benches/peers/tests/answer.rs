use crate::load::answer::{Head, number, read};

#[test]
fn a_head_is_read_however_its_names_are_written() {
    for (length, region) in [("Content-Length", "X-Region"), ("content-length", "x-region")] {
        let text = format!("HTTP/1.1 200 OK\r\nDate: today\r\n{length}: 12\r\n{region}: 2\r\n\r\nthe body");
        let head = read(text.as_bytes()).unwrap().unwrap();
        let whole = text.len() - "the body".len();
        assert_eq!(head, Head { status: 200, length: whole, body: Some(12), region: Some(2), closes: false });
    }
}

#[test]
fn a_part_of_a_head_is_waited_for() {
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert!((0..text.len()).all(|end| read(&text[..end]) == Ok(None)));
    assert!(read(text).unwrap().is_some());
}

#[test]
fn the_end_of_a_connection_is_heard() {
    let head = read(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap().unwrap();
    assert!(head.closes && head.body.is_none());
    assert!(!read(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n").unwrap().unwrap().closes);
}

#[test]
fn what_is_no_answer_is_refused() {
    assert!(read(b"HTTP/2 200\r\n\r\n").is_err());
    assert!(read(b"HTTP/1.1 twohundred\r\n\r\n").is_err());
    assert!(read(&[b'a'; 20_000]).is_err());
    assert_eq!(number(b""), None);
    assert_eq!(number(b"12a"), None);
    assert_eq!(number(b"120"), Some(120));
}

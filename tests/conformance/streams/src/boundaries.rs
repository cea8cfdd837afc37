//! Where requests begin and end in the bytes of one connection: a strict reader on httparse.

/// One whole request: where it begins, where its head ends, how many bytes its body has when it is decoded, and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    pub start: usize,
    pub head_end: usize,
    pub body: usize,
    pub end: usize,
}

/// What stands at some place in the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    Whole(Message),
    /// More bytes are needed; `expects` where the head is whole and asks for 100 (Continue).
    Partial {
        expects: bool,
    },
    /// No request of RFC 9112, in its strict reading.
    Malformed(&'static str),
}

/// The most header lines that are read.
const LINES: usize = 300;

/// How the length of a body is said.
enum Length {
    Known(usize),
    Chunked,
}

/// Reads the request that begins at `start`.
pub fn read(bytes: &[u8], start: usize) -> Reading {
    let rest = &bytes[start..];
    let mut headers = [httparse::EMPTY_HEADER; LINES];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(rest) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Reading::Partial { expects: false },
        Err(_) => return Reading::Malformed("httparse refuses the head"),
    };
    let length = match length(request.headers) {
        Ok(length) => length,
        Err(why) => return Reading::Malformed(why),
    };
    let expects = request.headers.iter().any(|line| line.name.eq_ignore_ascii_case("expect"));
    let head_end = start + head;
    let (body, end) = match length {
        Length::Known(length) => (length, head_end.saturating_add(length)),
        Length::Chunked => match chunks(bytes, head_end) {
            Ok(Some(body_and_end)) => body_and_end,
            Ok(None) => return Reading::Partial { expects },
            Err(why) => return Reading::Malformed(why),
        },
    };
    if end > bytes.len() {
        return Reading::Partial { expects };
    }
    Reading::Whole(Message { start, head_end, body, end })
}

fn length(headers: &[httparse::Header<'_>]) -> Result<Length, &'static str> {
    let values = |name: &str| -> Vec<&[u8]> {
        headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name)).map(|line| line.value).collect()
    };
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Ok(Length::Known(0)),
        ([digits], []) => {
            let only_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            let parsed =
                std::str::from_utf8(digits).ok().filter(|_| only_digits).and_then(|digits| digits.parse().ok());
            parsed.map(Length::Known).ok_or("a Content-Length that is no number")
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
        ([], _) => Err("a Transfer-Encoding that is not chunked, once"),
        (_, []) => Err("more than one Content-Length"),
        _ => Err("both Content-Length and Transfer-Encoding"),
    }
}

/// The length of a chunked body that begins at `at`, and where its trailers end; `None` where it is not all there.
fn chunks(bytes: &[u8], mut at: usize) -> Result<Option<(usize, usize)>, &'static str> {
    let mut body = 0_usize;
    loop {
        let (line, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete((line, size))) => (line, size),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk without a size"),
        };
        if !bytes[at].is_ascii_hexdigit() || !bytes[..at + line].ends_with(b"\r\n") {
            return Err("a chunk whose size line is not of its form");
        }
        at += line;
        if size == 0 {
            let mut trailers = [httparse::EMPTY_HEADER; LINES];
            return match httparse::parse_headers(&bytes[at..], &mut trailers) {
                Ok(httparse::Status::Complete((length, _))) => Ok(Some((body, at + length))),
                Ok(httparse::Status::Partial) => Ok(None),
                Err(_) => Err("trailers that are no headers"),
            };
        }
        let size = usize::try_from(size).map_err(|_| "a chunk beyond all memory")?;
        let end = at.saturating_add(size);
        match bytes.get(end..end.saturating_add(2)) {
            Some(b"\r\n") => at = end + 2,
            Some(_) => return Err("a chunk without its end"),
            None => return Ok(None),
        }
        body += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Vec<Message> {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Reading::Whole(message) = read(text.as_bytes(), at) {
            at = message.end;
            found.push(message);
        }
        assert_eq!(at, text.len(), "{text:?}");
        found
    }

    #[test]
    fn requests_follow_one_another() {
        let text = "GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
                    PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n0\r\nT: u\r\n\r\n";
        let ends: Vec<_> = whole(text).iter().map(|message| (message.body, message.end)).collect();
        assert_eq!(ends, [(0, 19), (3, 61), (2, text.len())]);
    }

    #[test]
    fn what_has_two_meanings_is_malformed() {
        for framing in [
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: +1",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ] {
            let text = format!("POST / HTTP/1.1\r\n{framing}\r\n\r\n");
            assert!(matches!(read(text.as_bytes(), 0), Reading::Malformed(_)), "{framing}");
        }
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in ["\r\n", "2\nab\r\n0\r\n\r\n", "2\r\nabc\r\n0\r\n\r\n", "-1\r\n", "x\r\n"] {
            assert!(matches!(read(format!("{chunked}{body}").as_bytes(), 0), Reading::Malformed(_)), "{body:?}");
        }
    }

    #[test]
    fn what_is_cut_is_partial() {
        let text = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        let head = text.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        for end in 0..text.len() {
            assert_eq!(read(&text[..end], 0), Reading::Partial { expects: end >= head }, "{end}");
        }
        assert!(matches!(read(text, 0), Reading::Whole(_)));
    }
}

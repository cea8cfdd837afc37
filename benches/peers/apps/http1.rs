//! As much of a server of HTTP/1.1 as the apps need. Pure.

use super::http2::Http2;
use crate::http2::PREFACE;
use crate::load::answer::number;
use memchr::{memchr, memmem};
use std::io::Write;

/// Bodies up to this size go with their heads.
const TOGETHER: usize = 64 * 1024;

/// What comes next on a connection.
#[derive(Debug, PartialEq)]
enum Next {
    /// A head, of which this has come.
    Head(Vec<u8>),
    /// So many bytes of a body, then the answer with a body of so many.
    Body(usize, usize),
    /// Messages that are sent back.
    Echo(Echo),
    /// HTTP/2.
    Http2(Box<Http2>),
}

/// A frame of a WebSocket on its way back: what of its head has come, and the bytes of its payload that are to come.
#[derive(Debug, Default, PartialEq)]
struct Echo {
    head: Vec<u8>,
    left: usize,
}

/// A connection.
pub struct Connection {
    region: usize,
    next: Next,
}

impl Connection {
    /// One to the app of a region.
    pub fn new(region: usize) -> Self {
        Self { region, next: Next::Head(Vec::new()) }
    }

    /// Takes what came; adds to what goes out: bytes, and zeros behind them. `None` where it makes no sense.
    pub fn take(&mut self, mut came: &[u8], out: &mut Vec<u8>, zeros: &mut usize) -> Option<()> {
        while !came.is_empty() {
            match &mut self.next {
                Next::Head(before) => {
                    let joined;
                    let bytes = if before.is_empty() {
                        came
                    } else {
                        before.extend_from_slice(came);
                        joined = std::mem::take(before);
                        &joined[..]
                    };
                    if let Some(rest) = bytes.strip_prefix(PREFACE) {
                        self.next = Next::Http2(Box::new(Http2::new(self.region, out)));
                        came = &came[came.len() - rest.len()..];
                        continue;
                    }
                    // Its beginning looks like a head.
                    if PREFACE.starts_with(bytes) {
                        self.next = Next::Head(bytes.to_vec());
                        return Some(());
                    }
                    let Some(end) = memmem::find(bytes, b"\r\n\r\n").map(|end| end + 4) else {
                        if bytes.len() > 64 * 1024 {
                            return None;
                        }
                        self.next = Next::Head(bytes.to_vec());
                        return Some(());
                    };
                    let request = Request::read(&bytes[..end])?;
                    let rest = bytes.len() - end;
                    if request.is_upgrade {
                        out.extend_from_slice(SWITCHING);
                        self.next = Next::Echo(Echo::default());
                    } else if request.body > 0 {
                        self.next = Next::Body(request.body, request.download);
                    } else {
                        self.next = Next::Head(Vec::new());
                        self.answer(request.download, out, zeros);
                    }
                    came = &came[came.len() - rest..];
                }
                Next::Body(left, download) => {
                    let part = came.len().min(*left);
                    *left -= part;
                    came = &came[part..];
                    if *left == 0 {
                        let download = *download;
                        self.next = Next::Head(Vec::new());
                        self.answer(download, out, zeros);
                    }
                }
                Next::Echo(echo) => came = echo.take(came, out)?,
                Next::Http2(http2) => return http2.take(came, out),
            }
        }
        Some(())
    }

    fn answer(&self, download: usize, out: &mut Vec<u8>, zeros: &mut usize) {
        // A proxy that sends the next request before it has had the whole answer would get zeros out of turn; none does.
        let _ = write!(
            out,
            "HTTP/1.1 200 OK\r\nServer: app\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: private\r\n\
             X-Region: {}\r\nContent-Length: {download}\r\n\r\n",
            self.region
        );
        if download <= TOGETHER {
            let start = out.len();
            out.resize(start + download, 0);
            // Whoever does not read heads sees the region here.
            if let Some(first) = out.get_mut(start) {
                *first = b'0' + self.region as u8;
            }
        } else {
            *zeros += download;
        }
    }
}

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// What of a request counts.
#[derive(Debug, PartialEq)]
struct Request {
    download: usize,
    body: usize,
    is_upgrade: bool,
}

impl Request {
    fn read(head: &[u8]) -> Option<Self> {
        let line_end = memchr(b'\n', head)?;
        let path = head[..line_end].split(|byte| *byte == b' ').nth(1)?;
        let last = path.rsplit(|byte| *byte == b'/').next()?;
        let mut request = Self { download: number(last).unwrap_or(0) as usize, body: 0, is_upgrade: false };
        let mut rest = &head[line_end + 1..];
        while let Some(end) = memchr(b'\n', rest) {
            let line = &rest[..end];
            // One look at the first letter is enough for most lines.
            match line.first() {
                Some(b'c' | b'C') if is(line, b"content-length:") => {
                    request.body = number(line[15..].trim_ascii())? as usize;
                }
                Some(b't' | b'T') if is(line, b"transfer-encoding:") => return None,
                Some(b'u' | b'U') if is(line, b"upgrade:") => {
                    request.is_upgrade = line[8..].trim_ascii().eq_ignore_ascii_case(b"websocket");
                }
                _ => {}
            }
            rest = &rest[end + 1..];
        }
        Some(request)
    }
}

fn is(line: &[u8], name: &[u8]) -> bool {
    line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name)
}

impl Echo {
    /// Takes bytes of a frame and sends them back without their mask, which must be of zeros.
    fn take<'a>(&mut self, came: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
        if self.left > 0 {
            let part = came.len().min(self.left);
            self.left -= part;
            out.extend_from_slice(&came[..part]);
            return Some(&came[part..]);
        }
        self.head.push(came[0]);
        let head = &self.head;
        let wide = match head.get(1).map(|byte| byte & 0x7f) {
            None => return Some(&came[1..]),
            Some(126) => 2,
            Some(127) => 8,
            Some(_) => 0,
        };
        if head.len() < 2 + wide + 4 {
            return Some(&came[1..]);
        }
        if head[1] & 0x80 == 0 || head[2 + wide..] != [0; 4] {
            return None;
        }
        let length = match wide {
            0 => u64::from(head[1] & 0x7f),
            _ => head[2..2 + wide].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
        };
        out.push(head[0]);
        out.push(head[1] & 0x7f);
        out.extend_from_slice(&head[2..2 + wide]);
        self.left = usize::try_from(length).ok()?;
        self.head.clear();
        Some(&came[1..])
    }
}

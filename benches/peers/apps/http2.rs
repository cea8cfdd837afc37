//! As much of a server of HTTP/2 as the apps need: each request has an answer of 1 KiB, and what it asks for is not read. Pure.

use crate::http2::{self, Frame, Memory, put, put_header};
use std::collections::VecDeque;

/// Bytes of each answer's body.
const BODY: usize = 1024;

/// A connection.
#[derive(Debug, PartialEq)]
pub struct Http2 {
    read: Vec<u8>,
    /// The headers and the body of an answer.
    headers: Vec<u8>,
    body: Vec<u8>,
    /// How much the other side has room for.
    room: i64,
    /// Streams whose answers wait for room.
    waiting: VecDeque<u32>,
}

impl Http2 {
    /// One to the app of a region; adds what a server begins with.
    pub fn new(region: usize, out: &mut Vec<u8>) -> Self {
        put(out, http2::SETTINGS, 0, 0, &[]);
        // `:status: 200`.
        let mut headers = vec![0x88];
        let length = BODY.to_string();
        let (region_name, region) = ("x-region", region.to_string());
        for (name, value) in [
            ("server", "app"),
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "private"),
            (region_name, &region),
            ("content-length", &length),
        ] {
            put_header(&mut headers, Memory::Passing, name, value);
        }
        let mut body = vec![0; BODY];
        body[..region.len()].copy_from_slice(region.as_bytes());
        Self { read: Vec::new(), headers, body, room: i64::from(http2::USUAL_WINDOW), waiting: VecDeque::new() }
    }

    /// Takes what came; adds what goes out. `None` where it makes no sense.
    pub fn take(&mut self, came: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut read = std::mem::take(&mut self.read);
        read.extend_from_slice(came);
        let mut rest = &read[..];
        while let Some(frame) = Frame::take(&mut rest).ok()? {
            match frame.kind {
                http2::SETTINGS if frame.flags & http2::ACK == 0 => {
                    put(out, http2::SETTINGS, http2::ACK, 0, &[]);
                    // An answer must fit into the room of a stream.
                    if frame.settings().any(|(name, value)| name == http2::INITIAL_WINDOW && (value as usize) < BODY) {
                        return None;
                    }
                }
                http2::PING if frame.flags & http2::ACK == 0 => put(out, http2::PING, http2::ACK, 0, frame.payload),
                http2::WINDOW_UPDATE if frame.stream == 0 => self.room += i64::from(frame.number()),
                _ if frame.ends_stream() => self.waiting.push_back(frame.stream),
                _ => {}
            }
        }
        let left = rest.len();
        read.drain(..read.len() - left);
        self.read = read;
        while self.room >= BODY as i64
            && let Some(stream) = self.waiting.pop_front()
        {
            put(out, http2::HEADERS, http2::END_HEADERS, stream, &self.headers);
            put(out, http2::DATA, http2::END_STREAM, stream, &self.body);
            self.room -= BODY as i64;
        }
        Some(())
    }
}

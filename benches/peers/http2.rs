//! As much of HTTP/2's frames as the load and the apps need. Pure.

/// What a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;

/// Flags of frames.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// A setting: how much of an answer a server may send before it is told of more room.
pub const INITIAL_WINDOW: u16 = 4;

/// The largest window, and the one without a word.
pub const LARGEST_WINDOW: u32 = 0x7fff_ffff;
pub const USUAL_WINDOW: u32 = 65_535;

/// The longest payload that may be sent without a word.
const LONGEST: usize = 16_384;

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame<'a> {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// What it holds.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes the first frame off; `None` while it is not complete.
    ///
    /// # Errors
    /// One that nobody may send.
    pub fn take(bytes: &mut &'a [u8]) -> Result<Option<Self>, &'static str> {
        let Some((head, rest)) = bytes.split_at_checked(9) else { return Ok(None) };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if length > LONGEST {
            return Err("a frame too long");
        }
        let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        *bytes = rest;
        Ok(Some(Self { kind: head[3], flags: head[4], stream, payload }))
    }

    /// Whether it is the last one of its stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The payload without padding and priority.
    pub fn content(&self) -> &'a [u8] {
        let mut content = self.payload;
        if self.flags & PADDED != 0
            && let Some((padding, rest)) = content.split_first()
        {
            content = &rest[..rest.len().saturating_sub(usize::from(*padding))];
        }
        if self.kind == HEADERS && self.flags & PRIORITY != 0 {
            content = content.get(5..).unwrap_or_default();
        }
        content
    }

    /// The number that a frame of four bytes holds.
    pub fn number(&self) -> u32 {
        self.payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) & LARGEST_WINDOW)
    }

    /// The settings in it.
    pub fn settings(&self) -> impl Iterator<Item = (u16, u32)> {
        self.payload.as_chunks::<6>().0.iter().map(|setting| {
            let [high, low, a, b, c, d] = *setting;
            (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d]))
        })
    }
}

/// Adds a frame.
pub fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// How a header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The other side remembers it.
    Kept,
    /// It does not.
    Passing,
}

/// Adds a header with its name.
pub fn put_header(out: &mut Vec<u8>, memory: Memory, name: &str, value: &str) {
    out.push(if memory == Memory::Kept { 0x40 } else { 0 });
    put_text(out, name);
    put_text(out, value);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..127 => out.push(length as u8),
        length => {
            out.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                out.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            out.push(rest as u8);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Whether a block of headers begins with `:status: 200`.
pub fn is_ok(mut block: &[u8]) -> bool {
    // Changes of the memory's size stand before all headers.
    while let [0x20..=0x3e, rest @ ..] = block {
        block = rest;
    }
    if let [0x3f, rest @ ..] = block {
        let end = rest.iter().position(|byte| byte & 0x80 == 0).map_or(rest.len(), |end| end + 1);
        return is_ok(&rest[end..]);
    }
    block.first() == Some(&0x88)
}

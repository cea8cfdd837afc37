//! The frames of an HTTP/2 connection (RFC 9113, 4), by their heads: what a client sends is known without reading what is in it.

/// What begins every HTTP/2 connection of a client (RFC 9113, 3.4).
pub const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The length of a frame's head.
const HEAD: usize = 9;

/// Where the error stands in a frame that says good-bye, counted from its head: behind the number of the last stream.
const ERROR: usize = HEAD + 4;

/// The error of a side that has had enough (RFC 9113, 7).
const ENHANCE_YOUR_CALM: u32 = 0xb;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Bytes of a body.
    Data,
    /// A request, or its trailers.
    Headers,
    /// The end of a stream before its time.
    Reset,
    /// More room for bytes of the other side.
    WindowUpdate,
    /// More of a head.
    Continuation,
    /// The end of the connection, and why.
    GoAway,
    /// Everything else: settings, pings, priorities, and types that nobody knows.
    Control,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// What it is for.
    pub kind: FrameKind,
    /// How many bytes follow.
    pub length: u32,
    flags: u8,
    error: u32,
}

impl FrameHead {
    fn of(bytes: &[u8; HEAD]) -> Self {
        let kind = match bytes[3] {
            0x0 => FrameKind::Data,
            0x1 => FrameKind::Headers,
            0x3 => FrameKind::Reset,
            0x7 => FrameKind::GoAway,
            0x8 => FrameKind::WindowUpdate,
            0x9 => FrameKind::Continuation,
            _ => FrameKind::Control,
        };
        Self { kind, length: u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]), flags: bytes[4], error: 0 }
    }

    /// Whether it ends the connection because its sender was asked for too much.
    #[must_use]
    pub fn is_calling_for_calm(&self) -> bool {
        self.kind == FrameKind::GoAway && self.error == ENHANCE_YOUR_CALM
    }

    /// Whether it carries nothing and ends nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match self.kind {
            FrameKind::Data => self.length == 0 && self.flags & END_STREAM == 0,
            FrameKind::Continuation => self.length == 0 && self.flags & END_HEADERS == 0,
            _ => false,
        }
    }

    /// Whether it ends a head. Only of [`FrameKind::Headers`] and [`FrameKind::Continuation`].
    #[must_use]
    pub fn ends_head(&self) -> bool {
        self.flags & END_HEADERS != 0
    }
}

/// A reading of frames out of bytes that come in pieces. It takes any bytes; what makes no sense as frames is the engine's to
/// refuse.
#[derive(Debug, Clone, Default)]
pub struct FrameHeads {
    head: [u8; HEAD],
    /// How much of `head` is there.
    filled: usize,
    /// How much of the frame behind the last head is still to come.
    rest: u32,
    /// A good-bye, until its error is known.
    parting: Option<FrameHead>,
}

impl FrameHeads {
    /// A reading that passes over the first `count` bytes.
    #[must_use]
    pub fn after(count: u32) -> Self {
        Self { rest: count, ..Self::default() }
    }

    /// Takes the next bytes, and gives the heads in them that are whole now.
    pub fn read<'a>(&'a mut self, bytes: &'a [u8]) -> impl Iterator<Item = FrameHead> + 'a {
        let mut bytes = bytes;
        std::iter::from_fn(move || {
            while !bytes.is_empty() {
                if let Some(head) = self.take(&mut bytes) {
                    return Some(head);
                }
            }
            None
        })
    }

    /// Takes as much of `bytes` as is one thing: of a frame's head, of its error, or of its rest.
    fn take(&mut self, bytes: &mut &[u8]) -> Option<FrameHead> {
        if self.rest > 0 && self.parting.is_none() {
            let passed = bytes.len().min(usize::try_from(self.rest).unwrap_or(usize::MAX));
            *bytes = &bytes[passed..];
            self.rest = self.rest.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
            return None;
        }
        let [byte, rest @ ..] = *bytes else { return None };
        *bytes = rest;
        if let Some(parting) = &mut self.parting {
            if (ERROR..ERROR + 4).contains(&self.filled) {
                parting.error = parting.error << 8 | u32::from(*byte);
            }
            self.filled += 1;
            self.rest -= 1;
            let is_known = self.filled == ERROR + 4 || self.rest == 0;
            self.filled = if is_known { 0 } else { self.filled };
            return if is_known { self.parting.take() } else { None };
        }
        self.head[self.filled] = *byte;
        self.filled += 1;
        if self.filled < HEAD {
            return None;
        }
        let head = FrameHead::of(&self.head);
        self.rest = head.length;
        if head.kind == FrameKind::GoAway && head.length > 0 {
            self.parting = Some(head);
            return None;
        }
        self.filled = 0;
        Some(head)
    }

    /// Whether the last bytes were the last ones of a frame.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.filled == 0 && self.rest == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(length: u32, kind: u8, flags: u8) -> Vec<u8> {
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, 1]);
        bytes.resize(HEAD + length as usize, 0xff);
        bytes
    }

    #[test]
    fn frames_are_known_by_their_types() {
        for (number, kind) in [
            (0, FrameKind::Data),
            (1, FrameKind::Headers),
            (2, FrameKind::Control), // PRIORITY
            (3, FrameKind::Reset),
            (4, FrameKind::Control), // SETTINGS
            (6, FrameKind::Control), // PING
            (8, FrameKind::WindowUpdate),
            (9, FrameKind::Continuation),
            (255, FrameKind::Control),
        ] {
            let heads: Vec<_> = FrameHeads::default().read(&frame(3, number, 0)).collect();
            assert_eq!(heads, [FrameHead { kind, length: 3, flags: 0, error: 0 }]);
        }
    }

    #[test]
    fn what_carries_nothing_and_ends_nothing_is_idle() {
        for (length, kind, flags, idle) in [
            (0, 0, 0, true),
            (0, 0, END_STREAM, false),
            (1, 0, 0, false),
            (0, 9, 0, true),
            (0, 9, END_HEADERS, false),
            (0, 1, 0, false),
        ] {
            let heads: Vec<_> =
                FrameHeads::default().read(&frame(length, kind, flags)).map(|head| head.is_idle()).collect();
            assert_eq!(heads, [idle], "{length} {kind} {flags}");
        }
    }

    #[test]
    fn a_good_bye_says_why() {
        let calm = |bytes: &[u8]| {
            let mut heads = FrameHeads::default();
            // Byte by byte, with a frame behind it.
            let all = [bytes, &frame(2, 6, 0)].concat();
            let found: Vec<_> = all.iter().flat_map(|byte| heads.read(&[*byte]).collect::<Vec<_>>()).collect();
            assert_eq!((found.len(), heads.is_between()), (2, true));
            found[0].is_calling_for_calm()
        };
        let with = |length: u32, error: u8| {
            let mut bytes = frame(length, 7, 0);
            let end = bytes.len().min(HEAD + 8);
            bytes[HEAD + 4..end].copy_from_slice(&[0, 0, 0, error][..end - HEAD - 4]);
            bytes
        };
        assert!(calm(&with(8, 0xb)));
        assert!(calm(&with(30, 0xb)));
        assert!(!calm(&with(8, 0)));
        assert!(!calm(&with(7, 0xb)), "too short to be one");
        assert!(!calm(&frame(0, 7, 0)));
        assert!(!calm(&frame(3, 7, 0)));
    }

    #[test]
    fn the_preface_is_passed_over() {
        let mut bytes = HTTP2_PREFACE.to_vec();
        bytes.extend(frame(0, 4, 0));
        let mut heads = FrameHeads::after(24);
        assert_eq!(heads.read(&bytes).count(), 1);
        assert!(heads.is_between());
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            frames in prop::collection::vec((0_u32..40, any::<u8>(), any::<u8>()), 0..20),
            cut in 1_usize..30,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(length, kind, flags)| frame(*length, *kind, *flags)).collect();
            let whole: Vec<_> = FrameHeads::default().read(&bytes).collect();
            let mut heads = FrameHeads::default();
            let mut pieces = Vec::new();
            for piece in bytes.chunks(cut) {
                pieces.extend(heads.read(piece));
            }
            prop_assert_eq!(whole.len(), frames.len());
            prop_assert_eq!(whole, pieces);
            prop_assert!(heads.is_between());
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(FrameHeads::default().read(&bytes).count() <= bytes.len() / HEAD);
        }
    }
}

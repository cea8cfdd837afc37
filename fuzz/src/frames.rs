//! The frames of an HTTP/2 connection, and what becomes of floods of them.

use homeward::client::{FrameHead, FrameHeads, FrameKind};
use homeward::resilience::FloodGuard;
use std::time::Instant;

/// The bytes behind the preface. The first one says in which pieces they come.
pub fn http2_frames(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let mut whole = FrameHeads::default();
    let heads: Vec<_> = whole.read(bytes).collect();
    let mut pieces = FrameHeads::default();
    let mut in_pieces = Vec::new();
    for piece in bytes.chunks(usize::from(*size).max(1)) {
        in_pieces.extend(pieces.read(piece));
    }
    assert_eq!(heads, in_pieces, "pieces make a difference");
    assert_eq!(whole.is_between(), pieces.is_between());
    let lengths: usize = heads.iter().map(|head| 9 + head.length as usize).sum();
    assert!(heads.len() <= bytes.len() / 9);
    // All but the last frame are there; and that the last one is, is told.
    assert!(lengths.saturating_sub(heads.last().map_or(0, |head| head.length as usize)) <= bytes.len());
    if whole.is_between() {
        assert_eq!(lengths, bytes.len());
    }
    flood(&heads);
}

/// At one moment nobody gets more for nothing than there was at the start.
fn flood(heads: &[FrameHead]) {
    let now = Instant::now();
    let mut guard = FloodGuard::new(now);
    let (mut requests, mut control) = (0_usize, 0_usize);
    for head in heads {
        let taken = match head.kind {
            FrameKind::Headers => {
                guard.requested();
                requests += 1;
                continue;
            }
            FrameKind::Reset => guard.reset(|| now),
            FrameKind::WindowUpdate => guard.window(|| now),
            _ => {
                control += 1;
                guard.control(|| now)
            }
        };
        if taken.is_err() {
            return;
        }
        assert!(control <= 200 + requests);
    }
}

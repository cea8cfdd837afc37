//! Much work in small pieces.

use std::thread::sleep;
use std::time::Duration;

/// As much as is read and hashed, or written, in about a tenth of a millisecond.
pub const PIECE: usize = 64 << 10;

const REST: Duration = Duration::from_millis(1);

const BREATH: Duration = Duration::from_micros(600);

/// Bytes in pieces of [`PIECE`], with a rest before each but the first: whoever works through a large table in this way
/// holds up no request for long where both share a core. The rests for 16 MiB take 0.3 s together.
pub fn in_pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(PIECE).enumerate().map(|(nth, piece)| {
        if nth > 0 {
            rest();
        }
        piece
    })
}

/// Lets others go first.
pub fn rest() {
    sleep(REST);
}

/// The same for a shorter time, within work on what a table says: it has more pieces.
pub fn breathe() {
    sleep(BREATH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_bytes_in_their_order() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes: Vec<u8> = (0..length).map(|nth| (nth % 251) as u8).collect();
            let pieces: Vec<&[u8]> = in_pieces(&bytes).collect();
            assert_eq!(pieces.concat(), bytes);
            assert!(pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())), "{length}");
        }
    }
}

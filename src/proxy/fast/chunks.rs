//! A body in chunks (RFC 9112, 7.1), as it comes. Pure.

/// The most bytes of a line between chunks: a size, and what may stand behind it.
const MOST_OF_LINE: usize = 4096;

/// The most bytes of trailers, which go no further.
const MOST_OF_TRAILERS: usize = 64 * 1024;

/// Where in its chunks a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the digits of a size.
    Size { size: u64, digits: u8, seen: usize },
    /// In what stands behind a size.
    Extension { size: u64, seen: usize },
    /// Before the LF of the line of a size.
    SizeEnd { size: u64 },
    /// In the data of a chunk, of which so much is to come.
    Data { left: u64 },
    /// Before the CR behind a chunk.
    DataEnd,
    /// Before the LF behind a chunk.
    DataEndLf,
    /// In the trailers: how long the line is so far, and all of them.
    Trailers { line: usize, all: usize, cr: bool },
    /// Behind all of it.
    End,
}

/// The reader of a body in chunks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks {
    at: At,
}

/// The body is not of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Chunks {
    pub(super) fn new() -> Self {
        Self { at: At::Size { size: 0, digits: 0, seen: 0 } }
    }

    /// Whether the body is at its end.
    pub(super) fn is_over(&self) -> bool {
        self.at == At::End
    }

    /// Reads on; hands the data of chunks to `take`, piece by piece. Gives back how many bytes are of the body: what comes behind
    /// its end is not.
    ///
    /// # Errors
    /// Where the body is not of its form.
    pub(super) fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut used = 0;
        while let Some(&byte) = bytes.get(used) {
            if let At::Data { left } = self.at {
                let rest = &bytes[used..];
                let piece = &rest[..usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()))];
                take(piece);
                used += piece.len();
                let left = left - piece.len() as u64;
                self.at = if left == 0 { At::DataEnd } else { At::Data { left } };
                continue;
            }
            if self.at == At::End {
                break;
            }
            self.at = step(self.at, byte)?;
            used += 1;
        }
        Ok(used)
    }
}

fn step(at: At, byte: u8) -> Result<At, Malformed> {
    Ok(match (at, byte) {
        (At::Size { size, digits, .. }, _) if byte.is_ascii_hexdigit() => {
            // 2^60 and more is no size that anything sends.
            let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
            if digits == 15 {
                return Err(Malformed);
            }
            At::Size { size: size * 16 + u64::from(digit), digits: digits + 1, seen: 0 }
        }
        (At::Size { digits: 0, .. }, _) => return Err(Malformed),
        (At::Size { size, .. }, b'\r') => At::SizeEnd { size },
        (At::Size { size, .. }, b';' | b' ' | b'\t') => At::Extension { size, seen: 0 },
        (At::Extension { size, .. }, b'\r') => At::SizeEnd { size },
        (At::Extension { size, seen }, _) if byte != b'\n' && seen < MOST_OF_LINE => {
            At::Extension { size, seen: seen + 1 }
        }
        (At::SizeEnd { size: 0 }, b'\n') => At::Trailers { line: 0, all: 0, cr: false },
        (At::SizeEnd { size }, b'\n') => At::Data { left: size },
        (At::DataEnd, b'\r') => At::DataEndLf,
        (At::DataEndLf, b'\n') => At::Size { size: 0, digits: 0, seen: 0 },
        (At::Trailers { line: 0, cr: true, .. }, b'\n') => At::End,
        (At::Trailers { all, cr: true, .. }, b'\n') => At::Trailers { line: 0, all, cr: false },
        (At::Trailers { line, all, cr: false }, b'\r') => At::Trailers { line, all, cr: true },
        (At::Trailers { line, all, cr: false }, _) if byte != b'\n' && all < MOST_OF_TRAILERS => {
            At::Trailers { line: line + 1, all: all + 1, cr: false }
        }
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8], pieces: usize) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let (mut chunks, mut data, mut used) = (Chunks::new(), Vec::new(), 0);
        for piece in text.chunks(pieces) {
            let of_piece = chunks.read(piece, |bytes| data.extend_from_slice(bytes))?;
            used += of_piece;
            if of_piece < piece.len() {
                break;
            }
        }
        Ok((data, used, chunks.is_over()))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_in_whatever_pieces(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            behind in prop::collection::vec(any::<u8>(), 0..9),
            pieces in 1_usize..60,
            extension in prop_oneof![Just(""), Just(";a=b"), Just(" ;c")],
            trailers in prop_oneof![Just(""), Just("A: b\r\n"), Just("A: b\r\nC: d\r\n")],
        ) {
            let mut text = Vec::new();
            for part in &parts {
                text.extend_from_slice(format!("{:X}{extension}\r\n", part.len()).as_bytes());
                text.extend_from_slice(part);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(format!("0{extension}\r\n{trailers}\r\n").as_bytes());
            let length = text.len();
            text.extend_from_slice(&behind);
            prop_assert_eq!(read(&text, pieces), Ok((parts.concat(), length, true)));
            let (_, used, is_over) = read(&text[..length - 1], pieces).unwrap();
            prop_assert!(used == length - 1 && !is_over);
        }

        #[test]
        fn nothing_that_is_sent_breaks_it(text in prop::collection::vec(any::<u8>(), 0..200), pieces in 1_usize..50) {
            if let Ok((data, used, _)) = read(&text, pieces) {
                prop_assert!(data.len() <= used && used <= text.len());
                prop_assert_eq!(read(&text, 1).map(|(data, ..)| data), Ok(data));
            }
        }
    }

    #[test]
    fn what_is_read_in_more_than_one_way_is_malformed() {
        for text in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "0x1\r\na\r\n",
            "1\na\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1 a\n",
            "1;a\nb\r\na\r\n",
            "0\r\na\n\r\n",
            "0\r\n\ra",
            "1000000000000000\r\n",
            "1\r\r\na",
        ] {
            assert_eq!(read(text.as_bytes(), 100), Err(Malformed), "{text:?}");
        }
        let long = format!("1;{}\r\na\r\n", "x".repeat(MOST_OF_LINE + 1));
        assert_eq!(read(long.as_bytes(), 100), Err(Malformed));
        let trailers = format!("0\r\nA: {}\r\n\r\n", "x".repeat(MOST_OF_TRAILERS + 1));
        assert_eq!(read(trailers.as_bytes(), 100), Err(Malformed));
    }
}

//! The name under which a request is found again in every log.

/// The longest id that is taken over, in bytes.
const LONGEST: usize = 128;

/// The id in `given`, where it is safe in headers, logs and pages as it stands: 1 to 128 letters, digits and `-_.:+/=`.
pub(super) fn accepted(given: &[u8]) -> Option<&str> {
    let safe = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:+/=".contains(b);
    if given.is_empty() || given.len() > LONGEST || !given.iter().all(safe) {
        return None;
    }
    std::str::from_utf8(given).ok()
}

/// A new id of 128 random bits in hexadecimal.
pub(super) fn made(random: [u64; 2]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    let bytes = random.into_iter().flat_map(u64::to_be_bytes);
    for ([high, low], byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        (*high, *low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]);
    }
    // Digits are ASCII.
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        assert_eq!(accepted(b"0af7651916cd43dd-8448eb21"), Some("0af7651916cd43dd-8448eb21"));
        for bad in [&b""[..], b"a b", b"a\r\nb", b"<script>", b"\"", b"\xff", &[b'a'; 129]] {
            assert_eq!(accepted(bad), None);
        }
    }

    #[test]
    fn made_ids_are_accepted_by_the_next_edge() {
        let id = made([1, u64::MAX]);
        assert_eq!(id, "0000000000000001ffffffffffffffff");
        assert_eq!(accepted(id.as_bytes()), Some(id.as_str()));
    }
}

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
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let nibbles = random.into_iter().flat_map(|part| (0..16).rev().map(move |nth| (part >> (4 * nth)) & 0xf));
    let mut text = String::with_capacity(32);
    text.extend(nibbles.map(|nibble| DIGITS[nibble as usize]));
    text
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

//! Looks at the bytes of a text, many at once.

/// Whether the text has a byte that `is_in` finds in a block of sixteen.
///
/// Bytes of the text are put into blocks, some of them twice, so that all blocks are whole: of a fixed length, the compiler
/// makes a few instructions of a look at all bytes. It does of [`any`], and of several of them with `|` between them.
#[inline(always)]
pub(crate) fn has_octet(text: &[u8], is_in: impl Fn(&[u8; 16]) -> bool) -> bool {
    if let Some(last) = text.last_chunk::<16>() {
        let (blocks, _) = text.as_chunks::<16>();
        return blocks.iter().any(&is_in) || is_in(last);
    }
    let halves = if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        [*first, *last]
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        [[*first, *last].as_flattened().try_into().unwrap_or_default(); 2]
    } else if let ([first, ..], [.., last]) = (text, text) {
        let middle = text.get(text.len() / 2).unwrap_or(first);
        [[*first, *middle, *last, *last, *last, *last, *last, *last]; 2]
    } else {
        return false;
    };
    is_in(&halves.as_flattened().try_into().unwrap_or_default())
}

/// Whether a byte of the block is one of those.
#[inline(always)]
pub(crate) fn any(block: &[u8; 16], is: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |any, byte| any | is(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_left_out() {
        for length in 0..70 {
            let mut text = vec![b'a'; length];
            let has = |text: &[u8]| has_octet(text, |block| any(block, |byte| byte != b'a'));
            assert!(!has(&text), "{length}");
            for at in 0..length {
                text[at] = b'b';
                assert!(has(&text), "{at} of {length}");
                text[at] = b'a';
            }
        }
    }
}

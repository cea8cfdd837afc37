//! CRC32c (Castagnoli), as RFC 4960's appendix B has it.

/// By byte: what eight steps make of it.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut step = 0;
        while step < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
            step += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The checksum of `parts`, one behind the other.
pub(super) fn of(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(!0, |crc, byte| (crc >> 8) ^ TABLE[usize::from((crc as u8) ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::of;

    /// RFC 3720, B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn known_sums() {
        assert_eq!(of(&[b"123456789"]), 0xE306_9283);
        assert_eq!(of(&[b"1234", b"56789"]), 0xE306_9283);
        assert_eq!(of(&[&[0; 32]]), 0x8A91_36AA);
        assert_eq!(of(&[&[0xff; 32]]), 0x62A8_AB43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(of(&[&ascending]), 0x46DD_794E);
        assert_eq!(of(&[]), 0);
    }
}

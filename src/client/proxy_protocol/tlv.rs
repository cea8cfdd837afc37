//! The values behind the addresses of version 2: each a type, a length and bytes.

use super::{ProxyProblem, crc32c};

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;

/// The longest unique id that the specification allows.
const LONGEST_UNIQUE_ID: usize = 128;

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'b> {
    /// What it is, by the registry in the specification.
    pub kind: u8,
    /// What it says.
    pub value: &'b [u8],
}

/// The values of a header, which have been found to be of their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tlvs<'b>(&'b [u8]);

impl<'b> Tlvs<'b> {
    /// All of them, those without a meaning here included.
    pub fn iter(self) -> impl Iterator<Item = Tlv<'b>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (tlv, behind) = split(rest)?;
            rest = behind;
            Some(tlv)
        })
    }

    /// The host that the client asked for, as its TLS handshake named it.
    #[must_use]
    pub fn authority(self) -> Option<&'b [u8]> {
        self.value(AUTHORITY)
    }

    /// The protocol that client and proxy have agreed on, as ALPN names it.
    #[must_use]
    pub fn alpn(self) -> Option<&'b [u8]> {
        self.value(ALPN)
    }

    /// What the proxy calls the connection, 1 to 128 bytes.
    #[must_use]
    pub fn unique_id(self) -> Option<&'b [u8]> {
        self.value(UNIQUE_ID)
    }

    fn value(self, kind: u8) -> Option<&'b [u8]> {
        self.iter().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }
}

fn split(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let ([kind, high, low], rest) = bytes.split_first_chunk::<3>()?;
    let (value, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
    Some((Tlv { kind: *kind, value }, behind))
}

/// The values that fill `values` to its end, the last part of `header`, whose checksum is looked at where it has one.
pub(super) fn checked<'b>(values: &'b [u8], header: &[u8]) -> Result<Tlvs<'b>, ProxyProblem> {
    let mut rest = values;
    while !rest.is_empty() {
        let (tlv, behind) = split(rest).ok_or(ProxyProblem::Values)?;
        match (tlv.kind, tlv.value) {
            (CRC32C, value) => {
                let said = value.first_chunk::<4>().filter(|_| value.len() == 4).ok_or(ProxyProblem::Values)?;
                // It is made with zeros where it then stands itself.
                let end = header.len() - behind.len();
                let made = crc32c::of(&[&header[..end - 4], &[0; 4], behind]);
                if made != u32::from_be_bytes(*said) {
                    return Err(ProxyProblem::Checksum);
                }
            }
            (UNIQUE_ID, value) if value.is_empty() || value.len() > LONGEST_UNIQUE_ID => {
                return Err(ProxyProblem::Values);
            }
            _ => {}
        }
        rest = behind;
    }
    Ok(Tlvs(values))
}

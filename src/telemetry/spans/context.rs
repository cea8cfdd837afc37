//! Which trace a request belongs to, as the header `traceparent` says it (W3C Trace Context).

use std::fmt;

/// A span, as others name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; not all zeros.
    pub trace: [u8; 16],
    /// The span in it; not all zeros.
    pub span: [u8; 8],
    /// Whether it is recorded.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads the value of `traceparent`; `None` where it is not of its form. Of later versions the parts are read that are
    /// known, as the standard says.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let head = value.get(..55)?;
        let dashes = [head[2], head[35], head[52]] == [b'-'; 3];
        let (mut version, mut flags) = ([0; 1], [0; 1]);
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        hexadecimal(&head[..2], &mut version)?;
        hexadecimal(&head[3..35], &mut trace)?;
        hexadecimal(&head[36..52], &mut span)?;
        hexadecimal(&head[53..55], &mut flags)?;
        let whole = match version[0] {
            0 => value.len() == 55,
            0xff => false,
            _ => matches!(value.get(55), None | Some(b'-')),
        };
        (dashes && whole && trace != [0; 16] && span != [0; 8]).then_some(Self {
            trace,
            span,
            is_sampled: flags[0] & 1 == 1,
        })
    }
}

/// Lower-case digits alone.
fn hexadecimal(digits: &[u8], into: &mut [u8]) -> Option<()> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    for (pair, byte) in digits.chunks_exact(2).zip(into) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(())
}

impl fmt::Display for TraceContext {
    /// The value of `traceparent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(self.is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written() {
        for text in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000001-0000000000000001-00",
        ] {
            let context = TraceContext::parse(text.as_bytes()).unwrap();
            assert_eq!(context.to_string(), text);
        }
        let later = b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-comes";
        assert!(TraceContext::parse(later).unwrap().is_sampled);
    }

    #[test]
    fn what_is_not_of_the_form_is_nothing() {
        for text in [
            "",
            "00-1-2-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(text.as_bytes()), None, "{text}");
        }
    }
}

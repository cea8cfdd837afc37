//! The token in an `Authorization` header.

/// The token of `Authorization: Bearer <token>` (RFC 6750, 2.1; the scheme in any case, RFC 9110, 11.1); `None` where the
/// value is of another scheme.
#[must_use]
pub fn bearer_token(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.trim_ascii().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_one() {
        assert_eq!(bearer_token(b"Bearer east-1"), Some(&b"east-1"[..]));
        assert_eq!(bearer_token(b" bearer   east-1 "), Some(&b"east-1"[..]));
        for other in [&b"Basic east-1"[..], b"Bearer", b"", b"Bearereast-1", b"\xff\xfe"] {
            assert_eq!(bearer_token(other), None);
        }
    }
}

//! Tokens between edges.

use crate::now;
use homeward::hop::{Bound, Claims, seal, verified};
use homeward::model::Keyring;
use std::net::IpAddr;

/// A token on the first line, and the request that it came with behind it. Nobody without the key has a good one, whatever
/// they write; and one that an edge makes for that request is good for it, and for no other.
pub fn hop_token(data: &[u8]) {
    let mut lines = data.splitn(5, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (token, method, host, target, cookies) = (line(), line(), line(), line(), line());
    let keyring: Keyring = "5a".repeat(32).parse().expect("a keyring");
    let (local, from) = ("us-east".parse().expect("a name"), "us-west".parse().expect("a name"));
    let lines = [cookies];
    let bound = Bound { method, host, target, request_id: b"1", reasons: b"", lines: &lines };
    assert!(verified(token, &bound, &keyring, &local, now()).is_err());
    let client = IpAddr::from([203, 0, 113, data.len().to_le_bytes()[0]]);
    let claims = Claims {
        from,
        to: local.clone(),
        home: local.clone(),
        by_session: true,
        replayed_from: None,
        client,
        at: now(),
    };
    let token = seal(&claims, &bound, &keyring);
    assert_eq!(verified(token.as_bytes(), &bound, &keyring, &local, now()), Ok(claims));
    let other = Bound { method: target, target: method, ..bound };
    if method != target {
        assert!(verified(token.as_bytes(), &other, &keyring, &local, now()).is_err());
    }
}

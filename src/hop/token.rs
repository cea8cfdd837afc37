//! Sealing and verifying a token.

use crate::model::{Keyring, RegionName, Timestamp};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::net::IpAddr;
use std::time::Duration;

/// How old a token may be, and how far ahead of this edge's clock: beyond it, it is refused. Edges' clocks agree much
/// better than this, and no request is on its way between two edges for that long.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// The longest token that is looked at, in bytes. The longest that is made has 4 names of 63, an address and a signature.
const LONGEST: usize = 400;

/// What is signed begins with this, so that no signature of another kind ever passes for a token's.
const PURPOSE: &[u8] = b"homeward-hop-v1\0";

/// The length of an HMAC-SHA256 in base64url without padding.
const SIGNATURE_LENGTH: usize = 43;

/// What an edge says of a request that it forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The region that the edge stands in.
    pub from: RegionName,
    /// The region that it forwards to.
    pub to: RegionName,
    /// The region that it found to be home.
    pub home: RegionName,
    /// Whether it is that by a session, rather than by the visitor's place.
    pub by_session: bool,
    /// The region whose app asked for the request to be replayed; missing where it is no replay.
    pub replayed_from: Option<RegionName>,
    /// The visitor's address.
    pub client: IpAddr,
    /// When it forwarded, in whole seconds.
    pub at: Timestamp,
}

/// What a token is bound to: with any of it changed, it is good for nothing. These are the parts of a request that decide
/// where it goes, and those that the receiving edge takes on the word of the one that forwards.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The host that the request is for.
    pub host: &'a [u8],
    /// The request target: path and query.
    pub target: &'a [u8],
    /// `X-Request-Id`.
    pub request_id: &'a [u8],
    /// `Homeward-Reason`: why the request is forwarded.
    pub reasons: &'a [u8],
    /// The lines of the headers by which it was found to be forwarded, or that say where it comes from, in an order that
    /// both edges agree on.
    pub lines: &'a [&'a [u8]],
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopProblem {
    /// It is no token.
    Malformed,
    /// It is signed by nobody who may, or for another request.
    BadSignature,
    /// It is for another region.
    Foreign,
    /// It is too old, or from the future.
    Stale,
}

/// The token that says `claims` of the request `bound`, for `Homeward-Hop`. Visible ASCII.
#[must_use]
pub fn seal(claims: &Claims, bound: &Bound<'_>, keyring: &Keyring) -> String {
    let claimed = written(claims);
    let signature = keyring.sign(&[PURPOSE, &message(&claimed, bound)]);
    format!("{claimed};{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// What the edge that made `token` says of the request `bound`, seen from an edge in `local` at `now`.
///
/// # Errors
/// Why it is not believed. Any bytes are taken.
pub fn verified(
    token: &[u8],
    bound: &Bound<'_>,
    keyring: &Keyring,
    local: &RegionName,
    now: Timestamp,
) -> Result<Claims, HopProblem> {
    let text = std::str::from_utf8(token).ok().filter(|text| text.len() <= LONGEST).ok_or(HopProblem::Malformed)?;
    let (claimed, signature) = text.rsplit_once(';').ok_or(HopProblem::Malformed)?;
    let claims = read(claimed).filter(|_| signature.len() == SIGNATURE_LENGTH).ok_or(HopProblem::Malformed)?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| HopProblem::Malformed)?;
    // Nothing that it says counts before it is known who says it.
    keyring.verify(&[PURPOSE, &message(claimed, bound)], &signature).ok_or(HopProblem::BadSignature)?;
    if claims.to != *local || claims.from == *local {
        return Err(HopProblem::Foreign);
    }
    if now.duration_since(claims.at).unsigned_abs() > STALE_AFTER {
        return Err(HopProblem::Stale);
    }
    Ok(claims)
}

fn written(claims: &Claims) -> String {
    let Claims { from, to, home, by_session, replayed_from, client, at } = claims;
    let by = if *by_session { "session" } else { "place" };
    let replayed_from = replayed_from.as_ref().map_or("", RegionName::as_str);
    format!("1;{from};{to};{home};{by};{replayed_from};{client};{}", at.as_second())
}

/// What [`written`] writes, and nothing else.
fn read(text: &str) -> Option<Claims> {
    let mut fields = text.split(';');
    let mut next = || fields.next();
    if next()? != "1" {
        return None;
    }
    let (from, to, home) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?);
    let by_session = match next()? {
        "session" => true,
        "place" => false,
        _ => return None,
    };
    let replayed_from = match next()? {
        "" => None,
        name => Some(name.parse().ok()?),
    };
    let (client, at) = (next()?.parse().ok()?, Timestamp::from_second(next()?.parse().ok()?).ok()?);
    let claims = Claims { from, to, home, by_session, replayed_from, client, at };
    (next().is_none() && written(&claims) == text).then_some(claims)
}

/// Each part with its length in front, so that no two requests are ever one message.
fn message(claimed: &str, bound: &Bound<'_>) -> Vec<u8> {
    let Bound { method, host, target, request_id, reasons, lines } = bound;
    let mut message = Vec::with_capacity(1024);
    let fixed = [claimed.as_bytes(), method, host, target, request_id, reasons];
    for part in fixed.iter().chain(lines.iter()) {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";
    const NOW: i64 = 1_795_321_800;

    fn keyring(text: &str) -> Keyring {
        text.parse().unwrap()
    }

    fn claims() -> Claims {
        Claims {
            from: "us-west".parse().unwrap(),
            to: "us-east".parse().unwrap(),
            home: "us-east".parse().unwrap(),
            by_session: true,
            replayed_from: None,
            client: "203.0.113.7".parse().unwrap(),
            at: at(0),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(NOW + seconds).unwrap()
    }

    fn bound<'a>(lines: &'a [&'a [u8]]) -> Bound<'a> {
        Bound {
            method: b"GET",
            host: b"portal.example.com",
            target: b"/cart?item=1",
            request_id: b"0190f3a2",
            reasons: b"SessionNamesRegion;region=us-east",
            lines,
        }
    }

    fn check(token: &str, bound: &Bound<'_>, keys: &str, local: &str, seconds: i64) -> Result<Claims, HopProblem> {
        verified(token.as_bytes(), bound, &keyring(keys), &local.parse().unwrap(), at(seconds))
    }

    #[test]
    fn a_token_is_good_for_its_request_its_region_and_its_time() {
        let lines: &[&[u8]] = &[b"sid=east-1", b"203.0.113.7"];
        let request = bound(lines);
        for replayed_from in [None, Some("us-central".parse().unwrap())] {
            for client in ["203.0.113.7", "2001:db8::1"] {
                let claims =
                    Claims { replayed_from: replayed_from.clone(), client: client.parse().unwrap(), ..claims() };
                let token = seal(&claims, &request, &keyring(OLD));
                assert!(token.bytes().all(|byte| byte.is_ascii_graphic()) && token.len() <= LONGEST);
                for seconds in [-30, 0, 30] {
                    assert_eq!(check(&token, &request, OLD, "us-east", seconds), Ok(claims.clone()));
                }
            }
        }
    }

    #[test]
    fn keys_are_exchanged_without_a_break() {
        let request = bound(&[]);
        let both = format!("{NEW}\n{OLD}\n");
        let of_old = seal(&claims(), &request, &keyring(OLD));
        let of_new = seal(&claims(), &request, &keyring(&both));
        for (token, keys) in [(&of_old, OLD), (&of_old, &*both), (&of_new, &*both), (&of_new, NEW)] {
            assert_eq!(check(token, &request, keys, "us-east", 0), Ok(claims()));
        }
        assert_eq!(check(&of_new, &request, OLD, "us-east", 0), Err(HopProblem::BadSignature));
        assert_eq!(check(&of_old, &request, NEW, "us-east", 0), Err(HopProblem::BadSignature));
    }

    /// Each is a token that somebody who has no key might try, and what is said of it.
    #[test]
    fn what_is_not_good_is_refused() {
        let lines: &[&[u8]] = &[b"sid=east-1", b"203.0.113.7"];
        let request = bound(lines);
        let token = seal(&claims(), &request, &keyring(OLD));
        let (claimed, signature) = token.rsplit_once(';').unwrap();
        let sealed = |change: &dyn Fn(&mut Claims)| {
            let mut claims = claims();
            change(&mut claims);
            seal(&claims, &request, &keyring(OLD))
        };
        let other_signature = sealed(&|c| c.at = at(1)).rsplit_once(';').unwrap().1.to_owned();
        let stale = [31, 3600, -31, -3600].map(|seconds| sealed(&move |c| c.at = at(seconds)));
        let mut cases: Vec<(String, HopProblem)> = vec![
            (String::new(), HopProblem::Malformed),
            (";".into(), HopProblem::Malformed),
            (";;;;;;;".into(), HopProblem::Malformed),
            (signature.into(), HopProblem::Malformed),
            (claimed.into(), HopProblem::Malformed),
            (format!("{claimed};"), HopProblem::Malformed),
            (format!(" {token}"), HopProblem::Malformed),
            (format!("{token} "), HopProblem::Malformed),
            (format!("{token};"), HopProblem::Malformed),
            (format!("{claimed};{signature}="), HopProblem::Malformed),
            (format!("{claimed};{}", "*".repeat(43)), HopProblem::Malformed),
            (format!("{claimed};{}", "A".repeat(43)), HopProblem::BadSignature),
            (format!("{claimed};{other_signature}"), HopProblem::BadSignature),
            (token.replacen('1', "2", 1), HopProblem::Malformed),
            (token.replacen("us-west", "us-moon", 1), HopProblem::BadSignature),
            (token.replacen("us-west", "us west", 1), HopProblem::Malformed),
            (token.replacen(";us-east;", ";us-central;", 1), HopProblem::BadSignature),
            (token.replacen("session", "place", 1), HopProblem::BadSignature),
            (token.replacen("session", "other", 1), HopProblem::Malformed),
            (token.replacen("203.0.113.7", "203.0.113.8", 1), HopProblem::BadSignature),
            (token.replacen("203.0.113.7", "::ffff:203.0.113.7", 1), HopProblem::BadSignature),
            (token.replacen("203.0.113.7", "nobody", 1), HopProblem::Malformed),
            (token.replacen(&NOW.to_string(), &(NOW + 1).to_string(), 1), HopProblem::BadSignature),
            (token.replacen(&NOW.to_string(), &format!("0{NOW}"), 1), HopProblem::Malformed),
            (token.replacen(&NOW.to_string(), &format!("+{NOW}"), 1), HopProblem::Malformed),
            (token.replacen(&NOW.to_string(), "99999999999999", 1), HopProblem::Malformed),
            (token.replacen(";;", ";us-central;", 1), HopProblem::BadSignature),
            (format!("1;{}", token), HopProblem::Malformed),
            (format!("{token}{}", "x".repeat(LONGEST)), HopProblem::Malformed),
            (seal(&claims(), &request, &keyring(NEW)), HopProblem::BadSignature),
            (sealed(&|c| c.to = "us-central".parse().unwrap()), HopProblem::Foreign),
            (sealed(&|c| c.from = "us-east".parse().unwrap()), HopProblem::Foreign),
        ];
        cases.extend(stale.map(|token| (token, HopProblem::Stale)));
        // Cut anywhere, it is nothing.
        cases.extend((0..token.len()).step_by(7).map(|end| (token[..end].to_owned(), HopProblem::Malformed)));
        assert!(cases.len() >= 40, "{}", cases.len());
        for (token, problem) in &cases {
            assert_eq!(check(token, &request, OLD, "us-east", 0), Err(*problem), "{token}");
        }
        assert_eq!(check(&token, &request, OLD, "us-central", 0), Err(HopProblem::Foreign), "replayed elsewhere");
        assert_eq!(
            verified(b"\xff\xfe;\xff", &request, &keyring(OLD), &claims().to, at(0)),
            Err(HopProblem::Malformed)
        );
    }

    /// A token that was caught on its way is good for nothing but the very request that it was made for.
    #[test]
    fn a_token_does_not_go_with_another_request() {
        let lines: &[&[u8]] = &[b"sid=east-1", b"203.0.113.7"];
        let request = bound(lines);
        let token = seal(&claims(), &request, &keyring(OLD));
        let others: [Bound<'_>; 10] = [
            Bound { method: b"POST", ..request },
            Bound { host: b"other.example.com", ..request },
            Bound { target: b"/cart?item=2", ..request },
            Bound { request_id: b"0190f3a3", ..request },
            Bound { reasons: b"", ..request },
            Bound { lines: &[b"sid=west-1", b"203.0.113.7"], ..request },
            Bound { lines: &[b"sid=east-1", b"203.0.113.8"], ..request },
            Bound { lines: &[b"sid=east-1"], ..request },
            Bound { lines: &[b"sid=east-1203.0.113.7"], ..request },
            Bound { lines: &[b"sid=east-1", b"203.0.113.7", b""], ..request },
        ];
        for other in others {
            assert_eq!(check(&token, &other, OLD, "us-east", 0), Err(HopProblem::BadSignature), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(token in prop::collection::vec(any::<u8>(), 0..300)) {
            let problem = verified(&token, &bound(&[]), &keyring(OLD), &claims().to, at(0)).unwrap_err();
            prop_assert_ne!(problem, HopProblem::Stale);
        }

        #[test]
        fn one_changed_byte_is_enough(position in 0_usize..140, byte in any::<u8>()) {
            let mut token = seal(&claims(), &bound(&[]), &keyring(OLD)).into_bytes();
            let at_byte = position % token.len();
            prop_assume!(token[at_byte] != byte);
            token[at_byte] = byte;
            prop_assert!(verified(&token, &bound(&[]), &keyring(OLD), &claims().to, at(0)).is_err());
        }
    }
}

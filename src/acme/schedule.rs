//! When a certificate is renewed, and when something that failed is tried again. The clock is an argument.

use crate::model::Timestamp;
use jiff::SignedDuration;
use std::time::Duration;

/// How long a certificate that has just been had is left alone, whatever its times say: an authority whose clock is wrong, or
/// whose certificates last minutes, is not asked all the time.
const LEAST_BETWEEN: SignedDuration = SignedDuration::from_mins(15);

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The authority was not reached, so that it counts nothing.
    Unreachable,
    /// It was asked, and counts that: within an hour, no more than four times.
    Refused,
    /// It has said that it was asked too often.
    RateLimited,
}

/// When a certificate is renewed that is valid between these times: at two thirds of them, and a little earlier by `spread`
/// (0 to 1), so that not all edges come at once.
pub(super) fn renewal(not_before: Timestamp, not_after: Timestamp, spread: f64) -> Timestamp {
    at(not_before, not_after, 2.0 / 3.0 - 0.03 * spread.clamp(0.0, 1.0))
}

/// The same, where the authority suggests to renew it between two times (RFC 9773): in between by `spread`, and in any case
/// before the last tenth of its life.
pub(super) fn suggested(
    window: (Timestamp, Timestamp),
    not_before: Timestamp,
    not_after: Timestamp,
    spread: f64,
) -> Timestamp {
    at(window.0, window.1, spread.clamp(0.0, 1.0)).min(at(not_before, not_after, 0.9))
}

/// When a certificate that was had at `now`, and is to be renewed at `due`, is asked for next.
pub(super) fn after_success(now: Timestamp, due: Timestamp) -> Timestamp {
    due.max(now.saturating_add(LEAST_BETWEEN).unwrap_or(due))
}

/// How long after the failure with this number, from 1, the next try comes: at least as long as said here, and up to a fifth
/// more by `spread` (0 to 1).
pub(super) fn pause(kind: Kind, failures: u32, spread: f64) -> Duration {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const REFUSED: [u64; 7] = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR];
    let nth = failures.saturating_sub(1);
    let refused = usize::try_from(nth).ok().and_then(|nth| REFUSED.get(nth)).copied().unwrap_or(6 * HOUR);
    let seconds = match kind {
        Kind::Unreachable => (5_u64 << nth.min(7)).min(10 * MINUTE),
        Kind::Refused => refused,
        Kind::RateLimited => refused.max(HOUR),
    };
    Duration::from_secs(seconds).mul_f64(1.0 + 0.2 * spread.clamp(0.0, 1.0))
}

/// The moment at this part of the way from one to another.
fn at(from: Timestamp, to: Timestamp, part: f64) -> Timestamp {
    let whole = to.duration_since(from).as_secs_f64().max(0.0);
    SignedDuration::try_from_secs_f64(whole * part).ok().and_then(|way| from.checked_add(way).ok()).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_when_two_thirds_are_over() {
        let (from, to) = (time("2026-01-01T00:00:00Z"), time("2026-04-01T00:00:00Z"));
        assert_eq!(renewal(from, to, 0.0), time("2026-03-02T00:00:00Z"));
        assert!(renewal(from, to, 1.0) > time("2026-02-27T00:00:00Z"));
        assert!(renewal(from, to, 1.0) < renewal(from, to, 0.0));
        assert_eq!(renewal(to, from, 0.5), to, "times that are the wrong way round");
        let window = (time("2026-02-01T00:00:00Z"), time("2026-02-03T00:00:00Z"));
        assert_eq!(suggested(window, from, to, 0.5), time("2026-02-02T00:00:00Z"));
        let late = (time("2027-02-01T00:00:00Z"), time("2027-02-03T00:00:00Z"));
        assert_eq!(suggested(late, from, to, 0.5), time("2026-03-23T00:00:00Z"));
        let _ = (renewal(Timestamp::MIN, Timestamp::MAX, 0.5), suggested(window, Timestamp::MAX, Timestamp::MIN, 2.0));
    }

    #[test]
    fn an_authority_is_asked_a_few_times_an_hour_at_most() {
        for spread in [0.0, 0.5, 1.0] {
            for first in 1..20 {
                let mut within = Duration::ZERO;
                let tries = (first..).take_while(|failure| {
                    within += pause(Kind::Refused, *failure, spread);
                    within <= Duration::from_hours(1)
                });
                assert!(tries.count() <= 3, "and the one before");
                assert!(pause(Kind::RateLimited, first, spread) >= Duration::from_hours(1));
            }
        }
        assert_eq!(pause(Kind::Unreachable, 1, 0.0), Duration::from_secs(5));
        assert_eq!(pause(Kind::Unreachable, u32::MAX, 0.0), Duration::from_mins(10));
        let now = time("2026-01-01T00:00:00Z");
        assert_eq!(after_success(now, now), time("2026-01-01T00:15:00Z"));
        assert_eq!(after_success(now, time("2026-02-01T00:00:00Z")), time("2026-02-01T00:00:00Z"));
    }
}

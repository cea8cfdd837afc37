//! When a server is left out for what requests have seen of it.

use super::Share;
use std::num::NonZeroU32;
use std::time::Duration;

/// When a server gets no new requests for a while because of how its answers were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutlierRules {
    /// Failures in a row that eject it.
    pub consecutive_failures: NonZeroU32,
    /// How its errors are held against those of the pool's other servers.
    pub success_rate: SuccessRateRules,
    /// How often that is done, and how long it takes for an ejection to be forgotten. Above zero.
    pub interval: Duration,
    /// How long the first ejection lasts; the second in a row twice as long, and so on. Above zero.
    pub ejection: Duration,
    /// How long one lasts at the most.
    pub longest_ejection: Duration,
    /// The part of a pool's servers that may be ejected at once; one may always be where another stays.
    pub most_ejected: Share,
    /// Where a smaller part of a pool's servers than this is healthy and not ejected, ejections are ignored.
    pub panic_below: Share,
}

/// How the errors of a server are held against those of the pool's other servers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuccessRateRules {
    /// How many requests in an interval it takes, of the server and of the others together, to say anything.
    pub least_requests: NonZeroU32,
    /// How far below the others' a server's success rate must lie, at the least.
    pub below: Share,
}

impl Default for OutlierRules {
    /// 5 failures in a row, or 20 percentage points below the others in 10 s; out for 30 s, for 5 min at the most; half of a
    /// pool at the most, and nobody where less than 30 % of it are left.
    fn default() -> Self {
        let share = |ratio| Share::from_ratio(ratio).unwrap_or(Share::NONE);
        Self {
            consecutive_failures: NonZeroU32::MIN.saturating_add(4),
            success_rate: SuccessRateRules { least_requests: NonZeroU32::MIN.saturating_add(99), below: share(0.2) },
            interval: Duration::from_secs(10),
            ejection: Duration::from_secs(30),
            longest_ejection: Duration::from_mins(5),
            most_ejected: share(0.5),
            panic_below: share(0.3),
        }
    }
}

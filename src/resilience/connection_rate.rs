//! How often a client may connect.

use super::rate_limit::{LimitPace, RateTable, Verdict};
use crate::client::ClientSource;
use crate::model::{LimitKey, Rate, RateLimit};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

/// So many seconds' worth of connections may come at once: a browser opens several, and an office many browsers.
const SECONDS_AT_ONCE: u32 = 5;

/// The new connections of each client, an IPv4 address or an IPv6 /64. It remembers 65,536 of them, in 1 MiB.
pub struct ConnectionRate {
    secret: RandomState,
    clients: RateTable,
}

impl ConnectionRate {
    /// So many a second of each client, at least one.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let rate = Rate::new(per_second.into()).unwrap_or(Rate::ONE);
        let burst = per_second.saturating_mul(SECONDS_AT_ONCE);
        let pace = LimitPace::new(&RateLimit { key: LimitKey::Client, rate, burst });
        Self { secret: RandomState::new(), clients: RateTable::new(pace) }
    }

    /// Whether `client` may connect once more at `now`, by any clock that does not go back. If so, that is counted.
    #[must_use]
    pub fn take(&self, client: IpAddr, now: Duration) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.clients.take(self.secret.hash_one(ClientSource::from(client)), now) == Verdict::Allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_connects_so_often_and_no_more() {
        let rate = ConnectionRate::new(10);
        let (one, same, other) = ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2");
        let take = |client: &str, seconds| rate.take(client.parse().unwrap(), Duration::from_secs_f64(seconds));
        assert_eq!((0..100).filter(|_| take(one, 1.0)).count(), 50);
        assert!(!take(same, 1.05) && take(other, 1.05));
        assert_eq!((0..100).filter(|_| take(one, 2.01)).count(), 10);
    }
}

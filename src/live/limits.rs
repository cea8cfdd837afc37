//! What services were asked for by whom, where they have a limit.

use super::hash_key::HashKey;
use crate::client::ClientSource;
use crate::model::RateLimit;
use crate::resilience::{LimitPace, RateTable, Verdict};
use std::net::IpAddr;
use std::time::Duration;

/// What one service was asked for. It outlives the table that its rule came with as long as the rule stays. Nothing of a key
/// can be read out of it: it holds hashes of them under a secret of this process, so that nobody can choose two alike.
#[derive(Debug)]
pub struct RateLimiter {
    rule: RateLimit,
    secret: HashKey,
    table: RateTable,
}

impl RateLimiter {
    /// One that has let nothing through yet.
    #[must_use]
    pub fn new(rule: RateLimit, secret: HashKey) -> Self {
        let table = RateTable::new(LimitPace::new(&rule));
        Self { rule, secret, table }
    }

    /// By what it lets through.
    #[must_use]
    pub fn rule(&self) -> &RateLimit {
        &self.rule
    }

    /// The seconds after which a whole burst may come again.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.table.pace().window()
    }

    /// Takes one more request in at `now`, the time by [`super::clock::elapsed`]: of `key` or, where it has none, of the
    /// `client`.
    ///
    /// # Errors
    /// Where it is one too many: the whole seconds after which it would not be, at least 1.
    pub fn take(&self, key: Option<&[u8]>, client: IpAddr, now: Duration) -> Result<(), u32> {
        Self::seconds(self.table.take(self.hash(key, client), nanoseconds(now)))
    }

    /// The same, without taking one in.
    ///
    /// # Errors
    /// As [`RateLimiter::take`].
    pub fn look(&self, key: Option<&[u8]>, client: IpAddr, now: Duration) -> Result<(), u32> {
        Self::seconds(self.table.look(self.hash(key, client), nanoseconds(now)))
    }

    fn hash(&self, key: Option<&[u8]>, client: IpAddr) -> u64 {
        match key {
            Some(key) => self.secret.hash((1_u8, key)),
            None => self.secret.hash((0_u8, ClientSource::from(client))),
        }
    }

    fn seconds(verdict: Verdict) -> Result<(), u32> {
        match verdict {
            Verdict::Allowed => Ok(()),
            Verdict::Wait(wait) => Err(u32::try_from(wait.div_ceil(1_000_000_000)).unwrap_or(u32::MAX)),
        }
    }

    /// What is not paid off at `now`, for another process: hashes, and in how many nanoseconds each is.
    #[must_use]
    pub fn debts(&self, now: Duration) -> Vec<(u64, u64)> {
        self.table.debts(nanoseconds(now))
    }

    /// Takes in what is not paid off at `now`. The hashes must be of the same secret.
    pub fn recall(&self, debts: &[(u64, u64)], now: Duration) {
        debts.iter().for_each(|(hash, ahead)| self.table.recall(*hash, *ahead, nanoseconds(now)));
    }
}

/// A process does not run for 500 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LimitKey, Rate};

    #[test]
    fn clients_and_keys_are_told_apart() {
        let rule = RateLimit { key: LimitKey::Session, rate: Rate::new(0.4).unwrap(), burst: 1 };
        let limiter = RateLimiter::new(rule, HashKey::fresh());
        let now = Duration::from_secs(7);
        let take =
            |key: Option<&str>, client: &str, now| limiter.take(key.map(str::as_bytes), client.parse().unwrap(), now);
        let look = |client: &str| limiter.look(None, client.parse().unwrap(), now);
        assert_eq!((look("2001:db8::1"), look("2001:db8::1")), (Ok(()), Ok(())), "looking takes nothing");
        assert_eq!(take(None, "2001:db8::1", now), Ok(()));
        assert_eq!(look("2001:db8::2"), Err(3));
        assert_eq!(take(None, "2001:db8::2", now), Err(3), "the same /64, and 2.5 s are 3");
        assert_eq!(take(None, "2001:db8:0:1::1", now), Ok(()));
        assert_eq!(take(Some("a"), "2001:db8::1", now), Ok(()));
        assert_eq!(take(Some("a"), "192.0.2.1", now), Err(3), "a key is the same from everywhere");
        assert_eq!(take(None, "2001:db8::1", now + Duration::from_millis(1600)), Err(1));
        assert_eq!(take(None, "2001:db8::1", now + Duration::from_secs(3)), Ok(()));
        assert_eq!(limiter.window(), 3);
    }

    #[test]
    fn another_process_goes_on_where_this_one_is() {
        let rule = RateLimit { key: LimitKey::Client, rate: Rate::new(0.5).unwrap(), burst: 2 };
        let secret = HashKey::fresh();
        let (before, after) = (RateLimiter::new(rule.clone(), secret), RateLimiter::new(rule, secret));
        let client = "192.0.2.1".parse().unwrap();
        let now = Duration::from_secs(100);
        assert_eq!((before.take(None, client, now), before.take(None, client, now)), (Ok(()), Ok(())));
        assert_eq!(before.take(None, client, now), Err(2));
        let (then, elsewhere) = (now + Duration::from_secs(1), Duration::from_secs(7));
        after.recall(&before.debts(then), elsewhere);
        assert_eq!(after.take(None, client, elsewhere), Err(1), "a second of the two has passed");
        assert_eq!(after.take(None, client, elsewhere + Duration::from_secs(1)), Ok(()));
        assert_eq!(after.take(None, "192.0.2.2".parse().unwrap(), elsewhere), Ok(()), "nobody else is known");
        assert_eq!(before.debts(now + Duration::from_secs(4)), [], "what is paid off is not carried");
    }

    #[test]
    fn nobody_owes_more_than_a_burst() {
        let rule = RateLimit { key: LimitKey::Client, rate: Rate::new(1.0).unwrap(), burst: 1 };
        let secret = HashKey::fresh();
        let limiter = RateLimiter::new(rule, secret);
        let hash = secret.hash((0_u8, ClientSource::from("192.0.2.1".parse::<IpAddr>().unwrap())));
        limiter.recall(&[(hash, u64::MAX)], Duration::from_secs(7));
        assert_eq!(limiter.take(None, "192.0.2.1".parse().unwrap(), Duration::from_secs(8)), Ok(()));
    }
}

//! How long a connection to a server is used: what stands in front of servers, an address in DNS or a load balancer, changes,
//! and connections that are busy would never follow.

use std::time::Duration;

/// Whether a connection of this `age` is one to part with, where connections are to be used for `limit`, give or take a
/// tenth by `seed`: any number that stays the same for the connection, and is another for the next, so that those that were
/// made together do not go together.
#[must_use]
pub fn is_worn(age: Duration, limit: Duration, seed: u64) -> bool {
    age >= limit.saturating_mul(9) / 10 + part(limit / 5, scattered(seed))
}

/// The number of the period that `now` lies in, where periods are `limit` long and begin at a moment that `seed` says. For
/// connections that carry several requests at once, which none of them can end: a period has connections of its own.
#[must_use]
pub fn period(now: Duration, limit: Duration, seed: u64) -> u64 {
    let shifted = now.saturating_add(part(limit, scattered(seed)));
    u64::try_from(shifted.as_nanos() / limit.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// Numbers that lie beside each other, and are then far from each other (Steele, Lea and Flood's SplitMix).
fn scattered(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The part of `whole` that `number` is of all numbers.
fn part(whole: Duration, number: u64) -> Duration {
    let whole = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    let nanoseconds = (u128::from(whole) * u128::from(number)) >> 64;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Duration = Duration::from_mins(10);

    proptest! {
        #[test]
        fn a_connection_is_used_for_its_time_give_or_take_a_tenth(seed in any::<u64>(), percent in 0_u32..200) {
            let worn = is_worn(LIMIT * percent / 100, LIMIT, seed);
            prop_assert!(percent >= 90 || !worn);
            prop_assert!(percent < 110 || worn);
        }

        #[test]
        fn a_period_is_as_long_as_the_limit(seed in any::<u64>(), seconds in 0_u64..1_000_000) {
            let now = Duration::from_secs(seconds);
            let before = period(now, LIMIT, seed);
            prop_assert_eq!(period(now + LIMIT, LIMIT, seed), before + 1);
            prop_assert!(period(now + LIMIT / 2, LIMIT, seed) <= before + 1);
        }
    }

    #[test]
    fn those_that_were_made_together_do_not_go_together() {
        let worn = (0..1_000).filter(|seed| is_worn(LIMIT, LIMIT, *seed)).count();
        assert!((400..600).contains(&worn), "{worn}");
    }
}

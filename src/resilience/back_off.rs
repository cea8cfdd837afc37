//! How long is waited before the next try.

use crate::model::BackOffRules;
use std::time::Duration;

/// A wait from none up to `base * 2^nth`, and never above `longest`, all of them equally likely by `random`, which is any
/// number (full jitter): those who failed together do not come back together. `nth` counts from 0.
#[must_use]
pub fn back_off(rules: BackOffRules, nth: u32, random: u64) -> Duration {
    let factor = 1_u32.checked_shl(nth).unwrap_or(u32::MAX);
    let most = rules.base.saturating_mul(factor).min(rules.longest);
    // The upper bits of the product of two numbers of 64 bits: below the first, and as even as the second.
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let nanoseconds = (u128::from(most) * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: BackOffRules = BackOffRules { base: Duration::from_millis(25), longest: Duration::from_millis(250) };

    #[test]
    fn the_most_doubles_until_it_is_the_longest() {
        for (nth, most) in [(0, 25), (1, 50), (2, 100), (3, 200), (4, 250), (40, 250), (u32::MAX, 250)] {
            let longest = back_off(RULES, nth, u64::MAX);
            assert_eq!(longest.as_millis() + 1, most, "{nth}: just below");
            assert_eq!(back_off(RULES, nth, 0), Duration::ZERO);
            assert_eq!(back_off(RULES, nth, 1 << 63).as_micros(), most * 500, "half of the numbers are below half");
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_beyond_its_bounds(base in 1_u64..1 << 50, more in 0_u64..1 << 50, nth in any::<u32>(), random in any::<u64>()) {
            let rules = BackOffRules { base: Duration::from_nanos(base), longest: Duration::from_nanos(base + more) };
            let wait = back_off(rules, nth, random);
            prop_assert!(wait <= rules.longest);
            prop_assert!(nth > 0 || wait <= rules.base);
        }

        #[test]
        fn a_larger_number_waits_no_shorter(nth in 0_u32..10, one in any::<u64>(), other in any::<u64>()) {
            let (less, more) = (one.min(other), one.max(other));
            prop_assert!(back_off(RULES, nth, less) <= back_off(RULES, nth, more));
        }
    }
}

//! How much a pool may be asked at once, and when it is not asked at all.

use super::Share;
use std::num::NonZeroU32;
use std::time::Duration;

/// When requests are kept from what fails. The default holds where a table says nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerRules {
    /// The part of a server's attempts that must fail before its breaker opens. Above zero.
    pub failures: Share,
    /// Of how many attempts within the window it must be that part, at the least.
    pub least: NonZeroU32,
    /// How long an attempt counts. Above zero.
    pub window: Duration,
    /// How long a breaker is open at first. Above zero.
    pub open: Duration,
    /// How long it is open at the most, however often it has opened. Not below `open`.
    pub longest_open: Duration,
    /// How many attempts must succeed before it closes, and how many are made at once for that at the most.
    pub trickle: NonZeroU32,
    /// Whether each server has a breaker.
    pub servers: bool,
    /// Whether each pool has one.
    pub pool: bool,
}

impl BreakerRules {
    /// None at all.
    #[must_use]
    pub fn off() -> Self {
        Self { servers: false, pool: false, ..Self::default() }
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn are_off(&self) -> bool {
        !self.servers && !self.pool
    }
}

impl Default for BreakerRules {
    /// Half of at least 20 attempts in 10 s; open for 5 s, for a minute at the most; closed after 3 that succeed.
    fn default() -> Self {
        Self {
            failures: Share::HALF,
            least: NonZeroU32::MIN.saturating_add(19),
            window: Duration::from_secs(10),
            open: Duration::from_secs(5),
            longest_open: Duration::from_mins(1),
            trickle: NonZeroU32::MIN.saturating_add(2),
            servers: true,
            pool: true,
        }
    }
}

/// How many requests a pool has at once, by this edge's count. The default has no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolLimits {
    /// How many the whole pool has at the most.
    pub requests: Option<NonZeroU32>,
    /// How many each server has at the most.
    pub server_requests: Option<NonZeroU32>,
    /// How many wait for a place at the most.
    pub pending: u32,
    /// How long one waits at the most. Above zero.
    pub wait: Duration,
    /// The part of the places that new visitors may have. Above zero.
    pub new_visitors: Share,
    /// Between which bounds the limit of the pool follows how fast it answers.
    pub adaptive: Option<AdaptiveRules>,
}

impl PoolLimits {
    /// Whether there is any.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.requests.is_some() || self.server_requests.is_some() || self.adaptive.is_some()
    }
}

impl Default for PoolLimits {
    /// No limit; where one is set, 100 wait for a second at the most, and new visitors may have 80 % of the places.
    fn default() -> Self {
        Self {
            requests: None,
            server_requests: None,
            pending: 100,
            wait: Duration::from_secs(1),
            new_visitors: Share::FOUR_FIFTHS,
            adaptive: None,
        }
    }
}

/// Between which bounds a limit moves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveRules {
    /// The smallest limit.
    pub least: NonZeroU32,
    /// The largest, not below the smallest.
    pub most: NonZeroU32,
}

impl Default for AdaptiveRules {
    /// From 10 to 1000.
    fn default() -> Self {
        Self { least: NonZeroU32::MIN.saturating_add(9), most: NonZeroU32::MIN.saturating_add(999) }
    }
}

//! What a service does where its servers, or a whole region, fail.

use super::failover::FailoverRules;
use super::{BreakerRules, HealthRules, OutlierRules, PoolLimits, RetryRules};
use std::num::NonZeroU32;
use std::time::Duration;

/// How the faults of a service's servers are met. The default holds where a table says nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Resilience {
    /// When its pools are away, and when they are back.
    pub failover: FailoverRules,
    /// How the requests of a session that was moved are let through.
    pub gate: GateRules,
    /// When requests are kept from what fails.
    pub breaker: BreakerRules,
    /// How many requests a pool has at once.
    pub limits: PoolLimits,
    /// What is tried again.
    pub retries: RetryRules,
    /// How its servers are probed, where a pool does not say otherwise.
    pub health: HealthRules,
    /// When a server is left out for what requests have seen of it; never where missing.
    pub outliers: Option<OutlierRules>,
}

impl Default for Resilience {
    fn default() -> Self {
        Self {
            failover: FailoverRules::default(),
            gate: GateRules::default(),
            breaker: BreakerRules::default(),
            limits: PoolLimits::default(),
            retries: RetryRules::default(),
            health: HealthRules::default(),
            outliers: Some(OutlierRules::default()),
        }
    }
}

/// How the requests of one session reach a server that has to load it first: one of them goes ahead, the others wait until
/// it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateRules {
    /// Which sessions are held together.
    pub sessions: GatedSessions,
    /// How long a request waits for another of its session at the most. Above zero.
    pub wait: Duration,
    /// How many requests may go ahead at once: sessions are spread over so many stripes by a hash.
    pub stripes: NonZeroU32,
    /// How many sessions are remembered for having been loaded, at the most.
    pub settled: NonZeroU32,
}

/// Which sessions a gate holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GatedSessions {
    /// Those whose region or server is not the one that they were at before.
    #[default]
    Moved,
    /// All, at their first requests to a server too.
    All,
    /// None.
    None,
}

impl Default for GateRules {
    /// Moved sessions wait 10 s at the most, on 10,000 stripes; 100,000 are remembered.
    fn default() -> Self {
        Self {
            sessions: GatedSessions::default(),
            wait: Duration::from_secs(10),
            stripes: NonZeroU32::MIN.saturating_add(9_999),
            settled: NonZeroU32::MIN.saturating_add(99_999),
        }
    }
}

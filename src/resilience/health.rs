//! One server's health: from what was seen of it to whether requests should go there.

use std::num::NonZeroU8;

/// What was seen of a server: by a probe, or by a real request that needed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// A connection was made.
    Reached,
    /// It could not be made: refused, no route, or not in time.
    Unreachable,
}

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing is known yet. It counts as healthy, so that an edge serves from its first moment on.
    Untried,
    /// It was reached when last in doubt.
    Healthy,
    /// Requests should go elsewhere.
    Unhealthy,
}

/// How many observations in a row it takes to change a server's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthLimits {
    /// Failures in a row that make a healthy server unhealthy.
    pub fall: NonZeroU8,
    /// Successes in a row that make an unhealthy server healthy.
    pub rise: NonZeroU8,
}

impl Default for HealthLimits {
    /// Two of each: one lost packet moves nobody, and a restart is noticed within two probes.
    fn default() -> Self {
        let two = NonZeroU8::MIN.saturating_add(1);
        Self { fall: two, rise: two }
    }
}

/// The machine: a value, moved on by [`Health::observe`].
///
/// The first observation of an untried server decides at once, either way: there is nothing yet to be loyal to.
/// After that, only [`HealthLimits::fall`] failures or [`HealthLimits::rise`] successes in a row change the standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    standing: Standing,
    /// Observations in a row that speak against `standing`; below the limit that would change it.
    against: u8,
}

impl Health {
    /// A server of which nothing is known.
    pub const UNTRIED: Self = Self { standing: Standing::Untried, against: 0 };

    /// Where the server stands.
    #[must_use]
    pub fn standing(self) -> Standing {
        self.standing
    }

    /// Whether requests may go there: it is not known to be unhealthy.
    #[must_use]
    pub fn is_healthy(self) -> bool {
        self.standing != Standing::Unhealthy
    }

    /// How many observations in a row speak against where it stands.
    #[must_use]
    pub fn against(self) -> u8 {
        self.against
    }

    /// The health that another process knew of.
    #[must_use]
    pub fn recalled(standing: Standing, against: u8) -> Self {
        if standing == Standing::Untried { Self::UNTRIED } else { Self { standing, against } }
    }

    /// The health after one more observation. In the usual case (healthy, and reached again) nothing changes.
    #[must_use]
    pub fn observe(self, observation: Observation, limits: HealthLimits) -> Self {
        let (agreed, other, limit) = match (self.standing, observation) {
            (Standing::Untried, Observation::Reached) => return Self::settled(Standing::Healthy),
            (Standing::Untried, Observation::Unreachable) => return Self::settled(Standing::Unhealthy),
            (Standing::Healthy, seen) => (seen == Observation::Reached, Standing::Unhealthy, limits.fall),
            (Standing::Unhealthy, seen) => (seen == Observation::Unreachable, Standing::Healthy, limits.rise),
        };
        let against = self.against.saturating_add(1);
        if agreed {
            Self::settled(self.standing)
        } else if against >= limit.get() {
            Self::settled(other)
        } else {
            Self { against, ..self }
        }
    }

    fn settled(standing: Standing) -> Self {
        Self { standing, against: 0 }
    }

    /// The health as a number, for an atomic. [`Health::from_bits`] gives it back.
    #[must_use]
    pub fn to_bits(self) -> u32 {
        let standing = match self.standing {
            Standing::Untried => 0,
            Standing::Healthy => 1,
            Standing::Unhealthy => 2,
        };
        standing << 8 | u32::from(self.against)
    }

    /// The health that [`Health::to_bits`] made this number of; untried for any other number.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        let against = (bits & 0xff) as u8;
        match bits >> 8 {
            1 => Self { standing: Standing::Healthy, against },
            2 => Self { standing: Standing::Unhealthy, against },
            _ => Self::UNTRIED,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REACHED: Observation = Observation::Reached;
    const UNREACHABLE: Observation = Observation::Unreachable;

    fn after(observations: &[Observation], limits: HealthLimits) -> Health {
        observations.iter().fold(Health::UNTRIED, |health, seen| health.observe(*seen, limits))
    }

    fn observations() -> impl Strategy<Value = Vec<Observation>> {
        prop::collection::vec(prop_oneof![Just(REACHED), Just(UNREACHABLE)], 0..60)
    }

    fn limits() -> impl Strategy<Value = HealthLimits> {
        let limit = || (1..=u8::MAX).prop_map(|n| NonZeroU8::new(n).unwrap());
        prop_oneof![
            (limit(), limit()).prop_map(|(fall, rise)| HealthLimits { fall, rise }),
            Just(HealthLimits::default())
        ]
    }

    #[test]
    fn the_usual_life_of_a_server() {
        let limits = HealthLimits::default();
        assert!(Health::UNTRIED.is_healthy(), "nothing is known against it");
        assert!(!after(&[UNREACHABLE], limits).is_healthy(), "never seen up: one failure is enough");
        assert!(after(&[REACHED, UNREACHABLE], limits).is_healthy(), "one failure of a server seen up is not");
        assert!(!after(&[REACHED, UNREACHABLE, UNREACHABLE], limits).is_healthy());
        assert!(after(&[REACHED, UNREACHABLE, REACHED, UNREACHABLE], limits).is_healthy(), "only a row counts");
        assert!(!after(&[UNREACHABLE, REACHED], limits).is_healthy());
        assert!(after(&[UNREACHABLE, REACHED, REACHED], limits).is_healthy());
    }

    proptest! {
        #[test]
        fn it_is_never_stuck(past in observations(), limits in limits()) {
            let health = after(&past, limits);
            let up = (0..limits.rise.get()).fold(health, |h, _| h.observe(REACHED, limits));
            prop_assert_eq!(up.standing(), Standing::Healthy);
            let down = (0..limits.fall.get()).fold(health, |h, _| h.observe(UNREACHABLE, limits));
            prop_assert_eq!(down.standing(), Standing::Unhealthy);
        }

        #[test]
        fn a_change_of_standing_takes_a_whole_row(past in observations(), limits in limits()) {
            let mut health = after(&past, limits);
            for seen in [REACHED, UNREACHABLE] {
                let before = health.standing();
                let limit = if seen == REACHED { limits.rise.get() } else { limits.fall.get() };
                let agreed = health.observe(if seen == REACHED { UNREACHABLE } else { REACHED }, limits);
                if before == Standing::Untried || agreed.standing() != before {
                    continue;
                }
                let almost = (0..limit - 1).fold(agreed, |h, _| h.observe(seen, limits));
                prop_assert_eq!(almost.standing(), before);
                health = almost;
            }
        }

        #[test]
        fn confirming_what_is_known_changes_nothing(past in observations(), limits in limits()) {
            let health = after(&past, limits);
            let (same, standing) = match health.standing() {
                Standing::Unhealthy => (UNREACHABLE, Standing::Unhealthy),
                _ => (REACHED, Standing::Healthy),
            };
            let once = health.observe(same, limits);
            prop_assert_eq!(once.standing(), standing);
            prop_assert_eq!(once.observe(same, limits), once);
        }

        #[test]
        fn bits_give_it_back(past in observations(), limits in limits(), any in any::<u32>()) {
            let health = after(&past, limits);
            prop_assert_eq!(Health::from_bits(health.to_bits()), health);
            let _ = Health::from_bits(any).observe(UNREACHABLE, limits); // no number is a trap
        }
    }
}

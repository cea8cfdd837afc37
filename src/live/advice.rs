//! What an edge says of regions that stand out: that they are worth draining, why, and what to type.

use super::edge::Edge;
use crate::config::write_duration;
use crate::model::{RegionName, Timestamp};
use crate::resilience::StandsOut;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A region that is worth draining.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The region.
    pub region: RegionName,
    /// How it stands out.
    pub stands_out: StandsOut,
    /// Since when.
    pub since: Timestamp,
    /// Why the edge does not drain it by itself; missing where it does, or is not to.
    pub not_drained: Option<String>,
}

impl Advice {
    /// The figures as a reason, short enough for a drain.
    #[must_use]
    pub fn reason(&self) -> String {
        let percent = |rate: f64| format!("{:.1} %", rate * 100.0);
        match self.stands_out {
            StandsOut::Fails { own, others } => format!(
                "{} of {} requests fail, and {} of {} elsewhere",
                percent(own.rate()),
                own.requests,
                percent(others.rate()),
                others.requests
            ),
            StandsOut::IsSlow { half, beside, of_others } => {
                let beside_whom = if of_others { "elsewhere" } else { "usually" };
                format!("half of the answers take {} or more, and {} {beside_whom}", time(half), time(beside))
            }
        }
    }

    /// What to type.
    #[must_use]
    pub fn command(&self) -> String {
        format!("homeward drain {} --reason '{}' --for 1h", self.region, self.reason())
    }
}

fn time(duration: Duration) -> String {
    write_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)))
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is worth draining: {}", self.region, self.reason())
    }
}

impl Edge {
    /// The regions that are worth draining.
    #[must_use]
    pub fn advice(&self) -> Arc<Vec<Advice>> {
        self.advice.load_full()
    }

    /// Says which regions are worth draining.
    pub fn set_advice(&self, advice: Vec<Advice>) {
        if **self.advice.load() != advice {
            self.advice.store(Arc::new(advice));
        }
    }
}

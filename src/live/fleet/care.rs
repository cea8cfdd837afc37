//! How the newest table wants a server to be looked after.

use crate::model::{HealthRules, HostPattern, OutlierRules, Pool, ProbePace, Service};
use crate::resilience::HealthLimits;

/// How a server is probed, and when it is ejected. What the newest table says holds, for requests of older ones too.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Care {
    /// How it is probed.
    pub health: HealthRules,
    /// When it is ejected; never where missing.
    pub outliers: Option<OutlierRules>,
}

impl Care {
    /// What a table says of the servers of a service's pool.
    #[must_use]
    pub fn of(service: &Service, pool: &Pool) -> Self {
        let mut health = pool.health.as_ref().unwrap_or(&service.resilience.health).clone();
        health.host = health.host.or_else(|| {
            service.hosts.iter().find_map(|host| match host {
                HostPattern::Exact(name) => Some(name.clone()),
                HostPattern::Below(_) | HostPattern::Any => None,
            })
        });
        Self { health, outliers: service.resilience.outliers }
    }

    /// Whether a connection that a request has made says as much of a server as its probe would.
    pub(super) fn is_satisfied_by_connections(&self) -> bool {
        self.health.http.is_none()
    }
}

impl From<&ProbePace> for HealthLimits {
    fn from(pace: &ProbePace) -> Self {
        Self { fall: pace.fall, rise: pace.rise }
    }
}

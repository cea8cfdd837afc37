//! Floor 2: small machines that keep trouble small. They are handed what happened and, where it matters, the time;
//! they read no clock, do no I/O and know nothing of each other.

mod connection_rate;
mod connections;
mod flood;
mod health;
mod offenders;
mod outlier;
mod patience;
mod probe;
mod rate_limit;
mod regression;

pub use connection_rate::ConnectionRate;
pub use connections::{ConnectionLimits, Connections, OpenConnection, TooManyConnections};
pub use flood::{Flood, FloodGuard};
pub use health::{Health, HealthLimits, Observation, Standing};
pub use offenders::Offenders;
pub use outlier::{
    Ejection, EjectionWhy, IntervalCounts, Member, OutlierTrack, Seen, eject_for_failures, judge, panics,
    worse_than_others,
};
pub use patience::{Pace, Patience};
pub use probe::{ProbeAnswer, ProbeFailure, ProbeResult, Script, StepRequest};
pub use rate_limit::{LimitPace, RateTable, Verdict};
pub use regression::{Comparison, ErrorCount, Regression, RegressionLimits, WINDOW};

//! Floor 2: small machines that keep trouble small. They are handed what happened and, where it matters, the time;
//! they read no clock, do no I/O and know nothing of each other.

mod admission;
mod auto_drain;
mod back_off;
mod breaker;
mod concurrency;
mod connection_age;
mod connection_rate;
mod connections;
mod flood;
mod gate;
mod health;
mod offenders;
mod outlier;
mod patience;
mod presence;
mod probe;
mod rate_limit;
mod regression;
mod retry;
mod retry_budget;
mod spill;
mod standout;

pub use admission::{Admission, Asked, Class, NoPlace, Places};
pub use auto_drain::{AutoDrainLimits, Objection, Situation};
pub use back_off::back_off;
pub use breaker::{AttemptEnd, Breaker, BreakerChange, BreakerState, Pass, TrickleTicket};
pub use concurrency::Concurrency;
pub use connection_age::{is_worn, period};
pub use connection_rate::ConnectionRate;
pub use connections::{ConnectionLimits, Connections, OpenConnection, TooManyConnections};
pub use flood::{Flood, FloodGuard};
pub use gate::{Crossing, Entry, Gate, GateSize, Ticket};
pub use health::{Health, HealthLimits, Observation, Standing};
pub use offenders::Offenders;
pub use outlier::{
    Ejection, EjectionWhy, IntervalCounts, Member, OutlierTrack, Seen, eject_for_failures, judge, panics,
    worse_than_others,
};
pub use patience::{Pace, Patience};
pub use presence::Flapping;
pub use probe::{ProbeAnswer, ProbeFailure, ProbeResult, Script, StepRequest};
pub use rate_limit::{LimitPace, RateTable, Verdict};
pub use regression::{Comparison, ErrorCount, Regression, RegressionLimits, WINDOW};
pub use retry::{Mishap, NoRetry, RetryVerdict, Tried, retry};
pub use retry_budget::{BudgetedRequest, BudgetedRetry, RetryBudget};
pub use spill::{PARTS, part_of, share_after};
pub use standout::{RegionSecond, Standouts, StandsOut};

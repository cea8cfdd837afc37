//! The clock. Everything below this floor is handed the time; everything above asks here.

use crate::model::Timestamp;
use rustix::time::ClockId;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The time of day. It may jump when the machine's clock is set.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The time for measuring how long something takes. It never goes back.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// The whole seconds of [`elapsed`], by the clock that never goes back: for counting by the second.
#[must_use]
pub fn second() -> u64 {
    elapsed().as_secs()
}

/// The time by the clock that never goes back, as of the system's last tick: up to 10 ms ago, which costs a fifth of what the
/// very moment costs. It began at six minutes when it was first asked, so that there is a past for what another process has
/// counted before.
#[must_use]
pub fn elapsed() -> Duration {
    static BEGINNING: LazyLock<Duration> = LazyLock::new(last_tick);
    PAST + last_tick().saturating_sub(*BEGINNING)
}

/// The time of [`monotonic`], as of the system's last tick: up to 10 ms ago. For whatever need not be known better.
#[must_use]
pub fn tick() -> Instant {
    static BEGINNING: LazyLock<(Instant, Duration)> = LazyLock::new(|| (monotonic(), last_tick()));
    let (instant, tick) = *BEGINNING;
    instant + last_tick().saturating_sub(tick)
}

/// The whole seconds of [`now`] since 1970, as of the system's last tick; 0 before that.
#[must_use]
pub fn unix_second() -> u64 {
    at_last_tick(ClockId::RealtimeCoarse).as_secs()
}

fn last_tick() -> Duration {
    at_last_tick(ClockId::MonotonicCoarse)
}

fn at_last_tick(clock: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    // There are never a thousand million nanoseconds.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

const PAST: Duration = Duration::from_mins(6);

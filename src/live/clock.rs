//! The clock. Everything below this floor is handed the time; everything above asks here.

use crate::model::Timestamp;
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

/// The time by the clock that never goes back. It began at six minutes when it was first asked, so that there is a past for
/// what another process has counted before.
#[must_use]
pub fn elapsed() -> Duration {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(monotonic);
    PAST + monotonic().duration_since(*BEGINNING)
}

const PAST: Duration = Duration::from_mins(6);

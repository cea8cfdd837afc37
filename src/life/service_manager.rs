//! What systemd is told of the process. Nothing is, where nobody has asked for it (`NOTIFY_SOCKET`).

use crate::live::clock;
use crate::telemetry::Occasionally;
use sd_notify::NotifyState;
use std::time::Duration;

/// The edge serves.
pub fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// The files are read anew. [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!("systemd is not told of the reload, as there is no clock: {error}"),
    }
}

/// The edge stops.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: finishing what is in flight")]);
}

/// The edge is this process from now on, and no longer the one that says so.
pub fn handed_over_to(process: u32) {
    tell(&[NotifyState::MainPid(process)]);
}

/// All is well.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Within which time it has to be told so, where it wants to be.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    static WARNED: Occasionally = Occasionally::once_a_second();
    if let Err(error) = sd_notify::notify(states)
        && WARNED.at(clock::now()).is_some()
    {
        tracing::warn!("the service manager cannot be told how the edge is (NOTIFY_SOCKET): {error}");
    }
}

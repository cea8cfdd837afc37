//! What is left of the regions that are drained.

use crate::admin::Status;
use crate::admin::status::{DrainStatus, RemainderStatus};
use crate::cli::style::{Style, plain};
use crate::model::Timestamp;

/// A line for each drain that is in force.
pub(super) fn lines(status: &Status, style: Style) -> String {
    let drains = status.drains.iter().filter_map(|drain| Some((drain, drain.remainder.as_ref()?)));
    let line = |(drain, remainder): (&DrainStatus, &RemainderStatus)| {
        let text = line(&plain(&drain.region), remainder, status.now);
        format!("  {}\n", if remainder.empty_since.is_some() { style.good(&text) } else { text })
    };
    drains.map(line).collect()
}

/// What `region` still gets, or since when that is nothing.
pub(in crate::cli) fn line(region: &str, remainder: &RemainderStatus, now: Timestamp) -> String {
    match remainder.empty_since {
        Some(since) => format!("{region} is empty since {}", time_of_day(since, now)),
        None => format!(
            "{region} still gets {:.1} new visitors/s, {:.1} sessions/s; {} open stream{}",
            remainder.visitors_per_second,
            remainder.sessions_per_second,
            remainder.open_streams,
            if remainder.open_streams == 1 { "" } else { "s" }
        ),
    }
}

/// The time of day in UTC, with the day where it is not that of `now`.
pub(in crate::cli) fn time_of_day(time: Timestamp, now: Timestamp) -> String {
    let is_today = time.strftime("%F").to_string() == now.strftime("%F").to_string();
    time.strftime(if is_today { "%H:%M:%S" } else { "%F %H:%M:%S" }).to_string()
}

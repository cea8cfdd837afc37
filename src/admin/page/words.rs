//! Figures as people read them.

use crate::model::Timestamp;
use maud::{Markup, html};

/// A rate: with one digit behind the point, or none where it is large.
pub(super) fn rate(per_second: f64) -> String {
    if per_second >= 99.95 { format!("{per_second:.0}") } else { format!("{per_second:.1}") }
}

/// A part of all.
pub(super) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent == 0.0 || percent >= 9.95 { format!("{percent:.0}%") } else { format!("{percent:.1}%") }
}

/// How long an answer took.
pub(super) fn latency(seconds: f64) -> String {
    let millis = seconds * 1e3;
    match millis {
        0.0..1.0 => "<1 ms".to_owned(),
        1.0..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{seconds:.1} s"),
    }
}

/// Seconds in the two largest units that say something.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// From one moment to a later one; nothing where it is not later.
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    span(u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0))
}

/// A moment: the time of day, and the day where it is not that of `now`.
pub(super) fn moment(time: Timestamp, now: Timestamp) -> Markup {
    let is_today = time.strftime("%F").to_string() == now.strftime("%F").to_string();
    let shown = time.strftime(if is_today { "%H:%M:%S" } else { "%F %H:%M" });
    html! { time datetime=(time) { (shown) " UTC" } }
}

/// A noun with its number.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0.0, 0.04, 12.34, 99.96, 1234.5].map(rate), ["0.0", "0.0", "12.3", "100", "1234"]);
        assert_eq!([0.0, 0.004, 0.123, 1.0].map(percent), ["0%", "0.4%", "12%", "100%"]);
        assert_eq!([0.0002, 0.0123, 0.9994, 2.04].map(latency), ["<1 ms", "12 ms", "999 ms", "2.0 s"]);
        assert_eq!([59, 61, 7500, 90_000].map(span), ["59s", "1m 1s", "2h 5m", "1d 1h"]);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-22T05:05:00Z");
        assert_eq!(
            moment(at("2026-11-22T04:41:12Z"), now).into_string(),
            "<time datetime=\"2026-11-22T04:41:12Z\">04:41:12 UTC</time>"
        );
        assert!(moment(at("2026-11-21T04:41:12Z"), now).into_string().contains("2026-11-21 04:41 UTC"));
        assert_eq!(
            (between(now, at("2026-11-22T05:05:09Z")), between(now, at("2026-11-22T05:00:00Z"))),
            ("9s".into(), "0s".into())
        );
    }
}

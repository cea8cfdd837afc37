//! Drains as they are written in a file.

use super::quantity::write_duration;
use crate::model::{Drain, DrainedStreams, RegionName};
use std::fmt::{self, Display, Write};

/// The text of a file that holds these drains, which [`super::read_drains`] reads as the same ones. What an edge finds out by
/// itself, as that a drain is held, is not written.
#[must_use]
pub fn write_drains(drains: &[Drain<RegionName>]) -> String {
    let mut text = String::from(HEAD);
    if drains.is_empty() {
        text.push_str("drains: []\n");
    } else {
        text.push_str("drains:\n");
        for drain in drains {
            // Writing to a String cannot fail.
            let _ = write_drain(drain, &mut text);
        }
    }
    text
}

const HEAD: &str = "\
# The drains that operators have put on this edge: 'homeward drain' and 'homeward undrain' write this file.
# An edge reads it when it starts, and then goes by what it is told.
version: 1
";

fn write_drain(drain: &Drain<RegionName>, text: &mut String) -> fmt::Result {
    writeln!(text, "  - region: {}", drain.region)?;
    let mut line = |key: &str, value: &dyn Display| writeln!(text, "    {key}: {value}");
    line("sessions", &drain.sessions.as_str())?;
    if let DrainedStreams::CloseAfter(after) = drain.streams {
        line("streams", &format_args!("{{close_after: {}}}", write_duration(after)))?;
    }
    line("share", &drain.share)?;
    for (key, duration) in [("ramp", drain.ramp), ("return", drain.comeback)] {
        if !duration.is_zero() {
            line(key, &write_duration(duration))?;
        }
    }
    for (key, time) in [("since", drain.since), ("until", drain.until)] {
        if let Some(time) = time {
            line(key, &time)?;
        }
    }
    for (key, note) in [("by", &drain.by), ("reason", &drain.reason)] {
        if let Some(note) = note {
            // A string of JSON is one of YAML.
            line(key, &serde_json::Value::from(&**note))?;
        }
    }
    if drain.practice {
        line("practice", &true)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

    use super::*;
    use crate::config::{Source, read_drains};
    use crate::model::{DrainLayer, DrainedSessions, Share, Timestamp};
    use proptest::option::of;
    use proptest::prelude::*;
    use std::time::Duration;

    fn note() -> impl Strategy<Value = Option<Box<str>>> {
        of("[ -~äß→🦀\"'#:{}-]{1,40}".prop_map(|text| text.trim().into()))
            .prop_map(|note: Option<Box<str>>| note.filter(|note| !note.is_empty()))
    }

    fn lease() -> impl Strategy<Value = Drain<RegionName>> {
        let seconds = || 0..1_000_000_u64;
        let flags = (any::<bool>(), any::<bool>(), of(seconds()));
        (0..=100_u32, seconds(), seconds(), seconds(), seconds(), note(), note(), flags).prop_map(
            |(percent, ramp, comeback, since, length, by, reason, (practice, moves, close))| {
                let since = Timestamp::from_second(1_800_000_000 + since as i64).unwrap();
                Drain {
                    sessions: if moves { DrainedSessions::Move } else { DrainedSessions::Keep },
                    streams: close.map_or(DrainedStreams::Keep, |s| DrainedStreams::CloseAfter(Duration::from_secs(s))),
                    share: Share::from_ratio(f64::from(percent) / 100.0).unwrap(),
                    ramp: Duration::from_secs(ramp),
                    comeback: Duration::from_secs(comeback),
                    since: Some(since),
                    until: Some(since + Duration::from_secs(1 + length)),
                    by,
                    reason,
                    practice,
                    layer: DrainLayer::Operator,
                    ..Drain::of("us-west".parse().unwrap())
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(drains in proptest::collection::vec(lease(), 0..4)) {
            let text = write_drains(&drains);
            match read_drains(&Source::new("drains.yaml", text.clone())) {
                Ok(read) => prop_assert_eq!(read, drains, "{}", text),
                Err(problems) => prop_assert!(false, "{}", problems.render(false)),
            }
        }
    }
}

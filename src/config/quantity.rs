//! Durations and sizes as they are written in files and on the command line.

use std::time::Duration;

/// Why a text is not a duration or a size. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadQuantity(&'static str);

/// The longest duration that a file or a command may name: 30 days.
pub const LONGEST: Duration = Duration::from_hours(30 * 24);

/// Reads a duration: a whole number and one unit of `ms`, `s`, `m` and `h`, e.g. `250ms` or `4h`.
///
/// # Errors
/// Where the text is none, or is longer than 30 days.
pub fn duration(text: &str) -> Result<Duration, BadQuantity> {
    let (number, unit) = split(text);
    let number =
        number.ok_or(BadQuantity("a duration is a whole number and a unit (ms, s, m or h), e.g. 250ms or 4h"))?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(BadQuantity("a duration needs its unit: ms, s, m or h, e.g. 10s")),
        "d" | "w" => return Err(BadQuantity("days are written in hours, e.g. 48h")),
        _ => return Err(BadQuantity("a duration has one unit: ms, s, m or h, e.g. 90s instead of 1m30s")),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or(BadQuantity("a duration is at most 30 days (720h)"))
}

/// The longest age that a file may name: ten years.
const OLDEST: Duration = Duration::from_hours(3650 * 24);

/// Reads an age: a whole number and one unit of `s`, `m`, `h` and `d`, e.g. `365d`. What lasts so long is said in days.
///
/// # Errors
/// Where the text is none, or is longer than ten years.
pub(super) fn age(text: &str) -> Result<Duration, BadQuantity> {
    let (number, unit) = split(text);
    let number = number.ok_or(BadQuantity("an age is a whole number and a unit (s, m, h or d), e.g. 365d"))?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "" => return Err(BadQuantity("an age needs its unit: s, m, h or d, e.g. 365d")),
        _ => return Err(BadQuantity("an age has one of the units s, m, h and d, e.g. 365d")),
    };
    let age = number.checked_mul(seconds).map(Duration::from_secs);
    age.filter(|age| *age <= OLDEST).ok_or(BadQuantity("an age is at most ten years (3650d)"))
}

/// Reads a size in bytes: a whole number and one unit of `B`, `KiB`, `MiB` and `GiB`, e.g. `64KiB`.
///
/// # Errors
/// Where the text is none, or is larger than 2^63 bytes.
pub fn size(text: &str) -> Result<u64, BadQuantity> {
    let (number, unit) = split(text);
    let number = number.ok_or(BadQuantity("a size is a whole number and a unit (B, KiB, MiB or GiB), e.g. 64KiB"))?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "" => return Err(BadQuantity("a size needs its unit: B, KiB, MiB or GiB, e.g. 64KiB")),
        _ => {
            return Err(BadQuantity("a size has one of the units B, KiB, MiB and GiB, written exactly so, e.g. 64KiB"));
        }
    };
    number.checked_mul(1 << shift).filter(|size| *size <= 1 << 63).ok_or(BadQuantity("a size is at most 2^63 bytes"))
}

/// The digits at the beginning as a number, and the rest.
fn split(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    // A number of more digits than u64 has is one that is too large, not one that is missing.
    let number = if digits == 0 { None } else { Some(number.parse().unwrap_or(u64::MAX)) };
    (number, unit)
}

/// `duration` in the largest unit that says it exactly, as [`duration`] reads it. What is below a millisecond is cut.
#[must_use]
pub fn write_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0 => "0s".into(),
        n if n % 3_600_000 == 0 => format!("{}h", n / 3_600_000),
        n if n % 60_000 == 0 => format!("{}m", n / 60_000),
        n if n % 1_000 == 0 => format!("{}s", n / 1_000),
        n => format!("{n}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("4h"), Ok(Duration::from_hours(4)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("720h"), Ok(LONGEST));
        for bad in [
            "",
            "s",
            "10",
            "10 s",
            " 10s",
            "-1s",
            "+1s",
            "1.5h",
            "1m30s",
            "10S",
            "10sec",
            "1d",
            "721h",
            "١s",
            "99999999999999999999999h",
            "18446744073709551615ms",
            "٣s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ages() {
        assert_eq!(age("365d"), Ok(Duration::from_hours(365 * 24)));
        assert_eq!(age("0s"), Ok(Duration::ZERO));
        assert_eq!(age("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(age("3650d"), Ok(OLDEST));
        for bad in ["", "d", "365", "365 d", "-1d", "1y", "250ms", "3651d", "99999999999999999999d"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10MiB"), Ok(10 << 20));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("0B"), Ok(0));
        for bad in ["", "B", "64", "64K", "64KB", "64kib", "64 KiB", "-1B", "1.5MiB", "18446744073709551615GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for milliseconds in [0, 1, 250, 999, 1_000, 59_000, 60_000, 90_000, 3_600_000, 5_400_000, 14_400_000] {
            let original = Duration::from_millis(milliseconds);
            assert_eq!(duration(&write_duration(original)), Ok(original));
        }
    }
}

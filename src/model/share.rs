//! Shares of visitors and rates of requests.

use std::fmt;
use std::str::FromStr;

/// Why a text or a number is not a share or a rate. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadShare(&'static str);

/// A part of the visitors, from none (0 %) to all (100 %). Never outside of that, never not-a-number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Nobody.
    pub const NONE: Self = Self(0.0);
    /// Everybody.
    pub const ALL: Self = Self(1.0);
    /// Every second one.
    pub const HALF: Self = Self(0.5);
    /// Four of five.
    pub const FOUR_FIFTHS: Self = Self(0.8);

    /// The share that is `ratio` of all, e.g. 0.3 for 30 %.
    ///
    /// # Errors
    /// Where `ratio` is not between 0 and 1.
    pub fn from_ratio(ratio: f64) -> Result<Self, BadShare> {
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err(BadShare("a share lies between 0% and 100%")) }
    }

    /// The share as a ratio between 0 and 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.0
    }

    /// The share on the straight way from `self` to `goal`; `progress` is cut to between 0 (`self`) and 1 (`goal`).
    #[must_use]
    pub fn toward(self, goal: Self, progress: f64) -> Self {
        if progress >= 1.0 {
            goal // exactly: the sum below may miss it by a rounding error
        } else if progress > 0.0 {
            Self((self.0 + (goal.0 - self.0) * progress).clamp(0.0, 1.0))
        } else {
            self
        }
    }

    /// The share, or `ratio` where that is more; cut to everybody.
    #[must_use]
    pub fn max(self, ratio: f64) -> Self {
        Self(self.0.max(ratio).min(1.0))
    }

    /// The smaller of two shares.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl FromStr for Share {
    type Err = BadShare;
    /// Reads `30%` or `12.5%`.
    fn from_str(text: &str) -> Result<Self, BadShare> {
        let number = text.strip_suffix('%').ok_or(BadShare("a share is written with a percent sign, e.g. 30%"))?;
        if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(BadShare("a share lies between 0% and 100%, e.g. 30%"));
        }
        let percent: f64 = number.parse().map_err(|_| BadShare("a share is a number and a percent sign, e.g. 30%"))?;
        Self::from_ratio(percent / 100.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.0 * 10_000.0).round() / 100.0;
        write!(f, "{percent}%")
    }
}

/// Requests per second; more than none, finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// One request per second.
    pub const ONE: Self = Self(1.0);

    /// The rate of `per_second` requests per second.
    ///
    /// # Errors
    /// Where it is not a number above zero.
    pub fn new(per_second: f64) -> Result<Self, BadShare> {
        if per_second > 0.0 && per_second.is_finite() {
            Ok(Self(per_second))
        } else {
            Err(BadShare("a rate is above 0/s"))
        }
    }

    /// Requests per second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = BadShare;
    /// Reads `1200/s` or `0.5/s`.
    fn from_str(text: &str) -> Result<Self, BadShare> {
        let number = text.strip_suffix("/s").ok_or(BadShare("a rate is written per second, e.g. 1200/s"))?;
        if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(BadShare("a rate is a number and '/s', e.g. 1200/s"));
        }
        number.parse().map_err(|_| BadShare("a rate is a number and '/s', e.g. 1200/s")).and_then(Self::new)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

macro_rules! serialize_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
serialize_as_text!(Share);
serialize_as_text!(Rate);

//! When a region is away for a service, and for how long it must be well before it is back.

use super::share::Share;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

/// Why a text does not say how many servers. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fewest servers are a count from 1 to 65535 or a share above 0%, e.g. 2 or 30%")]
pub struct BadFewest;

/// The fewest healthy servers of a pool, as a count or as a part of those that it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fewest {
    /// So many.
    Servers(NonZeroU16),
    /// This part of them, rounded up; above zero.
    Share(Share),
}

impl Fewest {
    /// One server.
    pub const ONE: Self = Self::Servers(NonZeroU16::MIN);

    /// How many that are in a pool of `servers`: at least 1, and never more than there are.
    #[must_use]
    pub fn of(self, servers: usize) -> usize {
        let wanted = match self {
            Self::Servers(count) => usize::from(count.get()),
            // A hair less, so that 30 % of 10 are 3 whatever the last bit of the product says.
            Self::Share(share) => (share.ratio() * servers as f64 - 1e-9).ceil() as usize,
        };
        wanted.min(servers).max(1)
    }
}

impl FromStr for Fewest {
    type Err = BadFewest;
    /// Reads `2` or `30%`.
    fn from_str(text: &str) -> Result<Self, BadFewest> {
        if text.ends_with('%') {
            let share = text.parse::<Share>().map_err(|_| BadFewest)?;
            return if share == Share::NONE { Err(BadFewest) } else { Ok(Self::Share(share)) };
        }
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Self::Servers).ok_or(BadFewest)
    }
}

impl fmt::Display for Fewest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{share}"),
        }
    }
}

/// When the pools of a service are away, and when they are back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailoverRules {
    /// With fewer healthy servers a pool is away.
    pub away_below: Fewest,
    /// It is back with so many; as many as `away_below` says where missing. Never fewer than that.
    pub back_above: Option<Fewest>,
    /// For how long it must have that many without a break before it is back, once it has fallen a second time. It doubles
    /// with each further fall; a first fall is not held against it.
    pub hold: Duration,
    /// The longest that this becomes, at least `hold`. For each such time without a fall one is forgotten.
    pub longest_hold: Duration,
}

impl Default for FailoverRules {
    /// Away without a healthy server, back with the first; held for 1 s to 1 min where it flaps.
    fn default() -> Self {
        Self {
            away_below: Fewest::ONE,
            back_above: None,
            hold: Duration::from_secs(2),
            longest_hold: Duration::from_mins(1),
        }
    }
}

/// How a pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It serves.
    #[default]
    Present,
    /// None of its servers is healthy.
    NoneHealthy,
    /// Some are, but fewer than the table wants.
    TooFew,
    /// Enough are, and not for long enough yet: it has fallen several times.
    Flapping,
}

impl Presence {
    /// Whether it could serve somebody whom no other pool can: a healthy server is there.
    #[must_use]
    pub fn is_able(self) -> bool {
        self != Self::NoneHealthy
    }

    /// As a number, for an atomic.
    #[must_use]
    pub fn to_bits(self) -> u8 {
        match self {
            Self::Present => 0,
            Self::NoneHealthy => 1,
            Self::TooFew => 2,
            Self::Flapping => 3,
        }
    }

    /// What [`Presence::to_bits`] made this number of; present for any other.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::NoneHealthy,
            2 => Self::TooFew,
            3 => Self::Flapping,
            _ => Self::Present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_are_a_count_or_a_share() {
        for (text, of_one, of_ten) in
            [("1", 1, 1), ("3", 1, 3), ("30%", 1, 3), ("31%", 1, 4), ("100%", 1, 10), ("0.1%", 1, 1)]
        {
            let fewest: Fewest = text.parse().unwrap();
            assert_eq!((fewest.of(1), fewest.of(10), fewest.to_string()), (of_one, of_ten, text.to_owned()), "{text}");
        }
        assert_eq!(Fewest::ONE.of(0), 1, "an empty pool has too few whatever is wanted");
        for text in ["0", "0%", "-1", "+1", "", "%", "101%", "65536", "two", "1.5"] {
            assert_eq!(text.parse::<Fewest>(), Err(BadFewest), "{text}");
        }
    }
}

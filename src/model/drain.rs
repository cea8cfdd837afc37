//! A drain: an operator's decision that a region should get less, with an owner, a reason and an end.

use super::{RegionId, Share, Timestamp};
use std::time::Duration;

/// Where the sessions of a drained region are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DrainedSessions {
    /// They still go home; only new visitors go elsewhere.
    #[default]
    Keep,
    /// They go to the substitute too, as far as the share leaves their visitors out.
    Move,
}

impl DrainedSessions {
    /// The word in files and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Move => "move",
        }
    }
}

/// One drain of one region.
///
/// It is in force from `since` to `until`; where one of them is missing it has no beginning or no end.
#[derive(Debug, Clone, PartialEq)]
pub struct Drain {
    /// The region that should get less.
    pub region: RegionId,
    /// What becomes of the region's sessions.
    pub sessions: DrainedSessions,
    /// The part of the visitors that the region still gets once the ramp is over.
    pub share: Share,
    /// How long the share takes from 100 % to `share`, from `since` on. Zero is at once.
    pub ramp: Duration,
    /// When it begins.
    pub since: Option<Timestamp>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Who drains.
    pub by: Option<Box<str>>,
    /// Why.
    pub reason: Option<Box<str>>,
}

impl Drain {
    /// The share that this drain leaves the region at `now`: 100 % before it begins and after it has ended.
    ///
    /// It is a function of the drain and the clock alone, so that every edge computes the same.
    #[must_use]
    pub fn share_at(&self, now: Timestamp) -> Share {
        if !self.in_force_at(now) {
            return Share::ALL;
        }
        match self.since {
            Some(since) if !self.ramp.is_zero() => {
                let elapsed = now.duration_since(since).as_secs_f64();
                Share::ALL.toward(self.share, elapsed / self.ramp.as_secs_f64())
            }
            _ => self.share,
        }
    }

    /// Whether it has begun and has not ended at `now`.
    #[must_use]
    pub fn in_force_at(&self, now: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= now) && self.until.is_none_or(|until| now < until)
    }
}

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

/// What becomes of the streams that are open to a region when it is drained: WebSockets, server-sent events, long downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DrainedStreams {
    /// They stay until one of their ends closes them.
    #[default]
    Keep,
    /// Those that are still open this long after the drain began are closed.
    CloseAfter(Duration),
}

/// Who says that a region is drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DrainLayer {
    /// The routing table.
    #[default]
    Table,
    /// An operator, on the command line or on the status page. No push of the table ends it.
    Operator,
}

impl DrainLayer {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Operator => "operator",
        }
    }
}

/// One drain of one region: of a table's, by its id there; on its own, by its name.
///
/// It is in force from `since` to `until`; where one of them is missing it has no beginning or no end.
#[derive(Debug, Clone, PartialEq)]
pub struct Drain<R = RegionId> {
    /// The region that should get less.
    pub region: R,
    /// What becomes of the region's sessions.
    pub sessions: DrainedSessions,
    /// What becomes of the streams that are open to it.
    pub streams: DrainedStreams,
    /// The part of the visitors that the region still gets once the ramp is over.
    pub share: Share,
    /// How long the share takes from 100 % to `share`, from `since` on. Zero is at once.
    pub ramp: Duration,
    /// How long before `until` the share begins to rise to 100 %. Zero is not before `until`. Without an end it says nothing.
    pub comeback: Duration,
    /// When it begins.
    pub since: Option<Timestamp>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Who drains.
    pub by: Option<Box<str>>,
    /// Why.
    pub reason: Option<Box<str>>,
    /// Whether it is a drill: practice for the day when it is needed.
    pub practice: bool,
    /// Who says so.
    pub layer: DrainLayer,
    /// Whether it is kept in force beyond its end, as the region has no healthy server to come back to.
    pub held: bool,
}

impl<R> Drain<R> {
    /// A drain of `region` to nothing, in force without a beginning and an end.
    #[must_use]
    pub fn of(region: R) -> Self {
        Self {
            region,
            sessions: DrainedSessions::default(),
            streams: DrainedStreams::default(),
            share: Share::NONE,
            ramp: Duration::ZERO,
            comeback: Duration::ZERO,
            since: None,
            until: None,
            by: None,
            reason: None,
            practice: false,
            layer: DrainLayer::default(),
            held: false,
        }
    }

    /// The same drain of a region that is named otherwise.
    #[must_use]
    pub fn with_region<S>(self, region: S) -> Drain<S> {
        let Self { sessions, streams, share, ramp, comeback, since, until, by, reason, practice, layer, held, .. } =
            self;
        Drain { region, sessions, streams, share, ramp, comeback, since, until, by, reason, practice, layer, held }
    }

    /// The share that this drain leaves the region at `now`: 100 % before it begins and after it has ended.
    ///
    /// It is a function of the drain and the clock alone, so that every edge computes the same.
    #[must_use]
    pub fn share_at(&self, now: Timestamp) -> Share {
        if !self.in_force_at(now) {
            return Share::ALL;
        }
        let share = match self.since {
            Some(since) if !self.ramp.is_zero() => {
                Share::ALL.toward(self.share, seconds_between(since, now) / self.ramp.as_secs_f64())
            }
            _ => self.share,
        };
        match self.until {
            // Nobody comes back to a region that has no healthy server.
            Some(until) if !self.held && !self.comeback.is_zero() => {
                share.toward(Share::ALL, 1.0 - seconds_between(now, until) / self.comeback.as_secs_f64())
            }
            _ => share,
        }
    }

    /// Whether it has begun and has not ended at `now`.
    #[must_use]
    pub fn in_force_at(&self, now: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= now) && !self.is_over_at(now)
    }

    /// Whether it has ended at `now`: its time is up, and nothing holds it.
    #[must_use]
    pub fn is_over_at(&self, now: Timestamp) -> bool {
        !self.held && self.until.is_some_and(|until| until <= now)
    }

    /// From when on it leaves the region the least: when its ramp is over.
    #[must_use]
    pub fn settles_at(&self) -> Option<Timestamp> {
        let ramp = jiff::SignedDuration::try_from(self.ramp).ok()?;
        self.since?.checked_add(ramp).ok()
    }

    /// From when on streams that are open to the region are closed; `None` where they are kept.
    #[must_use]
    pub fn closes_streams_at(&self) -> Option<Timestamp> {
        let DrainedStreams::CloseAfter(after) = self.streams else { return None };
        let Some(since) = self.since else { return Some(Timestamp::MIN) };
        since.checked_add(jiff::SignedDuration::try_from(after).ok()?).ok()
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

//! What operators may ask for, and what is wrong with it.

use super::Refusal;
use super::warning::Warning;
use crate::admin::status::DrainStatus;
use crate::config::duration;
use crate::model::{Drain, DrainLayer, DrainedSessions, DrainedStreams, RegionId, Share, Timestamp};
use crate::routing::preview::Preview;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest note, in bytes: it goes into logs, metrics and pages.
const LONGEST_NOTE: usize = 500;

/// What `POST /api/v1/drains` takes. What is missing is as in the table's `drains`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainOrder {
    /// The region that should get less.
    pub region: String,
    /// Why.
    pub reason: String,
    /// Who says so; where missing, whoever the edge takes the order from.
    pub by: Option<String>,
    /// How long it lasts from now on, e.g. `4h`; either this or `until`.
    #[serde(rename = "for")]
    pub length: Option<String>,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// What becomes of its sessions: `keep` or `move`.
    pub sessions: Option<String>,
    /// The part of the visitors that it still gets, e.g. `10%`.
    pub share: Option<String>,
    /// How long it takes to get there, e.g. `10m`.
    pub ramp: Option<String>,
    /// How long before the end people begin to come back, e.g. `10m`.
    #[serde(rename = "return")]
    pub comeback: Option<String>,
    /// What becomes of open streams: `keep`, or after how long they are closed, e.g. `10m`.
    pub streams: Option<String>,
    /// Whether it is a drill.
    pub practice: bool,
    /// Whether it is only said what would become of it.
    pub dry_run: bool,
    /// Whether it is put on though the region is the last healthy one, or another would be over its capacity.
    pub force: bool,
    /// Whether it is put on beside another drain.
    pub also: bool,
    /// Whether it is put in place of the drain that an operator has put on this region.
    pub replace: bool,
}

/// What `POST /api/v1/undrain` takes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UndrainOrder {
    /// The region that should get everything again.
    pub region: String,
    /// Who says so.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// How long it takes until the region gets everything again, e.g. `10m`; where missing, it does at once.
    pub ramp: Option<String>,
    /// Whether it is only said what would become of it.
    pub dry_run: bool,
    /// Whether it ends though the region has no healthy server.
    pub force: bool,
}

/// What an order has come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrainAnswer {
    /// Whether it is live.
    pub applied: bool,
    /// The drain as it is, or would be; missing where it is, or would be, over at once.
    pub drain: Option<DrainStatus>,
    /// What speaks against it: that was overridden or, in a dry run, would have to be.
    pub warnings: Vec<Warning>,
    /// What it does, or would do, to the requests of the last minute, once its ramp is over; missing where a drain ends.
    #[serde(default)]
    pub preview: Option<Preview>,
    /// How long it took from the order until it was on disk and live, in milliseconds; missing in a dry run.
    pub live_after_ms: Option<f64>,
}

impl DrainOrder {
    /// The drain of `region` that is asked for, from `now` on, to the second.
    pub(super) fn drain(&self, region: RegionId, asks: &str, now: Timestamp) -> Result<Drain, Refusal> {
        let now = whole_second(now);
        let until = match (self.length.as_deref(), self.until) {
            (Some(length), None) => {
                let length = span("for", length)?;
                let end = now.checked_add(length).ok().filter(|_| !length.is_zero());
                end.ok_or_else(|| senseless("for", "how long it lasts, e.g. 4h"))?
            }
            (None, Some(until)) => until,
            _ => {
                return Err(senseless(
                    "for",
                    "how long it lasts, e.g. 4h; or until, the time of its end, in its place",
                ));
            }
        };
        let share = self.share.as_deref().map_or(Ok(Share::NONE), str::parse);
        let span_of = |name, text: &Option<String>| text.as_deref().map_or(Ok(Duration::ZERO), |text| span(name, text));
        Ok(Drain {
            sessions: match self.sessions.as_deref() {
                None | Some("keep") => DrainedSessions::Keep,
                Some("move") => DrainedSessions::Move,
                Some(_) => return Err(senseless("sessions", "keep or move")),
            },
            streams: match self.streams.as_deref() {
                None | Some("keep") => DrainedStreams::Keep,
                Some(after) => DrainedStreams::CloseAfter(span("streams", after)?),
            },
            share: share.map_err(|bad| Refusal::Senseless(format!("share: {bad}")))?,
            ramp: span_of("ramp", &self.ramp)?,
            comeback: span_of("return", &self.comeback)?,
            since: Some(now),
            until: Some(until),
            by: Some(note("by", self.by.as_deref().unwrap_or(asks))?),
            reason: Some(note("reason", &self.reason)?),
            practice: self.practice,
            layer: DrainLayer::Operator,
            ..Drain::of(region)
        })
    }
}

impl UndrainOrder {
    /// How long it takes; zero is at once.
    pub(super) fn ramp(&self) -> Result<Duration, Refusal> {
        self.ramp.as_deref().map_or(Ok(Duration::ZERO), |ramp| span("ramp", ramp))
    }
}

/// The second in which `now` lies: nobody drains by the nanosecond, and people read it.
pub(super) fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// A duration out of a field.
fn span(field: &str, text: &str) -> Result<Duration, Refusal> {
    duration(text).map_err(|bad| Refusal::Senseless(format!("{field}: {bad}")))
}

/// A line of text for people out of a field.
pub(super) fn note(field: &str, text: &str) -> Result<Box<str>, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(senseless(field, "a few words, so that whoever reads them at night knows"));
    }
    if text.len() > LONGEST_NOTE || text.chars().any(char::is_control) {
        return Err(senseless(field, "one line of at most 500 bytes"));
    }
    Ok(text.into())
}

fn senseless(field: &str, wanted: &str) -> Refusal {
    Refusal::Senseless(format!("{field}: say {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> DrainOrder {
        DrainOrder { reason: "power loss".into(), length: Some("4h".into()), ..DrainOrder::default() }
    }

    fn drain(order: &DrainOrder) -> Result<Drain, String> {
        let now = "2026-11-22T04:30:00Z".parse().unwrap();
        order.drain(RegionId::at(0).unwrap(), "somebody", now).map_err(|refusal| match refusal {
            Refusal::Senseless(detail) => detail,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn an_order_becomes_a_drain() {
        let made = drain(&order()).unwrap();
        assert_eq!(made.until, "2026-11-22T08:30:00Z".parse().ok());
        assert_eq!(
            (made.by.as_deref(), made.sessions, made.share),
            (Some("somebody"), DrainedSessions::Keep, Share::NONE)
        );
        let full = DrainOrder {
            by: Some(" oncall ".into()),
            length: None,
            until: "2026-11-22T05:00:00Z".parse().ok(),
            sessions: Some("move".into()),
            share: Some("12.5%".into()),
            ramp: Some("5m".into()),
            comeback: Some("10m".into()),
            streams: Some("15m".into()),
            ..order()
        };
        let made = drain(&full).unwrap();
        assert_eq!((made.by.as_deref(), made.sessions), (Some("oncall"), DrainedSessions::Move));
        assert_eq!((made.ramp, made.comeback), (Duration::from_mins(5), Duration::from_mins(10)));
        assert_eq!(made.streams, DrainedStreams::CloseAfter(Duration::from_mins(15)));
    }

    #[test]
    fn what_makes_no_sense_names_its_field() {
        let some = |text: &str| Some(text.to_owned());
        for (field, bad) in [
            ("reason", DrainOrder { reason: "  ".into(), ..order() }),
            ("reason", DrainOrder { reason: "a\nb".into(), ..order() }),
            ("by", DrainOrder { by: some(&"x".repeat(501)), ..order() }),
            ("for", DrainOrder { length: None, ..order() }),
            ("for", DrainOrder { length: some("0s"), ..order() }),
            ("for", DrainOrder { length: some("4 hours"), ..order() }),
            ("for", DrainOrder { until: Some(Timestamp::UNIX_EPOCH), ..order() }),
            ("sessions", DrainOrder { sessions: some("drop"), ..order() }),
            ("share", DrainOrder { share: some("10"), ..order() }),
            ("ramp", DrainOrder { ramp: some("soon"), ..order() }),
            ("return", DrainOrder { comeback: some("10"), ..order() }),
            ("streams", DrainOrder { streams: some("close"), ..order() }),
        ] {
            let detail = drain(&bad).unwrap_err();
            assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
        }
    }
}

//! `drains:`

use super::RegionNames;
use crate::config::problem::Findings;
use crate::config::quantity;
use crate::config::yaml::{Node, Span};
use crate::model::{Drain, DrainedSessions, RegionId, Share, Timestamp};
use jiff::SignedDuration;

/// Reads the drains, with their places.
pub(super) fn read(root: &Node<'_>, names: &RegionNames<'_>, findings: &mut Findings) -> Vec<(Drain, Span)> {
    let list = root.get("drains").map(Node::items).unwrap_or_default();
    list.iter().filter_map(|node| drain(node, names, findings)).collect()
}

fn drain(node: &Node<'_>, names: &RegionNames<'_>, findings: &mut Findings) -> Option<(Drain, Span)> {
    let time = |key| node.get(key).and_then(Node::parse::<Timestamp>);
    let note = |key| node.get(key).and_then(Node::text).map(Box::from);
    let (since, until) = (time("since"), time("until"));
    if let (Some(since), Some(until), Some(at), Some(begin)) = (since, until, node.get("until"), node.get("since"))
        && until <= since
    {
        let help = "let it end after it begins; look at the dates and the zones of both";
        findings.push_with(at.span, "the drain ends before it begins", help, (begin.span, "it begins here"));
    }
    let ramp = node.get("ramp").and_then(|ramp| quantity::duration(ramp.text()?).ok()).unwrap_or_default();
    if let Some(entry) = node.entry("ramp")
        && node.get("since").is_none()
        && !ramp.is_zero()
    {
        findings.push(
            entry.key_span,
            "a ramp needs 'since', from which on it runs",
            "add since: and the time from which on the region should get less, e.g. since: 2026-11-22T04:30:00Z",
        );
    }
    let region = node.get("region")?;
    let drain = Drain {
        region: names.find(region, findings)?,
        sessions: match node.get("sessions").and_then(Node::text) {
            Some("move") => DrainedSessions::Move,
            _ => DrainedSessions::Keep,
        },
        share: match node.get("share") {
            Some(share) => share.parse()?,
            None => Share::NONE,
        },
        ramp,
        since,
        until,
        by: note("by"),
        reason: note("reason"),
    };
    Some((drain, region.span))
}

/// Reports drains that, at some time from `now` on, would leave no region with any share of the visitors.
pub(super) fn leave_one_region(
    drains: &[(Drain, Span)],
    names: &RegionNames<'_>,
    now: Timestamp,
    findings: &mut Findings,
) {
    let empty: Vec<Empty> = drains.iter().filter_map(|(drain, span)| Empty::of(drain, *span, now)).collect();
    // The regions can only become empty, all of them, when one more does.
    let mut moments: Vec<(Timestamp, Span)> = empty.iter().map(|one| (one.from, one.span)).collect();
    moments.sort_by_key(|(at, span)| (*at, span.start));
    for (at, _) in &moments {
        let mut regions = vec![false; names.names.len()];
        for one in empty.iter().filter(|one| one.from <= *at && one.until.is_none_or(|until| *at < until)) {
            if let Some(region) = regions.get_mut(one.region.index()) {
                *region = true;
            }
        }
        if !regions.is_empty() && regions.iter().all(|empty| *empty) {
            // Of those that begin at this moment, the last in the file is the one that was one too many.
            let last = moments.iter().filter(|(other, _)| other == at).map(|(_, span)| *span).next_back();
            let when = if *at <= now { "now".into() } else { format!("from {at} on") };
            findings.push(
                last.unwrap_or_default(),
                format!("every region is drained to 0% {when}"),
                "leave at least one region a share, or let one of the drains end before this one begins",
            );
            return;
        }
    }
}

/// The time in which a drain leaves its region nothing.
struct Empty {
    region: RegionId,
    /// Not before now.
    from: Timestamp,
    until: Option<Timestamp>,
    span: Span,
}

impl Empty {
    fn of(drain: &Drain, span: Span, now: Timestamp) -> Option<Self> {
        let from = match drain.since {
            Some(since) => since.checked_add(SignedDuration::try_from(drain.ramp).ok()?).ok()?,
            None => now,
        };
        let from = from.max(now);
        let some_time = drain.until.is_none_or(|until| from < until);
        (drain.share.ratio() <= 0.0 && some_time).then_some(Self {
            region: drain.region,
            from,
            until: drain.until,
            span,
        })
    }
}

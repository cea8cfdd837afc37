//! `drains:`

use super::RegionNames;
use crate::config::problem::Findings;
use crate::config::quantity;
use crate::config::yaml::{Node, Span};
use crate::model::{Drain, DrainedSessions, DrainedStreams, RegionId, Share, Timestamp};

/// Reads the drains, with their places. `find` is the region that a node names; it reports a name that is none.
pub(super) fn read<R>(
    root: &Node<'_>,
    find: impl Fn(&Node<'_>, &mut Findings) -> Option<R>,
    findings: &mut Findings,
) -> Vec<(Drain<R>, Span)> {
    let list = root.get("drains").map(Node::items).unwrap_or_default();
    list.iter().filter_map(|node| drain(node, &find, findings)).collect()
}

fn drain<R>(
    node: &Node<'_>,
    find: &impl Fn(&Node<'_>, &mut Findings) -> Option<R>,
    findings: &mut Findings,
) -> Option<(Drain<R>, Span)> {
    let time = |key| node.get(key).and_then(Node::parse::<Timestamp>);
    let note = |key| node.get(key).and_then(Node::text).map(Box::from);
    let duration = |node: Option<&Node<'_>>| node.and_then(|node| quantity::duration(node.text()?).ok());
    let (since, until) = (time("since"), time("until"));
    if let (Some(since), Some(until), Some(at), Some(begin)) = (since, until, node.get("until"), node.get("since"))
        && until <= since
    {
        let help = "let it end after it begins; look at the dates and the zones of both";
        findings.push_with(at.span, "the drain ends before it begins", help, (begin.span, "it begins here"));
    }
    let ramp = duration(node.get("ramp")).unwrap_or_default();
    let comeback = duration(node.get("return")).unwrap_or_default();
    for (key, length, needs, help) in [
        (
            "ramp",
            ramp,
            "since",
            "add since: and the time from which on the region should get less, e.g. since: 2026-11-22T04:30:00Z",
        ),
        (
            "return",
            comeback,
            "until",
            "add until: and the time at which the region gets everything again, e.g. until: 2026-11-22T08:30:00Z",
        ),
    ] {
        if let Some(entry) = node.entry(key)
            && node.get(needs).is_none()
            && !length.is_zero()
        {
            let until = if needs == "since" { "from which on it runs" } else { "up to which it runs" };
            findings.push(entry.key_span, format!("a {key} needs '{needs}', {until}"), help);
        }
    }
    let place = node.get("region")?;
    let region = find(place, findings)?;
    let drain = Drain {
        sessions: match node.get("sessions").and_then(Node::text) {
            Some("move") => DrainedSessions::Move,
            _ => DrainedSessions::Keep,
        },
        streams: match duration(node.get("streams").and_then(|streams| streams.get("close_after"))) {
            Some(after) => DrainedStreams::CloseAfter(after),
            None => DrainedStreams::Keep,
        },
        share: match node.get("share") {
            Some(share) => share.parse()?,
            None => Share::NONE,
        },
        ramp,
        comeback,
        since,
        until,
        by: note("by"),
        reason: note("reason"),
        practice: node.get("practice").and_then(Node::text) == Some("true"),
        ..Drain::of(region)
    };
    Some((drain, place.span))
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
            Some(_) => drain.settles_at()?,
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

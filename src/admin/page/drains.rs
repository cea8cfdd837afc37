//! The drains, and what is left of their regions.

use super::Snapshot;
use super::words::{between, moment, rate};
use crate::admin::status::{DrainStatus, RemainderStatus};
use crate::model::Timestamp;
use maud::{Markup, html};

pub(super) fn render(Snapshot { status, .. }: &Snapshot) -> Markup {
    html! {
        section #drains aria-labelledby="drains-title" {
            h2 #drains-title { "Drains" }
            @if status.drains.is_empty() {
                p .quiet { "None: every region gets all of its visitors." }
            } @else {
                ul .drains role="list" {
                    @for (nth, drain) in status.drains.iter().enumerate() {
                        (entry(nth + 1, drain, status.now))
                    }
                }
            }
        }
    }
}

fn entry(number: usize, drain: &DrainStatus, now: Timestamp) -> Markup {
    let class = if drain.in_force { "note" } else { "quiet" };
    html! {
        li .drain .(class) {
            div .what {
                h3 { (drain.region) " " span .arrow aria-hidden="true" { "→" } " " (share(drain)) }
                p .why { @match &drain.reason { Some(reason) => (reason), None => "no reason given" } }
                p .tags {
                    span { "drain " (number) }
                    span { "by " (drain.by.as_deref().unwrap_or("nobody named")) }
                    span { "sessions " (drain.sessions) }
                    @if let Some(after) = &drain.close_streams_after { span { "streams closed after " (after) } }
                    span { (time_left(drain, now)) }
                    @if let Some(comeback) = &drain.comeback { span { "comes back over the last " (comeback) } }
                    span { (if drain.layer == "operator" { "an operator's" } else { "in the table" }) }
                    @if drain.practice { span { "a drill" } }
                    @if drain.held { span .hot { "held: the region has no healthy server to come back to" } }
                    @if !drain.region_is_known { span .hot { "waits: the table has no such region" } }
                }
                @if drain.layer == "operator" {
                    p .actions { button type="button" data-undrain=(drain.region) { "End the drain of " (drain.region) "…" } }
                }
            }
            @if let Some(remainder) = &drain.remainder { (left(remainder, now)) }
        }
    }
}

/// What is left to the region, and where that goes.
fn share(drain: &DrainStatus) -> Markup {
    html! {
        @match &drain.ramp {
            Some(ramp) if drain.in_force && drain.share_now != drain.share => {
                (drain.share_now) ", on its way to " (drain.share) " in " (ramp)
            }
            _ => { (if drain.in_force { &drain.share_now } else { &drain.share }) " of its visitors" }
        }
    }
}

fn time_left(drain: &DrainStatus, now: Timestamp) -> Markup {
    html! {
        @match (drain.in_force, drain.over, drain.since, drain.until) {
            (_, true, _, Some(end)) => { "over since " (moment(end, now)) }
            (false, false, Some(start), _) => { "begins in " (between(now, start)) }
            (true, _, _, Some(end)) => { (between(now, end)) " left" }
            (true, _, _, None) => { "without an end" }
            _ => { "not in force" }
        }
    }
}

/// The three remainders.
fn left(remainder: &RemainderStatus, now: Timestamp) -> Markup {
    let figure = |term: &str, value: String, is_left: bool| {
        html! { div .(if is_left { "left" } else { "zero" }) { dt { (term) } dd { (value) } } }
    };
    html! {
        div .remainder {
            dl {
                (figure("new visitors/s", rate(remainder.visitors_per_second), remainder.visitors_per_second > 0.0))
                (figure("sessions/s", rate(remainder.sessions_per_second), remainder.sessions_per_second > 0.0))
                (figure("open streams", remainder.open_streams.to_string(), remainder.open_streams > 0))
            }
            @match remainder.empty_since {
                Some(since) => { p .empty { span .sign aria-hidden="true" { "✓" } " empty since " (moment(since, now)) } }
                None => { p .still { "still gets requests from here" } }
            }
        }
    }
}

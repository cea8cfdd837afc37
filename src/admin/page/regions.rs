//! A card for each region.

use super::Snapshot;
use super::chart;
use super::summary::{is_well, state};
use super::words::{latency, moment, percent, rate};
use crate::admin::status::{DrainStatus, RegionStatus, Status};
use crate::live::TrafficHistory;
use crate::model::Timestamp;
use maud::{Markup, html};

pub(super) fn render(Snapshot { status, history, second, .. }: &Snapshot) -> Markup {
    html! {
        section #regions aria-labelledby="regions-title" {
            h2 #regions-title { "Regions" }
            @if status.regions.is_empty() {
                p .quiet { "There is none before a table is live." }
            }
            div .cards {
                @for (nth, region) in status.regions.iter().enumerate() {
                    (card(region, history.get(nth), *second, drain_of(status, region), status.now))
                }
            }
        }
    }
}

/// The drain that is in force on `region`, and may be ended here: that of an operator, if there is one.
fn drain_of<'a>(status: &'a Status, region: &RegionStatus) -> Option<&'a DrainStatus> {
    let in_force = || status.drains.iter().filter(|drain| drain.region == region.name && drain.in_force);
    in_force().find(|drain| is_operators(drain)).or_else(|| in_force().next())
}

fn is_operators(drain: &DrainStatus) -> bool {
    drain.layer == "operator"
}

fn card(
    region: &RegionStatus,
    history: Option<&TrafficHistory>,
    second: u64,
    drain: Option<&DrainStatus>,
    now: Timestamp,
) -> Markup {
    let name = &region.name;
    let (severity, word) = state(region);
    let (class, sign) = if is_well(region) { ("ok", "✓") } else { (severity.class(), severity.sign()) };
    let traffic = &region.traffic;
    let (healthy, servers) =
        region.services.iter().fold((0, 0), |(h, s), service| (h + service.healthy, s + service.servers));
    html! {
        article .card .(class) id=(format!("region-{name}")) aria-labelledby=(format!("name-{name}")) {
            header {
                h3 id=(format!("name-{name}")) {
                    (name) @if region.local { " " span .here { "here" } }
                }
                p .state .(class) { span .sign aria-hidden="true" { (sign) } " " (word) }
            }
            @if !region.away.is_empty() {
                p .why { @for (nth, away) in region.away.iter().enumerate() { @if nth > 0 { "; " } (away.text) } }
            }
            @if let Some(advice) = &region.worth_draining {
                p .why { "Worth draining: " (advice.text) }
                p .problem { code { (advice.command) } }
                @if let Some(why) = &advice.not_drained { p .quiet { "Not drained by itself: " (why) } }
            }
            @if let Some(history) = history {
                (chart::history(history, name, region.capacity_per_second, second))
            }
            dl .figures {
                (figure("Requests", &html! { (rate(region.requests_per_second)) small { "/s" } }, ""))
                (figure("Errors", &errors(region), if traffic.error_ratio.is_some_and(|ratio| ratio >= 0.02) { "hot" } else { "" }))
                (figure("p50", &duration(traffic.latency_p50_seconds), ""))
                (figure("p99", &duration(traffic.latency_p99_seconds), ""))
                (figure("New", &html! { (rate(traffic.visitors_per_second)) small { "/s" } }, ""))
                (figure("Sessions", &html! { (rate(traffic.sessions_per_second)) small { "/s" } }, ""))
                (figure("Streams", &html! { (traffic.open_streams) }, ""))
                @if let Some(room) = region.room_ratio.filter(|room| *room < 1.0) {
                    (figure("Room", &html! { (percent(room)) }, "cut"))
                }
                (figure("Share", &html! { (region.share) }, if region.share_ratio < 1.0 { "cut" } else { "" }))
            }
            @if let Some(capacity) = region.capacity_per_second {
                div .load {
                    (chart::load(name, region.requests_per_second, capacity))
                    p { (percent(region.requests_per_second / capacity)) " of " (rate(capacity)) "/s" }
                }
            }
            p .servers .(if healthy < servers { "hot" } else { "" }) {
                (healthy) " of " (servers) " servers healthy"
                @if healthy < servers {
                    @for service in region.services.iter().filter(|service| service.healthy < service.servers) {
                        "; " (service.service) " " (service.healthy) "/" (service.servers)
                    }
                }
            }
            @for problem in region.services.iter().flat_map(|service| &service.problems) {
                p .problem { (problem) }
            }
            @if let Some(since) = traffic.empty_since.filter(|_| drain.is_some()) {
                p .empty { span .sign aria-hidden="true" { "✓" } " empty since " (moment(since, now)) }
            }
            p .actions {
                // One button for the page, so that who has pressed it keeps it under his hand.
                @if drain.is_some_and(is_operators) {
                    button type="button" id=(format!("act-{name}")) data-undrain=(name) { "End the drain of " (name) "…" }
                } @else {
                    button type="button" id=(format!("act-{name}")) data-drain=(name) { "Drain " (name) "…" }
                }
            }
        }
    }
}

fn figure(term: &str, value: &Markup, class: &str) -> Markup {
    html! { div .(class) { dt { (term) } dd { (value) } } }
}

fn errors(region: &RegionStatus) -> Markup {
    match region.traffic.error_ratio {
        Some(ratio) => html! { (percent(ratio)) },
        None => html! { "–" },
    }
}

fn duration(seconds: Option<f64>) -> Markup {
    html! { @match seconds { Some(seconds) => (latency(seconds)), None => "–" } }
}

//! What is wrong, before anything else.

use super::Snapshot;
use super::words::{counted, moment, percent, rate, span};
use crate::admin::status::{GuardFigures, RegionStatus, Status};
use maud::{Markup, html};

/// From which part of errors on a region is said to be in trouble.
const MANY_ERRORS: f64 = 0.02;

/// From which part of errors on it is said to be broken.
const MOSTLY_ERRORS: f64 = 0.2;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Bad,
    Warning,
    Note,
    /// All is well, and somebody looks at it.
    Watch,
}

impl Severity {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warning => "warn",
            Self::Note => "note",
            Self::Watch => "watch",
        }
    }

    /// A sign beside the words, so that it is no matter of colour.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Bad => "✕",
            Self::Warning => "!",
            Self::Note => "‖",
            Self::Watch => "◷",
        }
    }
}

/// How a region is, in a word.
pub(super) fn state(region: &RegionStatus) -> (Severity, &'static str) {
    let is_down = region.away.iter().any(|away| away.why != "Drained");
    if is_down && !region.healthy {
        (Severity::Bad, "down")
    } else if is_down {
        (Severity::Bad, "partly down")
    } else if !region.away.is_empty() {
        (Severity::Note, "drained")
    } else if has_many_errors(region, MOSTLY_ERRORS) {
        (Severity::Bad, "failing")
    } else if region.worth_draining.is_some() {
        (Severity::Warning, "stands out")
    } else if has_many_errors(region, MANY_ERRORS) {
        (Severity::Warning, "errors")
    } else if is_over(region) {
        (Severity::Warning, "over capacity")
    } else if region.share_ratio < 1.0 {
        (Severity::Note, "draining")
    } else {
        (Severity::Note, "serving")
    }
}

/// Whether all is as it should be.
pub(super) fn is_well(region: &RegionStatus) -> bool {
    state(region).1 == "serving"
}

fn has_many_errors(region: &RegionStatus, many: f64) -> bool {
    region.traffic.error_ratio.is_some_and(|ratio| ratio >= many) && region.traffic.errors_per_second >= 0.2
}

fn is_over(region: &RegionStatus) -> bool {
    region.capacity_per_second.is_some_and(|capacity| region.requests_per_second > capacity)
}

/// Everything that somebody should look at, the worst first.
fn findings(status: &Status) -> Vec<(Severity, Markup)> {
    let mut found = Vec::new();
    if !status.ready {
        found.push((Severity::Bad, html! { strong { "This edge is not ready" } " and should get no requests" }));
    }
    if status.unserved_per_second > 0.0 {
        let text =
            html! { strong { (rate(status.unserved_per_second)) " requests/s" } " cannot be served by any region" };
        found.push((Severity::Bad, text));
    }
    for region in &status.regions {
        let (severity, word) = state(region);
        let because = match word {
            "down" | "partly down" | "drained" => {
                let why: Vec<_> = region.away.iter().map(|away| away.text.as_str()).collect();
                why.join("; ")
            }
            "stands out" => {
                let advice = region.worth_draining.as_ref();
                advice.map(|advice| format!("worth draining: {}", advice.text)).unwrap_or_default()
            }
            "failing" | "errors" => {
                let ratio = region.traffic.error_ratio.unwrap_or_default();
                format!("{} of its answers in the last 10 s", percent(ratio))
            }
            "over capacity" => format!(
                "{} requests/s, it can carry {}",
                rate(region.requests_per_second),
                region.capacity.as_deref().unwrap_or_default()
            ),
            "draining" => format!("{} of its visitors are left to it", region.share),
            _ => continue,
        };
        let emptied = region.traffic.empty_since.filter(|_| matches!(word, "drained" | "draining"));
        let text = html! {
            strong { (region.name) " is " (if word == "errors" { "answering with errors" } else { word }) } ": " (because)
            @if let Some(since) = emptied { "; empty since " (moment(since, status.now)) }
        };
        found.push((severity, text));
    }
    let refused = [
        (&status.table.problem, "The table that was live stays."),
        (&status.places.problem, "The places that were live stay."),
        (&status.hops.problem, "The hop keys that were used stay."),
        (&status.admin.problem, "The tokens that were used stay."),
        (&status.drains_problem, "Drains can be neither put on nor taken off here."),
    ];
    for (problem, stays) in refused.iter().filter_map(|(problem, stays)| Some((problem.as_ref()?, stays))) {
        let text = html! { strong { (problem.file) " is refused" } ": " (problem.summary) ". " (stays) };
        found.push((Severity::Warning, text));
    }
    if let Some(refused) = &status.guard.refused {
        let text = html! { strong { "The guard refuses table " (refused.revision) } ": " (figures(&refused.figures)) };
        found.push((Severity::Bad, text));
    }
    if let Some(watched) = &status.guard.watched {
        let text = html! {
            strong { "The guard watches table " (watched.revision) } " until " (moment(watched.until, status.now)) ": "
            (figures(&watched.figures))
        };
        found.push((Severity::Watch, text));
    }
    for certificate in &status.certificates {
        if let Some(problem) = &certificate.problem {
            let text = html! { strong { (problem.file) " is refused" } ": " (problem.summary) };
            found.push((Severity::Warning, text));
        }
        for warning in &certificate.warnings {
            found.push((Severity::Warning, html! { strong { (certificate.file) } ": " (warning) }));
        }
    }
    found.sort_by_key(|(severity, _)| *severity);
    found
}

fn figures(figures: &GuardFigures) -> String {
    format!(
        "{} of {} requests failed, {} of {} in the minute before",
        percent(figures.error_ratio),
        figures.requests,
        percent(figures.error_ratio_before),
        figures.requests_before
    )
}

pub(super) fn render(Snapshot { status, .. }: &Snapshot) -> Markup {
    let found = findings(status);
    let worst = found.first().map(|(severity, _)| *severity);
    let total: f64 = status.regions.iter().map(|region| region.requests_per_second).sum();
    let headline = match worst {
        None if status.regions.is_empty() => "No routing table is live".to_owned(),
        None => format!("All is well: {} serving", counted(status.regions.len(), "region")),
        Some(Severity::Bad) => {
            counted(found.iter().filter(|(severity, _)| *severity == Severity::Bad).count(), "thing") + " to act on"
        }
        Some(Severity::Warning) => "Something to look at".to_owned(),
        Some(Severity::Note) => {
            counted(found.iter().filter(|(severity, _)| *severity == Severity::Note).count(), "region")
                + " drained, as an operator wants it"
        }
        Some(Severity::Watch) => "All is well, and a new table is watched".to_owned(),
    };
    let class = worst.map_or("ok", Severity::class);
    html! {
        section #summary .summary .(class) aria-labelledby="summary-title" {
            h2 #summary-title { span .sign aria-hidden="true" { (worst.map_or("✓", Severity::sign)) } " " (headline) }
            @if !found.is_empty() {
                ul .findings role="list" {
                    @for (severity, text) in &found {
                        li .(severity.class()) { span .sign aria-hidden="true" { (severity.sign()) } span { (text) } }
                    }
                }
            }
            p .facts {
                span { b { (rate(total)) } " requests/s" }
                span { b { (status.open_requests) } " open" }
                span { (if status.ready { "ready" } else { "not ready" }) }
                span { "up " (span(status.uptime_seconds)) }
                span { "Homeward " (status.version) }
                span { "clock " (moment(status.now, status.now)) }
            }
        }
    }
}

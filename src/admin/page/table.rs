//! The routing table and its last problem.

use super::Snapshot;
use super::words::{moment, span};
use crate::admin::status::FileStatus;
use crate::model::Timestamp;
use maud::{Markup, html};

pub(super) fn render(Snapshot { status, .. }: &Snapshot) -> Markup {
    let table = &status.table;
    html! {
        section #table aria-labelledby="table-title" {
            h2 #table-title { "Routing table" }
            @match (&table.revision, table.age_seconds) {
                (Some(revision), Some(age)) => {
                    p {
                        "Revision " code { (revision) } ", live for " (span(age))
                        @if let Some(since) = table.since { ", since " (moment(since, status.now)) }
                        @match table.origin.as_deref() {
                            Some("last_good") => { ". " strong { "It is the last good one of an earlier run." } }
                            Some(origin) => { ", from the " (origin) "." }
                            None => "."
                        }
                    }
                }
                _ => { p { strong { "None is live." } } }
            }
            @if let Some(problem) = &table.problem { (refused(problem, status.now, "The table that was live stays.")) }
        }
    }
}

/// A file that was refused, with the place in it.
pub(super) fn refused(problem: &FileStatus, now: Timestamp, stays: &str) -> Markup {
    html! {
        div .refused {
            p {
                span .sign aria-hidden="true" { "!" } " " strong { (problem.file) " is refused" } " since "
                (moment(problem.since, now)) ". " (stays)
            }
            pre tabindex="0" role="region" aria-label=(format!("What is wrong with {}", problem.file)) { code { (problem.text.trim_end()) } }
        }
    }
}

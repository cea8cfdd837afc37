//! What happened lately.

use super::Snapshot;
use super::words::moment;
use crate::admin::history::HistoryLine;
use maud::{Markup, html};

/// How many lines are shown; `homeward history` has all of them.
pub(super) const MOST_LINES: usize = 10;

pub(super) fn render(Snapshot { status, happened, .. }: &Snapshot) -> Markup {
    html! {
        section #history aria-labelledby="history-title" {
            h2 #history-title { "History" }
            @if let Some(problem) = &status.history.problem {
                p .hot { span .sign aria-hidden="true" { "!" } " What happens now is not remembered: " (problem) }
            }
            @if happened.is_empty() {
                p .quiet { "Nothing is remembered." }
            } @else {
                ol .happened role="list" {
                    @for line in happened {
                        li {
                            span .when { (moment(line.time, status.now)) }
                            span { (what(line)) }
                        }
                    }
                }
                p .quiet { "All of it, and the way back: " code { "homeward history" } ", " code { "homeward rollback" } "." }
            }
        }
    }
}

fn what(line: &HistoryLine) -> Markup {
    let words = match line.origin.as_str() {
        "start" => "start",
        "file" => "file saved",
        "sighup" => "files read again",
        "rollback" => "rolled back",
        "edit" => "edited",
        "guard" => "put back by the guard",
        "last_good" => "last good table",
        "drain" => "drained",
        "undrain" => "drain ended",
        "lease_ended" => "drain ended by itself",
        "lease_held" => "drain held",
        "drill" => "drill",
        other => other,
    };
    html! {
        strong { (words) }
        @if let Some(revision) = &line.revision {
            ": table " code { (revision) }
            @if let Some(previous) = &line.previous { " in place of " code { (previous) } }
        }
        @if let Some(by) = &line.by { ", by " (by) }
        @if let Some(note) = &line.note { ": " (note) }
    }
}

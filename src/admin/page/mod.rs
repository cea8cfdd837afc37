//! The status page: one page, rendered here, that is whole without scripts and is kept up to date with them.
//!
//! | file | what it holds |
//! |---|---|
//! | `summary` | what is wrong, before anything else |
//! | `regions` | a card for each region |
//! | `drains` | the drains, and what is left of their regions |
//! | `matrix` | where sessions arrive against where they are at home |
//! | `table` | the routing table and its last problem |
//! | `history` | what happened lately |
//! | `surroundings` | places, hops, certificates, secrets |
//! | `chart` | pictures, each with its words |
//! | `dialog` | the forms for operators |
//! | `events` | the same parts again, as they change |
//! | `assets` | style sheet and scripts |
//!
//! All text goes through the escaping of `maud`; nothing is put into the page as it is.

pub(super) mod assets;
mod chart;
mod dialog;
mod drains;
mod events;
mod history;
mod matrix;
mod regions;
mod summary;
mod surroundings;
mod table;
#[cfg(test)]
mod tests;
mod words;

#[cfg(test)]
pub(super) use events::MOST_READERS;
pub(super) use events::{Feed, events};

use super::history::{HistoryAnswer, HistoryLine};
use super::status::Status;
use crate::live::{Edge, TrafficHistory, clock};
use maud::{DOCTYPE, Markup, html};

/// Everything that is on the page.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) status: Status,
    /// By region, in their order.
    pub(super) history: Vec<TrafficHistory>,
    /// What happened lately, the newest first.
    pub(super) happened: Vec<HistoryLine>,
    /// The second, by the clock that never goes back.
    pub(super) second: u64,
}

impl Snapshot {
    /// `edge` at this moment. It reads the file of the history.
    pub(super) fn of(edge: &Edge) -> Self {
        let second = clock::second();
        let history = edge.table().map_or_else(Vec::new, |live| {
            let traffic = live.table.regions_by_id().map(|(id, _)| live.traffic(id));
            traffic.map(|traffic| traffic.map(|traffic| traffic.history(second)).unwrap_or_default()).collect()
        });
        // What cannot be read is a problem that the status has.
        let happened = edge.changes().history().and_then(|history| HistoryAnswer::of(history, None, None).ok());
        let mut happened = happened.map(|answer| answer.entries).unwrap_or_default();
        happened.truncate(history::MOST_LINES);
        Self { status: Status::of(edge), history, happened, second }
    }
}

/// A part of the page that is brought up to date as a whole, with the id of its element.
pub(super) type Part = (&'static str, String);

/// The parts, in the order in which they stand on the page.
pub(super) fn parts(snapshot: &Snapshot) -> Vec<Part> {
    let parts: [(&'static str, Markup); 7] = [
        ("summary", summary::render(snapshot)),
        ("regions", regions::render(snapshot)),
        ("drains", drains::render(snapshot)),
        ("matrix", matrix::render(snapshot)),
        ("table", table::render(snapshot)),
        ("history", history::render(snapshot)),
        ("surroundings", surroundings::render(snapshot)),
    ];
    parts.into_iter().map(|(id, markup)| (id, markup.into_string())).collect()
}

/// The whole page.
pub(super) fn whole(snapshot: &Snapshot) -> String {
    let region = &snapshot.status.region;
    let parts = html! {
        (summary::render(snapshot))
        (regions::render(snapshot))
        (drains::render(snapshot))
        (matrix::render(snapshot))
        (table::render(snapshot))
        (history::render(snapshot))
        (surroundings::render(snapshot))
    };
    frame(
        region,
        true,
        &html! {
            (parts)
            (dialog::render())
        },
    )
}

/// What is shown to those who have yet to say their token.
pub(super) fn sign_in(region: &str) -> String {
    frame(region, false, &dialog::sign_in())
}

fn frame(region: &str, is_live: bool, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (region) " · Homeward" }
                link rel="icon" href="/page/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/page/style.css";
                @if is_live {
                    noscript { meta http-equiv="refresh" content="5"; }
                }
                script src="/page/idiomorph.js" defer {}
                script src="/page/page.js" defer {}
            }
            body {
                a .skip href="#main" { "To the content" }
                header .bar {
                    h1 { span .brand { "Homeward" } " " span .where { (region) } }
                    p #connection .connection data-live=(is_live) {
                        noscript { "read anew every 5 s" }
                    }
                }
                main #main { (main) }
                @if is_live { footer .foot {
                    nav aria-label="More of this edge" {
                        a href="/api/v1/status" { "Status as JSON" } " "
                        a href="/metrics" { "Metrics" } " "
                        a href="/api/v1/explain?ip=203.0.113.7" { "Explain a visitor" } " "
                        a href="/readyz" { "Ready?" }
                    }
                } }
            }
        }
    };
    page.into_string()
}

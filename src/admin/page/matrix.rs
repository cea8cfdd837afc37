//! Where sessions arrive against where they are at home.

use super::Snapshot;
use super::words::rate;
use maud::{Markup, html};
use std::collections::HashMap;

pub(super) fn render(Snapshot { status, .. }: &Snapshot) -> Markup {
    let rates: HashMap<(&str, &str), f64> = status
        .flop_matrix
        .iter()
        .map(|pair| ((pair.arrived.as_str(), pair.home.as_str()), pair.requests_per_second))
        .collect();
    let names: Vec<&str> = status.regions.iter().map(|region| region.name.as_str()).collect();
    // Of other edges it is known only what they have handed to this one.
    let arrived: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| *name == status.region || names.iter().any(|home| rates.contains_key(&(*name, *home))))
        .collect();
    let most = rates.values().copied().fold(0.0, f64::max);
    html! {
        section #matrix aria-labelledby="matrix-title" {
            h2 #matrix-title { "Flops" }
            p .quiet { "Requests a second with a session: where they arrived, and where their home is." }
            div .wide role="region" aria-label="Flops by region" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { "arrived in" }
                            @for home in &names { th scope="col" { span .to aria-hidden="true" { "→ " } (home) } }
                        }
                    }
                    tbody {
                        @for from in &arrived {
                            tr {
                                th scope="row" { (from) @if *from == status.region { " " span .here { "here" } } }
                                @for home in &names {
                                    (cell(rates.get(&(*from, *home)).copied().unwrap_or(0.0), from == home, most))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(per_second: f64, is_home: bool, most: f64) -> Markup {
    // Four steps of shade, so that a glance finds the large ones.
    let shade = if per_second > 0.0 { (per_second / most.max(0.1) * 3.0).ceil() as usize } else { 0 };
    html! { td .(if is_home { "home" } else { "flop" }) data-shade=(shade) { (rate(per_second)) } }
}

//! Places, hops, certificates, secrets.

use super::Snapshot;
use super::table::refused;
use super::words::{counted, moment};
use maud::{Markup, html};

pub(super) fn render(Snapshot { status, .. }: &Snapshot) -> Markup {
    let now = status.now;
    let (places, hops, admin) = (&status.places, &status.hops, &status.admin);
    html! {
        section #surroundings aria-labelledby="surroundings-title" {
            h2 #surroundings-title { "This edge" }
            dl .pairs {
                dt { "Places" }
                dd {
                    @if places.files.is_empty() { "no database: only networks and 'otherwise' find a home" }
                    @for (nth, file) in places.files.iter().enumerate() { @if nth > 0 { ", " } code { (file) } }
                    @if let Some(built) = places.built { ", built " (built.strftime("%F")) }
                    @if let Some(problem) = &places.problem { (refused(problem, now, "What was live stays.")) }
                }
                dt { "Hops" }
                dd {
                    @match (hops.on, hops.edges.is_empty()) {
                        (true, false) => { "through the edges of " (hops.edges.join(", ")) }
                        (true, true) => "on; the table names no edge of another region",
                        (false, true) => "off",
                        (false, false) => { "off: without hop keys, " (hops.edges.join(", ")) " are reached directly" }
                    }
                    @if let Some(problem) = &hops.problem { (refused(problem, now, "The keys that were used stay.")) }
                }
                dt { "Guard" }
                dd { (if status.guard.on { "on: a new table that makes errors rise is put back" } else { "off: no guard in the settings" }) }
                dt { "Tokens" }
                dd {
                    @if admin.tokens == 0 { "none: changes are made over the Unix socket" } @else { (counted(admin.tokens, "token")) }
                    @if let Some(problem) = &admin.problem { (refused(problem, now, "The tokens that were used stay.")) }
                }
                @if !status.certificates.is_empty() {
                    dt { "Certificates" }
                    dd {
                        ul role="list" {
                            @for certificate in &status.certificates {
                                li {
                                    (certificate.names.join(", ")) ": "
                                    @if certificate.days_left < 0 { strong { "expired " (moment(certificate.expires, now)) } }
                                    @else { (certificate.days_left) " days left" }
                                    @for warning in &certificate.warnings { ". " (warning) }
                                    @if let Some(problem) = &certificate.problem { (refused(problem, now, "What was live stays.")) }
                                }
                            }
                        }
                    }
                }
                @if !status.acme.is_empty() {
                    dt { "ACME" }
                    dd {
                        ul role="list" {
                            @for each in &status.acme {
                                li {
                                    (each.names.join(", ")) ": "
                                    @match each.expires { Some(expires) => { "valid until " (moment(expires, now)) } None => "none yet" }
                                    @if let Some(problem) = &each.problem { "; failed " (each.failures) "×: " (problem) }
                                }
                            }
                        }
                    }
                }
                @if !status.secret_warnings.is_empty() {
                    dt { "Secrets" }
                    dd { ul role="list" { @for warning in &status.secret_warnings { li .hot { (warning) } } } }
                }
            }
        }
    }
}

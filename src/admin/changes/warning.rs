//! What speaks against an order, in words.

use crate::live::LiveTable;
use crate::model::{Drain, DrainLayer};
use crate::routing::Hazard;
use serde::{Deserialize, Serialize};

/// What speaks against an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// One word for programs: `ends_in_the_past`, `last_healthy_region`, `over_capacity`, `same_region`, `another_region` or
    /// `no_healthy_server`.
    pub what: String,
    /// The same for people.
    pub text: String,
    /// The field of the order, and the flag of the verb, that has it carried out all the same; missing where none does.
    pub unless: Option<String>,
}

impl Warning {
    /// That `hazard` speaks against a drain on `live`.
    pub(super) fn of(live: &LiveTable, hazard: &Hazard, drained: &str) -> Self {
        let other = |drain: &usize| live.table.drains().get(*drain);
        let (what, text, unless) = match hazard {
            Hazard::EndsInThePast => {
                ("ends_in_the_past", "it would be over before it begins: correct its end".to_owned(), None)
            }
            Hazard::LastHealthyRegion { service } => {
                let service = live.table.service_name(*service).map_or("?", |name| name.as_str());
                let text = format!(
                    "no other region that is healthy and not drained serves {service}: {drained} would go on to serve it, \
                     drained or not"
                );
                ("last_healthy_region", text, Some("force"))
            }
            Hazard::SameRegion { drain } => {
                let is_ours = other(drain).is_some_and(|drain| drain.layer == DrainLayer::Operator);
                let told = other(drain).map(|drain| told(live, drain)).unwrap_or_default();
                let (text, unless) = if is_ours {
                    (format!("it is drained already: {told}"), "replace")
                } else {
                    (format!("it is drained already, by the routing table: {told}"), "also")
                };
                ("same_region", text, Some(unless))
            }
            Hazard::AnotherRegion { drain } => {
                let told = other(drain).map(|drain| told(live, drain)).unwrap_or_default();
                ("another_region", format!("another region is drained at the same time: {told}"), Some("also"))
            }
            Hazard::OverCapacity { region, would_get, capacity } => {
                let region = live.table.region_name(*region);
                let text = format!("{region} would get {would_get:.0}/s, and can carry {capacity:.0}/s");
                ("over_capacity", text, Some("force"))
            }
        };
        Self { what: what.to_owned(), text, unless: unless.map(str::to_owned) }
    }

    /// That a region to which people would come back cannot serve them.
    pub(super) fn no_healthy_server(why: &str) -> Self {
        Self {
            what: "no_healthy_server".to_owned(),
            text: format!("people would come back to a region that cannot serve them: {why}"),
            unless: Some("force".to_owned()),
        }
    }

    /// All of them in one sentence, each with the flag that overrides it.
    pub(super) fn join(warnings: &[Self]) -> String {
        let each = warnings.iter().map(|warning| match &warning.unless {
            Some(flag) => format!("{} (--{flag} does it all the same)", warning.text),
            None => warning.text.clone(),
        });
        each.collect::<Vec<_>>().join("; ")
    }
}

/// A drain in a few words.
fn told(live: &LiveTable, drain: &Drain) -> String {
    let by = drain.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let until = drain.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let reason = drain.reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default();
    format!("{}{by}{until}{reason}", live.table.region_name(drain.region))
}

//! An app asks for a request to be replayed in another region: the decision for that.

use super::decide::Question;
use super::decision::{Away, Decision, HomeBy, Outcome};
use super::facts::{FleetView, RequestFacts};
use super::table::RoutingTable;
use crate::model::RegionId;
use smallvec::SmallVec;

/// What an app asks for: `region=us-east`, and `fallback=self` where its own answer will do if that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayOrder<'a> {
    /// The name of the region.
    pub region: &'a str,
    /// Whether the app's own answer is good enough where the region cannot be asked.
    pub falls_back: bool,
}

impl<'a> ReplayOrder<'a> {
    /// Reads the value of `Homeward-Replay`: parameters with `;` between them, each once, in any order. `None` where it is
    /// anything else.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let (mut region, mut falls_back) = (None, None);
        for parameter in std::str::from_utf8(value).ok()?.split(';') {
            match parameter.trim().split_once('=')? {
                ("region", name) if region.is_none() => region = Some(name),
                ("fallback", "self") if falls_back.is_none() => falls_back = Some(true),
                _ => return None,
            }
        }
        let region = region.filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))?;
        Some(Self { region, falls_back: falls_back.unwrap_or(false) })
    }
}

/// Why a request cannot be replayed in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReplay {
    /// The table has no such region.
    UnknownRegion,
    /// It is where the request was just served.
    SameRegion,
    /// It does not serve.
    Away(Away),
}

/// Decides a request anew whose app has answered that it belongs `to` another region. `first` is what was decided before.
///
/// The app knows where the session is, so that region is home now. As a session's home it serves unless it is away; there
/// are no substitutes: they could do no more than the region that asked.
///
/// # Errors
/// Why it cannot be; the first decision stands then.
pub fn replay(
    table: &RoutingTable,
    facts: &RequestFacts<'_>,
    view: &impl FleetView,
    first: &Decision,
    to: RegionId,
) -> Result<Decision, NoReplay> {
    if first.region() == Some(to) {
        return Err(NoReplay::SameRegion);
    }
    let asked = Question::new(table, facts, view, first.service).ok_or(NoReplay::UnknownRegion)?;
    // The session is there: no caution keeps it from its data.
    let way = asked.able_way_to(to).map_err(NoReplay::Away)?;
    if let Some(away) = asked.drain_that_excludes(to, true) {
        return Err(NoReplay::Away(away));
    }
    Ok(Decision {
        service: first.service,
        arrived: first.arrived,
        key: first.key,
        home: to,
        home_by: HomeBy::Replay,
        place: first.place,
        home_is_away: None,
        passed_over: SmallVec::new(),
        outcome: Outcome::Serve { region: to, way, despite: None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_a_region_and_may_have_a_fallback() {
        let order = |value: &'static str| ReplayOrder::read(value.as_bytes()).map(|o| (o.region, o.falls_back));
        assert_eq!(order("region=us-east"), Some(("us-east", false)));
        assert_eq!(order(" region=us-east ;fallback=self"), Some(("us-east", true)));
        assert_eq!(order("fallback=self; region=us-east"), Some(("us-east", true)));
        for bad in [
            "",
            "us-east",
            "region=",
            "region=us east",
            "region=a; region=b",
            "region=a; fallback=other",
            "region=a; fallback=self; fallback=self",
            "region=a, fallback=self",
            "fallback=self",
            "region=a;",
            "Region=a",
        ] {
            assert_eq!(order(bad), None, "{bad}");
        }
        assert_eq!(ReplayOrder::read(b"region=\xff"), None);
    }
}

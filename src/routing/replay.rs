//! An app asks for a request to be replayed in another region: the decision for that.

use super::decide::Question;
use super::decision::{Away, Decision, HomeBy, Outcome};
use super::facts::{FleetView, RequestFacts};
use super::table::RoutingTable;
use crate::model::RegionId;
use smallvec::SmallVec;

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
    let way = asked.way_to(to).map_err(NoReplay::Away)?;
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

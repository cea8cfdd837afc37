//! The reasons of a decision, in the one form that headers, logs, metrics and `explain` share.

use super::decision::{Arrived, Away, Decision, Despite, HomeBy, Matched, NearestTo, Outcome, PassedOver, SessionKey};
use super::table::RoutingTable;
use crate::model::RegionId;
use crate::session::KeyProblem;
use std::fmt;

/// One reason, as a claim.
///
/// It is written as an item of a structured field list (RFC 8941): a token with parameters that hold numbers and names
/// out of the table only, so that nothing a client or an operator typed can break out of a header or a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The request came from another edge.
    ArrivedByHop(Option<RegionId>),
    /// The request came from behind an edge without a good token: no further hop is made.
    MayGoInCircles,
    /// The session key's prefix names the home.
    SessionNamesRegion(RegionId),
    /// The session is known to be at home there, as its app has said so.
    SessionWasLearned(RegionId),
    /// The app asked for the request to be replayed there.
    AppAsksForReplay(RegionId),
    /// The session cookie's value is no key.
    SessionKeyIsMalformed,
    /// The session key's prefix is that of no region.
    SessionKeyNamesNoRegion,
    /// The session key is not signed by anybody who may.
    SessionKeyIsWronglySigned,
    /// A home rule, from 0, matched.
    RuleMatches(usize, Matched),
    /// The rule asks for the nearest region.
    NearestRegion(NearestTo),
    /// Home does not serve.
    HomeIsAway(Away),
    /// A substitute was passed over.
    PassedOver(PassedOver),
    /// The substitute serves.
    SubstituteServes(RegionId),
    /// The last healthy region ignores its drain, from 0.
    LastHealthyRegionIgnoresItsDrain(usize),
    /// Every region that is not away is over its capacity.
    EverySubstituteIsOverCapacity,
    /// One serves whose servers are few, or come and go, as no other one may.
    HeldRegionServes,
    /// The service's sessions wait for their home.
    SessionWaitsForItsHome,
    /// There is no region that could serve.
    NoRegionCanServe,
}

/// All reasons of one decision, in the order in which it was made; written with `", "` between them.
#[derive(Debug, Clone, Copy)]
pub struct Reasons<'a> {
    decision: &'a Decision,
    table: &'a RoutingTable,
}

impl Decision {
    /// The reasons, to be written with the names of the `table` that the decision was made from.
    #[must_use]
    pub fn reasons<'a>(&'a self, table: &'a RoutingTable) -> Reasons<'a> {
        Reasons { decision: self, table }
    }
}

impl<'a> Reasons<'a> {
    /// The reasons one by one.
    pub fn iter(&self) -> impl Iterator<Item = Reason> + 'a {
        let decision = self.decision;
        let arrived = match decision.arrived {
            Arrived::Here => None,
            Arrived::ByHop(from) => Some(Reason::ArrivedByHop(from)),
            Arrived::InCircle => Some(Reason::MayGoInCircles),
        };
        // What the first edge has found, it has told.
        let is_told = matches!(decision.arrived, Arrived::ByHop(_));
        let key = match decision.key {
            _ if is_told => None,
            SessionKey::Missing => None,
            SessionKey::Names(home) | SessionKey::NamesByOlderKey(home) => Some(Reason::SessionNamesRegion(home)),
            SessionKey::Learned(home) => Some(Reason::SessionWasLearned(home)),
            SessionKey::Unusable(KeyProblem::Malformed) => Some(Reason::SessionKeyIsMalformed),
            SessionKey::Unusable(KeyProblem::UnknownPrefix) => Some(Reason::SessionKeyNamesNoRegion),
            SessionKey::Unusable(KeyProblem::BadSignature) => Some(Reason::SessionKeyIsWronglySigned),
        };
        let (home, nearest) = match decision.home_by {
            HomeBy::Session | HomeBy::Hop => (None, None),
            HomeBy::Replay if is_told => (None, None),
            HomeBy::Replay => (Some(Reason::AppAsksForReplay(decision.home)), None),
            HomeBy::Rule { rule, matched, nearest } => (Some(Reason::RuleMatches(rule, matched)), nearest),
        };
        let (who, despite) = match decision.outcome {
            Outcome::Serve { region, despite, .. } => {
                let despite = despite.map(|despite| match despite {
                    Despite::Drain { drain } => Reason::LastHealthyRegionIgnoresItsDrain(drain),
                    Despite::Capacity => Reason::EverySubstituteIsOverCapacity,
                    Despite::Caution => Reason::HeldRegionServes,
                });
                ((region != decision.home && !is_told).then_some(Reason::SubstituteServes(region)), despite)
            }
            Outcome::Wait { .. } => (Some(Reason::SessionWaitsForItsHome), None),
            Outcome::Nobody { .. } => (Some(Reason::NoRegionCanServe), None),
        };
        arrived
            .into_iter()
            .chain(key)
            .chain(home)
            .chain(nearest.map(Reason::NearestRegion))
            .chain(decision.home_is_away.map(Reason::HomeIsAway))
            .chain(decision.passed_over.iter().copied().map(Reason::PassedOver))
            .chain(despite)
            .chain(who)
    }

    /// `reason` with the table's names.
    #[must_use]
    pub fn text(&self, reason: Reason) -> impl fmt::Display + 'a {
        Named { reason, table: self.table }
    }
}

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, reason) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            Named { reason, table: self.table }.fmt(f)?;
        }
        Ok(())
    }
}

struct Named<'a> {
    reason: Reason,
    table: &'a RoutingTable,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |region| self.table.region_name(region);
        // Nearly every request is told one of these: written piece by piece, which costs a third of a format.
        let of_region = |f: &mut fmt::Formatter<'_>, claim, region| {
            [claim, ";region=", name(region)].into_iter().try_for_each(|part| f.write_str(part))
        };
        match self.reason {
            Reason::ArrivedByHop(Some(from)) => write!(f, "ArrivedByHop;from={}", name(from)),
            Reason::ArrivedByHop(None) => f.write_str("ArrivedByHop"),
            Reason::MayGoInCircles => f.write_str("MayGoInCircles"),
            Reason::SessionNamesRegion(region) => of_region(f, "SessionNamesRegion", region),
            Reason::SessionWasLearned(region) => of_region(f, "SessionWasLearned", region),
            Reason::AppAsksForReplay(region) => of_region(f, "AppAsksForReplay", region),
            Reason::SessionKeyIsWronglySigned => f.write_str("SessionKeyIsWronglySigned"),
            Reason::SessionKeyIsMalformed => f.write_str("SessionKeyIsMalformed"),
            Reason::SessionKeyNamesNoRegion => f.write_str("SessionKeyNamesNoRegion"),
            Reason::RuleMatches(rule, matched) => {
                let claim = match matched {
                    Matched::Network => "NetworkIsInRule",
                    Matched::Subdivision => "SubdivisionIsInRule",
                    Matched::Country => "CountryIsInRule",
                    Matched::Continent => "ContinentIsInRule",
                    Matched::Otherwise => "NoEarlierRuleMatches",
                };
                f.write_str(claim)?;
                f.write_str(";rule=")?;
                (rule + 1).fmt(f)
            }
            Reason::NearestRegion(NearestTo::Place) => f.write_str("NearestRegion;to=place"),
            Reason::NearestRegion(NearestTo::Arrival) => f.write_str("NearestRegion;to=arrival"),
            Reason::HomeIsAway(why) => write!(f, "HomeIsAway;why={}", Why(why)),
            Reason::PassedOver(PassedOver { region, why }) => {
                write!(f, "PassedOver;region={};why={}", name(region), Why(why))
            }
            Reason::SubstituteServes(region) => of_region(f, "SubstituteServes", region),
            Reason::LastHealthyRegionIgnoresItsDrain(drain) => {
                write!(f, "LastHealthyRegionIgnoresItsDrain;drain={}", drain + 1)
            }
            Reason::EverySubstituteIsOverCapacity => f.write_str("EverySubstituteIsOverCapacity"),
            Reason::HeldRegionServes => f.write_str("HeldRegionServes"),
            Reason::SessionWaitsForItsHome => f.write_str("SessionWaitsForItsHome"),
            Reason::NoRegionCanServe => f.write_str("NoRegionCanServe"),
        }
    }
}

/// An [`Away`] with its drain's number, counted from 1 as people count.
struct Why(Away);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Away::Drained { drain } => write!(f, "Drained;drain={}", drain + 1),
            why => f.write_str(why.as_str()),
        }
    }
}

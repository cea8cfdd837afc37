//! A decision told step by step, for people and for programs.

use super::access::Denied;
use super::decision::{Away, Decision, Despite, HomeBy, Matched, NearestTo, Outcome, SessionKey};
use super::facts::RequestFacts;
use super::table::RoutingTable;
use crate::model::{Place, RegionId};
use crate::session::KeyProblem;
use serde::Serialize;
use std::net::IpAddr;

/// One decision with its facts, in words. Its JSON form is stable: fields are added, never renamed or removed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The host that was asked for, as it came.
    pub host: String,
    /// The path that was asked for.
    pub path: String,
    /// The visitor's address.
    pub client: IpAddr,
    /// The service that host and path lead to; everything below is missing where there is none.
    pub service: Option<String>,
    /// What the request said of a session, one of [`SessionKey::WORDS`].
    pub session_key: Option<&'static str>,
    /// Where the visitor is; missing where it was not looked up.
    pub place: Option<Place>,
    /// The region that should serve.
    pub home: Option<String>,
    /// What made it home, one of [`HomeBy::WORDS`].
    pub home_by: Option<&'static str>,
    /// The region that serves.
    pub region: Option<String>,
    /// How the request gets there: `local`, `edge` or `pool`.
    pub way: Option<&'static str>,
    /// What becomes of the session: `new`, `home`, `flopped` or `orphaned`.
    pub session: Option<&'static str>,
    /// What came out: `home`, `substitute`, `wait`, `nobody`, `denied` or `no_service`.
    pub outcome: &'static str,
    /// When to try again, in seconds, where nobody serves.
    pub retry_after: Option<u32>,
    /// The reasons, as headers and logs have them.
    pub reasons: Vec<String>,
    /// The same as sentences, one a step.
    pub steps: Vec<Step>,
}

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The step's name: `service`, `access`, `session`, `place`, `away`, `substitute` or `way`.
    pub step: &'static str,
    /// What it found.
    pub finding: String,
}

impl Explanation {
    /// Tells how `decision` came out of `table` and `facts` on an edge in `local`.
    #[must_use]
    pub fn new(table: &RoutingTable, facts: &RequestFacts<'_>, local: RegionId, decision: Option<&Decision>) -> Self {
        let mut told = Self {
            host: facts.host.to_owned(),
            path: facts.path.to_owned(),
            client: facts.client.to_canonical(),
            service: None,
            session_key: None,
            place: None,
            home: None,
            home_by: None,
            region: None,
            way: None,
            session: None,
            outcome: "no_service",
            retry_after: None,
            reasons: Vec::new(),
            steps: Vec::new(),
        };
        let Some(decision) = decision else {
            let finding = format!("no service answers to {}{}: 404", facts.host, facts.path);
            told.steps.push(Step { step: "service", finding });
            return told;
        };
        if let Err(denied) = table.check_access(decision.service, facts.client) {
            return told.denied(table, facts, decision, denied);
        }
        let name = |region: RegionId| table.region_name(region).to_owned();
        let reasons = decision.reasons(table);
        told.service = table.service_name(decision.service).map(ToString::to_string);
        told.session_key = Some(decision.key.as_str());
        told.place = decision.place;
        told.home = Some(name(decision.home));
        told.home_by = Some(decision.home_by.as_str());
        told.region = decision.region().map(name);
        told.session = Some(decision.session(local).as_str());
        told.outcome = decision.outcome_word();
        told.retry_after = decision.retry_after();
        told.reasons = reasons.iter().map(|reason| reasons.text(reason).to_string()).collect();
        told.way = match decision.outcome {
            Outcome::Serve { way, .. } => Some(way.as_str()),
            Outcome::Wait { .. } | Outcome::Nobody { .. } => None,
        };
        let teller = Teller { table, facts, decision };
        told.steps = [
            Some(("service", format!("{}{} leads to {}", facts.host, facts.path, teller.service()))),
            teller.access().map(|finding| ("access", finding)),
            Some(("session", teller.session())),
            teller.place().map(|finding| ("place", finding)),
            Some(("away", teller.away())),
            teller.substitute().map(|finding| ("substitute", finding)),
            Some(("way", teller.way())),
        ]
        .into_iter()
        .flatten()
        .map(|(step, finding)| Step { step, finding })
        .collect();
        told
    }
}

impl Explanation {
    /// Tells that the client may not ask the service: whatever else was decided comes to nothing.
    fn denied(mut self, table: &RoutingTable, facts: &RequestFacts<'_>, decision: &Decision, denied: Denied) -> Self {
        let service = Teller { table, facts, decision }.service().to_owned();
        let why = match denied {
            Denied::By(network) => format!("lies in {network}, which is denied"),
            Denied::NotAllowed => "lies in none of the networks that are allowed".to_owned(),
        };
        let leads = format!("{}{} leads to {service}", facts.host, facts.path);
        self.steps.push(Step { step: "service", finding: leads });
        self.steps.push(Step { step: "access", finding: format!("{} {why}: 403", self.client) });
        self.service = Some(service);
        self.outcome = "denied";
        self
    }
}

struct Teller<'a> {
    table: &'a RoutingTable,
    facts: &'a RequestFacts<'a>,
    decision: &'a Decision,
}

impl Teller<'_> {
    fn name(&self, region: RegionId) -> &str {
        self.table.region_name(region)
    }

    fn service(&self) -> &str {
        self.table.service_name(self.decision.service).map_or("?", |name| name.as_str())
    }

    fn access(&self) -> Option<String> {
        self.table.service(self.decision.service)?.clients.as_ref()?;
        Some(format!("{} may ask it", self.facts.client.to_canonical()))
    }

    fn session(&self) -> String {
        let keys = self.table.service(self.decision.service).and_then(|service| service.session.as_ref());
        let Some(keys) = keys else { return "the service has no sessions: a new visitor".to_owned() };
        let places = [
            keys.cookie.as_ref().map(|cookie| format!("cookie {cookie}")),
            keys.header.as_ref().map(|header| format!("header {header}")),
            keys.bearer.then(|| "bearer token".to_owned()),
        ];
        let place = places.into_iter().flatten().collect::<Vec<_>>().join(" or ");
        match self.decision.key {
            SessionKey::Missing => format!("no {place}: a new visitor"),
            SessionKey::Names(home) => format!("the {place} names {}: that is home", self.name(home)),
            SessionKey::NamesByOlderKey(home) => {
                format!("the {place} names {} (signed with an older key): that is home", self.name(home))
            }
            SessionKey::Learned(home) => {
                format!("the {place} names no region, and an app has said that its home is {}", self.name(home))
            }
            SessionKey::Unusable(KeyProblem::Malformed) => {
                format!("the {place} holds no session key (malformed): counts as a new visitor")
            }
            SessionKey::Unusable(KeyProblem::UnknownPrefix) => {
                format!("the prefix in the {place} is that of no region: counts as a new visitor")
            }
            SessionKey::Unusable(KeyProblem::BadSignature) => {
                format!("the {place} is not signed by anybody who may: counts as a new visitor")
            }
        }
    }

    fn place(&self) -> Option<String> {
        let HomeBy::Rule { rule, matched, nearest } = self.decision.home_by else { return None };
        let home = self.name(self.decision.home);
        let client = self.facts.client.to_canonical();
        let place = self.decision.place.unwrap_or_default();
        let number = rule + 1;
        let matched = match matched {
            Matched::Network => format!("{client} lies in a network of rule {number}"),
            Matched::Subdivision | Matched::Country | Matched::Continent => {
                format!("{client} is in {place}, which rule {number} names ({})", self.decision.home_by.as_str())
            }
            Matched::Otherwise if self.decision.place == Some(Place::default()) => {
                format!("nothing is known of where {client} is: rule {number} (otherwise)")
            }
            Matched::Otherwise if self.decision.place.is_some() => {
                format!("{client} is in {place}, which no rule names: rule {number} (otherwise)")
            }
            Matched::Otherwise => format!("no rule before rule {number} (otherwise) matches"),
        };
        let target = match (nearest, place.location) {
            (None, _) => format!("home is {home}"),
            (Some(NearestTo::Place), Some(location)) => format!("the nearest to {location} is {home}"),
            (Some(_), _) => {
                format!("the visitor's location is unknown: the nearest to where the request arrived is {home}")
            }
        };
        Some(format!("{matched}; {target}"))
    }

    fn away(&self) -> String {
        let home = self.name(self.decision.home);
        match self.decision.home_is_away {
            None => format!("{home} can serve"),
            Some(why) => format!("{home} is away: {}", self.why(why)),
        }
    }

    /// `why` with what the operator said of the drain.
    fn why(&self, why: Away) -> String {
        let drain = match why {
            Away::Drained { drain } => drain,
            Away::NoHealthyServer => return "none of its servers is healthy".to_owned(),
            Away::NoHealthyEdge => return "its edge cannot be reached, and no other way there is allowed".to_owned(),
            Away::NoPool => return "the service has no servers there".to_owned(),
            Away::OverCapacity => return "it has no room for this visitor: it gets as much as its capacity".to_owned(),
            Away::TooFewHealthyServers => return "fewer of its servers are healthy than the table wants".to_owned(),
            Away::IsFlapping => {
                return "its servers came and went several times lately, and it is not taken back yet".to_owned();
            }
        };
        let number = drain + 1;
        let Some(drain) = self.table.drains().get(drain) else { return format!("drain {number}") };
        let share = drain.share_at(self.facts.now);
        let by = drain.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let reason = drain.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let until = drain.until.map(|until| format!(" until {until}")).unwrap_or_default();
        format!("drain {number}{by}{reason}{until} leaves it {share} of the visitors, and not this one")
    }

    fn substitute(&self) -> Option<String> {
        self.decision.home_is_away?;
        let passed = self.decision.passed_over.iter();
        let mut parts: Vec<_> = passed
            .map(|passed| format!("{} is passed over: {}", self.name(passed.region), self.why(passed.why)))
            .collect();
        parts.push(match self.decision.outcome {
            Outcome::Serve { region, despite: Some(Despite::Drain { .. }), .. } => {
                format!("{} is the last healthy region and ignores its drain", self.name(region))
            }
            Outcome::Serve { region, despite: Some(Despite::Capacity), .. } => {
                format!("{} serves over its capacity, as every other one is away or over it too", self.name(region))
            }
            Outcome::Serve { region, despite: Some(Despite::Caution), .. } => {
                format!(
                    "{} serves all the same, as a server is healthy there and no other region may serve",
                    self.name(region)
                )
            }
            Outcome::Serve { region, despite: None, .. } => format!("{} serves instead", self.name(region)),
            Outcome::Wait { .. } => "the service's sessions wait for their home".to_owned(),
            Outcome::Nobody { .. } => "no region can serve".to_owned(),
        });
        Some(parts.join("; "))
    }

    fn way(&self) -> String {
        match self.decision.outcome {
            Outcome::Serve { region, way: super::Way::Local, .. } => {
                format!("to the pool of {}, the local region", self.name(region))
            }
            Outcome::Serve { region, way: super::Way::Edge, .. } => {
                format!("to the edge of {}, which serves it there: a hop", self.name(region))
            }
            Outcome::Serve { region, way: super::Way::Pool, .. } => format!("to the pool of {}", self.name(region)),
            Outcome::Wait { retry_after } | Outcome::Nobody { retry_after } => {
                format!("nowhere: 503, try again in {retry_after} s")
            }
        }
    }
}

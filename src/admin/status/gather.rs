//! Takes the status of a running edge.

mod traffic;

use super::{
    AcmeStatus, AdminStatus, AdviceStatus, AwayStatus, CertificateStatus, DrainStatus, FileStatus, GuardStatus,
    HistoryStatus, HopsStatus, LocationStatus, PlacesStatus, RegionStatus, RemainderStatus, ServiceStatus, Status,
    TableStatus, TrafficStatus, UnwellStatus,
};
use crate::admin::standing::Standing;
use crate::config::write_duration;
use crate::live::{
    AcmeStanding, Advice, CertificateUse, Edge, FileProblem, Lease, LiveCertificate, LiveTable, Origin, PoolStatus,
    Purpose, ServerStatus, clock,
};
use crate::model::{Drain, DrainedStreams, RegionId, ServiceId, Timestamp};
use crate::resilience::{BreakerState, StandsOut};
use crate::routing::{Away, Region};
use std::time::Duration;

impl Status {
    /// The status of `edge` at this moment.
    #[must_use]
    pub fn of(edge: &Edge) -> Self {
        let now = clock::now();
        let table = edge.table();
        let live = table.as_deref();
        let places = edge.places();
        let elapsed = clock::elapsed();
        let second = elapsed.as_secs();
        Self {
            region: edge.local().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            started: edge.started(),
            uptime_seconds: seconds_between(edge.started(), now),
            ready: edge.is_ready(),
            open_requests: edge.metrics().open_requests(),
            table: TableStatus {
                revision: live.map(|live| live.revision.to_string()),
                since: live.map(|live| live.since),
                age_seconds: live.map(|live| seconds_between(live.since, now)),
                origin: live.map(|live| word(live.origin, edge.table_problem().is_some()).to_owned()),
                problem: edge.table_problem().as_deref().map(FileStatus::of),
            },
            places: PlacesStatus {
                files: places.files.iter().map(|file| file.display().to_string()).collect(),
                built: places.places.build_timestamp(),
                problem: edge.places_problem().as_deref().map(FileStatus::of),
            },
            hops: HopsStatus {
                on: edge.hop_keys().is_some(),
                edges: live.map_or_else(Vec::new, |live| {
                    let others =
                        live.table.regions_by_id().filter(|(id, region)| *id != live.local && region.edge.is_some());
                    others.map(|(_, region)| region.name.to_string()).collect()
                }),
                problem: edge.hop_keys_problem().as_deref().map(FileStatus::of),
            },
            admin: AdminStatus {
                tokens: edge.admin_tokens().map_or(0, |tokens| tokens.count()),
                problem: edge.admin_tokens_problem().as_deref().map(FileStatus::of),
            },
            secret_warnings: edge.secret_warnings(),
            certificates: edge.certificates().iter().map(|each| CertificateStatus::of(each, now)).collect(),
            acme: edge.acme().iter().map(AcmeStatus::of).collect(),
            regions: live.map_or_else(Vec::new, |live| {
                let pools = live.pools.status();
                let regions = live.table.regions_by_id();
                let advice = edge.advice();
                let told = |region: &Region| advice.iter().find(|advice| advice.region == region.name);
                let of = |(id, region)| RegionStatus {
                    worth_draining: told(region).map(AdviceStatus::of),
                    ..RegionStatus::of(live, &pools, id, region, now, elapsed)
                };
                regions.map(of).collect()
            }),
            drains: live.map_or_else(Vec::new, |live| {
                let leases = edge.leases();
                let is_known = |lease: &&Lease| live.table.region_id(lease.region.as_str()).is_some();
                let waiting =
                    leases.iter().filter(|lease| !is_known(lease)).map(|lease| DrainStatus::waiting(lease, now));
                live.table
                    .drains()
                    .iter()
                    .map(|drain| DrainStatus::of(live, drain, now).with_remainder(live, drain, now, elapsed))
                    .chain(waiting)
                    .collect()
            }),
            drains_problem: edge.leases_problem().as_deref().map(FileStatus::of),
            guard: GuardStatus::of(edge),
            history: HistoryStatus::of(edge),
            flop_matrix: live.map_or_else(Vec::new, |live| traffic::flops(live, second)),
            unserved_per_second: live.map_or(0.0, |live| live.unserved.per_second(second)),
        }
    }
}

impl FileStatus {
    fn of(problem: &FileProblem) -> Self {
        let FileProblem { file, revision, since, summary, text } = problem.clone();
        Self { file, revision: revision.map(|revision| revision.to_string()), since, summary, text }
    }
}

impl CertificateStatus {
    fn of(certificate: &LiveCertificate, now: Timestamp) -> Self {
        let expires = certificate.expires();
        Self {
            usage: match certificate.used {
                CertificateUse::Server(_) | CertificateUse::Awaited(_) => "server".to_owned(),
                CertificateUse::Clients(_) => "clients".to_owned(),
            },
            names: certificate.names(),
            file: certificate.file.display().to_string(),
            expires,
            days_left: expires.duration_since(now).as_secs().div_euclid(24 * 60 * 60),
            warnings: certificate.warnings(now).iter().map(ToString::to_string).collect(),
            problem: certificate.problem.as_ref().map(FileStatus::of),
        }
    }
}

impl AcmeStatus {
    fn of(standing: &AcmeStanding) -> Self {
        Self {
            names: standing.names.clone(),
            file: standing.file.display().to_string(),
            expires: standing.expires,
            next: standing.next,
            failures: standing.failures,
            problem: standing.problem.as_ref().map(|problem| problem.text.clone()),
            problem_at: standing.problem.as_ref().map(|problem| problem.at),
        }
    }
}

impl RegionStatus {
    fn of(
        live: &LiveTable,
        pools: &[PoolStatus],
        id: RegionId,
        region: &Region,
        now: Timestamp,
        elapsed: Duration,
    ) -> Self {
        let Standing { share, away } = Standing::of(live, id, now);
        let traffic = live.traffic(id).map(|traffic| traffic.now(elapsed.as_secs())).unwrap_or_default();
        let services: Vec<_> = pools.iter().filter(|pool| pool.region == region.name).map(ServiceStatus::of).collect();
        Self {
            name: region.name.to_string(),
            local: id == live.local,
            prefix: region.session_prefix.to_string(),
            location: region
                .location
                .map(|location| LocationStatus { latitude: location.latitude(), longitude: location.longitude() }),
            capacity: region.capacity.map(|capacity| capacity.to_string()),
            capacity_per_second: region.capacity.map(|capacity| capacity.per_second()),
            share: share.to_string(),
            share_ratio: share.ratio(),
            away: away.into_iter().map(|(why, service)| AwayStatus::of(live, why, service)).collect(),
            healthy: is_healthy(live, id, &services),
            room_ratio: live.room(id, elapsed.as_secs()).map(|room| room.at_home.ratio()),
            worth_draining: None,
            requests_per_second: traffic.requests_per_second,
            flops_per_second: traffic.flops_per_second,
            traffic: TrafficStatus::of(&traffic, now, elapsed),
            services,
        }
    }
}

/// Whether every service that has servers there can be served: through the region's edge or, where that may be, directly.
fn is_healthy(live: &LiveTable, id: RegionId, services: &[ServiceStatus]) -> bool {
    let edge = live.pools.edge(id);
    let name = Purpose::Edge.to_string();
    let mut pools = services.iter().filter(|service| service.service != name);
    match edge {
        Some(edge) if edge.any_healthy() => true,
        Some(_) if pools.clone().next().is_none() => false,
        _ => pools.all(|service| service.healthy > 0),
    }
}

impl ServiceStatus {
    fn of(pool: &PoolStatus) -> Self {
        let failing = pool.names.iter().filter_map(|name| {
            let error = name.last_error.as_deref()?;
            let since = name.failing_since.map(|since| format!(" since {since}")).unwrap_or_default();
            Some(format!("DNS fails for {}{since}: {error}", name.name))
        });
        let unwell = pool.servers.iter().filter_map(UnwellStatus::of).take(Self::MOST_UNWELL);
        let unwell: Vec<_> = unwell.collect();
        let open_servers = pool.servers.iter().filter(|server| server.breaker != BreakerState::Closed).count();
        let of_pool = (pool.breaker != BreakerState::Closed)
            .then(|| format!("the breaker of {} is {}: attempts get no answer", pool.purpose, pool.breaker.as_str()));
        let of_servers = (open_servers > 0).then(|| {
            format!("breakers of {open_servers} of {} servers of {} are open", pool.servers.len(), pool.purpose)
        });
        let full = pool.limit.filter(|_| pool.pending > 0).map(|limit| {
            format!("all {limit} places of {} are taken, and {} requests wait", pool.purpose, pool.pending)
        });
        Self {
            service: pool.purpose.to_string(),
            servers: pool.servers.len(),
            healthy: pool.healthy,
            ejected: pool.servers.iter().filter(|server| server.ejected_until.is_some()).count(),
            breaker: (pool.purpose != Purpose::Edge).then_some(pool.breaker),
            open_servers,
            active: pool.active,
            pending: pool.pending,
            limit: pool.limit,
            problems: {
                let unwell = unwell.iter().map(UnwellStatus::text);
                failing.chain(unwell).chain(of_pool).chain(of_servers).chain(full).collect()
            },
            unwell,
        }
    }
}

impl UnwellStatus {
    /// `None` where it is well.
    fn of(server: &ServerStatus) -> Option<Self> {
        let healthy = server.standing != crate::resilience::Standing::Unhealthy;
        (!healthy || server.ejected_until.is_some()).then(|| Self {
            address: server.address.to_string(),
            healthy,
            since: server.since,
            why: server.why.as_deref().map(str::to_owned),
            ejected_until: server.ejected_until,
            ejected_why: server.ejected_why.map(str::to_owned),
        })
    }

    /// The same for people.
    fn text(&self) -> String {
        let mut said = Vec::new();
        if !self.healthy {
            let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            said.push(format!("unhealthy since {}{why}", self.since));
        }
        if let Some(until) = self.ejected_until {
            let why = self.ejected_why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            said.push(format!("ejected until {until}{why}"));
        }
        format!("server {} is {}", self.address, said.join("; it is "))
    }
}

impl AdviceStatus {
    fn of(advice: &Advice) -> Self {
        Self {
            why: match advice.stands_out {
                StandsOut::Fails { .. } => "errors".to_owned(),
                StandsOut::IsSlow { .. } => "slowness".to_owned(),
            },
            text: advice.reason(),
            since: advice.since,
            command: advice.command(),
            not_drained: advice.not_drained.clone(),
        }
    }
}

impl AwayStatus {
    /// Why a region of the table `live` is away.
    pub(in crate::admin) fn of(live: &LiveTable, why: Away, service: Option<ServiceId>) -> Self {
        let service = service.and_then(|service| live.table.service_name(service)).map(ToString::to_string);
        let drain = match why {
            Away::Drained { drain } => live.table.drains().get(drain).map(|found| (drain + 1, found)),
            _ => None,
        };
        let text = match (&service, drain) {
            (_, Some((number, drain))) => {
                let by = drain.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
                let reason = drain.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("drained{by} (drain {number}){reason}")
            }
            (_, None) if why == Away::NoHealthyEdge => "its edge cannot be reached".to_owned(),
            (Some(service), None) if why == Away::TooFewHealthyServers => {
                format!("too few healthy servers for {service}")
            }
            (Some(service), None) if why == Away::IsFlapping => {
                format!("servers for {service} came and went several times lately, it is held back")
            }
            (Some(service), None) => format!("no healthy server for {service}"),
            (None, None) => why.as_str().to_owned(),
        };
        Self { why: why.as_str().to_owned(), service, drain: drain.map(|(number, _)| number), text }
    }
}

impl DrainStatus {
    /// How `drain` of the table `live` stands at `now`.
    pub(in crate::admin) fn of(live: &LiveTable, drain: &Drain, now: Timestamp) -> Self {
        Self { region: live.table.region_name(drain.region).to_owned(), ..Self::without_region(drain, now) }
    }

    /// One of an operator, of a region that the table does not have.
    fn waiting(lease: &Lease, now: Timestamp) -> Self {
        Self { region: lease.region.to_string(), region_is_known: false, ..Self::without_region(lease, now) }
    }

    /// The same with what its region still gets.
    fn with_remainder(mut self, live: &LiveTable, drain: &Drain, now: Timestamp, elapsed: Duration) -> Self {
        let traffic = live.traffic(drain.region).filter(|_| self.in_force);
        self.remainder = traffic.map(|traffic| RemainderStatus::of(&traffic.now(elapsed.as_secs()), now, elapsed));
        self
    }

    fn without_region<R>(drain: &Drain<R>, now: Timestamp) -> Self {
        let share_now = drain.share_at(now);
        let some_duration = |duration: Duration| (!duration.is_zero()).then(|| write_duration(duration));
        Self {
            region: String::new(),
            sessions: drain.sessions.as_str().to_owned(),
            share: drain.share.to_string(),
            share_ratio: drain.share.ratio(),
            share_now: share_now.to_string(),
            share_now_ratio: share_now.ratio(),
            ramp: some_duration(drain.ramp),
            since: drain.since,
            until: drain.until,
            by: drain.by.as_deref().map(str::to_owned),
            reason: drain.reason.as_deref().map(str::to_owned),
            layer: drain.layer.as_str().to_owned(),
            comeback: some_duration(drain.comeback),
            close_streams_after: match drain.streams {
                DrainedStreams::Keep => None,
                DrainedStreams::CloseAfter(after) => Some(write_duration(after)),
            },
            practice: drain.practice,
            held: drain.held,
            region_is_known: true,
            in_force: drain.in_force_at(now),
            over: drain.is_over_at(now),
            remainder: None,
        }
    }
}

/// The word in the JSON. Where the file is good again and says what the last good table says, it is the file's.
fn word(origin: Origin, is_refused: bool) -> &'static str {
    match origin {
        Origin::LastGood if is_refused => "last_good",
        Origin::Guard if is_refused => "guard",
        Origin::LastGood | Origin::Guard | Origin::File => "file",
    }
}

/// Whole seconds; 0 where the clock was set back in between.
fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

//! The answer, calculated.

use super::CapacityVerb;
use super::figures::{amount, rounded, time, whole};
use super::place::Place;
use super::told::{
    Answer, Gain, ToldCourse, ToldEdge, ToldFigures, ToldFleet, ToldLoad, ToldLoss, ToldMoment, ToldNeed, ToldRegion,
};
use crate::capacity::{
    Costs, Course, Failure, Fleet, Load, Loss, Machine, Needs, PlannedEdges, Resource, delay, gentlest_ramp, losses,
    planned_edges,
};

/// Seconds of a course that are looked at after a loss, or after the end of a ramp.
const LOOKED_AT: f64 = 900.0;

/// Requests per second that stand for visitors who send none, so that their parts can be told all the same. Shown as none.
const HARDLY_ANY: f64 = 1e-20;

/// How many moments of a course are told at the most.
const TOLD: usize = 90;

/// What is counted with.
struct Base<'a> {
    costs: &'a Costs,
    verb: &'a CapacityVerb,
    place: &'a Place,
    load: Load,
    machine: Machine,
    losses: Vec<Loss>,
    shares: Vec<f64>,
    /// By region: edges that it is counted with.
    there: Vec<f64>,
}

impl Answer {
    pub(super) fn of(costs: &Costs, verb: &CapacityVerb, place: &Place, lost: usize) -> Self {
        let (load, machine) = (verb.load.load(), verb.edge.machine());
        let planned = planned_edges(costs, &load, &machine, &place.regions);
        let sum: f64 = place.regions.iter().map(|region| region.share).sum();
        let there =
            planned.iter().map(|planned| verb.edge.edges.or(planned.with_loss).or(planned.alone).unwrap_or(1.0));
        let base = Base {
            costs,
            verb,
            place,
            load,
            machine,
            losses: losses(&place.regions, load.requests.max(HARDLY_ANY)),
            shares: place.regions.iter().map(|region| region.share / sum.max(f64::MIN_POSITIVE)).collect(),
            there: there.collect(),
        };
        let needs = Needs::of(costs, &load, &machine);
        let sum = |of: fn(&PlannedEdges) -> Option<f64>| {
            planned.iter().try_fold(0.0, |sum, planned| Some(sum + of(planned)?)).map(rounded)
        };
        let mut answer = Self {
            costs: costs.machine.clone(),
            load: base.told_load(),
            edge: base.told_edge(),
            resources: needs.all.iter().map(told_need).collect(),
            limit: needs.limit().name(),
            cores: rounded(needs.work.cores(machine.busy)),
            least_cores: rounded(needs.work.busy_cores()),
            regions: (0..planned.len()).map(|at| base.region(at, planned[at])).collect(),
            edges: sum(|planned| planned.alone),
            edges_with_loss: sum(|planned| planned.with_loss),
            losses: base.losses.iter().map(|loss| base.told_loss(loss)).collect(),
            loss: base.course(lost),
            fleet: base.fleet(),
            carried: true,
            problems: Vec::new(),
        };
        answer.problems = base.problems(&answer);
        answer.carried = answer.problems.is_empty();
        answer
    }
}

fn told_need(need: &crate::capacity::Need) -> ToldNeed {
    ToldNeed {
        resource: need.resource.name(),
        needed: rounded(need.needed),
        each: rounded(need.each),
        edges: need.edges.map(rounded),
    }
}

impl Base<'_> {
    fn told_load(&self) -> ToldLoad {
        let load = &self.load;
        ToldLoad {
            requests_per_second: rounded(load.requests),
            connections: rounded(load.connections),
            new_connections_per_second: rounded(load.new_connections),
            websockets: load.websockets,
            messages_per_second: rounded(load.messages),
            tls: load.tls,
            http2: load.http2,
            resumed: load.resumed,
            hops: load.hops,
        }
    }

    fn told_edge(&self) -> ToldEdge {
        let machine = &self.machine;
        ToldEdge {
            cores: machine.cores,
            busy: machine.busy,
            memory_gib: rounded(machine.memory_gib),
            network_gbit: machine.network_gbit,
            file_handles: machine.file_handles,
            connections: machine.connections,
        }
    }

    /// What one edge of the region at `at` gets where the region has `share` of all visitors.
    fn of_an_edge(&self, at: usize, share: f64) -> Load {
        self.load.part(share / self.there[at].max(1.0))
    }

    /// The part of all visitors that `requests` per second are.
    fn part(&self, requests: f64) -> f64 {
        requests / self.load.requests.max(HARDLY_ANY)
    }

    fn utilisation(&self, at: usize, share: f64) -> f64 {
        let load = self.of_an_edge(at, share);
        Needs::of(self.costs, &load, &self.machine).work.utilisation(self.machine.cores)
    }

    fn worst(&self, at: usize) -> f64 {
        let loads = self.losses.iter().map(|loss| loss.loads.get(at).copied().unwrap_or(0.0));
        loads.map(|load| self.part(load)).fold(self.shares[at], f64::max)
    }

    fn region(&self, at: usize, planned: PlannedEdges) -> ToldRegion {
        let (region, share) = (&self.place.regions[at], self.shares[at]);
        let own = self.of_an_edge(at, share);
        let added = delay(self.costs, &own, self.machine.cores);
        ToldRegion {
            name: region.name.clone(),
            share: rounded(share),
            requests_per_second: rounded(self.load.requests * share),
            connections: rounded(self.load.connections * share),
            capacity_per_second: region.capacity,
            edges: planned.alone.map(rounded),
            edges_with_loss: planned.with_loss.map(rounded),
            edges_there: rounded(self.there[at]),
            utilisation: rounded(self.utilisation(at, share)),
            utilisation_with_loss: rounded(self.utilisation(at, self.worst(at))),
            added_p50_seconds: added.map(|added| rounded(added.p50)),
            added_p99_seconds: added.map(|added| rounded(added.p99)),
            memory: rounded(Needs::of(self.costs, &own, &self.machine).used(Resource::Memory, 1.0) * Machine::FULL),
        }
    }

    fn told_loss(&self, loss: &Loss) -> ToldLoss {
        let over: Vec<_> = loss.over(&self.place.regions).collect();
        let gain = |(at, gains): (usize, &f64)| {
            let region = &self.place.regions[at];
            let gets = loss.loads[at];
            (*gains > 0.0).then(|| Gain {
                region: region.name.clone(),
                gains_per_second: rounded(*gains),
                gets_per_second: rounded(gets),
                capacity_per_second: region.capacity,
                over_capacity: over.contains(&at),
                utilisation: rounded(self.utilisation(at, self.part(gets))),
            })
        };
        ToldLoss {
            lost: self.place.regions[loss.lost].name.clone(),
            to: loss.gains.iter().enumerate().filter_map(gain).collect(),
            nowhere_per_second: rounded(loss.nowhere),
            unserved_services: self.place.stranded[loss.lost].clone(),
            waiting_services: self.place.waiting[loss.lost].clone(),
        }
    }

    fn failure(&self, loss: &Loss, at: usize) -> Failure {
        let options = &self.verb.failure;
        Failure {
            own: self.of_an_edge(at, self.shares[at]),
            moved: self.of_an_edge(at, self.part(loss.gains[at])),
            machine: self.machine,
            ramp: options.ramp,
            redirect: options.redirect,
            back_off: options.back_off,
            longest_back_off: options.longest_back_off,
            patience: options.patience,
            resumed: options.resumed_elsewhere,
            longest: options.ramp.unwrap_or(options.redirect) + LOOKED_AT,
            seed: options.seed,
        }
    }

    /// The course of the loss of `lost`; `None` where nobody goes anywhere.
    fn course(&self, lost: usize) -> Option<ToldCourse> {
        let loss = self.losses.iter().find(|loss| loss.lost == lost)?;
        let gaining = || (0..loss.gains.len()).filter(|at| loss.gains[*at] > 0.0);
        let courses: Vec<_> = gaining().map(|at| (at, self.failure(loss, at).course(self.costs))).collect();
        let hard = |course: &Course| (course.steady_after.is_none(), course.peak_delay, course.peak_utilisation);
        let harder = |(_, a): &&(usize, Course), (_, b): &&(usize, Course)| {
            let (a, b) = (hard(a), hard(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
        };
        let (at, course) = courses.iter().rev().max_by(harder)?;
        let all =
            |of: fn(&Course) -> f64| rounded(courses.iter().map(|(at, course)| of(course) * self.there[*at]).sum());
        let latest = courses.iter().try_fold(0.0, |latest: f64, (_, course)| Some(latest.max(course.steady_after?)));
        let after = course.moments.last().map_or(0.0, |moment| moment.utilisation);
        let ramp = gentlest_ramp(self.costs, &Failure { longest: LOOKED_AT, ..self.failure(loss, *at) });
        Some(ToldCourse {
            lost: self.place.regions[lost].name.clone(),
            ramp_seconds: self.verb.failure.ramp,
            clients: all(|course| course.clients),
            hardest: self.place.regions[*at].name.clone(),
            course: ToldFigures {
                peak_attempts_per_second: rounded(course.peak_attempts),
                peak_waiting: rounded(course.peak_waiting),
                peak_utilisation: rounded(course.peak_utilisation),
                peak_delay_seconds: rounded(course.peak_delay),
                utilisation_before: rounded(self.utilisation(*at, self.shares[*at])),
                utilisation_after: rounded(after),
            },
            errors: all(|course| course.errors),
            slow: all(|course| course.slow),
            peak_attempts_per_second: all(|course| course.peak_attempts),
            server_connections: all(|course| course.server_connections),
            steady_after_seconds: latest.map(rounded),
            gentlest_ramp_seconds: ramp,
            moments: told_moments(course),
        })
    }

    fn fleet(&self) -> ToldFleet {
        let options = &self.verb.fleet;
        let fleet = Fleet {
            edges: self.there.iter().sum(),
            rules: options.rules.or(self.place.rules).unwrap_or(1000.0),
            edits: options.edits,
            streams: options.streams,
            scrapes: 1.0 / options.scrape_interval.max(0.1),
            distribution: options.distribution(),
        };
        let costs = self.costs;
        ToldFleet {
            edges: rounded(fleet.edges),
            rules: fleet.rules,
            table_bytes: rounded(fleet.table_bytes(costs)),
            reload_core_seconds: rounded(fleet.reload_seconds(costs)),
            seconds_until_all: rounded(fleet.seconds_until_all(costs)),
            edits_per_hour: fleet.edits,
            most_edits_per_hour: rounded(fleet.most_edits(costs)),
            most_rules: rounded(fleet.most_rules(costs)),
            cores_of_an_edge: rounded(fleet.cores(costs)),
            memory_mib: rounded(fleet.memory_mib(costs)),
            network_mbit: rounded(fleet.network_mbit(costs)),
            carried: fleet.is_carried(costs),
        }
    }

    /// What is not carried, in words.
    fn problems(&self, answer: &Answer) -> Vec<String> {
        let mut problems = Vec::new();
        for region in &answer.regions {
            let name = &region.name;
            match (region.edges, region.edges_with_loss) {
                (None, _) => problems.push(format!("{name}: no number of such edges carries its visitors")),
                (Some(needed), _) if needed > region.edges_there => problems.push(format!(
                    "{name}: its own visitors take {} edges, and it has {}",
                    whole(needed),
                    whole(region.edges_there)
                )),
                (_, Some(needed)) if needed > region.edges_there => problems.push(format!(
                    "{name}: with the loss of another region it takes {} edges, and it has {}",
                    whole(needed),
                    whole(region.edges_there)
                )),
                _ => {}
            }
            if let Some(most) = region.capacity_per_second.filter(|most| region.requests_per_second > most * 1.001) {
                let own = amount(region.requests_per_second);
                problems.push(format!("{name}: its own visitors make {own}/s, and its capacity is {}/s", amount(most)));
            }
        }
        for loss in &answer.losses {
            let lost = &loss.lost;
            for gain in loss.to.iter().filter(|gain| gain.over_capacity) {
                problems.push(format!(
                    "without {lost}, {} gets {}/s, and its capacity is {}/s",
                    gain.region,
                    amount(gain.gets_per_second),
                    amount(gain.capacity_per_second.unwrap_or(0.0))
                ));
            }
            if loss.nowhere_per_second > 0.0 && answer.losses.len() > 1 {
                problems.push(format!("without {lost}, nobody takes {}/s", amount(loss.nowhere_per_second)));
            }
            for service in &loss.unserved_services {
                problems.push(format!("without {lost}, nobody serves {service}: no other region has servers of it"));
            }
        }
        if let Some(loss) = answer.loss.as_ref().filter(|loss| loss.steady_after_seconds.is_none()) {
            let looked = time(self.verb.failure.ramp.unwrap_or(self.verb.failure.redirect) + LOOKED_AT);
            problems.push(format!("{} is not steady {looked} after the loss of {}", loss.hardest, loss.lost));
        }
        if !answer.fleet.carried {
            problems
                .push("tables do not reach all edges as often as they are edited, or cost them too much".to_owned());
        }
        problems
    }
}

/// As many of the moments as a person looks at: each with the highest figures of those that it stands for.
fn told_moments(course: &Course) -> Vec<ToldMoment> {
    let each = course.moments.len().div_ceil(TOLD).max(1);
    let told = |moments: &[crate::capacity::Moment]| {
        let most = |of: fn(&crate::capacity::Moment) -> f64| rounded(moments.iter().map(of).fold(0.0, f64::max));
        ToldMoment {
            second: rounded(moments.first().map_or(0.0, |moment| moment.second)),
            attempts_per_second: most(|moment| moment.attempts),
            waiting: most(|moment| moment.waiting),
            utilisation: most(|moment| moment.utilisation),
            delay_seconds: most(|moment| moment.delay),
            connected: most(|moment| moment.connected),
        }
    };
    course.moments.chunks(each).map(told).collect()
}

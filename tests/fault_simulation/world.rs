//! Visitors, time, and all that stands between visitors and servers.

use crate::chance::Chance;
use crate::pool::{End, Fault, Pool};
use homeward::model::RetryRules;
use homeward::resilience::{
    Admission, Asked, BreakerState, BudgetedRequest, BudgetedRetry, Class, Crossing, Entry, Gate, GateSize, Mishap,
    Pass, Places, RetryBudget, RetryVerdict, Ticket, Tried, retry,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What came of it all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Figures {
    pub requests: u64,
    pub failed: u64,
    pub retries: u64,
    pub refused_retries: u64,
    pub gated: u64,
    pub shed: u64,
    pub ejections: u64,
    pub openings: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    /// It has a place, or comes back from a wait.
    Goes(u64),
    Ends(u64),
    /// The longest wait at the gate is over.
    GateOpens(u64),
    PlaceIsLate(u64),
    Probe,
    Round,
    Weather,
}

struct Request {
    session: u64,
    class: Class,
    began: Duration,
    tried: Vec<usize>,
    tries: u8,
    unreached: u8,
    place: Option<u64>,
    _active: Option<BudgetedRequest>,
    retry: Option<BudgetedRetry>,
    attempt: Option<(usize, Option<Pass>, End)>,
    ticket: Option<Ticket>,
    waits_at: Option<usize>,
    goes_anyway: bool,
}

pub struct World {
    chance: Chance,
    now: Duration,
    storm: bool,
    /// Whether there are enough requests for each server to get some.
    is_busy: bool,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    number: u64,
    pool: Pool,
    rules: RetryRules,
    budget: Arc<RetryBudget>,
    gate: Gate,
    admission: Admission<u64>,
    requests: HashMap<u64, Request>,
    gate_waits: BTreeMap<usize, Vec<u64>>,
    figures: Figures,
}

const SESSIONS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(10);
const PLACES: Places = Places { all: 12, of_visitors: 9, pending: 12, wait: Duration::from_secs(1) };
/// Longer than anything may take: a wait for a place, three tries of a second or of ten times the usual time, back-offs, and as
/// many waits at the gate.
const STUCK: Duration = Duration::from_secs(60);

impl World {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let count = |count: u32| count.try_into().unwrap();
        let mut world = Self {
            pool: Pool::of(2 + chance.below(9)),
            chance,
            now: Duration::from_secs(1),
            storm: true,
            is_busy: false,
            events: BinaryHeap::new(),
            number: 0,
            rules: RetryRules::default(),
            budget: Arc::default(),
            gate: Gate::new(GateSize { stripes: count(8), settled: count(64), patience: PATIENCE }),
            admission: Admission::default(),
            requests: HashMap::new(),
            gate_waits: BTreeMap::new(),
            figures: Figures::default(),
        };
        for event in [Event::Arrives, Event::Probe, Event::Round, Event::Weather] {
            world.after(Duration::ZERO, event);
        }
        world
    }

    pub fn storm_until(&mut self, end: Duration) {
        (self.storm, self.is_busy) = (true, false);
        self.run_until(end);
    }

    /// Every server is well from now on.
    pub fn calm_until(&mut self, end: Duration) {
        self.storm = false;
        self.pool.servers.iter_mut().for_each(|server| server.fault = Fault::None);
        self.run_until(end - Duration::from_mins(1));
        self.is_busy = true;
        self.pool.servers.iter_mut().for_each(|server| server.served = 0);
        self.run_until(end);
    }

    /// Nothing is left of faults that are over.
    pub fn check_that_all_is_well(&self) {
        for (place, server) in self.pool.servers.iter().enumerate() {
            assert!(server.health.is_healthy(), "server {place} stays unhealthy");
            assert!(!server.track.is_ejected(self.now), "server {place} stays ejected");
            let state = server.breaker.state(self.now);
            assert_eq!(state, BreakerState::Closed, "the breaker of server {place} never recovers");
            assert!(server.served > 0, "server {place} gets nothing");
        }
        assert!(self.gate.settled() <= 64);
        assert!(
            (self.budget.remaining(self.rules.budget, self.rules.budget_floor) - 1.0).abs() < 1e-9,
            "a retry leaks"
        );
    }

    /// What came of it, once nobody is under way any more.
    pub fn end(mut self) -> Figures {
        self.events = std::mem::take(&mut self.events)
            .into_iter()
            .filter(|Reverse((.., event))| *event != Event::Arrives)
            .collect();
        self.run_until(self.now + STUCK);
        assert!(self.requests.is_empty(), "requests are stuck");
        assert_eq!((self.admission.active(), self.admission.pending()), (0, 0), "places leak");
        assert!(self.gate_waits.values().all(Vec::is_empty), "somebody waits at the gate for ever");
        Figures { ejections: self.pool.ejections, openings: self.pool.openings, ..self.figures }
    }

    fn after(&mut self, time: Duration, event: Event) {
        self.number += 1;
        self.events.push(Reverse((self.now + time, self.number, event)));
    }

    fn run_until(&mut self, end: Duration) {
        while let Some(Reverse((at, ..))) = self.events.peek()
            && *at <= end
        {
            let Some(Reverse((at, _, event))) = self.events.pop() else { return };
            self.now = at;
            self.happens(event);
        }
        self.now = end;
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives => self.arrives(),
            Event::Goes(id) => self.goes(id),
            Event::Ends(id) => self.ends(id),
            Event::GateOpens(id) => {
                if let Some(request) = self.requests.get_mut(&id)
                    && let Some(stripe) = request.waits_at.take()
                {
                    request.goes_anyway = true;
                    self.gate_waits.entry(stripe).or_default().retain(|waiting| *waiting != id);
                    self.goes(id);
                }
            }
            Event::PlaceIsLate(id) => {
                if let Some(request) = self.requests.get(&id)
                    && let Some(number) = request.place
                    && self.admission.leave(request.class, number)
                {
                    self.shed(id);
                } else if self.requests.get(&id).is_some_and(|request| request._active.is_none()) {
                    self.shed(id);
                }
            }
            Event::Probe => {
                self.pool.probe();
                self.after(Duration::from_secs(2), Event::Probe);
            }
            Event::Round => {
                self.pool.judge(self.now);
                self.after(self.pool.outliers.interval, Event::Round);
            }
            Event::Weather => self.weather(),
        }
    }

    /// Something breaks, or is well again.
    fn weather(&mut self) {
        if self.storm {
            let (place, share) =
                (self.chance.below(self.pool.servers.len() as u64) as usize, 20 + self.chance.below(80));
            let fault = match self.chance.below(9) {
                0..=2 => Fault::None,
                3..=4 => Fault::Dead,
                5 => Fault::Silent,
                6 => Fault::Failing(share),
                7 => Fault::Erring(share),
                _ => Fault::Slow,
            };
            self.pool.servers[place].fault = fault;
            // One server is always there: without any, all there is to see is that nothing is.
            if self.pool.servers.iter().all(|server| matches!(server.fault, Fault::Dead | Fault::Silent)) {
                self.pool.servers[place].fault = Fault::None;
            }
        }
        let next = self.chance.between(Duration::from_secs(5), Duration::from_mins(5));
        self.after(next, Event::Weather);
    }

    fn arrives(&mut self) {
        // Mostly quiet, and now and then everybody at once.
        let (crowd, gap) = match self.is_busy {
            true => (1, 600),
            false if self.chance.percent(2) => (30, 20_000),
            false => (1, 6_000),
        };
        let wait = Duration::from_millis(self.chance.below(gap));
        self.after(wait, Event::Arrives);
        let session = self.chance.below(SESSIONS);
        for nth in 0..crowd {
            // A browser asks for several things of its session at once.
            let session = if nth % 4 == 0 { self.chance.below(SESSIONS) } else { session };
            let class = if self.chance.percent(60) { Class::Session } else { Class::Visitor };
            self.number += 1;
            let id = self.number;
            self.figures.requests += 1;
            let request = Request {
                session,
                class,
                began: self.now,
                tried: Vec::new(),
                tries: 0,
                unreached: 0,
                place: None,
                _active: None,
                retry: None,
                attempt: None,
                ticket: None,
                waits_at: None,
                goes_anyway: false,
            };
            self.requests.insert(id, request);
            match self.admission.ask(class, || id, self.now, PLACES) {
                Asked::Admitted => self.admitted(id),
                Asked::Waits { number, until, displaced } => {
                    self.requests.get_mut(&id).unwrap().place = Some(number);
                    self.after(until - self.now, Event::PlaceIsLate(id));
                    if let Some(other) = displaced {
                        self.shed(other);
                    }
                }
                Asked::Refused(_) => self.shed(id),
            }
        }
        assert!(self.admission.active() <= PLACES.all, "more than there are places");
        assert!(self.admission.pending() <= PLACES.pending as usize);
    }

    fn shed(&mut self, id: u64) {
        if self.requests.remove(&id).is_some() {
            self.figures.shed += 1;
        }
    }

    fn admitted(&mut self, id: u64) {
        let active = self.budget.begin();
        if let Some(request) = self.requests.get_mut(&id) {
            (request.place, request._active) = (None, Some(active));
            self.goes(id);
        } else {
            panic!("a place was given to nobody");
        }
    }

    /// A try begins, unless another request of its session is waited for.
    fn goes(&mut self, id: u64) {
        let now = self.now;
        let Some(request) = self.requests.get_mut(&id) else { return };
        let server = self.pool.pick(request.session, &request.tried, now);
        let home = self.pool.pick(request.session, &[], Duration::ZERO);
        if request.class == Class::Session && !request.goes_anyway {
            let crossing = Crossing { session: request.session, place: server as u64 };
            match self.gate.enter(crossing, server == home, now) {
                Entry::Open => {}
                Entry::Ahead(ticket) => request.ticket = Some(ticket),
                Entry::Waits { stripe, until } => {
                    assert!(until <= now + PATIENCE, "somebody is waited for too long");
                    self.figures.gated += 1;
                    request.waits_at = Some(stripe);
                    self.gate_waits.entry(stripe).or_default().push(id);
                    self.after(until.saturating_sub(now), Event::GateOpens(id));
                    return;
                }
            }
        }
        let entry = self.pool.servers[server].breaker.enter(now);
        let (end, took) = self.pool.attempt(server, &mut self.chance);
        request.attempt = Some((server, entry, end));
        request.tries += 1;
        self.after(took, Event::Ends(id));
    }

    fn ends(&mut self, id: u64) {
        let (now, random) = (self.now, self.chance.number());
        let Some(request) = self.requests.get_mut(&id) else { return };
        let (server, entry, end) = request.attempt.take().expect("an attempt that was made");
        self.pool.ended(server, entry, end, now, random);
        let left = request.ticket.take().map(|ticket| self.gate.leave(ticket, end == End::Answered(200)));
        let mishap = match end {
            End::NoConnection => Mishap::NoConnection,
            End::Silent => Mishap::Silent,
            End::Answered(status) => Mishap::Answered { status, grpc: None },
        };
        request.unreached += u8::from(mishap == Mishap::NoConnection);
        let tried = Tried {
            mishap,
            has_answered: false,
            is_repeatable: true,
            is_body_held: true,
            is_hop: false,
            tries: request.tries,
            unreached: request.unreached,
            tries_in_all: request.tries,
            time_left: None,
        };
        request.tried.push(server);
        request.retry = None;
        assert!(now - request.began < STUCK, "a request takes {:?}", now - request.began);
        let again = match retry(&self.rules, &tried, random) {
            RetryVerdict::Retry { after } => match self.budget.acquire(self.rules.budget, self.rules.budget_floor) {
                Some(granted) => {
                    request.retry = Some(granted);
                    Some(after)
                }
                None => {
                    self.figures.refused_retries += 1;
                    None
                }
            },
            RetryVerdict::PassOn(_) => None,
        };
        match again {
            Some(after) => {
                self.figures.retries += 1;
                self.check_budget();
                self.after(after, Event::Goes(id));
            }
            None => self.leaves(id, end),
        }
        for waiting in left.and_then(|stripe| self.gate_waits.remove(&stripe)).unwrap_or_default() {
            if let Some(request) = self.requests.get_mut(&waiting) {
                request.waits_at = None;
                self.goes(waiting);
            }
        }
    }

    fn leaves(&mut self, id: u64, end: End) {
        let Some(request) = self.requests.remove(&id) else { return };
        self.figures.failed += u64::from(end != End::Answered(200));
        self.admission.give_back(request.class);
        drop(request);
        while let Some((_, next)) = self.admission.next(self.now, PLACES) {
            self.admitted(next);
        }
    }

    /// Counted anew, and not by the budget itself.
    fn check_budget(&self) {
        let active = self.requests.values().filter(|request| request._active.is_some()).count();
        let retries = self.requests.values().filter(|request| request.retry.is_some()).count();
        // What was granted by more requests than are left stays granted.
        let most = ((PLACES.all as f64 * self.rules.budget.ratio()) as usize).max(self.rules.budget_floor as usize);
        assert!(retries <= most && retries <= active, "{retries} retries of {active} requests");
    }
}

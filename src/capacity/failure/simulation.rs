//! The loss, step by step.

use super::{CALM, Course, Failure, Moment};
use crate::capacity::{Costs, Load, need};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The clients that stand for all.
const CLIENTS: f64 = 20_000.0;

/// The length of a step, in seconds.
const STEP: f64 = 0.1;

/// Numbers by chance from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    /// Between 0 and 1, never one of them.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// A client that stands for some.
#[derive(Clone, Copy)]
struct Client {
    /// When it can be led to another region, in seconds.
    redirected: f64,
    /// When it first tried; below 0 where it has not.
    first: f64,
    tries: i32,
    has_failed: bool,
    is_connected: bool,
}

/// What a client does next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// It tries to connect.
    Try,
    /// It gives its attempt of this number up, if that has not come to anything.
    GiveUp(i32),
}

/// Work that waits for a core.
enum Job {
    /// A client that wants a connection, by its attempt of this number.
    Connect { client: usize, attempt: i32 },
    /// What came by the connections that are there.
    Usual { seconds: f64 },
}

/// The state of one edge and of all that come to it.
pub(super) struct Simulation<'a> {
    failure: &'a Failure,
    /// How many each client stands for.
    weight: f64,
    clients: Vec<Client>,
    /// When who does what, in nanoseconds, the earliest first.
    acts: BinaryHeap<Reverse<(u64, usize, Act)>>,
    jobs: VecDeque<Job>,
    chance: Chance,
    /// Seconds of a core: a new connection that comes to its first answer, one whose client has gone, a second of the usual
    /// work of the own visitors and of all that are moved, a new connection to a server.
    connect: f64,
    given_up: f64,
    own: f64,
    moved: f64,
    to_server: f64,
    /// Core-seconds that idle cores would add in a second, for the own visitors and for all that are moved.
    waking: (f64, f64),
    /// Work that was begun and is not done, in seconds of a core; and what the usual work of all waiting jobs is.
    debt: f64,
    queued: f64,
    /// Clients without a connection, among those that come at all.
    missing: usize,
    connected: f64,
    waiting: f64,
    /// Connections to servers that the pools have.
    pool: f64,
    course: Course,
}

fn nanoseconds(seconds: f64) -> u64 {
    // Saturates; nothing that far off comes about.
    (seconds.max(0.0) * 1e9) as u64
}

impl<'a> Simulation<'a> {
    /// Before anything has happened.
    pub(super) fn new(failure: &'a Failure, costs: &Costs) -> Self {
        let Failure { own, moved, .. } = failure;
        let count = moved.connections.min(CLIENTS).floor().max(if moved.connections > 0.0 { 1.0 } else { 0.0 });
        let weight = if count > 0.0 { moved.connections / count } else { 0.0 };
        let handshake = moved.tls * need::handshake_us(costs, failure.resumed);
        let work = |load: &Load| need::Work::of(costs, load);
        let mut simulation = Self {
            failure,
            weight,
            clients: Vec::new(),
            acts: BinaryHeap::new(),
            jobs: VecDeque::new(),
            chance: Chance(failure.seed),
            connect: (costs.connection_us + handshake) * 1e-6 + need::request_seconds(costs, moved),
            given_up: costs.connection_us * 1e-6,
            own: work(own).busy_cores(),
            moved: work(moved).busy_cores(),
            to_server: costs.server_connection_us * 1e-6,
            waking: (work(own).waking, work(moved).waking),
            debt: 0.0,
            queued: 0.0,
            missing: 0,
            connected: 0.0,
            waiting: 0.0,
            pool: own.server_connections(),
            course: Course { clients: moved.connections, ..Course::default() },
        };
        // Exact: it is at most CLIENTS.
        (0..count as usize).for_each(|_| simulation.add_client());
        simulation
    }

    /// When a client first tries: a WebSocket as soon as it is cut, up to a back-off later; others with their next request.
    fn add_client(&mut self) {
        let Failure { moved, ramp, redirect, back_off, .. } = *self.failure;
        let is_websocket = self.chance.next() < moved.websockets;
        let requests = moved.connections * (1.0 - moved.websockets);
        let each = if requests > 0.0 { moved.requests / requests } else { 0.0 };
        let next_request = |chance: f64| if each > 0.0 { -chance.ln() / each } else { f64::INFINITY };
        let (redirected, cut) = match ramp {
            // A client that is drained is led elsewhere before its connection is closed.
            Some(ramp) => (0.0, ramp * self.chance.next()),
            None => (redirect * self.chance.next(), 0.0),
        };
        let after = match is_websocket {
            true => back_off * self.chance.next(),
            false => next_request(self.chance.next()),
        };
        let at = self.clients.len();
        // A request under way is lost with the region.
        let under_way = ramp.is_none() && self.chance.next() < each * moved.app_seconds;
        self.clients.push(Client { redirected, first: -1.0, tries: 0, has_failed: under_way, is_connected: false });
        self.course.errors += if under_way { self.weight } else { 0.0 };
        let first = if under_way { back_off * self.chance.next() } else { cut + after };
        if first <= self.failure.longest {
            self.acts.push(Reverse((nanoseconds(first), at, Act::Try)));
            self.missing += 1;
        } else {
            // It does not come within the time looked at, and is waited for by nobody.
            self.clients[at].is_connected = true;
            self.connected += self.weight;
        }
    }

    /// To the end, or until something is noticed where nobody wants to know more.
    pub(super) fn run(mut self, stops_when_noticed: bool) -> Course {
        let steps = (self.failure.longest / STEP).ceil().min(200_000.0) as usize;
        let mut steady_since = None;
        for step in 0..steps {
            let now = step as f64 * STEP;
            let attempts = self.arrive(now + STEP);
            let spent = self.work(now);
            let moment = self.moment(now, attempts, spent);
            self.note(moment);
            let course = &self.course;
            if stops_when_noticed && (course.errors >= 0.5 || course.slow >= 0.5 || course.peak_delay > CALM) {
                break;
            }
            let is_steady = moment.delay <= CALM && self.missing == 0;
            steady_since = if is_steady { steady_since.or(Some(now)) } else { None };
            // Some more, so that what comes after it is seen too.
            if steady_since.is_some_and(|since| now >= since + 10.0 && now >= 1.5 * since) {
                break;
            }
        }
        self.course.steady_after = steady_since;
        let never = self.clients.iter().filter(|client| client.first >= 0.0 && !client.is_connected).count();
        self.course.slow += never as f64 * self.weight;
        self.course
    }

    /// Everything that comes before `end`, with the usual work of a step. Gives back how many attempts came.
    fn arrive(&mut self, end: f64) -> f64 {
        let mut attempts = 0.0;
        while let Some(Reverse((at, client, act))) = self.acts.peek().copied() {
            let now = at as f64 / 1e9;
            if now >= end {
                break;
            }
            self.acts.pop();
            match act {
                Act::Try => attempts += if self.attempt(client, now) { self.weight } else { 0.0 },
                Act::GiveUp(attempt) => {
                    let known = &self.clients[client];
                    if !known.is_connected && known.tries == attempt {
                        self.fail(client, now);
                    }
                }
            }
        }
        let part =
            if self.failure.moved.connections > 0.0 { self.connected / self.failure.moved.connections } else { 0.0 };
        let seconds = (self.own + self.moved * part) * STEP + self.fill_pools(part);
        self.queued += seconds;
        self.jobs.push_back(Job::Usual { seconds });
        attempts
    }

    /// A client tries. Gives back whether the edge gets to see it.
    fn attempt(&mut self, client: usize, now: f64) -> bool {
        let known = &mut self.clients[client];
        if known.first < 0.0 {
            known.first = now;
        }
        let attempt = known.tries;
        if now < known.redirected {
            self.fail(client, now);
            return false;
        }
        if self.failure.is_refused(self.connected + self.waiting) {
            self.debt += self.given_up * self.weight;
            self.fail(client, now);
            return true;
        }
        self.waiting += self.weight;
        self.queued += self.connect * self.weight;
        self.jobs.push_back(Job::Connect { client, attempt });
        self.acts.push(Reverse((nanoseconds(now + self.failure.patience), client, Act::GiveUp(attempt))));
        true
    }

    /// The work of connections to servers that are missing.
    fn fill_pools(&mut self, part: f64) -> f64 {
        let wanted = self.failure.own.server_connections() + self.failure.moved.server_connections() * part;
        let new = (wanted - self.pool).max(0.0);
        self.pool += new;
        self.course.server_connections += new;
        new * self.to_server
    }

    /// Does what the cores have time for in the step that begins at `now`, and gives back how much that was.
    fn work(&mut self, now: f64) -> f64 {
        let time = self.failure.machine.cores * STEP;
        let mut done = self.debt;
        while done < time {
            let Some(job) = self.jobs.pop_front() else { break };
            match job {
                Job::Usual { seconds } => {
                    self.queued -= seconds;
                    done += seconds;
                }
                Job::Connect { client, attempt } => {
                    self.waiting -= self.weight;
                    self.queued -= self.connect * self.weight;
                    if self.clients[client].tries == attempt {
                        done += self.connect * self.weight;
                        // What was before it has taken its time.
                        self.connect(client, now + (done / self.failure.machine.cores).min(STEP));
                    } else {
                        // Nobody waits for it any more: the edge finds a closed connection.
                        done += self.given_up * self.weight;
                    }
                }
            }
        }
        self.debt = (done - time).max(0.0);
        done.min(time)
    }

    fn connect(&mut self, client: usize, at: f64) {
        let known = &mut self.clients[client];
        known.is_connected = true;
        self.missing -= 1;
        if at - known.first > 1.0 {
            self.course.slow += self.weight;
        }
        self.connected += self.weight;
    }

    fn fail(&mut self, client: usize, at: f64) {
        let Failure { back_off, longest_back_off, .. } = *self.failure;
        let known = &mut self.clients[client];
        if !known.has_failed {
            known.has_failed = true;
            self.course.errors += self.weight;
        }
        known.tries += 1;
        let most = (back_off * 2.0_f64.powi(known.tries.min(30))).min(longest_back_off.max(back_off));
        // At random between half of it and all of it.
        let wait = most * (0.5 + 0.5 * self.chance.next());
        self.acts.push(Reverse((nanoseconds(at + wait.max(1e-3)), client, Act::Try)));
    }

    fn moment(&self, second: f64, attempts: f64, spent: f64) -> Moment {
        let cores = self.failure.machine.cores;
        let connected =
            if self.failure.moved.connections > 0.0 { self.connected / self.failure.moved.connections } else { 1.0 };
        let waking = self.waking.0 + self.waking.1 * connected.min(1.0);
        let rate = spent / STEP;
        Moment {
            second,
            attempts: attempts / STEP,
            waiting: self.waiting,
            utilisation: need::busy_part(rate, waking, cores).clamp(0.0, 1.0),
            delay: ((self.queued + self.debt) / cores).max(0.0),
            connected: connected.min(1.0),
        }
    }

    fn note(&mut self, moment: Moment) {
        let course = &mut self.course;
        course.peak_attempts = course.peak_attempts.max(moment.attempts);
        course.peak_waiting = course.peak_waiting.max(moment.waiting);
        course.peak_utilisation = course.peak_utilisation.max(moment.utilisation);
        course.peak_delay = course.peak_delay.max(moment.delay);
        course.moments.push(moment);
    }
}

//! The servers of the simulated pool, and what judges them.

use crate::chance::Chance;
use homeward::model::{BreakerRules, OutlierRules};
use homeward::resilience::{
    AttemptEnd, Breaker, BreakerChange, Health, HealthLimits, Member, Observation, OutlierTrack, Pass, Seen,
    eject_for_failures, judge,
};
use std::time::Duration;

/// What is wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It refuses connections.
    Dead,
    /// It takes connections and answers nothing.
    Silent,
    /// So many of a hundred answers are 503.
    Failing(u64),
    /// So many of a hundred answers are 500.
    Erring(u64),
    /// It takes ten times as long.
    Slow,
}

/// How an attempt ends, and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    NoConnection,
    Silent,
    Answered(u16),
}

pub struct Server {
    pub fault: Fault,
    pub health: Health,
    pub track: OutlierTrack,
    pub breaker: Breaker,
    pub served: u64,
}

pub struct Pool {
    pub servers: Vec<Server>,
    pub outliers: OutlierRules,
    pub breakers: BreakerRules,
    pub ejections: u64,
    pub openings: u64,
}

impl Pool {
    pub fn of(count: u64) -> Self {
        let breakers = BreakerRules { least: 5.try_into().unwrap(), ..BreakerRules::default() };
        let server = || Server {
            fault: Fault::None,
            health: Health::UNTRIED,
            track: OutlierTrack::default(),
            breaker: Breaker::default(),
            served: 0,
        };
        let servers = std::iter::repeat_with(server).take(count as usize).collect();
        Self { servers, outliers: OutlierRules::default(), breakers, ejections: 0, openings: 0 }
    }

    fn members(&self) -> Vec<Member<'_>> {
        let members = self.servers.iter();
        members.map(|server| Member { track: &server.track, is_healthy: server.health.is_healthy() }).collect()
    }

    /// The first server in the order of a session that is open and was not tried; where none is left one that is healthy, and
    /// then any.
    pub fn pick(&self, session: u64, tried: &[usize], now: Duration) -> usize {
        let order = |place: &usize| Chance::of(session.wrapping_mul(97).wrapping_add(*place as u64)).number();
        let of = |is_open: &dyn Fn(&Server) -> bool, tried: &[usize]| {
            let open =
                self.servers.iter().enumerate().filter(|(place, server)| !tried.contains(place) && is_open(server));
            open.map(|(place, _)| place).min_by_key(order)
        };
        let is_open = |server: &Server| {
            server.health.is_healthy() && !server.track.is_ejected(now) && !server.breaker.is_cut(|| now)
        };
        of(&is_open, tried)
            .or_else(|| of(&|server| server.health.is_healthy(), tried))
            .or_else(|| of(&|_| true, tried))
            .or_else(|| of(&|_| true, &[]))
            .unwrap()
    }

    /// How an attempt at a server ends that begins now, and after how long.
    pub fn attempt(&self, place: usize, chance: &mut Chance) -> (End, Duration) {
        let usual = chance.between(Duration::from_millis(20), Duration::from_millis(60));
        match self.servers[place].fault {
            Fault::None => (End::Answered(200), usual),
            Fault::Dead => (End::NoConnection, Duration::from_millis(1)),
            Fault::Silent => (End::Silent, Duration::from_secs(1)),
            Fault::Failing(share) => (End::Answered(if chance.percent(share) { 503 } else { 200 }), usual),
            Fault::Erring(share) => (End::Answered(if chance.percent(share) { 500 } else { 200 }), usual),
            Fault::Slow => (End::Answered(200), 10 * usual),
        }
    }

    /// Takes in how an attempt ended.
    pub fn ended(&mut self, place: usize, entry: Option<Pass>, end: End, now: Duration, random: u64) {
        let seen = match end {
            End::Answered(200) => Seen::Good,
            End::Answered(500) => Seen::Error,
            _ => Seen::Failure,
        };
        self.observe(place, if end == End::NoConnection { Observation::Unreachable } else { Observation::Reached });
        let verdict = if seen == Seen::Failure { AttemptEnd::Failure } else { AttemptEnd::Success };
        let server = &mut self.servers[place];
        server.served += u64::from(end == End::Answered(200));
        let change = entry.and_then(|entry| server.breaker.ended(entry, verdict, now, random, &self.breakers));
        self.openings += u64::from(matches!(change, Some(BreakerChange::Opened { .. })));
        if server.track.record(seen, now, &self.outliers) {
            let ejected = eject_for_failures(&self.members(), place, now, &self.outliers).is_some();
            self.ejections += u64::from(ejected);
            self.check(now);
        }
    }

    /// Looks at every server as a probe does.
    pub fn probe(&mut self) {
        for place in 0..self.servers.len() {
            let is_dead = self.servers[place].fault == Fault::Dead;
            self.observe(place, if is_dead { Observation::Unreachable } else { Observation::Reached });
        }
    }

    pub fn judge(&mut self, now: Duration) {
        self.ejections += judge(&self.members(), now, &self.outliers).len() as u64;
        self.check(now);
    }

    fn observe(&mut self, place: usize, observation: Observation) {
        let health = &mut self.servers[place].health;
        *health = health.observe(observation, HealthLimits::default());
    }

    /// An ejection never takes more than the share of a pool.
    fn check(&self, now: Duration) {
        let ejected = self.servers.iter().filter(|server| server.track.is_ejected(now)).count();
        let most = ((self.servers.len() as f64 * self.outliers.most_ejected.ratio()) as usize).max(1);
        assert!(ejected <= most && ejected < self.servers.len(), "{ejected} of {}", self.servers.len());
    }
}

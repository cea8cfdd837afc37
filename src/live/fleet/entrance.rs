//! The entrance of a pool: whether anybody may go there, and who gets a place.

use super::purpose::Purpose;
use crate::live::{clock, entropy};
use crate::model::{BreakerRules, PoolLimits, RegionName, Resilience};
use crate::resilience::{
    Admission, Asked, AttemptEnd, Breaker, BreakerChange, BreakerState, Class, Concurrency, NoPlace, Pass, Places,
};
use crate::telemetry::Rejection;
use arc_swap::ArcSwap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time;

/// The pool's breaker opens where so much of its attempts got no answer at all.
///
/// Sessions that are moved lose their logins. Where nine of ten attempts bring nothing, they have lost more than that already;
/// an app that answers 503, however often, is there, and has its reasons.
const NO_ANSWERS: f64 = 0.9;

/// By what an entrance lets in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Rules {
    breaker: BreakerRules,
    limits: PoolLimits,
}

/// The entrance of one pool. It belongs to what the pool is, and outlives the tables: what is edited at the pool changes
/// nobody's place. Without limits nobody takes a lock there.
#[derive(Debug)]
pub struct Entrance {
    purpose: Purpose,
    region: RegionName,
    rules: ArcSwap<Rules>,
    pub(super) breaker: Breaker,
    /// How many requests are in, counted or not.
    active: AtomicUsize,
    /// How many servers may be asked, as was said last.
    servers: AtomicUsize,
    places: Mutex<Admission<oneshot::Sender<()>>>,
    concurrency: Mutex<Option<Concurrency>>,
    /// What the last said last; 0 where there is none.
    adaptive_limit: AtomicU32,
}

/// What became of who wanted to enter.
#[derive(Debug)]
pub enum Entered {
    /// It has a place.
    In(Place),
    /// It has to wait for one.
    Waits(Waiter),
    /// It may not, and should not come again before so long.
    No(Rejection, Duration),
}

impl Entrance {
    pub(super) fn new(purpose: Purpose, region: RegionName) -> Self {
        Self {
            purpose,
            region,
            rules: ArcSwap::default(),
            breaker: Breaker::default(),
            active: AtomicUsize::new(0),
            servers: AtomicUsize::new(0),
            places: Mutex::default(),
            concurrency: Mutex::default(),
            adaptive_limit: AtomicU32::new(0),
        }
    }

    /// Lets in by what a service says from now on.
    pub(super) fn follow(&self, resilience: &Resilience) {
        let Resilience { breaker, limits, .. } = resilience;
        let rules = Rules { breaker: *breaker, limits: *limits };
        let before = self.rules.swap(Arc::new(rules));
        if !rules.breaker.pool {
            self.breaker.reset();
        }
        if before.limits.adaptive != rules.limits.adaptive {
            let concurrency = rules.limits.adaptive.map(Concurrency::new);
            let limit = concurrency.as_ref().map_or(0, Concurrency::limit);
            *self.concurrency.lock().unwrap_or_else(PoisonError::into_inner) = concurrency;
            self.adaptive_limit.store(limit, Ordering::Relaxed);
        }
        self.hand_on(&mut self.admission());
    }

    /// By what breakers open.
    #[must_use]
    pub fn breaker_rules(&self) -> BreakerRules {
        self.rules.load().breaker
    }

    /// How many requests one server may have at once.
    #[must_use]
    pub fn most_of_server(&self) -> usize {
        self.rules.load().limits.server_requests.map_or(usize::MAX, |most| most.get() as usize)
    }

    /// Whether nobody may go there, as it gives no answers. While its breaker is closed one atomic load.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.breaker.is_cut(clock::elapsed)
    }

    /// Where its breaker stands.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.breaker.state(clock::elapsed())
    }

    /// How many requests are in.
    #[must_use]
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// How many wait for a place.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.admission().pending()
    }

    /// How many requests may be in at once; `None` where there is no limit.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        let limits = self.rules.load().limits;
        limits.are_set().then(|| self.places_by(&limits).all)
    }

    /// Lets a request in, or not, where the pool has so many servers that may be asked.
    #[must_use]
    pub fn enter(self: &Arc<Self>, class: Class, servers: usize) -> Entered {
        let rules = **self.rules.load();
        let now = clock::elapsed();
        let entry = if rules.breaker.pool { self.breaker.enter(now) } else { Some(Pass::Free) };
        let Some(entry) = entry else {
            return Entered::No(Rejection::BreakerOpen, self.breaker.open_for(now));
        };
        if !rules.limits.are_set() {
            return Entered::In(self.place(class, false, Some(entry)));
        }
        self.servers.store(servers, Ordering::Relaxed);
        let places = self.places_by(&rules.limits);
        let mut told = None;
        let tell = || {
            let (tell, receiver) = oneshot::channel();
            told = Some(receiver);
            tell
        };
        let asked = self.admission().ask(class, tell, now, places);
        // Who had to make room hears of it as what it waits for is dropped here.
        match (asked, told) {
            (Asked::Admitted, _) => Entered::In(self.place(class, true, Some(entry))),
            (Asked::Waits { number, until, displaced: _ }, Some(told)) => {
                Entered::Waits(Waiter { entrance: Arc::clone(self), class, number, until, told, entry: Some(entry) })
            }
            (Asked::Waits { .. }, None) => self.reject(entry, Rejection::Requests),
            (Asked::Refused(why), _) => {
                let why = match why {
                    NoPlace::Full => Rejection::Requests,
                    NoPlace::TooManyWait => Rejection::Pending,
                    NoPlace::SessionsFirst => Rejection::Shed,
                };
                self.reject(entry, why)
            }
        }
    }

    fn place(self: &Arc<Self>, class: Class, counted: bool, entry: Option<Pass>) -> Place {
        self.active.fetch_add(1, Ordering::Relaxed);
        Place { entrance: Arc::clone(self), class, counted, entry }
    }

    fn reject(&self, entry: Pass, why: Rejection) -> Entered {
        self.tell(entry, AttemptEnd::Unknown);
        Entered::No(why, self.rules.load().limits.wait)
    }

    /// Tells the breaker what became of an attempt, and the log what that changed.
    fn tell(&self, entry: Pass, end: AttemptEnd) {
        if entry == Pass::Free && end == AttemptEnd::Unknown {
            return;
        }
        let rules = self.rules.load().breaker;
        if !rules.pool {
            return;
        }
        let rules = BreakerRules { failures: rules.failures.max(NO_ANSWERS), ..rules };
        if let Some(change) = self.breaker.ended(entry, end, clock::elapsed(), entropy::random_u64(), &rules) {
            let thing = format_args!("{} in {}", self.purpose, self.region);
            log_change(&thing, change, self.breaker.open_for(clock::elapsed()));
        }
    }

    /// Takes in how long an answer took, or that it did not come for so long.
    pub(super) fn answered(&self, took: Duration) {
        if self.adaptive_limit.load(Ordering::Relaxed) == 0 {
            return;
        }
        // Where another thread tells it something, it does without this.
        let Ok(mut concurrency) = self.concurrency.try_lock() else { return };
        let Some(machine) = concurrency.as_mut() else { return };
        machine.answered(took, u32::try_from(self.active()).unwrap_or(u32::MAX), clock::elapsed());
        self.adaptive_limit.store(machine.limit(), Ordering::Relaxed);
    }

    fn places_by(&self, limits: &PoolLimits) -> Places {
        let adaptive = match self.adaptive_limit.load(Ordering::Relaxed) {
            0 => u32::MAX,
            limit => limit,
        };
        let servers = u32::try_from(self.servers.load(Ordering::Relaxed).max(1)).unwrap_or(u32::MAX);
        let of_servers = limits.server_requests.map_or(u32::MAX, |most| most.get().saturating_mul(servers));
        let all = limits.requests.map_or(u32::MAX, |most| most.get()).min(adaptive).min(of_servers);
        // A part of a number is none that is larger.
        let of_visitors = (f64::from(all) * limits.new_visitors.ratio()) as u32;
        Places { all, of_visitors: of_visitors.max(1), pending: limits.pending, wait: limits.wait }
    }

    /// Gives the places that are free to those who wait.
    fn hand_on(&self, admission: &mut Admission<oneshot::Sender<()>>) {
        if admission.pending() == 0 {
            return;
        }
        let limits = self.rules.load().limits;
        let places = if limits.are_set() {
            self.places_by(&limits)
        } else {
            Places { all: u32::MAX, of_visitors: u32::MAX, pending: 0, wait: limits.wait }
        };
        while let Some((class, tell)) = admission.next(clock::elapsed(), places) {
            if tell.send(()).is_err() {
                admission.give_back(class); // nobody is there to take it
            }
        }
    }

    /// It is whole between any two statements that change it.
    fn admission(&self) -> MutexGuard<'_, Admission<oneshot::Sender<()>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a pool, for one request however often it is tried. It is free again once this goes.
#[derive(Debug)]
pub struct Place {
    entrance: Arc<Entrance>,
    class: Class,
    /// Whether it is one of those that there is a limit on.
    counted: bool,
    /// As what it went past the pool's breaker, until that was told something.
    entry: Option<Pass>,
}

impl Place {
    /// Whether it is one at this entrance.
    #[must_use]
    pub fn is_at(&self, entrance: &Arc<Entrance>) -> bool {
        Arc::ptr_eq(&self.entrance, entrance)
    }

    /// Tells the pool's breaker what became of an attempt. One that passed as one of the trickle says one thing.
    pub(super) fn tell(&mut self, end: AttemptEnd) {
        match &self.entry {
            Some(Pass::Free) => self.entrance.tell(Pass::Free, end),
            Some(Pass::Trickle(_)) if end != AttemptEnd::Unknown => {
                if let Some(entry) = self.entry.take() {
                    self.entrance.tell(entry, end);
                }
            }
            _ => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.entrance.active.fetch_sub(1, Ordering::Relaxed);
        if let Some(entry) = self.entry.take() {
            self.entrance.tell(entry, AttemptEnd::Unknown);
        }
        if self.counted {
            let mut admission = self.entrance.admission();
            admission.give_back(self.class);
            self.entrance.hand_on(&mut admission);
        }
    }
}

/// One that waits for a place. It no longer does once this goes.
#[derive(Debug)]
pub struct Waiter {
    entrance: Arc<Entrance>,
    class: Class,
    number: u64,
    until: Duration,
    told: oneshot::Receiver<()>,
    entry: Option<Pass>,
}

impl Waiter {
    /// Waits until there is a place, for as long as it may.
    ///
    /// # Errors
    /// Where there is none, and after how long it may come again.
    pub async fn place(mut self) -> Result<Place, (Rejection, Duration)> {
        let wait = self.until.saturating_sub(clock::elapsed());
        match time::timeout(wait, &mut self.told).await {
            Ok(Ok(())) => {
                let entry = self.entry.take();
                Ok(self.entrance.place(self.class, true, entry))
            }
            Ok(Err(_)) if clock::elapsed() < self.until => {
                Err((Rejection::Shed, self.entrance.rules.load().limits.wait))
            }
            Ok(Err(_)) | Err(_) => Err((Rejection::Waited, self.entrance.rules.load().limits.wait)),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.entrance.tell(entry, AttemptEnd::Unknown);
        }
        let mut admission = self.entrance.admission();
        if !admission.leave(self.class, self.number) && self.told.try_recv().is_ok() {
            // It got a place in the moment in which it stopped to wait.
            admission.give_back(self.class);
            self.entrance.hand_on(&mut admission);
        }
    }
}

/// Says what changed of a breaker, and why.
pub(super) fn log_change(of: &dyn fmt::Display, change: BreakerChange, open_for: Duration) {
    let seconds = open_for.as_secs_f64();
    match change {
        BreakerChange::Opened { attempts, failures } => tracing::warn!(
            "the breaker of {of} is open: {failures} of {attempts} attempts failed; a few are let through in {seconds:.1} s"
        ),
        BreakerChange::Reopened => tracing::warn!(
            "the breaker of {of} is open again: an attempt that was let through failed; the next one is in {seconds:.1} s"
        ),
        BreakerChange::Closed => tracing::info!("the breaker of {of} is closed again: what was let through succeeded"),
    }
}

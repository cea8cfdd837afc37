//! When it is measured, and what is seen meanwhile.

use super::plan::{Outcome, Plan};
use crate::machine;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long answers are waited for that were due before the end.
const PATIENCE: u64 = 2_000_000_000;

/// The most requests that are due and have not been sent.
const MOST_DUE: usize = 1 << 20;

/// The clock of a load; all times are nanoseconds since it began.
pub struct Meter {
    began: Instant,
    warm_up: u64,
    window: u64,
    slice: Option<u64>,
    /// Between requests that are due, and when the next one is; `None` for at once.
    pace: Option<(f64, f64)>,
    /// When the window begins, once all is connected.
    from: Option<u64>,
    /// What has been read at its beginning.
    at_begin: Option<(u64, u64)>,
    watched: Vec<u32>,
    outcome: Outcome,
    /// Whether the window is over.
    is_over: bool,
    /// Requests that are due and have no connection yet, by when they were.
    pub due: VecDeque<u64>,
    /// Those within the window that have no answer yet.
    open: u64,
}

impl Meter {
    /// One that waits for everything to be connected.
    pub fn new(plan: &Plan) -> Self {
        let nanoseconds = |seconds: f64| (seconds * 1e9) as u64;
        Self {
            began: Instant::now(),
            warm_up: nanoseconds(plan.warm_up),
            window: nanoseconds(plan.window),
            slice: plan.slice.map(nanoseconds),
            pace: plan.pace.map(|pace| (1e9 / pace, 0.0)),
            from: None,
            at_begin: None,
            watched: plan.watched.clone(),
            outcome: Outcome::default(),
            is_over: false,
            due: VecDeque::new(),
            open: 0,
        }
    }

    /// The time.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Everything is connected: it begins to count down.
    pub fn connected(&mut self, now: u64) {
        if self.from.is_none() {
            self.from = Some(now + self.warm_up);
            if let Some((_, next)) = &mut self.pace {
                *next = now as f64;
            }
        }
    }

    /// Whether a connection sends its next request as soon as it has had an answer.
    pub fn is_closed_loop(&self) -> bool {
        self.pace.is_none()
    }

    fn is_within(&self, due: u64) -> bool {
        self.from.is_some_and(|from| (from..from + self.window).contains(&due))
    }

    /// A right answer has come.
    pub fn answered(&mut self, due: u64, now: u64) {
        // At a given pace what was due within the window counts, whenever it is answered; else what is answered in it.
        let (counts, at) = if self.is_closed_loop() {
            (self.at_begin.is_some() && !self.is_over, now)
        } else {
            (self.is_within(due), due)
        };
        if !counts {
            return;
        }
        self.open = self.open.saturating_sub(1);
        self.outcome.answers += 1;
        self.outcome.times.add(now.saturating_sub(due));
        if let (Some(slice), Some(from)) = (self.slice, self.from) {
            let index = (at.saturating_sub(from) / slice) as usize;
            if index >= self.outcome.slices.len() {
                self.outcome.slices.resize(index + 1, Default::default());
            }
            self.outcome.slices[index].add(now.saturating_sub(due));
        }
    }

    /// A request has failed.
    pub fn failed(&mut self, due: u64, why: &str) {
        let counts = if self.is_closed_loop() { self.at_begin.is_some() && !self.is_over } else { self.is_within(due) };
        if counts {
            self.open = self.open.saturating_sub(1);
            *self.outcome.failures.entry(why.to_owned()).or_default() += 1;
        }
    }

    /// Whether everything fails, so that there is no sense in going on.
    pub fn is_hopeless(&self) -> bool {
        self.outcome.failed() > 10_000 && self.outcome.failed() > self.outcome.answers
    }

    /// Goes on with the time; `false` when all is over.
    pub fn turn(&mut self, now: u64) -> bool {
        let Some(from) = self.from else { return now < 60_000_000_000 };
        let end = from + self.window;
        if self.at_begin.is_none() && now >= from {
            // Whoever started this may have something to do now.
            println!("measuring");
            self.at_begin = Some(self.read());
            self.outcome.seconds = now as f64;
        }
        if let Some((busy, own)) = self.at_begin
            && !self.is_over
            && now >= end
        {
            let (busy_now, own_now) = self.read();
            self.outcome.busy = busy_now.saturating_sub(busy);
            self.outcome.own = own_now.saturating_sub(own);
            self.outcome.seconds = (self.now() as f64 - self.outcome.seconds) / 1e9;
            self.is_over = true;
        }
        self.fall_due(now, from, end);
        if self.is_over && self.pace.is_some() {
            return self.open > 0 && now < end + PATIENCE;
        }
        !self.is_over
    }

    fn fall_due(&mut self, now: u64, from: u64, end: u64) {
        let Some((gap, next)) = &mut self.pace else { return };
        while *next <= now as f64 && *next < end as f64 {
            let due = *next as u64;
            *next += *gap;
            self.open += u64::from((from..end).contains(&due));
            if self.due.len() < MOST_DUE {
                self.due.push_back(due);
            }
        }
    }

    /// How long there is nothing to do without a socket.
    pub fn pause(&self, now: u64) -> Duration {
        let until = match self.pace {
            Some((_, next)) if self.from.is_some() && !self.is_over => next as u64,
            _ => now + 20_000_000,
        };
        Duration::from_nanos(until.saturating_sub(now).min(20_000_000))
    }

    fn read(&self) -> (u64, u64) {
        (machine::busy(&self.watched), machine::busy(&[std::process::id()]))
    }

    /// What came of it.
    pub fn outcome(mut self) -> Outcome {
        match self.at_begin {
            // Given up before its end.
            Some((busy, _)) if !self.is_over => {
                self.outcome.busy = self.read().0.saturating_sub(busy);
                self.outcome.seconds = (self.now() as f64 - self.outcome.seconds) / 1e9;
            }
            Some(_) => {}
            None => *self.outcome.failures.entry("never measured".into()).or_default() += 1,
        }
        if self.open > 0 {
            *self.outcome.failures.entry("no answer".into()).or_default() += self.open;
        }
        self.outcome
    }
}

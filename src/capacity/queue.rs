//! How long requests wait for a core.
//!
//! Each thread of an edge has a core, an event loop and connections of its own, and takes events as they come: an M/G/1 queue, one a
//! core. The mean wait is Pollaczek's and Khinchine's, `W = λ E[S²] / (2 (1 - ρ))`. How waits are spread has no closed form for any
//! S; taken is `P(wait > t) = ρ exp(-ρ t / W)`, which is exact for exponential S and Kingman's limit for busy queues of any S
//! (Kleinrock, Queueing Systems, chapter 5 of volume I and 2 of volume II).

use super::{Costs, Load, need};

/// A kind of event: how often it comes to a core, and how long it keeps that busy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// Per second.
    pub rate: f64,
    /// Seconds.
    pub seconds: f64,
}

/// The time that an edge adds to a request, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// For half of all requests at the most.
    pub p50: f64,
    /// For 99 of 100 at the most.
    pub p99: f64,
    /// How busy the core is, waking up included.
    pub utilisation: f64,
}

/// A piece of a body that an event loop passes on before it looks at others, in KiB.
const PIECE_KIB: f64 = 64.0;

/// What an edge with `cores` adds to the requests of `load`; `None` where it does not keep up.
#[must_use]
pub fn delay(costs: &Costs, load: &Load, cores: f64) -> Option<Delay> {
    let work = need::Work::of(costs, load);
    let utilisation = work.utilisation(cores);
    if cores <= 0.0 || utilisation >= 1.0 {
        return None;
    }
    let waking = costs.wake_up_us * 1e-6 * need::waking_part(utilisation);
    let request = need::request_seconds(costs, load) + waking;
    let (mean, events) = (mean_wait(&events(costs, load, cores, waking), utilisation), 2);
    let quantile = |part| request + wait_below(part, utilisation, mean, events);
    Some(Delay { p50: quantile(0.5), p99: quantile(0.99), utilisation })
}

/// What comes to one core: a request is two events, itself and its answer.
fn events(costs: &Costs, load: &Load, cores: f64, waking: f64) -> Vec<Event> {
    let body = (load.request_kib + load.answer_kib - 1.0).max(0.0);
    let pieces = (body / PIECE_KIB).max(1.0);
    let event = |rate: f64, seconds: f64| Event { rate: rate / cores, seconds };
    let new = load.new_connections;
    let handshakes = new * load.tls;
    vec![
        event(2.0 * load.taken() * pieces, (need::request_seconds(costs, load) + waking) / 2.0 / pieces),
        event(new, costs.connection_us * 1e-6 + waking),
        event(handshakes * (1.0 - load.resumed), costs.full_handshake_us * 1e-6 + waking),
        event(handshakes * load.resumed, costs.resumed_handshake_us * 1e-6 + waking),
        event(2.0 * load.messages, (costs.websocket_message_us * 1e-6 + waking) / 2.0),
    ]
}

/// The mean wait where `events` keep a core busy for the part `utilisation` of the time, which is below 1.
fn mean_wait(events: &[Event], utilisation: f64) -> f64 {
    let second_moment: f64 = events.iter().map(|event| event.rate * event.seconds * event.seconds).sum();
    second_moment / (2.0 * (1.0 - utilisation))
}

/// The time that `part` of the sums of `times` waits, 1 or 2, do not exceed.
pub(super) fn wait_below(part: f64, utilisation: f64, mean: f64, times: u32) -> f64 {
    if utilisation <= 0.0 || mean <= 0.0 {
        return 0.0;
    }
    let decay = utilisation / mean;
    let beyond = |t: f64| {
        let once = utilisation * (-decay * t).exp();
        match times {
            1 => once,
            // Two waits, each none with 1 - ρ and exponential with ρ.
            _ => once * (2.0 * (1.0 - utilisation) + utilisation * (1.0 + decay * t)),
        }
    };
    let (mut low, mut high) = (0.0, 1.0 / decay);
    while beyond(high) > 1.0 - part {
        high *= 2.0;
    }
    if beyond(low) <= 1.0 - part {
        return 0.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beyond(middle) > 1.0 - part { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits of a simulated M/G/1 queue by Lindley's recursion, sorted.
    fn simulated(events: &[Event], seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let all: f64 = events.iter().map(|event| event.rate).sum();
        let (mut wait, mut waits) = (0.0_f64, Vec::new());
        for _ in 0..400_000 {
            let mut which = chance() * all;
            let event = events.iter().find(|event| {
                which -= event.rate;
                which < 0.0
            });
            waits.push(wait);
            wait = (wait + event.map_or(0.0, |event| event.seconds) + chance().ln() / all).max(0.0);
        }
        waits.sort_by(f64::total_cmp);
        waits
    }

    #[test]
    fn the_formula_says_what_a_simulated_queue_does() {
        for (requests, handshakes) in [(10_000.0, 0.0), (18_000.0, 0.0), (10_000.0, 500.0), (15_000.0, 1_000.0)] {
            let events = [Event { rate: requests, seconds: 40e-6 }, Event { rate: handshakes, seconds: 300e-6 }];
            let utilisation: f64 = events.iter().map(|event| event.rate * event.seconds).sum();
            let waits = simulated(&events, 7);
            let mean = waits.iter().sum::<f64>() / waits.len() as f64;
            let told = mean_wait(&events, utilisation);
            assert!((told / mean - 1.0).abs() < 0.1, "mean at {utilisation}: {told} for {mean}");
            let p99 = waits[waits.len() * 99 / 100];
            let told = wait_below(0.99, utilisation, told, 1);
            // Where all take equally long it is a quarter too careful.
            assert!((0.9..1.3).contains(&(told / p99)), "p99 at {utilisation}: {told} for {p99}");
        }
    }

    #[test]
    fn two_waits_are_longer_than_one_and_nothing_waits_for_nothing() {
        assert_eq!(wait_below(0.99, 0.0, 0.0, 2), 0.0);
        assert_eq!(wait_below(0.5, 0.3, 1.0, 1), 0.0);
        assert!(wait_below(0.99, 0.5, 1.0, 2) > wait_below(0.99, 0.5, 1.0, 1));
        assert!(wait_below(0.99, 0.5, 1.0, 2) < 2.0 * wait_below(0.99, 0.5, 1.0, 1));
    }
}

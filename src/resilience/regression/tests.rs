#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says what it has seen")]

use super::*;
use proptest::prelude::*;

const LIMITS: RegressionLimits = RegressionLimits { max_increase: 0.02, min_requests: 500 };

/// Randomness that is the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 to 1, each as likely.
    fn even(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.even().max(f64::MIN_POSITIVE), self.even());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    fn tosses(&mut self, count: u64, p: f64) -> u64 {
        let mean = count as f64 * p;
        if mean > 30.0 && count as f64 - mean > 30.0 {
            let drawn = mean + self.normal() * (mean * (1.0 - p)).sqrt();
            return drawn.round().clamp(0.0, count as f64) as u64;
        }
        (0..count).filter(|_| self.even() < p).count() as u64
    }
}

/// How the rate of errors goes up and down by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Noise {
    /// Not at all: each request is a coin toss.
    None,
    /// From second to second, by a factor whose logarithm has a standard deviation of 1.
    Seconds,
    /// The same at 0.8, and for some seconds on end.
    Waves,
    /// Bursts of up to four seconds with thirty times as many errors as between them, one in forty seconds.
    Bursts,
    /// Bursts of two to eight seconds at 20 % that are so rare that the minute before seldom has one.
    RareBursts,
}

const ALL: [Noise; 5] = [Noise::None, Noise::Seconds, Noise::Waves, Noise::Bursts, Noise::RareBursts];

struct Service {
    noise: Noise,
    rate: f64,
    per_second: f64,
    wave: f64,
    burst: u32,
}

impl Service {
    /// Of 0.01 % to 5 % errors and 20 to 5,000 requests/s, each order of magnitude as likely.
    fn any(noise: Noise, dice: &mut Dice) -> Self {
        let rate = 1e-4 * 500_f64.powf(dice.even());
        let per_second = 20.0 * 250_f64.powf(dice.even());
        Self { noise, rate, per_second, wave: dice.normal(), burst: 0 }
    }

    fn rate_now(&mut self, dice: &mut Dice) -> f64 {
        let burst = |left: &mut u32, once_in: f64, dice: &mut Dice, lasts: f64, least: u32| {
            *left = match *left {
                0 if dice.even() < 1.0 / once_in => (dice.even() * lasts) as u32 + least,
                left => left.saturating_sub(1),
            };
            *left > 0
        };
        let rate = match self.noise {
            Noise::None => self.rate,
            Noise::Seconds => self.rate * (dice.normal() - 0.5).exp(),
            Noise::Waves => {
                let stays = (-0.2_f64).exp();
                self.wave = stays * self.wave + (1.0 - stays * stays).sqrt() * dice.normal();
                self.rate * (0.8 * self.wave - 0.32).exp()
            }
            Noise::Bursts if burst(&mut self.burst, 40.0, dice, 4.0, 1) => (10.0 * self.rate).min(0.5),
            Noise::Bursts => 0.3 * self.rate,
            Noise::RareBursts if burst(&mut self.burst, 300.0, dice, 6.0, 2) => 0.2,
            Noise::RareBursts => self.rate,
        };
        rate.clamp(0.0, 1.0)
    }

    fn second(&mut self, dice: &mut Dice, rise: f64) -> ErrorCount {
        let rate = self.rate_now(dice);
        let requests = (self.per_second + dice.normal() * self.per_second.sqrt()).round().max(0.0) as u64;
        ErrorCount { requests, errors: dice.tosses(requests, rate + (1.0 - rate) * rise) }
    }

    /// After how many seconds of a minute a rise is found; `None` where none is.
    fn watched(mut self, dice: &mut Dice, rise: f64) -> Option<usize> {
        (0..30).for_each(|_| _ = self.rate_now(dice));
        let before: Vec<_> = (0..WINDOW).map(|_| self.second(dice, 0.0)).collect();
        let mut regression = Regression::new(LIMITS, &before);
        (1..=60).find(|_| {
            regression.observe(self.second(dice, rise));
            regression.risen().is_some()
        })
    }
}

#[test]
fn a_thousand_runs_without_a_change_of_each_kind_of_noise_are_left_alone() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for noise in ALL {
        let alarms = (0..1000).filter(|_| Service::any(noise, &mut dice).watched(&mut dice, 0.0).is_some()).count();
        println!("{noise:?}: {alarms} false alarms in 1,000 runs");
        assert!(alarms < 5, "{noise:?}: {alarms} false alarms in 1,000 runs");
    }
}

#[test]
fn a_rise_is_found_in_time() {
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    for noise in [Noise::None, Noise::Waves, Noise::Bursts] {
        // Twice what is allowed, a fifth, and everything; with the part of the runs that find it, and by when half of them do.
        for (rise, per_second, most_missed, half_by) in [
            (0.04, 100.0, 0.25, 12),
            (0.04, 1000.0, 0.25, 11),
            (0.2, 20.0, 0.05, 28),
            (0.2, 1000.0, 0.05, 7),
            (1.0, 20.0, 0.01, 27),
            (1.0, 1000.0, 0.01, 4),
            (1.0, 5000.0, 0.01, 4),
        ] {
            let service = |dice: &mut Dice| Service { per_second, ..Service::any(noise, dice) };
            let found: Vec<_> = (0..200).map(|_| service(&mut dice).watched(&mut dice, rise)).collect();
            let mut after: Vec<_> = found.iter().copied().flatten().collect();
            after.sort_unstable();
            let (half, last) = (after[after.len() / 2], after[after.len() - 1]);
            let missed = (found.len() - after.len()) as f64 / found.len() as f64;
            println!(
                "{noise:?}, {per_second}/s, +{} points: found {} of {}, half of them after {half} s, the last after {last} s",
                rise * 100.0,
                after.len(),
                found.len()
            );
            assert!(missed <= most_missed && half <= half_by, "{noise:?} +{rise} at {per_second}/s: {missed} {half}");
        }
    }
}

#[test]
fn a_burst_that_is_over_is_no_rise_and_one_that_stays_is() {
    let quiet = ErrorCount { requests: 200, errors: 1 };
    let broken = ErrorCount { requests: 200, errors: 200 };
    let after = |seconds: &[ErrorCount]| {
        let mut regression = Regression::new(LIMITS, &[quiet; 60]);
        seconds.iter().any(|second| {
            regression.observe(*second);
            regression.risen().is_some()
        })
    };
    assert!(!after(&[&[quiet; 20][..], &[broken; 2], &[quiet; 38]].concat()));
    assert!(after(&[&[quiet; 20][..], &[broken; 40]].concat()));
    assert!(after(&[broken; 3]));
    assert!(!after(&[broken; 2]), "two seconds are too short to tell");
}

fn counts(most: u64) -> impl Strategy<Value = Vec<ErrorCount>> {
    let count = (0..=most, 0..=most).prop_map(|(requests, errors)| ErrorCount { requests, errors });
    prop::collection::vec(count, 0..90)
}

proptest! {
    #[test]
    fn no_count_is_a_trap_and_what_is_said_is_true(before in counts(1000), since in counts(1000), max in 0.0..1.0_f64) {
        let limits = RegressionLimits { max_increase: max, min_requests: 500 };
        let mut regression = Regression::new(limits, &before);
        for second in since {
            regression.observe(second);
            let Comparison { before, since, z } = regression.comparison();
            prop_assert!(z.is_finite());
            if let Some(risen) = regression.risen() {
                prop_assert!(regression.requests_since() >= 500);
                prop_assert!(risen.since.rate() - risen.before.rate() > max);
                prop_assert!(risen.z > 4.0 && before == risen.before && since.requests >= risen.since.requests);
            }
        }
    }

    #[test]
    fn fewer_errors_than_before_are_never_a_rise(before in counts(1000)) {
        let mut regression = Regression::new(LIMITS, &before);
        for second in &before {
            regression.observe(ErrorCount { errors: 0, ..*second });
            prop_assert_eq!(regression.risen(), None);
        }
    }

    #[test]
    fn huge_counts_do_not_overflow(before in counts(u64::MAX), since in counts(u64::MAX)) {
        let mut regression = Regression::new(LIMITS, &before);
        since.into_iter().for_each(|second| regression.observe(second));
        prop_assert!(regression.comparison().z.is_finite());
        let _ = regression.risen();
    }
}

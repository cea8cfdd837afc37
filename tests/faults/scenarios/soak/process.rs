//! What a process holds, as the kernel tells it.

use crate::figures::median;
use std::time::Duration;

/// What it holds at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sample {
    /// Resident memory, in MiB.
    pub(super) memory: f64,
    /// Open files and sockets.
    pub(super) files: f64,
    /// Threads.
    pub(super) threads: f64,
}

impl Sample {
    /// That of a process now. A process that is gone holds nothing, which no bound takes for good.
    pub(super) fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
        };
        let files = std::fs::read_dir(format!("/proc/{process}/fd")).map_or(f64::NAN, |files| files.count() as f64);
        Self { memory: field("VmRSS:") / 1024.0, files, threads: field("Threads:") }
    }
}

/// What it held all the while.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(Duration, Sample)>);

impl Samples {
    /// Adds one.
    pub(super) fn add(&mut self, at: Duration, sample: Sample) {
        self.0.push((at, sample));
    }

    /// The medians of the first sixth, without its first three minutes in which all grows to its size, and of the last sixth; of
    /// threads the fewest: those that wait for work on files come and go, and one that is leaked is there all the time.
    pub(super) fn first_and_last(&self, all: Duration) -> [Sample; 2] {
        let warm = Duration::from_mins(3).min(all / 12);
        let first = middle(self.0.iter().filter(|(at, _)| (warm..all / 6).contains(at)));
        let last = middle(self.0.iter().filter(|(at, _)| *at >= all - all / 6));
        [first, last]
    }

    /// The memory of each sixth, in words: what climbs is told from what comes and goes.
    pub(super) fn said(&self, all: Duration) -> String {
        let sixths = (0..6).map(|nth| {
            let span = all / 6 * nth..all / 6 * (nth + 1);
            let memory: Vec<f64> =
                self.0.iter().filter(|(at, _)| span.contains(at)).map(|(_, sample)| sample.memory).collect();
            let least = memory.iter().copied().fold(f64::INFINITY, f64::min);
            let most = memory.iter().copied().fold(0.0, f64::max);
            format!("{least:.0} to {most:.0}")
        });
        format!("memory by sixths of the time, in MiB: {}", sixths.collect::<Vec<_>>().join(", "))
    }
}

/// The median of each: what a fault needs for a while is no leak.
fn middle<'a>(samples: impl Iterator<Item = &'a (Duration, Sample)>) -> Sample {
    let samples: Vec<Sample> = samples.map(|(_, sample)| *sample).collect();
    let of = |field: fn(&Sample) -> f64| {
        let values: Vec<f64> = samples.iter().map(field).collect();
        if values.is_empty() { f64::NAN } else { median(&values) }
    };
    Sample {
        memory: of(|sample| sample.memory),
        files: of(|sample| sample.files),
        threads: samples.iter().map(|sample| sample.threads).fold(f64::NAN, f64::min),
    }
}

//! Drills: drains for practice are watched, ended where errors rise, and reported on.

use super::guard::tell;
use crate::config;
use crate::history::{DrillEnd, DrillReport, DrillReports, DrillVerdict, Entry, EntryOrigin};
use crate::live::{Edge, Lease, NotChanged, clock};
use crate::model::Timestamp;
use crate::resilience::{ErrorCount, Regression, RegressionLimits};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// The drills of one edge.
pub struct Drills {
    edge: Arc<Edge>,
    limits: RegressionLimits,
    reports: DrillReports,
    running: Vec<Running>,
}

/// One drill.
struct Running {
    lease: Lease,
    from: Timestamp,
    regression: Regression,
    before: ErrorCount,
    during: ErrorCount,
    /// The next second that it has not seen.
    next: u64,
    orphaned: u64,
    latency: Latency,
}

/// The time that requests took, all together, and how many there were.
type Latency = (f64, u64);

impl Drills {
    /// Those on `edge`, with the limits of the guard or, without one, its usual ones; reports are in the directory `state`.
    #[must_use]
    pub fn new(edge: Arc<Edge>, guard: Option<config::Guard>, state: &Path) -> Self {
        let rule = guard.unwrap_or_default();
        let limits =
            RegressionLimits { max_increase: rule.max_error_increase.ratio(), min_requests: rule.min_requests };
        Self { edge, limits, reports: DrillReports::in_state(state), running: Vec::new() }
    }

    /// Watches until it is told to stop; then what runs is reported on as far as it went.
    pub async fn watch(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let is_over = tokio::select! {
                _ = ticks.tick() => false,
                // An error means that the edge is gone, which is as good as stopped.
                _ = stopped.wait_for(|stopped| *stopped) => true,
            };
            // It may write files.
            let looked = tokio::task::spawn_blocking(move || {
                if is_over {
                    self.end_all();
                } else {
                    self.look();
                }
                self
            });
            match looked.await {
                Ok(drills) if !is_over => self = drills,
                _ => return,
            }
        }
    }

    fn look(&mut self) {
        let (second, now) = (clock::second(), clock::now());
        let leases: Vec<_> = self.edge.leases().into_iter().filter(|lease| lease.practice).collect();
        let is_on = |running: &Running| leases.iter().any(|lease| is_same(lease, &running.lease));
        let (on, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running).into_iter().partition(is_on);
        for drill in ended {
            let is_over = drill.lease.until.is_some_and(|until| until <= now);
            self.report(drill, if is_over { DrillEnd::TimeUp } else { DrillEnd::ByOperator });
        }
        self.running = on;
        for lease in leases {
            if !self.running.iter().any(|running| is_same(&lease, &running.lease)) {
                self.running.push(self.begin(lease, second, now));
            }
        }
        for mut drill in std::mem::take(&mut self.running) {
            drill.catch_up(&self.edge, second);
            match drill.regression.risen() {
                None => self.running.push(drill),
                Some(figures) => {
                    self.take_off(&drill.lease);
                    tracing::error!(
                        "errors rose while {} was drained for practice, and the drill is ended: {}",
                        drill.lease.region,
                        tell(&figures)
                    );
                    self.report(drill, DrillEnd::ErrorsRose);
                }
            }
        }
    }

    fn begin(&self, lease: Lease, second: u64, now: Timestamp) -> Running {
        // The second in which it begins is of the time before, so that none is counted twice.
        let before = self.edge.changes().outcomes().last_minute(second);
        let orphaned = self.edge.metrics().orphaned_requests(lease.region.as_str());
        tracing::info!("the drill of {} is watched", lease.region);
        Running {
            from: now,
            regression: Regression::new(self.limits, &before),
            before: before.iter().collect(),
            during: ErrorCount::default(),
            next: second + 1,
            orphaned,
            latency: self.edge.metrics().latency(),
            lease,
        }
    }

    /// Ends the drain.
    fn take_off(&self, drilled: &Lease) {
        let without = self.edge.change_leases(|leases, _| {
            Ok::<_, Infallible>(leases.iter().filter(|lease| !is_same(lease, drilled)).cloned().collect())
        });
        let why = match without {
            Ok(_) => return,
            Err(NotChanged::NotKept { place, error }) => format!("{place} cannot be written: {error}"),
            Err(NotChanged::Unreadable(problem)) => problem.summary.clone(),
            Err(NotChanged::Stopping) => "the edge is stopping".to_owned(),
            Err(NotChanged::NoTable) => "no table is live".to_owned(),
            Err(NotChanged::Refused(never)) => match never {},
        };
        let region = &drilled.region;
        tracing::error!(
            "the drill of {region} cannot be ended: {why}; end it with 'homeward undrain {region} --force'"
        );
    }

    fn end_all(&mut self) {
        let second = clock::second();
        for mut drill in std::mem::take(&mut self.running) {
            drill.catch_up(&self.edge, second);
            self.report(drill, DrillEnd::EdgeStopped);
        }
    }

    fn report(&self, drill: Running, ended: DrillEnd) {
        let metrics = self.edge.metrics();
        let has_enough = drill.regression.has_enough();
        let (time, count) = metrics.latency();
        let (time_before, count_before) = drill.latency;
        let mean = |time: f64, count: u64| (count > 0).then(|| time / count as f64 * 1e3);
        let report = DrillReport {
            region: drill.lease.region.to_string(),
            by: drill.lease.by.as_deref().map(str::to_owned),
            reason: drill.lease.reason.as_deref().map(str::to_owned),
            from: drill.from,
            to: clock::now(),
            planned_until: drill.lease.until,
            ended,
            verdict: match ended {
                DrillEnd::ErrorsRose => DrillVerdict::Failed,
                DrillEnd::ByOperator | DrillEnd::EdgeStopped => DrillVerdict::StoppedEarly,
                DrillEnd::TimeUp if has_enough => DrillVerdict::Passed,
                DrillEnd::TimeUp => DrillVerdict::TooFewRequests,
            },
            before: drill.before,
            during: drill.during,
            z: drill.regression.comparison().z,
            orphaned_requests: metrics.orphaned_requests(drill.lease.region.as_str()).saturating_sub(drill.orphaned),
            mean_latency_before_ms: mean(time_before, count_before),
            mean_latency_during_ms: mean(time - time_before, count.saturating_sub(count_before)),
        };
        let kept = match self.reports.keep(&report) {
            Ok(path) => format!("its report is {}", path.display()),
            Err(error) => format!("its report cannot be kept: {error}"),
        };
        let (region, verdict) = (&report.region, report.verdict);
        tracing::warn!("the drill of {region} is over ({verdict:?}); {kept}");
        if let Some(history) = self.edge.changes().history() {
            let note = format!("{region}: {}", verdict_of(&report));
            history.record(Entry::new(report.to, EntryOrigin::Drill).by(report.by.clone()).note(Some(note)));
        }
    }
}

impl Running {
    /// Takes in the seconds that are over.
    fn catch_up(&mut self, edge: &Edge, second: u64) {
        while self.next < second {
            let count = edge.changes().outcomes().in_second(self.next);
            self.regression.observe(count);
            self.during = [self.during, count].iter().collect();
            self.next += 1;
        }
    }
}

fn verdict_of(report: &DrillReport) -> String {
    let text = report.markdown();
    text.lines().find_map(|line| line.strip_prefix("**")?.strip_suffix("**")).unwrap_or_default().to_owned()
}

/// Whether both are the same drill: what is put in place of one begins anew.
fn is_same(a: &Lease, b: &Lease) -> bool {
    a.region == b.region && a.since == b.since && a.practice == b.practice && a.by == b.by
}

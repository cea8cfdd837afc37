//! The guard: a new table is watched, and the last one put back where errors rise under it. What it has refused stays refused
//! until the file says something else, also across restarts.

use crate::config::{self, Problems};
use crate::history::write_whole;
use crate::live::{Edge, GuardStanding, LiveTable, RefusedTable, Trial, WatchedTable, clock};
use crate::model::{Revision, Timestamp};
use crate::resilience::{Comparison, Regression, RegressionLimits};
use crate::telemetry::GuardResult;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The guard of one edge.
pub(super) struct Guard {
    rule: Option<config::Guard>,
    edge: Arc<Edge>,
    /// Where it is kept what was refused.
    file: PathBuf,
    refused: Option<RefusedTable>,
    watch: Option<Watch>,
}

/// The watch over one table.
struct Watch {
    trial: Arc<Trial>,
    /// The text of the table before.
    text_before: Arc<String>,
    revision: Revision,
    regression: Regression,
    /// The next second that it has not seen.
    next: u64,
    /// The second in which it ends.
    ends: u64,
    until: Timestamp,
}

/// What is to be put back.
pub(super) struct PutBack {
    /// The table that was live before.
    pub(super) before: Arc<LiveTable>,
    /// Its text.
    pub(super) text: Arc<String>,
    /// What was refused.
    pub(super) refused: RefusedTable,
}

impl Guard {
    /// A guard with this rule, or one that only knows what was refused before; in the directory `state`.
    pub(super) fn new(rule: Option<config::Guard>, state: &Path, edge: Arc<Edge>) -> Self {
        let file = state.join("guard.json");
        // One that cannot be read refuses nothing: the file of the table is the operator's word.
        let read = || serde_json::from_slice(&fs::read(&file).ok()?).ok();
        let refused = rule.and_then(|_| read());
        let guard = Self { rule, edge, file, refused, watch: None };
        guard.show();
        guard
    }

    /// Why a table of this revision is not taken, where it was refused.
    pub(super) fn objection(&self, file: &str, revision: Revision) -> Option<Problems> {
        let refused = self.refused.as_ref().filter(|refused| refused.revision == revision)?;
        let message = format!(
            "the guard has put the last table back, because errors rose under this one ({revision}): {}",
            tell(&refused.figures)
        );
        let help = format!(
            "correct the file, it is read at once; or, where errors are none of its doing, insist: homeward rollback {revision}"
        );
        Some(Problems::of_file(file, message, help))
    }

    /// Forgets what was refused: another table is live, or an operator insists.
    pub(super) fn forgive(&mut self) {
        if self.refused.take().is_some() {
            if let Err(error) = fs::remove_file(&self.file) {
                tracing::warn!("{} cannot be removed: {error}; remove it by hand", self.file.display());
            }
            self.show();
        }
    }

    /// What was refused.
    pub(super) fn refused(&self) -> Option<&RefusedTable> {
        self.refused.as_ref()
    }

    /// The trial of a table that is about to take the place of `live`, whose text is `text`; `None` where it is not watched.
    ///
    /// Where `live` is being watched itself, the table before it is held on to, and the minute before it is what counts: a bad
    /// table is no measure for the next.
    pub(super) fn begin(&mut self, revision: Revision, live: Arc<LiveTable>, text: Arc<String>) -> Option<Arc<Trial>> {
        let rule = self.rule?;
        let second = clock::second();
        let (before, text_before, regression) = match self.watch.take() {
            Some(watch) => {
                self.edge.metrics().guard(GuardResult::Superseded);
                let before = watch.trial.before()?;
                watch.trial.end();
                if before.revision == revision {
                    // Somebody was faster: what was good before is live again.
                    self.show();
                    return None;
                }
                (before, watch.text_before, watch.regression.begun_anew())
            }
            None => {
                let limits =
                    RegressionLimits { max_increase: rule.max_error_increase.ratio(), min_requests: rule.min_requests };
                (live, text, Regression::new(limits, &self.edge.changes().outcomes().last_minute(second)))
            }
        };
        let trial = Trial::new(before);
        let ends = second.saturating_add(rule.watch.as_secs().max(1));
        let until = clock::now().saturating_add(rule.watch).unwrap_or(Timestamp::MAX);
        self.watch =
            Some(Watch { trial: Arc::clone(&trial), text_before, revision, regression, next: second, ends, until });
        self.show();
        Some(trial)
    }

    /// Ends a watch without a word: what is live now is not to be watched.
    pub(super) fn stand_down(&mut self) {
        if let Some(watch) = self.watch.take() {
            self.edge.metrics().guard(GuardResult::Superseded);
            watch.trial.end();
            self.show();
        }
    }

    /// Looks at what has been counted since the last look. What is to be put back, where errors have risen; it is refused from
    /// then on.
    pub(super) fn look(&mut self) -> Option<PutBack> {
        let watch = self.watch.as_mut()?;
        let second = clock::second();
        if watch.next >= second {
            return None;
        }
        while watch.next < second {
            watch.regression.observe(watch.trial.outcomes().in_second(watch.next));
            watch.next += 1;
        }
        if let Some(figures) = watch.regression.risen() {
            return self.trip(figures);
        }
        if second >= watch.ends {
            let enough = watch.regression.has_enough();
            let (requests, revision) = (watch.regression.requests_since(), watch.revision);
            watch.trial.end();
            self.watch = None;
            self.edge.metrics().guard(if enough { GuardResult::Passed } else { GuardResult::TooFewRequests });
            if enough {
                tracing::info!("the guard has seen no rise of errors under table {revision} in {requests} requests");
            } else {
                tracing::info!("the guard says nothing of table {revision}: there were only {requests} requests");
            }
        }
        self.show();
        None
    }

    fn trip(&mut self, figures: Comparison) -> Option<PutBack> {
        let watch = self.watch.take()?;
        let before = watch.trial.before()?;
        watch.trial.end();
        let now = clock::second();
        // What comes next is compared with how it was without this table.
        self.edge.changes().outcomes().without(watch.trial.outcomes(), watch.trial.began(), now);
        self.edge.metrics().guard(GuardResult::PutBack);
        let refused = RefusedTable { revision: watch.revision, time: clock::now(), figures };
        self.refused = Some(refused.clone());
        Some(PutBack { before, text: watch.text_before, refused })
    }

    /// Writes down what was refused, so that a restart does not bring it back.
    pub(super) fn write_down(&self) {
        let Some(refused) = &self.refused else { return };
        let written = serde_json::to_vec_pretty(refused).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|bytes| write_whole(&self.file, &bytes)) {
            tracing::error!(
                "{} cannot be written, so that a restart brings table {} back: {error}; correct the routing file before",
                self.file.display(),
                refused.revision
            );
        }
        self.show();
    }

    fn show(&self) {
        if self.rule.is_none() {
            return;
        }
        let watched = self.watch.as_ref().and_then(|watch| {
            let (revision, until, figures) = (watch.revision, watch.until, watch.regression.comparison());
            Some(WatchedTable { revision, before: watch.trial.before()?.revision, until, figures })
        });
        self.edge.changes().set_guard(GuardStanding { watched, refused: self.refused.clone() });
    }
}

/// What was compared, in words.
pub(super) fn tell(figures: &Comparison) -> String {
    let Comparison { before, since, z } = figures;
    let percent = |rate: f64| format!("{:.2} %", rate * 100.0);
    format!(
        "{} of {} requests failed, and {} of {} in the minute before (z = {z:.1})",
        percent(since.rate()),
        since.requests,
        percent(before.rate()),
        before.requests,
    )
}

//! Reports of drills: what became of each, for people and for programs.

use super::whole::write_whole;
use crate::model::Timestamp;
use crate::resilience::ErrorCount;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many reports are kept.
const MOST_REPORTS: usize = 50;

/// The largest report that is read, in bytes.
const LARGEST: u64 = 64 << 10;

/// Why a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillEnd {
    /// Its time was up.
    TimeUp,
    /// An operator has ended it, or put another drain in its place.
    ByOperator,
    /// Errors rose.
    ErrorsRose,
    /// The edge stopped; the drain goes on under the next one.
    EdgeStopped,
}

impl DrillEnd {
    fn words(self) -> &'static str {
        match self {
            Self::TimeUp => "its time was up",
            Self::ByOperator => "an operator ended it",
            Self::ErrorsRose => "errors rose",
            Self::EdgeStopped => "the edge stopped",
        }
    }
}

/// What a drill has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillVerdict {
    /// It went on for as long as it should, and errors did not rise.
    Passed,
    /// Errors rose.
    Failed,
    /// It was ended before its time, and errors had not risen until then.
    StoppedEarly,
    /// There were too few requests to say anything.
    TooFewRequests,
}

impl DrillVerdict {
    fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed: the others carried the region's visitors",
            Self::Failed => "failed: errors rose while the others carried the region's visitors",
            Self::StoppedEarly => "stopped early: errors had not risen until then",
            Self::TooFewRequests => "there were too few requests to say anything",
        }
    }
}

/// What became of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillReport {
    /// The region that was drained.
    pub region: String,
    /// Who drained it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When it began; where the edge was started meanwhile, when this one took it over.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// When it was to end.
    pub planned_until: Option<Timestamp>,
    /// Why it ended.
    pub ended: DrillEnd,
    /// What it has shown.
    pub verdict: DrillVerdict,
    /// Requests, and those that failed, in the minute before.
    pub before: ErrorCount,
    /// The same from its beginning to its end.
    pub during: ErrorCount,
    /// By how many standard errors the part that failed was above the one before, at the last look.
    pub z: f64,
    /// Requests of sessions that are at home there and were served elsewhere.
    pub orphaned_requests: u64,
    /// How long requests took on average before, since the edge started; missing where there were none.
    pub mean_latency_before_ms: Option<f64>,
    /// The same during the drill.
    pub mean_latency_during_ms: Option<f64>,
}

impl DrillReport {
    /// The same for people, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Self { region, from, to, before, during, .. } = self;
        let minutes = to.duration_since(*from).as_secs() as f64 / 60.0;
        let rate = |count: &ErrorCount| format!("{:.2} % of {}", count.rate() * 100.0, count.requests);
        let latency = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"));
        let or_dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), escaped);
        let planned = self.planned_until.map_or_else(|| "-".to_owned(), |until| format!("{until:.0}"));
        format!(
            "# Drill of {region}\n\n**{verdict}**\n\n\
             | | |\n|---|---|\n\
             | by | {by} |\n| reason | {reason} |\n| from | {from:.0} |\n| to | {to:.0} ({minutes:.1} min) |\n\
             | planned until | {planned} |\n| ended because | {ended} |\n\n\
             | | before | during |\n|---|---|---|\n\
             | requests that failed | {failed_before} | {failed} |\n\
             | mean latency | {latency_before} | {latency} |\n\
             | requests of orphaned sessions | - | {orphaned} |\n\n\
             The part of failed requests changed by {z:.1} standard errors.\n",
            verdict = self.verdict.words(),
            by = or_dash(&self.by),
            reason = or_dash(&self.reason),
            ended = self.ended.words(),
            failed_before = rate(before),
            failed = rate(during),
            latency_before = latency(self.mean_latency_before_ms),
            latency = latency(self.mean_latency_during_ms),
            orphaned = self.orphaned_requests,
            z = self.z,
        )
    }
}

/// Text of people that is no Markdown and no HTML, whatever it says.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if c.is_ascii_punctuation() && !matches!(c, '-' | '.' | ',' | ':' | '/' | '\'') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The reports in a directory for state.
#[derive(Debug, Clone)]
pub struct DrillReports {
    directory: PathBuf,
}

impl DrillReports {
    /// Those in the directory `state`.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self { directory: state.join("drills") }
    }

    /// Keeps a report as Markdown and as JSON; beyond fifty the oldest fall out. Gives back where the Markdown is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, report: &DrillReport) -> io::Result<PathBuf> {
        // A region's name has letters, digits and '-' only; the time comes first, so that names are in order.
        let name = format!("{}-{}", report.from.strftime("%Y%m%dT%H%M%SZ"), report.region);
        let markdown = self.directory.join(format!("{name}.md"));
        write_whole(&self.directory.join(format!("{name}.json")), &serde_json::to_vec_pretty(report)?)?;
        write_whole(&markdown, report.markdown().as_bytes())?;
        for old in self.names()?.into_iter().skip(MOST_REPORTS) {
            for form in ["json", "md"] {
                // One of the two may be gone.
                let _ = fs::remove_file(self.directory.join(format!("{old}.{form}")));
            }
        }
        Ok(markdown)
    }

    /// The reports, the newest first. Those that cannot be read are left out.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn all(&self) -> io::Result<Vec<DrillReport>> {
        let read = |name: String| {
            let path = self.directory.join(format!("{name}.json"));
            let is_small = fs::metadata(&path).ok()?.len() <= LARGEST;
            serde_json::from_slice(&fs::read(path).ok().filter(|_| is_small)?).ok()
        };
        Ok(self.names()?.into_iter().take(MOST_REPORTS).filter_map(read).collect())
    }

    /// The names of the reports, the newest first.
    fn names(&self) -> io::Result<Vec<String>> {
        let files = match fs::read_dir(&self.directory) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for file in files {
            let name = file?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn report(minute: i64) -> DrillReport {
        let from = Timestamp::from_second(1_795_341_600 + minute * 60).unwrap();
        DrillReport {
            region: "us-west".to_owned(),
            by: Some("ann".to_owned()),
            reason: Some("a <script>| drill".to_owned()),
            from,
            to: Timestamp::from_second(1_795_342_200 + minute * 60).unwrap(),
            planned_until: None,
            ended: DrillEnd::TimeUp,
            verdict: DrillVerdict::Passed,
            before: ErrorCount { requests: 1000, errors: 5 },
            during: ErrorCount { requests: 10_000, errors: 60 },
            z: 0.44,
            orphaned_requests: 12,
            mean_latency_before_ms: Some(18.25),
            mean_latency_during_ms: None,
        }
    }

    #[test]
    fn the_last_fifty_are_kept_in_both_forms() {
        let state = tempfile::tempdir().unwrap();
        let reports = DrillReports::in_state(state.path());
        assert_eq!(reports.all().unwrap(), []);
        for minute in 0..60 {
            reports.keep(&report(minute)).unwrap();
        }
        let all = reports.all().unwrap();
        assert_eq!((all.len(), &all[0], &all[49]), (50, &report(59), &report(10)));
        assert_eq!(fs::read_dir(state.path().join("drills")).unwrap().count(), 100);
    }

    #[test]
    fn people_read_it_and_nothing_in_it_is_markup() {
        let text = report(0).markdown();
        assert!(text.starts_with("# Drill of us-west\n\n**passed: the others carried"), "{text}");
        assert!(text.contains("| reason | a \\<script\\>\\| drill |\n"), "{text}");
        assert!(text.contains("(10.0 min)"), "{text}");
        assert!(text.contains("| requests that failed | 0.50 % of 1000 | 0.60 % of 10000 |\n"), "{text}");
        assert!(text.contains("| mean latency | 18.2 ms | - |\n"), "{text}");
    }
}

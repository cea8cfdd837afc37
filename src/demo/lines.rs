//! The demo in plain lines, for where the standard output is no terminal.

use super::snapshot::{RegionNow, Snapshot};
use super::view::age;
use std::fmt::Write as _;
use std::time::Duration;

/// How often a line of figures comes where nothing else happens.
const EVERY: Duration = Duration::from_secs(5);

/// Which lines are due.
#[derive(Debug, Default)]
pub(super) struct Lines {
    revision: String,
    problem: Option<String>,
    figures_at: Option<Duration>,
}

impl Lines {
    /// What to print of `snapshot`, `since` the start: what changed in the table, and every five seconds the figures.
    pub(super) fn of(&mut self, snapshot: &Snapshot, since: Duration) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if snapshot.revision != self.revision {
            self.revision.clone_from(&snapshot.revision);
            _ = writeln!(text, "table     revision {} is live", printable(&snapshot.revision));
        }
        if snapshot.problem != self.problem {
            self.problem.clone_from(&snapshot.problem);
            match &snapshot.problem {
                Some(problem) => {
                    _ = writeln!(text, "table     refused; revision {} still serves:", printable(&snapshot.revision));
                    problem
                        .trim_end()
                        .lines()
                        .for_each(|line| _ = writeln!(text, "{}", format!("          {}", printable(line)).trim_end()));
                }
                None => _ = writeln!(text, "table     nothing is wrong with the file any more"),
            }
        }
        if self.figures_at.is_none_or(|at| since >= at) {
            self.figures_at = Some(since + EVERY);
            _ = writeln!(text, "{}", figures(snapshot, since));
        }
        text
    }
}

fn figures(snapshot: &Snapshot, since: Duration) -> String {
    let mut line = format!(
        "{:<9} {:.0} requests/s, {:.0} flops/s",
        age(since.as_secs()),
        snapshot.requests_per_second(),
        snapshot.flops_per_second
    );
    for region in &snapshot.regions {
        _ = write!(line, " | {} ", region.name);
        match &region.edge {
            Some(edge) => {
                _ = write!(line, "{:.0}% {}/{} up", edge.share * 100.0, edge.healthy, edge.servers);
                if let Some(why) = &edge.away {
                    _ = write!(line, " {}", printable(why));
                }
            }
            None => line.push_str("not in the table"),
        }
        let RegionNow { requests_per_second, sessions, visitors, .. } = region;
        _ = write!(line, " {requests_per_second:.0}/s {sessions} sessions {visitors} visitors");
    }
    let outcomes = snapshot.outcomes;
    _ = write!(line, " | {} ok, {} logged in again, {} failed", outcomes.ok, outcomes.log_in_again, outcomes.failed);
    if let Some(why) = snapshot.last_failure.as_ref().filter(|_| outcomes.failed > 0) {
        _ = write!(line, " (last: {})", printable(why));
    }
    line
}

/// `text` without anything that a terminal would act on: messages quote files and answers.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once_and_figures_every_five_seconds() {
        let (mut lines, mut snapshot) = (Lines::default(), Snapshot::default());
        snapshot.revision = "8c1f".into();
        snapshot.regions.push(RegionNow { name: "us-east".into(), requests_per_second: 59.8, ..RegionNow::default() });
        let first = lines.of(&snapshot, Duration::ZERO);
        assert!(
            first.starts_with("table     revision 8c1f is live\n0 s       60 requests/s, 0 flops/s | us-east"),
            "{first}"
        );
        assert_eq!(lines.of(&snapshot, Duration::from_millis(4900)), "");
        snapshot.problem = Some("no region is called 'us-eest'\ndid you\u{1b}[2J mean".into());
        let refused = lines.of(&snapshot, Duration::from_millis(4950));
        assert_eq!(
            refused,
            "table     refused; revision 8c1f still serves:\n          no region is called 'us-eest'\n          did you [2J mean\n"
        );
        snapshot.problem = None;
        let well = lines.of(&snapshot, Duration::from_millis(5000));
        assert!(
            well.starts_with("table     nothing is wrong with the file any more\n5 s       60 requests/s"),
            "{well}"
        );
    }
}

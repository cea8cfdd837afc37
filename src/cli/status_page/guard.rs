//! What of the guard and of the history somebody should look at.

use super::plain;
use crate::admin::Status;
use crate::admin::status::GuardFigures;
use crate::cli::style::Style;

/// Nothing where no table is watched or refused, and all is remembered.
pub(super) fn lines(status: &Status, style: Style) -> String {
    let mut text = String::new();
    if let Some(watched) = &status.guard.watched {
        text.push_str(&format!(
            "{} watches table {} until {:.0}: {}; table {} would be put back\n",
            style.strong("Guard"),
            watched.revision,
            watched.until,
            figures(&watched.figures),
            watched.before
        ));
    }
    if let Some(refused) = &status.guard.refused {
        let line =
            format!("refuses table {} since {:.0}: {}", refused.revision, refused.time, figures(&refused.figures));
        text.push_str(&format!("{} {}\n", style.strong("Guard"), style.bad(&line)));
    }
    if let Some(problem) = &status.history.problem {
        text.push_str(&format!("{} {}\n", style.strong("History"), style.bad(&plain(problem))));
    }
    text
}

fn figures(figures: &GuardFigures) -> String {
    format!(
        "{:.2}% of {} requests failed, {:.2}% of {} in the minute before",
        figures.error_ratio * 100.0,
        figures.requests,
        figures.error_ratio_before * 100.0,
        figures.requests_before
    )
}

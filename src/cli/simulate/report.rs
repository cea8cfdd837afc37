//! What a simulation tells.

use super::super::preview_page::{self, rate};
use super::super::style::{Cell, Columns, Style, plain};
use super::tally::{SHOWN, Tally};
use crate::model::{RegionId, Timestamp};
use crate::routing::preview::{Comparison, Preview};
use serde::Serialize;

/// Logs that were read.
pub(super) struct Logs<'a> {
    pub(super) tally: Tally<'a>,
    /// The name of each, and the block that it begins with.
    pub(super) began: Vec<(String, usize)>,
}

impl Logs<'_> {
    /// What should be known of lines that did not count; empty where all did.
    pub(super) fn complaints(&self) -> String {
        let Tally { unreadable, by_hop, unrouted, beyond_minutes, .. } = self.tally;
        let mut text = String::new();
        if unreadable > 0 {
            text.push_str(&format!("homeward: left out: {} that cannot be read:\n", count(unreadable, "line")));
        }
        for unread in &self.tally.unread {
            let (file, line) = self.place(unread.block, unread.line);
            text.push_str(&format!("  {file}:{line}: {}\n", plain(&unread.why)));
        }
        if unreadable > SHOWN as u64 {
            text.push_str("  …\n");
        }
        for (number, thing, why) in [
            (by_hop, "request", "that another edge had decided, which has a line for each"),
            (unrouted, "request", "for which neither table has a service"),
            (beyond_minutes, "request", "from the busiest minutes, as the logs are of more than two weeks"),
        ] {
            if number > 0 {
                text.push_str(&format!("homeward: left out: {} {why}\n", count(number, thing)));
            }
        }
        text
    }

    /// The log and the number of a line, from 1.
    fn place(&self, block: usize, line: u64) -> (&str, u64) {
        let (name, first) =
            self.began.iter().rev().find(|(_, first)| *first <= block).map_or(("?", 0), |(n, f)| (n, *f));
        let before = self.tally.lines.iter().filter(|(number, _)| (first..block).contains(number));
        (name, before.map(|(_, lines)| lines).sum::<u64>() + line + 1)
    }
}

/// What the new table would have done. The form is stable: fields may come, none is renamed or goes.
#[derive(Debug, Serialize)]
pub(super) struct Simulation {
    /// The lines that count.
    requests: u64,
    /// Those that cannot be read.
    unreadable: u64,
    /// Those that another edge has a line of.
    by_hop: u64,
    /// Those for which neither table has a service.
    unrouted: u64,
    /// When the first one came.
    from: Option<Timestamp>,
    /// When the last one came.
    to: Option<Timestamp>,
    /// Who goes where, over all of that time.
    preview: Preview,
    /// The busiest minute of each region of the new table.
    peaks: Vec<Peak>,
}

/// The busiest minute of a region by the new table.
#[derive(Debug, Serialize)]
struct Peak {
    region: String,
    /// Its beginning; missing where the region would have got nothing.
    minute: Option<Timestamp>,
    /// What the region would have got in it, if none had been passed over for its capacity.
    would_get_per_second: f64,
    /// What it had got by today's table.
    today_per_second: f64,
    over_capacity: bool,
}

impl Simulation {
    pub(super) fn of(comparison: &Comparison<'_>, logs: &Logs<'_>, at: Timestamp) -> Self {
        let Tally { requests, unreadable, by_hop, unrouted, span, .. } = logs.tally;
        let time = |second: i64| Timestamp::from_second(second).ok();
        // The last second has a length too.
        let seconds = span.map_or(1.0, |(first, last)| (last - first + 1) as f64);
        let inputs = logs.tally.inputs(seconds);
        Self {
            requests,
            unreadable,
            by_hop,
            unrouted,
            from: span.and_then(|(first, _)| time(first)),
            to: span.and_then(|(_, last)| time(last)),
            preview: comparison.preview(&inputs, seconds, requests, at),
            peaks: peaks(comparison, &logs.tally, seconds.min(60.0)),
        }
    }

    /// Whether a region would get more than its capacity, over all of the time or in a minute of it.
    pub(super) fn is_over_capacity(&self) -> bool {
        self.preview.is_over_capacity() || self.peaks.iter().any(|peak| peak.over_capacity)
    }

    pub(super) fn render(&self, style: Style) -> String {
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return "no request was found, so that nothing can be told\n".to_owned();
        };
        let head = format!("{} from {from} to {to}", count(self.requests, "request"));
        let mut text = format!("{}\n{}", style.faint(&head), preview_page::render(&self.preview, style));
        let mut columns = Columns::default();
        let headings =
            [Cell::text("BUSIEST MINUTE"), Cell::text("OF"), Cell::number("TODAY/S"), Cell::number("WOULD GET/S")];
        columns.row(headings.map(|cell| cell.painted(Style::faint)));
        for peak in &self.peaks {
            let would = Cell::number(rate(peak.would_get_per_second));
            let minute =
                peak.minute.map_or_else(|| "-".to_owned(), |minute| minute.strftime("%Y-%m-%dT%H:%MZ").to_string());
            let mut row = vec![
                Cell::text(minute),
                Cell::text(plain(&peak.region)),
                Cell::number(rate(peak.today_per_second)),
                if peak.over_capacity { would.painted(Style::bad) } else { would },
            ];
            if peak.over_capacity {
                row.push(Cell::text("over its capacity").painted(Style::bad));
            }
            columns.row(row);
        }
        text.push('\n');
        text.push_str(&columns.render(style));
        text
    }
}

fn peaks(comparison: &Comparison<'_>, tally: &Tally<'_>, seconds: f64) -> Vec<Peak> {
    let (today, new) = (comparison.today(), comparison.new_table());
    let of = |loads: &[u64], at: usize| loads.get(at).copied().unwrap_or(0);
    let mean = |count: u64| (count as f64 / seconds * 1_000.0).round() / 1_000.0;
    let peak = |(id, region): (RegionId, &crate::routing::Region)| {
        let at = today.regions().len() + id.index();
        // Of two that are as busy the earlier one.
        let busiest = tally.minutes.iter().max_by_key(|(minute, loads)| (of(loads, at), std::cmp::Reverse(**minute)));
        let busiest = busiest.filter(|(_, loads)| of(loads, at) > 0);
        let would_get = busiest.map_or(0.0, |(_, loads)| mean(of(loads, at)));
        let was = today.region_id(region.name.as_str());
        Peak {
            region: region.name.to_string(),
            minute: busiest.and_then(|(minute, _)| Timestamp::from_second(minute.checked_mul(60)?).ok()),
            would_get_per_second: would_get,
            today_per_second: busiest.zip(was).map_or(0.0, |((_, loads), was)| mean(of(loads, was.index()))),
            over_capacity: region.capacity.is_some_and(|capacity| would_get > capacity.per_second()),
        }
    };
    new.regions_by_id().map(peak).collect()
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

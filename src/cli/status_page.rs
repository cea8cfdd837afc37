//! A status as people read it.

mod acme;
mod certificates;
mod guard;
mod remainder;

use super::style::{Cell, Columns, Style, plain, plain_lines};
use crate::admin::Status;
use crate::admin::status::{DrainStatus, FileStatus, RegionStatus};
use crate::model::Timestamp;

pub(super) use remainder::{line as remainder, time_of_day};

/// `status` on a page.
pub(super) fn render(status: &Status, style: Style) -> String {
    let mut page = head(status, style);
    page.push('\n');
    page.push_str(&regions(status, style));
    if !status.drains.is_empty() {
        page.push_str(&format!("\n{}\n{}", style.strong("Drains"), drains(status, style)));
        page.push_str(&remainder::lines(status, style));
    }
    page.push('\n');
    page.push_str(&table(status, style));
    page.push_str(&guard::lines(status, style));
    page.push_str(&places(status, style));
    page.push_str(&hops(status, style));
    page.push_str(&certificates::lines(status, style));
    page.push_str(&acme::lines(status, style));
    page.push_str(&secrets(status, style));
    page
}

fn head(status: &Status, style: Style) -> String {
    let ready = if status.ready { style.good("ready") } else { style.bad("not ready") };
    format!(
        "{} {}, Homeward {}, up {}, {ready}, {} open request{}\n",
        style.strong("Edge in"),
        style.strong(&plain(&status.region)),
        plain(&status.version),
        span(status.uptime_seconds),
        status.open_requests,
        if status.open_requests == 1 { "" } else { "s" },
    )
}

fn regions(status: &Status, style: Style) -> String {
    let mut columns = Columns::default();
    let heading = |cell: Cell| cell.painted(Style::faint);
    columns.row([
        heading(Cell::text("REGION")),
        heading(Cell::number("SHARE")),
        heading(Cell::number("SERVERS")),
        heading(Cell::number("REQ/S")),
        heading(Cell::number("CAPACITY")),
        heading(Cell::number("FLOPS/S")),
        heading(Cell::text("STATE")),
    ]);
    for region in &status.regions {
        let local = if region.local { " (here)" } else { "" };
        let (healthy, servers) =
            region.services.iter().fold((0, 0), |(h, s), service| (h + service.healthy, s + service.servers));
        let share = Cell::number(plain(&region.share));
        let servers_cell = Cell::number(format!("{healthy}/{servers}"));
        columns.row([
            Cell::text(plain(&region.name) + local),
            if region.share_ratio < 1.0 { share.painted(Style::odd) } else { share },
            if healthy < servers { servers_cell.painted(Style::odd) } else { servers_cell },
            Cell::number(format!("{:.1}", region.requests_per_second)),
            Cell::number(region.capacity.as_deref().map_or_else(|| "-".to_owned(), plain)),
            Cell::number(format!("{:.1}", region.flops_per_second)),
            state(region),
        ]);
    }
    let mut text = columns.render(style);
    for region in &status.regions {
        for problem in region.services.iter().flat_map(|service| &service.problems) {
            let line = format!("{}: {}", plain(&region.name), plain(problem));
            text.push_str(&format!("{}\n", style.odd(&line)));
        }
        text.push_str(&advice(region, style));
    }
    text
}

/// That a region is worth draining, and what to type; and how much of its visitors goes elsewhere for its capacity.
fn advice(region: &RegionStatus, style: Style) -> String {
    let name = plain(&region.name);
    let mut text = String::new();
    if let Some(room) = region.room_ratio.filter(|room| *room < 1.0) {
        let line = format!("{name}: at its capacity, {:.0}% of its new visitors go elsewhere", (1.0 - room) * 100.0);
        text.push_str(&format!("{}\n", style.odd(&line)));
    }
    if let Some(advice) = &region.worth_draining {
        let line = format!("{name} is worth draining: {}", plain(&advice.text));
        text.push_str(&format!("{}\n  {}\n", style.bad(&line), plain(&advice.command)));
        if let Some(why) = &advice.not_drained {
            text.push_str(&format!("  it is not drained by itself: {}\n", plain(why)));
        }
    }
    text
}

fn state(region: &RegionStatus) -> Cell {
    if region.away.is_empty() {
        return Cell::text("ok").painted(Style::good);
    }
    let mut why: Vec<_> =
        region.away.iter().filter(|away| away.service.is_none()).map(|away| plain(&away.text)).collect();
    let (without, others): (Vec<_>, Vec<_>) =
        region.away.iter().filter(|away| away.service.is_some()).partition(|away| away.why == "NoHealthyServer");
    why.extend(others.iter().map(|away| plain(&away.text)));
    let services: Vec<_> = without.iter().filter_map(|away| away.service.as_deref().map(plain)).collect();
    if !services.is_empty() {
        why.push(format!("no healthy server for {}", services.join(", ")));
    }
    Cell::text(format!("away: {}", why.join("; "))).painted(Style::bad)
}

fn drains(status: &Status, style: Style) -> String {
    let mut columns = Columns::default();
    for drain in &status.drains {
        let by = drain.by.as_deref().map_or_else(|| "by nobody named".to_owned(), |by| format!("by {}", plain(by)));
        columns.row([
            Cell::text(format!("  {}", plain(&drain.region))),
            Cell::text(share(drain)),
            Cell::text(format!("sessions {}", plain(&drain.sessions))),
            Cell::text(time_left(drain, status.now)),
            Cell::text(by),
            Cell::text(layer(drain)),
            Cell::text(drain.reason.as_deref().map(plain).unwrap_or_default()),
        ]);
    }
    columns.render(style)
}

/// What is left to the region, and where that goes.
fn share(drain: &DrainStatus) -> String {
    let (now, goal) = (plain(&drain.share_now), plain(&drain.share));
    match &drain.ramp {
        Some(ramp) if drain.in_force && now != goal => format!("{now}, on its way to {goal} in {}", plain(ramp)),
        _ if drain.in_force => now,
        _ => goal,
    }
}

/// Where it comes from, and what is special about it.
fn layer(drain: &DrainStatus) -> String {
    let mut words = vec![if drain.layer == "operator" { "on this edge" } else { "in the table" }];
    words.extend(drain.practice.then_some("a drill"));
    words.extend(drain.held.then_some("held: nobody healthy to come back to"));
    words.extend((!drain.region_is_known).then_some("the table has no such region"));
    words.join(", ")
}

fn time_left(drain: &DrainStatus, now: Timestamp) -> String {
    let until = |end: Timestamp| span(u64::try_from(end.duration_since(now).as_secs()).unwrap_or(0));
    if let (true, Some(end)) = (drain.held, drain.until) {
        return format!("was to end at {end}");
    }
    match (drain.in_force, drain.over, drain.since, drain.until) {
        (_, true, _, Some(end)) => format!("over since {end}"),
        (false, false, Some(start), _) => format!("begins in {}", until(start)),
        (true, _, _, Some(end)) => format!("{} left", until(end)),
        (true, _, _, None) => "no end".to_owned(),
        _ => "not in force".to_owned(),
    }
}

fn table(status: &Status, style: Style) -> String {
    let table = &status.table;
    let live = match (&table.revision, table.age_seconds) {
        (Some(revision), Some(age)) => {
            let origin = match table.origin.as_deref() {
                Some("last_good") => style.bad(", the last good one of an earlier run"),
                _ => String::new(),
            };
            format!("{}, live for {}{origin}", plain(revision), span(age))
        }
        _ => style.bad("none is live"),
    };
    let problem = table.problem.as_ref().map(|problem| refused(problem, status.now, "The table that was live stays."));
    format!("{} {live}\n{}", style.strong("Table"), problem.map(|text| style.bad(&text)).unwrap_or_default())
}

fn places(status: &Status, style: Style) -> String {
    let places = &status.places;
    let files: Vec<_> = places.files.iter().map(|file| plain(file)).collect();
    let live = match places.built {
        _ if files.is_empty() => "no database: only networks and 'otherwise' find a home".to_owned(),
        Some(built) => format!("{}, built {}", files.join(", "), built.strftime("%Y-%m-%d")),
        None => files.join(", "),
    };
    let problem = places.problem.as_ref().map(|problem| refused(problem, status.now, "What was live stays."));
    format!("{} {live}\n{}", style.strong("Places"), problem.map(|text| style.bad(&text)).unwrap_or_default())
}

/// Nothing where there are no hops to speak of.
fn hops(status: &Status, style: Style) -> String {
    let hops = &status.hops;
    if hops.edges.is_empty() && hops.problem.is_none() {
        return String::new();
    }
    let edges: Vec<_> = hops.edges.iter().map(|region| plain(region)).collect();
    let live = match (hops.on, edges.is_empty()) {
        (true, false) => format!("through the edges of {}", edges.join(", ")),
        (true, true) => "none: the table names no edge of another region".to_owned(),
        (false, _) => style.odd(&format!(
            "off: the settings name no hop keys, so the pools of {} are reached directly",
            edges.join(", ")
        )),
    };
    let problem = hops.problem.as_ref().map(|problem| refused(problem, status.now, "The keys that were used stay."));
    format!("{} {live}\n{}", style.strong("Hops"), problem.map(|text| style.bad(&text)).unwrap_or_default())
}

/// Nothing where there is nothing to worry about.
fn secrets(status: &Status, style: Style) -> String {
    let mut text = String::new();
    if let Some(problem) = &status.admin.problem {
        text.push_str(&style.bad(&refused(problem, status.now, "The tokens that were used stay.")));
    }
    for warning in &status.secret_warnings {
        text.push_str(&format!("{} {}\n", style.strong("Secrets"), style.odd(&plain(warning))));
    }
    text
}

fn refused(problem: &FileStatus, now: Timestamp, and: &str) -> String {
    let age = span(u64::try_from(now.duration_since(problem.since).as_secs()).unwrap_or(0));
    let text = plain_lines(&problem.text);
    format!("{} is refused for {age}. {and}\n{}\n", plain(&problem.file), text.trim_end())
}

/// Seconds in the two largest units that say something.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests;

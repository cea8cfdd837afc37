//! A preview as people read it.

use super::style::{Cell as Column, Columns, Style, plain};
use crate::routing::preview::{Cell, Preview, RegionLoad};

/// The matrix, what each region gets, and one line that sums it up.
pub(super) fn render(preview: &Preview, style: Style) -> String {
    let looked = format!(
        "{} s of requests, {} of them looked at, as of {}",
        preview.seconds,
        preview.samples,
        preview.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    if preview.cells.is_empty() {
        return format!("{looked}\nNo request was seen in that time, so that nothing can be told.\n");
    }
    format!(
        "{}\n\n{}\n{}\n{}",
        style.faint(&looked),
        matrix(preview, style),
        regions(preview, style),
        sum(preview, style)
    )
}

fn heading(columns: &mut Columns, words: &[&str], numbers: &[&str]) {
    let words = words.iter().map(|word| Column::text(*word));
    let all = words.chain(numbers.iter().map(|word| Column::number(*word)));
    columns.row(all.map(|cell| cell.painted(Style::faint)));
}

fn matrix(preview: &Preview, style: Style) -> String {
    let mut columns = Columns::default();
    heading(&mut columns, &["FROM", "TO"], &["REQ/S", "NEW/S", "AT HOME/S", "ORPHANED/S"]);
    for cell in preview.summed() {
        let Cell { from, to, .. } = &cell;
        let to_column = Column::text(plain(to));
        let moved = match from == to {
            true => to_column,
            false if to.starts_with('(') => to_column.painted(Style::bad),
            false => to_column.painted(Style::odd),
        };
        let orphaned = Column::number(rate(cell.sessions_orphaned_per_second));
        columns.row([
            Column::text(plain(from)),
            moved,
            Column::number(rate(cell.requests_per_second)),
            Column::number(rate(cell.new_visitors_per_second)),
            Column::number(rate(cell.sessions_at_home_per_second)),
            if cell.sessions_orphaned_per_second > 0.0 { orphaned.painted(Style::odd) } else { orphaned },
        ]);
    }
    columns.render(style)
}

fn regions(preview: &Preview, style: Style) -> String {
    let mut columns = Columns::default();
    heading(&mut columns, &["REGION"], &["TODAY/S", "WOULD GET/S", "CAPACITY"]);
    for region in &preview.regions {
        let RegionLoad { name, capacity_per_second, today_per_second, would_get_per_second, .. } = region;
        let would = Column::number(rate(*would_get_per_second));
        let capacity = capacity_per_second.map_or_else(|| "-".to_owned(), |capacity| format!("{capacity}/s"));
        let mut row = vec![
            Column::text(plain(name)),
            Column::number(rate(*today_per_second)),
            if region.over_capacity { would.painted(Style::bad) } else { would },
            Column::number(capacity),
        ];
        if region.over_capacity {
            row.push(Column::text(over(region)).painted(Style::bad));
        }
        columns.row(row);
    }
    columns.render(style)
}

/// What becomes of what is too much.
fn over(region: &RegionLoad) -> String {
    let more = region.would_get_per_second - region.gets_per_second;
    if more > 0.01 * region.would_get_per_second {
        format!("over its capacity: {}/s go on to other regions", rate(more))
    } else {
        "over its capacity, and no other region takes it".to_owned()
    }
}

fn sum(preview: &Preview, style: Style) -> String {
    let Preview { requests_per_second, moved_per_second, orphaned_per_second, .. } = preview;
    let orphaned = match *orphaned_per_second > 0.0 {
        true => style.odd(&format!("sessions of {}/s become orphans", rate(*orphaned_per_second))),
        false => "no session becomes an orphan".to_owned(),
    };
    let mut text = format!("{} of {} requests/s move; {orphaned}", rate(*moved_per_second), rate(*requests_per_second));
    for (end, what) in [
        ("(waits)", "wait for their home, and get 503 until it is back"),
        ("(nobody)", "get 503, as no region can serve them"),
        ("(no service)", "get 404, as the table has no service for them"),
    ] {
        let came = preview.cells.iter().filter(|cell| cell.to == end && cell.from != end);
        let came: f64 = came.map(|cell| cell.requests_per_second).sum();
        if came > 0.0 {
            text.push_str(&format!("; {}", style.bad(&format!("{}/s {what}", rate(came)))));
        }
    }
    text + "\n"
}

/// Requests per second, with more digits where they are few.
pub(super) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 0.95 { format!("{per_second:.3}") } else { format!("{per_second:.1}") }
}

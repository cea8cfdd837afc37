//! The parts of the view, each drawn into the rectangle that it is given.

use super::super::guide::Guide;
use super::super::snapshot::{RegionNow, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, Wrap};

/// The most lines of a problem that are shown; the whole message is in the log and in `homeward check`.
const MOST_PROBLEM_LINES: usize = 10;
const BAR: usize = 12;

const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const SOFT: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

fn block(title: impl Into<Line<'static>>) -> Block<'static> {
    Block::bordered().title(title).border_style(SOFT)
}

pub(super) fn regions(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    // The bar's full length is the busiest region's; below 20 requests a second it is 20, so that noise does not dance.
    let most = snapshot.regions.iter().map(|region| region.requests_per_second).fold(20.0, f64::max);
    let rows = snapshot.regions.iter().map(|region| region_row(region, most));
    let outcomes = snapshot.outcomes;
    let mut sums = vec![
        format!(" {:.0} requests/s ", snapshot.requests_per_second()).into(),
        format!(" {:.0} flops/s ", snapshot.flops_per_second).into(),
        format!(" {} ok ", outcomes.ok).into(),
        format!(" {} had to log in again ", outcomes.log_in_again).into(),
        ratatui::text::Span::styled(
            format!(" {} failed ", outcomes.failed),
            if outcomes.failed == 0 { Style::new() } else { BAD },
        ),
    ];
    if let Some(why) = &snapshot.last_failure {
        sums.push(format!(" last: {why} ").into());
    }
    let widths = [
        Constraint::Length(18),
        Constraint::Length(5),
        Constraint::Length(16),
        Constraint::Length(17),
        Constraint::Length(8),
        Constraint::Min(8),
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(["region", "share", "health", "requests/s", "sessions", "visitors"]).style(SOFT))
        .block(block(" Homeward demo ").title_bottom(Line::from(sums)));
    frame.render_widget(table, area);
}

fn region_row(region: &RegionNow, most: f64) -> Row<'static> {
    let name = if region.here { format!("{}, edge here", region.name) } else { region.name.clone() };
    let (share, health) = match &region.edge {
        None => ("-".into(), Cell::from("not in the table").style(BAD)),
        Some(edge) => {
            let servers = format!("{}/{} up", edge.healthy, edge.servers);
            let health = match &edge.away {
                // A region without a healthy server says so by its figures.
                Some(_) if edge.healthy == 0 => Cell::from(format!("{servers}, away")).style(BAD),
                Some(why) => Cell::from(format!("{servers}, {why}")).style(BAD),
                None if !region.powered => Cell::from(format!("{servers}, no power")).style(BAD),
                None if edge.healthy < edge.servers => Cell::from(servers).style(BAD),
                None => Cell::from(servers).style(GOOD),
            };
            (format!("{:.0}%", edge.share * 100.0), health)
        }
    };
    let rate = region.requests_per_second;
    let bar: String =
        (0..BAR).map(|at| if (at as f64 + 0.5) / (BAR as f64) < rate / most { '█' } else { ' ' }).collect();
    Row::new([
        Cell::from(name).style(BOLD),
        Cell::from(share),
        health,
        Cell::from(format!("{bar} {rate:.0}")),
        Cell::from(region.sessions.to_string()),
        Cell::from(region.visitors.to_string()),
    ])
}

/// The text of the panel of the routing table.
fn table_text(snapshot: &Snapshot) -> (Text<'static>, bool) {
    let live = format!("revision {} is live for {}", snapshot.revision, age(snapshot.age.as_secs()));
    let Some(problem) = &snapshot.problem else { return (Text::from(live), false) };
    let mut lines: Vec<Line<'static>> = Vec::new();
    lines.push(Line::styled(format!("The table was refused; the last good one serves: {live}"), BAD));
    lines.extend(problem.trim_end().lines().take(MOST_PROBLEM_LINES).map(|line| Line::from(line.to_owned())));
    if problem.lines().nth(MOST_PROBLEM_LINES).is_some() {
        lines.push(Line::styled("… and more: homeward check says all of it", SOFT));
    }
    (Text::from(lines), true)
}

/// How many lines the panel of the routing table needs.
pub(super) fn table_height(snapshot: &Snapshot, width: u16) -> u16 {
    let room = usize::from(width.saturating_sub(2)).max(1);
    let (text, _) = table_text(snapshot);
    let lines: usize = text.lines.iter().map(|line| line.width().div_ceil(room).max(1)).sum();
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2)
}

pub(super) fn routing_table(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let (text, refused) = table_text(snapshot);
    let block = block(" routing table ");
    let block = if refused { block.border_style(BAD) } else { block };
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).block(block), area);
}

/// A number of seconds as people say it.
pub(in crate::demo) fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

pub(super) fn places(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let mut header = vec![Cell::from("")];
    header.extend(snapshot.regions.iter().map(|region| Cell::from(region.name.clone())));
    header.push(Cell::from("none"));
    let rows = snapshot.places.iter().map(|place| {
        let served = place.served_by.iter().map(|n| if *n == 0 { "·".to_owned() } else { n.to_string() });
        Row::new(std::iter::once(place.name.to_owned()).chain(served).map(Cell::from).collect::<Vec<_>>())
    });
    let mut widths = vec![Constraint::Length(13)];
    widths.extend(snapshot.regions.iter().map(|_| Constraint::Length(11)));
    widths.push(Constraint::Min(4));
    let block = block(" visitors by place, served by ");
    frame.render_widget(
        Table::new(rows, widths).column_spacing(0).header(Row::new(header).style(SOFT)).block(block),
        area,
    );
}

pub(super) fn short_guide(frame: &mut Frame<'_>, area: Rect, guide: &Guide) {
    let mut lines: Vec<Line<'_>> = guide
        .places
        .iter()
        .map(|(name, place)| Line::from(vec![format!("{name}: ").into(), place.as_str().into()]))
        .collect();
    lines.extend((1..).zip(&guide.tries).map(|(number, (what, _))| Line::from(format!("{number}. {what}"))));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block(" what to try: press t ")), area);
}

pub(super) fn whole_guide(frame: &mut Frame<'_>, area: Rect, guide: &Guide, scrolled: u16) {
    // Without a border, so that a mouse takes nothing but the lines.
    frame.render_widget(Paragraph::new(guide.text()).wrap(Wrap { trim: false }).scroll((scrolled, 0)), area);
}

pub(super) fn keys(frame: &mut Frame<'_>, area: Rect, text: &'static str) {
    frame.render_widget(Line::styled(text, SOFT), area);
}

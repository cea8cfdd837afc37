//! What was found, as a part of a page between two marks, and as plots. Pure.

use crate::options::PEERS;
use crate::plot::{Bar, Group, bars};
use crate::results::{Found, Results, columns};
use crate::sheets::Sheet;
use crate::statistics::Spread;
use crate::table::{Table, number};
use std::fmt::Write as _;

const BEGIN: &str = "<!-- What stands from here on is written by `make bench`. -->";
const END: &str = "<!-- Up to here. -->";

/// Whose figures the others' are divided by.
const MEASURE: &str = "haproxy";

/// The table of a sheet: each figure as its median, and its spread in brackets.
pub fn table(sheet: &Sheet, found: &Found) -> Table {
    let columns = columns(sheet.way);
    let titles = columns.iter().map(|column| column.title.to_owned());
    let has_measure = found.rows.iter().any(|row| row.proxy == MEASURE);
    let mut table = Table { columns: std::iter::once(String::new()).chain(titles).collect(), rows: Vec::new() };
    if has_measure {
        table.columns.insert(2, format!("× {MEASURE}'s"));
    }
    for row in &found.rows {
        let name = if sheet.has_names() { format!("{}: {}", row.point, row.proxy) } else { row.proxy.clone() };
        let mut cells = vec![name];
        cells.extend(columns.iter().map(|column| cell(&row.values(column.key))));
        if has_measure {
            let of = |proxy: &str| {
                let row = found.rows.iter().find(|other| other.point == row.point && other.proxy == proxy)?;
                Spread::of(&row.values(columns[0].key)).map(|spread| spread.median)
            };
            let times = of(&row.proxy).zip(of(MEASURE)).map(|(own, measure)| own / measure);
            cells.insert(2, times.map_or("–".into(), |times| format!("{times:.2}")));
        }
        table.rows.push(cells);
    }
    table
}

fn cell(values: &[f64]) -> String {
    let Some(Spread { median, least, most }) = Spread::of(values) else { return "–".into() };
    let [median, least, most] = [median, least, most].map(number);
    if least == most { median } else { format!("{median} ({least}–{most})") }
}

/// The plot of a sheet; `None` where there is nothing to draw.
pub fn plot(sheet: &Sheet, found: &Found) -> Option<String> {
    let column = columns(sheet.way).first()?;
    let mut groups: Vec<Group> = Vec::new();
    for row in &found.rows {
        let Some(spread) = Spread::of(&row.values(column.key)) else { continue };
        let class = match row.proxy.as_str() {
            "loop" | "splice" => "floor",
            name if PEERS.contains(&name) => "peer",
            _ => "own",
        };
        let bar = Bar { name: row.proxy.clone(), class, spread };
        match groups.iter_mut().find(|group| group.label == row.point) {
            Some(group) => group.bars.push(bar),
            None => groups.push(Group { label: row.point.clone(), bars: vec![bar] }),
        }
    }
    (!groups.is_empty()).then(|| bars(sheet.name, column.title, &groups))
}

/// A page of nothing but the marks.
pub fn empty() -> String {
    format!("{BEGIN}\n{END}\n")
}

/// The name of a sheet's plot beside a page of this name.
pub fn plot_name(page: &str, sheet: &Sheet) -> String {
    format!("{page}-{}.svg", sheet.name)
}

/// A page with what was found in the place of what was between its marks.
///
/// # Errors
/// A page without the marks.
pub fn put(page: &str, name: &str, sheets: &[Sheet], results: &Results) -> Result<String, String> {
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("the page has no line {BEGIN}"))?;
    let (_, behind) = rest.split_once(END).ok_or_else(|| format!("the page has no line {END}"))?;
    let mut part = String::new();
    for sheet in sheets {
        let Some(found) = results.sheets.get(sheet.name) else { continue };
        section(&mut part, name, sheet, found);
    }
    if part.is_empty() {
        part.push_str("\nNot measured yet.\n");
    }
    Ok(format!("{before}{BEGIN}\n{part}\n{END}{behind}"))
}

fn section(part: &mut String, name: &str, sheet: &Sheet, found: &Found) {
    let about = sheet.about;
    writeln!(part, "\n### {}\n\n{}{}.\n", sheet.name, about[..1].to_uppercase(), &about[1..]).unwrap();
    if plot(sheet, found).is_some() {
        writeln!(part, "![{about}]({})\n", plot_name(name, sheet)).unwrap();
    }
    part.push_str(&table(sheet, found).markdown());
    let versions: Vec<_> = found.versions.iter().map(|(proxy, version)| format!("{proxy} {version}")).collect();
    let Found { ran, rounds, seconds, machine, .. } = found;
    let versions = versions.join(", ");
    let times =
        if *rounds == 1 { format!("once for {seconds} s") } else { format!("{rounds} rounds of {seconds} s each") };
    writeln!(part, "\n{ran}, {times}, on {machine}; {versions}.").unwrap();
    for why in &found.left_out {
        writeln!(part, "- Left out: {why}.").unwrap();
    }
}

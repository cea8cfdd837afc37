//! The answer as people read it.

use super::super::style::{Cell, Columns, Style, plain};
use super::figures::{amount, percent, time, whole};
use super::told::{Answer, ToldCourse, ToldLoss, ToldNeed};

pub(super) fn render(answer: &Answer, style: Style) -> String {
    let mut text = style.faint(&head(answer));
    text.push_str(&format!("\n\n{}", resources(answer, style)));
    text.push_str(&format!("\n{}", regions(answer, style)));
    if answer.losses.len() > 1 {
        text.push_str(&format!("\n{}", losses(answer, style)));
    }
    if let Some(loss) = &answer.loss {
        text.push_str(&format!("\n{}", course(loss, style)));
    }
    text.push_str(&format!("\n{}", fleet(answer, style)));
    text.push('\n');
    if answer.carried {
        text.push_str(&format!("{}\n", style.good("all of it is carried")));
    }
    for problem in &answer.problems {
        text.push_str(&format!("{}: {}\n", style.bad("not carried"), plain(problem)));
    }
    text
}

fn head(answer: &Answer) -> String {
    let (load, edge) = (&answer.load, &answer.edge);
    let messages = match load.messages_per_second {
        0.0 => String::new(),
        rate => format!(", {} messages/s", amount(rate)),
    };
    format!(
        "{} requests/s, {} connections, {} new/s{messages}; TLS {}, HTTP/2 {}, WebSockets {}, hops {}\n\
         an edge: {} cores at {}, {} GiB, {} Gbit/s, {} file handles, limits.connections {}\n\
         costs: {}",
        amount(load.requests_per_second),
        whole(load.connections),
        amount(load.new_connections_per_second),
        percent(load.tls),
        percent(load.http2),
        percent(load.websockets),
        percent(load.hops),
        whole(edge.cores),
        percent(edge.busy),
        amount(edge.memory_gib),
        amount(edge.network_gbit),
        whole(edge.file_handles),
        whole(edge.connections),
        plain(&answer.costs),
    )
}

fn heading(columns: &mut Columns, words: &[&str], numbers: &[&str]) {
    let words = words.iter().map(|word| Cell::text(*word));
    columns.row(words.chain(numbers.iter().map(|word| Cell::number(*word))).map(|cell| cell.painted(Style::faint)));
}

fn unit(resource: &str) -> &'static str {
    match resource {
        "cpu" => " cores",
        "memory" => " GiB",
        "network" => " Gbit/s",
        _ => "",
    }
}

fn edges(count: Option<f64>) -> String {
    count.map_or_else(|| "none is enough".to_owned(), whole)
}

fn resources(answer: &Answer, style: Style) -> String {
    let mut columns = Columns::default();
    heading(&mut columns, &["RESOURCE"], &["ALL NEED", "AN EDGE GIVES", "EDGES"]);
    for ToldNeed { resource, needed, each, edges: count } in &answer.resources {
        let number = |value: f64| format!("{}{}", amount(value), unit(resource));
        let mut row = vec![
            Cell::text(resource.replace('_', " ")),
            Cell::number(number(*needed)),
            Cell::number(number(*each)),
            Cell::number(edges(*count)),
        ];
        if *resource == answer.limit {
            row.push(Cell::text("runs out first").painted(Style::odd));
        }
        columns.row(row);
    }
    columns.render(style)
}

fn regions(answer: &Answer, style: Style) -> String {
    let mut columns = Columns::default();
    let headings = ["VISITORS", "REQ/S", "EDGES", "WITH A LOSS", "CPU", "WITH A LOSS", "MEMORY", "ADDS P50", "P99"];
    heading(&mut columns, &["REGION"], &headings);
    let added = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), time);
    for region in &answer.regions {
        columns.row([
            Cell::text(plain(&region.name)),
            Cell::number(percent(region.share)),
            Cell::number(amount(region.requests_per_second)),
            Cell::number(edges(region.edges)),
            Cell::number(edges(region.edges_with_loss)),
            busy(region.utilisation),
            busy(region.utilisation_with_loss),
            Cell::number(percent(region.memory)),
            Cell::number(added(region.added_p50_seconds)),
            Cell::number(added(region.added_p99_seconds)),
        ]);
    }
    columns.row([
        Cell::text("all"),
        Cell::text(""),
        Cell::number(amount(answer.load.requests_per_second)),
        Cell::number(edges(answer.edges)),
        Cell::number(edges(answer.edges_with_loss)),
    ]);
    let there: Vec<_> = answer.regions.iter().map(|region| whole(region.edges_there)).collect();
    let there = match there.first() {
        Some(first) if there.iter().all(|count| count == first) => format!("{first} in each region"),
        _ => there.join(", "),
    };
    format!(
        "{}{}\n",
        columns.render(style),
        style.faint(&format!(
            "CPU, memory and added time with edges: {there}; the work of all is {} cores at the least",
            amount(answer.least_cores)
        ))
    )
}

fn busy(utilisation: f64) -> Cell {
    let cell = Cell::number(percent(utilisation));
    if utilisation >= 1.0 { cell.painted(Style::bad) } else { cell }
}

fn losses(answer: &Answer, style: Style) -> String {
    let mut columns = Columns::default();
    heading(&mut columns, &["WITHOUT", "GOES TO"], &["REQ/S", "GETS", "CAPACITY", "CPU"]);
    for ToldLoss { lost, to, .. } in &answer.losses {
        for gain in to {
            let gets = Cell::number(amount(gain.gets_per_second));
            let mut row = vec![
                Cell::text(plain(lost)),
                Cell::text(plain(&gain.region)),
                Cell::number(amount(gain.gains_per_second)),
                if gain.over_capacity { gets.painted(Style::bad) } else { gets },
                Cell::number(
                    gain.capacity_per_second.map_or_else(|| "-".to_owned(), |most| format!("{}/s", amount(most))),
                ),
                busy(gain.utilisation),
            ];
            if gain.over_capacity {
                row.push(Cell::text("over its capacity").painted(Style::bad));
            }
            columns.row(row);
        }
    }
    let mut text = columns.render(style);
    for loss in answer.losses.iter().filter(|loss| !loss.waiting_services.is_empty()) {
        let services = plain(&loss.waiting_services.join(", "));
        text.push_str(&format!("without {}, sessions of {services} get 503 until it is back\n", plain(&loss.lost)));
    }
    text
}

fn course(loss: &ToldCourse, style: Style) -> String {
    let how = match loss.ramp_seconds {
        None => format!("{} is lost at once: {} clients", plain(&loss.lost), whole(loss.clients)),
        Some(ramp) => {
            format!("{} is drained over {}: {} clients", plain(&loss.lost), time(ramp), whole(loss.clients))
        }
    };
    let figures = &loss.course;
    let mut columns = Columns::default();
    let mut row = |what: &str, value: String| columns.row([Cell::text(format!("  {what}")), Cell::number(value)]);
    row("attempts to connect, at the most, all edges", format!("{}/s", whole(loss.peak_attempts_per_second)));
    row("new connections to servers, all edges", whole(loss.server_connections));
    row("clients that see an error", whole(loss.errors));
    row("clients that wait longer than a second", whole(loss.slow));
    row("steady again after", loss.steady_after_seconds.map_or_else(|| "never".to_owned(), time));
    row(
        &format!("an edge in {}: attempts, at the most", plain(&loss.hardest)),
        format!("{}/s", whole(figures.peak_attempts_per_second)),
    );
    row("  handshakes that wait, at the most", whole(figures.peak_waiting));
    row(
        "  CPU before, at the most, after",
        format!(
            "{}, {}, {}",
            percent(figures.utilisation_before),
            percent(figures.peak_utilisation),
            percent(figures.utilisation_after)
        ),
    );
    row("  longest wait for a core", time(figures.peak_delay_seconds));
    row(
        "shortest drain that nobody notices",
        loss.gentlest_ramp_seconds
            .map_or_else(|| "none".to_owned(), |ramp| if ramp > 0.0 { time(ramp) } else { "at once".to_owned() }),
    );
    format!("{}\n{}", style.strong(&how), columns.render(style))
}

fn fleet(answer: &Answer, style: Style) -> String {
    let fleet = &answer.fleet;
    let head = format!(
        "{} edges, a table of {} home rules, {} edits an hour",
        whole(fleet.edges),
        whole(fleet.rules),
        amount(fleet.edits_per_hour)
    );
    let mut columns = Columns::default();
    let mut row = |what: &str, value: String| columns.row([Cell::text(format!("  {what}")), Cell::number(value)]);
    row("until the last edge has a new table", time(fleet.seconds_until_all));
    row("edits an hour that all edges can follow", whole(fleet.most_edits_per_hour));
    row("a reload, on one core", time(fleet.reload_core_seconds));
    row("tables, scrapes and status, of one core", percent(fleet.cores_of_an_edge));
    row("memory of the home rules", format!("{} MiB", amount(fleet.memory_mib)));
    row("sent to all edges", format!("{} Mbit/s", amount(fleet.network_mbit)));
    format!("{}\n{}", style.strong(&head), columns.render(style))
}

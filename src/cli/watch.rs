//! `homeward status --watch`: the status again and again, until somebody has seen enough.

use super::client::Client;
use super::ending::{Ending, Failure};
use super::output;
use super::status_page::{self, remainder, time_of_day};
use super::style::{Style, plain};
use crate::admin::Status;
use crate::admin::status::{RegionStatus, RemainderStatus};
use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::thread::sleep;
use std::time::Duration;

/// How often the edge is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// Clears the screen and goes to its beginning.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Goes to the beginning of the screen, to write over what is there.
const HOME: &str = "\x1b[H";

/// Clears what is left of a line.
const LINE_END: &str = "\x1b[K\n";

/// Clears what is left of the screen.
const REST: &str = "\x1b[J";

/// Shows what the edge behind `client` says, until Ctrl-C or until the region `until_empty` gets nothing any more: on a terminal
/// as a page that is drawn anew in place, otherwise a line for each change.
///
/// # Errors
/// Where the edge does not answer at first, has no such region, or nobody reads what is shown. Later, an edge that does not
/// answer is asked again.
pub(super) fn watch(client: &Client, until_empty: Option<&str>) -> Result<Ending, Failure> {
    let is_terminal = io::stdout().is_terminal();
    let style = Style::new(output::results_are_coloured());
    let mut status: Status = client.get("/api/v1/status")?;
    let mut changes = Changes::default();
    if is_terminal {
        output::result(CLEAR)?;
    }
    loop {
        if is_terminal {
            output::result(&in_place(&status_page::render(&status, style)))?;
        } else {
            output::result(&changes.of(&status))?;
        }
        if let Some(name) = until_empty {
            let region = region_named(&status, name)?;
            if let Some(since) = region.traffic.empty_since {
                if is_terminal {
                    output::result(&format!("{name} is empty since {}\n", time_of_day(since, status.now)))?;
                }
                return Ok(Ending::Well);
            }
        }
        status = loop {
            sleep(PERIOD);
            match client.get("/api/v1/status") {
                Ok(status) => break status,
                Err(Failure::Said(why)) if is_terminal => {
                    output::result(&format!("{HOME}{}{LINE_END}", style.bad(&plain(&why))))?;
                }
                Err(Failure::Said(why)) => output::result(&changes.silence(&why))?,
                Err(other) => return Err(other),
            }
        };
    }
}

fn in_place(page: &str) -> String {
    format!("{HOME}{}{REST}", page.replace('\n', LINE_END))
}

fn region_named<'a>(status: &'a Status, name: &str) -> Result<&'a RegionStatus, Failure> {
    status.regions.iter().find(|region| region.name == name).ok_or_else(|| {
        let known: Vec<_> = status.regions.iter().map(|region| plain(&region.name)).collect();
        let meant = crate::config::did_you_mean(name, known.iter().map(String::as_str));
        let meant = meant.map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
        Failure::Said(format!("there is no region '{}': {meant}the table has {}", plain(name), known.join(", ")))
    })
}

/// Lines that were said already.
#[derive(Debug, Default)]
struct Changes {
    said: HashMap<String, String>,
}

impl Changes {
    /// A line for everything that is not as it was.
    fn of(&mut self, status: &Status) -> String {
        let mut lines = vec![("edge".to_owned(), edge_line(status))];
        lines.extend(
            status.regions.iter().map(|region| (format!("region {}", region.name), region_line(status, region))),
        );
        let mut text = String::new();
        let time = status.now.strftime("%H:%M:%S").to_string();
        for (of, line) in lines {
            if self.said.get(&of) != Some(&line) {
                text.push_str(&format!("{time} {line}\n"));
                self.said.insert(of, line);
            }
        }
        text
    }

    /// That the edge does not answer, once.
    fn silence(&mut self, why: &str) -> String {
        let line = plain(why);
        if self.said.get("edge") == Some(&line) {
            return String::new();
        }
        self.said.insert("edge".to_owned(), line.clone());
        format!("{line}\n")
    }
}

fn edge_line(status: &Status) -> String {
    let ready = if status.ready { "ready" } else { "not ready" };
    let revision = status.table.revision.as_deref().map_or_else(|| "none".to_owned(), plain);
    let problem = status.table.problem.as_ref().map(|problem| format!(", refused: {}", plain(&problem.summary)));
    format!("edge in {}: {ready}, table {revision}{}", plain(&status.region), problem.unwrap_or_default())
}

/// Of a region that is drained all that is left; of another one how it is.
fn region_line(status: &Status, region: &RegionStatus) -> String {
    let name = plain(&region.name);
    let away: Vec<_> = region.away.iter().map(|away| plain(&away.text)).collect();
    let is_drained = status.drains.iter().any(|drain| drain.region == region.name && drain.in_force);
    let state = match (away.is_empty(), is_drained) {
        (true, false) => return format!("{name}: ok"),
        (true, true) => format!("share {}", plain(&region.share)),
        (false, _) => format!("away, {}", away.join("; ")),
    };
    if !is_drained {
        return format!("{name}: {state}");
    }
    let traffic = &region.traffic;
    let left = RemainderStatus {
        visitors_per_second: traffic.visitors_per_second,
        sessions_per_second: traffic.sessions_per_second,
        open_streams: traffic.open_streams,
        empty_since: traffic.empty_since,
    };
    format!("{} ({state})", remainder(&name, &left, status.now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(now: &str, sessions: f64, streams: usize, empty_since: Option<&str>) -> Status {
        let remainder = json!({"visitors_per_second": 0.0, "sessions_per_second": sessions, "open_streams": streams, "empty_since": empty_since});
        let mut west = json!({"name": "us-west", "local": false, "prefix": "west", "share": "0%", "share_ratio": 0.0,
            "away": [{"why": "Drained", "drain": 1, "text": "drained by oncall (drain 1): power loss"}], "healthy": true,
            "requests_per_second": sessions, "flops_per_second": 0.0, "services": []});
        west.as_object_mut().unwrap().extend(remainder.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "region": "us-east", "version": "0.1.0", "now": now, "started": "2026-11-22T03:00:00Z", "uptime_seconds": 7500,
            "ready": true, "open_requests": 1, "table": {"revision": "e3b0c44298fc"}, "places": {"files": []},
            "regions": [{"name": "us-east", "local": true, "prefix": "east", "share": "100%", "share_ratio": 1.0, "away": [],
                "healthy": true, "requests_per_second": sessions * 7.0, "flops_per_second": 0.0, "services": []}, west],
            "drains": [{"region": "us-west", "sessions": "move", "share": "0%", "share_ratio": 0.0, "share_now": "0%",
                "share_now_ratio": 0.0, "in_force": true, "over": false, "remainder": remainder}],
        }))
        .unwrap()
    }

    #[test]
    fn each_change_is_a_line_and_nothing_else_is() {
        let mut changes = Changes::default();
        let first = changes.of(&status("2026-11-22T04:41:05Z", 3.4, 1, None));
        assert_eq!(
            first,
            "04:41:05 edge in us-east: ready, table e3b0c44298fc\n\
             04:41:05 us-east: ok\n\
             04:41:05 us-west still gets 0.0 new visitors/s, 3.4 sessions/s; 1 open stream (away, drained by oncall (drain 1): \
             power loss)\n"
        );
        assert_eq!(changes.of(&status("2026-11-22T04:41:06Z", 3.4, 1, None)), "", "the rates of others are no change");
        let zero = changes.of(&status("2026-11-22T04:41:17Z", 0.0, 0, Some("2026-11-22T04:41:12Z")));
        assert!(zero.starts_with("04:41:17 us-west is empty since 04:41:12 (away"), "{zero}");
        assert_eq!(changes.silence("no edge answers"), "no edge answers\n");
        assert_eq!(changes.silence("no edge answers"), "");
        let back = changes.of(&status("2026-11-22T04:41:30Z", 0.0, 0, Some("2026-11-22T04:41:12Z")));
        assert_eq!(back, "04:41:30 edge in us-east: ready, table e3b0c44298fc\n", "it answers again");
    }

    #[test]
    fn a_region_that_is_not_there_is_said_to_be_so() {
        let status = status("2026-11-22T04:41:05Z", 0.0, 0, None);
        let Err(Failure::Said(why)) = region_named(&status, "us-wst") else { panic!("there is none") };
        assert_eq!(why, "there is no region 'us-wst': did you mean 'us-west'? the table has us-east, us-west");
        assert!(region_named(&status, "us-west").is_ok());
    }

    #[test]
    fn a_page_is_drawn_over_the_last_one() {
        assert_eq!(in_place("a\nb\n"), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
    }
}

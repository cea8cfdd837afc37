//! The certificates that are had by ACME, as far as somebody should look at them.

use super::{plain, span};
use crate::admin::Status;
use crate::admin::status::AcmeStatus;
use crate::cli::style::Style;
use crate::model::Timestamp;

/// Nothing where none is had by ACME.
pub(super) fn lines(status: &Status, style: Style) -> String {
    let all = &status.acme;
    let (Some(first), now) = (all.iter().filter_map(|each| each.next).min(), status.now) else {
        return match all.is_empty() {
            true => String::new(),
            false => format!("{} a certificate is asked for at the moment\n", style.strong("ACME")),
        };
    };
    let there = all.iter().filter(|each| each.expires.is_some_and(|expires| expires > now)).count();
    let mut text = format!(
        "{} {there} of {} there, the next is asked for in {}\n",
        style.strong("ACME"),
        all.len(),
        until(first, now)
    );
    for each in all.iter().filter(|each| each.problem.is_some() || each.expires.is_none_or(|expires| expires <= now)) {
        let line = line(each, now);
        let is_there = each.expires.is_some_and(|expires| expires > now);
        text.push_str(&format!("{}\n", if is_there { style.odd(&line) } else { style.bad(&line) }));
    }
    text
}

fn line(each: &AcmeStatus, now: Timestamp) -> String {
    let names: Vec<_> = each.names.iter().map(|name| plain(name)).collect();
    let there = match each.expires {
        Some(expires) if expires > now => format!("valid until {expires}"),
        Some(expires) => format!("expired at {expires}"),
        None => "none yet, handshakes fail".to_owned(),
    };
    let next =
        each.next.map_or_else(|| "asked for now".to_owned(), |next| format!("asked for in {}", until(next, now)));
    let problem = match &each.problem {
        Some(problem) if each.failures == 1 => format!(". It failed once: {}", plain(problem)),
        Some(problem) => format!(". It failed {} times: {}", each.failures, plain(problem)),
        None => String::new(),
    };
    format!("{}: {there}, {next}{problem}", names.join(", "))
}

fn until(next: Timestamp, now: Timestamp) -> String {
    span(u64::try_from(next.duration_since(now).as_secs()).unwrap_or(0))
}

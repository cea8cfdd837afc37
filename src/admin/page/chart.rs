//! Pictures, each with its words.

use super::words::{percent, rate};
use crate::live::{HISTORY, TrafficHistory};
use maud::{Markup, html};

/// How many seconds one point of a line stands for.
const STEP: usize = 3;

/// The height of a line's picture, in its own units; its width is one unit for each second.
const HEIGHT: f64 = 56.0;

/// The last five minutes of a region: requests as an area, errors before it.
pub(super) fn history(history: &TrafficHistory, name: &str, capacity: Option<f64>, second: u64) -> Markup {
    // By whole steps of the clock, so that a point keeps its height while it moves.
    let newest = (second % STEP as u64) as usize;
    let steps = |counts: &[u32]| -> Vec<f64> {
        let whole = counts.get(..counts.len().saturating_sub(newest)).unwrap_or_default();
        let mean = |step: &[u32]| step.iter().map(|count| f64::from(*count)).sum::<f64>() / step.len().max(1) as f64;
        let mut means: Vec<_> = whole.rchunks(STEP).filter(|step| step.len() == STEP).map(mean).collect();
        means.reverse();
        means
    };
    let (requests, errors) = (steps(&history.requests), steps(&history.errors));
    let peak = requests.iter().chain(&errors).copied().fold(0.0, f64::max);
    let top = (peak * 1.1).max(1.0);
    let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
    let minutes = HISTORY / 60;
    let words = format!(
        "{name}, last {minutes} minutes: {} requests, at most {} a second; {} errors",
        sum(&history.requests),
        rate(peak),
        sum(&history.errors)
    );
    let width = HISTORY as f64;
    html! {
        svg .chart role="img" aria-label=(words) viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" {
            @if let Some(y) = capacity.filter(|capacity| *capacity <= top).map(|capacity| height(capacity, top)) {
                line .capacity x1="0" x2=(width) y1=(y) y2=(y) {}
            }
            path .requests d=(area(&requests, top)) {}
            path .requests-line d=(line(&requests, top)) {}
            @if errors.iter().any(|errors| *errors > 0.0) {
                path .errors d=(area(&errors, top)) {}
            }
        }
        p .axis aria-hidden="true" {
            span { (minutes) " min ago" }
            span { "peak " (rate(peak)) "/s" }
            span { "now" }
        }
    }
}

fn height(value: f64, top: f64) -> String {
    format!("{:.1}", HEIGHT - value / top * (HEIGHT - 2.0))
}

fn line(points: &[f64], top: f64) -> String {
    let first = HISTORY as f64 - (points.len().saturating_sub(1) * STEP) as f64;
    let mut path = String::new();
    for (nth, value) in points.iter().enumerate() {
        let command = if nth == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{command}{:.0} {}", first + (nth * STEP) as f64, height(*value, top)));
    }
    path
}

fn area(points: &[f64], top: f64) -> String {
    if points.is_empty() {
        return String::new();
    }
    let first = HISTORY as f64 - (points.len().saturating_sub(1) * STEP) as f64;
    format!("{}L{} {HEIGHT}L{first:.0} {HEIGHT}Z", line(points, top), HISTORY)
}

/// A load against what can be carried.
pub(super) fn load(name: &str, per_second: f64, capacity: f64) -> Markup {
    let ratio = per_second / capacity;
    let words =
        format!("{name} carries {} of {} requests a second, {}", rate(per_second), rate(capacity), percent(ratio));
    let class = match ratio {
        1.0.. => "bad",
        0.8..1.0 => "warn",
        _ => "ok",
    };
    bar(&words, ratio, class)
}

/// A part of all as a bar; `class` says how it is to be looked at.
pub(super) fn bar(words: &str, ratio: f64, class: &str) -> Markup {
    html! {
        svg .meter .(class) role="img" aria-label=(words) viewBox="0 0 100 6" preserveAspectRatio="none" {
            rect .track width="100" height="6" {}
            rect .fill width=(format!("{:.1}", (ratio * 100.0).clamp(0.0, 100.0))) height="6" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_point_for_each_whole_step() {
        let history_of = |count| TrafficHistory { requests: vec![count; 300], errors: vec![0; 300] };
        let text = history(&history_of(10), "us-east", None, 300).into_string();
        assert!(text.contains("us-east, last 5 minutes: 3000 requests, at most 10.0 a second; 0 errors"), "{text}");
        assert_eq!(text.matches('L').count(), 99 + 99 + 2, "{text}");
        assert!(!text.contains("errors\" d="), "{text}");
        let text = history(&history_of(10), "us-east", Some(11.0), 301).into_string();
        assert_eq!(text.matches('L').count(), 98 + 98 + 2, "a step that is not whole is left out");
        assert!(text.contains("class=\"capacity\" x1=\"0\" x2=\"300\" y1=\"2.0\""), "{text}");
        let none = history(&TrafficHistory::default(), "us-east", None, 7).into_string();
        assert!(none.contains("d=\"\"") && none.contains("0 requests"), "{none}");
    }

    #[test]
    fn a_load_over_its_capacity_fills_the_bar() {
        let text = load("us-east", 240.0, 200.0).into_string();
        assert!(text.contains("class=\"meter bad\"") && text.contains("width=\"100.0\""), "{text}");
        assert!(text.contains("carries 240 of 200 requests a second, 120%"), "{text}");
        assert!(load("us-east", 20.0, 200.0).into_string().contains("width=\"10.0\""));
    }
}

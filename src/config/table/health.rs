//! `health:` and `outliers:`

use super::resilience::duration;
use crate::config::problem::{Findings, quoted};
use crate::config::yaml::{Entry, Node};
use crate::model::{
    DeepProbe, Expected, HealthRules, HttpProbe, OutlierRules, ProbeBody, ProbePace, ProbeStep, SuccessRateRules,
};
use std::path::Path;

/// Reads `health:` of a service or a pool.
pub(super) fn health(node: &Node<'_>, findings: &mut Findings) -> HealthRules {
    if node.get("path").is_none()
        && let Some(entry) = ["status", "body"].into_iter().find_map(|key| node.entry(key))
    {
        let message = format!("{} says nothing of a probe that asks for nothing", quoted(&entry.key));
        findings.push(entry.key_span, message, "say what is asked for, e.g. path: /healthz");
    }
    let deep = node.get("deep");
    if let (Some(host), None, None) = (node.entry("host"), node.get("path"), deep) {
        let help = "say what is asked for, e.g. path: /healthz";
        findings.push(host.key_span, "'host' says nothing of a probe that asks for nothing", help);
    }
    HealthRules {
        host: node.get("host").and_then(Node::text).map(|host| host.to_ascii_lowercase().into()),
        http: node.get("path").and_then(Node::parse).map(|path| HttpProbe { path, expects: expected(node, "body") }),
        pace: pace(node, ProbePace::default()),
        deep: deep.map(|node| DeepProbe {
            pace: pace(node, ProbePace::of_deep_probes()),
            steps: node
                .get("steps")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(|node| step(node, findings))
                .collect(),
        }),
    }
}

fn pace(node: &Node<'_>, default: ProbePace) -> ProbePace {
    let count = |key| node.get(key).and_then(Node::parse);
    ProbePace {
        interval: duration(node, "interval").unwrap_or(default.interval),
        timeout: duration(node, "timeout").unwrap_or(default.timeout),
        rise: count("rise").unwrap_or(default.rise),
        fall: count("fall").unwrap_or(default.fall),
    }
}

fn step(node: &Node<'_>, findings: &mut Findings) -> Option<ProbeStep> {
    if let (Some(body), Some(file)) = (node.entry("body"), node.entry("body_file")) {
        findings.push_with(
            file.key_span,
            "'body_file' cannot stand beside 'body'",
            "one of the two is sent: take the other away",
            (body.key_span, "beside this"),
        );
    }
    let body = match (node.get("body").and_then(Node::text), node.get("body_file").and_then(Node::text)) {
        (Some(text), _) => ProbeBody::Text(text.into()),
        (None, Some(file)) => ProbeBody::File(Path::new(file).into()),
        (None, None) => ProbeBody::None,
    };
    for entry in node.get("headers").map(Node::entries).unwrap_or_default() {
        own_header(entry, findings);
    }
    Some(ProbeStep {
        method: node.get("method").and_then(Node::text).unwrap_or("GET").into(),
        path: node.get("path")?.parse()?,
        headers: fields(node.get("headers"), |name| name.into()),
        body,
        expects: expected(node, "contains"),
    })
}

/// Headers that the prober writes itself.
fn own_header(entry: &Entry<'_>, findings: &mut Findings) {
    const OWN: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "cookie", "te"];
    if OWN.contains(&&*entry.key.to_ascii_lowercase()) {
        let help = match entry.key.to_ascii_lowercase().as_str() {
            "host" => "say it for all steps: host: under health:",
            "cookie" => "take it away: cookies that an answer sets go along by themselves",
            _ => "take it away",
        };
        findings.push(entry.key_span, format!("{} is written by the probe itself", quoted(&entry.key)), help);
    }
}

fn expected(node: &Node<'_>, body: &str) -> Expected {
    let default = Expected::default();
    Expected {
        status: node
            .get("status")
            .map(|list| list.items().iter().filter_map(Node::parse).collect())
            .unwrap_or(default.status),
        contains: node.get(body).and_then(Node::text).map(Into::into),
        headers: fields(node.get("header"), |name| name.to_ascii_lowercase().into()),
    }
}

fn fields(node: Option<&Node<'_>>, name: impl Fn(&str) -> Box<str>) -> Vec<(Box<str>, Box<str>)> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((name(&entry.key), entry.value.text()?.into()))).collect()
}

/// Reads `outliers:` of a service.
pub(super) fn outliers(node: Option<&Node<'_>>, findings: &mut Findings) -> Option<OutlierRules> {
    let default = OutlierRules::default();
    let Some(node) = node else { return Some(default) };
    if let Some(word) = node.text() {
        return (word != "off").then_some(default);
    }
    let rate = node.get("success_rate");
    let rate_of = |key| rate.and_then(|rate| rate.get(key));
    let rules = OutlierRules {
        consecutive_failures: node
            .get("consecutive_failures")
            .and_then(Node::parse)
            .unwrap_or(default.consecutive_failures),
        success_rate: SuccessRateRules {
            least_requests: rate_of("least_requests")
                .and_then(Node::parse)
                .unwrap_or(default.success_rate.least_requests),
            below: rate_of("below").and_then(Node::parse).unwrap_or(default.success_rate.below),
        },
        interval: duration(node, "interval").unwrap_or(default.interval),
        ejection: duration(node, "ejection").unwrap_or(default.ejection),
        longest_ejection: duration(node, "longest_ejection").unwrap_or(default.longest_ejection),
        most_ejected: node.get("most_ejected").and_then(Node::parse).unwrap_or(default.most_ejected),
        panic_below: node.get("panic_below").and_then(Node::parse).unwrap_or(default.panic_below),
    };
    if rules.longest_ejection < rules.ejection
        && let Some(entry) = node.entry("longest_ejection").or_else(|| node.entry("ejection"))
    {
        let help = "the longest ejection is as long as the first one at least: write both";
        findings.push(entry.key_span, "the longest ejection would be shorter than the first one", help);
    }
    Some(rules)
}

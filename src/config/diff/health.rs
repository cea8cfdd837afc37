//! How it is said how servers are probed, and when they are ejected.

use super::words::{Says, list};
use crate::config::quantity::write_duration;
use crate::model::{Expected, HealthRules, OutlierRules, ProbeBody, ProbePace, ProbeStep, Share, StatusPattern};

/// Says how servers are probed, each aspect behind `of`: nothing for a service, `pool in X: ` for a pool.
pub(super) fn health(says: &mut Says, of: &str, rules: &HealthRules) {
    let HealthRules { host, http, pace, deep } = rules;
    let mut word = |aspect: &str, value: Option<String>| says.word(&format!("{of}{aspect}"), value);
    word("probed host", host.as_deref().map(str::to_owned));
    word("probed path", http.as_ref().map(|probe| probe.path.to_string()));
    word("probed status", http.as_ref().map(|probe| statuses(&probe.expects)));
    word(
        "probed body",
        http.as_ref().and_then(|probe| probe.expects.contains.as_ref()).map(|text| format!("with '{text}'")),
    );
    word("deep probe", deep.as_ref().map(|deep| list(&deep.steps.iter().map(step).collect::<Vec<_>>())));
    says_pace(says, &format!("{of}probe"), pace, ProbePace::default());
    if let Some(deep) = deep {
        says_pace(says, &format!("{of}deep probe"), &deep.pace, ProbePace::of_deep_probes());
    }
}

fn says_pace(says: &mut Says, of: &str, pace: &ProbePace, usual: ProbePace) {
    for (aspect, time, usual) in [("interval", pace.interval, usual.interval), ("timeout", pace.timeout, usual.timeout)]
    {
        says.word_beside(&format!("{of} {aspect}"), write_duration(time), write_duration(usual));
    }
    says.word_beside(&format!("{of} rise"), pace.rise, usual.rise);
    says.word_beside(&format!("{of} fall"), pace.fall, usual.fall);
}

fn statuses(expects: &Expected) -> String {
    expects.status.iter().map(StatusPattern::to_string).collect::<Vec<_>>().join(" or ")
}

/// What is sent is said by its place or its length: it may be a secret.
fn step(step: &ProbeStep) -> String {
    let ProbeStep { method, path, headers, body, expects } = step;
    let mut text = format!("{method} {path}");
    for (name, _) in headers {
        text.push_str(&format!(" with {name}"));
    }
    match body {
        ProbeBody::None => {}
        ProbeBody::Text(body) => text.push_str(&format!(" sending {} bytes", body.len())),
        ProbeBody::File(file) => text.push_str(&format!(" sending {}", file.display())),
    }
    text.push_str(&format!(" for {}", statuses(expects)));
    if let Some(contains) = &expects.contains {
        text.push_str(&format!(" with '{contains}'"));
    }
    for (name, value) in &expects.headers {
        text.push_str(&format!(" and {name}: {value}"));
    }
    text
}

pub(super) fn outliers(says: &mut Says, rules: Option<&OutlierRules>) {
    let usual = OutlierRules::default();
    says.word_beside("outliers", if rules.is_some() { "on" } else { "off" }, "on");
    // Of what is off there is nothing more to say.
    let rules = rules.unwrap_or(&usual);
    let percent = |share: Share| share.to_string();
    says.word_beside("failures that eject", rules.consecutive_failures, usual.consecutive_failures);
    let (rate, usual_rate) = (rules.success_rate, usual.success_rate);
    says.word_beside("requests that say something", rate.least_requests, usual_rate.least_requests);
    says.word_beside("success rate below", percent(rate.below), percent(usual_rate.below));
    for (aspect, time, usual) in [
        ("interval of outliers", rules.interval, usual.interval),
        ("ejection", rules.ejection, usual.ejection),
        ("longest ejection", rules.longest_ejection, usual.longest_ejection),
    ] {
        says.word_beside(aspect, write_duration(time), write_duration(usual));
    }
    says.word_beside("most ejected", percent(rules.most_ejected), percent(usual.most_ejected));
    says.word_beside("panic below", percent(rules.panic_below), percent(usual.panic_below));
}

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::model::{Expected, HttpProbe, ProbeBody, ProbeStep};
use proptest::prelude::*;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> ProbeAnswer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().into())).collect();
    ProbeAnswer { status, headers, body: body.into() }
}

fn expects(status: &[&str], contains: Option<&str>, headers: &[(&str, &str)]) -> Expected {
    Expected {
        status: status.iter().map(|status| status.parse().unwrap()).collect(),
        contains: contains.map(Into::into),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    }
}

fn step(method: &str, path: &str, expects: Expected) -> ProbeStep {
    ProbeStep { method: method.into(), path: path.parse().unwrap(), headers: vec![], body: ProbeBody::None, expects }
}

fn why(result: Option<ProbeResult>) -> String {
    match result {
        Some(ProbeResult::Failed(why)) => why.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn an_answer_is_what_is_expected_or_it_is_said_what_is_wrong() {
    let probe = |expects| HttpProbe { path: "/healthz?token=secret".parse().unwrap(), expects };
    let fine = answer(200, &[("location", "/home")], "all is well");
    for (expects, answer, wrong) in [
        (Expected::default(), &fine, None),
        (Expected::default(), &answer(503, &[], ""), Some("GET /healthz: answered 503, not 2xx")),
        (expects(&["302", "3xx"], None, &[]), &fine, Some("GET /healthz: answered 200, not 302 or 3xx")),
        (expects(&["200"], Some("is well"), &[("location", "/home")]), &fine, None),
        (expects(&["2xx"], Some("Well"), &[]), &fine, Some("GET /healthz: answered 200 without \"Well\"")),
        (expects(&["2xx"], None, &[("x-a", "b")]), &fine, Some("GET /healthz: answered 200 without the header x-a")),
        (
            expects(&["2xx"], None, &[("location", "/login")]),
            &fine,
            Some("GET /healthz: answered 200 with location: /home, not /login"),
        ),
    ] {
        let result = probe(expects).judge(answer);
        match wrong {
            None => assert_eq!(result, ProbeResult::Passed),
            Some(wrong) => assert_eq!(why(Some(result)), wrong),
        }
    }
    assert_eq!(why(Some(probe(Expected::default()).failed("no answer in 1s"))), "GET /healthz: no answer in 1s");
}

#[test]
fn a_script_logs_in_and_looks_who_is_there() {
    let steps = [
        step("POST", "/login", expects(&["302"], None, &[("location", "/home")])),
        step("GET", "/home", expects(&["200"], Some("Welcome probe"), &[])),
    ];
    let login =
        answer(302, &[("location", "/home"), ("set-cookie", "sid=east-1; HttpOnly"), ("set-cookie", "b=2")], "");
    let mut script = Script::begin(&steps);
    let first = script.request().unwrap();
    assert_eq!((&*first.step.method, first.cookie), ("POST", None));
    assert_eq!(script.answered(&login), None);
    let second = script.request().unwrap();
    assert_eq!(second.step.path.as_str(), "/home");
    assert_eq!(second.cookie.unwrap(), b"sid=east-1; b=2");
    assert_eq!(script.answered(&answer(200, &[], "Welcome probe!")), Some(ProbeResult::Passed));
    assert_eq!(script.request(), None);
    let mut failing = Script::begin(&steps);
    assert_eq!(failing.answered(&login), None);
    assert_eq!(
        why(failing.answered(&answer(200, &[], "Please log in"))),
        "GET /home: answered 200 without \"Welcome probe\""
    );
    let mut refused = Script::begin(&steps);
    assert_eq!(why(refused.answered(&answer(200, &[], "wrong password"))), "POST /login: answered 200, not 302");
    assert_eq!(why(Some(refused.failed("connection refused"))), "POST /login: connection refused");
}

fn cookie_after(lines: &[&str], path: &str) -> String {
    let steps = [step("GET", "/app/login", Expected::default()), step("GET", path, Expected::default())];
    let mut script = Script::begin(&steps);
    let lines: Vec<_> = lines.iter().map(|line| ("set-cookie", *line)).collect();
    assert_eq!(script.answered(&answer(200, &lines, "")), None);
    String::from_utf8(script.request().unwrap().cookie.unwrap_or_default()).unwrap()
}

#[test]
fn cookies_go_where_they_belong() {
    for (lines, path, cookie) in [
        (&["a=1"][..], "/app/home", "a=1"),
        (&["a=1"], "/app", "a=1"),
        (&["a=1"], "/apple", ""),
        (&["a=1; Path=/"], "/apple?x=1", "a=1"),
        (&["a=1; path=/app/"], "/app/x", "a=1"),
        (&["a=1; Path=/other"], "/app/x", ""),
        (&["a=1", "a=2"], "/app/x", "a=2"),
        (&["a=1; Path=/", "a=2; Path=/app"], "/app/x", "a=1; a=2"),
        (&["a=1; Secure; SameSite=Lax; Domain=example.com", "b=x=y"], "/app/x", "a=1; b=x=y"),
        (&["a=1", "a=; Max-Age=0"], "/app/x", ""),
        (&["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "/app/x", ""),
        (&["a=1; Max-Age=60"], "/app/x", "a=1"),
        (&["a", "=b", ""], "/app/x", ""),
    ] {
        assert_eq!(cookie_after(lines, path), cookie, "{lines:?} for {path}");
    }
}

#[test]
fn a_jar_and_a_reason_have_their_bounds() {
    let many: Vec<String> = (0..50).map(|n| format!("c{n}=1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(cookie_after(&many, "/app/x").split("; ").count(), 32);
    let long = format!("long={}", "x".repeat(4096));
    assert_eq!(cookie_after(&[&long, "a=1"], "/app/x"), "a=1");
    let text = ProbeFailure::new("é\n\u{202e}".repeat(1000));
    assert!(text.as_str().len() <= ProbeFailure::LONGEST && !text.as_str().contains(['\n', '\u{202e}']), "{text}");
}

proptest! {
    #[test]
    fn no_answer_breaks_a_script(
        answers in prop::collection::vec((100_u16..700, prop::collection::vec(any::<u8>(), 0..80), ".{0,300}"), 1..30),
    ) {
        let steps: Vec<_> = (0..20).map(|_| step("GET", "/a/b", expects(&["2xx", "3xx"], None, &[]))).collect();
        let mut script = Script::begin(&steps);
        let mut asked = 0;
        for (status, line, body) in answers {
            let Some(request) = script.request() else { break };
            asked += 1;
            prop_assert!(request.cookie.is_none_or(|cookie| cookie.len() <= 32 * (4 * 1024 + 3)));
            let answer = ProbeAnswer { status, headers: vec![("set-cookie".into(), line.into())], body: body.into() };
            if let Some(result) = script.answered(&answer) {
                let fails = !(200..400).contains(&status);
                prop_assert_eq!(matches!(result, ProbeResult::Failed(_)), fails);
                break;
            }
        }
        prop_assert!(asked <= steps.len());
    }
}

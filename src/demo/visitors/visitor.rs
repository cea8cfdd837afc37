//! What one visitor does next, and what it makes of the answer: a machine that is handed its dice.

use super::super::sample_app::COOKIE_NAME;
use super::client::{Answer, NoAnswer};
use hyper::Method;
use std::time::Duration;

/// One request of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Look,
    LogIn,
    AskWho,
    LogOut,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) enum Outcome {
    /// Served as it should be.
    Ok,
    /// Served by a region that does not hold the visitor's session: it must log in again.
    LogInAgain,
    /// Not served, or with an error.
    Failed,
}

/// What the visitor does before its next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Waits.
    Here(Duration),
    /// Waits long, and goes on from the place of this index.
    Elsewhere(Duration, usize),
}

/// A visitor: looks around, logs in, asks a few times who it is, logs out, again and again.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    /// The cookie that it sends, `sid=…`.
    pub(super) cookie: Option<String>,
    questions: u64,
}

impl Step {
    pub(super) fn request(self) -> (Method, &'static str) {
        match self {
            Self::Look => (Method::GET, "/"),
            Self::LogIn => (Method::POST, "/login"),
            Self::AskWho => (Method::GET, "/whoami"),
            Self::LogOut => (Method::POST, "/logout"),
        }
    }
}

impl Visitor {
    /// Its next request.
    pub(super) fn next(&self, dice: u64) -> Step {
        match (&self.cookie, self.questions) {
            (None, _) if dice.is_multiple_of(3) => Step::Look,
            (None, _) => Step::LogIn,
            (Some(_), 0) => Step::LogOut,
            (Some(_), _) => Step::AskWho,
        }
    }

    /// Takes in what came back.
    pub(super) fn learn(&mut self, step: Step, answer: &Result<Answer, NoAnswer>, dice: u64) -> Outcome {
        let Ok(answer) = answer else { return Outcome::Failed };
        if !answer.status.is_success() && !answer.status.is_redirection() {
            return Outcome::Failed;
        }
        match step {
            Step::Look => Outcome::Ok,
            Step::LogIn => {
                let cookie = answer.set_cookie.as_deref().and_then(|cookie| cookie.split(';').next());
                self.cookie = cookie.filter(|cookie| cookie.starts_with(COOKIE_NAME)).map(str::to_owned);
                self.questions = 5 + dice % 30;
                if self.cookie.is_some() { Outcome::Ok } else { Outcome::Failed }
            }
            Step::AskWho => {
                self.questions = self.questions.saturating_sub(1);
                match session(&answer.body).as_deref() {
                    Some("known") => Outcome::Ok,
                    Some(_) => {
                        *self = Self::default();
                        Outcome::LogInAgain
                    }
                    None => Outcome::Failed,
                }
            }
            Step::LogOut => {
                *self = Self::default();
                Outcome::Ok
            }
        }
    }
}

/// The `session` of an answer of `/whoami`.
fn session(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get("session")?.as_str()?.to_owned())
}

/// How long a visitor waits, and where it goes on, out of one random number: 0.2 to 0.9 s, now and then 5 to 10 s, after
/// which one in four has travelled to another of `places`. The mean is about two thirds of a second.
pub(super) fn rest(dice: u64, places: usize) -> Rest {
    let part = |shift: u32, of: u64| (dice >> shift) % of.max(1);
    if part(0, 60) > 0 {
        return Rest::Here(Duration::from_millis(200 + part(8, 700)));
    }
    let long = Duration::from_millis(5000 + part(20, 5000));
    match part(40, 4) {
        0 => Rest::Elsewhere(long, usize::try_from(part(48, u64::try_from(places).unwrap_or(1))).unwrap_or_default()),
        _ => Rest::Here(long),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::StatusCode;

    fn answer(status: StatusCode, set_cookie: Option<&str>, body: &'static str) -> Result<Answer, NoAnswer> {
        let set_cookie = set_cookie.map(str::to_owned);
        Ok(Answer { status, region: Some("us-east".into()), set_cookie, body: Bytes::from_static(body.as_bytes()) })
    }

    fn logged_in() -> Visitor {
        let mut visitor = Visitor::default();
        let welcome = answer(StatusCode::OK, Some("sid=east-1; HttpOnly; Path=/"), "");
        assert_eq!(visitor.learn(Step::LogIn, &welcome, 0), Outcome::Ok);
        visitor
    }

    #[test]
    fn a_visitor_logs_in_asks_and_logs_out() {
        assert_eq!(Visitor::default().next(3), Step::Look);
        assert_eq!(Visitor::default().next(1), Step::LogIn);
        let mut visitor = logged_in();
        assert_eq!(visitor.cookie.as_deref(), Some("sid=east-1"));
        for _ in 0..5 {
            assert_eq!(visitor.next(1), Step::AskWho);
            let known = answer(StatusCode::OK, None, r#"{"session":"known"}"#);
            assert_eq!(visitor.learn(Step::AskWho, &known, 0), Outcome::Ok);
        }
        assert_eq!(visitor.next(1), Step::LogOut);
        assert_eq!(visitor.learn(Step::LogOut, &answer(StatusCode::OK, None, ""), 0), Outcome::Ok);
        assert_eq!(visitor.cookie, None);
    }

    #[test]
    fn an_orphan_logs_in_again_and_a_failure_keeps_its_session() {
        let mut visitor = logged_in();
        let away = answer(StatusCode::SERVICE_UNAVAILABLE, None, "");
        assert_eq!(visitor.learn(Step::AskWho, &away, 0), Outcome::Failed);
        assert!(visitor.cookie.is_some());
        let unknown = answer(StatusCode::OK, None, r#"{"session":"unknown"}"#);
        assert_eq!(visitor.learn(Step::AskWho, &unknown, 0), Outcome::LogInAgain);
        assert_eq!(visitor.next(1), Step::LogIn);
        assert_eq!(visitor.learn(Step::LogIn, &answer(StatusCode::OK, None, ""), 0), Outcome::Failed);
        assert_eq!(visitor.learn(Step::LogIn, &Err(NoAnswer::TooLate), 0), Outcome::Failed);
    }

    #[test]
    fn forty_visitors_make_about_sixty_requests_a_second() {
        let mut dice = fastrand::Rng::with_seed(7);
        let rests: Vec<Rest> = (0..100_000).map(|_| rest(dice.u64(..), 10)).collect();
        let total: Duration = rests
            .iter()
            .map(|rest| match rest {
                Rest::Here(t) | Rest::Elsewhere(t, _) => *t,
            })
            .sum();
        let rate = 40.0 * 100_000.0 / total.as_secs_f64();
        assert!((55.0..65.0).contains(&rate), "{rate}");
        let places: std::collections::BTreeSet<_> =
            rests.iter().filter_map(|rest| if let Rest::Elsewhere(_, at) = rest { Some(*at) } else { None }).collect();
        assert_eq!(places.len(), 10, "they travel everywhere");
    }
}

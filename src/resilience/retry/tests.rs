//! What is tried again and what is not: a table, and what holds for everything.

use super::*;
use crate::model::BackOffRules;
use proptest::prelude::*;

/// A request that may be tried again in every respect.
const USUAL: Tried = Tried {
    mishap: Mishap::Broken { is_reused: false },
    has_answered: false,
    is_repeatable: true,
    is_body_held: true,
    is_hop: false,
    tries: 1,
    unreached: 0,
    tries_in_all: 1,
    time_left: None,
};

fn answered(status: u16) -> Mishap {
    Mishap::Answered { status, grpc: None }
}

fn call(status: GrpcStatus) -> Mishap {
    Mishap::Answered { status: 200, grpc: Some(status) }
}

fn rules(words: &str) -> RetryRules {
    let cause = |word: &str| RetryCause::ALL.iter().copied().find(|cause| cause.as_str() == word).expect("a word");
    RetryRules { retry_on: words.split_whitespace().map(cause).collect(), ..RetryRules::default() }
}

fn is_tried_again(rules: &RetryRules, tried: &Tried) -> bool {
    matches!(retry(rules, tried, 0), RetryVerdict::Retry { .. })
}

/// Words of `retry_on`, and for what they stand.
#[test]
fn each_word_stands_for_what_envoy_says() {
    let all = [
        ("no connection", Mishap::NoConnection),
        ("refused", Mishap::Refused),
        ("not sent", Mishap::NotSent { is_reused: true }),
        ("broken", Mishap::Broken { is_reused: false }),
        ("silent", Mishap::Silent),
        ("200", answered(200)),
        ("404", answered(404)),
        ("409", answered(409)),
        ("500", answered(500)),
        ("502", answered(502)),
        ("503", answered(503)),
        ("504", answered(504)),
        ("599", answered(599)),
        ("cancelled", call(GrpcStatus::Cancelled)),
        ("deadline", call(GrpcStatus::DeadlineExceeded)),
        ("internal", call(GrpcStatus::Internal)),
        ("exhausted", call(GrpcStatus::ResourceExhausted)),
        ("unavailable", call(GrpcStatus::Unavailable)),
        ("unknown", call(GrpcStatus::Unknown)),
    ];
    let cases = [
        ("", ""),
        ("connect-failure", "no connection"),
        ("refused-stream", "refused"),
        ("reset", "refused, not sent, broken, silent"),
        ("reset-before-request", "not sent"),
        ("gateway-error", "502, 503, 504"),
        ("5xx", "no connection, refused, not sent, broken, silent, 500, 502, 503, 504, 599"),
        ("retriable-4xx", "409"),
        ("retriable-status-codes", "404, 500"),
        ("cancelled", "cancelled"),
        ("deadline-exceeded", "deadline"),
        ("internal", "internal"),
        ("resource-exhausted", "exhausted"),
        ("unavailable", "unavailable"),
        (
            "connect-failure refused-stream reset gateway-error",
            "no connection, refused, not sent, broken, silent, 502, 503, 504",
        ),
    ];
    for (words, expected) in cases {
        let rules = RetryRules { statuses: [404, 500].into(), ..rules(words) };
        let again = all.iter().filter(|(_, mishap)| is_tried_again(&rules, &Tried { mishap: *mishap, ..USUAL }));
        let again: Vec<_> = again.map(|(name, _)| *name).collect();
        assert_eq!(again.join(", "), expected, "{words}");
    }
    assert_eq!(rules("connect-failure refused-stream reset gateway-error").retry_on, RetryRules::USUAL);
}

/// Why a request is passed on; the first reason counts.
#[test]
fn what_is_not_tried_again_has_its_reason() {
    use NoRetry::*;
    let second = Duration::from_secs(1);
    let cases = [
        ("an answer", Tried { mishap: answered(200), ..USUAL }, Some(NotNamed)),
        ("an answer from a hop", Tried { mishap: answered(503), is_hop: true, ..USUAL }, Some(IsAnotherEdges)),
        ("silence of a hop", Tried { mishap: Mishap::Silent, is_hop: true, ..USUAL }, Some(IsAnotherEdges)),
        ("a hop that breaks", Tried { is_hop: true, ..USUAL }, None),
        (
            "a hop that is not there",
            Tried { mishap: Mishap::NoConnection, is_hop: true, is_repeatable: false, ..USUAL },
            None,
        ),
        ("an answer that has begun", Tried { has_answered: true, ..USUAL }, Some(HasAnswered)),
        ("POST that was sent", Tried { is_repeatable: false, ..USUAL }, Some(NotRepeatable)),
        ("POST that was answered", Tried { mishap: answered(503), is_repeatable: false, ..USUAL }, Some(NotRepeatable)),
        ("POST in silence", Tried { mishap: Mishap::Silent, is_repeatable: false, ..USUAL }, Some(NotRepeatable)),
        (
            "POST on a kept connection",
            Tried { mishap: Mishap::Broken { is_reused: true }, is_repeatable: false, ..USUAL },
            Some(NotRepeatable),
        ),
        ("POST without a connection", Tried { mishap: Mishap::NoConnection, is_repeatable: false, ..USUAL }, None),
        ("POST that was refused", Tried { mishap: Mishap::Refused, is_repeatable: false, ..USUAL }, None),
        (
            "POST that was not written",
            Tried { mishap: Mishap::NotSent { is_reused: true }, is_repeatable: false, ..USUAL },
            None,
        ),
        ("a body that is gone", Tried { is_body_held: false, ..USUAL }, Some(BodyIsGone)),
        ("and was not sent", Tried { mishap: Mishap::Refused, is_body_held: false, ..USUAL }, Some(BodyIsGone)),
        ("the second try", Tried { tries: 2, tries_in_all: 2, ..USUAL }, None),
        ("the third try", Tried { tries: 3, tries_in_all: 3, ..USUAL }, Some(NoTriesLeft)),
        (
            "the third that found a server",
            Tried { tries: 6, unreached: 3, tries_in_all: 6, ..USUAL },
            Some(NoTriesLeft),
        ),
        ("the second", Tried { tries: 6, unreached: 4, tries_in_all: 6, ..USUAL }, None),
        (
            "the seventh of which none found one",
            Tried { mishap: Mishap::NoConnection, tries: 7, unreached: 7, tries_in_all: 7, ..USUAL },
            None,
        ),
        (
            "the eighth",
            Tried { mishap: Mishap::NoConnection, tries: 8, unreached: 8, tries_in_all: 8, ..USUAL },
            Some(NoTriesLeft),
        ),
        ("the first in a third region", Tried { tries: 0, tries_in_all: 6, ..USUAL }, None),
        ("the eighth of all", Tried { tries: 0, tries_in_all: 8, ..USUAL }, Some(NoTriesLeft)),
        ("with time left", Tried { time_left: Some(second), ..USUAL }, None),
        ("without", Tried { time_left: Some(Duration::ZERO), ..USUAL }, Some(NoTimeLeft)),
    ];
    for (name, tried, expected) in cases {
        let why = match retry(&RetryRules::default(), &tried, u64::MAX) {
            RetryVerdict::Retry { .. } => None,
            RetryVerdict::PassOn(why) => Some(why),
        };
        assert_eq!(why, expected, "{name}");
    }
}

#[test]
fn one_attempt_is_one_whatever_becomes_of_it() {
    let rules = RetryRules { attempts: 1, ..RetryRules::default() };
    for tried in [USUAL, Tried { mishap: Mishap::NoConnection, unreached: 1, ..USUAL }] {
        assert_eq!(retry(&rules, &tried, 0), RetryVerdict::PassOn(NoRetry::NoTriesLeft), "{tried:?}");
    }
    let elsewhere = Tried { mishap: Mishap::NoConnection, tries: 0, unreached: 1, ..USUAL };
    assert!(is_tried_again(&rules, &elsewhere), "its region is gone, and another one has not been tried");
}

#[test]
fn the_first_retry_is_at_once_where_a_server_just_went() {
    let after = |mishap, tries| {
        let tried = Tried { mishap, tries, tries_in_all: tries, ..USUAL };
        match retry(&RetryRules::default(), &tried, u64::MAX) {
            RetryVerdict::Retry { after } => after.as_millis(),
            RetryVerdict::PassOn(why) => panic!("{why:?}"),
        }
    };
    for mishap in [Mishap::NoConnection, Mishap::Refused, Mishap::Broken { is_reused: true }] {
        assert_eq!((after(mishap, 1), after(mishap, 2)), (0, 49), "{mishap:?}");
    }
    for mishap in [answered(503), Mishap::Silent, Mishap::Broken { is_reused: false }] {
        assert_eq!((after(mishap, 1), after(mishap, 2)), (24, 49), "{mishap:?}");
    }
}

fn mishaps() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        Just(Mishap::NoConnection),
        Just(Mishap::Refused),
        any::<bool>().prop_map(|is_reused| Mishap::NotSent { is_reused }),
        any::<bool>().prop_map(|is_reused| Mishap::Broken { is_reused }),
        Just(Mishap::Silent),
        (100_u16..600, prop::option::of(0..GrpcStatus::ALL.len()))
            .prop_map(|(status, grpc)| Mishap::Answered { status, grpc: grpc.map(|at| GrpcStatus::ALL[at]) }),
    ]
}

fn requests() -> impl Strategy<Value = Tried> {
    let left = prop::option::of((0_u64..2_000).prop_map(Duration::from_millis));
    (mishaps(), any::<[bool; 4]>(), 0_u8..10, 0_u8..10, 1_u8..10, left).prop_map(
        |(mishap, [has_answered, is_repeatable, is_body_held, is_hop], tries, unreached, tries_in_all, time_left)| {
            Tried {
                mishap,
                has_answered,
                is_repeatable,
                is_body_held,
                is_hop,
                tries,
                unreached,
                tries_in_all,
                time_left,
            }
        },
    )
}

fn all_rules() -> impl Strategy<Value = RetryRules> {
    let causes = prop::collection::vec(0..RetryCause::ALL.len(), 0..14);
    let statuses = prop::collection::vec(400_u16..600, 0..4);
    (1..=RetryRules::MOST_ATTEMPTS, causes, statuses, 1_u64..1_000, 0_u64..1_000).prop_map(
        |(attempts, causes, statuses, base, more)| RetryRules {
            attempts,
            retry_on: causes.into_iter().map(|at| RetryCause::ALL[at]).collect(),
            statuses: statuses.into(),
            back_off: BackOffRules { base: Duration::from_millis(base), longest: Duration::from_millis(base + more) },
            ..RetryRules::default()
        },
    )
}

proptest! {
    #[test]
    fn nothing_unsafe_is_ever_tried_again(rules in all_rules(), tried in requests(), random in any::<u64>()) {
        if let RetryVerdict::Retry { after } = retry(&rules, &tried, random) {
            prop_assert!(tried.is_repeatable || tried.mishap.was_not_sent(), "what may have been carried out is not sent again");
            prop_assert!(tried.is_body_held && !tried.has_answered);
            prop_assert!(tried.tries.saturating_sub(tried.unreached) < rules.attempts);
            prop_assert!(tried.tries_in_all < RetryRules::MOST_IN_ALL);
            prop_assert!(after <= rules.back_off.longest);
            prop_assert!(tried.time_left.is_none_or(|left| after < left));
            prop_assert!(!(tried.is_hop && matches!(tried.mishap, Mishap::Answered { .. })), "another edge's answers are its own");
        }
    }

    #[test]
    fn no_request_is_tried_more_often_than_it_may_be(rules in all_rules(), mishap in mishaps(), random in any::<u64>()) {
        let mut tries = 1;
        let tried = |tries| {
            let unreached = if mishap == Mishap::NoConnection { tries } else { 0 };
            Tried { mishap, tries, unreached, tries_in_all: tries, ..USUAL }
        };
        while let RetryVerdict::Retry { .. } = retry(&rules, &tried(tries), random) {
            tries += 1;
        }
        let finds_none = mishap == Mishap::NoConnection && rules.attempts > 1;
        let most = if finds_none { RetryRules::MOST_IN_ALL } else { rules.attempts };
        prop_assert!(tries <= most);
    }

    #[test]
    fn success_is_passed_on(rules in all_rules(), tried in requests(), status in 100_u16..400, random in any::<u64>()) {
        let tried = Tried { mishap: answered(status), ..tried };
        prop_assert_eq!(retry(&rules, &tried, random), RetryVerdict::PassOn(NoRetry::NotNamed));
    }
}

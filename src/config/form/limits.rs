//! The form of breakers, and of how much a pool is asked at once.

use super::{Choice, Else, Form, Key, Or, Record, Scalar};

const MOST: u32 = 1_000_000;

pub(super) const BREAKER: Key = Key::new(
    "breaker",
    Form::Either(&BREAKER_FORMS),
    Else("the defaults of its keys"),
    "{failures: 50%, least: 20}",
    "When requests are kept from a server that fails, or from a pool that gives no answers: [overload.md](../overload.md).",
);

pub(super) const LIMITS: Key = Key::new(
    "limits",
    Form::Record(&LIMITS_RECORD),
    Else("no limit"),
    "{requests: 200, pending: 50}",
    "How many requests each of its pools has at once, by this edge's count. What is beyond waits for a moment or gets 503 with \
     `Retry-After`, new visitors before sessions: [overload.md](../overload.md).",
);

static BREAKER_FORMS: [Form; 2] =
    [Form::Scalar(Scalar::Word(&[("off", "requests go on to servers that fail")])), Form::Record(&RULES)];

static RULES: Record = Record {
    noun: "the breaker",
    doc: "An attempt fails by no connection, no answer in time, an end before an answer, an answer that is no HTTP, and 502, 503 and \
          504. Open, a breaker lets nothing pass; then a few attempts, and with them everything or nothing again.",
    choices: &[],
    keys: &[
        Key::new(
            "failures",
            Form::Scalar(Scalar::Share),
            Or("50%"),
            "30%",
            "The part of the attempts that must fail. Above 0%.",
        ),
        Key::new(
            "least",
            Form::Scalar(Scalar::Count { least: 1, most: MOST }),
            Or("20"),
            "50",
            "Of how many attempts within the window, at the least. So many failures in a row (ten at the least) open it too.",
        ),
        Key::new(
            "window",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("10s"),
            "30s",
            "How long an attempt counts.",
        ),
        Key::new(
            "open",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("5s"),
            "2s",
            "How long it is open at first; twice as long each time that it opens again, and less by up to a fifth at random.",
        ),
        Key::new(
            "longest_open",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("1m"),
            "30s",
            "How long it is open at the most. Not shorter than `open`.",
        ),
        Key::new(
            "trickle",
            Form::Scalar(Scalar::Count { least: 1, most: 1_000 }),
            Or("3"),
            "5",
            "How many attempts must succeed before it closes: one goes ahead, then two, four and so on, up to so many at once.",
        ),
        Key::new(
            "servers",
            Form::Scalar(Scalar::Flag),
            Or("true"),
            "false",
            "Whether each server has one. The last healthy server of a pool is never cut by its own.",
        ),
        Key::new(
            "pool",
            Form::Scalar(Scalar::Flag),
            Or("true"),
            "false",
            "Whether each pool has one. It opens where nine of ten attempts get no answer at all; its region is away for the \
             service then.",
        ),
    ],
};

static LIMITS_RECORD: Record = Record {
    noun: "the limits",
    doc: "A request has a place from before it is sent until its answer is complete; a WebSocket has one for as long as it is open.",
    choices: &[Choice { of: &["requests", "server_requests", "adaptive"], several: true, unless: None }],
    keys: &[
        Key::new(
            "requests",
            Form::Scalar(Scalar::Count { least: 1, most: MOST }),
            Else("no limit"),
            "200",
            "How many a whole pool has at once.",
        ),
        Key::new(
            "server_requests",
            Form::Scalar(Scalar::Count { least: 1, most: MOST }),
            Else("no limit"),
            "50",
            "How many each server has at once. By HTTP/1.1 each takes a connection, so that these are bounded with them.",
        ),
        Key::new(
            "adaptive",
            Form::Either(&[Form::Scalar(Scalar::Flag), Form::Record(&ADAPTIVE)]),
            Or("false"),
            "{least: 10, most: 500}",
            "Whether the limit of a pool follows how fast it answers. With `requests`, it is no larger than that.",
        ),
        Key::new(
            "pending",
            Form::Scalar(Scalar::Count { least: 0, most: 100_000 }),
            Or("100"),
            "50",
            "How many wait for a place at once.",
        ),
        Key::new(
            "wait",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("1s"),
            "500ms",
            "How long one waits at the most. Then it gets 503.",
        ),
        Key::new(
            "new_visitors",
            Form::Scalar(Scalar::Share),
            Or("80%"),
            "50%",
            "The part of the places that new visitors may have, one at the least. Above 0%.",
        ),
    ],
};

static ADAPTIVE: Record = Record {
    noun: "the adaptive limit",
    doc: "",
    choices: &[],
    keys: &[
        Key::new("least", Form::Scalar(Scalar::Count { least: 1, most: MOST }), Or("10"), "4", "The smallest limit."),
        Key::new("most", Form::Scalar(Scalar::Count { least: 1, most: MOST }), Or("1000"), "200", "The largest limit."),
    ],
};

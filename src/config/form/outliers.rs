//! The form of what ejects a server.

use super::{Else, Form, Key, Or, Record, Scalar};

pub(super) const OUTLIERS: Key = Key::new(
    "outliers",
    Form::Either(&FORMS),
    Or("on"),
    "{consecutive_failures: 3, ejection: 1m}",
    "When a server gets no new requests for a while, because its requests end worse than those of the others. \
     [health.md](../health.md) says what counts.",
);

static FORMS: [Form; 2] = [
    Form::Scalar(Scalar::Word(&[("off", "nobody is ejected"), ("on", "by the defaults of the keys")])),
    Form::Record(&RECORD),
];

static RECORD: Record = Record {
    noun: "the ejection of servers",
    doc: "The requests that an ejected server has go on. It comes back by itself, and is warmed up by `slow_start`. A region is \
          never away for it.",
    choices: &[],
    keys: &[
        Key::new(
            "consecutive_failures",
            Form::Scalar(Scalar::Count { least: 1, most: 10_000 }),
            Or("5"),
            "3",
            "Failures in a row that eject a server, where another one does better.",
        ),
        Key::new(
            "success_rate",
            Form::Record(&SUCCESS_RATE),
            Else("the defaults of its keys"),
            "{least_requests: 100, below: 20%}",
            "How a server's errors are held against those of the pool's other servers, once in an interval.",
        ),
        Key::new(
            "interval",
            TIME,
            Or("10s"),
            "30s",
            "How often that is done. An interval without an ejection makes the next one shorter.",
        ),
        Key::new(
            "ejection",
            TIME,
            Or("30s"),
            "1m",
            "How long the first ejection lasts. The second in a row lasts twice as long, the third three times.",
        ),
        Key::new("longest_ejection", TIME, Or("5m"), "10m", "How long one lasts at the most."),
        Key::new(
            "most_ejected",
            Form::Scalar(Scalar::Share),
            Or("50%"),
            "30%",
            "The part of a pool's servers that may be ejected at once. One may always be, where another one stays.",
        ),
        Key::new(
            "panic_below",
            Form::Scalar(Scalar::Share),
            Or("30%"),
            "0%",
            "Where a smaller part of a pool's servers than this is healthy and not ejected, ejections are ignored.",
        ),
    ],
};

static SUCCESS_RATE: Record = Record {
    noun: "the success rate",
    doc: "Only what is more than chance counts, whatever stands here.",
    choices: &[],
    keys: &[
        Key::new(
            "least_requests",
            Form::Scalar(Scalar::Count { least: 1, most: 1_000_000_000 }),
            Or("100"),
            "50",
            "How many requests in an interval it takes, of the server and of the others together, to say anything.",
        ),
        Key::new(
            "below",
            Form::Scalar(Scalar::Share),
            Or("20%"),
            "10%",
            "How far below the others' a server's success rate must lie, in percentage points.",
        ),
    ],
};

const TIME: Form = Form::Scalar(Scalar::Duration { zero: false });

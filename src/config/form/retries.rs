//! The form of `retries:`.

use super::{Else, Form, Key, Or, Record, Scalar, list};

pub(super) const RETRIES: Key = Key::new(
    "retries",
    Form::Record(&RECORD),
    Else("the defaults of its keys"),
    "{attempts: 2, try_timeout: 2s}",
    "What is tried again where a server fails, and within what bounds. [retries.md](../retries.md) says what is never tried \
     again.",
);

static RECORD: Record = Record {
    noun: "the retries",
    doc: "Sent twice is only what cannot be carried out twice: what no server has had, and requests by idempotent methods or \
          with an `Idempotency-Key`, while the client has no byte of an answer.",
    choices: &[],
    keys: &[
        Key::new(
            "attempts",
            Form::Scalar(Scalar::Count { least: 1, most: 5 }),
            Or("3"),
            "2",
            "How often a request is tried in a region, the first time counted; where it is more than one, tries that find no \
             server there are not. Over all regions it is never tried more than eight times.",
        ),
        Key::new(
            "retry_on",
            list(&CAUSE, 1, 13),
            Or("[connect-failure, refused-stream, reset, gateway-error]"),
            "[connect-failure, 5xx]",
            "What is tried again.",
        ),
        Key::new(
            "statuses",
            list(&Form::Scalar(Scalar::Count { least: 400, most: 599 }), 1, 64),
            Else("none"),
            "[429, 503]",
            "The statuses of `retriable-status-codes`.",
        ),
        Key::new(
            "back_off",
            Form::Record(&BACK_OFF),
            Else("the defaults of its keys"),
            "{base: 10ms, longest: 1s}",
            "How long is waited before a try, at random from none to the most. The first retry goes at once where a server or \
             a connection was gone.",
        ),
        Key::new(
            "try_timeout",
            Form::Scalar(Scalar::Duration { zero: false }),
            Else("a server has `timeouts.read`"),
            "2s",
            "How long a server has for the head of its answer before another is tried, from when it has the whole request. \
             For servers that speak HTTP/1.1.",
        ),
        Key::new(
            "timeout",
            Form::Scalar(Scalar::Duration { zero: false }),
            Else("no limit"),
            "10s",
            "How long all tries of a request have together for the head of an answer, from when the whole request has come. \
             Then it gets 504. For servers that speak HTTP/1.1.",
        ),
        Key::new(
            "budget",
            Form::Scalar(Scalar::Share),
            Or("20%"),
            "10%",
            "Which part of the requests that an edge has under way at a region's servers may be retries.",
        ),
        Key::new(
            "budget_floor",
            Form::Scalar(Scalar::Count { least: 0, most: 10_000 }),
            Or("3"),
            "10",
            "How many retries may be under way however few requests are.",
        ),
    ],
};

static CAUSE: Form = Form::Scalar(Scalar::Word(&[
    ("connect-failure", "no connection could be made"),
    ("refused-stream", "an HTTP/2 server has not begun with it"),
    ("reset", "there was no answer: the connection ended, or nothing came in time"),
    ("reset-before-request", "the connection ended before the head of the request was written"),
    ("gateway-error", "502, 503 or 504"),
    ("5xx", "any status from 500 on, or no answer"),
    ("retriable-4xx", "409"),
    ("retriable-status-codes", "those of `statuses`"),
    ("cancelled", "a gRPC call that ended so, without an answer"),
    ("deadline-exceeded", "the same"),
    ("internal", "the same"),
    ("resource-exhausted", "the same"),
    ("unavailable", "the same"),
]));

static BACK_OFF: Record = Record {
    noun: "the back-off",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "base",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("25ms"),
            "10ms",
            "The most before the first retry; twice as much before the second, and so on.",
        ),
        Key::new("longest", Form::Scalar(Scalar::Duration { zero: false }), Or("250ms"), "1s", "The most before any."),
    ],
};

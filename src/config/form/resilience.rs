//! The form of what a service says of faults.

use super::{Else, Form, Key, Or, Record, Scalar};

pub(super) const GATE: Key = Key::new(
    "gate",
    Form::Record(&GATE_RECORD),
    Else("the defaults of its keys"),
    "{sessions: moved, wait: 5s}",
    "How the requests of a session reach a server that has to load it first: one goes ahead, the others wait until it was \
     answered.",
);

static GATE_RECORD: Record = Record {
    noun: "the gate",
    doc: "Where a session's region or server is gone, its browser sends several requests at once to the server that takes over.",
    choices: &[],
    keys: &[
        Key::new(
            "sessions",
            Form::Scalar(Scalar::Word(&[
                ("moved", "those whose region or server is not the one that they were at before"),
                ("all", "all, at their first requests to a server too"),
                ("none", "none"),
            ])),
            Or("moved"),
            "all",
            "Which sessions are held together.",
        ),
        Key::new(
            "wait",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("10s"),
            "5s",
            "How long a request waits at the most. Then it goes all the same.",
        ),
        Key::new(
            "stripes",
            Form::Scalar(Scalar::Count { least: 1, most: 1_000_000 }),
            Or("10000"),
            "10000",
            "How many requests may go ahead at once. Two sessions that share a stripe by chance wait for each other.",
        ),
        Key::new(
            "settled",
            Form::Scalar(Scalar::Count { least: 1, most: 10_000_000 }),
            Or("100000"),
            "100000",
            "How many sessions are remembered for having been loaded, at the most; one that was forgotten waits once more.",
        ),
    ],
};

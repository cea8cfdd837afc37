//! The form of what a service says of pools with too few healthy servers.

use super::{Else, Form, Key, Or, Record, Scalar};

pub(super) const FAILOVER: Key = Key::new(
    "failover",
    Form::Record(&RECORD),
    Else("the defaults of its keys"),
    "{away_below: 30%, back_above: 50%}",
    "When its pool in a region is away, so that substitutes serve, and when it is back; [failover.md](../failover.md) tells \
     all of it.",
);

static RECORD: Record = Record {
    noun: "the failover",
    doc: "Where no region has a pool that is not away, one with a healthy server serves all the same.",
    choices: &[],
    keys: &[
        Key::new(
            "away_below",
            Form::Scalar(Scalar::Fewest),
            Or("1"),
            "30%",
            "With fewer healthy servers a pool is away. A share is rounded up, and never more than all.",
        ),
        Key::new(
            "back_above",
            Form::Scalar(Scalar::Fewest),
            Else("as many as `away_below` says"),
            "50%",
            "With how many it is back.",
        ),
        Key::new(
            "hold",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("2s"),
            "5s",
            "How long a pool that falls a second time must have them without a break before it is back. It doubles with each \
             further fall. A first fall is not held against it.",
        ),
        Key::new(
            "longest_hold",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("60s"),
            "5m",
            "The longest that this becomes. For each such time without a fall one is forgotten.",
        ),
    ],
};

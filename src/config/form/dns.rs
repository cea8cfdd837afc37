//! The form of the section `dns` of the settings.

use super::{Else, Form, Key, Or, Record, Scalar, list};

pub(super) static DNS: Record = Record {
    noun: "the look-ups by DNS",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "servers",
            list(&Form::Scalar(Scalar::SocketAddress), 1, 16),
            Else("those of `/etc/resolv.conf`"),
            "[10.0.0.2:53]",
            "The name servers that are asked, by UDP and TCP. With them names are taken as complete: there are no search \
             domains.",
        ),
        Key::new(
            "shortest_ttl",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("1s"),
            "5s",
            "A name is not asked for again before that, however short the TTL of its answer is.",
        ),
        Key::new(
            "longest_ttl",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("5m"),
            "1m",
            "A name is asked for again after that, however long the TTL of its answer is.",
        ),
    ],
};

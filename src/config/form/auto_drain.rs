//! The form of the section `auto_drain` of the settings.

use super::{Form, Key, Or, Record, Scalar};

pub(super) static AUTO_DRAIN: Record = Record {
    noun: "the drains of its own",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "after",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("1m"),
            "3m",
            "How long a region must have been worth draining.",
        ),
        Key::new(
            "for",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("30m"),
            "1h",
            "How long it is drained. Then it gets its visitors again.",
        ),
        Key::new(
            "sessions",
            Form::Scalar(Scalar::Word(&[("keep", "they still go home"), ("move", "they go to the substitute too")])),
            Or("keep"),
            "move",
            "What becomes of its sessions.",
        ),
        Key::new("share", Form::Scalar(Scalar::Share), Or("0%"), "20%", "The part of new visitors that it still gets."),
        Key::new(
            "pause",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("4h"),
            "24h",
            "How long a region is left alone after an operator has ended a drain of it.",
        ),
    ],
};

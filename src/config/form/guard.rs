//! The form of the section `guard` of the settings.

use super::{Form, Key, Or, Record, Scalar};

pub(super) static GUARD: Record = Record {
    noun: "the guard",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "watch",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("60s"),
            "2m",
            "How long a new table is watched. The one before it is held that long.",
        ),
        Key::new(
            "max_error_increase",
            Form::Scalar(Scalar::Share),
            Or("2%"),
            "5%",
            "By how much the part of failed requests may rise against the minute before: with `2%`, from 1 % to 3 %. A rise \
             that chance or bursts explain is none.",
        ),
        Key::new(
            "min_requests",
            Form::Scalar(Scalar::Count { least: 1, most: 1_000_000_000 }),
            Or("500"),
            "200",
            "How many requests the new table must have had before anything is said of it.",
        ),
    ],
};

//! What options.rs promises.

use crate::options::*;
use std::time::Duration;

fn asked(line: &str) -> Result<Asked, String> {
    read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn who_lists_tests_gets_none_and_who_says_nothing_the_usage() {
    assert_eq!(asked("--list --format terse"), Ok(Asked::List));
    assert_eq!(asked("run --list"), Ok(Asked::List));
    assert_eq!(asked("--nocapture"), Ok(Asked::Usage));
}

#[test]
fn a_run_is_read() {
    let Ok(Asked::Run(options)) = asked("run majority gate --seeds 2 --seconds-scale 0.1 --soak 1h --against envoy")
    else {
        panic!("no run");
    };
    assert_eq!(options.scenarios, ["majority", "gate"]);
    assert_eq!((options.seeds, options.scale, options.soak), (2, 0.1, Some(Duration::from_hours(1))));
    assert_eq!(options.against, ["envoy"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in ["run --seeds 0", "run --soak 1y", "run --soak", "run --colour red", "server --region x"] {
        assert!(asked(line).is_err(), "{line}");
    }
}

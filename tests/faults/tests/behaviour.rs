//! What behaviour.rs promises.

use crate::behaviour::*;

#[test]
fn what_is_said_is_what_is_heard() {
    use Answering::{DeclaresFailure, Fails, FailsLogins, Normal, Resets, Silent};
    for answering in [Normal, Silent, Fails(50), Resets(7), FailsLogins, DeclaresFailure] {
        let told = Behaviour { answering, time: 20, workers: 8, queue: 5, load: 300 };
        assert_eq!(told.to_string().parse(), Ok(told));
    }
    for line in ["", "normal", "odd 0 0 0 0 0", "normal 0 0 0 0", "normal 0 0 0 0 x"] {
        assert!(line.parse::<Behaviour>().is_err(), "{line}");
    }
}

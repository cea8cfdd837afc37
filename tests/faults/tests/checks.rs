//! What checks.rs promises.

use crate::checks::*;

#[test]
fn a_bound_that_is_not_kept_is_said() {
    let mut findings = Findings::default();
    findings.check("success", 0.995, Bound::AtLeast(0.995));
    findings.check("attempts", 1.25, Bound::AtMost(1.25));
    assert!(findings.is_good());
    findings.check("seconds to even load", f64::INFINITY, Bound::AtMost(5.0));
    assert!(!findings.is_good());
    findings.checks.pop();
    findings.check("nonsense", f64::NAN, Bound::AtLeast(0.0));
    assert!(!findings.is_good(), "what could not be measured keeps no bound");
}

#[test]
fn what_never_came_can_be_kept() {
    let mut findings = Findings::default();
    findings.figure("even", "s", f64::INFINITY, Worst::High);
    assert_eq!(findings.to_json(1)["figures"][0]["value"], "never");
}

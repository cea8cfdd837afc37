//! Whose errors are more than chance.
//!
//! Each server is held against all others of its pool together, by the test of two proportions. It works with two servers as
//! with two hundred, where a mean and its deviation need five or more; and an error that all servers share, however frequent,
//! makes none of them stand out.

use crate::model::SuccessRateRules;

/// How sure it has to be that a difference is no chance, in standard deviations: by chance alone, one interval in some 30,000
/// would be taken for more.
const SURE: f64 = 4.0;

/// What was counted of a server in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IntervalCounts {
    /// Requests that say something of it.
    pub requests: u64,
    /// Those among them that did not end well; never more than there were.
    pub errors: u64,
}

/// The places of those whose success rate lies below that of the others by more than chance and more than the rules ask, the
/// worst first.
#[must_use]
pub fn worse_than_others(counts: &[IntervalCounts], rules: &SuccessRateRules) -> Vec<usize> {
    let (requests, errors) = counts.iter().fold((0_u64, 0_u64), |(requests, errors), each| {
        (requests.saturating_add(each.requests), errors.saturating_add(each.errors))
    });
    let least = u64::from(rules.least_requests.get());
    let mut worse: Vec<(usize, f64)> = Vec::new();
    for (place, own) in counts.iter().enumerate() {
        let others = requests.saturating_sub(own.requests);
        if own.requests < least || others < least {
            continue;
        }
        let rate = |errors: u64, requests: u64| errors as f64 / requests as f64;
        let difference = rate(own.errors, own.requests) - rate(errors.saturating_sub(own.errors), others);
        let whole = rate(errors, requests);
        let deviation = (whole * (1.0 - whole) * (1.0 / own.requests as f64 + 1.0 / others as f64)).sqrt();
        // Rounding: what is 20 points below counts as that.
        if difference > 0.0 && difference + 1e-9 >= rules.below.ratio() && difference >= SURE * deviation {
            worse.push((place, difference));
        }
    }
    worse.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    worse.into_iter().map(|(place, _)| place).collect()
}

//! Figures and bounds of one run, and whether it kept them. Pure.

use serde_json::{Value, json};

/// Which end of a figure is the bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worst {
    /// The highest.
    High,
    /// The lowest.
    Low,
}

/// What a run is measured against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bound {
    /// Whether a value keeps it. What is no number keeps none.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// What one run of a scenario found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Name, unit and value, in the order of the table's columns.
    pub figures: Vec<(String, &'static str, f64, &'static str)>,
    /// What was expected, the value, the bound in words and whether it was kept.
    pub checks: Vec<(String, f64, String, bool)>,
    /// The kinds of failures, in words.
    pub failures: String,
    /// What else there is to say.
    pub notes: Vec<String>,
}

impl Findings {
    /// Adds a column. A value that never came is infinite.
    pub fn figure(&mut self, name: &str, unit: &'static str, value: f64, worst: Worst) {
        let worst = if worst == Worst::High { "high" } else { "low" };
        self.figures.push((name.into(), unit, value, worst));
    }

    /// Measures a value against a bound.
    pub fn check(&mut self, what: &str, value: f64, bound: Bound) {
        let said = match bound {
            Bound::AtMost(most) => format!("at most {most}"),
            Bound::AtLeast(least) => format!("at least {least}"),
        };
        self.checks.push((what.into(), value, said, bound.holds(value)));
    }

    /// Whether all bounds were kept.
    pub fn is_good(&self) -> bool {
        self.checks.iter().all(|(.., kept)| *kept)
    }

    /// As it is kept between runs. What is infinite is kept as text, as JSON has no such number.
    pub fn to_json(&self, seed: u32) -> Value {
        let number = |value: f64| if value.is_finite() { json!(value) } else { json!("never") };
        let figures: Vec<_> = self
            .figures
            .iter()
            .map(|(name, unit, value, worst)| json!({"name": name, "unit": unit, "value": number(*value), "worst": worst}))
            .collect();
        let checks: Vec<_> = self
            .checks
            .iter()
            .map(|(what, value, bound, kept)| json!({"what": what, "value": number(*value), "bound": bound, "kept": kept}))
            .collect();
        json!({"seed": seed, "figures": figures, "checks": checks, "failures": self.failures, "notes": self.notes})
    }
}

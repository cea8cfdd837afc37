//! Numbers as people read them, and as programs do.

/// `value` with four digits that count: more would say more than is known, and differ from machine to machine.
pub(super) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    // A power that has no exact form would be seen in the last digit.
    match digits {
        0..=15 => (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits),
        ..0 => (value / 10_f64.powi(-digits)).round() * 10_f64.powi(-digits),
        _ => 0.0,
    }
}

/// Whole things, with commas.
pub(super) fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whole things where there are many, else with a digit or two behind the point.
pub(super) fn amount(value: f64) -> String {
    match value {
        ..0.0005 => "0".to_owned(),
        ..0.9995 => format!("{value:.3}"),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => whole(value),
    }
}

/// A part of a whole.
pub(super) fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        percent @ ..9.95 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A time.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        ..0.001 => format!("{:.0} µs", seconds * 1e6),
        ..0.1 => format!("{:.1} ms", seconds * 1e3),
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        ..120.0 => format!("{seconds:.1} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_far_as_they_are_known() {
        for (value, wanted) in [
            (0.0, 0.0),
            (1.0, 1.0),
            (12_345.6, 12_350.0),
            (0.012_345_6, 0.012_35),
            (1e15, 1e15),
            (1e-30, 0.0),
            (99_999.0, 100_000.0),
        ] {
            assert_eq!(rounded(value), wanted, "{value}");
        }
        assert_eq!(rounded(f64::INFINITY), 0.0);
        assert_eq!([whole(0.4), whole(999.0), whole(1_000.0), whole(1_234_567.0)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [amount(0.0), amount(0.25), amount(2.5), amount(25.04), amount(250.4)],
            ["0", "0.250", "2.50", "25.0", "250"]
        );
        assert_eq!([percent(0.005), percent(0.6), percent(1.5)], ["0.5 %", "60 %", "150 %"]);
        assert_eq!(
            [time(0.000_2), time(0.02), time(0.25), time(2.0), time(600.0), time(9e3)],
            ["200 µs", "20.0 ms", "250 ms", "2.0 s", "10 min", "2.5 h"]
        );
    }
}

//! Rows as text for a terminal, and for a page. Pure.

/// A table: what stands above the columns, and rows of as many cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Above the columns.
    pub columns: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// For a terminal: columns of one width, the first one to the left and the others to the right.
    pub fn plain(&self) -> String {
        let all = || std::iter::once(&self.columns).chain(&self.rows);
        let width = |nth: usize| all().filter_map(|row| row.get(nth)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|nth| width(nth).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in all() {
            let cells = row.iter().zip(&widths).enumerate().map(|(nth, (cell, width))| match nth {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    /// For a page in Markdown.
    pub fn markdown(&self) -> String {
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let right = "---:|".repeat(self.columns.len().saturating_sub(1));
        let rows: String = self.rows.iter().map(|cells| row(cells)).collect();
        format!("{}|---|{right}\n{rows}", row(&self.columns))
    }
}

/// A whole number.
pub fn count(value: usize) -> String {
    apart(&value.to_string())
}

/// A number with as many digits as tell something: three, but all of them before the point.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if !value.is_finite() => return "–".into(),
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    apart(&format!("{value:.digits$}"))
}

/// Thousands stand apart.
fn apart(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut parts = String::new();
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            parts.push(',');
        }
        parts.push(digit);
    }
    format!("{sign}{parts}{rest}")
}

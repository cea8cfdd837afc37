//! Words that stand out on a terminal, and columns that stand in line.

/// How words are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    coloured: bool,
}

impl Style {
    /// With colours, or as plain text.
    pub(super) fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// What is well.
    pub(super) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// What wants a look.
    pub(super) fn odd(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// What is not well.
    pub(super) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// A heading.
    pub(super) fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What may be skipped.
    pub(super) fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.coloured && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Lines of cells, each column as wide as its widest cell. Numbers stand at the right.
#[derive(Debug, Default)]
pub(super) struct Columns {
    rows: Vec<Vec<Cell>>,
}

/// One cell: its text, and how it is painted once its width is known.
#[derive(Debug)]
pub(super) struct Cell {
    text: String,
    to_the_right: bool,
    paint: fn(Style, &str) -> String,
}

impl Cell {
    /// Text at the left.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), to_the_right: false, paint: |_, text| text.to_owned() }
    }

    /// A number at the right.
    pub(super) fn number(text: impl Into<String>) -> Self {
        Self { to_the_right: true, ..Self::text(text) }
    }

    /// The same, painted.
    pub(super) fn painted(self, paint: fn(Style, &str) -> String) -> Self {
        Self { paint, ..self }
    }
}

impl Columns {
    /// Adds a line.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// All lines, each with its line break.
    pub(super) fn render(&self, style: Style) -> String {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(Cell::width).max().unwrap_or(0);
        let widths: Vec<_> = (0..count).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width - cell.width());
                let between = if at == 0 { "" } else { "  " };
                let painted = (cell.paint)(style, &cell.text);
                let last = at + 1 == row.len();
                line.push_str(between);
                match (cell.to_the_right, last) {
                    (true, _) => line.push_str(&(gap + &painted)),
                    (false, true) => line.push_str(&painted),
                    (false, false) => line.push_str(&(painted + &gap)),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Cell {
    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// `text` in one line that a terminal shows and does not obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// The same with its line breaks.
pub(super) fn plain_lines(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_line_whatever_the_colours() {
        let mut columns = Columns::default();
        columns.row([Cell::text("a"), Cell::number("10"), Cell::text("x")]);
        columns.row([Cell::text("long").painted(Style::bad), Cell::number("7"), Cell::text("")]);
        assert_eq!(columns.render(Style::new(false)), "a     10  x\nlong   7\n");
        assert_eq!(columns.render(Style::new(true)), "a     10  x\n\x1b[31mlong\x1b[0m   7\n");
    }

    #[test]
    fn a_terminal_obeys_nothing_out_of_a_file() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{202e}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(plain_lines("a\nb\x07"), "a\nb\u{fffd}");
    }
}

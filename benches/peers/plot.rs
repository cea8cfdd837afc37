//! Bars with their spread, as SVG that reads on a light and on a dark page. Pure.

use crate::statistics::Spread;
use crate::table::number;
use std::fmt::Write as _;

/// Bars that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What they are of.
    pub label: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Whose it is.
    pub name: String,
    /// How it is drawn.
    pub class: &'static str,
    /// As long as the median; the line in it goes from the least to the most.
    pub spread: Spread,
}

const WIDTH: f64 = 760.0;
/// Where bars begin, and how far the longest may reach: the value stands behind it.
const LEFT: f64 = 130.0;
const RIGHT: f64 = 620.0;
const ROW: f64 = 22.0;
const BAR: f64 = 14.0;
const TOP: f64 = 44.0;

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}.group{font-weight:600}\
.own{fill:#0969da}.peer{fill:#8c959f}.floor{fill:#d0d7de}.line{stroke:#1f2328;stroke-width:1.5}.axis{stroke:#8c959f}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#4493f8}.peer{fill:#768390}.floor{fill:#444c56}\
.line{stroke:#e6edf3}}";

/// Draws them, one below the other.
pub fn bars(title: &str, unit: &str, groups: &[Group]) -> String {
    let longest = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.spread.most).fold(0.0, f64::max);
    let scale = if longest > 0.0 { (RIGHT - LEFT) / longest } else { 0.0 };
    let has_names = groups.len() > 1;
    let mut body = String::new();
    let mut y = TOP;
    for group in groups {
        if has_names {
            writeln!(body, "<text class=\"group\" x=\"8\" y=\"{:.0}\">{}</text>", y + 14.0, escaped(&group.label))
                .unwrap();
            y += ROW;
        }
        for bar in &group.bars {
            draw(&mut body, bar, y, scale);
            y += ROW;
        }
        let (from, to) = (y - ROW * group.bars.len() as f64 - 2.0, y + 2.0);
        writeln!(body, "<line class=\"axis\" x1=\"{LEFT:.0}\" y1=\"{from:.1}\" x2=\"{LEFT:.0}\" y2=\"{to:.1}\"/>")
            .unwrap();
        y += 8.0;
    }
    let height = y + 4.0;
    let name = escaped(&format!("{title}, {unit}"));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{name}\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"8\" y=\"24\">{name}</text>\n{body}</svg>\n"
    )
}

fn draw(body: &mut String, bar: &Bar, y: f64, scale: f64) {
    let Spread { median, least, most } = bar.spread;
    let at = |value: f64| LEFT + value.max(0.0) * scale;
    let (top, middle) = (y + (ROW - BAR) / 2.0, y + ROW / 2.0);
    let text = middle + 4.5;
    writeln!(body, "<text x=\"{:.0}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, escaped(&bar.name))
        .unwrap();
    writeln!(
        body,
        "<rect class=\"{}\" x=\"{LEFT:.0}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAR:.0}\"/>",
        bar.class,
        at(median) - LEFT,
    )
    .unwrap();
    writeln!(
        body,
        "<line class=\"line\" x1=\"{:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\"/>",
        at(least),
        at(most),
    )
    .unwrap();
    writeln!(body, "<text x=\"{:.1}\" y=\"{text:.1}\">{}</text>", at(most.max(median)) + 8.0, number(median)).unwrap();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

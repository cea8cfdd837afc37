//! A plot of some curves as SVG, plain enough to be compared as text.

use std::fmt::Write;

/// Points from left to right.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) struct Plot {
    pub(crate) title: String,
    /// What the axes show.
    pub(crate) x: String,
    pub(crate) y: String,
    /// Where the x axis ends.
    pub(crate) widest: f64,
    pub(crate) curves: Vec<Curve>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Colours that can be told apart on white and on black, and by those who see few of them.
const COLOURS: [&str; 4] = ["#d55e00", "#0072b2", "#009e73", "#cc79a7"];

/// 1, 2 or 5 times a power of ten, five or so up to `most`.
fn step(most: f64) -> f64 {
    let rough = (most / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough).unwrap()
}

impl Plot {
    pub(crate) fn draw(&self) -> String {
        let highest = self.curves.iter().flat_map(|curve| &curve.points).filter(|point| point.0 <= self.widest);
        let highest = highest.map(|point| point.1).fold(0.0, f64::max).max(1e-6) * 1.05;
        let x = |value: f64| LEFT + value / self.widest * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        writeln!(svg, "<text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{}</text>", self.title).unwrap();
        for (most, is_x) in [(self.widest, true), (highest, false)] {
            let each = step(most);
            let digits = usize::try_from((-each.log10().floor() as i32).max(0)).unwrap();
            for tick in 0..=(most / each) as u32 {
                let value = f64::from(tick) * each;
                let (x1, y1, x2, y2) = match is_x {
                    true => (x(value), TOP, x(value), HEIGHT - BOTTOM),
                    false => (LEFT, y(value), WIDTH - RIGHT, y(value)),
                };
                writeln!(svg, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#ddd\"/>").unwrap();
                let (at, anchor) = match is_x {
                    true => ((x1, HEIGHT - BOTTOM + 16.0), "middle"),
                    false => ((LEFT - 6.0, y1 + 4.0), "end"),
                };
                writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{value:.digits$}</text>",
                    at.0, at.1
                )
                .unwrap();
            }
        }
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 12.0,
            self.x
        )
        .unwrap();
        writeln!(svg, "<text x=\"6\" y=\"{:.1}\">{}</text>", TOP - 6.0, self.y).unwrap();
        for (at, curve) in self.curves.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let points = curve.points.iter().filter(|point| point.0 <= self.widest);
            let points: Vec<_> = points.map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
            let points = points.join(" ");
            writeln!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{points}\"/>")
                .unwrap();
            let row = TOP + 14.0 + 16.0 * at as f64;
            let name = &curve.name;
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{row:.1}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
                WIDTH - RIGHT - 8.0
            )
            .unwrap();
        }
        svg + "</svg>\n"
    }
}

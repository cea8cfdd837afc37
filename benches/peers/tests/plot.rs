use crate::plot::{Bar, Group, bars};
use crate::statistics::Spread;

fn group(label: &str, medians: &[f64]) -> Group {
    let bar = |median: &f64| Bar {
        name: "a<b".into(),
        class: "own",
        spread: Spread { median: *median, least: median - 1.0, most: median + 1.0 },
    };
    Group { label: label.into(), bars: medians.iter().map(bar).collect() }
}

/// The numbers of an attribute, in their order.
fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
    let begin = format!(" {attribute}=\"");
    let parts = svg.split(&begin).skip(1);
    parts.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn bars_are_as_long_as_their_medians() {
    let svg = bars("plain", "µs", &[group("x", &[9.0, 18.0])]);
    let rects = svg.lines().filter(|line| line.starts_with("<rect")).collect::<String>();
    let widths = numbers(&rects, "width");
    assert_eq!(widths.len(), 2);
    assert!((widths[1] / widths[0] - 2.0).abs() < 0.01);
}

#[test]
fn everything_is_inside_and_nothing_is_markup() {
    let svg = bars("sizes & more", "µs", &[group("one", &[5.0]), group("two", &[1.0, 0.0])]);
    assert!(svg.contains("a&lt;b") && svg.contains("sizes &amp; more, µs") && !svg.contains("a<b"));
    let height = numbers(&svg, "height")[0];
    assert!(numbers(&svg, "y").iter().chain(&numbers(&svg, "y2")).all(|y| (0.0..height).contains(y)));
    assert!(numbers(&svg, "x2").iter().all(|x| (0.0..760.0).contains(x)));
    assert_eq!(svg.matches("<rect").count(), 3);
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let svg = bars("plain", "µs", &[]);
    assert!(svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("inf"));
}

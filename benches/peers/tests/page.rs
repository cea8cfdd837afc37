use crate::page::{plot, put, table};
use crate::results::{Found, Results, Row};
use crate::sheets::{Sheet, all};

const PAGE: &str = "# Performance\n\nBy hand.\n\n<!-- What stands from here on is written by `make bench`. -->\nold\n\
                    <!-- Up to here. -->\n\nAlso by hand.\n";

fn found(rows: &[(&str, &str, &[f64])]) -> Found {
    let row = |(point, proxy, cpu): &(&str, &str, &[f64])| Row {
        point: (*point).into(),
        proxy: (*proxy).into(),
        rounds: cpu.iter().map(|cpu| [("cpu".to_owned(), *cpu)].into()).collect(),
    };
    Found {
        ran: "today".into(),
        machine: "2 cores".into(),
        rounds: 3,
        seconds: 1.5,
        versions: [("nginx".to_owned(), "1.22".to_owned())].into(),
        rows: rows.iter().map(row).collect(),
        left_out: vec!["nginx with x: no".into()],
    }
}

fn sheet(name: &str) -> Sheet {
    all(true, 1000).into_iter().find(|sheet| sheet.name == name).unwrap()
}

#[test]
fn a_table_has_medians_spreads_and_what_they_are_of_haproxys() {
    let found =
        found(&[("plain", "homeward", &[30.0, 10.0, 20.0]), ("plain", "haproxy", &[20.0]), ("plain", "nginx", &[])]);
    let table = table(&sheet("plain"), &found);
    assert_eq!(table.columns[..3], ["", "CPU per request, µs", "× haproxy's"]);
    assert_eq!(table.rows[0][..3], ["homeward", "20.0 (10.0–30.0)", "1.00"]);
    assert_eq!(table.rows[1][..3], ["haproxy", "20.0", "1.00"]);
    assert_eq!(table.rows[2][..3], ["nginx", "–", "–"]);
}

#[test]
fn without_haproxy_nothing_is_divided() {
    let table = table(&sheet("sizes"), &found(&[("1 KiB down", "homeward", &[1.0])]));
    assert_eq!(table.columns[2], "requests/s");
    assert_eq!(table.rows[0][..2], ["1 KiB down: homeward", "1.00"]);
}

#[test]
fn only_what_stands_between_the_marks_is_written() {
    let sheets = all(true, 1000);
    let mut results = Results::default();
    assert!(put(&crate::page::empty(), "performance", &sheets, &results).is_ok());
    let empty = put(PAGE, "performance", &sheets, &results).unwrap();
    assert!(empty.contains("Not measured yet.") && !empty.contains("old"));
    results.sheets.insert("plain".into(), found(&[("plain", "homeward", &[20.0])]));
    let page = put(&empty, "performance", &sheets, &results).unwrap();
    assert!(page.starts_with("# Performance\n\nBy hand.\n\n") && page.ends_with("\n\nAlso by hand.\n"));
    assert!(page.contains("](performance-plain.svg)") && page.contains("| homeward | 20.0 |"));
    assert!(
        page.contains("3 rounds of 1.5 s each, on 2 cores; nginx 1.22.")
            && page.contains("- Left out: nginx with x: no.")
    );
    assert_eq!(put(&page, "performance", &sheets, &results).unwrap(), page);
    assert!(put("# Another page\n", "performance", &sheets, &results).is_err());
}

#[test]
fn the_projects_page_has_the_marks() {
    assert!(
        put(include_str!("../../../docs/performance.md"), "performance", &all(true, 1000), &Results::default()).is_ok()
    );
}

#[test]
fn what_is_kept_is_read_as_it_was() {
    let mut results = Results::default();
    results.sheets.insert("whole".into(), found(&[("whole", "homeward", &[20.5]), ("whole", "nginx", &[])]));
    let text = serde_json::to_string_pretty(&results).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
}

#[test]
fn points_are_groups_of_bars() {
    let rows: [(&str, &str, &[f64]); 3] = [("a", "mine", &[1.0]), ("a", "splice", &[2.0]), ("b", "nginx", &[3.0])];
    let svg = plot(&sheet("sizes"), &found(&rows)).unwrap();
    assert_eq!(
        ["own", "floor", "peer"].map(|class| svg.matches(&format!("<rect class=\"{class}\"")).count()),
        [1, 1, 1]
    );
    assert_eq!(plot(&sheet("sizes"), &found(&[])), None);
}

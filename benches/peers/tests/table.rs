use crate::table::{Table, count, number};

#[test]
fn numbers_tell_three_digits() {
    let cases = [
        (0.0, "0"),
        (0.1234, "0.123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12_345.6, "12,346"),
        (1_234_567.0, "1,234,567"),
        (-1500.0, "-1,500"),
        (f64::NAN, "–"),
    ];
    assert_eq!([count(64), count(10_000)], ["64", "10,000"]);
    cases.iter().for_each(|(value, text)| assert_eq!(number(*value), *text));
}

#[test]
fn columns_stand_below_each_other() {
    let cells = |row: [&str; 2]| row.map(str::to_owned).to_vec();
    let table = Table { columns: cells(["", "µs"]), rows: vec![cells(["nginx", "18.0"]), cells(["a", "5"])] };
    assert_eq!(table.plain(), "         µs\nnginx  18.0\na         5\n");
    assert_eq!(table.markdown(), "|  | µs |\n|---|---:|\n| nginx | 18.0 |\n| a | 5 |\n");
}

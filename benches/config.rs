//! What reading a routing table costs: the example, and tables with many home rules.
//!
//! ```text
//! cargo bench --bench config
//! ```

#![allow(clippy::expect_used, reason = "a benchmark of a file that cannot be read has no result")]

use divan::{Bencher, black_box};
use homeward::config::{RoutingReader, Source, read_routing};
use homeward::model::Timestamp;
use homeward::routing::RoutingTable;
use std::fmt::Write as _;
use std::sync::Arc;

fn main() {
    divan::main();
}

/// The example with this many rules on networks before its own.
fn table(rules: u32) -> Source {
    let example = include_str!("../conf/routing.yaml");
    let (before, after) = example.split_once("homes:\n").expect("the example has home rules");
    let mut text = format!("{before}homes:\n");
    for rule in 0..rules {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + rule * 16);
        let _ = write!(text, "  - networks: [{address}/28]\n    region: us-west\n");
    }
    text.push_str(after);
    Source::new("routing.yaml", text)
}

#[divan::bench(args = [0, 1_000, 100_000], sample_count = 10)]
fn read(bencher: Bencher<'_, '_>, rules: u32) {
    let source = table(rules);
    bencher.bench(|| read_routing(black_box(&source), Timestamp::UNIX_EPOCH).expect("the table is good"));
}

/// The same, where a drain is new or gone since the last one that was read.
#[divan::bench(args = [0, 1_000, 100_000], sample_count = 10)]
fn read_a_drain(bencher: Bencher<'_, '_>, rules: u32) {
    let plain = table(rules);
    let (before, behind) = plain.text.rsplit_once("drains:").expect("the example has drains");
    let (_, after) = behind.split_once('\n').expect("they have a line of their own");
    let drained = Source::new("routing.yaml", format!("{before}drains: [{{region: us-west}}]\n{after}"));
    let (mut reader, mut texts) = (RoutingReader::default(), [plain, drained].into_iter().cycle());
    bencher
        .with_inputs(|| texts.next().expect("it goes round"))
        .bench_local_refs(|source| reader.read(black_box(source), Timestamp::UNIX_EPOCH).expect("the table is good"));
}

/// The same, where each rule is another one than in the last table that was read; as nearly all tables are written, and in a
/// way that YAML has to read.
#[divan::bench(args = [("plain", 100_000), ("yaml", 100_000)], sample_count = 10)]
fn read_other_rules(bencher: Bencher<'_, '_>, (way, rules): (&str, u32)) {
    let mut table = table(rules);
    if way == "yaml" {
        table.text = Arc::new(table.text.replace("/28]\n", "/28] # a site\n"));
    }
    let other = Source::new("routing.yaml", table.text.replace("region: us-west\n", "region: us-east\n"));
    let (mut reader, mut texts) = (RoutingReader::default(), [table, other].into_iter().cycle());
    bencher
        .with_inputs(|| texts.next().expect("it goes round"))
        .bench_local_refs(|source| reader.read(black_box(source), Timestamp::UNIX_EPOCH).expect("the table is good"));
}

#[divan::bench(args = [0, 1_000, 100_000], sample_count = 10)]
fn compile(bencher: Bencher<'_, '_>, rules: u32) {
    let parts = read_routing(&table(rules), Timestamp::UNIX_EPOCH).expect("the table is good");
    bencher.with_inputs(|| parts.clone()).bench_values(|parts| RoutingTable::new(black_box(parts)));
}

/// A table in which every rule is wrong: the answer is bounded, and so is the time.
#[divan::bench(args = [100_000], sample_count = 10)]
fn refuse(bencher: Bencher<'_, '_>, rules: u32) {
    let mut source = table(rules);
    source.text = Arc::new(source.text.replace("region: us-west", "region: us-wset"));
    bencher
        .bench(|| read_routing(black_box(&source), Timestamp::UNIX_EPOCH).expect_err("the table is bad").render(false));
}

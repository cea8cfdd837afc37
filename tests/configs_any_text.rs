//! Whatever a file holds, it is read or refused: nothing panics, and every problem has a place inside the text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{Pieces, Problems, RoutingReader, Source, read_drains, read_routing, read_settings};
use homeward::model::{RegionId, Timestamp};
use homeward::routing::{HomeCondition, HomeTarget, RoutingTable, TableParts};
use proptest::prelude::*;
use std::sync::OnceLock;

/// Good and bad files to start from.
fn seeds() -> &'static [String] {
    static SEEDS: OnceLock<Vec<String>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders =
            ["conf", "tests/configs/invalid/settings", "tests/configs/invalid/routing", "tests/configs/valid/routing"];
        let entries = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    })
}

/// Those of them that are good routing tables.
fn tables() -> &'static [&'static String] {
    static TABLES: OnceLock<Vec<&'static String>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let is_good = |text: &&String| read_routing(&Source::new("some.yaml", text.as_str()), now()).is_ok();
        seeds().iter().filter(is_good).collect()
    })
}

/// Some pieces of a text: which, whether each stays, doubled, and what stands there then.
type Edits = Vec<(prop::sample::Index, usize, bool, String)>;

/// A few pieces taken away, doubled, or replaced by something unpleasant.
fn edits() -> impl Strategy<Value = Edits> {
    let piece = prop_oneof![
        Just(String::new()),
        proptest::sample::select(
            &[
                "\t",
                "\n",
                "\r\n",
                "\0",
                "\u{feff}",
                "{",
                "}",
                "[",
                "]",
                ":",
                ": ",
                "- ",
                "'",
                "\"",
                "#",
                "&a ",
                "*a",
                "!t ",
                "<<",
                "|\n",
                ">\n",
                "? ",
                "---\n",
                "%",
                "~",
                "null",
                "é",
                "\u{1f980}",
                "99999999999999999999",
                "us-east",
                "0%",
                "10.0.0.0/0",
                "otherwise",
                "nearest",
            ][..]
        )
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ];
    proptest::collection::vec((any::<prop::sample::Index>(), 0..40_usize, any::<bool>(), piece), 1..6)
}

fn edited(mut text: String, edits: Edits) -> String {
    for (at, length, double, piece) in edits {
        let start = text.floor_char_boundary(at.index(text.len() + 1));
        let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
        let kept = if double { text[start..end].to_owned() } else { String::new() };
        text.replace_range(start..end, &format!("{kept}{piece}{kept}"));
    }
    text
}

/// Some lines of a text, each with the one that it comes to stand before, and whether it stays where it was too.
type LineEdits = Vec<(prop::sample::Index, prop::sample::Index, bool)>;

fn line_edits() -> impl Strategy<Value = LineEdits> {
    proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index, bool)>(), 1..4)
}

fn with_lines_edited(text: &str, edits: LineEdits) -> String {
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    for (from, to, stays) in edits {
        let from = from.index(lines.len());
        let line = if stays { lines[from] } else { lines.remove(from) };
        lines.insert(to.index(lines.len() + 1), line);
    }
    lines.concat()
}

/// A seed, edited.
fn mutated() -> impl Strategy<Value = String> {
    (0..seeds().len(), edits()).prop_map(|(seed, edits)| edited(seeds()[seed].clone(), edits))
}

fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

/// What must hold of every answer.
fn sound(source: &Source, problems: &Problems) {
    assert!(problems.count() > 0 && problems.iter().len() <= Problems::MOST);
    let mut last = 0;
    for problem in problems {
        assert!(problem.start <= problem.end && problem.end <= source.text.len(), "{problem:?}");
        assert!(
            source.text.is_char_boundary(problem.start) && source.text.is_char_boundary(problem.end),
            "{problem:?}"
        );
        assert!(last <= problem.start, "in the order of the file: {problem:?}");
        last = problem.start;
        let line = 1 + source.text[..problem.start].matches('\n').count();
        assert_eq!(problem.line, line, "{problem:?}");
        assert!(problem.column >= 1);
        assert!(!source.text[problem.start..problem.end].contains('\n'), "{problem:?}");
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problem:?}");
        assert!(!problem.message.contains(char::is_control) && !problem.help.contains(char::is_control), "{problem:?}");
    }
    let text = problems.render(false);
    assert!(!text.contains('\x1b') && text.ends_with('\n'));
    assert!(problems.render(true).contains('\x1b'));
    assert!(!problems.summary().contains('\n'));
    assert!(!problems.iter().any(|problem| problem.message.contains("without a reason")), "{}\n{text}", source.text);
    serde_json::to_string(problems).unwrap();
}

/// What a table promises.
fn sound_table(parts: &TableParts) {
    let is_region = |id: &RegionId| id.index() < parts.regions.len();
    let (last, others) = parts.homes.split_last().unwrap();
    assert_eq!(last.condition, HomeCondition::Otherwise);
    assert!(others.iter().all(|rule| rule.condition != HomeCondition::Otherwise));
    for rule in parts.homes.iter() {
        match &rule.target {
            HomeTarget::Region(id) => assert!(is_region(id)),
            HomeTarget::Nearest(ids) => {
                assert!(!ids.is_empty());
                assert!(ids.iter().all(|id| is_region(id) && parts.regions[id.index()].location.is_some()));
            }
        }
    }
    assert!(parts.regions.iter().all(|region| region.failover.iter().flatten().all(is_region)));
    assert!(parts.drains.iter().all(|drain| is_region(&drain.region)));
    for service in &parts.services {
        assert!(!service.hosts.is_empty() && !service.paths.is_empty() && !service.pools.is_empty());
        assert!(service.pools.iter().all(|(id, pool)| is_region(id) && !pool.servers.is_empty()));
    }
}

fn read_all(text: &str) {
    let source = Source::new("some.yaml", text);
    if let Err(problems) = read_settings(&source) {
        sound(&source, &problems);
    }
    if let Err(problems) = read_drains(&source) {
        sound(&source, &problems);
    }
    match read_routing(&source, now()) {
        Ok(parts) => {
            sound_table(&parts);
            drop(RoutingTable::new(parts));
        }
        Err(problems) => sound(&source, &problems),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn changed_files(text in mutated()) {
        read_all(&text);
    }

    #[test]
    fn any_text(text in "\\PC{0,200}|[a-z\\[\\]{}:,\\-&*!|>'\"#%@` \n\t]{0,200}") {
        read_all(&text);
    }

    #[test]
    fn any_bytes(
        bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), "\\PC{0,60}".prop_map(String::into_bytes)],
        sizes in proptest::collection::vec(1..9_usize, 1..8),
    ) {
        let (mut pieces, mut behind) = (Pieces::default(), &bytes[..]);
        for size in sizes.iter().cycle() {
            if behind.is_empty() {
                break;
            }
            let (piece, rest) = behind.split_at(behind.len().min(*size));
            pieces.take(piece);
            behind = rest;
        }
        assert_eq!(pieces.into_source("some.yaml"), Source::from_bytes("some.yaml", bytes.clone()));
        match Source::from_bytes("some.yaml", bytes) {
            Ok(source) => read_all(&source.text),
            Err(problems) => assert_eq!(problems.count(), 1),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Whatever became of a table that a reader knows: it reads what a reader reads that knows nothing.
    #[test]
    fn changed_tables_one_after_the_other(
        seed in any::<prop::sample::Index>(),
        changes in proptest::collection::vec(prop_oneof![edits().prop_map(Ok), line_edits().prop_map(Err)], 1..6),
    ) {
        let good = tables();
        let seed = good[seed.index(good.len())];
        let (mut reader, mut texts) = (RoutingReader::default(), vec![seed.clone()]);
        for change in changes {
            let before = texts[0].clone();
            let after = match change {
                Ok(edits) => edited(before, edits),
                Err(edits) => with_lines_edited(&before, edits),
            };
            // Edits of the seed, and edits of those where they are good.
            let is_good = read_routing(&Source::new("some.yaml", after.as_str()), now()).is_ok();
            texts.insert(if is_good { 0 } else { 1 }, after);
        }
        for text in texts.iter().rev().chain(&texts) {
            let source = Source::new("some.yaml", text.as_str());
            assert_eq!(reader.read(&source, now()), read_routing(&source, now()), "{text}");
        }
    }
}

#[test]
fn seeds_as_they_are() {
    seeds().iter().for_each(|text| read_all(text));
}

#[test]
fn bounds_hold() {
    for text in [
        String::new(),
        "\u{feff}".to_owned(),
        "a: ".repeat(10_000),
        "[".repeat(100_000),
        "- ".repeat(100_000),
        format!("version: 1\nregions: {{{}}}\n", (0..2_000).map(|n| format!("r{n}: {{}}, ")).collect::<String>()),
        format!("version: 1\n{}", (0..20_000).map(|n| format!("key{n}: 1\n")).collect::<String>()),
        format!("homes: [{}]", "x, ".repeat(50_000)),
        format!("homes:\n{}", "  - countries: [QQ]\n".repeat(5_000)),
        " ".repeat(200_000),
        format!("version: {}", "1".repeat(200_000)),
        "version: 1\nregions:\n  us-east\tast, colour: blue}".to_owned(),
    ] {
        read_all(&text);
    }
    let large = Source::new("large.yaml", "#".repeat(Source::LARGEST + 1));
    assert_eq!(read_settings(&large).unwrap_err().count(), 1);
}

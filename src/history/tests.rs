#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Entry, EntryOrigin, Found, History, unified_diff};
use crate::model::{Revision, Timestamp};
use std::fs;
use std::io::Write;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn table(second: i64, text: &str) -> (Entry, Revision) {
    let revision = Revision::of(text.as_bytes());
    (Entry::new(at(second), EntryOrigin::File).of(revision), revision)
}

fn go_live(history: &History, second: i64, text: &str) -> Revision {
    let (entry, revision) = table(second, text);
    history.record_table(entry, text);
    assert_eq!(history.trouble(), None);
    revision
}

#[test]
fn what_was_live_can_be_looked_up_with_its_comments() {
    let state = tempfile::tempdir().unwrap();
    let history = History::in_state(state.path());
    assert_eq!(history.entries().unwrap(), []);
    let first = go_live(&history, 1, "version: 1 # one\n");
    let second = go_live(&history, 2, "version: 1 # two\n");
    history.record(Entry::new(at(3), EntryOrigin::Drain).by(Some("oncall")).note(Some("us-west: INC-1")));
    let again = go_live(&history, 4, "version: 1 # one\n");
    assert_eq!(again, first);

    // Another process sees the same.
    let history = History::in_state(state.path());
    let entries = history.entries().unwrap();
    let tables: Vec<_> = entries.iter().map(|entry| (entry.table(), entry.previous)).collect();
    assert_eq!(tables, [(Some(first), Some(second)), (None, None), (Some(second), Some(first)), (Some(first), None)]);
    assert_eq!(entries[1].by.as_deref(), Some("oncall"));
    assert_eq!(history.text(second).unwrap().unwrap(), "version: 1 # two\n");
    assert_eq!(history.text(Revision::of(b"none")).unwrap(), None);
    assert_eq!(history.before(first).unwrap(), Some(second));
    assert_eq!(history.find(&second.to_string()[..5]).unwrap(), Found::One(second));
    assert_eq!(history.find("zz").unwrap(), Found::Nothing(vec![first, second]));
    assert_eq!(history.find("").unwrap(), Found::Nothing(vec![first, second]));
}

#[test]
fn a_torn_line_is_skipped_and_what_comes_after_it_is_not() {
    let state = tempfile::tempdir().unwrap();
    let history = History::in_state(state.path());
    let first = go_live(&history, 1, "one");
    let journal = history.directory().join("journal.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(&journal).unwrap();
    file.write_all(b"{\"time\":\"2026-11-2").unwrap();
    assert_eq!(history.entries().unwrap().len(), 1);
    let second = go_live(&history, 2, "two");
    let tables: Vec<_> = history.entries().unwrap().iter().filter_map(Entry::table).collect();
    assert_eq!(tables, [second, first]);
    file.write_all(b"\xff\xfe\n{\"time\":\"2026-11-22T04:30:00Z\",\"origin\":\"of_tomorrow\",\"more\":1}\n").unwrap();
    let entries = history.entries().unwrap();
    assert_eq!((entries.len(), entries[0].origin), (3, EntryOrigin::Other));
}

#[test]
fn the_oldest_fall_out_and_the_live_one_stays() {
    let state = tempfile::tempdir().unwrap();
    let history = History::in_state(state.path());
    let text = |n: i64| format!("# table {n}\n");
    for n in 0..450 {
        let origin = if n % 3 == 0 { EntryOrigin::File } else { EntryOrigin::Drain };
        if origin == EntryOrigin::File {
            go_live(&history, n, &text(n));
        } else {
            history.record(Entry::new(at(n), origin));
        }
    }
    for n in 450..1050 {
        history.record(Entry::new(at(n), EntryOrigin::LeaseEnded).note(Some("ä".repeat(5000))));
    }
    let entries = history.entries().unwrap();
    let tables: Vec<_> = entries.iter().filter_map(Entry::table).collect();
    assert_eq!((tables.len(), entries.len()), (150, 350), "drains push out no table");
    assert_eq!(entries[0].note.as_ref().unwrap().len(), 1000);
    for n in 1050..1300 {
        go_live(&history, n, &text(n));
    }
    assert_eq!(history.entries().unwrap().iter().filter_map(Entry::table).count(), 200);
    // The oldest entry names the one before it.
    assert_eq!(history.kept().unwrap().len(), 201);
    let lines = fs::read_to_string(history.directory().join("journal.jsonl")).unwrap().lines().count();
    assert!(lines <= 501, "{lines}");
}

#[test]
fn tables_have_so_much_room_and_the_live_one_stays_whatever_its_size() {
    let state = tempfile::tempdir().unwrap();
    let history = History::in_state(state.path()).with_room_for(2500);
    let text = |n: i64| format!("{n:01000}");
    for n in 0..5 {
        go_live(&history, n, &text(n));
    }
    let kept = history.kept().unwrap();
    assert_eq!(kept.len(), 2, "2,000 of 2,500 bytes");
    assert_eq!(history.entries().unwrap().len(), 1);
    let large = go_live(&history, 9, &"x".repeat(5000));
    assert_eq!(history.text(large).unwrap().unwrap().len(), 5000);
    assert!(history.entries().unwrap()[0].table() == Some(large));
}

#[test]
fn what_cannot_be_written_is_said_and_stops_nothing() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("history"), "in the way").unwrap();
    let history = History::in_state(state.path());
    let (entry, _) = table(7, "one");
    history.record_table(entry, "one");
    let trouble = history.trouble().unwrap();
    assert_eq!(trouble.since, at(7));
    assert!(trouble.text.contains("is not remembered"), "{}", trouble.text);
    fs::remove_file(state.path().join("history")).unwrap();
    go_live(&history, 8, "one");
}

#[test]
fn what_somebody_has_changed_is_not_taken_for_what_was_live() {
    let state = tempfile::tempdir().unwrap();
    let history = History::in_state(state.path());
    let revision = go_live(&history, 1, "one");
    fs::write(history.directory().join(format!("{revision}.yaml")), "two").unwrap();
    assert!(history.text(revision).unwrap_err().to_string().contains("somebody has changed"));
    go_live(&history, 2, "one");
    assert_eq!(history.text(revision).unwrap().unwrap(), "one", "and it is put right when it is live again");
}

#[test]
fn several_writers_lose_nothing() {
    let state = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let history = History::in_state(state.path());
            scope.spawn(move || {
                for n in 0..20 {
                    let text = format!("{writer} {n}");
                    let (entry, _) = table(n, &text);
                    history.record_table(entry, &text);
                }
            });
        }
    });
    let history = History::in_state(state.path());
    assert_eq!(history.entries().unwrap().len(), 80);
    assert_eq!(history.kept().unwrap().len(), 80);
}

#[test]
fn a_difference_is_that_of_diff() {
    let diff = unified_diff("a\nb\nc\n", "a\nB\nc\n", "one", "two");
    assert_eq!(diff, "--- one\n+++ two\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    assert_eq!(unified_diff("a\n", "a\n", "one", "two"), "");
}

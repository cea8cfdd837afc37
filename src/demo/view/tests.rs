//! The view on a terminal that is no terminal.

use super::super::edge::{EdgeRegion, EdgeStatus};
use super::super::snapshot::{PlaceNow, RegionNow};
use super::super::table::Addresses;
use super::super::visitors::Outcomes;
use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::net::SocketAddr;
use std::path::Path;

fn guide() -> Guide {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let addresses = Addresses { edge: at(8080), admin: at(9901), directory: Path::new("/tmp/homeward-demo-7") };
    Guide::new(&addresses, "homeward", true)
}

fn snapshot() -> Snapshot {
    let region = |name: &str, rate, visitors| RegionNow {
        name: name.into(),
        here: name == "us-west",
        powered: true,
        requests_per_second: rate,
        sessions: 12,
        visitors,
        edge: None,
    };
    let known = |name: &str, share, healthy, away: Option<&str>| EdgeRegion {
        name: name.into(),
        share,
        healthy,
        servers: 2,
        away: away.map(str::to_owned),
    };
    Snapshot {
        regions: vec![region("us-east", 40.0, 24), region("us-central", 20.0, 9), region("us-west", 0.4, 7)],
        places: vec![PlaceNow { name: "New York", served_by: vec![7, 0, 0, 0] }],
        outcomes: Outcomes { ok: 1234, log_in_again: 5, failed: 0 },
        ..Snapshot::default()
    }
    .with_edge(EdgeStatus {
        regions: vec![known("us-west", 0.0, 2, Some("drained")), known("us-east", 1.0, 2, None)],
        flops_per_second: 41.6,
        revision: "8c1f22ab".into(),
        age: Duration::from_secs(75),
        ..EdgeStatus::default()
    })
}

fn drawn(snapshot: &Snapshot, screen: Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, snapshot, &guide(), screen)).unwrap();
    terminal.backend().to_string()
}

/// The line of `screen` that begins with `start`.
fn line<'s>(screen: &'s str, start: &str) -> &'s str {
    let found = screen.lines().find(|line| line.trim_start_matches(['"', '│', ' ']).starts_with(start));
    found.unwrap_or_else(|| panic!("no line starts with {start:?} in\n{screen}"))
}

#[test]
fn a_usual_terminal_has_room_for_everything() {
    let screen = drawn(&snapshot(), Screen::Live, 80, 24);
    let east = line(&screen, "us-east");
    assert!(east.contains("100%") && east.contains("2/2 up ") && east.contains("████████████ 40 "), "{screen}");
    let west = line(&screen, "us-west, edge here");
    assert!(west.contains("0%") && west.contains("2/2 up, drained") && !west.contains('█'), "{screen}");
    assert!(line(&screen, "us-central").contains("not in the table"), "{screen}");
    assert!(
        screen.contains("60 requests/s") && screen.contains("42 flops/s") && screen.contains("0 failed"),
        "{screen}"
    );
    assert!(screen.contains("revision 8c1f22ab is live for 75 s"), "{screen}");
    assert!(line(&screen, "New York").contains("7 "), "{screen}");
    assert!(screen.contains("http://127.0.0.1:8080/") && screen.contains("q quit"), "{screen}");
}

#[test]
fn a_broken_table_is_shown_with_its_message() {
    let mut snapshot = snapshot();
    snapshot.problem =
        Some("error: no region is called 'us-eest'\n  --> routing.yaml:26:13\n did you mean 'us-east'?".into());
    let screen = drawn(&snapshot, Screen::Live, 80, 24);
    assert!(screen.contains("The table was refused; the last good one serves: revision 8c1f22ab"), "{screen}");
    assert!(screen.contains("'us-eest'") && screen.contains("did you mean 'us-east'?"), "{screen}");
    assert!(!screen.contains("and more"));
    snapshot.problem = Some("a line\u{1b}[2J\n".repeat(500));
    let screen = drawn(&snapshot, Screen::Live, 80, 40);
    assert!(screen.contains("… and more: homeward check says all of it") && !screen.contains('\u{1b}'), "{screen}");
}

#[test]
fn the_guide_can_be_copied_from() {
    let screen = drawn(&snapshot(), Screen::Guide(0), 80, 24);
    assert!(screen.contains("\"     cd /tmp/homeward-demo-7 "), "{screen}");
    let below = drawn(&snapshot(), Screen::default().turned().scrolled(12).scrolled(-1), 80, 24);
    assert!(below.contains("\"     cp routing.first.yaml routing.yaml ") && below.contains("8. Ask why"), "{below}");
    assert!(!below.contains("the app"), "{below}");
    let end = Screen::Guide(0).scrolled(i16::MAX);
    assert_eq!((end, end.turned()), (Screen::Guide(Screen::MOST_SCROLLED), Screen::Live));
}

#[test]
fn no_size_of_terminal_is_too_small() {
    let mut snapshot = snapshot();
    for (width, height) in [(1, 1), (3, 50), (20, 5), (300, 2), (47, 9)] {
        drawn(&snapshot, Screen::Live, width, height);
        drawn(&snapshot, Screen::Guide(9), width, height);
        snapshot.problem = Some("x".repeat(1000));
    }
    drawn(&Snapshot::default(), Screen::Live, 80, 24);
}

#[test]
fn keys_ask() {
    let press = |code, modifiers| wish(KeyEvent::new(code, modifiers));
    assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Quit));
    assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
    assert_eq!(press(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::Quit));
    assert_eq!(press(KeyCode::Char('t'), KeyModifiers::NONE), Some(Wish::Turn));
    assert_eq!(press(KeyCode::Char('3'), KeyModifiers::NONE), Some(Wish::Power(2)));
    assert_eq!(press(KeyCode::Up, KeyModifiers::NONE), Some(Wish::Scroll(-1)));
    assert_eq!(press(KeyCode::Char('0'), KeyModifiers::NONE), None);
}

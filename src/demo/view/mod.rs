//! The live view in the terminal.

mod panels;

pub(super) use panels::age;

use super::guide::Guide;
use super::snapshot::Snapshot;
use crate::live::clock;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use std::io;
use std::time::Duration;

/// How often the view is drawn.
const EVERY: Duration = Duration::from_millis(250);

/// What is on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Screen {
    #[default]
    Live,
    /// The guide from this line on.
    Guide(u16),
}

impl Screen {
    /// Far more lines than the guide has on the narrowest terminal that is of use.
    const MOST_SCROLLED: u16 = 60;

    fn turned(self) -> Self {
        if self == Self::Live { Self::Guide(0) } else { Self::Live }
    }

    fn scrolled(self, lines: i16) -> Self {
        match self {
            Self::Live => Self::Live,
            Self::Guide(from) => Self::Guide(from.saturating_add_signed(lines).min(Self::MOST_SCROLLED)),
        }
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Quit,
    Turn,
    /// Go on by so many lines.
    Scroll(i16),
    /// Cut the power of the region of this index, or bring it back.
    Power(usize),
}

/// Shows snapshots until a key asks to quit or `stopped` says so. `look` is asked for a snapshot four times a second, and
/// `power` is told which region's power to cut or to bring back. The terminal is as it was before, whatever happens.
///
/// # Errors
/// What the terminal refuses.
pub(super) fn show(
    guide: &Guide,
    mut look: impl FnMut() -> Snapshot,
    mut power: impl FnMut(usize),
    stopped: impl Fn() -> bool,
) -> io::Result<()> {
    let _restored = Restored;
    let mut terminal = ratatui::try_init()?;
    let mut screen = Screen::default();
    while !stopped() {
        let snapshot = look();
        let drawn = clock::monotonic();
        terminal.draw(|frame| draw(frame, &snapshot, guide, screen))?;
        // Keys are taken until the next draw is due, so that no rain of keys makes it draw more often.
        loop {
            let left = EVERY.saturating_sub(drawn.elapsed());
            if left.is_zero() || !event::poll(left)? {
                break;
            }
            let Event::Key(key) = event::read()? else { continue };
            match wish(key) {
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Turn) => screen = screen.turned(),
                Some(Wish::Scroll(lines)) => screen = screen.scrolled(lines),
                Some(Wish::Power(region)) => power(region),
                None => {}
            }
        }
    }
    Ok(())
}

/// Gives the terminal back when it is dropped; a panic gives it back too, before its message is printed.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        // Where even this fails, there is no terminal left to say so on.
        _ = ratatui::try_restore();
    }
}

fn wish(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        // In raw mode Ctrl-C is a key like any other.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char('q') => Some(Wish::Quit),
        KeyCode::Char('t') => Some(Wish::Turn),
        KeyCode::Down | KeyCode::Char('j') => Some(Wish::Scroll(1)),
        KeyCode::Up | KeyCode::Char('k') => Some(Wish::Scroll(-1)),
        KeyCode::Char(digit @ '1'..='9') => Some(Wish::Power(digit as usize - '1' as usize)),
        _ => None,
    }
}

fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, guide: &Guide, screen: Screen) {
    if let Screen::Guide(scrolled) = screen {
        let [text, keys] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
        panels::whole_guide(frame, text, guide, scrolled);
        return panels::keys(frame, keys, "t back to the live view   up, down scroll   q quit");
    }
    let regions = u16::try_from(snapshot.regions.len()).unwrap_or(u16::MAX).saturating_add(3);
    let [top, table, below, keys] = Layout::vertical([
        Constraint::Length(regions),
        Constraint::Length(panels::table_height(snapshot, frame.area().width)),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    panels::regions(frame, top, snapshot);
    panels::routing_table(frame, table, snapshot);
    let [left, right] = Layout::horizontal([Constraint::Length(52), Constraint::Min(0)]).areas(below);
    panels::places(frame, left, snapshot);
    panels::short_guide(frame, right, guide);
    panels::keys(frame, keys, "t what to try, to copy from   1 2 3 cut a region's power   q quit");
}

#[cfg(test)]
mod tests;

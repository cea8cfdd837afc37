//! A table on trial: the one before it is held until it is known that errors have not risen.

use super::clock;
use super::outcomes::Outcomes;
use super::table::LiveTable;
use arc_swap::ArcSwapOption;
use std::sync::Arc;

/// What belongs to a table while it is watched. Only the one table before it is held, whatever came before that.
pub struct Trial {
    before: ArcSwapOption<LiveTable>,
    began: u64,
    outcomes: Outcomes,
}

impl Trial {
    /// Of a table that goes live now, after `before`.
    #[must_use]
    pub fn new(before: Arc<LiveTable>) -> Arc<Self> {
        let before = ArcSwapOption::from(Some(before));
        Arc::new(Self { before, began: clock::second(), outcomes: Outcomes::default() })
    }

    /// The second of [`clock::second`] in which it began.
    #[must_use]
    pub fn began(&self) -> u64 {
        self.began
    }

    /// The table before; `None` once the trial is over.
    #[must_use]
    pub fn before(&self) -> Option<Arc<LiveTable>> {
        self.before.load_full()
    }

    /// How requests ended that the new table decided on.
    #[must_use]
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Ends the trial, and lets go of the table before.
    pub fn end(&self) {
        self.before.store(None);
    }
}

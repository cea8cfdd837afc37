//! One line of the journal.

use crate::model::{Revision, Timestamp};

/// The longest note that is kept, in bytes.
const LONGEST_NOTE: usize = 1000;

/// The longest name of somebody, in bytes.
const LONGEST_NAME: usize = 128;

/// What brought a table, or what else was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryOrigin {
    /// A table: the file's, when the edge started.
    Start,
    /// A table: the file was saved.
    File,
    /// A table: the file was read because SIGHUP asked.
    Sighup,
    /// A table: an operator went back to it.
    Rollback,
    /// A table: an operator edited the file with `homeward edit`.
    Edit,
    /// A table: the guard put it back, because errors rose under the one after it.
    Guard,
    /// A table: the last good one, because the file was refused when the edge started.
    LastGood,
    /// A region was drained by an operator.
    Drain,
    /// A drain was ended by an operator.
    Undrain,
    /// A drain ended by itself.
    LeaseEnded,
    /// A drain did not end, as its region has no healthy server.
    LeaseHeld,
    /// A drill ended.
    Drill,
    /// Something that a newer version has written.
    #[serde(other)]
    Other,
}

impl EntryOrigin {
    /// The word in files and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Sighup => "sighup",
            Self::Rollback => "rollback",
            Self::Edit => "edit",
            Self::Guard => "guard",
            Self::LastGood => "last_good",
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::LeaseEnded => "lease_ended",
            Self::LeaseHeld => "lease_held",
            Self::Drill => "drill",
            Self::Other => "other",
        }
    }

    /// Whether it is a table that went live.
    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(
            self,
            Self::Start | Self::File | Self::Sighup | Self::Rollback | Self::Edit | Self::Guard | Self::LastGood
        )
    }
}

/// One line of the journal: what happened when, and who wanted it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub origin: EntryOrigin,
    /// The table that was live from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The table that was live until then, where that was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Revision>,
    /// Who wanted it, as far as that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, or what there is to say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Entry {
    /// Something that happened then, of which nothing more is known.
    #[must_use]
    pub fn new(time: Timestamp, origin: EntryOrigin) -> Self {
        Self { time, origin, revision: None, previous: None, by: None, note: None }
    }

    /// The same, of this table.
    #[must_use]
    pub fn of(self, revision: Revision) -> Self {
        Self { revision: Some(revision), ..self }
    }

    /// The same, wanted by somebody.
    #[must_use]
    pub fn by(self, by: Option<impl Into<String>>) -> Self {
        Self { by: by.map(Into::into), ..self }
    }

    /// The same, with what there is to say of it.
    #[must_use]
    pub fn note(self, note: Option<impl Into<String>>) -> Self {
        Self { note: note.map(Into::into), ..self }
    }

    /// The table that it says was live from then on.
    #[must_use]
    pub fn table(&self) -> Option<Revision> {
        self.revision.filter(|_| self.origin.is_table())
    }

    /// The same, where texts of people have a length that a journal can bear.
    pub(super) fn bounded(self) -> Self {
        let cut = |text: String, longest| text[..text.floor_char_boundary(longest)].to_owned();
        Self {
            by: self.by.map(|by| cut(by, LONGEST_NAME)),
            note: self.note.map(|note| cut(note, LONGEST_NOTE)),
            ..self
        }
    }
}

//! How a verb ends, and what it says where it fails.

use super::output;
use std::process::ExitCode;

/// How a verb ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// All is well: 0.
    Well,
    /// What it looked at is not well, and it has said so: 1.
    NotWell,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Well => Self::SUCCESS,
            Ending::NotWell => Self::from(1),
        }
    }
}

/// Why a verb could not do what it was asked. The text says where, why and what to do.
#[derive(Debug)]
pub(super) enum Failure {
    /// One sentence: 1.
    Said(String),
    /// No edge answers; where it was looked for: 1.
    NoEdge(String),
    /// Several lines that are laid out already: 1.
    Shown(String),
    /// Several lines that are laid out already, of a verb for which 1 says something else: 2.
    Unreadable(String),
    /// The command line asks for something that makes no sense: 2.
    Usage(String),
    /// Whoever read the results wants no more of them: no failure at all.
    NobodyReads,
}

impl Failure {
    /// What it says.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Said(text) | Self::NoEdge(text) | Self::Shown(text) | Self::Unreadable(text) | Self::Usage(text) => {
                text
            }
            Self::NobodyReads => String::new(),
        }
    }

    /// Prints it to the standard error, and gives back the exit code.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Said(text) | Self::NoEdge(text) => {
                output::message(&format!("homeward: {text}\n"));
                ExitCode::from(1)
            }
            Self::Shown(text) => {
                output::message(&text);
                ExitCode::from(1)
            }
            Self::Unreadable(text) => {
                output::message(&text);
                ExitCode::from(2)
            }
            Self::Usage(text) => {
                output::message(&format!("homeward: {text}\n"));
                ExitCode::from(2)
            }
            Self::NobodyReads => ExitCode::SUCCESS,
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Said(error.to_string())
    }
}

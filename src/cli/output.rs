//! The standard output and the standard error of the verbs.

use super::ending::Failure;
use std::io::{self, IsTerminal, Write};

/// Prints a result.
///
/// # Errors
/// [`Failure::NobodyReads`] where the reader is gone, e.g. behind `| head`; otherwise why it could not be written.
pub(super) fn result(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Prints a result as it is.
///
/// # Errors
/// As [`result`].
pub(super) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Failure::Said(format!("the result cannot be written to the standard output: {error}")),
    })
}

/// Prints a result as JSON for programs, indented so that people can read it too.
///
/// # Errors
/// As [`result`].
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    result(&text)
}

/// Prints a message to the standard error. Where nobody reads it, there is nobody to tell.
pub(super) fn message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether results may be coloured: on a terminal, and where nobody has set `NO_COLOR` (<https://no-color.org>).
pub(super) fn results_are_coloured() -> bool {
    io::stdout().is_terminal() && colour_is_wanted()
}

/// Whether messages may be coloured.
pub(super) fn messages_are_coloured() -> bool {
    io::stderr().is_terminal() && colour_is_wanted()
}

fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

//! What the process itself says, on stderr.

use crate::config::{LogFormat, LogLevel};
use std::ffi::OsStr;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Why the process log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ProcessLogError {
    /// Something else in this process has set one up.
    #[error("the process log is set up already: {0}")]
    AlreadySet(#[from] tracing_subscriber::util::TryInitError),
}

/// The level of the log's own crate.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

/// Sends what the process says from `level` up to `file`, or to stderr where there is none; also what crates say through
/// `log`, as the proxy engine does.
///
/// Text is coloured only on a terminal, and only where `NO_COLOR` is not set. Bytes of a client get into it only as
/// [`super::Printable`].
///
/// # Errors
/// Where this process has a log already.
pub fn init(format: LogFormat, level: LogLevel, file: Option<File>) -> Result<(), ProcessLogError> {
    let is_terminal = file.is_none() && std::io::stderr().is_terminal();
    let writer = match file {
        Some(file) => BoxMakeWriter::new(Mutex::new(file)),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(is_coloured(is_terminal, std::env::var_os("NO_COLOR").as_deref())).boxed(),
        LogFormat::Json => layer.with_ansi(false).json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(targets(level))).try_init()?;
    Ok(())
}

/// Crates that say in their details what passes on the wire: heads of requests with cookies and tokens, and bodies.
const WIRE: [&str; 2] = ["pingora", "hyper"];

/// What is let through. Crates that log a line for each connection or request are held to warnings, as long as nobody
/// asks for details; those of [`WIRE`] are held to them whoever asks, as nobody's cookie belongs into a log.
fn targets(level: LogLevel) -> Targets {
    let quiet = filter(level.min(LogLevel::Warn));
    let details = if level >= LogLevel::Debug { filter(level) } else { quiet };
    Targets::new()
        .with_default(filter(level))
        .with_targets(["rustls", "hickory", "notify"].map(|target| (target, details)))
        .with_targets(WIRE.map(|target| (target, quiet)))
        // Whoever floods an edge would write its log; the metrics have it.
        .with_target("h2", LevelFilter::OFF)
        // An idle connection that its server has just closed is an error to it, and a new connection to everybody else.
        .with_target("pingora_core::connectors", LevelFilter::OFF)
        // A client that leaves in the midst of a head is an error to it: a line that anybody could have written at will.
        .with_target("pingora_proxy", LevelFilter::OFF)
}

/// <https://no-color.org>: set to anything but nothing.
fn is_coloured(is_terminal: bool, no_color: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn the_engine_is_quiet_unless_details_are_asked_for() {
        let usual = targets(LogLevel::Info);
        assert!(usual.would_enable("homeward::proxy", &Level::INFO));
        assert!(!usual.would_enable("homeward::proxy", &Level::DEBUG));
        assert!(!usual.would_enable("pingora_core::server", &Level::INFO));
        assert!(usual.would_enable("pingora_core::server", &Level::WARN));
        assert!(!usual.would_enable("pingora_proxy", &Level::ERROR), "clients could fill the log");
        assert!(!usual.would_enable("h2::proto::streams::recv", &Level::WARN));
        assert!(targets(LogLevel::Debug).would_enable("homeward::proxy", &Level::DEBUG));
        assert!(targets(LogLevel::Debug).would_enable("hickory_resolver", &Level::DEBUG));
        assert!(!usual.would_enable("hickory_resolver", &Level::INFO));
        for wire in ["pingora_proxy::proxy_h1", "pingora_core::protocols", "hyper::proto", "h2::codec"] {
            assert!(!targets(LogLevel::Debug).would_enable(wire, &Level::INFO), "{wire}");
        }
        assert!(!targets(LogLevel::Error).would_enable("pingora_core::server", &Level::WARN));
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(is_coloured(true, None));
        assert!(is_coloured(true, Some(OsStr::new(""))));
        assert!(!is_coloured(true, Some(OsStr::new("1"))));
        assert!(!is_coloured(false, None));
    }
}

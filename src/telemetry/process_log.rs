//! What the process itself says, on stderr.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How the process log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProcessLogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What the process log leaves out: everything below this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ProcessLogLevel {
    /// What failed.
    Error,
    /// What may soon fail.
    Warn,
    /// What changed.
    #[default]
    Info,
    /// What led to it, and what the proxy engine says.
    Debug,
    /// Every step.
    Trace,
}

/// Why the process log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ProcessLogError {
    /// Something else in this process has set one up.
    #[error("the process log is set up already: {0}")]
    AlreadySet(#[from] tracing_subscriber::util::TryInitError),
}

/// Why a text is no format or no level. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadWord(&'static str);

impl FromStr for ProcessLogFormat {
    type Err = BadWord;
    fn from_str(text: &str) -> Result<Self, BadWord> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(BadWord("the format of the process log is text or json")),
        }
    }
}

impl FromStr for ProcessLogLevel {
    type Err = BadWord;
    fn from_str(text: &str) -> Result<Self, BadWord> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(BadWord("the level of the process log is error, warn, info, debug or trace")),
        }
    }
}

impl From<ProcessLogLevel> for LevelFilter {
    fn from(level: ProcessLogLevel) -> Self {
        match level {
            ProcessLogLevel::Error => Self::ERROR,
            ProcessLogLevel::Warn => Self::WARN,
            ProcessLogLevel::Info => Self::INFO,
            ProcessLogLevel::Debug => Self::DEBUG,
            ProcessLogLevel::Trace => Self::TRACE,
        }
    }
}

/// Sends what the process says to stderr, from `level` up; also what crates say through `log`, as the proxy engine does.
///
/// Text is coloured only on a terminal, and only where `NO_COLOR` is not set. Bytes of a client get into it only as
/// [`super::Printable`].
///
/// # Errors
/// Where this process has a log already.
pub fn init(format: ProcessLogFormat, level: ProcessLogLevel) -> Result<(), ProcessLogError> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        ProcessLogFormat::Text => layer
            .with_ansi(is_coloured(std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR").as_deref()))
            .boxed(),
        ProcessLogFormat::Json => layer.with_ansi(false).json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(targets(level))).try_init()?;
    Ok(())
}

/// What is let through. Crates that log a line for each connection or request are held to warnings, as long as nobody
/// asks for details.
fn targets(level: ProcessLogLevel) -> Targets {
    let targets = Targets::new().with_default(level);
    if level >= ProcessLogLevel::Debug {
        return targets;
    }
    let quiet = level.min(ProcessLogLevel::Warn);
    targets.with_targets(["pingora", "hyper", "h2", "rustls", "hickory", "notify"].map(|target| (target, quiet)))
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
        let usual = targets(ProcessLogLevel::Info);
        assert!(usual.would_enable("homeward::proxy", &Level::INFO));
        assert!(!usual.would_enable("homeward::proxy", &Level::DEBUG));
        assert!(!usual.would_enable("pingora_core::server", &Level::INFO));
        assert!(usual.would_enable("pingora_core::server", &Level::WARN));
        assert!(targets(ProcessLogLevel::Debug).would_enable("pingora_core::server", &Level::DEBUG));
        assert!(!targets(ProcessLogLevel::Error).would_enable("pingora_core::server", &Level::WARN));
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(is_coloured(true, None));
        assert!(is_coloured(true, Some(OsStr::new(""))));
        assert!(!is_coloured(true, Some(OsStr::new("1"))));
        assert!(!is_coloured(false, None));
    }

    #[test]
    fn words_are_read() {
        assert_eq!("warn".parse(), Ok(ProcessLogLevel::Warn));
        assert_eq!("json".parse(), Ok(ProcessLogFormat::Json));
        assert!("loud".parse::<ProcessLogLevel>().unwrap_err().to_string().contains("error, warn, info"));
    }
}

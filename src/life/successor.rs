//! The new process, as the running one starts it.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};

/// What says that a process is to take over.
const UPGRADE: &str = "--upgrade";

/// What is systemd's for one process alone: the sockets come over the hand-over, and the watchdog is the main process's,
/// whichever that is.
const NOT_INHERITED: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// How this process was started.
#[derive(Debug, Clone)]
pub struct Command {
    /// As it was named: what lies there now is what is started, be it a newer program or a link to one.
    program: OsString,
    /// Where the program lay, should the name lead nowhere.
    fallback: Option<PathBuf>,
    arguments: Vec<OsString>,
}

impl Command {
    /// That of this process; to be asked for early, before the program's file may be replaced.
    #[must_use]
    pub fn of_this_process() -> Self {
        let mut words = env::args_os();
        let fallback = env::current_exe().ok();
        let program = words.next().or_else(|| fallback.clone().map(Into::into)).unwrap_or_default();
        Self { program, fallback, arguments: words.collect() }
    }

    /// Starts the program again, with the same arguments, to take over.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn start(&self) -> io::Result<Child> {
        match self.start_as(self.program.clone()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fallback.clone().map_or(Err(error), |program| self.start_as(program.into()))
            }
            started => started,
        }
    }

    fn start_as(&self, program: OsString) -> io::Result<Child> {
        let mut process = Process::new(program);
        process.args(&self.arguments).stdin(Stdio::null());
        if !self.arguments.iter().any(|argument| argument == UPGRADE) {
            process.arg(UPGRADE);
        }
        for name in NOT_INHERITED {
            process.env_remove(name);
        }
        process.spawn()
    }

    /// How it looks, for the log.
    #[must_use]
    pub fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

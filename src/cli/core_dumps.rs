//! Keeps what is in the memory, keys and visitors' data, from being written to a disk when the process crashes.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior, setrlimit,
};
use std::io;

/// Forbids core dumps, and lets no other process of the same user look into this one's memory (`ptrace`, `/proc/PID/mem`,
/// `/proc/PID/environ`).
///
/// Both are needed: where the kernel hands dumps to a program, as systemd-coredump and apport are, the limit counts for nothing.
/// The hard limit stays, so that a later [`allow`] can have dumps. What is started from here may be looked into again.
pub(super) fn forbid() {
    // A system that forbids the calls (seccomp) forbids no verb: there is nothing to be done about it.
    let forbidden = forbid_all();
    if let Err(error) = forbidden {
        super::output::message(&format!(
            "homeward: a crash may leave a core dump, as it cannot be forbidden: {error}\n"
        ));
    }
}

fn forbid_all() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let limit = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit })?;
    Ok(())
}

/// Allows core dumps, as large as the hard limit says, and to look into this process.
pub(super) fn allow() {
    let allowed = (|| -> io::Result<()> {
        let limit = getrlimit(Resource::Core);
        setrlimit(Resource::Core, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        Ok(())
    })();
    match allowed {
        Ok(()) => tracing::warn!(
            "core_dumps: true: a crash may write keys and what visitors sent to a disk; take it away when you have what you need"
        ),
        Err(error) => tracing::warn!("core dumps cannot be allowed: {error}"),
    }
    tracing::debug!("whether this process may be dumped: {:?}", dumpable_behavior());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_can_be_allowed_again() {
        forbid_all().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        allow();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!(limit.current, limit.maximum);
    }
}

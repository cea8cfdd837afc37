//! The memory of a process, as the kernel tells it.

/// MiB in a KiB.
const KIB: f64 = 1.0 / 1024.0;

/// The memory of one process.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    process: u32,
}

impl Memory {
    pub(crate) fn of(process: u32) -> Self {
        Self { process }
    }

    /// What it holds now, in MiB.
    pub(crate) fn resident(self) -> f64 {
        self.field("VmRSS:")
    }

    /// The most that it held since it started or [`Self::forget_peak`], in MiB.
    pub(crate) fn peak(self) -> f64 {
        self.field("VmHWM:")
    }

    /// Lets the peak begin anew from what it holds now.
    pub(crate) fn forget_peak(self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.process), "5").unwrap();
    }

    fn field(self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * KIB
    }
}

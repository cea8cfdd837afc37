//! What the kernel says of processes: their time on a core, their memory; and what machine this is.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// Files that a process may have open, where it is let.
const FILES: u64 = 65_536;

/// A process and all that it has started.
pub fn family(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in brackets may hold anything; the state and the parent stand behind it.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (id, parent)));
    }
    let mut family = vec![root];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        at += 1;
    }
    family
}

/// Nanoseconds on a core of all threads of these processes.
pub fn busy(processes: &[u32]) -> u64 {
    let mut busy = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let stat = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            busy += stat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    busy
}

/// Bytes of memory of these processes: resident, and with what several share counted once.
pub fn memory(processes: &[u32]) -> (u64, u64) {
    let mut sums = (0, 0);
    for process in processes {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let of = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        sums.0 += of("Rss:").unwrap_or(0) * 1024;
        sums.1 += of("Pss:").unwrap_or(0) * 1024;
    }
    sums
}

/// Processor and kernel in words.
pub fn words() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(": ")?.1));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    format!("{} cores of {}, Linux {kernel}", cores(), model.unwrap_or("an unknown processor"))
}

/// How many cores there are.
pub fn cores() -> usize {
    // Not those that this process may use: it may have left one to others.
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    processors.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// Mean number of processes that wanted to run in the last minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// Lets processes have as many files open as they may; how many that is.
pub fn raise_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: Some(FILES), maximum: Some(FILES) };
    if limit.current.is_none_or(|current| current >= FILES) || setrlimit(Resource::Nofile, all).is_ok() {
        return FILES;
    }
    let most = limit.maximum.unwrap_or(FILES);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit });
    most
}

//! How much memory something took.

use std::fs;

/// How much memory the process takes beyond what it took before, at most while `work` lasts, in bytes; where Linux tells.
pub(crate) fn grown<T>(work: impl FnOnce() -> T) -> (Option<u64>, T) {
    let before = resident("VmRSS:");
    // Lets the peak begin anew (proc(5)).
    let reset = fs::write("/proc/self/clear_refs", "5").is_ok();
    let result = work();
    let peak = resident("VmHWM:").filter(|_| reset);
    (peak.zip(before).map(|(peak, before)| peak.saturating_sub(before)), result)
}

fn resident(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

//! What the kernel says of this process.

use std::fs;

/// Microseconds in a tick, as all Linux systems of today count them (sysconf(3), `_SC_CLK_TCK`).
const TICK: f64 = 10_000.0;

/// Processor time so far, µs: fields 14 and 15 of `proc_pid_stat(5)`.
pub(crate) fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("the kernel tells of its processes");
    let fields = text.rsplit_once(')').expect("a name ends").1.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<f64>().expect("it is a number") * TICK).sum()
}

/// Memory in use, KiB: the field `VmRSS` of `proc_pid_status(5)`.
pub(crate) fn memory() -> f64 {
    let text = fs::read_to_string("/proc/self/status").expect("the kernel tells of its processes");
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).expect("a process has memory");
    line.split_whitespace().nth(1).and_then(|field| field.parse().ok()).expect("it is a number")
}

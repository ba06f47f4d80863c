//! How much memory there is for a run.

use std::{fs, path::Path};

use clap::Args;
use peerlab_report::cli::Stop;
use peerlab_scenarios::units::Bytes;
use peerlab_simulator::cost::Cost;

/// How much memory a command may take.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Memory {
    /// How much memory may be needed by estimate, such as `8Gi`. Default: what the system has left.
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
}

impl Memory {
    /// Whether what is to be done with this file fits; returns how much memory there is, if that is known.
    pub(super) fn check(self, file: &Path, cost: &Cost) -> Result<Option<Bytes>, Stop> {
        let limit = self.memory.or_else(available);
        let refused = |error| Stop::Input(format!("error: {}: {error}\n", file.display()));
        limit.map(|limit| cost.fits(limit).map(|()| limit).map_err(refused)).transpose()
    }
}

/// What the system would give without swapping, or what the process's control group leaves of its limit when that is less.
/// Nothing where the system does not say so: anywhere but on Linux.
fn available() -> Option<Bytes> {
    let system = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_available(&text))?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    // Within a container, the group's folder is mounted at the root.
    let folders = own_group(&groups).into_iter().chain([""]);
    let left = folders.filter_map(|group| left_of_group(&Path::new("/sys/fs/cgroup").join(group)));
    Some(left.fold(system, Bytes::min))
}

/// `MemAvailable` of `/proc/meminfo`, which is in KiB.
fn mem_available(text: &str) -> Option<Bytes> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Bytes(kibibytes * 1024))
}

/// The path of the process's group in version 2 of control groups, below their root.
fn own_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::/"))
}

/// Limit less use of a group, if it has a limit.
fn left_of_group(folder: &Path) -> Option<Bytes> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let (limit, used) = (read("memory.max")?, read("memory.current")?);
    Some(Bytes(limit.saturating_sub(used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let meminfo = "MemTotal:       24000000 kB\nMemAvailable:   23000000 kB\nSwapTotal: 0 kB\n";
        assert_eq!(mem_available(meminfo), Some(Bytes(23_000_000 * 1024)));
        assert_eq!(mem_available("MemTotal: 1 kB\n"), None);
        assert_eq!(own_group("12:cpu:/x\n0::/user.slice/run\n"), Some("user.slice/run"));
        assert_eq!(own_group("12:cpu:/x\n"), None);
    }

    #[test]
    fn a_group_leaves_its_limit_less_its_use() {
        let folder = tempfile();
        assert_eq!(left_of_group(&folder), None);
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("it can be written");
        write("memory.current", "300\n");
        write("memory.max", "max\n");
        assert_eq!(left_of_group(&folder), None, "there is no limit");
        write("memory.max", "1000\n");
        assert_eq!(left_of_group(&folder), Some(Bytes(700)));
        fs::remove_dir_all(&folder).expect("it can be removed");
    }

    fn tempfile() -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("peerlab-memory-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("it can be made");
        folder
    }
}

//! What the system says of this process. What it does not say is left out.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::exposition::Exposition;
use super::family;

/// Ticks in a second of processor time, as Linux tells it to programs (`USER_HZ`), whatever the kernel counts in.
const TICKS: f64 = 100.0;

/// Writes memory, files and processor time.
pub(super) fn write(exposition: &mut Exposition) {
    if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| ticks(&text)) {
        #[expect(clippy::cast_precision_loss, reason = "exact for millions of years of processor time")]
        exposition.number(&family::PROCESS_CPU, ticks as f64 / TICKS);
    }
    // The directory that is read is open as well.
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        exposition.number(&family::PROCESS_FILES, (files.count() as u64).saturating_sub(1));
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        exposition.number(&family::PROCESS_FILES_MAX, most);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (name, family) in [("VmRSS:", &family::PROCESS_RESIDENT), ("VmSize:", &family::PROCESS_VIRTUAL)] {
        if let Some(kilobytes) = kilobytes(&status, name) {
            exposition.number(family, kilobytes * 1024);
        }
    }
}

/// Returns processor time in ticks: the fields 14 and 15. The second field is the name of the program, which may have anything in it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut times = behind_name.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
    times.next()?.ok()?.checked_add(times.next()?.ok()?)
}

/// Returns the number of a line `name   number kB`.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_what_linux_writes() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 31 0 0 20 0 5 0 99 1000 22";
        assert_eq!(super::ticks(stat), Some(281));
        assert_eq!(super::kilobytes("VmSize:\t  5000 kB\nVmRSS:\t     712 kB\n", "VmRSS:"), Some(712));
    }
}

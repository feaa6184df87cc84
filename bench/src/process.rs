//! What a process that still runs has used, as the kernel tells it.

use std::fs;

use anyhow::{Context, Result};

/// The unit in which the kernel tells the time of processes to everybody: hundredths of a second, in microseconds.
const TICK: u64 = 10_000;

/// Fields of `/proc/PID/stat` between the name of the program and the time in user mode.
const FIELDS_BEFORE_TIMES: usize = 11;

/// What a process has used since its start.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// In user and in kernel mode, in microseconds.
    pub cpu: u64,
    /// Memory now, in bytes.
    pub resident: u64,
    /// Most memory at any time, in bytes.
    pub peak: u64,
}

/// A process that runs.
#[derive(Clone, Copy, Debug)]
pub struct Process(u32);

impl Process {
    /// Returns the process of this number.
    pub const fn of(number: u32) -> Self {
        Self(number)
    }

    /// Returns what it has used.
    ///
    /// # Errors
    /// When it has ended.
    pub fn used(self) -> Result<Used> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.0);
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let (stat, status) = (read("stat")?, read("status")?);
        Ok(Used {
            cpu: cpu(&stat).context("/proc/PID/stat is not as expected")?,
            resident: memory(&status, "VmRSS:").context("no VmRSS")?,
            peak: memory(&status, "VmHWM:").context("no VmHWM")?,
        })
    }
}

/// The name of the program stands in brackets and may hold anything, so the fields are counted from its end.
fn cpu(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(FIELDS_BEFORE_TIMES).map(str::parse::<u64>);
    Some((times.next()?.ok()? + times.next()?.ok()?) * TICK)
}

fn memory(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "17 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 25 17 0 0 20 0 4 0 1 2 3";
        assert_eq!(cpu(stat), Some(420_000));
    }

    #[test]
    fn this_process_uses_memory() {
        let used = Process::of(std::process::id()).used().unwrap();
        assert!(used.resident > 0 && used.peak >= used.resident / 2);
    }

    #[test]
    fn memory_is_told_in_units_of_1024_bytes() {
        let status = "VmPeak:\t  9 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 12 kB\n";
        assert_eq!((memory(status, "VmHWM:"), memory(status, "VmRSS:")), (Some(1_263_616), Some(12_288)));
    }
}

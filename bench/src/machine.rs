//! What the figures were measured on, and how busy it was.

use std::fs;

use serde::Serialize;

/// The machine, as far as it explains figures.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processors: usize,
    pub processor: String,
    pub kernel: String,
    pub file_system: String,
    /// By what the kernel decides how fast to send. One that paces (`bbr`) costs servers a timer for every packet, on loopback too.
    pub congestion_control: String,
}

impl Machine {
    /// Looks at the machine; `work` is where the files of the run lie.
    pub fn look(work: &std::path::Path) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let congestion_control = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            kernel: kernel.trim().to_owned(),
            file_system: file_system(work),
            congestion_control: congestion_control.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned()),
        }
    }

    /// Returns it as a line of text.
    pub fn heading(&self) -> String {
        let Self { processors, processor, kernel, file_system, congestion_control } = self;
        format!("{processors} x {processor}, Linux {kernel} ({congestion_control}), files on {file_system}")
    }
}

/// Returns the type of the file system a directory lies on: that of the longest mount point above it.
fn file_system(directory: &std::path::Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let above = fields.filter(|fields| fields.len() > 2 && directory.starts_with(fields[1]));
    above.max_by_key(|fields| fields[1].len()).map_or_else(|| "unknown".to_owned(), |fields| fields[2].to_owned())
}

/// Returns the load average of the last minute: how many processes wanted a processor.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

//! A run of a program, and what others on the machine can see of it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(8);

/// A run of a program.
pub(super) struct Watched {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// The arguments of the program and of those that it ran.
    pub(super) arguments: Vec<u8>,
}

/// Runs a program with something on its standard input. What it says lies in `directory` for a while.
pub(super) fn watch(mut command: Command, input: &str, directory: &Path) -> Watched {
    let path = |name: &str| directory.join(format!("watched-{name}"));
    fs::write(path("in"), input).unwrap();
    let [stdout, stderr] = ["out", "err"].map(|name| File::create(path(name)).unwrap());
    command.stdin(File::open(path("in")).unwrap()).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    let mut child = command.spawn().unwrap();
    let mut arguments = Vec::new();
    let code = loop {
        look(child.id(), &mut arguments);
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(PERIOD);
    };
    let read = |name: &str| {
        let bytes = fs::read(path(name)).unwrap();
        fs::remove_file(path(name)).unwrap();
        bytes
    };
    let _ = read("in");
    Watched { code, stdout: read("out"), stderr: read("err"), arguments }
}

/// Adds the arguments of a process and of all below it. One that has ended has none.
fn look(process: u32, arguments: &mut Vec<u8>) {
    let directory = format!("/proc/{process}");
    if let Ok(mut file) = File::open(format!("{directory}/cmdline")) {
        let before = arguments.len();
        let _ = file.read_to_end(arguments);
        let added = arguments.split_off(before);
        // Most is seen many times.
        if !arguments.windows(added.len().max(1)).any(|seen| seen == added) {
            arguments.extend(added);
        }
    }
    for thread in fs::read_dir(format!("{directory}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            look(child, arguments);
        }
    }
}

//! Running other programs. None of them is given a stdin: nothing here may wait for an answer.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Runs a command that writes straight to our terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let program = name(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program}: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to stdout; what it wrote to stderr is shown only when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let program = name(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("{program}: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{program}: output is not UTF-8"))
}

/// Runs a command that downloads, and once more when it fails: one dropped connection should not fail a whole run.
pub fn output_with_second_try(command: &mut Command) -> Result<String> {
    output(command).or_else(|first| {
        eprintln!("{first:#}; trying once more");
        thread::sleep(Duration::from_secs(5));
        output(command)
    })
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

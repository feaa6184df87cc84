//! The command that tests, run as a child process without a shell.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::run::Watch;
use crate::error::OpsError;

/// Most bytes of a line of output; a longer one is shown in parts.
const LINE_MAX_BYTES: usize = 8192;
/// How long output is waited for after the command has ended: what it left running in the background may hold it open for ever.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// What a test is told about its candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Material {
    /// A reference with a digest.
    pub(super) image: Option<String>,
    /// The digest.
    pub(super) digest: Option<String>,
    /// The path of the lock as it would be with the candidate.
    pub(super) lock: Option<PathBuf>,
    /// The path of an OCI layout that holds the candidate.
    pub(super) layout: Option<PathBuf>,
}

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Material {
    /// Returns what there is, with its placeholder and the variable that holds it.
    fn values(&self) -> [(&'static str, &'static str, Option<String>); 4] {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        [
            ("{image}", "SUPERCARGO_IMAGE", self.image.clone()),
            ("{digest}", "SUPERCARGO_DIGEST", self.digest.clone()),
            ("{lock}", "SUPERCARGO_LOCK", path(&self.lock)),
            ("{layout}", "SUPERCARGO_LAYOUT", path(&self.layout)),
        ]
    }

    /// Returns the words of a command with what the placeholders stand for.
    fn fill(&self, words: &[String]) -> Result<Vec<String>, OpsError> {
        let values = self.values();
        let fill = |word: &String| {
            let mut filled = word.clone();
            for (placeholder, _, value) in &values {
                match value {
                    Some(value) => filled = filled.replace(placeholder, value),
                    None if word.contains(placeholder) => {
                        return Err(OpsError::usage(
                            format!("there is nothing for `{placeholder}` in the command: this search has none"),
                            None,
                        ));
                    }
                    None => {}
                }
            }
            Ok(filled)
        };
        words.iter().map(fill).collect()
    }
}

/// The process group of a command that runs: it and what it has started, as far as that stays in the group.
///
/// A process that is killed cannot end its groups. That the kernel does it (`PR_SET_PDEATHSIG`) would have to be asked between fork and
/// exec, which no safe function does.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Lets what the command has left running be. After its end the number may soon be another's.
    fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs a command to its end. When this future is dropped the command is ended, with all that it has started.
///
/// # Errors
/// [`OpsError::File`] when it cannot be started, [`OpsError::Usage`] when it asks for what is not there.
pub(super) async fn call(
    words: &[String],
    material: &Material,
    label: &str,
    watch: &dyn Watch,
) -> Result<Ended, OpsError> {
    let filled = material.fill(words)?;
    let Some((program, arguments)) = filled.split_first() else {
        return Err(no_command());
    };
    let failed = |source| OpsError::File { action: "cannot run", path: program.into(), source };
    let output = || if watch.listens() { Stdio::piped() } else { Stdio::null() };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(output()).stderr(output());
    command.kill_on_drop(true).process_group(0);
    for (_, variable, value) in material.values() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let mut child = command.spawn().map_err(failed)?;
    let mut group = Group::of(&child);
    let (output, error) = (child.stdout.take(), child.stderr.take());
    let reading = futures_util::future::join(pass_on(output, label, watch), pass_on(error, label, watch));
    let mut reading = std::pin::pin!(reading);
    let status = tokio::select! {
        status = child.wait() => {
            group.release();
            // Nothing depends on what comes later.
            let _ = tokio::time::timeout(OUTPUT_WAIT, reading).await;
            status
        }
        _ = &mut reading => child.wait().await,
    };
    group.release();
    let status = status.map_err(failed)?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    })
}

/// Returns the error of a search that lacks what tests.
pub(super) fn no_command() -> OpsError {
    OpsError::usage("there is no command that tests", "supercargo bisect run -- COMMAND".to_owned())
}

/// Passes output on, line by line. What cannot be read ends it.
async fn pass_on(output: Option<impl AsyncRead + Unpin>, label: &str, watch: &dyn Watch) {
    let Some(mut output) = output else { return };
    let say = |line: &[u8]| watch.said(label, &String::from_utf8_lossy(line));
    let (mut chunk, mut line) = (vec![0; LINE_MAX_BYTES], Vec::new());
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        for part in chunk[..length].split_inclusive(|&byte| byte == b'\n') {
            line.extend_from_slice(part);
            match line.strip_suffix(b"\n") {
                Some(whole) => say(whole),
                None if line.len() >= LINE_MAX_BYTES => say(&line),
                None => continue,
            }
            line.clear();
        }
    }
    if !line.is_empty() {
        say(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in_and_nothing_is_invented() {
        let material = Material { image: Some("h.example/a@sha256:1".to_owned()), ..Material::default() };
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let filled = material.fill(&words(&["run", "--image={image}", "{other}", "a b"])).unwrap();
        assert_eq!(filled, ["run", "--image=h.example/a@sha256:1", "{other}", "a b"]);
        assert!(material.fill(&words(&["cat", "{lock}"])).is_err());
    }

    struct Nobody;

    impl Watch for Nobody {
        fn listens(&self) -> bool {
            false
        }
        fn said(&self, _: &str, _: &str) {}
        fn round(&self, _: usize, _: &[String]) {}
        fn judged(&self, _: &str, _: resolve::bisect::Verdict, _: &str) {}
    }

    #[tokio::test]
    async fn what_a_command_has_started_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let path = pipe.clone();
        // The pipe ends when nobody has it open any more.
        let reader = std::thread::spawn(move || {
            use std::io::Read as _;
            let (mut word, mut rest) = ([0; 5], String::new());
            let mut pipe = std::fs::File::open(path).unwrap();
            pipe.read_exact(&mut word).unwrap();
            begun.send(()).unwrap();
            pipe.read_to_string(&mut rest).unwrap();
            rest
        });
        let script = format!("(printf begun; sleep 3; printf survived) > {} & wait", pipe.display());
        let words = ["sh", "-c", &script].map(str::to_owned);
        let material = Material::default();
        tokio::select! {
            ended = call(&words, &material, "1", &Nobody) => panic!("{ended:?}"),
            begun = has_begun => begun.unwrap(),
        }
        assert_eq!(reader.join().unwrap(), "");
    }
}

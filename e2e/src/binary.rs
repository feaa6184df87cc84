//! The program, and what a run of it said.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a run may take. None comes near: one that does not end is a failure, and should be seen as one.
const RUN_TIMEOUT: Duration = Duration::from_mins(2);

/// The program in a home of its own, with nothing of the caller's environment.
#[derive(Debug)]
pub struct Program {
    home: TempDir,
    variables: Vec<(String, OsString)>,
}

/// What a run said.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command line.
    pub line: String,
    /// The exit code; `None` when a signal ended the run.
    pub code: Option<i32>,
    /// The result.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

/// A run under way. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Killer,
    outputs: Receiver<(Output, Vec<u8>)>,
}

/// Ends a run with SIGKILL, from anywhere.
#[derive(Clone, Debug)]
pub struct Killer(Arc<Mutex<Child>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Standard,
    Error,
}

impl Default for Program {
    fn default() -> Self {
        let home = tempfile::Builder::new().prefix("e2e-home-").tempdir().unwrap();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        // What this machine says of registries is not looked at where its user says something.
        let own = home.path().join(".config/containers");
        std::fs::create_dir_all(&own).unwrap();
        crate::sound::write(&own.join("registries.conf"), "");
        Self { home, variables: Vec::new() }
    }
}

impl Program {
    /// Returns the home directory, where the local content store is too.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets a variable for every run from now on.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Returns the directory of temporary files. Nothing stays there after a run.
    pub fn temporary(&self) -> PathBuf {
        self.home.path().join("tmp")
    }

    /// Returns a command that has not been started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(path());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("TMPDIR", self.temporary())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .env("XDG_RUNTIME_DIR", self.home.path().join("runtime"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts the program.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, outputs) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let pipes: [(Output, Box<dyn Read + Send>); 2] =
            [(Output::Standard, Box::new(stdout)), (Output::Error, Box::new(stderr))];
        for (output, mut pipe) in pipes {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut bytes = Vec::new();
                // A pipe that breaks ends what can be read of it; nobody may be listening any more.
                let _ = pipe.read_to_end(&mut bytes);
                let _ = sender.send((output, bytes));
            });
        }
        Running {
            line: format!("supercargo {}", arguments.join(" ")),
            child: Killer(Arc::new(Mutex::new(child))),
            outputs,
        }
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.start(arguments).outcome()
    }

    /// Runs the program and expects it to succeed.
    pub fn succeed(&self, arguments: &[&str]) -> Outcome {
        self.run(arguments).expect_code(0)
    }

    /// Runs the program and expects it to fail with this exit code and an error for people.
    pub fn fail(&self, code: i32, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments).expect_code(code);
        outcome.assert_explained();
        outcome
    }

    /// Runs the program with `--format json` and returns the document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        let outcome = self.succeed(&all);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}\n{outcome}"))
    }
}

impl Running {
    /// Returns what ends the run.
    pub fn killer(&self) -> Killer {
        self.child.clone()
    }

    /// Waits for the end of the run.
    ///
    /// # Panics
    /// When it does not come.
    pub fn outcome(self) -> Outcome {
        let deadline = Instant::now() + RUN_TIMEOUT;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        for _ in 0..2 {
            let Ok((output, bytes)) = self.outputs.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            else {
                panic!("{} did not end within {RUN_TIMEOUT:?}\n{stdout}{stderr}", self.line);
            };
            let text = String::from_utf8(bytes).unwrap();
            *(if output == Output::Standard { &mut stdout } else { &mut stderr }) = text;
        }
        let status = self.child.lock().wait().unwrap();
        Outcome { line: self.line.clone(), code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill();
        // Fails only when it has been waited for.
        let _ = self.child.lock().wait();
    }
}

impl Killer {
    /// Sends SIGKILL. A run that has ended is left alone.
    pub fn kill(&self) {
        let _ = self.lock().kill();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    /// Expects this exit code.
    #[expect(clippy::return_self_not_must_use, reason = "many want the check alone")]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Returns what the error says, from `error:` to the end.
    pub fn error(&self) -> &str {
        let start = self.stderr.rfind("\nerror: ").map(|at| at + 1);
        let start = start.or_else(|| self.stderr.starts_with("error: ").then_some(0));
        start.map_or_else(|| panic!("there is no error:\n{self}"), |start| &self.stderr[start..])
    }

    /// Expects an error for people: one that is said, that is no panic, and that cannot drive the terminal.
    pub fn assert_explained(&self) {
        assert!(self.error().len() > "error: ".len(), "{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self.assert_printable();
    }

    /// Expects that the error holds each of these texts.
    pub fn assert_says(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.error().contains(text), "the error does not say `{text}`\n{self}");
        }
    }

    /// Expects that nothing that was said can drive a terminal.
    pub fn assert_printable(&self) {
        let drives = |text: &str| text.chars().any(|character| character.is_control() && character != '\n');
        assert!(!drives(&self.stdout) && !drives(&self.stderr), "control characters in the output:\n{self:?}");
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ended with {:?}", self.line, self.code)?;
        write!(f, "--- stdout\n{}--- stderr\n{}---", self.stdout, self.stderr)
    }
}

/// Returns the path of the program. Cargo builds it beside this test when the whole workspace is tested; when only this
/// crate is, it is built here.
fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().find(|folder| folder.ends_with("deps")).and_then(Path::parent).unwrap();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "supercargo", "--bin", "supercargo"])
            .args((profile.file_name().unwrap() == "release").then_some("--release"))
            .status()
            .unwrap();
        assert!(status.success(), "supercargo could not be built");
        profile.join("supercargo")
    })
}

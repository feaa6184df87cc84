//! A PostgreSQL server that runs for the time of a test, in a temporary directory, on a socket of its own there.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::find;
use super::guard::{self, Guard};

/// As whom the server runs when the tests are root's, for whom it refuses to: nobody.
const NOBODY: u32 = 65534;

/// How long the server may take to begin or to end. It takes a second; the rest is for a machine under load.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Its user.
const NAME: &str = "registry";

/// What the server is told: it listens on a socket in its directory alone, and nothing of it has to survive.
const SETTINGS: [&str; 5] =
    ["listen_addresses=", "fsync=off", "max_connections=400", "shared_buffers=16MB", "logging_collector=off"];

/// A server. It ends when this is dropped, or the process ends.
#[derive(Debug)]
pub struct RunningPostgres {
    program: PathBuf,
    directory: PathBuf,
    user: Option<u32>,
    running: Mutex<Option<Guard>>,
}

impl RunningPostgres {
    /// Makes a database and starts its server, or returns `None` after saying once that it is missing.
    ///
    /// # Panics
    /// When it is missing and `CI=true`, or does not get ready.
    pub fn start() -> Option<Self> {
        // The other programs of the same version lie beside the one the link leads to.
        let program = fs::canonicalize(find("postgres")?).unwrap();
        let directory = tempfile::Builder::new().prefix("testkit-postgres-").tempdir().unwrap().keep();
        let is_root = directory.metadata().unwrap().uid() == 0;
        let user = is_root.then_some(NOBODY);
        chown(&directory, user, user).unwrap();
        let server = Self { program, directory, user, running: Mutex::new(None) };
        let mut initdb = server.command(&server.program.with_file_name("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username", NAME, "-D"]);
        let made = initdb.arg(server.directory.join("data")).output().unwrap();
        assert!(made.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&made.stderr));
        server.resume();
        Some(server)
    }

    /// Returns the URL of its database. What is made there is made in `schema`.
    pub fn url(&self, schema: &str) -> String {
        let socket = self.directory.to_string_lossy().replace('/', "%2F");
        format!("postgres://{NAME}@localhost/postgres?host={socket}&options[search_path]={schema}")
    }

    /// Runs statements as `psql` does and returns what it prints: values alone.
    ///
    /// # Panics
    /// When one fails.
    pub fn run(&self, statements: &str) -> String {
        let mut psql = self.command(&self.program.with_file_name("psql"));
        psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", NAME, "-d", "postgres", "-h"]);
        let ran = psql.arg(&self.directory).args(["-c", statements]).output().unwrap();
        assert!(ran.status.success(), "psql failed:\n{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }

    /// Stops the server. What is asked of it fails from now on.
    pub fn stop(&self) {
        if let Some(guard) = self.running().take() {
            guard.stop();
        }
    }

    /// Starts the server that was stopped.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn resume(&self) {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (program, data, socket) = (text(&self.program), text(&self.directory.join("data")), text(&self.directory));
        let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
        let server: Vec<&str> = [program.as_str(), "-D", &data, "-k", &socket].into_iter().chain(settings).collect();
        *self.running() = Some(Guard::start(&self.directory, self.user, &server));
        let deadline = Instant::now() + TIMEOUT;
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "postgres did not get ready:\n{}", guard::log(&self.directory));
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let mut ready = self.command(&self.program.with_file_name("pg_isready"));
        ready.args(["-q", "-h"]).arg(&self.directory).status().unwrap().success()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Its own variables would lead it elsewhere.
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").current_dir(&self.directory);
        command.stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn running(&self) -> MutexGuard<'_, Option<Guard>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunningPostgres {
    fn drop(&mut self) {
        self.stop();
        // A directory that stays is in nobody's way.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

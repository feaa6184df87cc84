//! An S3 service that runs for the time of a test, over a temporary directory.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{find, guard};

/// How long the service may take to begin. It takes 100 ms; the rest is for a machine under load.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An S3 service on a loopback address. It ends when this is dropped, or the process ends.
#[derive(Debug)]
pub struct RunningBuckets {
    address: SocketAddr,
    directory: PathBuf,
    guard: Mutex<Option<guard::Guard>>,
}

impl RunningBuckets {
    /// The name of the only key.
    pub const ACCESS_KEY: &str = "captain";
    /// Its secret.
    pub const SECRET_KEY: &str = "correct-horse";
    /// The region of every bucket.
    pub const REGION: &str = "us-east-1";

    /// Starts the service, or returns `None` after saying once that it is missing.
    ///
    /// # Panics
    /// When it is missing and `CI=true`, or does not get ready.
    pub fn start() -> Option<Self> {
        let program = find("versitygw")?;
        let directory = tempfile::Builder::new().prefix("testkit-buckets-").tempdir().unwrap().keep();
        for part in ["buckets", "sidecar"] {
            fs::create_dir(directory.join(part)).unwrap();
        }
        // It cannot choose a port itself; whoever takes this one meanwhile makes the start fail.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (port, text) = (address.to_string(), |path: PathBuf| path.to_string_lossy().into_owned());
        let (program, sidecar) = (text(program), text(directory.join("sidecar")));
        let root = text(directory.join("buckets"));
        let key = ["--access", Self::ACCESS_KEY, "--secret", Self::SECRET_KEY, "--region", Self::REGION];
        let service = [&program, "--port", &port, "--quiet"];
        let server = [&service[..], &key[..], &["posix", "--sidecar", &sidecar, &root]].concat();
        let guard = Mutex::new(Some(guard::Guard::start(&directory, None, &server)));
        let buckets = Self { address, directory, guard };
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "versitygw did not get ready:\n{}", guard::log(&buckets.directory));
            thread::sleep(Duration::from_millis(20));
        }
        Some(buckets)
    }

    /// Returns its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes an empty bucket.
    pub fn make(&self, name: &str) {
        fs::create_dir(self.directory.join("buckets").join(name)).unwrap();
    }

    /// Returns the names of the objects in a bucket, parts of uploads that were not completed among them.
    pub fn objects(&self, name: &str) -> Vec<String> {
        let root = self.directory.join("buckets").join(name);
        let mut found = Vec::new();
        let mut directories = vec![root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    directories.push(entry.path());
                } else {
                    found.push(entry.path().strip_prefix(&root).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for RunningBuckets {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take() {
            guard.stop();
        }
        // A directory that stays is in nobody's way.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

//! The real server under clients that push and delete at random, killed again and again.
//!
//! SIGKILL ends the process and not the machine: what the kernel was given stays. That it is given in the right order, so that a
//! loss of power takes nothing that was acknowledged either, is the matter of `durable`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oci::Digest;
use serde_json::Value;
use testkit::load::{Load, Outcome, Settings};
use testkit::seed::Seed;

use crate::desk::{Desk, document};

/// The lease, and with it how long a manifest stays that no tag points to.
const LEASE: Duration = Duration::from_secs(1);

/// How long the collector may take to remove all that nothing needs, which it does level by level.
const COLLECTED: Duration = Duration::from_mins(1);

/// A server that is killed and started again on the same port.
struct Killed {
    desk: Desk,
    address: SocketAddr,
    child: Option<Child>,
}

impl Killed {
    fn start(desk: Desk) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut killed = Self { desk, address, child: None };
        killed.resume("10m");
        killed
    }

    /// Starts the server; uploads that lay untouched for `lifetime` are thrown away at once.
    fn resume(&mut self, lifetime: &str) {
        let mut command = self.desk.command(&["serve"]);
        command.envs(self.variables(lifetime));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(" serves "), "{line}");
        self.child = Some(child);
    }

    fn variables(&self, lifetime: &str) -> Vec<(&'static str, String)> {
        let lease = format!("{}s", LEASE.as_secs());
        vec![
            ("SUPERCARGO_SERVE_LISTEN", self.address.to_string()),
            ("SUPERCARGO_SERVE_ROOT", "registry".to_owned()),
            ("SUPERCARGO_SERVE_COLLECT_LEASE", lease.clone()),
            ("SUPERCARGO_SERVE_COLLECT_UNTAGGED", lease),
            ("SUPERCARGO_SERVE_COLLECT_PERIOD", "1s".to_owned()),
            ("SUPERCARGO_SERVE_LIMITS_UPLOAD_LIFETIME", lifetime.to_owned()),
            // Those that clients of killed servers leave behind are many, and hinder nobody.
            ("SUPERCARGO_SERVE_LIMITS_UPLOADS", "1000000".to_owned()),
            ("SUPERCARGO_SERVE_LIMITS_UPLOADS_EACH", "1000000".to_owned()),
        ]
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL.
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn settings(&self, seed: u64) -> Settings {
        Settings { seed, clients: 4, lease: LEASE, nodes: vec![self.address], may_fail: false }
    }

    fn audit(&self) -> Value {
        let mut command = self.desk.command(&["--format", "json", "serve", "audit"]);
        let output = command.envs(self.variables("10m")).output().unwrap();
        document(&String::from_utf8(output.stdout).unwrap())
    }

    /// Returns the digests of the files of blobs, one for each file.
    fn files(&self) -> Vec<Digest> {
        let mut found = Vec::new();
        let mut directories = vec![self.desk.path("registry/blobs")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    directories.push(entry.path());
                } else {
                    let name = entry.file_name().into_string().unwrap();
                    found.push(format!("sha256:{}", &name[..64]).parse().unwrap());
                }
            }
        }
        found.sort();
        found
    }

    /// Waits until the collector has nothing left to do, and returns the audit.
    fn settle(&mut self) -> Value {
        // Uploads that were left lie untouched for a second, and the next start throws them away.
        self.kill();
        std::thread::sleep(Duration::from_millis(1100));
        self.resume("1s");
        let since = Instant::now();
        loop {
            let audit = self.audit();
            let is_clean = audit["faults"] == serde_json::json!([])
                && ["due", "given_up", "uploads"].iter().all(|count| audit[count] == 0)
                && audit["objects"] == audit["blobs"];
            let needed = self.files().len();
            if (is_clean && self.is_quiet(needed)) || since.elapsed() > COLLECTED {
                return audit;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Tells whether nothing is removed for longer than the collector leaves anything that nothing needs.
    fn is_quiet(&self, files: usize) -> bool {
        std::thread::sleep(4 * LEASE);
        self.files().len() == files
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the seed: of the variable, or of the clock.
#[expect(clippy::disallowed_methods, reason = "a seed that is new in every run, and printed")]
fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    testkit::load::stated_seed().unwrap_or_else(|| u64::try_from(now().as_nanos() % 1_000_000_007).unwrap())
}

/// Kills a server so often while clients are at work.
fn kill_under_load(killed: &mut Killed, seed: u64, kills: u64) -> Outcome {
    let load = Load::start(killed.settings(seed));
    let mut random = Seed::new(seed);
    for number in 0..kills {
        std::thread::sleep(Duration::from_millis(100 + random.next() % 1500));
        killed.kill();
        if number % 8 == 7 {
            // What a crash leaves is bytes that nobody names, until the next start.
            let faults = faults(&killed.audit());
            let lost: Vec<_> = faults.keys().filter(|fault| *fault != "unnamed-bytes").collect();
            assert!(lost.is_empty(), "seed {seed}, kill {number}: {faults:?}");
        }
        killed.resume("10m");
        load.restarted();
    }
    load.finish()
}

fn faults(audit: &Value) -> BTreeMap<String, Value> {
    let faults = audit["faults"].as_array().unwrap();
    faults.iter().map(|fault| (fault["fault"].as_str().unwrap().to_owned(), fault["first"].clone())).collect()
}

#[test]
fn a_server_that_is_killed_loses_nothing_and_leaves_nothing() {
    let seed = seed();
    let kills = if testkit::load::runs_all() { 500 } else { 40 };
    println!("seed {seed}: SUPERCARGO_TEST_SEED={seed} repeats what the clients want");
    let mut killed = Killed::start(Desk::new());
    let since = Instant::now();
    let mut outcome = kill_under_load(&mut killed, seed, kills);
    outcome.check();
    let (answered, unanswered) = outcome.requests();
    println!("{kills} kills, {answered} answers, {unanswered} without one, {:?}", since.elapsed());
    assert_eq!(outcome.violations(), [""; 0], "seed {seed}");
    let audit = killed.settle();
    println!("{audit:#}, {:?}", since.elapsed());
    assert_eq!(faults(&audit), BTreeMap::new(), "seed {seed}");
    assert_eq!((&audit["due"], &audit["given_up"], &audit["uploads"]), (&0.into(), &0.into(), &0.into()), "{audit:#}");
    let files = killed.files();
    let needed = outcome.needed();
    let there: BTreeSet<Digest> = files.iter().copied().collect();
    assert_eq!(files.len(), there.len(), "a blob is there twice, seed {seed}");
    let garbage: Vec<_> = there.difference(&needed).collect();
    assert!(garbage.is_empty(), "seed {seed}: {garbage:?}");
    assert!(std::fs::read_dir(killed.desk.path("registry/uploads")).unwrap().next().is_none(), "seed {seed}");
}

/// The clients would see it if something that was acknowledged were lost, and the audit too.
#[test]
fn what_is_lost_is_seen() {
    let mut killed = Killed::start(Desk::new());
    let load = Load::start(killed.settings(7));
    while load.answered() < 500 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut outcome = load.finish();
    outcome.check();
    assert_eq!(outcome.violations(), [""; 0]);
    let lost = *outcome.needed().iter().find(|digest| **digest != Digest::sha256(b"")).unwrap();
    killed.kill();
    let encoded = lost.encoded();
    let directory = killed.desk.path("registry/blobs/sha256").join(&encoded[..2]);
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with(&encoded) {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let mut audit = killed.desk.command(&["serve", "audit"]);
    let audit = crate::desk::Outcome::of(audit.envs(killed.variables("10m")).output().unwrap());
    assert_eq!(audit.code, 6, "{}", audit.stderr);
    assert!(
        audit.stdout.starts_with(&format!("missing-bytes: blobs/sha256/{}/{encoded}-", &encoded[..2])),
        "{}",
        audit.stdout
    );
    killed.resume("10m");
    outcome.check();
    let violations = outcome.violations();
    assert!(violations.iter().any(|violation| violation.contains(&format!("{lost} was lost: 404"))), "{violations:?}");
}

//! containerd pulls what we write.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Kind, environment};
use testkit::peers::{Tool, tool};

use super::{attested, written_by_us};

/// How long the daemon may take until it answers.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

const PLUGINS_WE_DO_WITHOUT: &str = r#"["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri", "io.containerd.podsandbox.controller.v1.podsandbox"]"#;

/// A daemon with everything it has in a directory of its own. It ends when this is dropped.
pub(crate) struct Daemon {
    child: Child,
    ctr: Tool,
    socket: PathBuf,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    /// `None` when nobody asked for heavy peers, or it is missing, or this is not root.
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        if !environment::everything_is_tested() {
            return None;
        }
        let (containerd, ctr) = (tool("containerd")?, tool("ctr")?);
        let socket = directory.join("c.sock");
        let place = directory.display();
        let settings = format!(
            "version = 3\nroot = \"{place}/root\"\nstate = \"{place}/state\"\ndisabled_plugins = {PLUGINS_WE_DO_WITHOUT}\n\
             [grpc]\n  address = \"{}\"\n[debug]\n  level = \"warn\"\n\
             [[plugins.\"io.containerd.transfer.v1.local\".unpack_config]]\n  \
             platform = \"linux/amd64\"\n  snapshotter = \"native\"\n",
            socket.display()
        );
        let file = directory.join("config.toml");
        e2e::sound::write(&file, settings);
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let mut command: Command = containerd.command();
        let child = command.arg("--config").arg(file).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut daemon = Self { child, ctr, socket };
        let deadline = Instant::now() + READY_TIMEOUT;
        while !daemon.ctr(&["version"]).success {
            let log = || std::fs::read_to_string(directory.join("log")).unwrap();
            assert!(daemon.child.try_wait().unwrap().is_none(), "containerd has ended:\n{}", log());
            assert!(Instant::now() < deadline, "containerd does not answer:\n{}", log());
            thread::sleep(Duration::from_millis(50));
        }
        Some(daemon)
    }

    pub(crate) fn ctr(&self, arguments: &[&str]) -> testkit::peers::Outcome {
        let socket = self.socket.display().to_string();
        let global = ["--address", &socket, "--namespace", "t"];
        self.ctr.outcome(global.iter().chain(arguments))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containerd_pulls_what_we_write() {
    let directory = tempfile::Builder::new().prefix("e2e-c-").tempdir().unwrap();
    let Some(daemon) = Daemon::start(directory.path()) else { return };
    let application = attested();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_registry()) {
        let Some(place) = written_by_us(&application, kind).await else { continue };
        let reference = format!("{}:image-0", place.reference("team/app"));
        let options = ["images", "pull", "--plain-http", "--snapshotter", "native", "--platform", "linux/amd64"];
        let pulled = daemon.ctr(&[&options[..], &[&reference]].concat());
        assert!(pulled.success, "{kind:?}: {}{}", pulled.stdout, pulled.stderr);
        let listed = daemon.ctr(&["images", "list"]);
        let digest = application.named("image-0").digest.to_string();
        let line = listed.stdout.lines().find(|line| line.starts_with(&reference)).unwrap_or_default();
        assert!(line.contains(&digest), "{kind:?}: {}", listed.stdout);
    }
}

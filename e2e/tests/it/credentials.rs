//! Whose credentials a registry is shown, by everything that says so: the same that skopeo and crane show where those two agree.

mod layouts;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Program, sound};
use testkit::peers;
use testkit::proxy::{Fault, HttpProxy, Matcher, Rule};

use self::layouts::{LAYOUTS, Layout};

/// What every password is made of. It is shown nowhere.
const SECRET: &str = "never-shown";

/// What a registry was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// This user and the password that goes with it.
    User(String),
    /// Nothing.
    Nothing,
    /// The registry was not asked for the image: it was not known what to show.
    Failed,
}

/// A home directory with the files of a layout, and the programs that the files name.
struct Home {
    directory: tempfile::TempDir,
    host: String,
}

impl Home {
    fn new(layout: &Layout, host: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("e2e-credentials-").tempdir().unwrap();
        let home = Self { directory, host: host.to_owned() };
        for (file, content) in layout.files {
            let path = home.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            sound::write(&path, home.filled(content));
        }
        for (name, script) in [
            (
                "works",
                &*home.filled(
                    "cat > /dev/null; printf '{\"ServerURL\":\"x\",\"Username\":\"helper\",\"Secret\":\"SECRET\"}'",
                ),
            ),
            ("empty", "cat > /dev/null; echo credentials not found in native keychain; exit 1"),
            ("fails", "cat > /dev/null; echo never-shown: the keychain is locked; exit 1"),
        ] {
            let path = home.path().join(format!("bin/docker-credential-{name}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            sound::write(&path, format!("#!/bin/sh\n{script}\n"));
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        home
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fills in the registry, and `@user@` as the pair of a user and the password.
    fn filled(&self, text: &str) -> String {
        let mut filled = String::new();
        for (index, part) in text.replace("HOST", &self.host).replace("SECRET", SECRET).split('@').enumerate() {
            let pair = || STANDARD.encode(format!("{part}:{SECRET}"));
            filled.push_str(&if index % 2 == 0 { part.to_owned() } else { pair() });
        }
        filled
    }

    /// Gives a command the environment of a layout.
    fn furnish(&self, command: &mut Command, layout: &Layout) {
        let path = std::env::var("PATH").unwrap();
        command.env("HOME", self.path()).env("PATH", format!("{}:{path}", self.path().join("bin").display()));
        for variable in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"] {
            command.env_remove(variable);
        }
        // Without it each looks in a place of the machine.
        command.env("XDG_RUNTIME_DIR", self.path().join("run"));
        for (variable, value) in layout.variables {
            command.env(variable, self.path().join(value));
        }
    }
}

/// Runs a command against a registry that lets nobody in, and returns what it was shown.
fn shown(server: &HttpProxy, mut command: Command) -> (Shown, String) {
    server.log().clear();
    let output = command.output().unwrap();
    assert!(!output.status.success(), "nobody is let in");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let exchanges = server.log().exchanges();
    let header = exchanges.iter().rev().find_map(|exchange| exchange.header("Authorization"));
    let asked = exchanges.iter().any(|exchange| exchange.line().contains("/manifests/"));
    let shown = match header {
        Some(header) => {
            let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
            let pair = String::from_utf8(pair).unwrap();
            let (user, password) = pair.split_once(':').unwrap();
            // Some show an empty name and an empty password where they have none.
            if (user, password) == ("", "") {
                Shown::Nothing
            } else {
                assert_eq!(password, SECRET, "{user}");
                Shown::User(user.to_owned())
            }
        }
        None if asked => Shown::Nothing,
        None => Shown::Failed,
    };
    (shown, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_are_shown_as_skopeo_and_crane_show_where_those_agree() {
    let (Some(skopeo), Some(crane)) = (peers::tool("skopeo"), peers::tool("crane")) else { return };
    let challenge = Fault::unauthorized("Basic realm=\"tests\"");
    let server = HttpProxy::server(vec![Rule::new(Matcher::any(), challenge)]).await;
    let host = server.host().to_string();
    let program = Program::default();
    let mut wrong = Vec::new();
    for layout in LAYOUTS {
        let home = Home::new(layout, &host);
        let image = format!("{host}/team/app:1");
        let run = |mut command: Command| {
            home.furnish(&mut command, layout);
            tokio::task::block_in_place(|| shown(&server, command))
        };
        let ours = {
            let mut command = program.command(&["inspect", &image]);
            // Nothing but what the layout says.
            command.env_remove("XDG_CONFIG_HOME");
            run(command)
        };
        let theirs = [
            {
                let mut command = skopeo.command();
                command.args(["inspect", "--tls-verify=false", &format!("docker://{image}")]);
                run(command).0
            },
            {
                let mut command = crane.command();
                command.args(["manifest", "--insecure", &image]);
                run(command).0
            },
        ];
        let expected = match layout.ours {
            "" => Shown::Nothing,
            "!" => Shown::Failed,
            user => Shown::User(user.to_owned()),
        };
        let agree = theirs[0] == theirs[1];
        if ours.0 != expected || agree != layout.agree || (agree && ours.0 != theirs[0]) || ours.1.contains(SECRET) {
            wrong.push(format!("{}: ours {ours:?}, skopeo {:?}, crane {:?}", layout.name, theirs[0], theirs[1]));
        }
    }
    assert!(LAYOUTS.len() >= 30 && wrong.is_empty(), "{} of {}:\n{}", wrong.len(), LAYOUTS.len(), wrong.join("\n"));
}

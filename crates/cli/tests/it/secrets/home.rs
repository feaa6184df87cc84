//! What lies in the home of a user: a project, credentials, and programs that note what they are given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::modes::Login;
use super::planted::{pair, secret};
use crate::desk::Desk;

/// Puts a project, its repository of git, and programs that note what they are given onto a desk.
pub(super) fn furnish(desk: &Desk, host: &str) {
    let project = format!(
        "[images]\nweb = {{ repo = \"{host}/team/web\", version = \"~1.0.0\" }}\n\n[[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\"]\n"
    );
    desk.write("Supercargo.toml", &project);
    desk.ok(&["lock"]);
    fs::copy(desk.path("Supercargo.lock"), desk.path("old.lock")).unwrap();
    for directory in ["fresh", "bin", "secrets", "home/.docker"] {
        fs::create_dir_all(desk.path(directory)).unwrap();
    }
    let compose = format!("services:\n  web:\n    image: {host}/team/web:1.0.0\n");
    desk.write("compose.yaml", &compose);
    desk.write("fresh/compose.yaml", &compose);
    desk.write("report.md", "# report\n");
    desk.write(
        "mirror.toml",
        &format!("[[mirror]]\nfrom = \"{host}/team/web\"\nto = \"oci:mirrored\"\ntags = [\"*\"]\n"),
    );
    desk.write("serve.toml", super::serving::SETTINGS);
    super::serving::write_secrets(&desk.path("secrets"));
    let note = "{ echo \"$0 $@\"; env; } >> \"$(dirname \"$0\")/../children\"";
    let print =
        format!("printf '{{\"ServerURL\":\"x\",\"Username\":\"captain\",\"Secret\":\"{}\"}}'", secret("helper"));
    let scripts = [
        ("bin/git", format!("{note}\nexec /usr/bin/git \"$@\"")),
        (
            "bin/docker-credential-works",
            format!("{note}\ncase $1 in store) cat > \"$HOME/kept\";; *) cat > /dev/null; {print};; esac"),
        ),
        ("bin/docker-credential-fails", format!("{note}\ncat > /dev/null; {print}; {print} >&2; exit 1")),
        (
            "child",
            "{ echo \"$0 $@\"; env; } >> children\ncase $1 in *1.0.0*|*1.1.0*) exit 0;; *) exit 1;; esac".to_owned(),
        ),
    ];
    for (name, script) in scripts {
        desk.write(name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(desk.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let files = ["Supercargo.toml", "Supercargo.lock", "compose.yaml"];
    for arguments in [
        &["init", "-q", "-b", "main", "--template="][..],
        &[&["add"], &files[..2]].concat(),
        &["commit", "-q", "-m", "one"],
        &[&["add"], &files[2..]].concat(),
        &["commit", "-q", "-m", "two"],
    ] {
        let mut git = Command::new("/usr/bin/git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments);
        assert!(git.current_dir(desk.path("")).env("HOME", desk.path("home")).status().unwrap().success());
    }
}

pub(super) fn write_login(root: &Path, login: Login, host: &str) {
    let entry = match login {
        Login::Pair => json!({ "auth": pair("captain", &secret("auth")) }),
        Login::Fields => json!({ "username": "captain", "password": secret("password") }),
        Login::Identity => json!({ "identitytoken": secret("identity") }),
        Login::Registry => json!({ "registrytoken": secret("registry") }),
        Login::Helper | Login::FailingHelper | Login::BrokenFile => json!({}),
    };
    let mut document = json!({ "auths": { host: entry } });
    match login {
        Login::Helper => document["credsStore"] = "works".into(),
        Login::FailingHelper => document["credsStore"] = "fails".into(),
        _ => {}
    }
    let mut text = document.to_string();
    if login == Login::BrokenFile {
        text = format!("{{\"auths\":{{\"{host}\":{{\"auth\":{{\"{}\":1}}}}}}}}", secret("auth"));
    }
    fs::write(root.join("home/.docker/config.json"), text).unwrap();
}

pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            link(&entry.path(), &target);
        }
    }
}

/// Puts a file there once more. Programs replace what they change, so nobody changes it for others; making files anew takes longer than all
/// commands together.
pub(super) fn link(from: &Path, to: &Path) {
    fs::hard_link(from, to).unwrap();
}

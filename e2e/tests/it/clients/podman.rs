//! podman: login, push, pull, run.

use std::fs;
use std::process::Command;

use e2e::Served;
use e2e::served::{GUEST, OWNER};
use e2e::users::PASSWORD;
use testkit::peers::{Outcome, tool};

use super::buildah::{root, say};
use super::{Client, with_each_login};

/// Runs a container where the hierarchy that crun does not take beside version 1 of cgroups is unmounted, for this command alone.
const RUN: &str = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"";

/// A container that needs as little as can be of the machine: no network, no cgroup, and no more than the limits that are there.
const CONTAINER: [&str; 8] = [
    "run",
    "--rm",
    "--pull=never",
    "--network=none",
    "--cgroups=disabled",
    "--security-opt=seccomp=unconfined",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
];

fn run(podman: &Client, served: &Served, image: &str) -> Outcome {
    let plain = podman.command(served, None, &[&CONTAINER[..], &[image, "--help"]].concat());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "/bin/sh", "-c", RUN, "sh"]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(podman.desk.path()).output().unwrap().into()
}

#[test]
fn podman_pushes_pulls_and_runs() {
    // A program that needs nothing of others.
    let (Some(mut podman), Some(program)) = (root("podman"), tool("orascopy")) else { return };
    podman.global.extend(["--cgroup-manager=cgroupfs", "--events-backend=none"].map(str::to_owned));
    fs::create_dir(podman.path("context")).unwrap();
    fs::copy(program.path(), podman.path("context/program")).unwrap();
    e2e::sound::write(
        &podman.path("context/Containerfile"),
        "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n",
    );
    with_each_login(|served, _| {
        let image = served.at("public/program:1");
        let file = podman.path("login.json").display().to_string();
        let trusted = served.trusted().display().to_string();
        let login = |password: &str| {
            let as_owner = ["login", "--authfile", &file, "--username", OWNER, "--password", password];
            podman.outcome(served, None, &[&as_owner[..], &["--cert-dir", &trusted, served.host()]].concat())
        };
        assert!(!login("wrong").success);
        let right = login(PASSWORD);
        assert!(right.success, "{}", right.stderr);

        podman.run(served, None, &["build", "--isolation", "chroot", "--tag", &image, "context"]);
        // What a machine cannot run that was built here says nothing of the registry.
        let here = run(&podman, served, &image);
        podman.is_refused(served, None, &["push", &image]);
        podman.is_refused(served, Some(GUEST), &["push", &image]);
        podman.run(served, None, &["push", "--authfile", &file, "--cert-dir", &trusted, &image]);
        podman.run(served, None, &["rmi", "--all", "--force"]);
        podman.run(served, None, &["pull", "--quiet", &image]);
        if here.success {
            let ran = run(&podman, served, &image);
            assert!(ran.success && ran.stderr.contains("-plain-http"), "{}", ran.stderr);
        } else {
            say(&format!("skipped: podman cannot run containers here: {}", here.stderr));
        }
        let tags = podman.run(served, None, &["search", "--list-tags", &served.at("public/program")]);
        assert_eq!(tags.lines().nth(1).and_then(|line| line.split_whitespace().last()), Some("1"), "{tags}");
        podman.run(served, None, &["rmi", "--all", "--force"]);
    });
}

//! Projects that came from anywhere, with links, pipes and git repositories in them: nothing outside of their directories is written, no
//! program of theirs is run.

use std::fs;
use std::os::unix::fs::symlink;

use crate::desk::Desk;
use crate::project::{project, text};
use crate::server::Server;

/// Returns a desk with a project in the directory `cloned`, which is locked.
fn cloned() -> (Desk, Server) {
    let (desk, server) = project();
    fs::create_dir(desk.path("cloned")).unwrap();
    desk.write("cloned/Supercargo.toml", &text(&server));
    desk.ok(&["-C", "cloned", "lock", "--as-of", "2025-02-28"]);
    (desk, server)
}

/// Lets a name in the project be a link.
fn let_be_link(desk: &Desk, name: &str, target: &str) {
    symlink(target, desk.path("cloned").join(name)).unwrap();
}

fn without_desk(desk: &Desk, text: &str) -> String {
    text.replace(&*desk.path("").canonicalize().unwrap().to_string_lossy(), "DESK")
}

#[test]
fn a_lock_that_is_a_link_out_of_the_project_is_not_written_through() {
    let (desk, _server) = cloned();
    fs::rename(desk.path("cloned/Supercargo.lock"), desk.path("mine")).unwrap();
    let_be_link(&desk, "Supercargo.lock", "../mine");
    let (mine, project) =
        (fs::read(desk.path("mine")).unwrap(), fs::read(desk.path("cloned/Supercargo.toml")).unwrap());
    let said = desk.fails(&["-C", "cloned", "update"], 2);
    insta::assert_snapshot!(without_desk(&desk, &said), @r"
    error: Supercargo.lock leads out of the project, to DESK/mine: nothing is written there
    help: rm Supercargo.lock && supercargo lock
    ");
    // What would change both files changes neither.
    desk.fails(&["-C", "cloned", "hold", "storage"], 2);
    assert_eq!(fs::read(desk.path("mine")).unwrap(), mine);
    assert_eq!(fs::read(desk.path("cloned/Supercargo.toml")).unwrap(), project);
    desk.ok(&["-C", "cloned", "tree", "--frozen"]);
    // A file takes the place of a link that leads to nothing.
    fs::remove_file(desk.path("cloned/Supercargo.lock")).unwrap();
    let_be_link(&desk, "Supercargo.lock", "../absent");
    desk.ok(&["-C", "cloned", "lock"]);
    assert!(desk.path("cloned/Supercargo.lock").symlink_metadata().unwrap().is_file());
    assert!(!desk.path("absent").exists());
    assert_eq!(fs::read(desk.path("mine")).unwrap(), mine);
}

#[test]
fn a_project_that_is_a_link_out_of_its_directory_is_not_written_through() {
    let (desk, _server) = cloned();
    fs::rename(desk.path("cloned/Supercargo.toml"), desk.path("mine.toml")).unwrap();
    let_be_link(&desk, "Supercargo.toml", "../mine.toml");
    let mine = fs::read(desk.path("mine.toml")).unwrap();
    let said = desk.fails(&["-C", "cloned", "hold", "storage"], 2);
    insta::assert_snapshot!(without_desk(&desk, &said), @r"
    error: Supercargo.toml leads out of the project, to DESK/mine.toml: nothing is written there
    help: supercargo --project DESK/mine.toml lock
    ");
    assert_eq!(fs::read(desk.path("mine.toml")).unwrap(), mine);
}

#[test]
fn links_within_a_project_are_followed() {
    let (desk, _server) = cloned();
    fs::create_dir(desk.path("cloned/locks")).unwrap();
    fs::rename(desk.path("cloned/Supercargo.lock"), desk.path("cloned/locks/today")).unwrap();
    let_be_link(&desk, "Supercargo.lock", "locks/today");
    let before = fs::read(desk.path("cloned/locks/today")).unwrap();
    desk.ok(&["-C", "cloned", "update"]);
    assert!(desk.path("cloned/Supercargo.lock").is_symlink());
    assert_ne!(fs::read(desk.path("cloned/locks/today")).unwrap(), before);
    // Whoever is led to a project by a link is at work in it.
    symlink("cloned", desk.path("here")).unwrap();
    desk.ok(&["--project", "here/Supercargo.toml", "hold", "storage"]);
}

#[test]
fn what_is_vendored_stays_in_the_project_unless_the_place_is_typed() {
    let (desk, server) = cloned();
    fs::create_dir(desk.path("mine")).unwrap();
    let_be_link(&desk, "vendor", "../mine");
    let said = desk.fails(&["-C", "cloned", "vendor"], 2);
    insta::assert_snapshot!(without_desk(&desk, &said), @r"
    error: vendor leads out of the project, to DESK/mine: nothing is written there
    help: supercargo vendor DESK/mine
    ");
    // Also where the last part of the path is not there yet, and where the project says it by its name.
    for named in ["vendor/deeper", "../mine", "/tmp/../mine"] {
        let named = format!("[project]\nvendor = \"{named}\"\n");
        desk.write("cloned/Supercargo.toml", &text(&server).replace("[project]\n", &named));
        desk.fails(&["-C", "cloned", "vendor"], 2);
    }
    assert_eq!(fs::read_dir(desk.path("mine")).unwrap().count(), 0);
    desk.ok(&["-C", "cloned", "vendor", "../mine"]);
    assert!(desk.path("mine/oci-layout").exists());
}

#[test]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() {
    let (desk, _server) = cloned();
    let pipe = |name: &str| {
        let path = desk.path("cloned").join(name);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    };
    let refused = |arguments: &[&str]| {
        let said = desk.fails(&[&["-C", "cloned"], arguments].concat(), 10);
        assert!(said.contains("it is no regular file"), "{said}");
    };
    let installed = pipe("Supercargo.installed");
    refused(&["verify"]);
    fs::remove_file(installed).unwrap();
    desk.write("cloned/list.toml", "[[mirror]]\nfrom = \"h.example/a\"\nto = \"oci:a\"\n");
    pipe("list.toml.state");
    refused(&["mirror", "list.toml"]);
    pipe("Supercargo.lock");
    refused(&["verify"]);
    refused(&["lock"]);
}

#[test]
fn a_repository_among_the_files_of_a_project_says_nothing_to_git() {
    let desk = Desk::new();
    fs::create_dir(desk.path("cloned")).unwrap();
    desk.write("cloned/Supercargo.toml", "[project]\nname = \"a\"\n\n[images]\n");
    desk.write("cloned/Supercargo.lock", "lock-version = 1\n");
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@registry.example", "-c", "commit.gpgsign=false"]);
        command.args(["--git-dir=.", "--work-tree=."]).args(arguments).current_dir(desk.path("cloned"));
        let output = command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", desk.path("home")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // All that makes a repository lies where files of a clone do, and an object has to be fetched by a program that it names.
    git(&["init", "-q"]);
    git(&["add", "-f", "Supercargo.lock"]);
    git(&["commit", "-q", "-m", "lock"]);
    let object = git(&["rev-parse", "HEAD:Supercargo.lock"]);
    let (directory, name) = object.trim().split_at(2);
    fs::remove_file(desk.path("cloned/objects").join(directory).join(name)).unwrap();
    let here = desk.path("cloned");
    let program = format!("touch {}; git-upload-pack", desk.path("was-run").display());
    for (key, value) in [
        ("core.repositoryformatversion", "1"),
        ("core.worktree", "."),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", here.to_str().unwrap()),
        ("remote.origin.uploadpack", &program),
    ] {
        git(&["config", "--file", "config", key, value]);
    }
    let said = desk.fails(&["-C", "cloned", "diff", "HEAD~0"], 9);
    assert!(!desk.path("was-run").exists(), "{said}");
    assert!(said.contains("cannot use bare repository"), "{said}");
}

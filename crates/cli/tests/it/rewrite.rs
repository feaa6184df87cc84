//! `rewrite`: the locked references in the files of a project's targets.

use crate::desk::Desk;

mod kill;
mod many;

const COLLECTOR: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const OLD_DATABASE: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const NEW_DATABASE: &str = "sha256:3333333333333333333333333333333333333333333333333333333333333333";

const PROJECT: &str = r#"[images]
collector = { repo = "docker.io/jaegertracing/collector", version = "^1.56" }
db = { repo = "docker.io/library/postgres", version = "^16", variant = "alpine" }
next-db = { repo = "docker.io/library/postgres", version = "^17", variant = "alpine" }

"#;

/// Returns a lock of images, each given as name, repository, version, tag, track, digest.
fn lock(images: &[[&str; 6]]) -> String {
    let mut lock = "lock-version = 1\n".to_owned();
    for [name, repository, version, tag, track, digest] in images {
        let track = if track.is_empty() { String::new() } else { format!("track = \"{track}\"\n") };
        lock.extend([format!(
            "\n[[image]]\nname = \"{name}\"\nrepo = \"{repository}\"\nversion = \"{version}\"\ntag = \"{tag}\"\n{track}\
             digest = \"{digest}\"\nkind = \"index\"\nchosen = \"highest\"\n"
        )]);
    }
    lock
}

/// Returns a desk with a project that is locked, and these targets.
fn project(targets: &str) -> Desk {
    let desk = Desk::new();
    desk.write("Supercargo.toml", &format!("{PROJECT}{targets}"));
    let alpine = "{version}-alpine";
    desk.write(
        "Supercargo.lock",
        &lock(&[
            ["collector", "docker.io/jaegertracing/collector", "1.58.0", "1.58.0", "", COLLECTOR],
            ["db", "docker.io/library/postgres", "16.4", "16.4-alpine", alpine, OLD_DATABASE],
            ["next-db", "docker.io/library/postgres", "17.2", "17.2-alpine", alpine, NEW_DATABASE],
        ]),
    );
    desk
}

const COMPOSE: &str = "# ours\nservices:\n  traces: {image: \"jaegertracing/collector:1.56.0\"} # pinned\n  db:\n    \
    image: postgres:16-alpine\n  next:\n    image: 'docker.io/library/postgres:17.0-alpine'\n  other:\n    image: redis:7\n  \
    mine:\n    image: ${MINE}\n";

const COMPOSE_TARGET: &str = "[[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\"]\n";

fn read(desk: &Desk, name: &str) -> String {
    std::fs::read_to_string(desk.path(name)).unwrap()
}

#[test]
fn references_are_rewritten_checked_and_put_back() {
    let desk = project(COMPOSE_TARGET);
    desk.write("compose.yaml", COMPOSE);
    let check = desk.run(&["rewrite", "--check"]);
    assert_eq!(check.code, 1, "{}", check.stderr);
    insta::assert_snapshot!(check.stdout, @r#"
    WHERE              OLD                                     NEW
    compose.yaml:3:20  jaegertracing/collector:1.56.0          jaegertracing/collector:1.58.0@sha256:1111111111111111111111111111111111111111111111111111111111111111
    compose.yaml:5:12  postgres:16-alpine                      postgres:16.4-alpine@sha256:2222222222222222222222222222222222222222222222222222222222222222
    compose.yaml:7:13  docker.io/library/postgres:17.0-alpine  docker.io/library/postgres:17.2-alpine@sha256:3333333333333333333333333333333333333333333333333333333333333333
    "#);
    insta::assert_snapshot!(check.stderr, @"note: 3 references in 1 file would change; 1 reference to images outside of the project; 1 left alone, which --format json lists");
    assert_eq!(read(&desk, "compose.yaml"), COMPOSE);
    assert_eq!(desk.ok(&["rewrite", "--dry-run"]), check.stdout);
    assert_eq!(read(&desk, "compose.yaml"), COMPOSE);
    assert_eq!(desk.ok(&["rewrite"]), check.stdout);
    let rewritten = read(&desk, "compose.yaml");
    insta::assert_snapshot!(rewritten, @r#"
    # ours
    services:
      traces: {image: "jaegertracing/collector:1.58.0@sha256:1111111111111111111111111111111111111111111111111111111111111111"} # pinned
      db:
        image: postgres:16.4-alpine@sha256:2222222222222222222222222222222222222222222222222222222222222222
      next:
        image: 'docker.io/library/postgres:17.2-alpine@sha256:3333333333333333333333333333333333333333333333333333333333333333'
      other:
        image: redis:7
      mine:
        image: ${MINE}
    "#);
    insta::assert_snapshot!(desk.run(&["rewrite", "--check"]).stderr, @"note: 3 references in 1 file as locked; 1 reference to images outside of the project; 1 left alone, which --format json lists");
    assert_eq!(desk.run(&["rewrite", "--check"]).code, 0);
    assert_eq!(desk.ok(&["rewrite"]), "");
    assert_eq!(read(&desk, "compose.yaml"), rewritten);
    assert_eq!(desk.ok(&["rewrite", "--undo", "--dry-run"]), "compose.yaml\n");
    assert_eq!(desk.json(&["rewrite", "--undo"])["restored"][0], "compose.yaml");
    assert_eq!(read(&desk, "compose.yaml"), COMPOSE);
    insta::assert_snapshot!(desk.fails(&["rewrite", "--undo"], 2), @r#"
    error: there is no rewrite to undo
    help: git checkout -- FILE
    "#);
}

#[test]
fn a_reference_that_could_be_two_images_is_refused_with_its_place() {
    let desk = project(&format!("{COMPOSE_TARGET}map = {{ \"mirror.example/db\" = \"db\" }}\n"));
    let compose = "services:\n  ü: {image: postgres:latest}\n  b:\n    image: postgres:16-bookworm\n";
    desk.write("compose.yaml", compose);
    insta::assert_snapshot!(desk.fails(&["rewrite"], 2), @r#"
    error: `postgres:latest` could be `db` or `next-db`
      --> compose.yaml:2:14
       = `db` (Supercargo.toml:3:1) is locked as docker.io/library/postgres:16.4-alpine
       = `next-db` (Supercargo.toml:4:1) is locked as docker.io/library/postgres:17.2-alpine
      --> compose.yaml:4:12: `postgres:16-bookworm` could be `db` or `next-db`
       = `db` (Supercargo.toml:3:1) is locked as docker.io/library/postgres:16.4-alpine
       = `next-db` (Supercargo.toml:4:1) is locked as docker.io/library/postgres:17.2-alpine
       = nothing was written
    help: map = { "services.ü.image" = "db" }   # in the target in Supercargo.toml
    "#);
    desk.write("compose.yaml", "services:\n  a: [\n");
    insta::assert_snapshot!(desk.fails(&["rewrite"], 2), @r#"
    error: compose.yaml cannot be read as compose: unclosed bracket '['
      --> compose.yaml:2:6
    help: leave the file out of `paths` of the target, or correct it
    "#);
    assert!(!desk.path(".supercargo/rewrite/journal.json").exists());
}

#[test]
fn a_map_names_the_image_of_a_value_or_of_a_mirror() {
    let targets = "[[targets]]\nkind = \"helm-values\"\npaths = [\"values.yaml\"]\nwrite = \"tag\"\n\
        map = { \"jobs.runner\" = \"collector\", \"mirror.example/pg\" = \"db\", \"main.image\" = \"next-db\" }\n\
        [[targets]]\nkind = \"dockerfile\"\npaths = [\"Dockerfile\"]\nwrite = \"digest\"\nmap = { BASE = \"next-db\" }\n";
    let desk = project(targets);
    desk.write(
        "values.yaml",
        "jobs:\n  runner: somebody/runner:1\nold: {image: mirror.example/pg:16.1-alpine}\nmain:\n  image:\n    repository: postgres\n    tag: latest\n",
    );
    desk.write("Dockerfile", "ARG BASE=postgres\nFROM ${BASE}\nFROM index.docker.io/library/postgres:16-alpine\n");
    desk.ok(&["rewrite"]);
    insta::assert_snapshot!(read(&desk, "values.yaml"), @r#"
    jobs:
      runner: docker.io/jaegertracing/collector:1.58.0
    old: {image: mirror.example/pg:16.4-alpine}
    main:
      image:
        repository: postgres
        tag: 17.2-alpine
    "#);
    insta::assert_snapshot!(read(&desk, "Dockerfile"), @r#"
    ARG BASE=postgres@sha256:3333333333333333333333333333333333333333333333333333333333333333
    FROM ${BASE}
    FROM index.docker.io/library/postgres@sha256:2222222222222222222222222222222222222222222222222222222222222222
    "#);
    assert_eq!(desk.ok(&["rewrite", "--check"]), "");
}

#[test]
fn what_was_changed_since_is_not_put_back() {
    let desk = project("[[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\", \"more/*.yaml\"]\n");
    std::fs::create_dir(desk.path("more")).unwrap();
    desk.write("compose.yaml", COMPOSE);
    desk.write("more/compose.yaml", COMPOSE);
    desk.ok(&["rewrite"]);
    let rewritten = read(&desk, "compose.yaml");
    desk.write("more/compose.yaml", &format!("{rewritten}# mine\n"));
    insta::assert_snapshot!(desk.fails(&["rewrite", "--undo"], 1), @r#"
    error: the rewrite cannot be undone: files are no longer as it left them
       = more/compose.yaml was changed since
    help: git diff    # what was changed since; nothing was written
    "#);
    assert_eq!(read(&desk, "compose.yaml"), rewritten, "nothing was written");
    assert_eq!(read(&desk, "more/compose.yaml"), format!("{rewritten}# mine\n"));
    desk.write("more/compose.yaml", &rewritten);
    assert_eq!(desk.ok(&["rewrite", "--undo"]), "compose.yaml\nmore/compose.yaml\n");
    assert_eq!(read(&desk, "more/compose.yaml"), COMPOSE);
}

#[test]
fn a_journal_from_elsewhere_leads_to_no_file_outside_of_the_project() {
    let desk = project(COMPOSE_TARGET);
    desk.write("compose.yaml", COMPOSE);
    desk.ok(&["rewrite"]);
    let journal = read(&desk, ".supercargo/rewrite/journal.json");
    for path in ["../compose.yaml", "/etc/hostname", "a/../../b", ""] {
        desk.write(".supercargo/rewrite/journal.json", &journal.replace("compose.yaml", path));
        let said = desk.fails(&["rewrite", "--undo"], 6);
        assert!(said.contains("is not in the project"), "{path}: {said}");
    }
    let rewritten = read(&desk, "compose.yaml");
    for directory in [".git", ".GIT", "sub/.git"] {
        std::fs::create_dir_all(desk.path(directory)).unwrap();
    }
    // Even if a pattern takes all of them.
    desk.write("Supercargo.toml", &format!("{PROJECT}{}", COMPOSE_TARGET.replace("compose.yaml", "**/conf*")));
    for path in [".git/config", ".GIT/config", "sub/.git/config", ".supercargo/config", "of-no-target"] {
        desk.write(path, &rewritten);
        desk.write(".supercargo/rewrite/journal.json", &journal.replace("compose.yaml", path));
        let said = desk.fails(&["rewrite", "--undo"], 6);
        assert!(said.contains("is in no target of the project"), "{path}: {said}");
        assert_eq!(read(&desk, path), rewritten);
    }
    desk.write(".supercargo/rewrite/journal.json", "{");
    desk.fails(&["rewrite", "--undo"], 6);
}

#[cfg(unix)]
#[test]
fn links_in_the_place_of_the_journal_are_not_followed() {
    use std::os::unix::fs::symlink;
    let desk = project(COMPOSE_TARGET);
    desk.write("compose.yaml", COMPOSE);
    desk.write("victim", "mine");
    std::fs::create_dir_all(desk.path(".supercargo/rewrite")).unwrap();
    symlink("../../victim", desk.path(".supercargo/rewrite/lock")).unwrap();
    let said = desk.fails(&["rewrite"], 10);
    assert!(said.contains(".supercargo/rewrite/lock"), "{said}");
    assert_eq!(read(&desk, "victim"), "mine");
    std::fs::remove_dir_all(desk.path(".supercargo")).unwrap();
    std::fs::create_dir_all(desk.path("elsewhere/rewrite")).unwrap();
    for link in [".supercargo", ".supercargo/rewrite"] {
        symlink(desk.path("elsewhere"), desk.path(link)).unwrap();
        let said = desk.fails(&["rewrite"], 10);
        assert!(said.contains(link), "{said}");
        std::fs::remove_file(desk.path(link)).unwrap();
        std::fs::create_dir_all(desk.path(".supercargo")).unwrap();
    }
    assert_eq!(std::fs::read_dir(desk.path("elsewhere/rewrite")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(desk.path("elsewhere")).unwrap().count(), 1);
    assert_eq!(read(&desk, "compose.yaml"), COMPOSE);
}

#[test]
fn a_rewrite_that_fails_leaves_the_one_before_it_to_be_undone() {
    let desk = project("[[targets]]\nkind = \"compose\"\npaths = [\"*/compose.yaml\"]\n");
    std::fs::create_dir(desk.path("a")).unwrap();
    desk.write("a/compose.yaml", COMPOSE);
    desk.ok(&["rewrite"]);
    for directory in ["b", "c"] {
        std::fs::create_dir(desk.path(directory)).unwrap();
        desk.write(&format!("{directory}/compose.yaml"), COMPOSE);
    }
    desk.write("c/.supercargo", "a file");
    desk.fails(&["rewrite"], 10);
    assert_eq!(read(&desk, "b/compose.yaml"), COMPOSE);
    assert_eq!(desk.ok(&["rewrite", "--undo"]), "a/compose.yaml\n");
    assert_eq!(read(&desk, "a/compose.yaml"), COMPOSE);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_project_are_not_followed_and_modes_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let outside = Desk::new();
    outside.write("compose.yaml", COMPOSE);
    let desk = project("[[targets]]\nkind = \"compose\"\npaths = [\"**/*.yaml\"]\n");
    std::fs::create_dir(desk.path("real")).unwrap();
    desk.write("real/compose.yaml", COMPOSE);
    std::fs::set_permissions(desk.path("real/compose.yaml"), PermissionsExt::from_mode(0o604)).unwrap();
    symlink(outside.path("compose.yaml"), desk.path("out.yaml")).unwrap();
    symlink(outside.path(""), desk.path("away")).unwrap();
    symlink("real/compose.yaml", desk.path("alias.yaml")).unwrap();
    symlink(".", desk.path("circle")).unwrap();
    assert_eq!(desk.json(&["rewrite"])["files"], serde_json::json!(["real/compose.yaml"]));
    assert_eq!(read(&outside, "compose.yaml"), COMPOSE);
    assert!(desk.path("alias.yaml").is_symlink());
    assert_eq!(desk.path("real/compose.yaml").metadata().unwrap().permissions().mode() & 0o777, 0o604);
    desk.ok(&["rewrite", "--undo"]);
    assert_eq!(desk.path("real/compose.yaml").metadata().unwrap().permissions().mode() & 0o777, 0o604);
}

#[test]
fn targets_that_lead_nowhere_are_errors_at_their_place() {
    let desk = project(COMPOSE_TARGET);
    insta::assert_snapshot!(desk.fails(&["rewrite"], 2), @r#"
    error: `compose.yaml` in `paths` of a target names a file that is not there
     --> Supercargo.toml:6:1
      |
    6 | [[targets]]
      | ^^^^^^^^^^^ the target of kind compose
    help: paths = ["deploy/**/*.yaml"]   # relative to Supercargo.toml
    "#);
    desk.write("Supercargo.toml", &format!("{PROJECT}{}", COMPOSE_TARGET.replace("compose.yaml", "../*.yaml")));
    let said = desk.fails(&["rewrite"], 2);
    assert!(said.contains("error: `../*.yaml` in `paths` of a target leaves the project"), "{said}");
    desk.write("Supercargo.toml", PROJECT);
    insta::assert_snapshot!(desk.fails(&["rewrite"], 2), @r#"
    error: Supercargo.toml has no [[targets]]
    help: printf '\n[[targets]]\nkind = "compose"\npaths = ["compose.yaml"]\n' >> Supercargo.toml
    "#);
    desk.write("Supercargo.toml", &PROJECT.replace("^16", "^15"));
    assert!(desk.fails(&["rewrite"], 1).contains("Supercargo.lock is not up to date"));
}

#[test]
fn a_file_that_cannot_be_written_leaves_all_as_they_were() {
    let desk = project("[[targets]]\nkind = \"compose\"\npaths = [\"*/compose.yaml\"]\n");
    for directory in ["a", "b", "c"] {
        std::fs::create_dir(desk.path(directory)).unwrap();
        desk.write(&format!("{directory}/compose.yaml"), COMPOSE);
    }
    // Where files in the making would be.
    desk.write("c/.supercargo", "a file");
    let said = desk.fails(&["rewrite"], 10);
    assert!(said.contains("c/.supercargo"), "{said}");
    for directory in ["a", "b", "c"] {
        assert_eq!(read(&desk, &format!("{directory}/compose.yaml")), COMPOSE);
    }
    assert!(!desk.path(".supercargo/rewrite/journal.json").exists());
    std::fs::remove_file(desk.path("c/.supercargo")).unwrap();
    assert_eq!(desk.json(&["rewrite"])["files"].as_array().unwrap().len(), 3);
}

#[test]
fn two_rewrites_at_once_are_one_too_many() {
    let desk = project(COMPOSE_TARGET);
    desk.write("compose.yaml", COMPOSE);
    std::fs::create_dir_all(desk.path(".supercargo/rewrite")).unwrap();
    let other = std::fs::File::create(desk.path(".supercargo/rewrite/lock")).unwrap();
    other.lock().unwrap();
    let said = desk.fails(&["rewrite"], 2);
    assert!(said.contains("another rewrite of this project is at work"), "{said}");
    assert_eq!(read(&desk, "compose.yaml"), COMPOSE);
    assert_eq!(desk.run(&["rewrite", "--check"]).code, 1, "which reads only");
    drop(other);
    desk.ok(&["rewrite"]);
}

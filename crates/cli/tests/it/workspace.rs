//! `[workspace]`: several projects with one lock.

use std::fs;

use crate::desk::{Desk, Outcome, document};
use crate::releases::{publish, release};
use crate::server::Server;

const LOCK: &str = "Supercargo.lock";

/// A root with the image `base`, the member `apps/back` with `api`, and `apps/front` with `web` and the root's `base`.
fn workspace() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    for name in ["api", "base", "web", "cache"] {
        publish(&desk, &server, name, &[release("2026-01-01", &["1.0.0"]), release("2026-02-01", &["1.1.0"])]);
    }
    for directory in ["apps/back", "apps/front"] {
        fs::create_dir_all(desk.path(directory)).unwrap();
    }
    let host = server.at("");
    let host = host.trim_end_matches('/');
    let root = format!(
        "[project]\nname = \"shop\"\n\n[workspace]\nmembers = [\"apps/*\"]\n\n[registries.up]\nhost = \"{host}\"\n\n\
         [images]\nbase = {{ repo = \"up/base\", version = \"^1\" }}\n"
    );
    desk.write("Supercargo.toml", &root);
    desk.write("apps/back/Supercargo.toml", "[images]\napi = { repo = \"up/api\", version = \"^1\" }\n");
    desk.write(
        "apps/front/Supercargo.toml",
        "[images]\nbase = { workspace = true }\nweb = { repo = \"up/web\", version = \"^1\" }\n",
    );
    (desk, server)
}

fn read(desk: &Desk, name: &str) -> String {
    fs::read_to_string(desk.path(name)).unwrap()
}

/// Runs a command in a directory.
fn run_in(desk: &Desk, directory: &str, arguments: &[&str]) -> Outcome {
    Outcome::of(desk.command(arguments).current_dir(desk.path(directory)).output().unwrap())
}

fn ok_in(desk: &Desk, directory: &str, arguments: &[&str]) -> String {
    let outcome = run_in(desk, directory, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?} in {directory}: {}", outcome.stderr);
    outcome.stdout
}

fn fails_in(desk: &Desk, directory: &str, arguments: &[&str], code: i32) -> String {
    let outcome = run_in(desk, directory, arguments);
    assert_eq!(outcome.code, code, "{arguments:?} in {directory}: {}{}", outcome.stdout, outcome.stderr);
    outcome.stderr
}

/// Returns the names of the images that a copy from a directory takes.
fn copied(desk: &Desk, directory: &str, more: &[&str]) -> Vec<String> {
    let arguments = [&["copy", "oci:kept", "--dry-run", "--format", "json"], more].concat();
    let document = document(&ok_in(desk, directory, &arguments));
    let mapping = document["mapping"].as_array().unwrap();
    mapping.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect()
}

fn locked(desk: &Desk) -> Vec<String> {
    read(desk, LOCK).lines().filter_map(|line| line.strip_prefix("name = ")).map(str::to_owned).collect()
}

#[test]
fn every_directory_of_a_workspace_makes_the_same_lock() {
    let (desk, _server) = workspace();
    desk.ok(&["lock"]);
    let from_root = read(&desk, LOCK);
    assert_eq!(locked(&desk), ["\"api\"", "\"base\"", "\"web\""]);
    fs::create_dir_all(desk.path("apps/front/deploy")).unwrap();
    for directory in ["apps/back", "apps/front", "apps/front/deploy", "apps"] {
        fs::remove_file(desk.path(LOCK)).unwrap();
        ok_in(&desk, directory, &["lock"]);
        assert_eq!(read(&desk, LOCK), from_root, "{directory}");
    }
    fs::remove_file(desk.path(LOCK)).unwrap();
    desk.ok(&["lock", "--project", "apps/back/Supercargo.toml"]);
    assert_eq!(read(&desk, LOCK), from_root);
    assert!(!desk.path("apps/back/Supercargo.lock").exists() && !desk.path("apps/front/Supercargo.lock").exists());
    assert_eq!(
        desk.run_without_network(&["lock", "--check", "--offline", "--project", "apps/back/Supercargo.toml"]).code,
        0
    );
}

#[test]
fn an_image_is_added_to_the_file_of_its_member() {
    let (desk, _server) = workspace();
    desk.ok(&["lock"]);
    let (root, front) = (read(&desk, "Supercargo.toml"), read(&desk, "apps/front/Supercargo.toml"));
    ok_in(&desk, "apps/back", &["add", "up/cache@^1"]);
    let back =
        "[images]\napi = { repo = \"up/api\", version = \"^1\" }\ncache = { repo = \"up/cache\", version = \"^1\" }\n";
    assert_eq!(read(&desk, "apps/back/Supercargo.toml"), back);
    assert_eq!((read(&desk, "Supercargo.toml"), read(&desk, "apps/front/Supercargo.toml")), (root, front));
    assert!(locked(&desk).contains(&"\"cache\"".to_owned()));
    let said = fails_in(&desk, "apps/front", &["add", "up/cache@^1"], 2);
    assert!(said.contains("apps/back/Supercargo.toml declares an image `cache` already"), "{said}");
    let said = fails_in(&desk, "apps/back", &["add", "up/base@^1"], 2);
    assert!(said.contains("help: write `base = { workspace = true }` in Supercargo.toml\n"), "{said}");
    // Which it has been told already.
    let said = fails_in(&desk, "apps/front", &["add", "up/base@^1"], 2);
    assert_eq!(said, "error: there is an image `base` already\nhelp: supercargo add REPO --as base-2\n");
}

#[test]
fn images_are_held_where_they_are_declared_and_removed_where_they_are_used() {
    let (desk, _server) = workspace();
    desk.ok(&["lock"]);
    ok_in(&desk, "apps/front", &["hold", "api", "base"]);
    assert!(read(&desk, "apps/back/Supercargo.toml").contains("hold = true"));
    assert!(read(&desk, "Supercargo.toml").contains("hold = true"));
    let said = fails_in(&desk, "apps/front", &["remove", "api"], 2);
    assert!(said.contains("apps/back/Supercargo.toml declares it"), "{said}");
    let said = desk.fails(&["remove", "base"], 2);
    assert!(said.contains("`base` is named by the member apps/front, which takes it over"), "{said}");
    ok_in(&desk, "apps/front", &["remove", "base"]);
    assert_eq!(read(&desk, "apps/front/Supercargo.toml"), "[images]\nweb = { repo = \"up/web\", version = \"^1\" }\n");
    assert_eq!(locked(&desk), ["\"api\"", "\"base\"", "\"web\""]);
    desk.ok(&["remove", "base", "api"]);
    assert_eq!(locked(&desk), ["\"web\""]);
}

#[test]
fn an_image_that_two_files_declare_is_shown_at_both_places() {
    let (desk, _server) = workspace();
    desk.write(
        "apps/front/Supercargo.toml",
        "[project]\nname = \"front\"\n\n[images]\nbase = { repo = \"up/base\" }\n",
    );
    let said = desk.fails(&["lock"], 2);
    let wanted = "error: two files of the workspace declare an image `base`\n \
        --> apps/front/Supercargo.toml:5:1\n  |\n5 | base = { repo = \"up/base\" }\n  | ^^^^\n   \
        = it is declared here too (Supercargo.toml:11:1)\n\
        help: base = { workspace = true }   # it is the same image; otherwise give it another name\n";
    assert_eq!(said, wanted);
    let said = fails_in(&desk, "apps/front", &["tree"], 2);
    assert!(said.contains(" --> Supercargo.toml:5:1\n"), "{said}");
}

#[test]
fn a_pattern_without_a_member_is_shown_at_its_place() {
    let (desk, _server) = workspace();
    desk.write("Supercargo.toml", "[workspace]\nmembers = [\"apps/*\", \"tools/*\"]\n");
    fs::create_dir_all(desk.path("tools/empty")).unwrap();
    let said = desk.fails(&["lock"], 2);
    let wanted = "error: `tools/*` matches no directory with a Supercargo.toml\n \
        --> Supercargo.toml:2:22\n  |\n2 | members = [\"apps/*\", \"tools/*\"]\n  |                      ^^^^^^^^^\n\
        help: members = [\"apps/*\"]   # links are not followed\n";
    assert_eq!(said, wanted);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_root_is_no_member() {
    let (desk, _server) = workspace();
    fs::create_dir_all(desk.path("outside")).unwrap();
    desk.write("outside/Supercargo.toml", "[images]\nstranger = { repo = \"up/web\" }\n");
    std::os::unix::fs::symlink(desk.path("outside"), desk.path("apps/linked")).unwrap();
    fs::create_dir_all(desk.path("apps/file")).unwrap();
    std::os::unix::fs::symlink(desk.path("outside/Supercargo.toml"), desk.path("apps/file/Supercargo.toml")).unwrap();
    desk.ok(&["lock"]);
    assert_eq!(locked(&desk), ["\"api\"", "\"base\"", "\"web\""]);
}

#[test]
fn a_directory_that_the_root_does_not_admit_is_a_project_of_its_own() {
    let (desk, server) = workspace();
    let image = format!("[images]\nweb = {{ repo = \"{}\", version = \"=1.0.0\" }}\n", server.at("web"));
    fs::create_dir_all(desk.path("other")).unwrap();
    desk.write("other/Supercargo.toml", &image);
    ok_in(&desk, "other", &["lock"]);
    assert!(read(&desk, "other/Supercargo.lock").contains("version = \"1.0.0\""));
    assert!(!desk.path(LOCK).exists());
    let root = read(&desk, "Supercargo.toml").replace("[\"apps/*\"]", "[\"apps/*\"]\nexclude = [\"apps/back\"]");
    desk.write("Supercargo.toml", &root);
    desk.write("apps/back/Supercargo.toml", &image);
    desk.ok(&["lock"]);
    assert_eq!(locked(&desk), ["\"base\"", "\"web\""]);
    ok_in(&desk, "apps/back", &["lock"]);
    assert!(desk.path("apps/back/Supercargo.lock").exists());
}

#[test]
fn a_member_copies_saves_and_shows_its_own_images() {
    let (desk, _server) = workspace();
    let front = read(&desk, "apps/front/Supercargo.toml").replace("\"^1\" }", "\"^1\", follows = \"api\" }");
    desk.write("apps/front/Supercargo.toml", &front);
    desk.ok(&["lock"]);
    assert_eq!(copied(&desk, ".", &[]), ["api", "base", "web"]);
    assert_eq!(copied(&desk, "apps/back", &[]), ["api"]);
    assert_eq!(copied(&desk, "apps/front", &[]), ["api", "base", "web"]);
    assert_eq!(copied(&desk, "apps/back", &["--workspace"]), ["api", "base", "web"]);
    ok_in(&desk, "apps/back", &["save", "back.tar"]);
    let there = ok_in(&desk, "apps/back", &["tags", "oci-archive:back.tar", "-q"]);
    assert!(there.contains("api") && !there.contains("web"), "{there}");
    let names =
        |text: String| text.lines().map(|line| line.split("  sha256").next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(ok_in(&desk, "apps/back", &["tree"])), ["apps/back:", "  api 1.1.0"]);
    let shown = names(desk.ok(&["tree"]));
    assert_eq!(shown, ["base 1.1.0", "apps/back:", "  api 1.1.0", "apps/front:", "  web 1.1.0", "    └ api 1.1.0"]);
    let said = desk.fails(&["save", "x.tar", "oci:kept", "--workspace"], 2);
    assert!(said.contains("--workspace is about the images of a project"), "{said}");
}

#[test]
fn why_and_errors_name_the_file_of_the_member() {
    let (desk, _server) = workspace();
    desk.ok(&["lock"]);
    let said = desk.ok(&["why", "web"]);
    assert!(said.contains("(apps/front/Supercargo.toml:3)"), "{said}");
    let said = ok_in(&desk, "apps/front", &["why", "web"]);
    assert!(said.contains("(Supercargo.toml:3)"), "{said}");
    desk.write("apps/back/Supercargo.toml", "[images]\napi = { repo = \"up/api\", version = \"^7\" }\n");
    let said = desk.fails(&["lock"], 3);
    assert!(said.contains("--> apps/back/Supercargo.toml:2:"), "{said}");
}

#[test]
fn the_targets_of_all_members_are_rewritten_and_put_back() {
    let (desk, server) = workspace();
    let target = "\n[[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\"]\nwrite = \"tag\"\n";
    let compose = |image: &str| format!("services:\n  one:\n    image: {}:1.0.0\n", server.at(image));
    for (directory, image) in [("apps/back", "api"), ("apps/front", "web")] {
        let file = format!("{directory}/Supercargo.toml");
        desk.write(&file, &(read(&desk, &file) + target));
        desk.write(&format!("{directory}/compose.yaml"), &compose(image));
    }
    // It is in no member's directory.
    desk.write("compose.yaml", &compose("base"));
    desk.ok(&["lock"]);
    ok_in(&desk, "apps/back", &["rewrite"]);
    for (directory, image) in [("apps/back", "api"), ("apps/front", "web")] {
        assert_eq!(read(&desk, &format!("{directory}/compose.yaml")), compose(image).replace("1.0.0", "1.1.0"));
    }
    assert_eq!(read(&desk, "compose.yaml"), compose("base"));
    assert!(desk.path(".supercargo").exists() && !desk.path("apps/back/.supercargo").exists());
    ok_in(&desk, "apps/front", &["rewrite", "--undo"]);
    assert_eq!(read(&desk, "apps/back/compose.yaml"), compose("api"));
    assert_eq!(read(&desk, "apps/front/compose.yaml"), compose("web"));
}

#[test]
fn the_files_of_a_member_get_what_it_has_asked_for_of_a_repository() {
    let (desk, server) = workspace();
    publish(&desk, &server, "cache", &[release("2026-03-01", &["2.0.0"])]);
    let compose = |version: &str| format!("services:\n  one:\n    image: {}:{version}\n", server.at("cache"));
    for (directory, name, version) in [("apps/back", "old", "^1"), ("apps/front", "new", "^2")] {
        let image = format!("[images]\n{name} = {{ repo = \"up/cache\", version = \"{version}\" }}\n");
        let target = "\n[[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\"]\nwrite = \"tag\"\n";
        desk.write(&format!("{directory}/Supercargo.toml"), &(image + target));
        desk.write(&format!("{directory}/compose.yaml"), &compose("1.0.0"));
    }
    desk.ok(&["lock"]);
    desk.ok(&["rewrite"]);
    assert_eq!(read(&desk, "apps/back/compose.yaml"), compose("1.1.0"));
    assert_eq!(read(&desk, "apps/front/compose.yaml"), compose("2.0.0"));
    // Also where the root has them rewritten.
    let root = read(&desk, "Supercargo.toml");
    let target = "\n[[targets]]\nkind = \"compose\"\npaths = [\"**/compose.yaml\"]\nwrite = \"tag\"\n";
    desk.write("Supercargo.toml", &(root.clone() + target));
    desk.write("apps/front/compose.yaml", &compose("1.0.0"));
    desk.ok(&["rewrite"]);
    assert_eq!(read(&desk, "apps/front/compose.yaml"), compose("2.0.0"));
    desk.write("Supercargo.toml", &root);
    // A member without such an image may name any of the workspace.
    let back = read(&desk, "apps/back/Supercargo.toml").replace("old", "api").replace("cache", "api");
    desk.write("apps/back/Supercargo.toml", &back);
    desk.ok(&["lock"]);
    desk.ok(&["rewrite"]);
    assert_eq!(read(&desk, "apps/back/compose.yaml"), compose("2.0.0"));
}

#[cfg(unix)]
#[test]
fn a_target_of_a_member_stays_in_its_directory() {
    let (desk, server) = workspace();
    let compose = format!("services:\n  one:\n    image: {}:1.0.0\n", server.at("web"));
    desk.write("apps/back/compose.yaml", &compose);
    std::os::unix::fs::symlink(desk.path("apps/back/compose.yaml"), desk.path("apps/front/linked.yaml")).unwrap();
    let front = "apps/front/Supercargo.toml";
    desk.write(front, &(read(&desk, front) + "\n[[targets]]\nkind = \"compose\"\npaths = [\"*.yaml\"]\n"));
    desk.ok(&["lock"]);
    desk.ok(&["rewrite"]);
    assert_eq!(read(&desk, "apps/back/compose.yaml"), compose);
    desk.write(front, &read(&desk, front).replace("*.yaml", "../back/*.yaml"));
    let said = desk.fails(&["rewrite"], 2);
    assert!(said.contains("apps/front/Supercargo.toml:") && said.contains("leaves the project"), "{said}");
}

#[test]
fn a_project_that_becomes_a_workspace_keeps_what_is_locked() {
    let (desk, server) = (Desk::new(), Server::new());
    for name in ["api", "web"] {
        publish(&desk, &server, name, &[release("2026-01-01", &["1.0.0"])]);
    }
    let image = |name: &str| format!("{name} = {{ repo = \"{}\", version = \"^1\" }}\n", server.at(name));
    desk.write("Supercargo.toml", &format!("[images]\n{}{}", image("api"), image("web")));
    desk.ok(&["lock"]);
    let before = read(&desk, LOCK);
    for name in ["api", "web"] {
        publish(&desk, &server, name, &[release("2026-02-01", &["1.1.0"])]);
        fs::create_dir_all(desk.path(&format!("apps/{name}"))).unwrap();
        desk.write(&format!("apps/{name}/Supercargo.toml"), &format!("[images]\n{}", image(name)));
    }
    desk.write("Supercargo.toml", "[workspace]\nmembers = [\"apps/*\"]\n");
    desk.ok(&["lock"]);
    assert_eq!(read(&desk, LOCK), before);
    ok_in(&desk, "apps/web", &["update", "api"]);
    assert_eq!(read(&desk, LOCK).matches("version = \"1.1.0\"").count(), 1);
}

#[test]
fn a_project_that_is_made_in_the_directory_of_a_member_is_locked_with_the_others() {
    let (desk, server) = workspace();
    desk.ok(&["lock"]);
    fs::create_dir_all(desk.path("apps/new")).unwrap();
    desk.write("apps/new/compose.yaml", &format!("services:\n  cache:\n    image: {}:1.0.0\n", server.at("cache")));
    ok_in(&desk, "apps/new", &["init", "--from", "compose.yaml"]);
    assert_eq!(locked(&desk), ["\"api\"", "\"base\"", "\"cache\"", "\"web\""]);
    assert!(!desk.path("apps/new/Supercargo.lock").exists());
    ok_in(&desk, "apps/new", &["lock", "--check"]);
    // The first member of all can be made so too.
    let (desk, server) = workspace();
    fs::create_dir_all(desk.path("tools/one")).unwrap();
    desk.write("Supercargo.toml", "[workspace]\nmembers = [\"tools/*\"]\n");
    desk.write("tools/one/compose.yaml", &format!("services:\n  cache:\n    image: {}:1.0.0\n", server.at("cache")));
    ok_in(&desk, "tools/one", &["init", "--from", "compose.yaml"]);
    assert_eq!(locked(&desk), ["\"cache\""]);
}

#[test]
fn versions_are_raised_in_the_files_that_declare_the_images() {
    let (desk, server) = workspace();
    desk.ok(&["lock"]);
    for name in ["api", "base"] {
        publish(&desk, &server, name, &[release("2026-03-01", &["2.0.0"])]);
    }
    ok_in(&desk, "apps/front", &["update", "--breaking"]);
    assert!(read(&desk, "apps/back/Supercargo.toml").contains("version = \"^2.0.0\""));
    assert!(read(&desk, "Supercargo.toml").contains("version = \"^2.0.0\""));
    assert!(read(&desk, "apps/front/Supercargo.toml").contains("version = \"^1\""));
    desk.ok(&["lock", "--check"]);
}

#[test]
fn a_workspace_is_published_as_one_project() {
    let (desk, server) = workspace();
    desk.ok(&["lock"]);
    let reference = server.at("shop:1.0.0");
    ok_in(&desk, "apps/back", &["publish", &reference]);
    desk.ok(&["install", &reference, "--to", "installed"]);
    let installed = read(&desk, "installed/Supercargo.toml");
    assert!(installed.contains("web = ") && !installed.contains("workspace"), "{installed}");
    assert_eq!(read(&desk, "installed/Supercargo.lock"), read(&desk, LOCK));
    ok_in(&desk, "installed", &["lock", "--check"]);
}

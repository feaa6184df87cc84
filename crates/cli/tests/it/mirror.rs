//! `mirror`

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use testkit::proxy::{HttpProxy, Log};
use tokio::runtime::Runtime;

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

/// Returns a desk and a registry with two repositories of several versions.
fn sources() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let web = [
        release("2025-01-10", &["1.56.0"]),
        release("2025-02-10", &["1.57.0"]),
        release("2025-03-10", &["1.58.0", "1.58", "latest"]),
        release("2025-04-10", &["2.0.0-rc.1"]),
    ];
    publish(&desk, &server, "team/web", &web);
    publish(
        &desk,
        &server,
        "team/db",
        &[release("2025-02-11", &["4.1.9-trixie"]), release("2025-02-12", &["4.2.0-trixie"])],
    );
    (desk, server)
}

fn list(from: &str, to: &str) -> String {
    format!(
        "[[mirror]]\nfrom = \"{from}/team/web\"\nto = \"{to}/mirror/\"\nversion = \"^1.57\"\ntags = [\"lat*\"]\n\n\
         [[mirror]]\nfrom = \"{from}/team/\"\nimages = [\"db\"]\nto = \"{to}/mirror/\"\nvariant = \"trixie\"\nkeep = 1\n"
    )
}

/// A registry with an observer before it.
pub(crate) struct Observed {
    runtime: Runtime,
    proxy: HttpProxy,
    _server: Server,
}

impl Observed {
    pub(crate) fn new() -> Self {
        let server = Server::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let proxy = runtime.block_on(HttpProxy::start(server.host().parse().unwrap()));
        Self { runtime, proxy, _server: server }
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.proxy.host())
    }

    pub(crate) fn log(&self) -> &Log {
        self.runtime.block_on(self.proxy.log().settled());
        self.proxy.log()
    }
}

#[test]
fn what_is_wanted_is_mirrored_and_the_second_time_nothing_moves() {
    let (desk, server) = sources();
    let to = Observed::new();
    desk.write("mirror.toml", &list(&server.host(), &to.proxy.host().to_string()));
    let dry = desk.json(&["mirror", "mirror.toml", "--dry-run"]);
    desk.fails(&["tags", &to.at("mirror/web")], 9);
    assert!(!desk.path("mirror.toml.state").exists());
    let first = desk.json(&["mirror", "mirror.toml"]);
    assert_eq!(first["schema"], "supercargo.mirror.v1");
    assert_eq!(first["rules"][0]["images"], 3);
    assert_eq!(first["rules"][0]["manifests_put"], dry["rules"][0]["manifests_put"]);
    assert!(first["rules"][0]["bytes_moved"].as_u64().unwrap() > 10_000, "{first}");
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), "1.57.0\n1.58.0\nlatest\n");
    assert_eq!(desk.ok(&["tags", &to.at("mirror/db")]), "4.2.0-trixie\n");
    let sbom = desk.ok(&["artifacts", &to.at("mirror/web:1.58.0")]);
    assert!(sbom.contains("spdx"), "{sbom}");

    let state = std::fs::read(desk.path("mirror.toml.state")).unwrap();
    to.log().clear();
    let again = desk.json(&["mirror", "mirror.toml"]);
    for rule in again["rules"].as_array().unwrap() {
        assert_eq!(
            (&rule["blobs_moved"], &rule["bytes_moved"], &rule["manifests_put"]),
            (&0.into(), &0.into(), &0.into())
        );
    }
    let asked = to.log().exchanges();
    assert!(!asked.is_empty());
    let is_move = |method: &str, path: &str| !matches!(method, "GET" | "HEAD") || path.contains("/blobs/");
    let moved: Vec<String> =
        asked.iter().filter(|one| is_move(&one.method, &one.path)).map(testkit::proxy::Exchange::line).collect();
    assert_eq!(moved, [""; 0]);
    assert_eq!(std::fs::read(desk.path("mirror.toml.state")).unwrap(), state);
    let text = desk.ok(&["mirror", "mirror.toml"]);
    assert!(text.contains("/team/web -> ") && text.contains(": 3 images: nothing to move\n"), "{text}");
}

#[test]
fn only_tags_of_the_mirror_are_deleted_and_they_are_shown_first() {
    let (desk, server) = sources();
    let to = Server::new();
    // A stranger's tags: one that nobody wants, and one that the mirror wants too.
    desk.ok(&["copy", &server.at("team/web:1.56.0"), &to.at("mirror/web:1.56.0")]);
    desk.ok(&["copy", &server.at("team/web:1.57.0"), &to.at("mirror/web:1.57.0")]);
    desk.write("mirror.toml", &list(&server.host(), &to.host()));
    desk.ok(&["mirror", "mirror.toml"]);
    let all = "1.56.0\n1.57.0\n1.58.0\nlatest\n";
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), all);

    // Now the rule for the database is gone, and of the other only a version that is not there yet is wanted.
    let smaller = format!(
        "[[mirror]]\nfrom = \"{}/team/web\"\nto = \"{}/mirror/web\"\ntags = [\"2.*\"]\n",
        server.host(),
        to.host()
    );
    desk.write("mirror.toml", &smaller);
    let outcome = desk.run(&["mirror", "mirror.toml"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("note: no rule wants 3 tags of the mirror any more; --delete takes such tags away"),
        "{}",
        outcome.stderr
    );
    let named =
        |line: &str| line.strip_prefix("not wanted any more: ").map(|line| line.split('@').next().unwrap().to_owned());
    let shown: Vec<String> = outcome.stdout.lines().filter_map(named).collect();
    let ours = [to.at("mirror/db:4.2.0-trixie"), to.at("mirror/web:1.58.0"), to.at("mirror/web:latest")];
    assert_eq!(shown, ours);
    let all_and_new = "1.56.0\n1.57.0\n1.58.0\n2.0.0-rc.1\nlatest\n";
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), all_and_new);
    let dry = desk.json(&["mirror", "mirror.toml", "--delete", "--dry-run"]);
    assert_eq!(dry["deletions"].as_array().unwrap().len(), 3);
    assert_eq!(dry["deletions"][0]["deleted"], false);
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), all_and_new);

    // A stranger points one of the mirror's tags elsewhere: it is the stranger's now.
    desk.ok(&["tag", &to.at("mirror/web:1.56.0"), "latest"]);
    let deleted = desk.json(&["mirror", "mirror.toml", "--delete"]);
    assert_eq!(deleted["deletions"].as_array().unwrap().len(), 2);
    assert_eq!(deleted["deletions"][1]["tag"], "1.58.0");
    assert_eq!(deleted["deletions"][1]["deleted"], true);
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), "1.56.0\n1.57.0\n2.0.0-rc.1\nlatest\n");
    desk.fails(&["tags", &to.at("mirror/db")], 9);
    let nothing = desk.json(&["mirror", "mirror.toml", "--delete"]);
    assert_eq!(nothing["deletions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_rule_that_fails_loses_nothing_and_does_not_stop_the_others() {
    let (desk, server) = sources();
    let to = Server::new();
    desk.write("mirror.toml", &list(&server.host(), &to.host()));
    desk.ok(&["mirror", "mirror.toml"]);
    let gone = list(&server.host(), &to.host())
        .replace("images = [\"db\"]", "images = [\"absent\", \"db\"]")
        .replace("^1.57", "^1.58");
    desk.write("mirror.toml", &gone);
    desk.fails(&["mirror", "mirror.toml", "--delete"], 9);
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), "1.57.0\n1.58.0\nlatest\n");
    let outcome = desk.run(&["mirror", "mirror.toml", "--delete", "--keep-going"]);
    assert_eq!(outcome.code, 7, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains(&format!("error: {} has no tags", server.at("team/absent"))), "{}", outcome.stderr);
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), "1.58.0\nlatest\n");
    // The source of everything is gone: nothing is deleted.
    drop(server);
    desk.fails(&["mirror", "mirror.toml", "--delete", "--keep-going"], 4);
    assert_eq!(desk.ok(&["tags", &to.at("mirror/web")]), "1.58.0\nlatest\n");
    assert_eq!(desk.ok(&["tags", &to.at("mirror/db")]), "4.2.0-trixie\n");
}

#[test]
fn a_place_that_is_spelled_otherwise_is_the_same_place() {
    let (desk, server) = sources();
    let rule =
        |to: &str, rest: &str| format!("[[mirror]]\nfrom = \"{}\"\nto = \"{to}\"\n{rest}\n", server.at("team/web"));
    desk.write("mirror.toml", &rule("oci:mirror", "version = \"^1.57\""));
    desk.ok(&["mirror", "mirror.toml"]);
    let all = "1.57.0\n1.58.0\n";
    assert_eq!(desk.ok(&["tags", "oci:mirror"]), all);
    for to in ["oci:./mirror", "oci:absent/../mirror", &format!("oci:{}", desk.path("mirror").display())] {
        desk.write("mirror.toml", &rule(to, "version = \"^1.57\""));
        let report = desk.json(&["mirror", "mirror.toml", "--delete"]);
        assert_eq!(report["deletions"], serde_json::json!([]), "{to}");
        assert_eq!(desk.ok(&["tags", "oci:mirror"]), all);
    }
    // The list means the same place from another directory.
    desk.write("mirror.toml", &rule("oci:mirror", "version = \"^1.57\""));
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    let said = desk.run(&["-C", "elsewhere", "mirror", "../mirror.toml", "--delete"]);
    assert_eq!((said.code, desk.ok(&["tags", "oci:mirror"]).as_str()), (0, all), "{}", said.stderr);

    let collision = rule("oci:mirror", "version = \"^1.57\"")
        + &format!(
            "[[mirror]]\nfrom = \"{}\"\nto = \"oci:./mirror\"\ntags = [\"1.58.0\"]\nplatforms = [\"linux/amd64\"]\n",
            server.at("team/web")
        );
    desk.write("mirror.toml", &collision);
    assert!(desk.fails(&["mirror", "mirror.toml"], 2).contains("would both become `oci:./mirror:1.58.0`"));
}

#[test]
fn what_a_link_leads_to_since_is_not_what_the_mirror_has_put() {
    let (desk, server) = sources();
    let rule = |to: &str, version: &str| {
        format!("[[mirror]]\nfrom = \"{}\"\nto = \"{to}\"\nversion = \"{version}\"\n", server.at("team/web"))
    };
    let all = "1.57.0\n1.58.0\n";
    desk.write("mirror.toml", &rule("oci:mirror", "^1.57"));
    desk.ok(&["mirror", "mirror.toml"]);
    // Somebody keeps the same images in a place of their own, and the path of the mirror leads there from now on.
    for version in ["1.57.0", "1.58.0"] {
        desk.ok(&["copy", &server.at(&format!("team/web:{version}")), &format!("oci:own:{version}")]);
    }
    std::fs::rename(desk.path("mirror"), desk.path("earlier")).unwrap();
    std::os::unix::fs::symlink("own", desk.path("mirror")).unwrap();
    for to in ["oci:mirror", "oci:own", "oci:other"] {
        desk.write("mirror.toml", &rule(to, "^1.58"));
        let report = desk.json(&["mirror", "mirror.toml", "--delete"]);
        assert_eq!(report["deletions"], serde_json::json!([]), "{to}");
        assert_eq!(desk.ok(&["tags", "oci:own"]), all, "{to}");
    }
    // Where the path is again what it was, so are the tags.
    std::fs::remove_file(desk.path("mirror")).unwrap();
    std::fs::rename(desk.path("earlier"), desk.path("mirror")).unwrap();
    desk.write("mirror.toml", &rule("oci:mirror", "^1.58"));
    let report = desk.json(&["mirror", "mirror.toml", "--delete"]);
    assert!(report["deletions"].as_array().unwrap().iter().any(|deletion| deletion["tag"] == "1.57.0"), "{report}");
    assert_eq!(desk.ok(&["tags", "oci:mirror"]), "1.58.0\n");
    assert_eq!(desk.ok(&["tags", "oci:own"]), all);
}

#[test]
fn what_a_run_that_fails_has_put_is_the_mirrors() {
    let (desk, server) = sources();
    let step =
        |name: &str, rest: &str| format!("  - {{source: '{}/team/{name}', target: 'oci:{rest}}}\n", server.host());
    let wanted = step("web", "web', type: repository, tags: {allow: ['1\\.5[78]\\.0']}");
    let absent = step("db:absent", "db:absent', type: image");
    desk.write("regsync.yml", &format!("version: 1\nsync:\n{wanted}{absent}"));
    desk.fails(&["mirror", "regsync.yml"], 9);
    // As if it had come that far: the tag is set, and nothing after that was done.
    desk.ok(&["copy", &server.at("team/web:1.57.0"), "oci:web"]);
    desk.write("regsync.yml", &format!("version: 1\nsync:\n{}", step("web:1.56.0", "web:1.56.0', type: image")));
    let report = desk.json(&["mirror", "regsync.yml", "--delete"]);
    assert_eq!(report["deletions"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!((&report["deletions"][0]["tag"], &report["deletions"][0]["deleted"]), (&"1.57.0".into(), &true.into()));
    assert_eq!(desk.ok(&["tags", "oci:web"]), "1.56.0\n");
}

#[test]
fn marks_go_with_the_images_and_count_at_the_mirror() {
    let (desk, server) = sources();
    let to = Server::new();
    desk.write("mirror.toml", &list(&server.host(), &to.host()));
    desk.ok(&["mirror", "mirror.toml"]);
    // What is said later goes too.
    desk.ok(&["mark", &server.at("team/web:1.58.0"), "--yanked", "--reason", "broken"]);
    desk.ok(&["mirror", "mirror.toml"]);
    assert_eq!(desk.json(&["inspect", &to.at("mirror/web:1.58.0")])["life_cycle"]["yanked"], true);
    let project = format!(
        "[project]\nname = \"x\"\n[images]\nweb = {{ repo = \"{}\", version = \"^1\" }}\n",
        to.at("mirror/web")
    );
    desk.write("Supercargo.toml", &project);
    let locked = desk.json(&["lock"]);
    assert_eq!(locked["changes"][0]["to"]["version"], "1.57.0", "{locked}");
}

#[test]
fn the_lists_of_regsync_and_skopeo_are_mirrored() {
    let (desk, server) = sources();
    let (one, two) = (Server::new(), Server::new());
    let regsync = format!(
        "version: 1\nsync:\n  - {{source: '{0}/team/web:latest', target: '{1}/one:newest', type: image}}\n  - source: '{0}/team/web'\n    target: '{1}/web'\n    type: repository\n    tags:\n      allow: ['1\\.5[67].*']\n      deny: ['1\\.56.*']\n      semverRange: ['>=1.58.0 <2']\n  - source: '{0}/team/db'\n    target: '{1}/db'\n    type: repository\n",
        server.host(),
        one.host()
    );
    desk.write("regsync.yml", &regsync);
    desk.ok(&["mirror", "regsync.yml"]);
    assert_eq!(desk.ok(&["tags", &one.at("one")]), "newest\n");
    assert_eq!(desk.ok(&["tags", &one.at("web")]), "1.57.0\n1.58.0\n");
    assert_eq!(desk.ok(&["tags", &one.at("db")]), "4.1.9-trixie\n4.2.0-trixie\n");
    let skopeo = format!(
        "{}:\n  images:\n    team/db: [4.1.9-trixie]\n  images-by-tag-regex:\n    team/web: ^1\\.5[78]\n",
        server.host()
    );
    desk.write("skopeo.yaml", &skopeo);
    let said = desk.fails(&["mirror", "skopeo.yaml"], 2);
    assert!(said.contains("help: supercargo mirror skopeo.yaml --to HOST/mirror/"), "{said}");
    desk.ok(&["mirror", "skopeo.yaml", "--to", &two.at("mirror/")]);
    assert_eq!(desk.ok(&["tags", &two.at("mirror/db")]), "4.1.9-trixie\n");
    assert_eq!(desk.ok(&["tags", &two.at("mirror/web")]), "1.57.0\n1.58\n1.58.0\n");
}

#[test]
fn an_entry_of_another_tools_list_that_cannot_be_read_is_left_out_and_named() {
    let (desk, server) = sources();
    let host = server.host();
    let step = |source: &str, target: &str| format!("  - {{source: '{source}', target: '{target}', type: image}}\n");
    let web = step(&format!("{host}/team/web:1.57.0"), "oci:web:1.57.0");
    let [source, target] =
        [step("{{env \"X\"}}/a:1", "oci:a"), step(&format!("{host}/team/web:1.57.0"), "{{env \"X\"}}/a")];
    desk.write("regsync.yml", &format!("version: 1\nsync:\n{source}{target}{web}"));
    for arguments in [&["--dry-run"][..], &[]] {
        let outcome = desk.run(&[&["mirror", "regsync.yml"], arguments].concat());
        assert_eq!(outcome.code, 7, "{}", outcome.stderr);
        assert!(outcome.stdout.contains("web: 1 image: "), "{}", outcome.stdout);
        let is_told = |line: &&str| line.starts_with("warning: ") || line.starts_with("error: ");
        let told: Vec<&str> = outcome.stderr.lines().filter(is_told).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(told.join("\n"), @r#"
            warning: left out: regsync.yml:3:14: `{{env "X"}}/a:1` cannot be read: a template decides what stands here
            warning: left out: regsync.yml:4:5: `{{env "X"}}/a` is not a repository name: use lower case letters and digits, separated by `.`, `_`, `__`, dashes or `/`
            error: 2 of the entries could not be read, and the result is without them
            "#);
        }
    }
    assert_eq!(desk.ok(&["tags", "oci:web"]), "1.57.0\n");
    let skopeo = format!("{host}:\n  images:\n    team/db: ['-']\n    team/web: [1.58.0]\n");
    desk.write("skopeo.yaml", &skopeo);
    let outcome = desk.run(&["mirror", "skopeo.yaml", "--to", "oci:other/"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("warning: left out: skopeo.yaml:3:15: "), "{}", outcome.stderr);
    desk.write("regsync.yml", &format!("version: 1\nsync:\n{source}{target}"));
    insta::assert_snapshot!(desk.fails(&["mirror", "regsync.yml"], 2), @r#"error: regsync.yml:3:14: `{{env "X"}}/a:1` cannot be read: a template decides what stands here"#);
}

#[test]
fn nothing_is_deleted_for_a_list_that_cannot_be_read_whole() {
    let (desk, server) = sources();
    let host = server.host();
    let list = |first: &str| {
        let step = |version: &str, source: &str| {
            format!("  - {{source: '{source}:{version}', target: 'oci:web:{version}', type: image}}\n")
        };
        let web = format!("{host}/team/web");
        format!("version: 1\nsync:\n{}{}", step("1.57.0", first), step("1.58.0", &web))
    };
    desk.write("regsync.yml", &list(&format!("{host}/team/web")));
    desk.ok(&["mirror", "regsync.yml"]);
    desk.write("regsync.yml", &list("{{env \"X\"}}/web"));
    let outcome = desk.run(&["mirror", "regsync.yml", "--delete"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert_eq!(desk.ok(&["tags", "oci:web"]), "1.57.0\n1.58.0\n");
    let said = "note: nothing is deleted as long as an entry of the list cannot be read\n";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    // It is still the mirror's.
    desk.write("regsync.yml", &list(&format!("{host}/team/web")).replace("1.57.0", "1.58.0"));
    desk.ok(&["mirror", "regsync.yml", "--delete"]);
    assert_eq!(desk.ok(&["tags", "oci:web"]), "1.58.0\n");
}

#[test]
fn a_list_that_makes_no_sense_is_shown_with_its_place() {
    let desk = Desk::new();
    let said = |text: &str| {
        desk.write("mirror.toml", text);
        desk.fails(&["mirror", "mirror.toml"], 2)
    };
    insta::assert_snapshot!(said("[[mirror]]\nfrom = \"h.example/a\"\nto = \"h.example/b\"\nversoin = \"^1\"\n"), @r#"
    error: `versoin` is not a key that is known here
     --> mirror.toml:4:1
      |
    4 | versoin = "^1"
      | ^^^^^^^ did you mean `version`?
    help: write `version` in its place
    "#);
    insta::assert_snapshot!(said("[[mirror]]\nfrom = \"h.example/a\"\nto = \"h.example/b\"\nversion = \"^^1\"\n"), @r#"
    error: `^^1` is no requirement
     --> mirror.toml:4:12
      |
    4 | version = "^^1"
      |            ^^^ `^1` is no dotted value
    help: version = "^1.57"   # or ~4.1, =1.2.3, >=1.2, <2, 1.57.*, *
    "#);
    insta::assert_snapshot!(said("[[mirror]]\nfrom = \"h.example/\"\nto = \"h.example/b\"\n"), @r#"
    error: `from` ends with `/`, and nothing says which repositories are meant
     --> mirror.toml:2:8
      |
    2 | from = "h.example/"
      |        ^^^^^^^^^^^^
    help: images = ["shop", "shop/web"]
    "#);
    insta::assert_snapshot!(said("[[mirror]]\nfrom = \"h.example/a\"\nto = \"oci-archive:x.tar\"\n"), @r#"
    error: an archive is written once and cannot be kept in step
     --> mirror.toml:3:6
      |
    3 | to = "oci-archive:x.tar"
      |      ^^^^^^^^^^^^^^^^^^^
    help: to = "oci:DIR"
    "#);
    insta::assert_snapshot!(said("[[mirror]]\nfrom = \"h.example/a\"\nto = \"h.example/b\"\nkeep = 0\n"), @r#"
    error: `keep` is 0, not a whole number above zero
     --> mirror.toml:4:8
      |
    4 | keep = 0
      |        ^
    "#);
    insta::assert_snapshot!(said("[[mirror]]\nfrom = \"h.example/a\"\n"), @r#"
    error: `to` is missing
     --> mirror.toml:1:1
      |
    1 | [[mirror]]
      | ^^^^^^^^^^
    help: to = …   # Where to: a repository or a layout; or, with a `/` at its end, what they are put below under their names.
    "#);
    insta::assert_snapshot!(said("every = \"1h\"\n"), @r#"
    error: `mirror` is missing
     --> mirror.toml:1:1
      |
    1 | every = "1h"
      | ^
    help: mirror = …   # What goes where.
    "#);
}

#[test]
fn a_schedule_ends_when_it_is_interrupted() {
    let (desk, server) = sources();
    let to = Server::new();
    desk.write("mirror.toml", &list(&server.host(), &to.host()));
    let arguments = ["mirror", "mirror.toml", "--every", "10ms", "--format", "jsonl"];
    let mut running = desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        let round: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(round["schema"], "supercargo.mirror.v1");
    }
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(running.wait().unwrap().code(), Some(130));
}

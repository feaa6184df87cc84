//! `init`, `add`, `lock`, `update`, `outdated` and what explains them.

use crate::desk::{Desk, Outcome};
use crate::releases::{Release, publish, release};
use crate::server::Server;

/// Returns a desk with a project of three images on it, which is not locked yet, and the registry of its images.
pub(crate) fn project() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let collector = [
        release("2025-01-10", &["1.56.0"]),
        release("2025-02-10", &["1.57.0"]),
        release("2025-03-10", &["1.58.0", "1.58", "1", "latest"]),
    ];
    publish(&desk, &server, "jaeger/collector", &collector);
    publish(&desk, &server, "jaeger/query", &[release("2025-02-11", &["1.57.0"]), release("2025-03-11", &["1.58.0"])]);
    let db = [release("2025-01-01", &["4.1.9-bookworm"]), release("2025-01-02", &["4.1.10-bookworm", "4.1.10-trixie"])];
    publish(&desk, &server, "db", &db);
    desk.write("Supercargo.toml", &text(&server));
    (desk, server)
}

pub(crate) fn text(server: &Server) -> String {
    format!(
        "# ours\n[project]\nname = \"jaeger\"\nplatforms = [\"linux/amd64\"]\n\n[registries.up]\nhost = \"{}\"\n\n[images]\n\
         collector = {{ repo = \"up/jaeger/collector\", version = \"^1.56\" }}\n\
         query     = {{ repo = \"up/jaeger/query\", version = \"^1.57\", follows = \"collector\" }} # with it\n\
         storage   = {{ repo = \"up/db\", version = \"~4.1\", tag = \"{{version}}-{{os}}\", axes = {{ os = \"bookworm\" }} }}\n",
        server.host()
    )
}

/// Returns output with what is different in every run taken out.
pub(crate) fn stable(text: &str, server: &Server) -> String {
    text.replace(&server.host(), "HOST")
}

pub(crate) fn read(desk: &Desk, name: &str) -> String {
    std::fs::read_to_string(desk.path(name)).unwrap()
}

#[test]
fn a_project_is_locked_and_stays_as_it_is() {
    let (desk, server) = project();
    insta::assert_snapshot!(desk.ok(&["lock"]), @r#"
    IMAGE      FROM  TO
    collector  -     1.58.0
    query      -     1.58.0  follows:collector
    storage    -     4.1.10
    "#);
    let locked = read(&desk, "Supercargo.lock");
    let beginning = locked.lines().take(30).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(without_digests(&stable(&beginning, &server)), @r#"
    # Written by supercargo; commit it, and let `supercargo lock` change it.
    lock-version = 1

    [[image]]
    name = "collector"
    repo = "HOST/jaeger/collector"
    version = "1.58.0"
    tag = "1.58.0"
    aliases = ["1", "1.58", "latest"]
    digest = "sha256:…"
    kind = "index"
    created = "2025-03-10T10:00:00Z"
    created-from = "config"
    chosen = "highest"

    [[image.platform]]
    on = "linux/amd64"
    digest = "sha256:…"
    config = "sha256:…"
    layers = [
      "sha256:…",
      "sha256:…",
    ]
    bytes = 15881

    [[image.platform]]
    on = "linux/arm64"
    digest = "sha256:…"
    config = "sha256:…"
    layers = [
    "#);
    assert_eq!(desk.ok(&["lock"]), "");
    assert_eq!(read(&desk, "Supercargo.lock"), locked);
    publish(&desk, &server, "jaeger/collector", &[release("2025-04-10", &["1.59.0"])]);
    desk.ok(&["lock"]);
    desk.write("Supercargo.toml", &text(&server).replace("^1.56", "^1"));
    desk.ok(&["lock"]);
    assert_eq!(read(&desk, "Supercargo.lock"), locked, "a new release, and a wider range");
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    desk.write("Supercargo.toml", &text(&server).replace("^1.56", "~1.58"));
    desk.ok(&["lock"]);
    assert_eq!(read(&desk, "Supercargo.lock"), locked, "made anew");
}

#[test]
fn outdated_says_what_an_update_would_take() {
    let (desk, server) = project();
    desk.ok(&["lock", "--as-of", "2025-02-28"]);
    insta::assert_snapshot!(without_age(&desk.ok(&["outdated"])), @r#"
    IMAGE      LOCKED  IN RANGE  LATEST   AGE  NOTES
    collector  1.57.0  1.58.0    1.58.0  #d
    query      1.57.0  1.58.0    1.58.0  #d  follows collector
    storage    4.1.10  4.1.10    4.1.10  #d
    "#);
    let json = desk.json(&["outdated"]);
    assert_eq!(json["images"][0]["outdated"], true);
    assert_eq!(desk.run(&["outdated", "--exit-code"]).code, 1);
    insta::assert_snapshot!(desk.ok(&["update"]), @r#"
    IMAGE      FROM    TO
    collector  1.57.0  1.58.0
    query      1.57.0  1.58.0  follows:collector
    "#);
    assert_eq!(desk.run(&["outdated", "--exit-code"]).code, 0);
    // The tag of a locked version is pointed elsewhere.
    publish(&desk, &server, "db", &[release("2025-09-09", &["4.1.10-bookworm"])]);
    let said = without_age(&desk.ok(&["outdated"]));
    assert!(said.contains("MOVED: now sha256:"), "{said}");
    let Outcome { code, stderr, .. } = desk.run(&["update"]);
    assert_eq!(code, 0);
    assert!(stderr.contains("warning: `storage`: the tag 4.1.10-bookworm names sha256:"), "{stderr}");
    desk.write("Supercargo.toml", &format!("{}\n[policy]\nmoved-tags = \"error\"\n", text(&server)));
    desk.fails(&["update"], 6);
    desk.write("Supercargo.toml", &format!("{}\n[policy]\nmoved-tags = \"follow\"\n", text(&server)));
    let moved = desk.ok(&["update"]);
    assert!(moved.contains("is now sha256:"), "{moved}");
}

/// Takes the column of ages out, which grow.
pub(crate) fn without_age(table: &str) -> String {
    let age = |word: &str| word.ends_with('d') && word[..word.len() - 1].parse::<u64>().is_ok();
    let line =
        |line: &str| line.split(' ').map(|word| if age(word) { "#d" } else { word }).collect::<Vec<_>>().join(" ");
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn updates_move_what_is_named_and_what_it_needs() {
    let (desk, _server) = project();
    desk.ok(&["lock", "--as-of", "2025-02-28"]);
    insta::assert_snapshot!(desk.ok(&["update", "query"]), @r#"
    IMAGE      FROM    TO
    collector  1.57.0  1.58.0  forced-by:query
    query      1.57.0  1.58.0  follows:collector
    "#);
    insta::assert_snapshot!(desk.ok(&["update", "collector", "--precise", "1.57.0"]), @r#"
    IMAGE      FROM    TO
    collector  1.58.0  1.57.0  precise
    query      1.58.0  1.57.0  follows:collector
    "#);
    desk.ok(&["hold", "collector"]);
    assert_eq!(desk.ok(&["update"]), "");
    let said = desk.fails(&["update", "query", "--precise", "1.58.0"], 3);
    insta::assert_snapshot!(said, @r#"
    error: no solution for `query`
      --> Supercargo.toml:11:51
       |
    11 | query     = { repo = "up/jaeger/query", version = "^1.57", follows = "collector" } # with it
       |                                                   ^^^^^^^ query =1.58.0 (precise) is required
       = query needs collector same version
       = collector is limited to =1.57.0 (held) (Supercargo.toml:10)
    help: supercargo candidates query
    "#);
    desk.ok(&["unhold", "collector"]);
    assert!(desk.ok(&["update"]).contains("1.58.0"));
    desk.fails(&["update", "nobody"], 9);
    desk.fails(&["update", "--precise", "1"], 2);
}

#[test]
fn the_lock_is_explained_without_a_registry() {
    let (desk, server) = project();
    desk.ok(&["lock"]);
    let why = stable(&desk.ok(&["why", "query"]), &server);
    insta::assert_snapshot!(without_digests(&why), @r#"
    query 1.58.0  HOST/jaeger/query:1.58.0@sha256:…
      chosen: it has the version of collector
      asked:  version ^1.57  (Supercargo.toml:11)
      asked:  follows collector  (Supercargo.toml:11)
      needs:  collector =1.58.0
      made:   2025-03-11T10:00:00Z, says its config
    "#);
    insta::assert_snapshot!(without_digests(&desk.ok(&["tree", "--artifacts"])), @r#"
    collector 1.58.0  sha256:…  2 platforms
      + sbom application/spdx+json sha256:…
    query 1.58.0  sha256:…  2 platforms
      + sbom application/spdx+json sha256:…
      └ collector 1.58.0  sha256:…  2 platforms (=1.58.0)
          + sbom application/spdx+json sha256:…
    storage 4.1.10  sha256:…  2 platforms
      + sbom application/spdx+json sha256:…
    "#);
    insta::assert_snapshot!(without_digests(&desk.ok(&["tree", "--invert", "collector"])), @r#"
    collector 1.58.0  sha256:…  2 platforms
      └ query 1.58.0  sha256:…  2 platforms (=1.58.0)
    "#);
    drop(server);
    desk.ok(&["tree"]);
    desk.ok(&["why", "storage"]);
    desk.ok(&["lock", "--check"]);
    desk.ok(&["lock"]);
    desk.fails(&["candidates", "query"], 4);
    desk.fails(&["outdated"], 4);
}

/// Returns text with single blanks: how wide a column is depends on the port of a registry.
pub(crate) fn squeezed(text: &str) -> String {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

pub(crate) fn without_digests(text: &str) -> String {
    let mut rest = text;
    let mut shown = String::new();
    while let Some((before, after)) = rest.split_once("sha256:") {
        shown.push_str(before);
        shown.push_str("sha256:…");
        rest = after.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
    }
    shown + rest
}

#[test]
fn a_stale_lock_is_told_from_a_fresh_one() {
    let (desk, server) = project();
    let said = desk.fails(&["lock", "--check"], 1);
    assert!(said.contains("error: there is no Supercargo.lock"), "{said}");
    desk.ok(&["lock"]);
    assert_eq!(desk.ok(&["lock", "--check"]), "");
    desk.write("Supercargo.toml", &text(&server).replace("^1.56", "~1.57"));
    insta::assert_snapshot!(desk.fails(&["lock", "--check"], 1), @r#"
    error: Supercargo.lock is not up to date
       = `collector` is locked at 1.58.0, and ~1.57 is wanted
    help: supercargo lock
    "#);
    desk.fails(&["tree", "--locked"], 1);
    assert!(desk.ok(&["tree", "--frozen"]).contains("1.58.0"));
    assert!(desk.ok(&["tree"]).contains("1.57.0"));
    assert_eq!(desk.ok(&["lock", "--check"]), "");
}

#[test]
fn candidates_have_their_reasons() {
    let (desk, server) = project();
    let amd64 = Release { tags: &["1.59.0"], day: "2025-05-01", platforms: &["linux/arm64"] };
    publish(
        &desk,
        &server,
        "jaeger/collector",
        &[amd64, release("2025-05-02", &["2.0.0"]), release("2025-05-03", &["1.60.0-rc.1"])],
    );
    insta::assert_snapshot!(desk.ok(&["candidates", "collector"]), @r#"
       VERSION      TAG          REASON
       2.0.0        2.0.0        ^1.56 is wanted
       1.60.0-rc.1  1.60.0-rc.1  it is a prerelease
       1.59.0       1.59.0       query needs same version
    *  1.58.0       1.58.0       forced-by:query
       1.57.0       1.57.0       query needs same version
       1.56.0       1.56.0       query needs same version
    "#);
    assert_eq!(desk.json(&["candidates", "collector"])["candidates"][1]["code"], "prerelease");
}

#[test]
fn what_cannot_be_is_explained_with_its_line() {
    let (desk, server) = project();
    desk.write("Supercargo.toml", &text(&server).replace("^1.56", "~1.56"));
    insta::assert_snapshot!(desk.fails(&["lock"], 3), @r#"
    error: no solution for `query`
      --> Supercargo.toml:11:51
       |
    11 | query     = { repo = "up/jaeger/query", version = "^1.57", follows = "collector" } # with it
       |                                                   ^^^^^^^ query is required
       = query needs collector 1.57.0 to 1.58.0 (same version)
       = collector is limited to ~1.56 (Supercargo.toml:10)
    help: supercargo candidates query
    "#);
    assert!(!desk.path("Supercargo.lock").exists());
    desk.write("Supercargo.toml", &text(&server).replace("follows", "folows"));
    insta::assert_snapshot!(desk.fails(&["lock"], 2), @r#"
    error: `folows` is not a key that is known here
      --> Supercargo.toml:11:60
       |
    11 | query     = { repo = "up/jaeger/query", version = "^1.57", folows = "collector" } # with it
       |                                                            ^^^^^^ did you mean `follows`?
    help: write `follows` in its place
    "#);
    desk.write(
        "Supercargo.toml",
        &text(&server).replace("tag = \"{version}-{os}\", axes = { os = \"bookworm\" }", "optional = false"),
    );
    insta::assert_snapshot!(stable(&desk.fails(&["lock"], 3), &server), @r#"
    error: `storage` has no versions among the 3 tags of HOST/db
      --> Supercargo.toml:12:41
       |
    12 | storage   = { repo = "up/db", version = "~4.1", optional = false }
       |                                         ^^^^^^
       = there is {version}-bookworm (2 versions, newest 4.1.10-bookworm)
       = there is {version}-trixie (1 versions, newest 4.1.10-trixie)
    help: set `variant` of `storage`: bookworm
    "#);
    desk.write("Supercargo.toml", &text(&server).replace("up/db", "up/absent"));
    desk.fails(&["lock"], 9);
}

#[test]
fn images_are_added_and_taken_out() {
    let (desk, server) = (Desk::new(), Server::new());
    let releases = [
        release("2025-01-10", &["3.12.1", "3.12.1-slim", "3.12", "3.12-slim"]),
        release("2025-02-10", &["3.13.0", "3.13.0-slim", "3.13", "3", "latest"]),
    ];
    publish(&desk, &server, "python", &releases);
    assert_eq!(desk.ok(&["init", "--name", "app"]), "Supercargo.toml\n");
    desk.fails(&["init"], 2);
    let python = server.at("python");
    insta::assert_snapshot!(desk.ok(&["add", &python]), @r#"
    IMAGE   FROM  TO
    python  -     3.13.0
    "#);
    desk.ok(&["add", &format!("{python}:3.12-slim"), "--as", "old"]);
    desk.ok(&["add", &format!("{python}@=3.12.1"), "--as", "pinned", "--variant", "slim", "--group", "dev"]);
    insta::assert_snapshot!(stable(&read(&desk, "Supercargo.toml"), &server), @r#"
    [project]
    name = "app"

    [images]
    python = { repo = "HOST/python", version = "^3.13" }
    old = { repo = "HOST/python", version = "~3.12", variant = "slim" }
    pinned = { repo = "HOST/python", version = "=3.12.1", variant = "slim", groups = ["dev"] }
    "#);
    desk.fails(&["add", &python], 2);
    desk.fails(&["add", &format!("{python}@^4"), "--as", "new"], 3);
    let before = read(&desk, "Supercargo.toml");
    assert!(!before.contains("new ="));
    insta::assert_snapshot!(desk.ok(&["remove", "old", "python"]), @r#"
    IMAGE   FROM    TO
    old     3.12.1  -
    python  3.13.0  -
    "#);
    desk.fails(&["remove", "old"], 9);
}

#[test]
fn locks_are_compared() {
    let (desk, server) = project();
    desk.ok(&["lock", "--as-of", "2025-02-28"]);
    std::fs::copy(desk.path("Supercargo.lock"), desk.path("old.lock")).unwrap();
    desk.ok(&["update"]);
    insta::assert_snapshot!(desk.ok(&["diff", "old.lock"]), @r#"
    IMAGE      FROM    TO
    collector  1.57.0  1.58.0
    query      1.57.0  1.58.0  follows:collector
    "#);
    assert_eq!(desk.run(&["diff", "old.lock", "--exit-code"]).code, 1);
    assert_eq!(desk.run(&["diff", "old.lock", "old.lock", "--exit-code"]).code, 0);
    desk.fails(&["diff", "absent.lock"], 9);
    drop(server);
}

#[test]
fn the_state_of_a_day_can_be_had_again() {
    let (desk, _server) = project();
    for (day, collector) in [("2025-02-15", "1.57.0"), ("2025-03-10", "1.58.0"), ("2025-03-11", "1.58.0")] {
        let query = if day == "2025-03-10" { "1.57.0" } else { collector };
        let collector = query;
        let changes = desk.json(&["lock", "--as-of", day, "--dry-run"]);
        assert_eq!(changes["changes"][0]["to"]["version"], collector, "{day}");
        assert_eq!(changes["changes"][1]["to"]["version"], query, "{day}");
    }
    desk.fails(&["lock", "--as-of", "2024-01-01"], 3);
    let said = desk.fails(&["lock", "--as-of", "yesterday"], 2);
    assert!(said.contains("--as-of"), "{said}");
}

#[test]
fn a_file_of_the_users_keeps_its_mode_and_the_links_to_it() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (desk, server) = (Desk::new(), Server::new());
    publish(&desk, &server, "python", &[release("2025-01-10", &["3.12.1"])]);
    desk.ok(&["init", "--name", "app"]);
    std::fs::create_dir(desk.path("kept")).unwrap();
    std::fs::rename(desk.path("Supercargo.toml"), desk.path("kept/app.toml")).unwrap();
    symlink("kept/app.toml", desk.path("Supercargo.toml")).unwrap();
    let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(desk.path("kept/app.toml"), only_mine).unwrap();
    desk.ok(&["add", &server.at("python")]);
    assert!(desk.path("Supercargo.toml").is_symlink());
    assert!(read(&desk, "kept/app.toml").contains("python = "));
    assert_eq!(desk.path("kept/app.toml").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // What is no file is written into.
    assert!(std::process::Command::new("mkfifo").arg(desk.path("pipe")).status().unwrap().success());
    let pipe = desk.path("pipe");
    let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
    desk.ok(&["export", "--as", "imgpkg", "--output", "pipe"]);
    assert!(!desk.path("pipe").is_file(), "it is a pipe still");
    assert_eq!(reader.join().unwrap(), desk.ok(&["export", "--as", "imgpkg"]));
}

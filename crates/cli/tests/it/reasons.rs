//! What can be wrong with an image that was locked: each has its exit code, a word for programs and a command that helps. And
//! every exit code of the table, provoked.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::desk::{Desk, Outcome, blob_path};
use crate::project::{squeezed, stable, without_age, without_digests};
use crate::releases::{Release, publish, release};
use crate::server::Server;

/// Returns a desk with a project of one image, which is locked at 1.1.0.
fn shop() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let releases = [release("2025-01-10", &["1.0.0"]), release("2025-02-10", &["1.1.0"])];
    publish(&desk, &server, "shop/web", &releases);
    ask(&desk, &server, "^1", "");
    desk.ok(&["lock"]);
    (desk, server)
}

/// Writes the project, which asks for these versions.
fn ask(desk: &Desk, server: &Server, version: &str, policy: &str) {
    desk.write(
        "Supercargo.toml",
        &format!(
            "[project]\nplatforms = [\"linux/amd64\"]\n\n[registries.up]\nhost = \"{}\"\n\n[images]\n\
             web = {{ repo = \"up/shop/web\", version = \"{version}\" }}\n{policy}",
            server.host()
        ),
    );
}

/// Returns exit code and output of a command, without what is different in every run.
fn said(desk: &Desk, server: &Server, arguments: &[&str]) -> String {
    let Outcome { code, stdout, stderr } = desk.run(arguments);
    let text = format!("{stdout}-- exit {code}\n{stderr}");
    squeezed(&without_age(&without_digests(&stable(&text, server))))
}

/// Returns the words for what is wrong with the image.
fn reasons(desk: &Desk) -> Value {
    desk.json(&["outdated"])["images"][0]["reasons"].clone()
}

fn code(desk: &Desk, version: &str) -> Value {
    let document = desk.json(&["candidates", "web"]);
    let rows = document["candidates"].as_array().unwrap();
    rows.iter().find(|row| row["version"] == version).unwrap()["code"].clone()
}

const OUTDATED: &[&str] = &["outdated", "--exit-code"];

#[test]
fn a_moved_tag() {
    let (desk, server) = shop();
    publish(&desk, &server, "shop/web", &[release("2025-03-10", &["1.1.0"])]);
    insta::assert_snapshot!(said(&desk, &server, OUTDATED), @r"
    IMAGE LOCKED IN RANGE LATEST AGE NOTES
    web 1.1.0 1.1.0 1.1.0 #d MOVED: now sha256:…
    -- exit 1
    note: 0 updates in range, 0 beyond it, 1 tag moved
    note: web: run: supercargo history HOST/shop/web:1.1.0
    ");
    assert_eq!(reasons(&desk), serde_json::json!(["moved"]));
    ask(&desk, &server, "^1", "\n[policy]\nmoved-tags = \"error\"\n");
    insta::assert_snapshot!(said(&desk, &server, &["update"]), @r"
    -- exit 6
    error: `web`: the tag 1.1.0 names sha256:… now, and is locked as sha256:…
    help: supercargo history HOST/shop/web:1.1.0
    ");
}

#[test]
fn a_vanished_digest() {
    let (desk, server) = shop();
    let locked = desk.json(&["outdated"])["images"][0]["locked"].clone();
    assert_eq!(locked, "1.1.0");
    let tag = server.at("shop/web:1.1.0");
    let digest = desk.json(&["inspect", &tag])["manifest"]["digest"].as_str().unwrap().to_owned();
    desk.ok(&["delete", &tag]);
    insta::assert_snapshot!(said(&desk, &server, OUTDATED), @r"
    IMAGE LOCKED IN RANGE LATEST AGE NOTES
    web 1.1.0 1.0.0 1.0.0 #d its tag is gone
    -- exit 1
    note: 1 update in range, 0 beyond it, 0 tags moved. run: supercargo update
    note: web: run: supercargo candidates web
    ");
    assert_eq!(reasons(&desk), serde_json::json!(["outdated", "vanished"]));
    desk.ok(&["delete", &server.at(&format!("shop/web@{digest}"))]);
    insta::assert_snapshot!(said(&desk, &server, &["verify"]), @r"
    web: not as it is locked, in HOST/shop/web
    manifest sha256:… is not there
    -- exit 1
    ");
    assert_eq!(
        crate::desk::document(&desk.run(&["verify", "--format", "json"]).stdout)["images"][0]["findings"][0]["kind"],
        "missing"
    );
    insta::assert_snapshot!(said(&desk, &server, &["vendor"]), @r"
    -- exit 9
    error: HOST/shop/web has no manifest sha256:…
    help: supercargo tags HOST/shop/web
    ");
}

#[test]
fn a_yanked_version() {
    let (desk, server) = shop();
    desk.ok(&["mark", &server.at("shop/web:1.1.0"), "--yanked", "--reason", "loses orders"]);
    insta::assert_snapshot!(said(&desk, &server, OUTDATED), @r"
    IMAGE LOCKED IN RANGE LATEST AGE NOTES
    web 1.1.0 1.0.0 1.1.0 #d withdrawn: loses orders
    -- exit 1
    note: 1 update in range, 0 beyond it, 0 tags moved. run: supercargo update
    note: web: run: supercargo candidates web
    ");
    assert_eq!(reasons(&desk), serde_json::json!(["outdated", "yanked"]));
    assert_eq!(code(&desk, "1.1.0"), "yanked");
    ask(&desk, &server, "=1.1.0", "");
    insta::assert_snapshot!(said(&desk, &server, &["update"]), @r#"
    -- exit 3
    error: no solution for `web`
    --> Supercargo.toml:8:41
    |
    8 | web = { repo = "up/shop/web", version = "=1.1.0" }
    | ^^^^^^^^ web =1.1.0 is required
    = web 1.1.0 cannot be used: it was withdrawn: loses orders; 1.0.0 is the newest that can
    help: supercargo candidates web
    "#);
}

#[test]
fn a_version_at_its_end() {
    let (desk, server) = shop();
    desk.ok(&["mark", &server.at("shop/web:1.1.0"), "--eol", "2025-06-01"]);
    insta::assert_snapshot!(said(&desk, &server, OUTDATED), @r"
    IMAGE LOCKED IN RANGE LATEST AGE NOTES
    web 1.1.0 1.1.0 1.1.0 #d unsupported since 2025-06-01
    -- exit 1
    warning: `web` 1.1.0 is no longer supported
    note: 0 updates in range, 0 beyond it, 0 tags moved
    note: web: run: supercargo candidates web
    ");
    assert_eq!(reasons(&desk), serde_json::json!(["end-of-life"]));
    let policy = "\n[policy]\neol = \"deny\"\n";
    ask(&desk, &server, "^1", policy);
    assert_eq!(code(&desk, "1.1.0"), "end-of-life");
    ask(&desk, &server, "=1.1.0", policy);
    insta::assert_snapshot!(said(&desk, &server, &["update"]), @r#"
    -- exit 3
    error: no solution for `web`
    --> Supercargo.toml:8:41
    |
    8 | web = { repo = "up/shop/web", version = "=1.1.0" }
    | ^^^^^^^^ web =1.1.0 is required
    = web 1.1.0 cannot be used: it is no longer supported; 1.0.0 is the newest that can
    help: supercargo candidates web
    "#);
}

#[test]
fn a_superseded_version() {
    let (desk, server) = shop();
    desk.ok(&["mark", &server.at("shop/web:1.1.0"), "--superseded-by", "registry.example/store:2"]);
    insta::assert_snapshot!(said(&desk, &server, OUTDATED), @r"
    IMAGE LOCKED IN RANGE LATEST AGE NOTES
    web 1.1.0 1.1.0 1.1.0 #d superseded by registry.example/store:2
    -- exit 1
    warning: `web` 1.1.0 is superseded by registry.example/store:2
    note: 0 updates in range, 0 beyond it, 0 tags moved
    note: web: run: supercargo candidates web
    ");
    assert_eq!(reasons(&desk), serde_json::json!(["superseded"]));
}

#[test]
fn a_missing_platform() {
    let (desk, server) = shop();
    let arm64 = Release { tags: &["1.2.0"], day: "2025-05-01", platforms: &["linux/arm64"] };
    publish(&desk, &server, "shop/web", &[arm64]);
    insta::assert_snapshot!(said(&desk, &server, &["candidates", "web"]), @r"
    VERSION TAG REASON
    1.2.0 1.2.0 it is not there for linux/amd64
    * 1.1.0 1.1.0 highest
    1.0.0 1.0.0 it is older than the one that is taken
    -- exit 0
    ");
    assert_eq!(code(&desk, "1.2.0"), "not-on-platform");
    ask(&desk, &server, "^1.2", "");
    insta::assert_snapshot!(said(&desk, &server, &["update"]), @r#"
    -- exit 3
    error: no solution for `web`
    --> Supercargo.toml:8:41
    |
    8 | web = { repo = "up/shop/web", version = "^1.2" }
    | ^^^^^^ web ^1.2 is required
    = web 1.2.0 cannot be used: it is not there for linux/amd64; 1.1.0 is the newest that can
    help: supercargo candidates web
    "#);
}

/// Returns the exit codes of the table in the help, with what they mean.
fn table(desk: &Desk) -> BTreeMap<i32, String> {
    let help = desk.ok(&["--help"]);
    let table = help.split_once("Exit codes:\n").unwrap().1;
    let row = |line: &str| {
        let (code, meaning) = line.trim().split_once(' ')?;
        Some((code.parse().ok()?, meaning.trim().to_owned()))
    };
    table.lines().map_while(row).collect()
}

/// Interrupts a command that waits for a registry that says nothing. Returns its exit code.
fn interrupted(desk: &Desk) -> i32 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/app:1", listener.local_addr().unwrap());
    let mut child = desk.command(&["inspect", &image]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    // It listens for signals before it asks anybody.
    let connection = listener.accept().unwrap();
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let code = child.wait().unwrap().code().unwrap();
    drop(connection);
    code
}

#[test]
fn every_exit_code_of_the_help_can_be_provoked() {
    let (desk, server) = shop();
    let locked = Server::locked();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let application = testkit::application::WholeGraph::default().build();
    application.write_layout(&desk.path("app"));
    application.write_layout(&desk.path("torn"));
    std::fs::remove_file(blob_path(&desk.path("torn"), &application.named("base-layer").digest)).unwrap();
    desk.write("list", "oci:app:1.0 oci:one:1\noci:app:absent oci:two:1\n");
    let run = |arguments: &[&str]| desk.run(arguments).code;

    let mut provoked = BTreeMap::new();
    provoked.insert(0, run(&["lock", "--check"]));
    ask(&desk, &server, "=1.0.0", "");
    provoked.insert(1, run(&["lock", "--check"]));
    provoked.insert(2, run(&["lock", "--no-such-option"]));
    ask(&desk, &server, "^7", "");
    provoked.insert(3, run(&["lock"]));
    provoked.insert(4, run(&["inspect", &format!("{free}/app:1")]));
    provoked.insert(5, run(&["copy", "oci:app:1.0", &locked.at("app:1")]));
    provoked.insert(6, run(&["copy", "oci:torn:1.0", "oci:to:3"]));
    provoked.insert(7, run(&["copy", "--from-file", "list", "--keep-going"]));
    let blocked = "[[registry]]\nlocation = \"blocked.example\"\nblocked = true\n";
    desk.write("home/.config/containers/registries.conf", blocked);
    provoked.insert(8, run(&["inspect", "blocked.example/app:1"]));
    provoked.insert(9, run(&["inspect", "oci:app:absent"]));
    // A disk without space.
    let full = File::options().write(true).open("/dev/full").unwrap();
    provoked.insert(10, desk.command(&["tags", "oci:app"]).stdout(full).status().unwrap().code().unwrap());
    // Not even what the program needs of the system to begin with.
    let mut starved = Command::new("sh");
    starved.args(["-c", "ulimit -n 4; exec \"$0\" tags oci:app", env!("CARGO_BIN_EXE_supercargo")]);
    starved.current_dir(desk.path("")).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    provoked.insert(70, starved.status().unwrap().code().unwrap());
    provoked.insert(130, interrupted(&desk));

    for (wanted, code) in &provoked {
        assert_eq!(wanted, code, "{}", table(&desk)[wanted]);
    }
    assert!(provoked.keys().eq(table(&desk).keys()), "{:?}", table(&desk));
}

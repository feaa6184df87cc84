//! Tags that move: which exact version they name, by the digest.

use testkit::proxy::HttpProxy;

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

fn shop() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let releases = [
        release("2026-01-01", &["1.56.0", "1.56"]),
        release("2026-02-01", &["1.57.0", "1.57"]),
        release("2026-03-01", &["1.57.1", "1", "latest"]),
    ];
    publish(&desk, &server, "web", &releases);
    (desk, server)
}

fn project(desk: &Desk, server: &Server, wanted: &str) {
    let host = server.host();
    desk.write("Supercargo.toml", &format!("[images]\nweb = {{ repo = \"{host}/web\", {wanted} }}\n"));
}

fn lock(desk: &Desk) -> String {
    std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap()
}

#[test]
fn the_exact_version_that_a_moving_tag_names_is_shown() {
    let (desk, server) = shop();
    insta::assert_snapshot!(desk.ok(&["tags", &server.at("web"), "--explain"]), @r#"
    TAG     KIND      VERSION  SAME AS  UPDATE  TRACK
    1       floating  1        1.57.1   -       {version}
    1.56    floating  1.56     1.56.0   -       {version}
    1.56.0  release   1.56.0   -        1.57.1  {version}
    1.57    floating  1.57     1.57.0   -       {version}
    1.57.0  release   1.57.0   -        1.57.1  {version}
    1.57.1  release   1.57.1   -        -       {version}
    latest  floating  -        1.57.1   -       -
    "#);
    assert_eq!(desk.json(&["tags", &server.at("web"), "--explain"])["tags"][0]["same_as"], "1.57.1");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = runtime.block_on(HttpProxy::start(server.host().parse().unwrap()));
    desk.ok(&["tags", &format!("{}/web", proxy.address()), "--explain"]);
    let asked = proxy.log().exchanges();
    let asked =
        |method: &str| asked.iter().filter(|one| one.method == method && one.path.contains("/manifests/")).count();
    assert_eq!((asked("GET"), asked("HEAD")), (0, 7));
}

#[test]
fn of_many_moving_tags_so_many_are_looked_up() {
    let (desk, server) = (Desk::new(), Server::new());
    let tags: Vec<String> = (0..50).flat_map(|minor| [format!("1.{minor}"), format!("1.{minor}.0")]).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    publish(&desk, &server, "web", &[release("2026-01-01", &tags)]);
    let outcome = desk.run(&["tags", &server.at("web"), "--explain"]);
    assert_eq!(outcome.code, 0);
    assert!(
        outcome.stderr.contains("18 moving tags not looked up; 64 tags are asked what they name"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stdout.lines().any(|line| line.starts_with("1.49 ") && line.contains(" 1.49.0 ")),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_moving_tag_is_locked_as_the_exact_version_that_it_names() {
    for (wanted, aliases) in [("tag = \"latest\"", "[\"1\", \"latest\"]"), ("tag = \"1\"", "[\"1\", \"latest\"]")] {
        let (desk, server) = shop();
        project(&desk, &server, wanted);
        desk.ok(&["lock"]);
        let locked = lock(&desk);
        let expected = format!("version = \"1.57.1\"\ntag = \"1.57.1\"\naliases = {aliases}\n");
        assert!(locked.contains(&expected), "{locked}");
        assert!(!locked.contains("floating"), "{locked}");
        desk.ok(&["lock", "--locked"]);
        assert_eq!(desk.ok(&["update"]), "");
        assert_eq!(desk.run(&["outdated", "--exit-code"]).code, 0);
        // The tag moves on.
        let moved = [release("2026-04-01", &["1.58.0", "1", "latest"])];
        publish(&desk, &server, "web", &moved);
        assert_eq!(desk.run(&["outdated", "--exit-code"]).code, 1);
        assert_eq!(desk.ok(&["update"]), "IMAGE  FROM    TO\nweb    1.57.1  1.58.0\n");
        desk.ok(&["lock", "--locked"]);
    }
}

#[test]
fn a_moving_tag_that_names_nothing_exact_is_locked_as_what_it_is() {
    let (desk, server) = shop();
    publish(&desk, &server, "web", &[release("2026-05-01", &["latest"])]);
    project(&desk, &server, "tag = \"latest\"");
    desk.ok(&["lock"]);
    let locked = lock(&desk);
    assert!(locked.contains("tag = \"latest\"\n") && locked.contains("floating = true\n"), "{locked}");
}

#[test]
fn a_newer_tag_for_the_same_digest_is_no_update() {
    let (desk, server) = shop();
    project(&desk, &server, "version = \"^1\"");
    desk.ok(&["lock"]);
    let locked = lock(&desk);
    desk.ok(&["tag", &server.at("web:1.57.1"), "1.57.2"]);
    let said = desk.ok(&["outdated"]);
    let row = said.lines().find(|line| line.starts_with("web ")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[1..4], ["1.57.1", "1.57.1", "1.57.1"], "{said}");
    assert!(row.ends_with("1.57.2 is the same image"), "{said}");
    assert_eq!(desk.run(&["outdated", "--exit-code"]).code, 0);
    assert_eq!(desk.ok(&["update"]), "");
    assert_eq!(lock(&desk), locked);
    // Unless the newer name is what is asked for.
    desk.ok(&["update", "web", "--precise", "1.57.2"]);
    assert!(lock(&desk).contains("tag = \"1.57.2\"\n"));
}

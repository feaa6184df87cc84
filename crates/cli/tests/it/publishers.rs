//! What the publishers of images declare: package descriptors, and annotations that stand for them.

use serde_json::json;

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

const TYPE: &str = "application/vnd.supercargo.package.v1+json";

/// Returns a project of two images of which the newest go with each other unless somebody says otherwise.
fn shop() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let query = [release("2026-01-10", &["1.57.0"]), release("2026-02-10", &["1.58.0"])];
    publish(&desk, &server, "shop/query", &query);
    let db = [release("2026-01-01", &["4.1.6"]), release("2026-01-02", &["4.1.7"]), release("2026-01-03", &["5.0.0"])];
    publish(&desk, &server, "shop/db", &db);
    project(&desk, &server, "");
    (desk, server)
}

fn project(desk: &Desk, server: &Server, more: &str) {
    let host = server.host();
    desk.write(
        "Supercargo.toml",
        &format!(
            "[images]\nquery = {{ repo = \"{host}/shop/query\", version = \"^1.58\" }}\ndb = {{ repo = \"{host}/shop/db\" }}\n{more}"
        ),
    );
}

fn describe(desk: &Desk, server: &Server, tag: &str, fields: &serde_json::Value) {
    let mut package = json!({ "schema": "supercargo.package.v1" });
    package.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    desk.write("package.json", &package.to_string());
    desk.ok(&["attach", &server.at(&format!("shop/query:{tag}")), "--type", TYPE, "package.json"]);
}

fn needs_an_older_db(desk: &Desk, server: &Server) {
    let db = server.at("shop/db");
    let fields = json!({
        "name": "shop query", "version": "1.58.0", "license": "Apache-2.0", "created": "2026-02-09T08:00:00Z",
        "requires": [{ "repository": db, "requirement": "^4.1" }],
        "conflicts": [{ "repository": db, "requirement": "=4.1.7" }],
    });
    describe(desk, server, "1.58.0", &fields);
}

fn versions(desk: &Desk) -> Vec<String> {
    let lock = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    lock.lines().filter_map(|line| Some(line.strip_prefix("version = ")?.trim_matches('"').to_owned())).collect()
}

#[test]
fn what_a_publisher_declares_is_part_of_the_resolution() {
    let (desk, server) = shop();
    desk.ok(&["lock", "--dry-run"]);
    needs_an_older_db(&desk, &server);
    desk.ok(&["lock"]);
    assert_eq!(versions(&desk), ["4.1.6", "1.58.0"]);
    let lock = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    for line in [
        "created = \"2026-02-09T08:00:00Z\"\ncreated-from = \"referrer\"\n",
        "requires = [\"db ^4.1\"]\ndeclared = [\"db ^4.1\"]\nconflicts = [\"db =4.1.7\"]\n",
    ] {
        assert!(lock.contains(line), "{lock}");
    }
    let why = desk.ok(&["why", "db"]);
    assert!(why.contains("  needed: by query, ^4.1  (declared by its publisher)\n"), "{why}");
    assert!(why.contains("  needed: by query, other than =4.1.7  (declared by its publisher)\n"), "{why}");
    let why = desk.ok(&["why", "query"]);
    assert!(why.contains("  not with: db =4.1.7  (declared by its publisher)\n"), "{why}");
    assert!(why.contains("  made:   2026-02-09T08:00:00Z, says its package descriptor\n"), "{why}");
    assert_eq!(desk.json(&["why", "db"])["needed_by"][0], json!({ "name": "query", "what": "^4.1", "declared": true }));
    let candidates = desk.ok(&["candidates", "db"]);
    assert!(candidates.contains("query needs"), "{candidates}");
    // What was declared of a version that stays goes on to hold.
    assert_eq!(desk.ok(&["update", "db"]), "");
    assert_eq!(versions(&desk), ["4.1.6", "1.58.0"]);
    desk.ok(&["lock", "--locked"]);
}

#[test]
fn an_edge_of_the_project_counts_in_the_place_of_what_the_publisher_says() {
    let (desk, server) = shop();
    needs_an_older_db(&desk, &server);
    project(&desk, &server, "[[edges]]\nif = \"query\"\nrequires = { db = \">=4.1.7\" }\n");
    desk.ok(&["lock"]);
    assert_eq!(versions(&desk), ["5.0.0", "1.58.0"]);
    let why = desk.ok(&["why", "db"]);
    assert!(why.contains("  needed: by query, >=4.1.7\n"), "{why}");
}

#[test]
fn annotations_stand_for_a_descriptor() {
    let (desk, server) = (Desk::new(), Server::new());
    publish(&desk, &server, "shop/db", &[release("2026-01-01", &["4.1.6"]), release("2026-01-03", &["5.0.0"])]);
    publish(&desk, &server, "shop/query", &[release("2026-01-10", &["1.57.0"])]);
    let needs = format!("vnd.supercargo.requires={} ^4", server.at("shop/db"));
    desk.write("x", "x");
    desk.ok(&["push", "x", &server.at("shop/query:1.58.0"), "--annotation", &needs, "--type", "application/x"]);
    project(&desk, &server, "");
    desk.ok(&["lock"]);
    assert_eq!(versions(&desk), ["4.1.6", "1.58.0"]);
    let sheet = desk.ok(&["inspect", &server.at("shop/query:1.58.0")]);
    assert!(sheet.lines().any(|line| line.starts_with("requires ") && line.contains("annotation")), "{sheet}");
}

#[test]
fn a_contradiction_is_explained_with_what_the_publisher_declares() {
    let (desk, server) = shop();
    needs_an_older_db(&desk, &server);
    let host = server.host();
    desk.write(
        "Supercargo.toml",
        &format!(
            "[images]\nquery = {{ repo = \"{host}/shop/query\", version = \"^1.58\" }}\ndb = {{ repo = \"{host}/shop/db\", version = \"^5\" }}\n"
        ),
    );
    let said = desk.fails(&["lock"], 3);
    insta::assert_snapshot!(said.replace(&host, "registry.example"), @r#"
    error: no solution for `query`
     --> Supercargo.toml:2:58
      |
    2 | query = { repo = "registry.example/shop/query", version = "^1.58" }
      |                                                          ^^^^^^^ query ^1.58 is required
       = query needs db ^4.1
       = db is limited to ^5 (Supercargo.toml:3)
    help: supercargo candidates query
    "#);
}

#[test]
fn a_need_for_what_the_project_does_not_have_is_a_warning() {
    let (desk, server) = shop();
    let cache = json!({ "requires": [
        { "repository": "registry.example/shop/cache", "requirement": ">=7" },
        { "repository": "registry.example/shop/tracer", "platform": "linux/riscv64" },
    ] });
    describe(&desk, &server, "1.58.0", &cache);
    project(&desk, &server, "[project]\nplatforms = [\"linux/amd64\"]\n");
    let outcome = desk.run(&["lock"]);
    assert_eq!(outcome.code, 0);
    let expected = "warning: `query` 1.58.0 needs registry.example/shop/cache >=7, which is not part of the project\n";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("tracer"), "{}", outcome.stderr);
    assert_eq!(versions(&desk), ["5.0.0", "1.58.0"]);
}

#[test]
fn a_descriptor_that_cannot_be_read_is_refused_where_it_is_attached() {
    let (desk, server) = shop();
    let query = server.at("shop/query:1.58.0");
    desk.write(
        "package.json",
        "{\n  \"schema\": \"supercargo.package.v1\",\n  \"requires\": [{ \"repository\": \"db\" }]\n}\n",
    );
    insta::assert_snapshot!(desk.fails(&["attach", &query, "--type", TYPE, "package.json"], 2), @r#"
    error: package descriptor: `db` does not say which registry it is in at line 3 column 37
     --> package.json:3:37
      |
    3 |   "requires": [{ "repository": "db" }]
    "#);
    desk.write(
        "package.json",
        "{\"schema\":\"supercargo.package.v1\",\"requires\":[{\"repository\":\"registry.example/db\",\"requirement\":\"^\"}]}",
    );
    insta::assert_snapshot!(desk.fails(&["attach", &query, "--type", TYPE, "package.json"], 2), @r#"
    error: package descriptor: the requirement `^` on registry.example/db: `^` compares with nothing; a version belongs after it
      --> package.json
    "#);
    let said = desk.fails(&["attach", &query, "--type", TYPE, "package.json", "package.json"], 2);
    assert!(said.contains("a package descriptor is one file, not 2"), "{said}");
    desk.fails(&["attach", &query, "--type", TYPE, "absent.json"], 9);
    assert_eq!(desk.json(&["inspect", &query])["package"], json!(null));
}

#[test]
fn one_that_was_attached_by_others_and_cannot_be_read_is_a_warning() {
    let (desk, server) = shop();
    // Another tool does not look at what it attaches: made here under another type, and renamed.
    desk.write("package.json", "{\"schema\":\"supercargo.package.v9\"}");
    let query = server.at("shop/query:1.58.0");
    desk.ok(&["attach", &query, "--type", "application/vnd.supercargo.package.v0+json", "package.json"]);
    let described = desk.json(&["inspect", &query]);
    assert_eq!(described["package"], json!(null), "another type is another thing");
}

#[test]
fn inspect_shows_what_the_publisher_says() {
    let (desk, server) = shop();
    needs_an_older_db(&desk, &server);
    let query = server.at("shop/query:1.58.0");
    let sheet = desk.ok(&["inspect", &query]);
    let has = |name: &str, value: &str| {
        let found = sheet
            .lines()
            .any(|line| line.starts_with(&format!("{name} ")) && line.contains(" artifact ") && line.ends_with(value));
        assert!(found, "{name}: {sheet}");
    };
    has("title", "shop query");
    has("licenses", "Apache-2.0");
    has("created", "2026-02-09T08:00:00Z");
    has("requires", &format!("{} ^4.1", server.at("shop/db")));
    has("conflicts", &format!("{} =4.1.7", server.at("shop/db")));
    let document = desk.json(&["inspect", &query]);
    assert_eq!(document["package"]["requires"], json!([{ "repository": server.at("shop/db"), "requirement": "^4.1" }]));
    let version = document["identity"].as_array().unwrap().iter().find(|fact| fact["name"] == "version").unwrap();
    assert_eq!(version["evidence"], "artifact");
}

#[test]
fn an_image_that_another_one_of_the_project_takes_the_place_of_is_superseded() {
    let (desk, server) = shop();
    desk.ok(&["lock"]);
    describe(&desk, &server, "1.58.0", &json!({ "supersedes": server.at("shop/db") }));
    let superseded = format!("superseded by {} 1.58.0", server.at("shop/query"));
    let db = |document: &serde_json::Value| document["images"][0].clone();
    let outdated = db(&desk.json(&["outdated"]));
    assert_eq!((&outdated["name"], &outdated["notes"]), (&json!("db"), &json!([superseded])));
    assert_eq!(outdated["reasons"], json!(["superseded"]));
    assert_eq!(desk.run(&["outdated", "--exit-code"]).code, 1);
    let candidates = desk.json(&["candidates", "db"]);
    assert_eq!(candidates["candidates"][0]["reason"], format!("highest, {superseded}"));
    assert_eq!(desk.json(&["candidates", "query"])["candidates"][0]["reason"], "highest");
    let updated = desk.run(&["update"]);
    assert!(updated.stderr.contains(&format!("warning: `db` 5.0.0 is {superseded}")), "{}", updated.stderr);
    // What its own publisher says comes first.
    desk.ok(&["mark", &server.at("shop/db:5.0.0"), "--superseded-by", "registry.example/store:2"]);
    assert_eq!(db(&desk.json(&["outdated"]))["notes"], json!(["superseded by registry.example/store:2"]));
    let shown = desk.json(&["inspect", &server.at("shop/query:1.58.0")]);
    assert_eq!(shown["package"]["supersedes"], server.at("shop/db"));
}

#[test]
fn versions_that_do_not_go_with_each_other_are_refused_with_a_reason() {
    let (desk, server) = shop();
    describe(&desk, &server, "1.58.0", &json!({ "conflicts": [{ "repository": server.at("shop/db") }] }));
    let said = desk.fails(&["lock"], 3);
    assert!(said.contains("   = query excludes all 3 versions of db\n"), "{said}");
    // Where some are left, they are taken.
    let (desk, server) = shop();
    let conflict = json!({ "repository": server.at("shop/db"), "requirement": ">=4.1.7" });
    describe(&desk, &server, "1.58.0", &json!({ "conflicts": [conflict] }));
    desk.ok(&["lock"]);
    assert_eq!(versions(&desk), ["4.1.6", "1.58.0"]);
}

#[test]
fn an_image_that_provides_what_another_one_needs_is_taken_for_it() {
    let said = |provides: serde_json::Value| {
        let (desk, server) = shop();
        let sql = "registry.example/sql";
        describe(&desk, &server, "1.58.0", &json!({ "requires": [{ "repository": sql, "requirement": "^5" }] }));
        let mut package = json!({ "schema": "supercargo.package.v1" });
        package["provides"] = json!([provides]);
        desk.write("package.json", &package.to_string());
        desk.ok(&["attach", &server.at("shop/db:5.0.0"), "--type", TYPE, "package.json"]);
        desk.run(&["lock"]).stderr
    };
    let warning = "warning: `query` 1.58.0 needs registry.example/sql ^5, ";
    let own = said(json!({ "repository": "registry.example/sql" }));
    assert!(!own.contains("warning"), "{own}");
    let stated = said(json!({ "repository": "registry.example/sql", "requirement": "=5.7.1" }));
    assert!(!stated.contains("warning"), "{stated}");
    let other = said(json!({ "repository": "registry.example/sql", "requirement": "=4.0" }));
    assert!(other.contains(&format!("{warning}and `db` stands in for 4.0 of it\n")), "{other}");
    for none in [
        json!({ "repository": "registry.example/sql", "requirement": "^5" }),
        json!({ "repository": "registry.example/nosql" }),
    ] {
        let none = said(none);
        assert!(none.contains(&format!("{warning}which is not part of the project\n")), "{none}");
    }
}

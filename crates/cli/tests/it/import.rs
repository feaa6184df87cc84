//! `init --from`: a project of the references in other people's files.

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

fn read(desk: &Desk, name: &str) -> String {
    std::fs::read_to_string(desk.path(name)).unwrap()
}

/// Returns a desk and a registry with the repositories `python` and `db`.
fn published() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let python = [
        release("2025-01-10", &["3.12.1", "3.12.1-slim", "3.12", "3.12-slim"]),
        release("2025-02-10", &["3.13.0", "3.13.0-slim", "3.13", "3.13-slim", "3", "latest"]),
    ];
    publish(&desk, &server, "python", &python);
    publish(&desk, &server, "db", &[release("2025-01-01", &["15.1.0"]), release("2025-01-02", &["16.0.1", "16.0.2"])]);
    (desk, server)
}

/// Returns output with what is different in every run taken out.
fn stable(text: &str, server: &Server) -> String {
    let mut rest = text;
    let mut shown = String::new();
    while let Some((before, after)) = rest.split_once("sha256:") {
        shown.push_str(before);
        shown.push_str("sha256:…");
        rest = after.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
    }
    let shown = (shown + rest).replace(&server.host(), "HOST");
    let is_hex = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = shown.split('"').filter(is_hex).map(str::to_owned).collect::<Vec<_>>();
    words.iter().fold(shown, |shown, hex| shown.replace(hex, "…"))
}

#[test]
fn a_compose_file_becomes_a_project_and_is_rewritten() {
    let (desk, server) = published();
    let compose = format!(
        "# ours\nservices:\n  web:\n    image: {0}/python:3.12-slim # pinned\n  job:\n    image: \"{0}/python:3.13.0\"\n  \
         old:\n    image: {0}/db:15.1.0\n  db:\n    image: {0}/db:16.0.1\n  mine:\n    image: {0}/built-here:dev\n  \
         any:\n    image: ${{IMAGE}}\n",
        server.host()
    );
    desk.write("compose.yaml", &compose);
    let made = desk.run(&["init", "--from", "compose.yaml", "--name", "shop"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let table: Vec<String> = made.stdout.lines().map(words).collect();
    insta::assert_snapshot!(stable(&table.join("\n"), &server), @r#"
    Supercargo.toml
    IMAGE REPOSITORY WANTED VARIANT LOCKED
    db HOST/db ^15.1.0 - 15.1.0
    db-16 HOST/db ^16.0.1 - 16.0.2
    python HOST/python ^3.13.0 - 3.13.0
    python-slim HOST/python ~3.12 slim 3.12.1-slim
    "#);
    insta::assert_snapshot!(stable(&made.stderr, &server), @r#"
    note: left out: compose.yaml:12:12 `HOST/built-here:dev`: HOST/built-here has no tags
    note: left out: compose.yaml:14:12 `${IMAGE}`: a variable decides what stands here
    note: 4 images of 1 file.   run: supercargo rewrite
    "#);
    insta::assert_snapshot!(stable(&read(&desk, "Supercargo.toml"), &server), @r#"
    [project]
    name = "shop"

    [images]
    db = { repo = "HOST/db", version = "^15.1.0" }
    db-16 = { repo = "HOST/db", version = "^16.0.1" }
    python = { repo = "HOST/python", version = "^3.13.0" }
    python-slim = { repo = "HOST/python", version = "~3.12", variant = "slim" }

    [[targets]]
    kind = "compose"
    paths = ["compose.yaml"]
    "#);
    desk.ok(&["lock", "--check"]);
    assert_eq!(desk.run(&["rewrite", "--check"]).code, 1);
    desk.ok(&["rewrite"]);
    insta::assert_snapshot!(stable(&read(&desk, "compose.yaml"), &server), @r#"
    # ours
    services:
      web:
        image: HOST/python:3.12.1-slim@sha256:… # pinned
      job:
        image: "HOST/python:3.13.0@sha256:…"
      old:
        image: HOST/db:15.1.0@sha256:…
      db:
        image: HOST/db:16.0.2@sha256:…
      mine:
        image: HOST/built-here:dev
      any:
        image: ${IMAGE}
    "#);
    assert_eq!(desk.run(&["rewrite", "--check"]).code, 0);
    desk.ok(&["rewrite", "--undo"]);
    assert_eq!(read(&desk, "compose.yaml"), compose);
    desk.fails(&["init", "--from", "compose.yaml"], 2);
}

#[test]
fn a_directory_is_searched_for_files_of_every_kind() {
    let (desk, server) = published();
    let host = server.host();
    std::fs::create_dir_all(desk.path("src/deploy/[x]")).unwrap();
    std::fs::create_dir_all(desk.path("src/.git")).unwrap();
    desk.write("src/Dockerfile", &format!("FROM {host}/python:3.13.0-slim\nFROM scratch\n"));
    desk.write("src/.git/Dockerfile", "FROM registry.example/never:1\n");
    desk.write("src/notes.txt", "image: registry.example/never:1\n");
    desk.write(
        "src/deploy/[x]/pod.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {host}/db\n  - image: {host}/python:latest\n"
        ),
    );
    desk.write("src/values.yaml", &format!("image:\n  repository: {host}/db\n  tag: 15.1.0\n"));
    let made = desk.json(&["init", "--from", "src", "--no-lock"]);
    assert_eq!(made["targets"], serde_json::json!(["src/Dockerfile", "src/deploy/[x]/pod.yaml", "src/values.yaml"]));
    insta::assert_snapshot!(stable(read(&desk, "Supercargo.toml").split_once("\n\n").unwrap().1, &server), @r#"
    [images]
    db = { repo = "HOST/db", version = "^15.1.0" }
    db-16 = { repo = "HOST/db", version = "^16.0" }
    python = { repo = "HOST/python", version = "^3.13" }
    python-slim = { repo = "HOST/python", version = "^3.13.0", variant = "slim" }

    [[targets]]
    kind = "kubernetes"
    paths = ["src/deploy/[[]x]/pod.yaml"]
    map = { "spec.containers[0].image" = "db-16", "spec.containers[1].image" = "python" }

    [[targets]]
    kind = "helm-values"
    paths = ["src/values.yaml"]

    [[targets]]
    kind = "dockerfile"
    paths = ["src/Dockerfile"]
    "#);
    assert!(!desk.path("Supercargo.lock").exists());
    desk.ok(&["lock"]);
    desk.ok(&["rewrite"]);
    assert_eq!(desk.ok(&["rewrite", "--check"]), "");
    let pod = read(&desk, "src/deploy/[x]/pod.yaml");
    assert!(pod.contains(&format!("{host}/db:16.0.2@sha256:")), "{pod}");
    let values = read(&desk, "src/values.yaml");
    assert!(values.contains("tag: 15.1.0@sha256:"), "{values}");
}

/// Returns the images that are proposed for a file, as name, version, variant and locked tag.
fn proposed(desk: &Desk, name: &str, content: &str) -> Vec<[String; 4]> {
    desk.write(name, content);
    let made = desk.json(&["init", "--from", name]);
    for file in ["Supercargo.toml", "Supercargo.lock"] {
        std::fs::remove_file(desk.path(file)).unwrap();
    }
    let images = made["proposed"].as_array().unwrap().iter();
    let field = |image: &serde_json::Value, key: &str| image[key].as_str().unwrap_or("-").to_owned();
    images.map(|image| ["name", "version", "variant", "locked"].map(|key| field(image, key))).collect()
}

fn digest_of(desk: &Desk, reference: &str) -> String {
    let sheet = desk.json(&["inspect", reference]);
    sheet["reference"].as_str().unwrap().split_once('@').unwrap().1.to_owned()
}

#[test]
fn lists_of_other_tools_become_projects_at_the_versions_that_they_lock() {
    let (desk, server) = published();
    let host = server.host();
    let (python, db) = (server.at("python"), server.at("db"));
    let old = digest_of(&desk, &format!("{python}:3.12.1"));
    let first = digest_of(&desk, &format!("{db}:16.0.1"));
    let locked = [["db", "^16.0.1", "-", "16.0.1"], ["python", "^3.12.1", "-", "3.12.1"]];

    let imgpkg = format!(
        "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- annotations:\n    kbld.carvel.dev/id: {python}:3.12.1\n    \
         kbld.carvel.dev/origins: |\n      - resolved:\n          tag: 3.12.1\n          url: {python}:3.12.1\n  \
         image: {python}@{old}\n- image: {db}@{first}\nkind: ImagesLock\n"
    );
    let db_by_digest = proposed(&desk, "images.yml", &imgpkg);
    assert_eq!(db_by_digest, [["db", "^16.0.2", "-", "16.0.2"], locked[1]]);

    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let docker_lock = format!(
        "{{\n\t\"composefiles\": {{\n\t\t\"docker-compose.yml\": [\n\t\t\t{{\n\t\t\t\t\"name\": \"{db}\",\n\t\t\t\t\"tag\": \"16.0.1\",\n\t\t\t\t\
         \"digest\": \"{}\",\n\t\t\t\t\"service\": \"db\"\n\t\t\t}}\n\t\t]\n\t}},\n\t\"dockerfiles\": {{\n\t\t\"Dockerfile\": [\n\t\t\t{{\n\t\t\t\t\
         \"name\": \"{python}\",\n\t\t\t\t\"tag\": \"3.12.1\",\n\t\t\t\t\"digest\": \"{}\"\n\t\t\t}}\n\t\t]\n\t}}\n}}\n",
        hex(&first),
        hex(&old)
    );
    assert_eq!(proposed(&desk, "docker-lock.json", &docker_lock), locked);

    let compose =
        format!("services:\n  db:\n    image: {db}:16.0.1@{first}\n  web:\n    image: {python}:3.12.1@{old}\n");
    assert_eq!(proposed(&desk, "compose.lock.yaml", &compose), locked);

    let regsync = format!(
        "version: 1\ncreds:\n  - registry: {host}\n    tls: disabled\nsync:\n  - source: {python}:3.12.1-slim\n    \
         target: registry.example/python:3.12.1-slim\n    type: image\n  - source: {db}\n    target: registry.example/db\n    \
         type: repository\n    tags:\n      semverRange:\n        - \">=15.0.0 <16.0.0\"\n      deny:\n        - \".*-rc.*\"\n"
    );
    assert_eq!(
        proposed(&desk, "regsync.yml", &regsync),
        [["db", ">=15.0.0, <16.0.0", "-", "15.1.0"], ["python", "^3.12.1", "slim", "3.13.0-slim"]]
    );

    let skopeo = format!(
        "{host}:\n    tls-verify: false\n    images:\n        python:\n            - \"3.12.1\"\n            - \"{}\"\n    \
         images-by-semver:\n        db: \">= 15.0.0\"\n",
        digest_of(&desk, &format!("{python}:3.13.0"))
    );
    assert_eq!(
        proposed(&desk, "skopeo.yml", &skopeo),
        [["db", ">=15.0.0", "-", "16.0.2"], ["python", "^3.12.1", "-", "3.13.0"]]
    );
}

#[test]
fn an_entry_that_cannot_be_read_keeps_nobody_from_the_others() {
    let (desk, server) = published();
    let host = server.host();
    let template = "  - {source: '{{env \"X\"}}/python:3', target: registry.example/python, type: image}\n";
    let db = format!("  - {{source: '{host}/db:16.0.1', target: registry.example/db, type: image}}\n");
    desk.write("regsync.yml", &format!("version: 1\nsync:\n{template}{db}{template}"));
    let outcome = desk.run(&["init", "--from", "regsync.yml"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("^16.0.1"), "{}", outcome.stdout);
    insta::assert_snapshot!(stable(&outcome.stderr, &server), @r#"
    warning: left out: regsync.yml:3:14: `{{env "X"}}/python:3` cannot be read: a template decides what stands here
    warning: left out: regsync.yml:5:14: `{{env "X"}}/python:3` cannot be read: a template decides what stands here
    note: 1 image of 0 files.   run: supercargo rewrite
    error: 2 of the entries could not be read, and the result is without them
    "#);
    desk.ok(&["lock", "--check"]);
    std::fs::remove_file(desk.path("Supercargo.toml")).unwrap();
    let outcome = desk.run(&["init", "--from", "regsync.yml", "--dry-run", "--format", "json"]);
    assert_eq!(outcome.code, 7);
    assert_eq!(crate::desk::document(&outcome.stdout)["warnings"].as_array().unwrap().len(), 2, "{}", outcome.stdout);

    let skopeo = format!("{host}:\n  images:\n    db: ['-']\n    python: [3.12.1]\n-x:\n  images: {{a: []}}\n");
    desk.write("skopeo.yaml", &skopeo);
    let outcome = desk.run(&["init", "--from", "skopeo.yaml", "--dry-run", "--no-lock"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    insta::assert_snapshot!(stable(&outcome.stderr, &server), @r"
    warning: left out: skopeo.yaml:3:10: `-` is not a tag: use up to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`
    warning: left out: skopeo.yaml:5:1: `-x` is not a host: write HOST or HOST:PORT
    note: 1 image of 0 files; nothing was written
    error: 2 of the entries could not be read, and the result is without them
    ");

    desk.write("regsync.yml", &format!("version: 1\nsync:\n{template}"));
    insta::assert_snapshot!(desk.fails(&["init", "--from", "regsync.yml"], 2), @r#"
    error: nothing in these files can be read: regsync.yml:3:14: `{{env "X"}}/python:3` cannot be read: a template decides what stands here
    help: supercargo init --from compose.yaml
    "#);
    assert!(!desk.path("Supercargo.toml").exists());
}

#[test]
fn files_that_make_no_project_say_why() {
    let desk = Desk::new();
    desk.write("notes.txt", "nothing\n");
    insta::assert_snapshot!(desk.fails(&["init", "--from", "notes.txt"], 2), @r#"
    error: notes.txt is of no kind that is known: kubernetes, compose, helm-values, kustomize, dockerfile, bake, devcontainer
    help: supercargo init --from compose.yaml
    "#);
    desk.write("compose.yaml", "services:\n  a:\n    image: ${X}\n");
    insta::assert_snapshot!(desk.fails(&["init", "--from", "compose.yaml"], 2), @r#"
    error: no reference in these files makes an image: compose.yaml:3:12 `${X}`: a variable decides what stands here
    help: supercargo init --from compose.yaml
    "#);
    desk.write("compose.yaml", "services:\n  a: [\n");
    insta::assert_snapshot!(desk.fails(&["init", "--from", "compose.yaml"], 2), @r#"
    error: compose.yaml cannot be read: line 2, column 6: unclosed bracket '['
    help: supercargo init --from compose.yaml
    "#);
    desk.fails(&["init", "--from", "absent.yaml"], 9);
    assert!(!desk.path("Supercargo.toml").exists());
}

#[test]
fn every_list_that_is_exported_is_imported_again() {
    let (desk, server) = published();
    let host = server.host();
    let compose = format!(
        "services:\n  web:\n    image: {host}/python:3.12.1-slim\n  db:\n    image: {host}/db:15.1.0\n  \"d.b\":\n    image: {host}/db:16.0.1\n"
    );
    desk.write("compose.yaml", &compose);
    desk.write("Dockerfile", &format!("FROM {host}/python:3.12.1-slim\n"));
    desk.ok(&["init", "--from", "compose.yaml", "Dockerfile", "--name", "shop"]);
    let lock = read(&desk, "Supercargo.lock");
    for (tool, file) in [("imgpkg", "images.yml"), ("docker-lock", "docker-lock.json"), ("compose", "override.yaml")] {
        let text = desk.ok(&["export", "--as", tool]);
        assert_eq!(desk.ok(&["export", "--as", tool, "--output", file]), format!("{file}\n"));
        assert_eq!(read(&desk, file), text);
        assert_eq!(desk.json(&["export", "--as", tool])["content"], text);
        desk.write(&format!("golden-{tool}"), &stable(&text, &server));
        let name = if tool == "compose" { "compose.override.yaml" } else { file };
        std::fs::create_dir_all(desk.path(tool)).unwrap();
        std::fs::copy(desk.path(file), desk.path(tool).join(name)).unwrap();
        let made = desk.run(&["-C", tool, "init", "--from", name]);
        assert_eq!((made.code, made.stderr.contains("warning")), (0, false), "{tool}: {}", made.stderr);
        let image = |lock: &str| -> Vec<String> {
            let told = ["repo = ", "version = ", "tag = ", "digest = "];
            let images = lock.split("[[image]]").skip(1).map(|image| {
                image
                    .lines()
                    .take_while(|line| !line.is_empty())
                    .filter(|line| told.iter().any(|key| line.starts_with(key)))
                    .collect::<Vec<_>>()
                    .join("\n")
            });
            let mut images: Vec<String> = images.collect();
            images.sort();
            images
        };
        let again = read(&desk, &format!("{tool}/Supercargo.lock"));
        assert_eq!(image(&again), image(&lock), "{tool}");
    }
    insta::assert_snapshot!(read(&desk, "golden-imgpkg"), @r#"
    ---
    apiVersion: imgpkg.carvel.dev/v1alpha1
    images:
    - annotations:
        "kbld.carvel.dev/id": "HOST/db:15.1.0"
      image: "HOST/db@sha256:…"
    - annotations:
        "kbld.carvel.dev/id": "HOST/db:16.0.2"
      image: "HOST/db@sha256:…"
    - annotations:
        "kbld.carvel.dev/id": "HOST/python:3.13.0-slim"
      image: "HOST/python@sha256:…"
    kind: ImagesLock
    "#);
    insta::assert_snapshot!(read(&desk, "golden-docker-lock"), @r#"
    {
    	"composefiles": {
    		"compose.yaml": [
    			{
    				"name": "HOST/python",
    				"tag": "3.13.0-slim",
    				"digest": "…",
    				"service": "web"
    			},
    			{
    				"name": "HOST/db",
    				"tag": "15.1.0",
    				"digest": "…",
    				"service": "db"
    			},
    			{
    				"name": "HOST/db",
    				"tag": "16.0.2",
    				"digest": "…",
    				"service": "d.b"
    			}
    		]
    	},
    	"dockerfiles": {
    		"Dockerfile": [
    			{
    				"name": "HOST/python",
    				"tag": "3.13.0-slim",
    				"digest": "…"
    			}
    		]
    	}
    }
    "#);
    insta::assert_snapshot!(read(&desk, "golden-compose"), @r#"
    services:
      "d.b":
        image: "HOST/db:16.0.2@sha256:…"
      "db":
        image: "HOST/db:15.1.0@sha256:…"
      "web":
        image: "HOST/python:3.13.0-slim@sha256:…"
    "#);
    desk.write("compose.yaml", "services: {}\n");
    insta::assert_snapshot!(desk.fails(&["export", "--as", "compose"], 2), @r#"
    error: no file of the project's targets names an image that has a place in this list
    help: supercargo export --as imgpkg
    "#);
}
